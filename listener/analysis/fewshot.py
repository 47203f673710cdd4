"""A yes-or-no question about texts, learned from the few that people have marked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from listener.analysis.folding import Folded

#: Turns texts into rows of numbers, all of one width, each row of length 1.
Features = Callable[[Sequence[str]], NDArray[np.float32]]

#: Learning costs the cube of this; what was marked longer ago has been said again since.
MOST_EXAMPLES = 300

_WIDTH = 4096
_ROUNDS = 25
_LINK = re.compile(r"https?://\S+")


class Example(NamedTuple):
    """A text that somebody has marked."""

    text: str
    yes: bool


class FewShot:
    """A logistic regression on whatever numbers `features` gives; make it with `fit`."""

    def __init__(self, features: Features, weights: NDArray[np.float32], bias: float) -> None:
        self._features = features
        self._weights = weights
        self._bias = bias

    @classmethod
    def fit(cls, examples: Sequence[Example], features: Features, *, strength: float = 10.0) -> Self | None:
        """Learns from the last `MOST_EXAMPLES`; None unless both answers are among them.

        `strength` is how far the marks may pull (the inverse of the ridge). Yes and
        no weigh the same, however many of each there are. The same examples give
        the same answers.
        """
        latest = list(examples)[-MOST_EXAMPLES:]
        yes = np.array([example.yes for example in latest], dtype=bool)
        if not latest or yes.all() or not yes.any():
            return None
        rows = features([example.text for example in latest]).astype(np.float64)
        weigh = np.where(yes, 0.5 / yes.sum(), 0.5 / (~yes).sum()) * len(latest)
        duals, bias = _newton(rows @ rows.T, yes.astype(np.float64), weigh, strength)
        return cls(features, (rows.T @ duals).astype(np.float32), bias)

    def predict(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """How likely the answer is yes, text by text, from 0 to 1."""
        return _likely(self._features(texts) @ self._weights + self._bias)


def _newton(
    alike: NDArray[np.float64], wanted: NDArray[np.float64], weigh: NDArray[np.float64], strength: float
) -> tuple[NDArray[np.float64], float]:
    """The share of each example in the weights, and the bias, by Newton's method on the examples' likeness.

    With few examples and many features the problem is as large as the examples, not as the features.
    """
    count = len(wanted)
    duals, bias = np.zeros(count), 0.0
    system = np.zeros((count + 1, count + 1))
    for _ in range(_ROUNDS):
        likely = _likely(alike @ duals + bias)
        curve = np.maximum(weigh * likely * (1 - likely), 1e-6)
        aims = alike @ duals + bias + weigh * (wanted - likely) / curve
        system[:count, :count] = alike + np.diag(1 / (curve * strength))
        system[:count, count] = system[count, :count] = 1.0
        solved = np.linalg.solve(system, np.append(aims, 0.0))
        moved = float(np.abs(solved[:count] - duals).max())
        duals, bias = solved[:count], float(solved[count])
        if moved < 1e-6:
            break
    return duals, bias


def _likely(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    likely: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(scores, -30, 30).astype(np.float64)))
    return likely


def ngrams(masked: Iterable[str] = ()) -> Features:
    """Features that need no model: words, pairs of words and stretches of letters, hashed.

    The words in `masked` (names that stand in every example) say nothing and are left out.
    """
    hidden = frozenset(word for name in masked for word in Folded(name).words)

    def features(texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), _WIDTH), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for gram in _grams(text, hidden):
                row[crc32(gram.encode()) % _WIDTH] = 1.0
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        rows /= np.maximum(lengths, 1.0)
        return rows

    return features


def _grams(text: str, hidden: frozenset[str]) -> Iterator[str]:
    words = [word for word in Folded(_LINK.sub(" ", text[:2_000])).words if word not in hidden]
    for index, word in enumerate(words):
        yield word
        if index:
            yield f"{words[index - 1]} {word}"
        whole = f"<{word}>"
        yield from (f"~{whole[at : at + 4]}" for at in range(len(whole) - 3))
