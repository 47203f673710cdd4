"""The tables' history: from nothing, again, from before, and from a future we do not know."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

from storage import Store, drafts, mentions, migrations
from storage.engines import migrating_engine
from storage.errors import StorageError, StoreTooNew
from storage.migrations.triggers import put
from storage.models import Record
from storage.search import search
from tests.builders import NOW, Clock, Shop, keep_mentions, keep_source, mention_row, opened, sqlite_at

HEAD = migrations.HEAD
AFTER = f"{int(HEAD) + 1:04}"
NEXT = f"""
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "{AFTER}", "{HEAD}", None, None
def upgrade():
    with op.batch_alter_table("mention") as batch:
        batch.alter_column("title", existing_type=sa.String(), nullable=True)  # SQLite rebuilds the table for that
"""
LOSES_ROWS = NEXT.replace("with op", 'op.execute("delete from mention")\n    with op')


async def run(address: str, work: Any) -> Any:
    engine = create_async_engine(address)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def later(monkeypatch: pytest.MonkeyPatch, folder: Path, source: str) -> None:
    """Makes this version know one revision more."""
    here = folder / "migrations"
    shutil.copytree(migrations._HERE, here)
    (here / "versions" / f"{AFTER}_moods.py").write_text(source)
    monkeypatch.setattr(migrations, "_HERE", here)
    monkeypatch.setattr(migrations, "REVISIONS", (*migrations.REVISIONS, AFTER))
    monkeypatch.setattr(migrations, "HEAD", AFTER)


async def test_an_empty_database_gets_every_table(empty_address: str) -> None:
    await migrations.upgrade(empty_address)

    tables = await run(empty_address, lambda connection: set(inspect(connection).get_table_names()))

    assert set(Record.metadata.tables) <= tables


async def test_upgrading_twice_changes_nothing(empty_address: str) -> None:
    first = await migrations.upgrade(empty_address)

    again = await migrations.upgrade(empty_address)

    assert (first, again) == (True, False)


async def test_the_tables_are_those_that_the_records_describe(empty_address: str) -> None:
    await migrations.upgrade(empty_address)

    def check(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(migrations._HERE))
        config.attributes["connection"] = connection
        command.check(config)

    await run(empty_address, check)  # raises with every difference


async def test_a_database_of_a_newer_warmline_is_refused_and_left_alone(empty_address: str) -> None:
    async with opened(empty_address) as store:
        await keep_mentions(store, mention_row(await keep_source(store)))
    await run(empty_address, lambda c: c.execute(text("update alembic_version set version_num = '9999'")) and None)

    with pytest.raises(StoreTooNew) as refused:
        await migrations.upgrade(empty_address)

    kept = await run(
        empty_address,
        lambda c: c.execute(text("select (select count(*) from mention), version_num from alembic_version")).one(),
    )
    assert tuple(kept) == (1, "9999")
    assert "newer Warmline" in refused.value.happened
    assert "9999" in refused.value.happened
    assert refused.value.kept == "Nothing was changed."


async def test_a_sqlite_file_that_holds_something_is_copied_before_an_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = sqlite_at(tmp_path / "warmline.db")
    async with opened(address) as store:
        await keep_mentions(store, mention_row(await keep_source(store)))
    later(monkeypatch, tmp_path, NEXT)

    await migrations.upgrade(address)

    (copy,) = (tmp_path / "backups").iterdir()
    with sqlite3.connect(copy) as before:
        assert before.execute("select count(*) from mention").fetchone() == (1,)
        assert before.execute("select version_num from alembic_version").fetchone() == (HEAD,)
    before.close()


async def test_a_table_that_is_rebuilt_keeps_its_rows_its_children_and_its_triggers(
    empty_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(empty_address) as store:
        await keep_mentions(store, mention_row(await keep_source(store), text="sourdough"))
    before = await run(empty_address, objects)
    later(monkeypatch, tmp_path, NEXT)

    await migrations.upgrade(empty_address)

    counted = await run(
        empty_address,
        lambda c: c.execute(text("select (select count(*) from mention), (select count(*) from author)")).one(),
    )
    assert tuple(counted) == (1, 1)
    assert await run(empty_address, objects) == before


async def test_the_number_of_what_was_erased_is_not_given_again(store: Store) -> None:
    shop, numbers = Shop(store, Clock()), []
    for name in ("first", "second"):
        draft = await shop.draft(author={"external_id": name, "handle": name, "name": name, "url": ""})
        _, mention = await shop.pair(draft)
        numbers.append((draft.id or 0, mention.id or 0, mention.author_id or 0))
        async with store.work() as session:
            await mentions.erase(session, "crumb", [mention.id or 0], NOW)
            await mentions.drop_lonely_authors(session, "crumb")

    first, second = numbers
    assert all(now > before for before, now in zip(first, second, strict=True))


async def test_an_older_file_keeps_its_rows_and_rules_when_its_numbers_become_final(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = sqlite_at(tmp_path / "warmline.db")
    with monkeypatch.context() as back_then:
        back_then.setattr(migrations, "HEAD", "0004")
        async with opened(address) as store:
            draft = await Shop(store, Clock()).draft(text="sourdough")

    async with opened(address) as store, store.read() as session:
        kept = [each.id for each in await drafts.for_mention(session, "crumb", draft.mention_id)]
        found = [each.id for each in await search(session, "crumb", "sourdough")]

    assert (kept, found) == ([draft.id], [draft.mention_id])
    wrong = text("update draft set state = 'nonsense'")
    with pytest.raises(IntegrityError, match="ck_draft_draft_state"):
        await run(address, lambda connection: connection.execute(wrong) and None)


def objects(connection: Connection) -> set[str]:
    """The triggers of the database, by name."""
    if connection.dialect.name == "sqlite":
        return set(connection.execute(text("select name from sqlite_schema where type = 'trigger'")).scalars())
    return set(connection.execute(text("select tgname from pg_trigger where not tgisinternal")).scalars())


async def test_an_upgrade_that_would_lose_rows_is_undone(
    empty_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(empty_address) as store:
        await keep_mentions(store, mention_row(await keep_source(store)))
    later(monkeypatch, tmp_path, LOSES_ROWS)

    with pytest.raises(StorageError, match=r"would have lost rows \(mention\)"):
        await migrations.upgrade(empty_address)

    kept = await run(
        empty_address,
        lambda c: c.execute(text("select (select count(*) from mention), version_num from alembic_version")).one(),
    )
    assert tuple(kept) == (1, HEAD)


async def test_triggers_can_be_put_in_place_again_and_again(empty_address: str) -> None:
    await migrations.upgrade(empty_address)
    before = await run(empty_address, objects)
    engine = migrating_engine(make_url(empty_address))

    async with engine.begin() as connection:
        await connection.run_sync(put)

    await engine.dispose()
    assert await run(empty_address, objects) == before


async def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "warmline.db"
    file.write_bytes(b"this is a shopping list, and no database at all" * 100)

    with pytest.raises(StorageError, match="not a database"):
        await migrations.upgrade(sqlite_at(file))

    assert file.read_bytes().startswith(b"this is a shopping list")


async def test_a_database_server_that_is_not_there_is_told_in_words() -> None:
    with pytest.raises(StorageError, match="could not be opened"):
        await migrations.upgrade("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
