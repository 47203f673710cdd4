"""The daemon: it keeps a household going until it is told to stop.

Nothing is handed over in memory. Every loop finds its work in the store by
state, so a daemon that is killed between any two steps goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import signal
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from config.errors import ConfigError
from config.load import find
from connectors.registry import installed
from listener import configuration, control, health, housekeeping, webhooks
from listener.chats import Chats
from listener.household import Household
from listener.logs import start_logging
from listener.pasting import hear_pasted
from listener.rounds import Rounds
from listener.schedule import Schedule
from responders.channels.registry import Channels
from responders.channels.registry import installed as installed_channels
from responders.inbox.app import make_app
from responders.inbox.listening import TRAITS
from responders.proposing import draft_waiting
from responders.sending import look_for_lost, recover, send_due, verify_sent
from storage import alerts, deliveries
from storage.errors import StorageError
from storage.lock import DataLock

log = structlog.get_logger()

#: How long a reply that is being sent may take after the order to stop.
DRAIN = timedelta(seconds=10)
#: How long a loop rests where nothing wakes it earlier.
REST = timedelta(seconds=20)
#: Intervals of the work that goes by the clock.
KEEP_HOUSE, KEEP_ALIVE, WATCH, RETAIN = (
    timedelta(seconds=30),
    timedelta(seconds=15),
    timedelta(seconds=2),
    timedelta(days=1),
)


class Daemon:
    """Keeps a household going."""

    def __init__(self, household: Household, path: Path, channels: Channels | None = None) -> None:
        self.household = household
        self._channels = installed_channels() if channels is None else channels
        self.chats = Chats(household, self._channels)
        self.health = health.Health(household.now)
        self._path = path
        self._schedule = Schedule()
        self.rounds = Rounds(household, self._schedule, self.begin, self.health.metrics)
        self._watch = configuration.Watch(path)
        self._stopping = asyncio.Event()
        self._work: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()

    @property
    def now(self) -> datetime:
        """The time."""
        return self.household.now()

    def stop(self) -> None:
        """Orders the daemon to stop; it lets go of nothing half-done."""
        self._stopping.set()

    async def run(self, started: Callable[[], None] = lambda: None) -> None:
        """Works until it is told to stop (by `stop`, SIGTERM or SIGINT); calls `started` when everything is up.

        Raises:
            ConfigError: the inbox cannot be served where the configuration says.
        """
        await recover(self.household.outbox, everything=True)
        async with contextlib.AsyncExitStack() as stack:
            await self._serve(stack)
            stack.push_async_callback(self.chats.close)
            await self.chats.open()
            self._listen_to_signals(stack)
            loops = [asyncio.create_task(self._draft_loop()), asyncio.create_task(self._outbox_loop())]
            self._plan()
            self.health.ready()
            log.info("started", address=self.household.settings.inbox_address, sources=len(self.household.listening))
            started()
            await self._until_stopped(loops)

    async def _serve(self, stack: contextlib.AsyncExitStack) -> None:
        household = self.household
        app = make_app(
            household.desk,
            household.store,
            lambda: household.settings,
            household.now,
            lambda: household.mailer,
            eraser=household.forget,
            hearer=partial(hear_pasted, household),
        )
        app[TRAITS] = lambda: {source_id: each.connector.traits for source_id, each in household.listening.items()}
        webhooks.add_routes(app, household)
        health.add_routes(app, self.health, household.store, lambda: list(household.businesses))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        inbox = household.settings.installation.inbox
        try:
            await web.TCPSite(runner, inbox.host, inbox.port).start()
        except OSError as error:
            raise ConfigError(
                f"The inbox cannot be served at {inbox.host}:{inbox.port} ({error.strerror}).",
                "Everything is kept.",
                "Stop what uses that port, or choose another one under [inbox].",
            ) from error
        await control.serve(household, self.rounds.poll, stack)

    def _listen_to_signals(self, stack: contextlib.AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
            stack.callback(loop.remove_signal_handler, number)

    def _plan(self) -> None:
        self._schedule.begin()
        self.rounds.plan()
        # The first round of polls comes before the first digest, which would else say that nothing was asked.
        self._schedule.every("house", KEEP_HOUSE, lambda: self.begin("house", self._keep_house()), after=KEEP_HOUSE)
        for name, interval, work in (
            ("life", KEEP_ALIVE, self._keep_alive),
            ("configuration", WATCH, self._watch_configuration),
            ("retention", RETAIN, self.household.retain),
        ):
            self._schedule.every(name, interval, lambda name=name, work=work: self.begin(name, work()))  # type: ignore[misc]

    def begin(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Starts work in the background that the daemon owns, unless work of that name still goes on."""
        if name in self._work or self._stopping.is_set():
            work.close()
            return
        task = self._work[name] = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._work[task.get_name()]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, StorageError):
            log.warning("work put off", work=task.get_name(), fault=error.happened)
        elif error is not None:
            log.error("work broke", work=task.get_name(), exc_info=error)

    async def _until_stopped(self, loops: list[asyncio.Task[None]]) -> None:
        """Waits for the order to stop; a loop that fails ends the daemon too, so that systemd starts it anew."""
        waiting = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait([waiting, *loops], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            await self._drain(loops)
        for task in done - {waiting}:
            task.result()

    async def _drain(self, loops: list[asyncio.Task[None]]) -> None:
        """Claims nothing more, waits for what is being sent, and cancels the rest, which is stored whole or not at all."""
        log.info("stopping")
        self._stopping.set()
        self.health.stopping()
        self._schedule.end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN.total_seconds()):
                await self._sending.acquire()
        tasks = [*loops, *self._work.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        log.info("stopped")

    async def _draft_loop(self) -> None:
        await self._on_change("drafting", self._draft, self._rest)

    async def _draft(self) -> None:
        household = self.household
        made = await draft_waiting(household.store, household.businesses, household.writer, self.now)
        self.health.metrics.drafts_made.inc(made)

    async def _outbox_loop(self) -> None:
        await self._on_change("outbox", self._send, self._until_next_delivery)

    async def _send(self) -> None:
        async with self._sending:
            await recover(self.household.outbox)
            self.health.metrics.replies.inc(await send_due(self.household.outbox))
            await look_for_lost(self.household.outbox)
            await verify_sent(self.household.outbox)

    async def _rest(self) -> timedelta:
        return REST

    async def _until_next_delivery(self) -> timedelta:
        """How long the outbox may rest; a second where something is due that could not be moved."""
        async with self.household.store.read() as session:
            due = await deliveries.next_due(session)
        left = REST if due is None else due - self.now
        return min(left, REST) if left > timedelta(0) else timedelta(seconds=1)

    async def _on_change(
        self, name: str, work: Callable[[], Awaitable[None]], rest: Callable[[], Awaitable[timedelta]]
    ) -> None:
        """Works whenever something was stored, and at the latest after a rest."""
        self.health.tick(name)
        while True:
            version = self.household.store.version
            try:
                await work()
                longest = await rest()
            except StorageError as error:
                log.warning("work put off", work=name, fault=error.happened)
                longest = REST
            self.health.tick(name)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(longest.total_seconds()):
                    await self.household.store.changes(version)

    async def _keep_house(self) -> None:
        await housekeeping.keep_house(self.household)
        self.health.tick("housekeeping")

    async def _keep_alive(self) -> None:
        self.health.keep_alive()

    async def _watch_configuration(self) -> None:
        if not self._watch.has_changed():
            return
        try:
            await self.reload()
        except ConfigError as error:
            log.warning("configuration not taken over", faults=len(error.faults), fault=str(error))
            await self._tell_of_faults(error)

    async def reload(self) -> None:
        """Works by the configuration as it now stands in its files.

        Raises:
            ConfigError: it has faults; everything goes on by the last good one.
        """
        settings = configuration.read(self._path, self.household.connectors, self._channels)
        async with self.chats.paused(), self.rounds.paused(), self._sending:
            await self.household.apply(settings)
        self.rounds.plan()
        log.info("configuration taken over", businesses=len(settings.businesses))

    async def _tell_of_faults(self, error: ConfigError) -> None:
        text = f"{error}\nUntil then, everything goes on by the last good configuration."
        key = f"configuration {hashlib.sha256(text.encode()).hexdigest()[:16]}"
        async with self.household.store.work() as session:
            for business_id in self.household.businesses:
                await alerts.raise_once(session, business_id, key, text, self.now)


async def run_daemon(path: Path | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Runs the daemon for the configuration at `path` (None: the usual places) until it is stopped.

    Raises:
        WarmlineError: it cannot start, and why.
    """
    connectors = installed()
    settings = configuration.read(path, connectors)
    start_logging(settings.installation.listener.log_level)
    with DataLock(settings.directory):
        async with Household(settings, connectors, now) as household:
            await Daemon(household, find(path)).run()
