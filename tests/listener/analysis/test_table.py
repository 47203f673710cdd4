"""A table adds up what words, pairs and numbers say, whatever it remembers."""

from __future__ import annotations

import numpy as np
import pytest

from listener.analysis import table, tokens
from listener.analysis.table import Table
from listener.analysis.tokens import count


@pytest.fixture
def taught() -> Table:
    """Two labels over 2**10 rows, three numbers."""
    chance = np.random.default_rng(1)
    return Table(
        {
            "small.labels": np.array(["good", "bad"]),
            "small.weights": chance.integers(-63, 64, (1 << 10, 2)).astype(np.int8),
            "small.known": np.sort(np.array([tokens.checksum("loaf"), tokens.checksum("good")], np.uint32)),
            "small.meant": np.array([[5, -7], [11, 13]], np.int8),
            "small.scale": np.array([0.5, 0.25], np.float32),
            "small.numbers": np.array([[1, 0], [0, 1], [2, 2]], np.float32),
            "small.bias": np.array([0.1, -0.1], np.float32),
        },
        "small",
    )


def by_hand(taught: Table, text: str, numbers: list[float]) -> list[float]:
    counted = count(text)
    features = [number for word in counted.words for number in tokens.numbers(word)] + counted.pairs
    rows = taught._weights[[number % (1 << 10) for number in features]].astype(float)
    sums = [tokens.checksum(word.removeprefix(tokens.NOT)) for word in counted.words]
    meant = [taught._meant[list(taught._known).index(each)] for each in sums if each in taught._known]
    words = (rows.sum(axis=0) + np.sum(meant, axis=0)) * taught.scale / (len(counted.words) + 1) ** 0.5
    return list(words + np.array(numbers) @ taught._numbers + taught._bias)


@pytest.mark.parametrize("text", ["a good loaf", "not good, good good", "x", "the the the the"])
def test_a_score_is_the_sum_over_words_pairs_and_numbers(taught: Table, text: str) -> None:
    assert taught.score(count(text), [1.0, 0.0, 0.5]).tolist() == pytest.approx(
        by_hand(taught, text, [1.0, 0.0, 0.5]), rel=1e-4
    )


def test_two_tables_side_by_side_score_as_each_alone(taught: Table) -> None:
    text, numbers = count("not a good loaf, a pie"), [1.0, 0.0, 0.5]

    both = taught.beside(taught)

    assert both.labels == ("good", "bad", "good", "bad")
    assert both.score(text, numbers).tolist() == pytest.approx([*taught.score(text, numbers)] * 2)


def test_a_text_without_words_has_its_numbers(taught: Table) -> None:
    assert taught.score(count("..."), [1.0, 2.0, 0.0]).tolist() == pytest.approx([1.1, 1.9])


def test_a_score_is_the_same_after_more_words_than_are_remembered(
    taught: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "MOST_WORDS", 100)
    before = taught.score(count("a good loaf"), [0.0, 0.0, 0.0]).tolist()

    for block in range(10):
        taught.score(count(" ".join(f"word{block}x{number}" for number in range(30))), [0.0, 0.0, 0.0])

    assert taught.score(count("a good loaf"), [0.0, 0.0, 0.0]).tolist() == before
    assert len(taught._places) <= 100
