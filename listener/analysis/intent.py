"""What the writer wants, and how they feel about it: rules over words, stars and severity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from listener.analysis.lexicon import Hit, Reading
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

_RUNS_ON = re.compile(r"\?\s*\S")


@dataclass(frozen=True)
class Evidence:
    """All that the decisions go by: the words found, VADER's score (0 where it was not asked), stars, severity."""

    reading: Reading
    text: str
    sentiment: float
    rating: float | None
    severity: Severity

    @cached_property
    def complaints(self) -> list[Hit]:
        """What complains."""
        turned = [hit for name in ("praise.strong", "praise.plain") for hit in self._negated(name)]
        return self.reading.plain(*_COMPLAINT) + self._long_waits + turned

    @cached_property
    def praises(self) -> list[Hit]:
        """What praises."""
        return self.reading.plain(*_PRAISE)

    @cached_property
    def complaint(self) -> float:
        """How much complains, 0 to 2."""
        turned = len(self.complaints) - len(self.reading.plain(*_COMPLAINT))
        return min(_weight(self.reading, _COMPLAINT) + 0.7 * turned, 2.0)

    @cached_property
    def praise(self) -> float:
        """How much praises, 0 to 2."""
        return min(_weight(self.reading, _PRAISE), 2.0)

    @cached_property
    def balance(self) -> float:
        """Which way the words go: below 0 they complain. What is severe weighs more than any praise."""
        severe = {SeverityLevel.NONE: 0.0, SeverityLevel.NOTICE: 0.4}.get(self.severity.level, 2.0)
        if self.severity.kinds == (SeverityKind.VIRAL,) and self.severity.level is SeverityLevel.NOTICE:
            severe = 0.0  # what goes viral may be praise
        return 0.6 * self.sentiment + 0.6 * self.praise - 0.7 * self.complaint - severe

    @cached_property
    def asks(self) -> bool:
        """Whether it is a question: a question mark after an interrogative, or words that ask."""
        if "question.asks" in self.reading.hits:
            return True
        opens = any(self._opens(hit) for hit in self.reading.hits.get("question.open", ()))
        return "?" in self.text and (opens or not _RUNS_ON.search(self.text))

    @cached_property
    def sarcasm(self) -> list[Hit]:
        """Nice words beside a complaint, or against the stars: it may be meant the other way round."""
        signs = self.reading.hits.get("sarcasm.sign", [])
        if self.rating is not None and self.rating <= 2 and self.praise >= 1 and not self.complaint:
            return self.praises
        if not self.complaints and self.severity.level is SeverityLevel.NONE:
            return []
        return signs or ([] if "sarcasm.contrast" in self.reading.hits or self.praise < 1 else self.praises)

    @property
    def _long_waits(self) -> list[Hit]:
        long = self.reading.hits.get("complaint.long", ())
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
    return sum(weight * len(reading.plain(name)) for name, weight in weights.items())


def intent(evidence: Evidence) -> tuple[Intent, Reason]:
    """What the writer wants, with the words that say so."""
    reading = evidence.reading
    if words := _spam(reading):
        return Intent.SPAM, Reason("intent: spam", reading.said(words), "words of advertising")
    severe = evidence.severity.level >= SeverityLevel.HIGH or SeverityKind.LEAVING in evidence.severity.kinds
    if severe:
        return Intent.COMPLAINT, Reason(
            "intent: complaint", reading.said(evidence.complaints), "what is severe is a complaint"
        )
    for wanted, most in ((Intent.SUGGESTION, 0.9), (Intent.OPPORTUNITY, 0.6), (Intent.PURCHASE, 0.6)):
        words = reading.hits.get(f"{wanted}.asks", [])
        if words and evidence.complaint <= most and evidence.praise < 2:
            return wanted, Reason(f"intent: {wanted}", reading.said(words), f"words of {wanted}")
    if evidence.asks and evidence.complaint <= 0.6 and evidence.praise < 1:
        asks = reading.hits.get("question.asks", []) or reading.hits.get("question.open", [])[:1]
        return Intent.QUESTION, Reason("intent: question", reading.said(asks), "it asks")
    return _by_feeling(evidence)


def _spam(reading: Reading) -> list[Hit]:
    strong, weak = reading.hits.get("spam.strong", []), reading.hits.get("spam.weak", [])
    return [*strong, *weak] if len(strong) >= 2 or (strong and weak) or len(weak) >= 3 else []


def _by_feeling(evidence: Evidence) -> tuple[Intent, Reason]:
    reading, rating = evidence.reading, evidence.rating
    if rating is not None and rating <= 2:
        return Intent.COMPLAINT, Reason("intent: complaint", reading.said(evidence.complaints), f"{rating:g} stars")
    if evidence.balance <= -0.25 or evidence.sarcasm:
        return Intent.COMPLAINT, Reason("intent: complaint", reading.said(evidence.complaints), "words of complaint")
    if evidence.balance >= 0.25:
        return Intent.PRAISE, Reason("intent: praise", reading.said(evidence.praises), "words of praise")
    if rating is not None and rating >= 4:
        return Intent.PRAISE, Reason("intent: praise", (), f"{rating:g} stars")
    return Intent.OTHER, Reason("intent: other", (), "no rule found what it wants")


def emotion(evidence: Evidence, side: Polarity) -> tuple[Emotion, Reason]:
    """The coarse state of the writer; `UNSURE` where the words do not tell."""
    reading = evidence.reading
    if evidence.sarcasm:
        return Emotion.UNSURE, Reason(
            "emotion: unsure", reading.said(evidence.sarcasm), "it may be meant the other way round"
        )
    order = {
        Polarity.NEGATIVE: (Emotion.ANGRY, Emotion.ANXIOUS, Emotion.DISAPPOINTED, Emotion.CONFUSED),
        Polarity.NEUTRAL: (Emotion.CONFUSED, Emotion.ANXIOUS),
        Polarity.POSITIVE: (Emotion.DELIGHTED,),
    }[side]
    if side is Polarity.POSITIVE and (thanks := reading.plain("praise.thanks")):
        return Emotion.GRATEFUL, Reason("emotion: grateful", reading.said(thanks), "words of thanks")
    for state in order:
        if words := reading.plain(f"emotion.{state}"):
            return state, Reason(f"emotion: {state}", reading.said(words), f"{state} words")
    state = {Polarity.NEGATIVE: Emotion.UNSURE, Polarity.NEUTRAL: Emotion.NEUTRAL, Polarity.POSITIVE: Emotion.CONTENT}[
        side
    ]
    return state, Reason(f"emotion: {state}", (), f"{side}, and no word that says more")
