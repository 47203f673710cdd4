"""What stands beside the tables: the search index, and the lock on the audit trail.

Put in place again after every migration: SQLite drops a table's triggers
without a word when a migration rebuilds the table.
"""

from __future__ import annotations

from sqlalchemy import Connection

_SQLITE = (
    """
    create virtual table if not exists mention_search using fts5(
        title, text, content='mention', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
    )
    """,
    # Small merges while writing keep the longest write short; erased words leave the index at once.
    "insert into mention_search(mention_search, rank) values ('automerge', 8)",
    "insert into mention_search(mention_search, rank) values ('crisismerge', 32)",
    "insert into mention_search(mention_search, rank) values ('secure-delete', 1)",
    "drop trigger if exists mention_search_insert",
    """
    create trigger mention_search_insert after insert on mention begin
        insert into mention_search(rowid, title, text) values (new.id, new.title, new.text);
    end
    """,
    "drop trigger if exists mention_search_delete",
    """
    create trigger mention_search_delete after delete on mention begin
        insert into mention_search(mention_search, rowid, title, text)
            values ('delete', old.id, old.title, old.text);
    end
    """,
    "drop trigger if exists mention_search_update",
    """
    create trigger mention_search_update after update of title, text on mention begin
        insert into mention_search(mention_search, rowid, title, text)
            values ('delete', old.id, old.title, old.text);
        insert into mention_search(rowid, title, text) values (new.id, new.title, new.text);
    end
    """,
    "drop trigger if exists audit_no_update",
    """
    create trigger audit_no_update before update on audit begin
        select raise(abort, 'the audit trail is append-only');
    end
    """,
    "drop trigger if exists audit_no_delete",
    """
    create trigger audit_no_delete before delete on audit begin
        select raise(abort, 'the audit trail is append-only');
    end
    """,
)

_POSTGRESQL = (
    # Words without their accents, and an address as the words that it is made of, as SQLite has them.
    r"""
    alter table mention add column if not exists searchable tsvector generated always as (
        to_tsvector('simple', translate(
            regexp_replace(normalize(title || ' ' || text, NFKD), '[\u0300-\u036f]', '', 'g'), './:@-', '     '
        ))
    ) stored
    """,
    "create index if not exists ix_mention_searchable on mention using gin (searchable)",
    """
    create or replace function audit_is_append_only() returns trigger language plpgsql as $$
        begin raise exception 'the audit trail is append-only'; end
    $$
    """,
    "drop trigger if exists audit_no_change on audit",
    """
    create trigger audit_no_change before update or delete on audit
        for each row execute function audit_is_append_only()
    """,
)


def put(connection: Connection) -> None:
    """Puts everything in place; what is there already stays as it is."""
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.exec_driver_sql(statement)
