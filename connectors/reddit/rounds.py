"""How a list that Reddit gives newest first is heard without a hole.

A round goes back page by page to the time up to which the last one heard; the
mark moves on only when the round is over. Time is the mark and not a post,
because Reddit answers "nothing" to the question for what is newer than a post
that was deleted meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Gap
from connectors.reddit.parsing import Listing, created

#: How far the first round looks back.
LOOK_BACK = timedelta(days=7)
#: How late Reddit may show a post; asked for again each time, repeats are dropped by their names.
LAG = timedelta(hours=1)
#: Posts in one page, which is the most that Reddit gives at once.
PAGE = 100


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one list was heard; "" stands for none.

    `until` is the time of the newest post of the last whole round (ISO 8601).
    The others belong to a round that is not over: its `newest` post's time and
    the fullname `after` which it goes on.
    """

    until: str = ""
    newest: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one page brought to a round: the items within it, its mark, and what the list does not show any more."""

    items: Sequence[Any]
    mark: Mark
    gaps: tuple[Gap, ...] = ()


def follow(name: str, mark: Mark, page: Listing, now: datetime) -> Stretch:
    """The part of `page` that belongs to the round, and where the round then stands."""
    until = datetime.fromisoformat(mark.until) if mark.until else now - LOOK_BACK
    times = [_written(item) for item in page.items]
    known = [at for at in times if at is not None]
    inside = [item for item, at in zip(page.items, times, strict=True) if at is None or at >= until - LAG]
    newest = mark.newest or max((min(at, now) for at in known), default=until).isoformat()
    has_reached = bool(known) and known[-1] < until - LAG
    if page.after and not has_reached:
        return Stretch(inside, Mark(mark.until, newest, page.after))
    ended = Mark(max(until, datetime.fromisoformat(newest)).isoformat())
    if has_reached or not (mark.after and mark.until):
        return Stretch(inside, ended)
    oldest = min(known, default=now)
    return Stretch(inside, ended, (Gap(until, oldest, f'"{name}" has more new posts than Reddit shows.'),))


def _written(item: Any) -> datetime | None:
    try:
        return created(item["data"])
    except (KeyError, OSError, OverflowError, TypeError, ValueError):
        return None
