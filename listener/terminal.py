"""How the terminal reaches what it works on, and how it speaks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from config.errors import WarmlineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.settings import Settings
    from connectors.registry import Connectors

T = TypeVar("T")


def now() -> datetime:
    """The time, aware and in UTC."""
    return datetime.now(UTC)


@contextmanager
def in_words() -> Iterator[None]:
    """Says what went wrong in words, never as a traceback, and ends with status 1."""
    try:
        yield
    except WarmlineError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as interrupt:
        raise typer.Exit(130) from interrupt
    except BrokenPipeError as broken:  # the reader of a pipe has seen enough
        sys.stderr.close()
        raise typer.Exit(0) from broken


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` to its end."""
    with in_words():
        return asyncio.run(work)
    raise AssertionError  # `in_words` never goes on after an error


def settings_of(path: Path | None) -> tuple[Settings, Connectors]:
    """The configuration at `path` (None: the usual places)."""
    from connectors.registry import installed
    from listener import configuration

    connectors = installed()
    return configuration.read(path, connectors), connectors


async def ask(path: Path | None, operation: str, arguments: Mapping[str, Any]) -> Any:
    """Has the running daemon do an operation, or does it here where none runs."""
    from listener import control

    settings, connectors = settings_of(path)
    try:
        return await control.ask(settings.directory, operation, arguments)
    except ConnectionError:
        return await _alone(settings, connectors, operation, arguments)


async def _alone(settings: Settings, connectors: Connectors, operation: str, arguments: Mapping[str, Any]) -> Any:
    from listener.household import Household
    from listener.operations import Operations
    from listener.poll import poll
    from storage.lock import DataLock

    with DataLock(settings.directory):
        async with Household(settings, connectors, now) as household:

            async def poll_here(source_id: int) -> Any:
                listening = household.listening[source_id]
                return await poll(listening, household.store, household.understanding, now)

            return await Operations(household, poll_here).answer(operation, arguments)
