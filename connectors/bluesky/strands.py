"""The lists that one source listens to, each read from its newest item back to where it was heard before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from connectors.base import Gap
from connectors.bluesky.parsing import REASONS, moment, timestamp, written_at
from connectors.bluesky.server import NotTaken, Server
from connectors.bluesky.settings import BlueskySettings

#: How far the first poll looks back.
LOOK_BACK = timedelta(days=7)
#: How late a list may show a post; asked for again each time, repeats are dropped by their address.
OVERLAP = timedelta(hours=1)
#: Items of one list that are read between two marks; what lies deeper in a flood becomes a gap.
REACH = 2_000


class Strand(NamedTuple):
    """One list: its name in a cursor, the question, where the answer holds its items, and what they are sorted by."""

    name: str
    question: str
    items: str
    asked: Mapping[str, Any]
    at: Callable[[Mapping[str, Any]], datetime | None]

    @property
    def is_search(self) -> bool:
        """Whether it is searched for, and so can be asked for by time."""
        return self.items == "posts"


class Mark(BaseModel):
    """How far one list is heard.

    Everything up to `heard` is. While pages lead back there, `next` continues
    them, `newest` is what will be heard in the end, and `read` counts items.
    """

    model_config = ConfigDict(frozen=True)

    heard: datetime
    next: str = ""
    newest: datetime | None = None
    read: int = 0


class Stretch(NamedTuple):
    """What one page brought, the mark after it, and what will not be heard."""

    items: Sequence[Any]
    mark: Mark
    gaps: Sequence[Gap] = ()


def strands(settings: BlueskySettings) -> list[Strand]:
    """All that one source listens to."""
    notified = Strand(
        "mentions",
        "app.bsky.notification.listNotifications",
        "notifications",
        {"reasons": list(REASONS)},
        lambda item: moment(item.get("indexedAt")),
    )
    return [
        notified,
        *(_search(f"#{tag}", f"#{tag}") for tag in settings.hashtags),
        *(_search(f"search {term}", term) for term in settings.search),
    ]


def _search(name: str, wanted: str) -> Strand:
    return Strand(name, "app.bsky.feed.searchPosts", "posts", {"q": wanted, "sort": "latest"}, written_at)


async def look(server: Server, strand: Strand, mark: Mark, limit: int, now: datetime) -> Stretch:
    """One page, at most `limit` items, newest first; the mark moves up only when the pages have met it."""
    horizon = mark.heard - OVERLAP
    asked = {**strand.asked, "since": timestamp(horizon)} if strand.is_search else strand.asked
    try:
        answer = await server.ask(strand.question, **asked, limit=limit, cursor=mark.next or None)
    except NotTaken as error:
        if not mark.next:
            raise
        # Searches lead back a few thousand posts at most, and a server may forget where we were.
        return _cut(strand, mark, mark.newest or now, f'"{strand.name}" leads back no further ({error.name}).')
    items = answer.get(strand.items)
    if not isinstance(items, list):
        raise server.changed(f"without {strand.items}", str(answer))
    times = [time for item in items if (time := _when(strand, item))]
    newest = min(max([*times, mark.newest or mark.heard]), now)
    further = _further(str(answer.get("cursor") or ""), strand, mark, len(items) < limit)
    # One post that claims to be old must not end a search; notifications have the server's own times.
    if not further or (max if strand.is_search else min)(times, default=now) < horizon:
        return Stretch(items, Mark(heard=max(newest, mark.heard)))
    on = Mark(heard=mark.heard, next=further, newest=newest, read=mark.read + limit)
    if on.read < REACH:
        return Stretch(items, on)
    cut = _cut(strand, on, min(times, default=now), f'"{strand.name}" has more than {REACH} new posts.')
    return cut._replace(items=items)


def _cut(strand: Strand, mark: Mark, until: datetime, reason: str) -> Stretch:
    return Stretch([], Mark(heard=mark.newest or mark.heard), [Gap(mark.heard, max(until, mark.heard), reason)])


def _when(strand: Strand, item: Any) -> datetime | None:
    """When an item was seen; None where it cannot be read."""
    try:
        return strand.at(item)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _further(cursor: str, strand: Strand, mark: Mark, is_short: bool) -> str:
    """Where the next page begins; empty where there is none.

    Notifications continue *before* a time, so a page begins one tick late lest
    those that share it be lost. Where that leads nowhere, either all is read,
    or one tick fills a page.
    """
    at = None if strand.is_search else moment(cursor, lenient=True)
    overlapping = timestamp(at + timedelta(milliseconds=1)) if at else cursor
    if overlapping == mark.next:
        return "" if is_short else cursor
    return overlapping
