"""Durations and times of day as people write them: "4 hours", "20:00-07:00"."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, PlainSerializer

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week)s?", re.IGNORECASE)


def parse_duration(value: Any) -> Any:
    """A `timedelta` from words ("90 seconds", "1 hour 30 minutes"); what is no text is left to pydantic."""
    if not isinstance(value, str):
        return value
    parts = _PART.findall(value)
    if not parts or _PART.sub("", value).strip(" ,and"):
        raise ValueError(f'"{value}" is not a duration: write it like "30 seconds", "4 hours" or "2 days"')
    return timedelta(seconds=sum(float(number) * _UNITS[unit.lower()] for number, unit in parts))


def say_duration(duration: timedelta) -> str:
    """A duration in words, in its largest whole unit: "4 hours", "90 minutes"."""
    seconds = round(duration.total_seconds())
    for unit, size in reversed(_UNITS.items()):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(say_duration)]


class Span(NamedTuple):
    """A stretch of a day; `until` before `since` runs past midnight."""

    since: time
    until: time

    def covers(self, moment: time) -> bool:
        """Whether a local time of day lies in it (its end does not)."""
        if self.since <= self.until:
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
    first, first_minute, last, last_minute = map(int, match.groups())
    try:
        return Span(time(first % 24, first_minute), time(last % 24, last_minute))
    except ValueError as error:
        raise ValueError(f'"{value}" is not a stretch of the day: hours go to 24, minutes to 59') from error


def say_span(span: Span) -> str:
    """A span as it is written in the file."""
    return f"{span.since:%H:%M}-{span.until:%H:%M}"


Hours = Annotated[Span, BeforeValidator(parse_span), PlainSerializer(say_span)]
