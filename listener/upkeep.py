"""The terminal's work on the database itself."""

from __future__ import annotations

from pathlib import Path

import typer

from listener.terminal import settings_of
from storage.backup import backup as copy
from storage.database import store_url
from storage.lock import DataLock
from storage.migrations import HEAD
from storage.migrations import upgrade as migrate


async def upgrade(path: Path | None) -> None:
    """Brings the tables to this version."""
    settings, _ = settings_of(path)
    with DataLock(settings.directory):
        changed = await migrate(store_url(settings))
    typer.echo(f"The tables are at {HEAD}{'' if changed else ' already'}.")


async def backup(path: Path | None, to: Path) -> None:
    """Copies the database, whether a daemon runs or not."""
    settings, _ = settings_of(path)
    rows = await copy(store_url(settings), to)
    typer.echo(f"{to} holds {rows.get('mention', 0)} mentions and {rows.get('draft', 0)} drafts, and can be read.")
