"""The clock: it starts work that somebody else owns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from listener.schedule import Schedule

HOUR = timedelta(hours=1)


@pytest.fixture
async def schedule() -> AsyncIterator[Schedule]:
    schedule = Schedule()
    schedule.begin()
    yield schedule
    schedule.end()
    await asyncio.sleep(0)


async def test_a_job_starts_at_once_and_on_the_loop_where_work_can_be_started(schedule: Schedule) -> None:
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    tasks = []
    schedule.every("poll town", HOUR, lambda: tasks.append(asyncio.create_task(work())))

    async with asyncio.timeout(5):
        await done.wait()
    assert len(tasks) == 1


async def test_the_end_of_the_clock_leaves_running_work_alone(schedule: Schedule) -> None:
    started, may_go_on = asyncio.Event(), asyncio.Event()
    tasks: list[asyncio.Task[str]] = []

    async def work() -> str:
        started.set()
        await may_go_on.wait()
        return "finished"

    schedule.every("poll town", HOUR, lambda: tasks.append(asyncio.create_task(work())))
    await asyncio.wait_for(started.wait(), 5)

    schedule.end()
    may_go_on.set()

    assert await asyncio.wait_for(tasks[0], 5) == "finished"


async def test_the_clock_can_be_ended_twice(schedule: Schedule) -> None:
    schedule.end()
    schedule.end()


async def test_work_that_breaks_is_started_again_and_stops_no_other(schedule: Schedule) -> None:
    calls: list[str] = []
    other = asyncio.Event()

    def broken() -> None:
        calls.append("broken")
        raise ZeroDivisionError

    schedule.every("broken", timedelta(seconds=1), broken)
    schedule.every("other", timedelta(seconds=1), other.set)

    await asyncio.wait_for(other.wait(), 5)
    assert calls == ["broken"]


async def test_a_name_has_one_job(schedule: Schedule) -> None:
    schedule.every("poll town", HOUR, lambda: None)
    schedule.every("poll town", HOUR, lambda: None)

    assert [job.id for job in schedule._scheduler.get_jobs()] == ["poll town"]


async def test_jobs_are_forgotten_by_the_beginning_of_their_names(schedule: Schedule) -> None:
    for name in ("poll 1", "poll 10", "house"):
        schedule.every(name, HOUR, lambda: None)

    schedule.forget("poll ")

    assert [job.id for job in schedule._scheduler.get_jobs()] == ["house"]


async def test_nothing_is_called_more_often_than_every_second(schedule: Schedule) -> None:
    schedule.every("house", timedelta(0), lambda: None)

    assert schedule._scheduler.get_job("house").trigger.interval == timedelta(seconds=1)
