"""The way through an account's lists: posts, those that name it, and the conversations below its own.

Meta has no list of all new comments. So a round lists the posts of the last
weeks and reads the conversations below those that changed since they were
last read. What is still to be read stands in the cursor, so a round that is
cut short goes on where it was. Meta's marks of pages do not last for days;
they are used within one round only, and time leads from one to the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from yarl import URL

from connectors.base import Cursor, Fault, Gone, Post

#: How old a post may be whose conversation is listened to, and how far the first round looks back.
WATCHED = timedelta(days=30)
#: How late something may be shown; that much is read again each time, and repeats are dropped by their id.
OVERLAP = timedelta(hours=1)
#: How often a conversation is read as a whole, whether it looks changed or not: for edits, and for what was shown late.
SWEEP = timedelta(hours=6)
#: A list is read this far in one round.
PAGES = 100

#: The parts of Meta's link to the next page that lead on; the link itself holds the token and might lead anywhere.
_ONWARD = ("after", "until", "__paging_token")


class Errand(NamedTuple):
    """A list to be read: an edge of a node, newest first, back to `since` (seconds since 1970).

    `page` leads to its next page (empty: the first), `number` counts them.
    `url` is where people see the node.
    """

    edge: str
    node: str
    since: float = 0
    url: str = ""
    page: Mapping[str, str] = {}
    number: int = 0


class Talk(NamedTuple):
    """A conversation below a node; its `stamp` changes with it. Without a stamp it is read whenever it is met."""

    edge: str
    node: str
    url: str
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """One page of a list: what could be read, oldest first, what could not, and where it leads.

    `times` are those of all items, `talks` the conversations below them.
    """

    posts: Sequence[Post | Gone] = ()
    faults: Sequence[Fault] = ()
    times: Sequence[datetime] = ()
    talks: Sequence[Talk] = ()


@dataclass(frozen=True, slots=True)
class Walk:
    """How far the lists were read; times are seconds since 1970, 0 stands for none.

    `heard` is when the last whole round began, `began` when the one under way
    did; `queue` is what that one has still to read. `seen` holds of every
    watched conversation its stamp, when it was last read and when last as a
    whole. `closed` are lists that Meta has given up, with the version that
    said so.
    """

    heard: float = 0
    began: float = 0
    queue: tuple[Errand, ...] = ()
    seen: Mapping[str, tuple[str, float, float]] = field(default_factory=dict)
    closed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: Cursor | None) -> Walk:
        """The walk that a cursor tells of."""
        if not cursor:
            return cls()
        queue = tuple(Errand(*each) for each in cursor["queue"])
        seen = {node: (stamp, read, swept) for node, (stamp, read, swept) in cursor["seen"].items()}
        return cls(cursor["heard"], cursor["began"], queue, seen, cursor["closed"])

    @property
    def cursor(self) -> dict[str, Any]:
        """This walk, to be stored."""
        return {
            "heard": self.heard,
            "began": self.began,
            "queue": [list(errand) for errand in self.queue],
            "seen": {node: list(mark) for node, mark in self.seen.items()},
            "closed": dict(self.closed),
        }

    def begin(self, edges: Mapping[str, bool], node: str, version: str, now: datetime) -> Walk:
        """A new round through these edges of `node`; true marks the list whose conversations are watched."""
        watched = (now - WATCHED).timestamp()
        fresh = max(self.heard - OVERLAP.total_seconds(), watched)
        queue = (
            Errand(edge, node, watched if is_watched else fresh)
            for edge, is_watched in edges.items()
            if self.closed.get(edge) != version
        )
        return replace(self, began=now.timestamp(), queue=tuple(queue))

    def after(self, parsed: Parsed, onward: Mapping[str, str]) -> Walk:
        """The walk after a page of its first errand; `onward` leads to the next page (empty: there is none)."""
        errand, *rest = self.queue
        seen, talks = dict(self.seen), []
        for talk in parsed.talks:
            since = self._since(talk)
            if since is not None:
                talks.append(Errand(talk.edge, talk.node, since, talk.url))
                seen |= self._mark(talk, since)
        is_met = bool(parsed.times) and all(time.timestamp() < errand.since for time in parsed.times)
        goes_on = bool(onward) and onward != errand.page and not is_met and errand.number + 1 < PAGES
        next_page = [errand._replace(page=onward, number=errand.number + 1)] if goes_on else []
        return replace(self, seen=seen, queue=(*talks, *rest, *next_page))._ended()

    def without(self) -> Walk:
        """The walk past an errand that leads nowhere."""
        return replace(self, queue=self.queue[1:])._ended()

    def close(self, version: str) -> Walk:
        """The walk past a list that Meta has given up; it is asked for again under another version only."""
        return replace(self, closed={**self.closed, self.queue[0].edge: version}).without()

    def _since(self, talk: Talk) -> float | None:
        """How far back a conversation must be read, 0 for all of it; None: not at all."""
        if not talk.stamp:
            return 0
        stamp, read, swept = self.seen.get(talk.node, ("", 0, 0))
        if self.began - swept >= SWEEP.total_seconds():
            return 0
        return read - OVERLAP.total_seconds() if stamp != talk.stamp else None

    def _mark(self, talk: Talk, since: float) -> dict[str, tuple[str, float, float]]:
        if not talk.stamp:
            return {}
        swept = self.seen[talk.node][2] if since else self.began
        return {talk.node: (talk.stamp, self.began, swept)}

    def _ended(self) -> Walk:
        """The same walk; if the round is over, ready for the next, without conversations that are no longer watched."""
        if self.queue:
            return self
        oldest = self.began - 2 * SWEEP.total_seconds()
        seen = {node: mark for node, mark in self.seen.items() if mark[1] >= oldest}
        return Walk(heard=self.began, seen=seen, closed=self.closed)


def onward(payload: Mapping[str, Any]) -> dict[str, str]:
    """What leads to the next page of a list; empty where there is none."""
    paging = payload.get("paging")
    link = paging.get("next") if isinstance(paging, Mapping) else None
    try:
        query = URL(link).query if isinstance(link, str) else {}
    except ValueError:
        return {}
    return {name: query[name] for name in _ONWARD if query.get(name)}
