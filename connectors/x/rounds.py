"""How a list that X gives newest first is heard without a hole and without paying twice.

A round follows a list page by page back to where the last one began. Its mark
moves on only when the round is over, so that a round which breaks off goes on
where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Gap
from connectors.x.parsing import Turn

#: How far the first round looks back; each post costs money.
LOOK_BACK = timedelta(days=1)
#: How far X's search reaches back: seven days, less an hour for the time a round takes.
WINDOW = timedelta(days=6, hours=23)
#: How late the search may show a post. It is looked back that far only where there is no post to start from.
LAG = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one list was heard; times are ISO 8601, "" stands for none.

    `since` is the newest post of the last whole round; before `heard`, when that
    round began, nothing is missing. The others belong to a round that is not
    over: the `token` of its next page, the `newest` post of its first one, when
    it `began`, where it `start`s if not at a post, and how many posts it has
    `seen`.
    """

    since: str = ""
    heard: str = ""
    token: str = ""
    newest: str = ""
    began: str = ""
    start: str = ""
    seen: int = 0

    def after(self, turn: Turn, count: int) -> Mark:
        """The mark after a page with `count` posts."""
        newest = self.newest or turn.newest
        if turn.token:
            return replace(self, newest=newest, token=turn.token, seen=self.seen + count)
        return Mark(since=newest or ("" if self.start else self.since), heard=self.began)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to ask for the next page: where the list then stands, what X is asked, and what it cannot tell."""

    mark: Mark
    asked: Mapping[str, Any]
    gaps: tuple[Gap, ...] = ()


def attempts(mark: Mark, now: datetime) -> Iterator[Attempt]:
    """What to ask next, and what to ask instead if X does not understand that.

    The page of an unfinished round may be forgotten, then the round begins
    anew; the post to start from may lie before X's window, then time decides.
    A quiet list outlives its last post without missing anything, so only a
    pause longer than the window is a gap.
    """
    if mark.token:
        where = {"start_time": mark.start} if mark.start else {"since_id": mark.since}
        yield Attempt(mark, {**where, "token": mark.token})
    heard = datetime.fromisoformat(mark.heard) if mark.heard else now - LOOK_BACK + LAG
    fresh = Mark(since=mark.since, heard=heard.isoformat(), began=now.isoformat())
    if mark.since:
        yield Attempt(fresh, {"since_id": mark.since})
    start = max(heard - LAG, now - WINDOW)
    reason = "X's search reaches seven days back, and this source was not polled for longer."
    missed = (Gap(heard, start, reason),) if heard < now - WINDOW else ()
    yield Attempt(replace(fresh, start=_second(start)), {"start_time": _second(start)}, missed)


def _second(moment: datetime) -> str:
    """A time as X wants it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
