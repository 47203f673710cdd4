"""The history of the tables: one, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.engines import in_words, migrating_engine
from storage.errors import StorageError, StoreTooNew

_HERE = Path(__file__).parent
#: Every revision this version knows, oldest first; they are numbered.
REVISIONS = tuple(sorted(path.stem.split("_")[0] for path in (_HERE / "versions").glob("[0-9]*.py")))
HEAD = REVISIONS[-1]


async def upgrade(address: str) -> bool:
    """Brings the database at `address` to this version's tables; False where it was there already.

    A SQLite file that holds something is copied to `backups/` beside it first.

    Raises:
        StoreTooNew: a newer Warmline has written it; nothing was changed.
        StorageError: it cannot be opened, or rows would have been lost; nothing was changed.
    """
    url = make_url(address)
    engine = migrating_engine(url)
    try:
        with in_words("The database could not be opened"):
            return await _upgrade(engine, url)
    finally:
        await engine.dispose()


async def _upgrade(engine: AsyncEngine, url: URL) -> bool:
    async with engine.connect() as connection:
        before = await connection.run_sync(_revision)
        if before == HEAD:
            return False
        if before is not None and before not in REVISIONS:
            raise StoreTooNew(
                f"This data was written by a newer Warmline (its tables are at {before}, this one knows {HEAD}).",
                "Nothing was changed.",
                "Install the newer version again, or restore a backup that fits this one.",
            )
        if before is not None and url.get_backend_name() == "sqlite":
            await connection.run_sync(_set_aside, Path(url.database or ""), before)
    async with engine.begin() as connection:
        await connection.run_sync(_migrate)
    return True


def _revision(connection: Connection) -> str | None:
    """The revision the database is at; None where it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("select version_num from alembic_version")).scalar()


def _set_aside(connection: Connection, file: Path, revision: str) -> None:
    folder = file.parent / "backups"
    folder.mkdir(exist_ok=True)
    copy = folder / f"before-upgrade-from-{revision}-{datetime.now(UTC):%Y%m%dT%H%M%S}.db"
    connection.rollback()  # VACUUM cannot run inside a transaction
    connection.connection.execute("VACUUM INTO ?", (str(copy),))


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    from storage.migrations import triggers

    counted = _count(connection)
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
    triggers.put(connection)
    lost = {table: rows for table, rows in counted.items() if _count(connection).get(table, rows) < rows}
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all() if connection.dialect.name == "sqlite" else []
    if lost or broken:
        raise StorageError(
            f"The upgrade would have lost rows ({', '.join(sorted(lost)) or 'references'}).",
            "Nothing was changed.",
            "Please report this, and keep using the version before.",
        )


def _count(connection: Connection) -> dict[str, int]:
    """The rows of each table of ours that is there."""
    from storage import Record

    there = set(inspect(connection).get_table_names())
    counts = {}
    for table in Record.metadata.sorted_tables:
        if table.name in there:
            counts[table.name] = connection.execute(text(f'select count(*) from "{table.name}"')).scalar() or 0  # noqa: S608
    return counts
