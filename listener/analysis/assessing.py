"""The understanding of a mention: trained tables and rules over words, the same for the same text every time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from listener.analysis import sentiment
from listener.analysis.folding import LONGEST
from listener.analysis.gauge import Gauge, Measured
from listener.analysis.intent import emotion, intent
from listener.analysis.language import UNKNOWN, Languages, two_letters
from listener.analysis.opinion import Deep, Judge, Knows, Opinion
from listener.analysis.severity import widened
from listener.analysis.topics import topics
from responders.drafting.base import Language
from storage.assessment import Assessment, Polarity, Reason

#: What judges here; the version of the tables stands behind it, and the name of the deep model where it has a say.
MODEL = "table-1"

#: A platform's word for the language is believed unless the text says otherwise with this confidence.
CERTAIN = 0.8

#: From this chance on, something is likelier than not.
LIKELY = 0.5

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
    "thank", "because", "about", "after", "before", "could", "should", "didn't", "doesn't", "isn't", "wasn't", "can't",
    "won't", "couldn't", "they're", "you're", "we're", "i've", "i'll", "that's", "there's", "who", "why", "where",
    "which", "while", "than", "then", "these", "those", "them", "again", "never", "still", "very", "really", "being",
    "does", "did", "got", "need", "know", "back", "every", "only", "always", "anyone", "someone", "please",
})  # fmt: skip
ENGLISH = Language("en", 0.9)


class Asked(NamedTuple):
    """One text to judge: its stars, what its platform says of its language, what the larger model thinks."""

    text: str
    rating: float | None = None
    language: str = ""
    second: Opinion | None = None


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
        language: str = "",
        second: Opinion | None = None,
    ) -> Assessment:
        """What `text` is and wants; never raises for what somebody wrote.

        `rating` is in stars, 1 to 5. `language` is what the platform says.
        `second` is what `think` said of the text. Text is read up to
        `folding.LONGEST`.
        """
        return self.assess_all([Asked(text, rating, language, second)])[0]

    def assess_all(self, asked: Sequence[Asked]) -> list[Assessment]:
        """As `assess` for each, and nearly twice as fast: each step is done for all of them, while it is at hand."""
        texts = [each.text[:LONGEST] for each in asked]
        spoken = [self._language(text, each.language) for text, each in zip(texts, asked, strict=True)]
        knows = list(map(self._knows, spoken))
        measured = self._gauge.measure_all(texts, [each.english for each in knows], [each.rating for each in asked])
        opinions = self._judge.think_all(measured, knows)
        return [
            # The larger model reads English alone.
            self._decide(text, opinion, each.second if known.english else None, language, known)
            for text, opinion, each, language, known in zip(measured, opinions, asked, spoken, knows, strict=True)
        ]

    def _decide(
        self, measured: Measured, opinion: Opinion, second: Opinion | None, spoken: str, knows: Knows
    ) -> Assessment:
        if second is not None:
            opinion = opinion.mixed(second)
        evidence, labels = measured.evidence, self._judge.labels
        complaint = self._chance(opinion, "sense", "complaint")
        complains = complaint >= self._judge.thresholds["sense"][labels["sense"].index("complaint")]
        side, sure = sentiment.polarity(
            opinion, evidence.rating, bad=evidence.is_trouble or complains, good=evidence.is_surely_praise
        )
        sarcasm = bool(evidence.sarcasm)
        if sarcasm:
            side, sure = (Polarity.NEGATIVE if evidence.rating is None else side), min(sure, 0.5)
        suspected = [] if evidence.reading.denies else self._suspected(opinion, side)
        severity, more = widened(evidence.severity, suspected)
        likely = sarcasm or bool(evidence.complaints) or not knows.labels or complaint >= self._judge.enough
        wants, why_wants = intent(evidence, side, opinion, labels["intent"], complaint=likely)
        feels, why_feels = emotion(evidence, side, opinion, labels["emotion"], sarcasm=sarcasm)
        about, why_about = topics(evidence.reading, self._beliefs(opinion, "topic"))
        why_side = self._why(measured, side, english=knows.english)
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
            model=f"{self.model}+{self.deep.name}" if second is not None and self.deep else self.model,
            sarcasm=sarcasm,
        )

    def _suspected(self, opinion: Opinion, side: Polarity) -> list[tuple[str, float]]:
        """The kinds of severity that the tables believe; of what is positive, those that are likelier than not."""
        beliefs = self._beliefs(opinion, "severity")
        return [each for each in beliefs if side is not Polarity.POSITIVE or each[1] >= LIKELY]

    def _beliefs(self, opinion: Opinion, group: str) -> list[tuple[str, float]]:
        """The labels of `group` that reach their threshold, with their chances."""
        each = zip(self._judge.labels[group], opinion.chances[group], self._judge.thresholds[group], strict=True)
        return [(label, chance) for label, chance, threshold in each if chance >= threshold]

    def _chance(self, opinion: Opinion, group: str, label: str) -> float:
        return opinion.chances[group][self._judge.labels[group].index(label)]

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

    def _knows(self, language: str) -> Knows:
        """What the tables know of `language`; what is too short to tell is English where the owner speaks it."""
        untold = language == UNKNOWN.code
        english = language == "en" or (untold and self._languages.speaks_english)
        return Knows(english, untold or language in POLARITY_OF, untold or language in LABELS_OF)


def _is_plain_english(text: str) -> bool:
    """Whether one word in five, and at least three, are among the commonest of English; that spares the detector."""
    words = text[:400].lower().split()
    common = sum(map(_ENGLISH.__contains__, words))
    return common >= 3 and common * 5 >= len(words)
