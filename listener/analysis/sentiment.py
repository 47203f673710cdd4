"""How a text feels, and which way that goes: VADER for English, words and stars for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.assessment import Polarity

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

#: VADER's cost grows with the square of the length (4,000 emoji cost 22 s); it is given no more than this.
BEGINNING, END = 1_500, 500
MOST_EMOJI = 40

#: Weaker feelings than this are neutral; where something is asked or proposed, weaker than `PLAIN`.
NEUTRAL, PLAIN = 0.25, 0.9

#: Three stars are neutral, unless the words are stronger than this.
STRONG = 0.8


class Sentiment:
    """VADER (Hutto & Gilbert, 2014), which knows English only: ask it about nothing else."""

    def __init__(self) -> None:
        self._analyzer: SentimentIntensityAnalyzer | None = None

    def score(self, text: str) -> float:
        """How `text` feels, from -1 (bitter) to 1 (delighted): VADER's compound score."""
        if self._analyzer is None:
            from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

            self._analyzer = SentimentIntensityAnalyzer()
        return float(self._analyzer.polarity_scores(shortened(text))["compound"])


def shortened(text: str) -> str:
    """What VADER is given of `text`: beginning and end, and the first emoji only."""
    if len(text) > BEGINNING + END:
        text = f"{text[:BEGINNING]} {text[-END:]}"
    if text.isascii():
        return text
    pictures = 0
    kept = []
    for character in text:
        if character > "\u2000" and not character.isalnum() and not "\u2010" <= character <= "\u206f":
            pictures += 1
            if pictures > MOST_EMOJI:
                continue
        kept.append(character)
    return "".join(kept)


def polarity(words: float, rating: float | None, *, asks: bool) -> tuple[Polarity, float]:
    """Which way it goes, and how sure that is, 0 to 1.

    `words` is the balance of the words, negative where they complain; `asks`
    that the text wants to know or proposes something. Stars outrank words.
    """
    if rating is not None:
        return _by_stars(words, rating)
    if abs(words) < (PLAIN if asks else NEUTRAL):
        return Polarity.NEUTRAL, 0.5 if words else 0.4
    side = Polarity.POSITIVE if words > 0 else Polarity.NEGATIVE
    return side, round(min(0.5 + 0.25 * abs(words), 0.85), 2)


def _by_stars(words: float, rating: float) -> tuple[Polarity, float]:
    if rating <= 2:
        return Polarity.NEGATIVE, 0.95 if words <= 0 else 0.7
    if rating >= 4:
        return Polarity.POSITIVE, 0.95 if words >= 0 else 0.7
    if abs(words) >= STRONG:
        return (Polarity.POSITIVE if words > 0 else Polarity.NEGATIVE), 0.6
    return Polarity.NEUTRAL, 0.7
