"""Durations and stretches of the day, as people write them."""

from __future__ import annotations

import contextlib
from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from config.durations import LONGEST, Duration, Hours, Span, parse_duration, parse_span, say_duration, say_span

DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)
HOURS: TypeAdapter[Span] = TypeAdapter(Hours)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("30 seconds", timedelta(seconds=30)),
        ("4 hours", timedelta(hours=4)),
        ("1 hour 30 minutes", timedelta(minutes=90)),
        ("1 hour and 30 minutes", timedelta(minutes=90)),
        ("1 day, 2 hours", timedelta(hours=26)),
        ("1.5 hours", timedelta(minutes=90)),
        (" 2 DAYS ", timedelta(days=2)),
        ("3weeks", timedelta(weeks=3)),
        ("0 seconds", timedelta(0)),
        (90, timedelta(seconds=90)),
    ],
)
def test_durations_are_read_as_people_write_them(written: object, meant: timedelta) -> None:
    assert DURATION.validate_python(written) == meant


@pytest.mark.parametrize(
    "written",
    ["", "soon", "4", "hours", "-4 hours", "4 hours ago", "4 hours and", "4 hours nada", "and 4 hours", "4 moons",
     "1e9 hours", "9999999999999 weeks", "9" * 400 + " weeks", -5, 10**12, 10**30],
)  # fmt: skip
def test_what_is_no_sensible_duration_is_refused_in_words(written: object) -> None:
    with pytest.raises(ValidationError):
        DURATION.validate_python(written)


@given(st.timedeltas(timedelta(0), LONGEST).map(lambda each: each - timedelta(microseconds=each.microseconds)))
def test_a_duration_that_is_said_is_read_as_the_same(duration: timedelta) -> None:
    assert parse_duration(say_duration(duration)) == duration


@given(st.text(max_size=30))
def test_any_text_is_a_duration_or_refused(written: str) -> None:
    with contextlib.suppress(ValidationError):
        assert DURATION.validate_python(written) >= timedelta(0)


times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
spans = st.builds(Span, times, times)


@given(spans)
def test_a_span_that_is_said_is_read_as_the_same(span: Span) -> None:
    assert parse_span(say_span(span)) == span


@given(spans, times)
def test_a_moment_lies_in_a_span_or_in_the_one_that_is_left_over(span: Span, moment: time) -> None:
    rest = Span(span.until, span.since)

    assert span.since == span.until or span.covers(moment) != rest.covers(moment)


@pytest.mark.parametrize(
    ("written", "inside", "outside"),
    [
        ("07:00-18:00", ["07:00", "17:59"], ["06:59", "18:00"]),
        ("20:00-07:00", ["20:00", "00:00", "06:59"], ["07:00", "19:59"]),
        ("18:00-24:00", ["18:00", "23:59"], ["00:00", "17:59"]),
        ("00:00-24:00", ["00:00", "12:00", "23:59"], []),
        ("7:00 – 9:30", ["07:00", "09:29"], ["09:30"]),
    ],
)
def test_a_span_begins_at_its_first_minute_and_ends_before_its_last(
    written: str, inside: list[str], outside: list[str]
) -> None:
    span = HOURS.validate_python(written)

    assert [each for each in inside if not span.covers(time.fromisoformat(each))] == []
    assert [each for each in outside if span.covers(time.fromisoformat(each))] == []


@pytest.mark.parametrize("written", ["", "7-18", "25:00-26:00", "24:30-25:00", "07:60-08:00", "07:00", "noon-night", 7])
def test_what_is_no_stretch_of_the_day_is_refused_in_words(written: object) -> None:
    with pytest.raises(ValidationError):
        HOURS.validate_python(written)
