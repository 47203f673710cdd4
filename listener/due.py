"""When a reply is due: the business's target, counted in its opening hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from config import settings
from config.durations import Span
from config.settings import BusinessSettings, Place

#: A business that is never open for so many days is treated as always open.
_HORIZON = 400


def due_at(heard: datetime, business: BusinessSettings, place: str = "") -> datetime:
    """The moment (UTC) until which a mention heard at `heard` should be answered.

    Counts only the opening hours of its place (the first one where it names
    none); without any hours, by the clock on the wall.
    """
    left = business.reply.within
    location = next((each for each in business.places if each.name == place), None) or next(iter(business.places), None)
    if location is None or not location.hours:
        return heard + left
    since = heard
    for opens, closes in _openings(location, heard, business.business.zone):
        since = max(since, opens)  # hours past midnight may reach into those of the next day
        if closes - since >= left:
            return since + left
        left -= max(closes - since, timedelta(0))
        since = max(since, closes)
    return heard + business.reply.within


def _openings(place: Place, since: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """The stretches (UTC) in which `place` is open, from the day before `since` on."""
    first = since.astimezone(zone).date() - timedelta(days=1)
    for day in (first + timedelta(days=n) for n in range(_HORIZON)):
        hours = hours_on(place, day)
        if hours is not None:
            ends = day if hours.until > hours.since else day + timedelta(days=1)
            opens = datetime.combine(day, hours.since, zone).astimezone(UTC)
            closes = datetime.combine(ends, hours.until, zone).astimezone(UTC)
            if closes > since:
                yield opens, closes


def hours_on(place: Place, day: date) -> Span | None:
    """The opening hours of one day; None where the place is closed."""
    return None if day in place.holidays else settings.hours_on(place.hours, day)
