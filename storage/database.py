"""The store: one writer, many readers, on SQLite or PostgreSQL.

Everything that changes goes through `Store.work()`. Works run one after the
other on one connection; those that wait their turn share one commit (a group
commit), so sixteen approvals at once cost one disk flush. SQLite runs in WAL
mode with `synchronous=FULL` throughout: losing the commit of a claim could
post a reply twice, and a flush per page of posts costs a millisecond.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import sqlalchemy.ext.asyncio
import sqlalchemy.orm
import sqlmodel.ext.asyncio.session
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine

from config.errors import ConfigError
from config.settings import Settings
from storage.engines import in_words, reading_engine, writing_engine
from storage.migrations import upgrade


class _SyncSession(sqlmodel.Session):
    # SQLModel calls `execute` deprecated, but its `exec` gives no plain rows and takes no lists of values.
    execute = sqlalchemy.orm.Session.execute


class Session(sqlmodel.ext.asyncio.session.AsyncSession):
    """One unit of work's way to the database; only `storage` speaks SQL through it."""

    sync_session_class = _SyncSession
    execute = sqlalchemy.ext.asyncio.AsyncSession.execute


def store_url(settings: Settings) -> str:
    """The database's address, with its password where it needs one.

    Raises:
        ConfigError: `[storage] url` is no PostgreSQL address, or its password cannot be read.
    """
    storage = settings.installation.storage
    if storage.url is None:
        return f"sqlite+aiosqlite:///{settings.directory / 'warmline.db'}"
    url = _postgresql(storage.url)
    if storage.password is not None:
        url = url.set(password=storage.password.read())
    return url.render_as_string(hide_password=False)


def _postgresql(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        url = URL.create("unknown")
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigError(
            "storage.url is not the address of a PostgreSQL database.",
            do='Write it like "postgresql://warmline@localhost/warmline", or leave it out to use SQLite.',
        )
    return url.set(drivername="postgresql+asyncpg")


class Store:
    """Our memory. Open it with `await Store.open(url)`, close it with `await store.close()`."""

    def __init__(self, writer: AsyncEngine, readers: AsyncEngine) -> None:
        self._writer = writer
        self._readers = readers
        self._turn = asyncio.Lock()
        self._group: _Group | None = None
        self._changed = asyncio.Condition()
        self.version = 0
        """Counts commits; `changes` waits for the next."""

    @classmethod
    async def open(cls, url: str) -> Self:
        """Opens the store at `url` (`sqlite+aiosqlite:///…` or `postgresql+asyncpg://…`), migrated to this version.

        Raises:
            StoreTooNew: a newer Warmline has written it.
            StorageError: it cannot be opened.
        """
        await upgrade(url)
        parsed = make_url(url)
        return cls(writing_engine(parsed), reading_engine(parsed))

    async def close(self) -> None:
        """Lets go of all connections once everything is committed; a SQLite file is left without its WAL."""
        if self._group is not None:
            await asyncio.wait([self._group.committed])
        async with self._turn:
            await self._readers.dispose()
            await self._writer.dispose()

    @property
    def dialect(self) -> str:
        """The database: sqlite or postgresql."""
        return self._writer.dialect.name

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Session]:
        """A session that sees one moment and cannot write."""
        with in_words():
            async with Session(self._readers, expire_on_commit=False) as session:
                yield session

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Session]:
        """One unit of work: all of it is durable when the block has ended, or none of it where it raised."""
        async with self._turn:
            group = self._group or self._begin()
            try:
                with in_words():
                    async with group.session.begin_nested():
                        yield group.session
            finally:
                group.session.expunge_all()
        await asyncio.shield(group.committed)
        await self._tell()

    def _begin(self) -> _Group:
        group = self._group = _Group(Session(self._writer, expire_on_commit=False))
        group.committed = asyncio.create_task(self._commit(group))
        group.committed.add_done_callback(_take_outcome)
        return group

    async def _commit(self, group: _Group) -> None:
        async with self._turn:  # first come, first served: after the works that already wait
            self._group = None
            with in_words():
                async with group.session:
                    await group.session.commit()

    async def scrub(self) -> None:
        """Leaves nothing of what was erased in the write-ahead log (SQLite; PostgreSQL recycles its own)."""
        while self.dialect == "sqlite":
            async with self._turn:
                if self._group is None:
                    await self._empty_log()
                    return
            await asyncio.wait([self._group.committed])  # it holds the one connection that writes

    async def _empty_log(self) -> None:
        async with self._writer.connect() as connection:
            raw = await connection.get_raw_connection()
            await raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]

    async def _tell(self) -> None:
        async with self._changed:
            self.version += 1
            self._changed.notify_all()

    async def changes(self, since: int) -> int:
        """Waits until something has been committed after version `since`; gives the version now."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.version > since)
            return self.version


def _take_outcome(committed: asyncio.Task[None]) -> None:
    """Works that still wait hear of a failed commit; where all have failed or were cancelled, nobody is left to hear."""
    if not committed.cancelled():
        committed.exception()


class _Group:
    """Works that share one transaction, each a savepoint in it, and the task that commits them."""

    committed: asyncio.Task[None]

    def __init__(self, session: Session) -> None:
        self.session = session
