"""A number that once named something is never given again: buttons, links and pages outlive what they are about.

SQLite gives the number of the newest row again once that row is deleted.
PostgreSQL never does, so nothing changes there.
"""

from __future__ import annotations

import re

from alembic import op
from sqlalchemy import Connection

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = ("author", "mention", "draft", "promise", "card")


def upgrade() -> None:
    """Rebuilds the tables whose numbers people see, each as it stands but for its numbering."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    for table in TABLES:
        _rebuild(connection, table)


def _rebuild(connection: Connection, table: str) -> None:
    # Alembic's own way of rebuilding a table drops its CHECK constraints, so its definition is changed as text.
    query = "select type, sql from sqlite_master where tbl_name = ? and type in ('table', 'index') and sql is not null"
    parts = connection.exec_driver_sql(query, (table,)).all()
    (made,) = (sql for kind, sql in parts if kind == "table")
    made = re.sub(rf'^CREATE TABLE "?{table}"?', f'CREATE TABLE "{table}_next"', made)
    made = re.sub(r"\bid INTEGER NOT NULL", "id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL", made, count=1)
    made = re.sub(rf"\s*CONSTRAINT pk_{table} PRIMARY KEY \(id\),", "", made)
    connection.exec_driver_sql(made)
    connection.exec_driver_sql(f'insert into "{table}_next" select * from "{table}"')  # noqa: S608 – our own names
    connection.exec_driver_sql(f'drop table "{table}"')
    connection.exec_driver_sql(f'alter table "{table}_next" rename to "{table}"')
    for sql in (sql for kind, sql in parts if kind == "index"):
        connection.exec_driver_sql(sql)
