"""Lists that show their newest first: read page after page back to what was read before.

A round begins at the newest item and goes back until it meets the moment up
to which earlier rounds have read. That is when the last one began, less a
lag, because platforms show some items late and their clocks are not ours. The
state of a round is the cursor, so one that was cut short goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connectors.base import Cursor


@dataclass(frozen=True, slots=True)
class Round:
    """How far a list has been read.

    `until` is the moment up to which earlier rounds have read, `began` when
    this one did, `page` what the platform wants to be asked for the next page
    ("" for the first), `pages` how many this round has read.
    """

    until: datetime
    began: datetime
    page: str = ""
    pages: int = 0

    @classmethod
    def of(cls, cursor: Cursor | None, now: datetime, look_back: timedelta) -> Round:
        """The round that a cursor tells of; without one, a first round that goes back by `look_back`."""
        if not cursor:
            return cls(now - look_back, now)
        until, began = (datetime.fromisoformat(cursor[name]) for name in ("until", "began"))
        return cls(until, began if cursor["page"] else now, cursor["page"], cursor["pages"])

    @property
    def cursor(self) -> dict[str, str | int]:
        """This round, to be stored."""
        times = {"until": self.until.isoformat(), "began": self.began.isoformat()}
        return {**times, "page": self.page, "pages": self.pages}

    def again(self, now: datetime) -> Round:
        """The same round from its first page, where the platform no longer knows the next one."""
        return Round(self.until, now)

    def after(self, times: Sequence[datetime], page: str, *, at_least: int, lag: timedelta) -> Round:
        """The round after a page: `times` of its items as they stood there, `page` what leads to the next ("": none).

        At least `at_least` pages are read, to meet what was edited since.
        """
        is_met = bool(times) and times[-1] <= self.until and self.pages + 1 >= at_least
        if is_met or not page or page == self.page:
            return Round(max(self.until, self.began - lag), self.began)
        return replace(self, page=page, pages=self.pages + 1)
