"""Durations and times of day as people write them: "4 hours", "20:00-07:00"."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week)s?", re.IGNORECASE)
_DURATION = re.compile(rf"\s*{_PART.pattern}(?:(?:\s*,|\s+and\b|\s)?\s*{_PART.pattern})*\s*", re.IGNORECASE)
#: Longer ones are slips of the pen, and would lead out of the calendar.
LONGEST = timedelta(days=36_525)


def parse_duration(value: Any) -> Any:
    """A `timedelta` from words ("90 seconds", "1 hour 30 minutes"); what is no text is left to pydantic."""
    if not isinstance(value, str):
        return value
    if not _DURATION.fullmatch(value):
        raise ValueError(f'"{value}" is not a duration: write it like "30 seconds", "4 hours" or "2 days"')
    seconds = sum(float(number) * _UNITS[unit.lower()] for number, unit in _PART.findall(value))
    return timedelta(seconds=min(seconds, LONGEST.total_seconds() + 1))


def _sensible(value: timedelta) -> timedelta:
    if not timedelta(0) <= value <= LONGEST:
        raise ValueError("a duration is neither below zero nor longer than a hundred years")
    return value


def say_duration(duration: timedelta) -> str:
    """A duration in words, in its largest whole unit: "4 hours", "90 minutes"."""
    seconds = round(duration.total_seconds())
    for unit, size in reversed(_UNITS.items()):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"


Duration = Annotated[
    timedelta, BeforeValidator(parse_duration), AfterValidator(_sensible), PlainSerializer(say_duration)
]


class Span(NamedTuple):
    """A stretch of a day; `until` before `since` runs past midnight."""

    since: time
    until: time

    def covers(self, moment: time) -> bool:
        """Whether a local time of day lies in it (its end does not); "00:00-24:00" is the whole day."""
        if self.since < self.until:
            return self.since <= moment < self.until
        return moment >= self.since or moment < self.until


_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")


def parse_span(value: Any) -> Any:
    """A `Span` from "07:00-18:00" ("24:00" is midnight)."""
    if not isinstance(value, str):
        return value
    match = _SPAN.fullmatch(value.strip())
    if match is None:
        raise ValueError(f'"{value}" is not a stretch of the day: write it like "07:00-18:00"')
    try:
        return Span(_time(*match.group(1, 2)), _time(*match.group(3, 4)))
    except ValueError as error:
        raise ValueError(f'"{value}" is not a stretch of the day: hours go to 24, minutes to 59') from error


def _time(hour: str, minute: str) -> time:
    return time(0) if (int(hour), int(minute)) == (24, 0) else time(int(hour), int(minute))


def say_span(span: Span) -> str:
    """A span as it is written in the file."""
    return f"{span.since:%H:%M}-{span.until:%H:%M}"


Hours = Annotated[Span, BeforeValidator(parse_span), PlainSerializer(say_span)]
