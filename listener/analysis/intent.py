"""What the writer wants, and how they feel about it: rules over words, stars and severity."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from listener.analysis.lexicon import Hit, Reading

if TYPE_CHECKING:
    from listener.analysis.opinion import Opinion
from storage.assessment import Emotion, Intent, Polarity, Reason, Severity, SeverityKind, SeverityLevel

_PRAISE = {"praise.strong": 1.0, "praise.plain": 0.5, "praise.thanks": 0.3, "praise.other_languages": 0.8}
_COMPLAINT = {
    "complaint.strong": 1.0,
    "complaint.service": 0.7,
    "complaint.fault": 0.7,
    "complaint.other_languages": 0.8,
}

#: Words of waiting and of long times are a complaint when so few characters lie between them.
_WAIT_REACH = 30

#: An emotion is named from this chance on, and where the next one is so far behind; else it is unsure.
LEAST_CHANCE, LEAST_MARGIN = 0.2, 0.02

#: Which emotions go with which side; without feeling one may be on any.
_FITTING = {
    Polarity.NEGATIVE: {"angry", "disappointed", "anxious", "confused", "neutral"},
    Polarity.NEUTRAL: {"confused", "anxious", "neutral", "content", "disappointed"},
    Polarity.POSITIVE: {"delighted", "grateful", "content", "neutral"},
}

#: What a text on one side does not want.
_AGAINST = {
    Polarity.NEGATIVE: ("praise", "other"),
    Polarity.NEUTRAL: ("complaint", "praise"),
    Polarity.POSITIVE: ("complaint", "other"),
}

_RUNS_ON = re.compile(r"\?\s*\S")


class Evidence:
    """All that the decisions go by: the words found, VADER's score (0 where it was not asked), stars, severity."""

    def __init__(
        self,
        reading: Reading,
        text: str,
        sentiment: float,
        rating: float | None,
        severity: Severity,
        why_severe: Sequence[Reason] = (),
    ) -> None:
        self.reading = reading
        self.rating = rating
        self.severity = severity
        #: Why it is severe.
        self.why_severe = why_severe
        plain = reading.plain(*_COMPLAINT)
        turned = [*self._long_waits, *self._negated("praise.strong"), *self._negated("praise.plain")]
        #: What complains, and how much, 0 to 2.
        self.complaints = plain + turned
        self.complaint = min(_weight(reading, _COMPLAINT) + 0.7 * len(turned), 2.0) if self.complaints else 0.0
        #: What praises, and how much, 0 to 2.
        self.praises = reading.plain(*_PRAISE)
        self.praise = min(_weight(reading, _PRAISE), 2.0) if self.praises else 0.0
        #: Which way the words go: below 0 they complain. What is severe weighs more than any praise.
        self.balance = 0.6 * sentiment + 0.6 * self.praise - 0.7 * self.complaint - self._harm
        #: Whether it is a question: a question mark after an interrogative, or words that ask.
        self.asks = "question.asks" in reading.hits or ("?" in text and self._inquires(text))
        #: Nice words beside a complaint, or against the stars: it may be meant the other way round.
        self.sarcasm = self._turned_round()

    @property
    def is_trouble(self) -> bool:
        """Whether a rule finds it severe, or that somebody leaves because of us: no words of praise outweigh that."""
        return self.severity.level >= SeverityLevel.HIGH or SeverityKind.LEAVING in self.severity.kinds

    @property
    def is_surely_praise(self) -> bool:
        """Whether it praises in words of blame ("no complaints"), and nothing speaks against it."""
        sure = self.reading.plain("praise.sure")
        turns = [
            hit
            for hit in self.reading.hits.get("sarcasm.contrast", ())
            if not any(each.start <= hit.start and hit.end <= each.end for each in sure)  # "nothing but praise"
        ]
        return bool(sure) and not (self.complaints or self.severity.kinds or turns)

    @property
    def _harm(self) -> float:
        """What severity weighs in the balance."""
        if self.severity.level is SeverityLevel.NOTICE:
            return 0.0 if self.severity.kinds == (SeverityKind.VIRAL,) else 0.4  # what goes viral may be praise
        return 2.0 if self.severity.level else 0.0

    def _inquires(self, text: str) -> bool:
        opens = any(self._opens(hit) for hit in self.reading.hits.get("question.open", ()))
        return opens or not _RUNS_ON.search(text)

    def _turned_round(self) -> list[Hit]:
        signs = self.reading.hits.get("sarcasm.sign", [])
        if self.rating is not None and self.rating <= 2 and self.praise >= 1 and not self.complaint:
            return self.praises
        if not self.complaints and self.severity.level is SeverityLevel.NONE:
            return []
        return signs or ([] if "sarcasm.contrast" in self.reading.hits or self.praise < 1 else self.praises)

    @property
    def _long_waits(self) -> list[Hit]:
        long = self.reading.hits.get("complaint.long")
        if not long:
            return []
        return [
            Hit(min(wait.start, time.start), max(wait.end, time.end))
            for wait in self.reading.hits.get("complaint.waiting", [])[:20]
            for time in long[:20]
            if max(wait.start, time.start) - min(wait.end, time.end) <= _WAIT_REACH
        ][:1]

    def _negated(self, name: str) -> list[Hit]:
        return [hit for hit in self.reading.hits.get(name, ()) if self.reading.negated(hit)]

    def _opens(self, hit: Hit) -> bool:
        """Whether `hit` begins the text or a sentence of it."""
        before = self.reading.hay[: hit.start].rstrip()
        return not before or not before[-1].isalnum() or before.count(" ") < 2


