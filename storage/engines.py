"""How we reach a database: engines that write, read or migrate, and its faults in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from storage.errors import StorageError
from storage.sqlite import use_sound_sqlite

SQLITE_VERSION = use_sound_sqlite()  # before aiosqlite imports sqlite3

from sqlalchemy import event  # noqa: E402
from sqlalchemy.engine import URL  # noqa: E402
from sqlalchemy.exc import (  # noqa: E402
    DatabaseError,
    DBAPIError,
    IntegrityError,
    PendingRollbackError,
    ProgrammingError,
)
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine  # noqa: E402
from sqlalchemy.pool import NullPool  # noqa: E402

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
