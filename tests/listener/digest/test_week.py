"""Weeks and due times: around the turn of the year, and when the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import WarmlineError
from config.settings import Day, DigestTable
from listener.digest.week import Week, owed

BERLIN = ZoneInfo("Europe/Berlin")
MONDAYS = DigestTable(day=Day.MON, at=time(8))


def test_the_first_days_of_january_may_lie_in_week_53() -> None:
    week = Week.of(datetime(2027, 1, 2, 12, tzinfo=UTC), BERLIN)

    assert (week.year, week.number) == (2026, 53)
    assert week.days == tuple(date(2026, 12, 28) + timedelta(days=n) for n in range(7))


def test_the_week_before_the_first_is_the_last_of_the_year_before() -> None:
    assert Week(2027, 1, BERLIN).before == Week(2026, 53, BERLIN)
    assert Week(2026, 1, BERLIN).before == Week(2025, 52, BERLIN)


def test_a_moment_belongs_to_the_week_its_own_clocks_show() -> None:
    late_on_sunday_in_utc = datetime(2026, 6, 7, 22, 30, tzinfo=UTC)

    assert Week.of(late_on_sunday_in_utc, ZoneInfo("UTC")).number == 23
    assert Week.of(late_on_sunday_in_utc, BERLIN).number == 24


def test_a_week_lasts_an_hour_more_or_less_when_the_clocks_change() -> None:
    spring, autumn = Week(2026, 13, BERLIN), Week(2026, 43, BERLIN)

    assert spring.until - spring.since == timedelta(hours=167)
    assert autumn.until - autumn.since == timedelta(hours=169)


def test_a_time_that_the_clocks_skip_is_due_once_an_hour_later() -> None:
    table = DigestTable(day=Day.SUN, at=time(2, 30))
    week = Week(2026, 12, BERLIN)  # its digest falls on Sunday 29 March, when 02:30 does not come

    assert week.due_at(table).astimezone(BERLIN).time() == time(3, 30)


def test_a_time_that_comes_twice_is_due_the_first_time_and_stays_that_week_s() -> None:
    table = DigestTable(day=Day.SUN, at=time(2, 30))
    week = Week(2026, 42, BERLIN)  # its digest falls on Sunday 25 October
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    assert week.due_at(table) == first
    assert owed(table, BERLIN, first) == week
    assert owed(table, BERLIN, first + timedelta(hours=1)) == week


def test_the_digest_of_a_week_is_owed_from_its_hour_on() -> None:
    due = datetime(2026, 6, 8, 6, tzinfo=UTC)

    assert owed(MONDAYS, BERLIN, due - timedelta(seconds=1)) == Week(2026, 22, BERLIN)
    assert owed(MONDAYS, BERLIN, due) == Week(2026, 23, BERLIN)


def test_a_digest_on_fridays_tells_of_the_week_that_ended_on_sunday() -> None:
    fridays = DigestTable(day=Day.FRI, at=time(16))

    assert owed(fridays, BERLIN, datetime(2026, 6, 12, 14, tzinfo=UTC)) == Week(2026, 23, BERLIN)


@given(
    minutes=st.integers(0, 90 * 365 * 24 * 60),
    day=st.sampled_from(Day),
    at=st.times(),
    zone=st.sampled_from(
        ["Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Beirut", "UTC", "Asia/Kathmandu"]
    ),
)
def test_what_is_owed_has_ended_and_nothing_later_is_due(minutes: int, day: Day, at: time, zone: str) -> None:
    now = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    table = DigestTable(day=day, at=at)

    week = owed(table, ZoneInfo(zone), now)

    following = Week.of(week.until + timedelta(days=1), ZoneInfo(zone))
    assert week.due_at(table) <= now < following.due_at(table)
    assert week.until <= week.due_at(table)
    assert following.before == week
    assert week.until == following.since


def test_a_week_is_written_as_it_is_spoken() -> None:
    assert Week.parse("2026-W53", BERLIN) == Week(2026, 53, BERLIN)
    assert Week.parse(" 2026w5 ", BERLIN) == Week(2026, 5, BERLIN)


@pytest.mark.parametrize("written", ["", "W22", "2026-W54", "2025-W53", "0000-W01", "2026-W0", "next", "９９９９-W99"])
def test_what_is_no_week_is_refused_in_words(written: str) -> None:
    with pytest.raises(WarmlineError, match="2026-W22"):
        Week.parse(written, BERLIN)
