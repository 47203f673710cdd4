"""Which way a text goes: stars first, then what the tables think and the rules found."""

from __future__ import annotations

from listener.analysis.opinion import SIDES, Opinion
from storage.assessment import Polarity

#: Three stars are neutral, unless the words lean further than this.
STRONG = 0.6


def polarity(opinion: Opinion, rating: float | None, *, bad: bool, good: bool) -> tuple[Polarity, float]:
    """Which way it goes, and how sure that is, 0 to 1; stars outrank words.

    `bad` says that it is severe by a rule, or surely a complaint; `good` that
    a rule is sure of its praise, and outranks the tables.
    """
    negative, _, positive = opinion.polarity
    if rating is not None:
        return _by_stars(positive - negative, rating)
    if good:
        return Polarity.POSITIVE, max(positive, 0.7)
    if bad:
        return Polarity.NEGATIVE, max(negative, 0.7)
    chance, side = max(zip(opinion.polarity, SIDES, strict=True))
    return side, chance


def _by_stars(words: float, rating: float) -> tuple[Polarity, float]:
    if rating <= 2:
        return Polarity.NEGATIVE, 0.95 if words <= 0 else 0.7
    if rating >= 4:
        return Polarity.POSITIVE, 0.95 if words >= 0 else 0.7
    if abs(words) >= STRONG:
        return (Polarity.POSITIVE if words > 0 else Polarity.NEGATIVE), 0.6
    return Polarity.NEUTRAL, 0.7
