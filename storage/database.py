"""The store: one writer, many readers, on SQLite or PostgreSQL.

Everything that changes goes through `Store.work()`. Works run one after the
other on one connection; those that wait their turn share one commit (a group
commit), so sixteen approvals at once cost one disk flush. SQLite runs in WAL
mode with `synchronous=FULL` throughout: losing the commit of a claim could
post a reply twice, and a flush per page of posts costs a millisecond.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

from config.errors import ConfigError
from config.settings import Settings
from storage.errors import StorageError
from storage.sqlite import use_sound_sqlite

SQLITE_VERSION = use_sound_sqlite()  # before aiosqlite imports sqlite3

import sqlalchemy.ext.asyncio  # noqa: E402
import sqlalchemy.orm  # noqa: E402
import sqlmodel.ext.asyncio.session  # noqa: E402
from sqlalchemy import event  # noqa: E402
from sqlalchemy.engine import URL, make_url  # noqa: E402
from sqlalchemy.exc import (  # noqa: E402
    ArgumentError,
    DatabaseError,
    DBAPIError,
    IntegrityError,
    PendingRollbackError,
    ProgrammingError,
)
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine  # noqa: E402
from sqlalchemy.pool import NullPool  # noqa: E402


class _SyncSession(sqlmodel.Session):
    # SQLModel calls `execute` deprecated, but its `exec` gives no plain rows and takes no lists of values.
    execute = sqlalchemy.orm.Session.execute


class Session(sqlmodel.ext.asyncio.session.AsyncSession):
    """One unit of work's way to the database; only `storage` speaks SQL through it."""

    sync_session_class = _SyncSession
    execute = sqlalchemy.ext.asyncio.AsyncSession.execute


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
        from storage.migrations import upgrade

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


@contextmanager
def in_words(happened: str = "The database did not take it") -> Iterator[None]:
    """Says in our words what a database could not do (a full disk, a lost server); our own mistakes stay as they are."""
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise
    except (DBAPIError, PendingRollbackError, OSError) as error:
        raise StorageError(
            f"{happened} ({_why(error)}).",
            "Nothing was half-written.",
            "Check the disk or the database server.",
        ) from error


def _why(error: Exception) -> str:
    """The first reason, without the values that some drivers put into it: they are customers' words."""
    earlier = error.__context__
    while earlier is not None:  # a savepoint that cannot be undone hides what went wrong before
        error = earlier if isinstance(earlier, DBAPIError) else error
        earlier = earlier.__context__
    if isinstance(error, DatabaseError) and error.orig is not None:
        return str(error.orig).partition("\n")[0]
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    cause = error.orig if isinstance(error, DBAPIError) else error
    return type((cause and cause.__cause__) or cause).__name__


class _Group:
    """Works that share one transaction, each a savepoint in it, and the task that commits them."""

    committed: asyncio.Task[None]

    def __init__(self, session: Session) -> None:
        self.session = session


def migrating_engine(url: URL) -> AsyncEngine:
    """An engine for migrations: SQLite would delete the children of a table that is rebuilt, so its keys are off."""
    engine = create_async_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_migration)
        event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


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
        event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    else:
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine


def _prepare_writer(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _prepare_migration(connection: Any, record: Any) -> None:
    _prepare_writer(connection, record)
    connection.execute("PRAGMA foreign_keys=OFF")


def _prepare_reader(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("PRAGMA query_only=ON", "PRAGMA busy_timeout=5000", "PRAGMA wal_autocheckpoint=0"):
        connection.execute(pragma)
