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
_NO_KINDS = [0.0] * len(_KINDS)

_SHOUTED = re.compile(r"\b[A-Z]{2,}\b")


@dataclass(frozen=True, slots=True)
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
        """Measures `text`; VADER is asked where it is `english` only."""
        reading = self._lexicon.read(text)
        literal = reading.literal
        values, words, emphasis = self._vader.valences(literal) if english else ([], 0, 0.0)
        shares = scores(values, words, emphasis)
        severity, reasons = self._severity.judge(reading)
        evidence = Evidence(reading, text, shares["compound"], rating, severity, tuple(reasons))
        numbers = [*shares.values(), *_feeling(values, words), *_shape(reading), *_ruled(evidence)]
        return Measured(evidence, count(reading.plain_text), numbers)


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
    hits = evidence.reading.hits
    kinds = evidence.severity.kinds
    return [
        evidence.complaint,
        evidence.praise,
        evidence.balance,
        min(len(evidence.complaints), 4) / 2,
        min(len(evidence.praises), 4) / 2,
        float(evidence.asks),
        float(bool(evidence.sarcasm)),
        float(evidence.severity.level),
        *([float(kind in kinds) for kind in _KINDS] if kinds else _NO_KINDS),
        *[min(len(hits[name]), 2) if name in hits else 0 for name in LISTS],
    ]
