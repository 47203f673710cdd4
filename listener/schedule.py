"""All of APScheduler: a clock that only starts work the daemon owns.

APScheduler 3 cancels running coroutines when it shuts down, so its jobs hand
over at once; schedules live in memory and come from the configuration, what is
owed comes from the database.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger


class Schedule:
    """Starts work at its times; every job only calls a function that returns at once."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            # A job that comes late (a laptop that slept) still runs, once.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def begin(self) -> None:
        """Starts the clock."""
        self._scheduler.start()

    def end(self) -> None:
        """Stops the clock; work that was started goes on."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def every(
        self, name: str, interval: timedelta, start: Callable[[], None], *, after: timedelta = timedelta(0)
    ) -> None:
        """Calls `start` in `after` and then every `interval` (at least a second; a little later each time)."""
        seconds = max(interval.total_seconds(), 1)
        jitter = min(int(seconds * 0.05), 60) or None  # spreads sources that share an interval
        trigger = IntervalTrigger(seconds=seconds, jitter=jitter, timezone=UTC)

        async def job() -> None:  # a plain function would be called in a thread, away from the loop
            start()

        self._scheduler.add_job(job, trigger, id=name, replace_existing=True, next_run_time=datetime.now(UTC) + after)

    def forget(self, prefix: str) -> None:
        """Takes away every job whose name begins with `prefix`."""
        for job in self._scheduler.get_jobs():
            if job.id.startswith(prefix):
                job.remove()
