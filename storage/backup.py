"""A copy of everything, made while the daemon runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.engine import make_url

from storage.errors import StorageError
from storage.sqlite import use_sound_sqlite

use_sound_sqlite()

import sqlite3  # noqa: E402


async def backup(url: str, to: Path) -> Mapping[str, int]:
    """Copies the SQLite database at `url` into the new file `to`, and proves that the copy can be read.

    Gives the rows of each table in the copy. Erased pages are not copied.

    Raises:
        StorageError: it is no SQLite database, `to` exists, or the copy is not sound.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise StorageError(
            "A PostgreSQL database is backed up with its own tools.", do="Run pg_dump, or archive its log."
        )
    return await asyncio.to_thread(_copy, Path(parsed.database or ""), to)


def _copy(file: Path, to: Path) -> Mapping[str, int]:
    if to.exists():
        raise StorageError(f"{to} exists already.", "Nothing was written.", "Name a new file.")
    half = to.with_name(to.name + ".half")
    half.unlink(missing_ok=True)
    try:
        source = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        try:
            source.execute("VACUUM INTO ?", (str(half),))
        finally:
            source.close()
        half.chmod(0o600)
        rows = _prove(half)
        os.replace(half, to)  # noqa: PTH105 – atomic: a backup is whole or not there
    except (sqlite3.Error, OSError) as error:
        half.unlink(missing_ok=True)
        raise StorageError(
            f"The backup to {to} failed ({error}).", "The data itself is as it was.", "Check the disk, then try again."
        ) from error
    return rows


def _prove(copy: Path) -> dict[str, int]:
    """Checks a copy and counts its rows."""
    connection = sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)
    try:
        (verdict,) = connection.execute("PRAGMA quick_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"the copy is not sound: {verdict}")
        names = [
            name
            for (name,) in connection.execute("select name from sqlite_schema where type = 'table' order by name")
            if not name.startswith(("sqlite_", "mention_search"))
        ]
        return {name: connection.execute(f'select count(*) from "{name}"').fetchone()[0] for name in names}  # noqa: S608
    finally:
        connection.close()
