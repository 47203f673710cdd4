"""ISO weeks in a business's time zone, and when the digest of each is due."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from config.errors import WarmlineError
from config.settings import DAYS, DigestTable


@dataclass(frozen=True, slots=True)
class Week:
    """One ISO week, Monday to Sunday, as the clocks of `zone` count it."""

    year: int
    number: int
    zone: ZoneInfo

    @classmethod
    def of(cls, moment: datetime, zone: ZoneInfo) -> Self:
        """The week that an aware moment lies in."""
        calendar = moment.astimezone(zone).isocalendar()
        return cls(calendar.year, calendar.week, zone)

    @classmethod
    def parse(cls, written: str, zone: ZoneInfo) -> Self:
        """The week that is written "2026-W22".

        Raises:
            WarmlineError: that is not a week.
        """
        match = re.fullmatch(r"(\d{4})-?[wW](\d{1,2})", written.strip())
        try:
            if match is None:
                raise ValueError(written)
            date.fromisocalendar(int(match[1]), int(match[2]), 7)
        except ValueError as error:
            raise WarmlineError(f"“{written.strip()[:40]}” is not a week.", do="Write it like 2026-W22.") from error
        return cls(int(match[1]), int(match[2]), zone)

    @property
    def monday(self) -> date:
        """Its first day."""
        return date.fromisocalendar(self.year, self.number, 1)

    @property
    def before(self) -> Week:
        """The week before."""
        calendar = (self.monday - timedelta(days=7)).isocalendar()
        return Week(calendar.year, calendar.week, self.zone)

    @property
    def days(self) -> tuple[date, ...]:
        """Its seven days."""
        return tuple(self.monday + timedelta(days=n) for n in range(7))

    @property
    def since(self) -> datetime:
        """When it begins (UTC); with a change of clocks it lasts an hour more or less."""
        return self._at(0, time())

    @property
    def until(self) -> datetime:
        """When the next one begins (UTC)."""
        return self._at(7, time())

    def due_at(self, table: DigestTable) -> datetime:
        """When its digest is due (UTC): the first `day` after it has ended, at `at`.

        A time that the clocks skip is due as much later; of one that comes
        twice, the first counts.
        """
        return self._at(7 + DAYS.index(table.day), table.at)

    def _at(self, days: int, at: time) -> datetime:
        return datetime.combine(self.monday + timedelta(days=days), at, self.zone).astimezone(UTC)


def owed(table: DigestTable, zone: ZoneInfo, now: datetime) -> Week:
    """The latest week whose digest is due; after a long silence that one only, not all that were missed."""
    ended = Week.of(now, zone).before
    return ended if ended.due_at(table) <= now else ended.before
