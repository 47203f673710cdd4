"""`warmline demo`: the recorded week through the real daemon, the real store and the real inbox.

The demo has a clock of its own, which begins on the Monday morning after the
recorded week and then runs as fast as ours; so the week is whole and its
digest is due, on whatever day somebody looks.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import tempfile
import time as stopwatch
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from config.errors import ConfigError
from config.settings import BusinessSettings, Settings
from connectors.registry import installed
from listener import configuration
from listener.daemon import Daemon
from listener.demo import WEEK, lay_out
from listener.digest.sending import compose, write
from listener.digest.week import Week
from listener.household import Household
from listener.logs import start_logging
from listener.poll import poll
from responders.inbox.signing_in import issue_link
from responders.proposing import draft_waiting
from storage import Store, drafts, mentions, sources
from storage.lock import DataLock
from storage.states import DraftState

_NOT_MAILED = "In the demo nothing is mailed; read it here."


class DemoClock:
    """Begins at `start` (aware) and runs at the usual speed."""

    def __init__(self, start: datetime) -> None:
        self._start = start.astimezone(UTC)
        self._began = stopwatch.monotonic()

    def __call__(self) -> datetime:
        """The demo's time (UTC)."""
        return self._start + timedelta(seconds=stopwatch.monotonic() - self._began)


def monday_morning(business: BusinessSettings, today: datetime) -> datetime:
    """This week's Monday, half an hour before the digest is due, in the business's time zone."""
    local = today.astimezone(business.business.zone)
    monday = local.date() - timedelta(days=local.weekday())
    due = datetime.combine(monday, business.digest.at, business.business.zone)
    return due - timedelta(minutes=30)


async def play(port: int) -> None:
    """Plays the week, prints where the inbox is, and keeps running until Ctrl-C.

    Raises:
        ConfigError: no port is free.
    """
    with _laid_out(at_once=False) as (path, settings):
        inbox = settings.installation.inbox.model_copy(update={"port": _free_port(port)})
        installation = settings.installation.model_copy(update={"inbox": inbox})
        settings = settings.model_copy(update={"installation": installation})
        (business,) = settings.businesses.values()
        clock = DemoClock(monday_morning(business, datetime.now(UTC)))
        with DataLock(settings.directory):
            async with Household(settings, installed(), clock) as household:
                daemon = Daemon(household, path)
                showing = asyncio.create_task(_show(daemon, business))
                try:
                    await daemon.run()
                finally:
                    showing.cancel()
                    await asyncio.gather(showing, return_exceptions=True)
    typer.echo("The demo has ended; nothing of it is left.")


async def _show(daemon: Daemon, business: BusinessSettings) -> None:
    """Shows how the week passes, then says what there is to see."""
    household = daemon.household
    total = len((household.settings.home / WEEK).read_bytes().splitlines())
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[says]}"))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        week = progress.add_task(f"A week at {business.business.name}", total=total, says="")
        position = 0
        while position < total or not await _is_drafted(household.store):
            await asyncio.sleep(0.25)
            position = await _position(household)
            progress.update(week, completed=position, says=await _says(household.store, business.id))
    week_before = Week.of(household.now(), business.business.zone).before
    address = household.settings.inbox_address
    await compose(household.store, business, week_before, household.reader, address, household.now(), note=_NOT_MAILED)
    await _invite(household, business)


async def _position(household: Household) -> int:
    """How many lines of the recording have been heard."""
    async with household.store.read() as session:
        rows = [row for id_ in household.businesses for row in await sources.listing(session, id_)]
    return sum(int((row.cursor or {}).get("position", 0)) for row in rows)


async def _heard(store: Store, business_id: str) -> int:
    async with store.read() as session:
        return await mentions.count(session, business_id)


async def _is_drafted(store: Store) -> bool:
    async with store.read() as session:
        return not await mentions.owed(session, limit=1)


async def _says(store: Store, business_id: str) -> str:
    async with store.read() as session:
        counts = await drafts.counts(session, business_id)
    return f"{await _heard(store, business_id)} mentions, {sum(counts.values())} drafts"


async def _invite(household: Household, business: BusinessSettings) -> None:
    typer.echo(f"\nThe week is over, and the digest of {business.business.name} is ready. Open one of these:\n")
    for person in business.staff:
        link = await issue_link(household.store, household.settings, business.id, person.name, household.now())
        typer.echo(f"  as {person.name} ({person.role.value}):  {link}")
    typer.echo("\nWhat you approve is kept in a file here; nothing leaves this machine. Ctrl-C ends the demo.")


async def play_once(out: Path) -> None:
    """Plays the week without a server and writes `digest.html` and `summary.json` into `out`."""
    began = stopwatch.monotonic()
    with _laid_out(at_once=True) as (_, settings):
        (business,) = settings.businesses.values()
        clock = DemoClock(monday_morning(business, datetime.now(UTC)))
        with DataLock(settings.directory):
            async with Household(settings, installed(), clock) as household:
                for listening in household.listening.values():
                    await poll(listening, household.store, household.understanding, clock)
                while await draft_waiting(household.store, household.businesses, household.drafter, clock()):
                    pass
                week = Week.of(clock(), business.business.zone).before
                digest = await compose(
                    household.store, business, week, household.reader, settings.inbox_address, clock(), note=_NOT_MAILED
                )
                summary = await _summary(household.store, business.id, stopwatch.monotonic() - began)
    path = write(digest.html if digest else "", out)
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    typer.echo(f"{summary['mentions']} mentions, {sum(summary['drafts'].values())} drafts. The digest: {path}")


async def _summary(store: Store, business_id: str, seconds: float) -> dict[str, Any]:
    async with store.read() as session:
        counts = await drafts.counts(session, business_id)
        heard = await mentions.count(session, business_id)
    public = (DraftState.SENT, DraftState.VISIBLE)
    return {
        "mentions": heard,
        "drafts": {state.value: number for state, number in sorted(counts.items())},
        "replies_posted": sum(counts.get(state, 0) for state in public),
        "seconds": round(seconds, 2),
    }


@contextlib.contextmanager
def _laid_out(*, at_once: bool) -> Iterator[tuple[Path, Settings]]:
    """The demo's files in a folder of their own, which is gone afterwards."""
    start_logging("error")
    with tempfile.TemporaryDirectory(prefix="warmline-demo-") as folder:
        path = lay_out(Path(folder), at_once=at_once)
        yield path, configuration.read(path, installed())


def _free_port(wanted: int) -> int:
    """`wanted`, or the next free port after it."""
    for port in range(wanted, wanted + 20):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ConfigError(f"No port from {wanted} to {wanted + 19} is free.", do="Name another one with --port.")
