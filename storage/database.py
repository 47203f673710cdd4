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
from typing import Any, Self

from config.settings import Settings
from storage.sqlite import use_sound_sqlite

SQLITE_VERSION = use_sound_sqlite()  # before aiosqlite imports sqlite3

from sqlalchemy import event  # noqa: E402
from sqlalchemy.engine import URL, make_url  # noqa: E402
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine  # noqa: E402
from sqlmodel.ext.asyncio.session import AsyncSession  # noqa: E402

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA cache_size=-65536",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA mmap_size=0",  # a mapped file turned the WAL race into structural damage
    "PRAGMA secure_delete=ON",  # what is erased leaves the file
)


def store_url(settings: Settings) -> str:
    """The database's address, with its password where it needs one."""
    storage = settings.installation.storage
    if storage.url is None:
        return f"sqlite+aiosqlite:///{settings.directory / 'warmline.db'}"
    url = make_url(storage.url).set(drivername="postgresql+asyncpg")
    if storage.password is not None:
        url = url.set(password=storage.password.read())
    return url.render_as_string(hide_password=False)


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
        """
        from storage.migrations import upgrade

        parsed = make_url(url)
        await upgrade(parsed)
        return cls(writing_engine(parsed), reading_engine(parsed))

    async def close(self) -> None:
        """Lets go of all connections; a SQLite file is left without its WAL."""
        await self._readers.dispose()
        await self._writer.dispose()

    @property
    def dialect(self) -> str:
        """The database: sqlite or postgresql."""
        return self._writer.dialect.name

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session that sees one moment and cannot write."""
        async with AsyncSession(self._readers, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def work(self) -> AsyncIterator[AsyncSession]:
        """One unit of work: all of it is durable when the block has ended, or none of it where it raised."""
        async with self._turn:
            group = self._group or self._begin()
            async with group.session.begin_nested():
                yield group.session
            group.session.expunge_all()
        await asyncio.shield(group.committed)
        await self._tell()

    def _begin(self) -> _Group:
        group = self._group = _Group(AsyncSession(self._writer, expire_on_commit=False))
        group.committed = asyncio.create_task(self._commit(group))
        return group

    async def _commit(self, group: _Group) -> None:
        async with self._turn:  # first come, first served: after the works that already wait
            self._group = None
            async with group.session:
                await group.session.commit()

    async def _tell(self) -> None:
        async with self._changed:
            self.version += 1
            self._changed.notify_all()

    async def changes(self, since: int) -> int:
        """Waits until something has been committed after version `since`; gives the version now."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.version > since)
            return self.version


class _Group:
    """Works that share one transaction, each a savepoint in it, and the task that commits them."""

    committed: asyncio.Task[None]

    def __init__(self, session: AsyncSession) -> None:
        self.session = session


def writing_engine(url: URL) -> AsyncEngine:
    """An engine with the one connection that writes."""
    engine = create_async_engine(url, pool_size=1, max_overflow=0)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_writer)
        # The driver's own BEGIN is deferred and lets two read-then-write works lose updates.
        event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def reading_engine(url: URL) -> AsyncEngine:
    """An engine whose connections cannot write."""
    engine = create_async_engine(url, pool_size=4, max_overflow=4)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_reader)
    else:
        engine = engine.execution_options(postgresql_readonly=True)
    return engine


def _prepare_writer(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _prepare_reader(connection: Any, record: Any) -> None:
    for pragma in ("PRAGMA query_only=ON", "PRAGMA busy_timeout=5000", "PRAGMA wal_autocheckpoint=0"):
        connection.execute(pragma)
