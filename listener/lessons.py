"""What staff have taught: each business's own view of who is meant, and of what is a complaint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from config.settings import BusinessSettings
from listener.analysis.calibration import Calibration
from listener.analysis.fewshot import Example, Features, FewShot, ngrams
from listener.analysis.query import parse_query
from listener.analysis.relevance import Relevance
from storage import Session, corrections

#: How old a lesson may get, and how many marks of both kinds it takes to learn who is meant.
EVERY = timedelta(minutes=1)
FEWEST = 3


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is known of one business at one time."""

    relevance: Relevance
    calibration: Calibration
    at: datetime
    marked: tuple[tuple[str, bool], ...] = ()
    head: FewShot | None = None


@dataclass(slots=True)
class Lessons:
    """The lessons of all businesses; `features` turns texts into numbers, given the words that say nothing."""

    features: Callable[[Iterable[str]], Features] = ngrams
    _learned: dict[str, Lesson] = field(default_factory=dict)

    async def of(self, session: Session, business: BusinessSettings, now: datetime) -> Lesson:
        """What staff have taught about `business` so far."""
        known = self._learned.get(business.id)
        if known is not None and abs(now - known.at) < EVERY:
            return known
        marked = tuple(await corrections.marked(session, business.id))
        head = known.head if known and known.marked == marked else await self._learn(business, marked)
        calibration = Calibration(await corrections.polarities(session, business.id))
        lesson = Lesson(Relevance(business.query, head), calibration, now, marked, head)
        self._learned[business.id] = lesson
        return lesson

    async def _learn(self, business: BusinessSettings, marked: tuple[tuple[str, bool], ...]) -> FewShot | None:
        ours = sum(is_ours for _, is_ours in marked)
        if min(ours, len(marked) - ours) < FEWEST:
            return None
        names = [business.business.name, *(term.text for term in parse_query(business.query.match).wanted)]
        examples = [Example(text, is_ours) for text, is_ours in marked]
        return await asyncio.to_thread(FewShot.fit, examples, self.features(names))
