"""When a reply is due: counted in opening hours, in the business's own time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.durations import Span, say_span
from config.settings import DAYS, BusinessSettings
from listener.due import due_at, hours_on
from tests.builders import business

BERLIN = ZoneInfo("Europe/Berlin")
STEP = timedelta(minutes=15)


def bakery(within: timedelta, *places: dict[str, object]) -> BusinessSettings:
    return business(reply={"within": within}, places=places)


def place(hours: dict[str, str], **fields: object) -> dict[str, object]:
    return {"name": "Main Street", "hours": hours} | fields


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


WEEK = {"mon-fri": "07:00-18:00", "sat": "08:00-14:00"}


@pytest.mark.parametrize(
    ("heard", "hours", "due"),
    [
        ("2026-06-02T09:00", WEEK, "2026-06-02T13:00"),
        ("2026-06-02T05:00", WEEK, "2026-06-02T11:00"),
        ("2026-06-02T16:00", WEEK, "2026-06-03T09:00"),
        ("2026-06-02T18:00", WEEK, "2026-06-03T11:00"),
        ("2026-06-06T12:00", WEEK, "2026-06-08T09:00"),
        # The night of 29 March is an hour short, that of 25 October an hour long.
        ("2026-03-28T23:00", {"mon-sun": "22:00-06:00"}, "2026-03-29T04:00"),
        ("2026-10-25T00:00", {"mon-sun": "22:00-06:00"}, "2026-10-25T03:00"),
        # Past midnight, and into the hours of the next day.
        ("2026-06-02T23:00", {"mon-sun": "20:00-02:00"}, "2026-06-03T21:00"),
        ("2026-06-03T01:00", {"tue": "20:00-02:00", "wed": "10:00-18:00"}, "2026-06-03T13:00"),
        ("2026-06-03T07:00", {"tue": "20:00-10:00", "wed": "08:00-18:00"}, "2026-06-03T11:00"),
        # The whole day.
        ("2026-06-02T22:00", {"mon-sun": "00:00-24:00"}, "2026-06-03T02:00"),
    ],
)
def test_a_reply_is_due_after_so_many_hours_that_we_are_open(heard: str, hours: dict[str, str], due: str) -> None:
    assert due_at(local(heard), bakery(timedelta(hours=4), place(hours))) == local(due)


def test_a_reply_is_not_due_on_a_holiday() -> None:
    settings = bakery(timedelta(hours=4), place(WEEK, holidays=["2026-06-03"]))

    assert due_at(local("2026-06-02T16:00"), settings) == local("2026-06-04T09:00")


def test_the_hours_of_the_place_that_is_spoken_of_count() -> None:
    settings = bakery(timedelta(hours=4), place(WEEK), {"name": "Market", "hours": {"mon-fri": "12:00-20:00"}})

    assert due_at(local("2026-06-02T09:00"), settings, "Market") == local("2026-06-02T16:00")
    assert due_at(local("2026-06-02T09:00"), settings, "elsewhere") == local("2026-06-02T13:00")


@pytest.mark.parametrize(
    "places",
    [
        (),
        (place({}),),
        (place({"tue": "07:00-18:00"}, holidays=[date(2026, 6, 2) + timedelta(n) for n in range(400)]),),
    ],
)
def test_without_any_hours_the_clock_on_the_wall_counts(places: tuple[dict[str, object], ...]) -> None:
    heard = local("2026-06-02T23:00")

    assert due_at(heard, bakery(timedelta(hours=4), *places)) == heard + timedelta(hours=4)


def test_a_long_target_and_short_hours_still_fall_into_opening_hours() -> None:
    settings = bakery(timedelta(days=2), place({"sat": "10:00-12:00"}))

    assert due_at(local("2026-06-02T09:00"), settings) == local("2026-11-14T12:00")


@pytest.mark.parametrize(
    ("key", "open_on"),
    [("mon-fri", "mon tue wed thu fri"), ("sat-mon", "sat sun mon"), ("wed", "wed"), ("sun-sun", "sun")],
)
def test_a_range_of_days_may_reach_past_sunday(key: str, open_on: str) -> None:
    where = bakery(timedelta(hours=4), place({key: "07:00-18:00"})).places[0]
    monday = date(2026, 6, 1)

    days = {DAYS[n].value for n in range(7) if hours_on(where, monday + timedelta(days=n))}

    assert days == set(open_on.split())


# Between two and three o'clock an hour is missing once a year, and what stands there has no one meaning.
quarters = st.integers(0, 95).filter(lambda n: n // 4 != 2).map(lambda n: time(n // 4, n % 4 * 15))
weeks = st.dictionaries(st.sampled_from(DAYS), st.builds(Span, quarters, quarters), min_size=1)
moments = st.integers(0, 400 * 96).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + n * STEP)


@settings(max_examples=60, deadline=None)
@given(moments, weeks, st.integers(1, 40), st.sets(st.dates(date(2026, 1, 1), date(2027, 3, 1)), max_size=10))
def test_a_reply_is_due_when_the_place_has_been_open_for_the_target(
    heard: datetime, week: dict[str, Span], steps: int, holidays: set[date]
) -> None:
    hours = {day: say_span(span) for day, span in week.items()}
    target = bakery(steps * STEP, place(hours, holidays=sorted(holidays)))

    due = due_at(heard, target)

    moments = (heard + n * STEP for n in range((due - heard) // STEP))
    assert sum(is_open(target, moment) for moment in moments) == steps
    assert is_open(target, due - STEP)


def is_open(settings: BusinessSettings, moment: datetime) -> bool:
    """Whether the place is open in the quarter of an hour that begins at `moment`; asked of the clock on its wall."""
    there = moment.astimezone(BERLIN)
    today = hours_on(settings.places[0], there.date())
    before = hours_on(settings.places[0], there.date() - timedelta(days=1))
    still = before is not None and before.until <= before.since and there.time() < before.until
    now = today is not None and there.time() >= today.since
    return still or (now and today is not None and (today.until <= today.since or there.time() < today.until))
