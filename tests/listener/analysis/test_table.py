"""A table adds up what words, pairs and numbers say, whatever it remembers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from listener.analysis import table, tokens
from listener.analysis.table import Table
from listener.analysis.tokens import count

NAMES = ("small", "large")


@pytest.fixture
def content() -> dict[str, Any]:
    """Two tables, over 2**10 rows and 2**12, of two labels and one, with three numbers."""
    chance = np.random.default_rng(1)
    return {
        "small.labels": np.array(["good", "bad"]),
        "small.weights": chance.integers(-63, 64, (1 << 10, 2)).astype(np.int8),
        "small.known": np.sort(np.array([tokens.checksum("loaf"), tokens.checksum("good")], np.uint32)),
        "small.meant": np.array([[5, -7], [11, 13]], np.int8),
        "small.scale": np.array([0.5, 0.25], np.float32),
        "small.numbers": np.array([[1, 0], [0, 1], [2, 2]], np.float32),
        "small.bias": np.array([0.1, -0.1], np.float32),
        "large.labels": np.array(["warm"]),
        "large.weights": chance.integers(-63, 64, (1 << 12, 1)).astype(np.int8),
        "large.known": np.zeros(0, np.uint32),
        "large.meant": np.zeros((0, 1), np.int8),
        "large.scale": np.array([0.1], np.float32),
        "large.numbers": np.array([[3], [0], [0]], np.float32),
        "large.bias": np.array([0.0], np.float32),
    }


@pytest.fixture
def taught(content: dict[str, Any]) -> Table:
    """Both side by side."""
    return Table(content, *NAMES)


def by_hand(content: dict[str, Any], text: str, numbers: list[float]) -> list[float]:
    counted = count(text)
    features = [number for word in counted.words for number in tokens.numbers(word)] + counted.pairs
    sums = [tokens.checksum(word.removeprefix(tokens.NOT)) for word in counted.words]
    scores: list[float] = []
    for name in NAMES:
        weights, known, meant, scale, factors, bias = (
            content[f"{name}.{part}"] for part in ("weights", "known", "meant", "scale", "numbers", "bias")
        )
        rows = weights[[number % len(weights) for number in features]].astype(float).sum(axis=0)
        meanings = sum((meant[list(known).index(each)].astype(float) for each in sums if each in known), rows * 0)
        scores += list((rows + meanings) * scale / (len(counted.words) + 1) ** 0.5 + np.array(numbers) @ factors + bias)
    return scores


@pytest.mark.parametrize("text", ["a good loaf", "not good, good good", "x", "the the the the"])
def test_a_score_is_the_sum_over_words_pairs_and_numbers(content: dict[str, Any], taught: Table, text: str) -> None:
    assert taught.labels == ("good", "bad", "warm")
    assert taught.scores([count(text)], [[1.0, 0.0, 0.5]])[0].tolist() == pytest.approx(
        by_hand(content, text, [1.0, 0.0, 0.5]), rel=1e-4
    )


WRITTEN = st.lists(st.sampled_from(["a", "good", "loaf,", "not", "...", "pie", "\n"]), max_size=6).map(" ".join)


@given(st.lists(st.tuples(WRITTEN, st.floats(-3, 3)), min_size=1, max_size=6))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_text_has_the_same_score_whatever_other_texts_there_are(
    taught: Table, asked: list[tuple[str, float]]
) -> None:
    counted, numbers = [count(text) for text, _ in asked], [[number, 0.3, 1.0] for _, number in asked]

    together = taught.scores(counted, numbers)

    alone = [taught.scores([one], [its])[0].tolist() for one, its in zip(counted, numbers, strict=True)]
    assert together.tolist() == alone


def test_a_text_without_words_has_its_numbers(taught: Table) -> None:
    assert taught.scores([count("...")], [[1.0, 2.0, 0.0]])[0].tolist() == pytest.approx([1.1, 1.9, 3.0])


def test_a_score_is_the_same_after_more_words_than_are_remembered(
    taught: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "MOST_WORDS", 100)
    before = taught.scores([count("a good loaf")], [[0.0, 0.0, 0.0]]).tolist()

    for size in (30, 30, 30, 30, 250, 30):
        taught.scores([count(" ".join(f"word{size}x{number}" for number in range(size)))], [[0.0, 0.0, 0.0]])

    assert taught.scores([count("a good loaf")], [[0.0, 0.0, 0.0]]).tolist() == before
    assert len(taught._places) <= 100
