"""What VADER is given, and which way stars and words go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.analysis.sentiment import BEGINNING, END, MOST_EMOJI, Sentiment, polarity, shortened
from storage.assessment import Polarity


@pytest.mark.parametrize("flood", ["😀", "❤️", "good but ", "🇩🇪", "é", "★ "])
def test_vader_is_never_given_a_flood(flood: str) -> None:
    given_to_it = shortened(flood * 100_000)

    pictures = [each for each in given_to_it if each > "\u2100" and not each.isalnum()]
    assert len(given_to_it) <= BEGINNING + END + 1
    assert len(pictures) <= MOST_EMOJI


def test_the_end_of_a_long_review_is_heard() -> None:
    assert shortened("well " * 5_000 + "terrible").endswith("terrible")


@given(st.text(max_size=300))
@settings(max_examples=200)
def test_a_text_without_pictures_is_given_whole(text: str) -> None:
    plain = "".join(each for each in text if each <= "\u2000")

    assert shortened(plain) == plain


def test_a_feeling_has_its_side() -> None:
    feeling = Sentiment()

    assert feeling.score("What a lovely place") > 0.3 > 0 > feeling.score("What a horrible place")


@pytest.mark.parametrize(
    ("words", "rating", "asks", "side"),
    [
        (0.0, None, False, Polarity.NEUTRAL),
        (0.5, None, False, Polarity.POSITIVE),
        (0.5, None, True, Polarity.NEUTRAL),
        (-0.5, None, False, Polarity.NEGATIVE),
        (2.0, 2, False, Polarity.NEGATIVE),
        (-2.0, 4, True, Polarity.POSITIVE),
        (0.5, 3, False, Polarity.NEUTRAL),
        (-0.9, 3, False, Polarity.NEGATIVE),
    ],
)
def test_the_side_follows_stars_then_words(words: float, rating: float | None, asks: bool, side: Polarity) -> None:
    assert polarity(words, rating, asks=asks)[0] == side


def test_stars_and_words_that_agree_are_surer() -> None:
    assert polarity(1.0, 5, asks=False)[1] > polarity(-1.0, 5, asks=False)[1]
