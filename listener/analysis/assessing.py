"""The understanding of a mention: trained tables and rules over words, the same for the same text every time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from listener.analysis import sentiment
from listener.analysis.folding import LONGEST
from listener.analysis.gauge import Gauge, Measured
from listener.analysis.intent import emotion, intent
from listener.analysis.language import UNKNOWN, Languages, two_letters
from listener.analysis.opinion import Deep, Judge, Opinion
from listener.analysis.severity import widened
from listener.analysis.topics import topics
from responders.drafting.base import Language
from storage.assessment import Assessment, Polarity, Reason, SeverityLevel

#: What judges here; the version of the tables stands behind it, and the name of the deep model where it has a say.
MODEL = "table-1"

#: A platform's word for the language is believed unless the text says otherwise with this confidence.
CERTAIN = 0.8

#: How many words a reason quotes.
MOST_WORDS = 3

#: Languages whose polarity the tables have learnt, and those whose other labels they have.
POLARITY_OF = frozenset(("en", "de", "es", "fr", "it", "pt", "ar", "hi"))
LABELS_OF = frozenset(("en", "de", "es", "fr", "it"))


#: Words that stand in most English sentences and in hardly one of another language.
_ENGLISH = frozenset({
    "the", "and", "is", "was", "my", "this", "for", "with", "you", "they", "have", "it", "to", "of", "are", "we",
    "your", "but", "that", "not", "what", "when", "just", "our", "i", "i'm", "been", "how", "get", "their", "from",
    "would", "there", "has", "had", "were", "be", "it's", "don't", "if", "can", "will", "us", "out", "thanks",
})  # fmt: skip
ENGLISH = Language("en", 0.9)


class Assessor:
    """Judges texts; `languages` are those that the owner speaks. Made once: it reads all its words and tables."""

    def __init__(self, languages: Iterable[str] = ("en",), deep: Deep | None = None) -> None:
        self._languages = Languages(languages)
        self._gauge = Gauge()
        self._judge = Judge()
        #: The larger model, where one is installed: `think` asks it.
        self.deep = deep
        self.model = f"{MODEL}-{self._judge.version}"

    def think(self, texts: Sequence[str]) -> list[Opinion | None]:
        """What the larger model thinks of each text, for `assess`; slow, so ask in a thread. None where there is none."""
        return list(self.deep.opinions([text[:LONGEST] for text in texts])) if self.deep else [None] * len(texts)

    def assess(
        self,
        text: str,
        *,
        rating: float | None = None,
        platform: str = "",
        language: str = "",
        second: Opinion | None = None,
    ) -> Assessment:
        """What `text` is and wants; never raises for what somebody wrote.

        `rating` is in stars, 1 to 5. `language` is what the platform says.
        `second` is what `think` said of the text. Text is read up to
        `folding.LONGEST`.
        """
        text = text[:LONGEST]
        spoken = self._language(text, language)
        english = self._reads(spoken)
        measured = self._gauge.measure(text, english=english, rating=rating)
        known = english or spoken == UNKNOWN.code
        opinion = self._judge.think(
            measured, english=english, sides=known or spoken in POLARITY_OF, labels=known or spoken in LABELS_OF
        )
        if not english:
            second = None  # the larger model reads English alone
        if second is not None:
            opinion = opinion.mixed(second)
        return self._decide(measured, opinion, spoken, english=english, deep=second is not None)

    def _decide(self, measured: Measured, opinion: Opinion, spoken: str, *, english: bool, deep: bool) -> Assessment:
        evidence, labels = measured.evidence, self._judge.labels
        severe = evidence.severity.level >= SeverityLevel.HIGH
        complains = self._believed(opinion, "sense", "complaint")
        side, sure = sentiment.polarity(
            opinion, evidence.rating, bad=severe or complains, good=evidence.is_surely_praise
        )
        sarcasm = bool(evidence.sarcasm)
        if sarcasm:
            side, sure = (Polarity.NEGATIVE if evidence.rating is None else side), min(sure, 0.5)
        suspected = [] if evidence.reading.denies else self._beliefs(opinion, "severity")
        severity, more = widened(evidence.severity, suspected)
        wants, why_wants = intent(evidence, side, opinion, labels["intent"])
        feels, why_feels = emotion(evidence, side, opinion, labels["emotion"], sarcasm=sarcasm)
        about, why_about = topics(evidence.reading, self._beliefs(opinion, "topic"))
        why_side = self._why(measured, side, english=english)
        return Assessment(
            language=spoken,
            sentiment=round(opinion.intensity, 4),
            polarity=side,
            confidence=round(sure, 2),
            emotion=feels,
            intent=wants,
            severity=severity,
            topics=about,
            reasons=(why_side, why_wants, *evidence.why_severe, *more, why_feels, *why_about),
            model=f"{self.model}+{self.deep.name}" if deep and self.deep else self.model,
            sarcasm=sarcasm,
        )

    def _beliefs(self, opinion: Opinion, group: str) -> list[tuple[str, float]]:
        """The labels of `group` that reach their threshold, with their chances."""
        each = zip(self._judge.labels[group], opinion.chances[group], self._judge.thresholds[group], strict=True)
        return [(label, chance) for label, chance, threshold in each if chance >= threshold]

    def _believed(self, opinion: Opinion, group: str, label: str) -> bool:
        place = self._judge.labels[group].index(label)
        return opinion.chances[group][place] >= self._judge.thresholds[group][place]

    def _why(self, measured: Measured, side: Polarity, *, english: bool) -> Reason:
        """The words that lean most to `side`, in the order in which they stand."""
        if measured.evidence.rating is not None:
            return Reason(f"polarity: {side}", (), f"{measured.evidence.rating:g} stars")
        leaning = self._judge.leaning(measured, side, english=english)
        most = sorted(range(len(leaning)), key=leaning.__getitem__, reverse=True)[:MOST_WORDS]
        reading, places = measured.evidence.reading, [place for place in sorted(most) if leaning[place] > 0]
        words = reading.written(measured.counted.spans(reading.plain_text, places))
        return Reason(f"polarity: {side}", words, f"weighs most in {MODEL}")

    def _language(self, text: str, hint: str) -> str:
        told, heard = two_letters(hint), ENGLISH if _is_plain_english(text) else self._languages.tell(text)
        return told if told and heard.confidence < CERTAIN else heard.code

    def _reads(self, language: str) -> bool:
        """Whether it is judged as English: it is, or it is too short to tell and the owner speaks English."""
        return language == "en" or (language == UNKNOWN.code and self._languages.speaks_english)


def _is_plain_english(text: str) -> bool:
    """Whether one word in five, and at least three, are among the commonest of English; that spares the detector."""
    words = text[:400].lower().split()
    common = sum(map(_ENGLISH.__contains__, words))
    return common >= 3 and common * 5 >= len(words)
