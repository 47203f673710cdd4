"""What is measured of a text before anything judges it: its words, VADER's numbers, its shape, what the rules find."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from listener.analysis.intent import Evidence
from listener.analysis.lexicon import Lexicon, Reading
from listener.analysis.severity import SeverityRules
from listener.analysis.tokens import Counted, count
from listener.analysis.vader import Vader, scores
from storage.assessment import SeverityKind, Topic

#: The lists of words whose hits are counted.
LISTS = (
    *(f"praise.{name}" for name in ("strong", "plain", "thanks", "other_languages")),
    *(f"complaint.{name}" for name in ("strong", "service", "fault", "waiting", "long", "other_languages")),
    *(f"{name}.asks" for name in ("question", "suggestion", "purchase", "opportunity")),
    *("question.open", "spam.strong", "spam.weak", "sarcasm.sign", "sarcasm.contrast"),
    *(f"emotion.{name}" for name in ("angry", "disappointed", "anxious", "confused", "delighted")),
    *(f"topic.{topic}" for topic in Topic if topic is not Topic.OTHER),
)

_KINDS = tuple(SeverityKind)
_PLACES = {name: place for place, name in enumerate(LISTS)}

_SHOUTED = re.compile(r"\b[A-Z]{2,}\b")


@dataclass(slots=True)
class Measured:
    """One text: what the rules go by, its words, and the numbers that the trained tables weigh beside them."""

    evidence: Evidence
    counted: Counted
    numbers: list[float]


class Gauge:
    """Measures texts; made once, for it compiles all the words."""

    def __init__(self) -> None:
        self._lexicon = Lexicon()
        self._severity = SeverityRules(self._lexicon)
        self._vader = Vader()

    def measure(self, text: str, *, english: bool, rating: float | None = None) -> Measured:
        """Measures one text."""
        return self.measure_all([text], [english], [rating])[0]

    def measure_all(
        self, texts: Sequence[str], english: Sequence[bool], ratings: Sequence[float | None]
    ) -> list[Measured]:
        """Measures each of `texts`, step by step for all of them; VADER is asked where one is `english` only."""
        readings = list(map(self._lexicon.read, texts))
        feelings = [
            self._vader.valences(reading.literal) if known else ([], 0, 0.0)
            for reading, known in zip(readings, english, strict=True)
        ]
        shares = [scores(*feeling) for feeling in feelings]
        severe = list(map(self._severity.judge, readings))
        evidence = [
            Evidence(reading, text, share["compound"], rating, *found)
            for reading, text, share, rating, found in zip(readings, texts, shares, ratings, severe, strict=True)
        ]
        counted = [count(reading.plain_text) for reading in readings]
        numbers = [
            [*share.values(), *_feeling(*feeling[:2]), *_shape(each.reading), *_ruled(each)]
            for share, feeling, each in zip(shares, feelings, evidence, strict=True)
        ]
        return list(map(Measured, evidence, counted, numbers))


def _feeling(values: Sequence[float], words: int) -> list[float]:
    if not values:
        return [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, min(words, 100) / 30]
    good = [value for value in values if value > 0]
    bad = [value for value in values if value < 0]
    return [
        min(sum(good), 20.0) / 4,
        max(sum(bad), -20.0) / 4,
        min(len(good), 10) / 3,
        min(len(bad), 10) / 3,
        values[0] / 3,
        values[-1] / 3,
        max(values) / 3,
        min(values) / 3,
        min(words, 100) / 30,
    ]


def _shape(reading: Reading) -> list[float]:
    text = reading.original
    return [
        min(len(text), 2_000) ** 0.5 / 20,
        min(text.count("!"), 4) / 2,
        min(text.count("?"), 3) / 2,
        min(len(_SHOUTED.findall(text)), 5) / 3,
        float('"' in text),
        float("..." in text),
        float("http" in text),
        min(text.count("@"), 3) / 2,
        min(text.count("#"), 3) / 2,
    ]


def _ruled(evidence: Evidence) -> list[float]:
    kinds = evidence.severity.kinds
    counts = [0.0] * len(LISTS)
    for name, hits in evidence.reading.hits.items():
        if name in _PLACES:
            counts[_PLACES[name]] = float(min(len(hits), 2))
    return [
        evidence.complaint,
        evidence.praise,
        evidence.balance,
        min(len(evidence.complaints), 4) / 2,
        min(len(evidence.praises), 4) / 2,
        float(evidence.asks),
        float(bool(evidence.sarcasm)),
        float(evidence.severity.level),
        *([float(kind in kinds) for kind in _KINDS] if kinds else [0.0] * len(_KINDS)),
        *counts,
    ]
