"""Which way stars, words and what is severe go."""

from __future__ import annotations

import pytest

from listener.analysis.opinion import Opinion
from listener.analysis.sentiment import polarity
from storage.assessment import Polarity

BITTER = Opinion((0.9, 0.05, 0.05), -0.5, {})
PLAIN = Opinion((0.2, 0.6, 0.2), 0.0, {})
GLAD = Opinion((0.1, 0.3, 0.6), 0.4, {})
DELIGHTED = Opinion((0.01, 0.04, 0.95), 0.9, {})


@pytest.mark.parametrize(
    ("opinion", "rating", "bad", "side"),
    [
        (PLAIN, None, False, Polarity.NEUTRAL),
        (GLAD, None, False, Polarity.POSITIVE),
        (BITTER, None, False, Polarity.NEGATIVE),
        (DELIGHTED, 2, False, Polarity.NEGATIVE),
        (BITTER, 4, False, Polarity.POSITIVE),
        (GLAD, 3, False, Polarity.NEUTRAL),
        (BITTER, 3, False, Polarity.NEGATIVE),
        (DELIGHTED, None, True, Polarity.NEGATIVE),
        (DELIGHTED, 5, True, Polarity.POSITIVE),
    ],
)
def test_the_side_follows_stars_then_words(opinion: Opinion, rating: float | None, bad: bool, side: Polarity) -> None:
    assert polarity(opinion, rating, bad=bad, good=False)[0] == side


def test_stars_and_words_that_agree_are_surer() -> None:
    assert polarity(GLAD, 5, bad=False, good=False)[1] > polarity(BITTER, 5, bad=False, good=False)[1]


def test_praise_that_a_rule_is_sure_of_outranks_the_tables_but_not_stars() -> None:
    assert polarity(BITTER, None, bad=False, good=True)[0] is Polarity.POSITIVE
    assert polarity(BITTER, 1, bad=False, good=True)[0] is Polarity.NEGATIVE


def test_two_opinions_are_mixed_half_and_half() -> None:
    mine = Opinion((1.0, 0.0, 0.0), -1.0, {"intent": [0.2, 0.8]})
    theirs = Opinion((0.0, 0.5, 0.5), 0.5, {"intent": [0.6, 0.0], "other": [1.0]})

    mixed = mine.mixed(theirs)

    assert mixed == Opinion((0.5, 0.25, 0.25), -0.25, {"intent": [0.4, 0.4]})