def _weight(reading: Reading, weights: dict[str, float]) -> float:
    return sum(weight * len(reading.plain(name)) for name, weight in weights.items() if name in reading.hits)


def intent(
    evidence: Evidence, side: Polarity, opinion: Opinion, labels: Sequence[str], *, complaint: bool
) -> tuple[Intent, Reason]:
    """What the writer wants, with the words that say so; `labels` names the chances of the opinion's intents.

    The rules decide where they are nearly always right, and stars where there
    are any. Only what is negative complains, where rules or tables believe in a
    `complaint`, and only what is positive praises.
    """
    reading, rating = evidence.reading, evidence.rating
    if words := _spam(reading):
        return Intent.SPAM, Reason("intent: spam", reading.said(words), "words of advertising")
    if evidence.is_trouble:
        why = "what is severe is a complaint"
        return Intent.COMPLAINT, Reason("intent: complaint", reading.said(evidence.complaints), why)
    against = _AGAINST[side] if complaint or side is not Polarity.NEGATIVE else ("complaint", "praise")
    chance, label = max(each for each in zip(opinion.chances["intent"], labels, strict=True) if each[1] not in against)
    wants = Intent(label)
    if rating is not None and wants in (Intent.COMPLAINT, Intent.PRAISE, Intent.OTHER):
        wants = _by_stars(wants, rating)
    return wants, Reason(f"intent: {wants}", reading.said(_words(evidence, wants)), f"{chance:.0%} likely")


def _by_stars(wants: Intent, rating: float) -> Intent:
    return Intent.COMPLAINT if rating <= 2 else Intent.PRAISE if rating >= 4 else wants


def _words(evidence: Evidence, wants: Intent) -> Sequence[Hit]:
    """What the lists know of the words that say so."""
    if wants is Intent.COMPLAINT:
        return evidence.complaints
    if wants is Intent.PRAISE:
        return evidence.praises
    hits = evidence.reading.hits
    return hits.get(f"{wants}.asks") or (hits.get("question.open", [])[:1] if wants is Intent.QUESTION else [])


def _spam(reading: Reading) -> list[Hit]:
    strong, weak = reading.hits.get("spam.strong", []), reading.hits.get("spam.weak", [])
    return [*strong, *weak] if len(strong) >= 2 or (strong and weak) or len(weak) >= 3 else []


def emotion(
    evidence: Evidence, side: Polarity, opinion: Opinion, labels: Sequence[str], *, sarcasm: bool
) -> tuple[Emotion, Reason]:
    """The coarse state of the writer; `UNSURE` where nothing tells, or where the words may mean the opposite."""
    reading = evidence.reading
    if sarcasm:
        why = "it may be meant the other way round"
        return Emotion.UNSURE, Reason("emotion: unsure", reading.said(evidence.sarcasm), why)
    if side is Polarity.POSITIVE and (thanks := reading.plain("praise.thanks")):
        return Emotion.GRATEFUL, Reason("emotion: grateful", reading.said(thanks), "words of thanks")
    fitting = _FITTING[side]
    chances = {
        label: chance for label, chance in zip(labels, opinion.chances["emotion"], strict=True) if label in fitting
    }
    first, second = sorted(chances, key=chances.__getitem__, reverse=True)[:2]
    if chances[first] < LEAST_CHANCE or chances[first] - chances[second] < LEAST_MARGIN:
        return Emotion.UNSURE, Reason("emotion: unsure", (), f"{first} or {second}")
    words = reading.plain(f"emotion.{first}")
    return Emotion(first), Reason(f"emotion: {first}", reading.said(words), f"{chances[first]:.0%} likely")
