"""How far one source has listened: which threads are known, and whose replies are still to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from connectors.base import Cursor
from connectors.youtube.parsing import Parsed, Thread

#: Threads that are remembered with their number of replies; a page holds 100.
REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class Owed:
    """A thread whose replies are to be read, and from which page of them on."""

    thread: Thread
    page: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """The cursor, understood.

    `known` maps the newest threads to their number of replies as earlier
    rounds left them, `fresh` those of the round that goes on at `page`, of
    which `pages` are read. `searched` is up to when the search has heard,
    `tried` when it was last asked.
    """

    known: Mapping[str, int] = field(default_factory=dict)
    fresh: Mapping[str, int] = field(default_factory=dict)
    page: str = ""
    pages: int = 0
    owed: tuple[Owed, ...] = ()
    searched: datetime | None = None
    tried: datetime | None = None

    @classmethod
    def of(cls, cursor: Cursor | None) -> Progress:
        """What a cursor tells; without one, nothing is known."""
        if not cursor:
            return cls()
        owed = tuple(Owed(Thread(**each["thread"]), each["page"]) for each in cursor["owed"])
        times = {name: datetime.fromisoformat(cursor[name]) if cursor[name] else None for name in ("searched", "tried")}
        return cls(cursor["known"], cursor["fresh"], cursor["page"], cursor["pages"], owed, **times)

    @property
    def cursor(self) -> dict[str, Any]:
        """To be stored."""
        times = {name: at.isoformat() if (at := getattr(self, name)) else "" for name in ("searched", "tried")}
        return asdict(self) | {"known": dict(self.known), "fresh": dict(self.fresh)} | times

    @property
    def is_first(self) -> bool:
        """Whether nothing was heard before this round."""
        return not self.known

    def after_threads(self, parsed: Parsed, page: str, most: int) -> Progress:
        """After a page of threads: goes on until one is met that is known and has no new reply, or `most` pages."""
        counts = {thread.id: thread.replies for thread in parsed.threads}
        changed = [thread for thread in parsed.threads if thread.replies not in {0, self.known.get(thread.id, 0)}]
        is_met = any(self.known.get(name) == count for name, count in counts.items())
        fresh, pages = {**self.fresh, **counts}, self.pages + 1
        owed = (*self.owed, *(Owed(thread) for thread in changed))
        if page and page != self.page and not (self.is_first or is_met) and pages < most:
            return replace(self, fresh=fresh, page=page, pages=pages, owed=owed)
        known = dict(list({**fresh, **{k: v for k, v in self.known.items() if k not in fresh}}.items())[:REMEMBERED])
        return replace(self, known=known, fresh={}, page="", pages=0, owed=owed)

    def after_replies(self, page: str) -> Progress:
        """After a page of the first owed thread's replies; `page` leads to the next ("": that was all)."""
        first, *others = self.owed
        rest = (Owed(first.thread, page),) if page and page != first.page else ()
        return replace(self, owed=(*rest, *others))

    def without(self, thread: str) -> Progress:
        """The first owed thread cannot be read now: it counts as unknown, so that the next round tries again."""
        known, fresh = ({k: v for k, v in each.items() if k != thread} for each in (self.known, self.fresh))
        return replace(self, known=known, fresh=fresh, owed=self.owed[1:])
