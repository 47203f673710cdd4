"""The first understanding of a mention: plain rules over words, the same for the same text every time."""

from __future__ import annotations

from collections.abc import Iterable

from listener.analysis import sentiment
from listener.analysis.folding import LONGEST
from listener.analysis.intent import Evidence, emotion, intent
from listener.analysis.language import UNKNOWN, Languages, two_letters
from listener.analysis.lexicon import Lexicon
from listener.analysis.severity import SeverityRules
from listener.analysis.topics import topics
from storage.assessment import Assessment, Intent, Polarity, Reason

#: Code and words that judge; it changes whenever one of them may judge differently.
MODEL = "first-1"

_ASKING = (Intent.QUESTION, Intent.SUGGESTION, Intent.PURCHASE, Intent.OPPORTUNITY, Intent.SPAM)

#: A platform's word for the language is believed unless the text says otherwise with this confidence.
CERTAIN = 0.8


class Assessor:
    """Judges texts; `languages` are those that the owner speaks. Made once: it compiles all its words."""

    def __init__(self, languages: Iterable[str] = ("en",)) -> None:
        self._languages = Languages(languages)
        self._lexicon = Lexicon()
        self._severity = SeverityRules(self._lexicon)
        self._sentiment = sentiment.Sentiment()

    def assess(self, text: str, *, rating: float | None = None, platform: str = "", language: str = "") -> Assessment:
        """What `text` is and wants; never raises for what somebody wrote.

        `rating` is in stars, 1 to 5. `language` is what the platform says. Text is read up to `folding.LONGEST`.
        """
        text = text[:LONGEST]
        spoken = self._language(text, language)
        reading = self._lexicon.read(text)
        score = self._sentiment.score(reading.literal) if self._reads(spoken) else 0.0
        severity, reasons = self._severity.judge(reading)
        evidence = Evidence(reading, text, score, rating, severity)
        wants, why_wants = intent(evidence)
        side, confidence = sentiment.polarity(evidence.balance, rating, asks=wants in _ASKING)
        if evidence.sarcasm:
            side, confidence = (Polarity.NEGATIVE if rating is None else side), min(confidence, 0.5)
        feels, why_feels = emotion(evidence, side)
        about, why_about = topics(reading)
        return Assessment(
            language=spoken,
            sentiment=score,
            polarity=side,
            confidence=confidence,
            emotion=feels,
            intent=wants,
            severity=severity,
            topics=about,
            reasons=(_why_side(evidence, side), why_wants, *reasons, why_feels, *why_about),
            model=MODEL,
            sarcasm=bool(evidence.sarcasm),
        )

    def _language(self, text: str, hint: str) -> str:
        told, heard = two_letters(hint), self._languages.tell(text)
        return told if told and heard.confidence < CERTAIN else heard.code

    def _reads(self, language: str) -> bool:
        """Whether VADER may judge: it is English, or too short to tell and the owner speaks English."""
        return language == "en" or (language == UNKNOWN.code and self._languages.speaks_english)


def _why_side(evidence: Evidence, side: Polarity) -> Reason:
    if evidence.rating is not None:
        return Reason(f"polarity: {side}", (), f"{evidence.rating:g} stars")
    hits = {Polarity.NEGATIVE: evidence.complaints, Polarity.POSITIVE: evidence.praises}.get(side, [])
    return Reason(f"polarity: {side}", evidence.reading.said(hits), f"balance of words {evidence.balance:+.2f}")
