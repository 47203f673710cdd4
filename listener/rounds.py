"""Goes round the sources: polls each at its interval, listens to those that push, and pauses for a new configuration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import structlog

from connectors.base import Streamer
from connectors.errors import SourceError
from listener.health import Metrics
from listener.household import Household
from listener.poll import Polled, hear_page, poll, recheck, stored_cursor
from listener.schedule import Schedule
from storage import sources

log = structlog.get_logger()

#: Pauses before a stream is opened again: a second, doubling, at most five minutes.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0

#: Starts work under a name, unless work of that name is still going on.
Begin = Callable[[str, Coroutine[Any, Any, None]], None]


class Rounds:
    """One poll at a time per source; a source that fails or streams never holds up another."""

    def __init__(self, household: Household, schedule: Schedule, begin: Begin, metrics: Metrics) -> None:
        self._household = household
        self._schedule = schedule
        self._begin = begin
        self._metrics = metrics
        self._polling: dict[int, asyncio.Lock] = {}

    def plan(self) -> None:
        """Schedules every source that is open now, in place of those that were."""
        self._schedule.forget("poll ")
        for source_id, listening in self._household.listening.items():
            every = listening.ear.table.every or listening.connector.traits.every
            self._schedule.every(f"poll {source_id}", every, partial(self.ask, source_id))
            if isinstance(listening.connector, Streamer):
                self._begin(f"stream {source_id}", self._stream(source_id))

    def ask(self, source_id: int) -> None:
        """Polls a source in the background, unless it is being polled or has been told to wait."""
        self._begin(f"poll {source_id}", self._poll_if_due(source_id))

    async def _poll_if_due(self, source_id: int) -> None:
        listening = self._household.listening.get(source_id)
        if listening is None:
            return
        async with self._household.store.read() as session:
            source = await sources.get(session, listening.ear.business.id, listening.ear.source.name)
        if source is not None and sources.may_be_asked(source, self._household.now()):
            await self.poll(source_id)

    async def poll(self, source_id: int) -> Polled | None:
        """Polls a source until it has no more to give; None where it is not open."""
        async with self._polling.setdefault(source_id, asyncio.Lock()):
            listening, household = self._household.listening.get(source_id), self._household
            if listening is None:
                return None
            polled = await poll(listening, household.store, household.understanding, household.now)
            again = await recheck(listening, household.store, household.understanding, household.now)
        self._metrics.mentions.labels(polled.source).inc(len(polled.heard.new) + len(again.new))
        self._metrics.polls.labels(polled.source, "fault" if polled.fault else "answer").inc()
        return polled

    async def _stream(self, source_id: int) -> None:
        """Hears what a source pushes, as it is configured at each turn; whenever the connection ends, a poll closes the gap."""
        household = self._household
        pause = FIRST_PAUSE
        while (listening := household.listening.get(source_id)) and isinstance(listening.connector, Streamer):
            cursor = await stored_cursor(household.store, listening.ear.source)
            try:
                async for page in listening.connector.stream(cursor):
                    await hear_page(listening, page, household.store, household.understanding, household.now())
                    pause = FIRST_PAUSE
            except SourceError as error:
                log.info("stream ended", source=listening.ear.source.name, kind=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            self.ask(source_id)

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """While the block runs, no source is being polled."""
        async with AsyncExitStack() as stack:
            for lock in self._polling.values():
                await stack.enter_async_context(lock)
            yield
