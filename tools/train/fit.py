"""Linear models over a `Matrix`, folded into what `listener.analysis.table` reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from listener.analysis import tokens
from tools.train.matrix import Matrix
from tools.train.meaning import Meaning

#: How much a number, and a direction of meaning, weighs beside a word.
NUMBERS, MEANING = 0.3, 0.3

#: Weights are whole numbers from -LEVELS to LEVELS: a byte each, and few enough to be packed well.
LEVELS = 63


@dataclass(frozen=True, slots=True)
class Columns:
    """Folded models, one a column: scores are words @ weights + numbers @ numbers + bias."""

    labels: tuple[str, ...]
    weights: np.ndarray
    numbers: np.ndarray
    bias: np.ndarray
    #: What the meaning of each known word adds; no rows where meanings had no part in it.
    meant: np.ndarray

    def scores(self, matrix: Matrix) -> np.ndarray:
        """One row of scores for each text."""
        return matrix.features @ self.weights + matrix.numbers @ self.numbers + self.bias

    def scaled(self, factor: np.ndarray, added: np.ndarray) -> Columns:
        """The columns whose scores are `factor` × score + `added`."""
        return Columns(
            self.labels, self.weights * factor, self.numbers * factor, self.bias * factor + added, self.meant * factor
        )

    def beside(self, other: Columns) -> Columns:
        """These columns, then those of `other`."""
        return Columns(
            self.labels + other.labels,
            np.hstack([self.weights, other.weights]),
            np.hstack([self.numbers, other.numbers]),
            np.append(self.bias, other.bias),
            np.hstack([self.meant, other.meant]),
        )

    def packed(self, words: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """The arrays of a table; `words` are those of `meant`, which are stored by their checksums."""
        largest = np.abs(self.weights).max(axis=0)
        if len(self.meant):
            largest = np.maximum(largest, np.abs(self.meant).max(axis=0))
        scale = np.maximum(largest, 1e-9) / LEVELS
        sums = np.array([tokens.checksum(word) for word in words], np.uint32)
        order = np.argsort(sums, kind="stable")
        return {
            "labels": np.array(self.labels),
            "weights": np.ascontiguousarray(np.round(self.weights / scale), np.int8),
            "known": sums[order],
            "meant": np.ascontiguousarray(np.round(self.meant[order] / scale), np.int8),
            "scale": scale.astype(np.float32),
            "numbers": np.ascontiguousarray(self.numbers, np.float32),
            "bias": self.bias.astype(np.float32),
        }


class Space:
    """Where models are fitted: words weighed by how rare they are, numbers on one scale, meanings of words."""

    def __init__(self, matrix: Matrix, numbers: np.ndarray, meaning: Meaning | None) -> None:
        seen = np.bincount(matrix.features.indices, minlength=matrix.features.shape[1])
        self._rarity = ((np.log((1 + len(numbers)) / (1 + seen)) + 1) / 3).astype(np.float32)
        self._mean, self._spread = numbers.mean(axis=0), numbers.std(axis=0) + 0.01
        self._meaning = meaning
        self._unit = MEANING / meaning.of(matrix.words).std() if meaning else 0.0

    def of(self, matrix: Matrix, numbers: np.ndarray) -> sparse.csr_matrix:
        """`matrix` as the models see it."""
        parts = [
            matrix.features @ sparse.diags(self._rarity),
            sparse.csr_matrix((numbers - self._mean) / self._spread * NUMBERS),
        ]
        if self._meaning:
            parts.append(sparse.csr_matrix(self._meaning.of(matrix.words) * self._unit))
        return sparse.hstack(parts).tocsr()

    def folded(self, labels: Sequence[str], coefficients: np.ndarray, bias: np.ndarray) -> Columns:
        """Models in this space (one a row of `coefficients`) as columns over plain features."""
        wide, narrow = len(self._rarity), len(self._mean)
        weights = (coefficients[:, :wide] * self._rarity).T.astype(np.float64)
        numbers = (coefficients[:, wide : wide + narrow] * NUMBERS / self._spread).T
        if self._meaning:
            meant = self._meaning.vectors @ (coefficients[:, wide + narrow :] * self._unit).T
        else:
            meant = np.zeros((0, len(labels)))
        return Columns(tuple(labels), weights, numbers, bias - self._mean @ numbers, meant)


def sides(space: sparse.csr_matrix, truth: np.ndarray, weight: np.ndarray, strictness: float) -> LinearSVC:
    """One model for each class against the rest, all classes of equal weight."""
    model = LinearSVC(C=strictness, class_weight="balanced", random_state=0, tol=1e-3)
    return model.fit(space, truth, sample_weight=weight)


def chance(space: sparse.csr_matrix, truth: np.ndarray, strictness: float) -> LogisticRegression:
    """A model for one label."""
    model = LogisticRegression(C=strictness, class_weight="balanced", solver="liblinear", max_iter=300, random_state=0)
    return model.fit(space, truth)


def several(space: sparse.csr_matrix, truth: np.ndarray, strictness: float) -> LogisticRegression:
    """One model for several classes, of equal weight."""
    return LogisticRegression(C=strictness, class_weight="balanced", max_iter=300).fit(space, truth)


def amount(space: sparse.csr_matrix, truth: np.ndarray, strictness: float) -> Ridge:
    """A model for a number."""
    return Ridge(alpha=strictness, solver="sparse_cg", random_state=0).fit(space, truth)


def across(space: sparse.csr_matrix, truth: np.ndarray, folds: np.ndarray, fit: Callable[..., Any]) -> np.ndarray:
    """The scores of each text by a model that has not seen it; texts of fold -1 are always taught and never scored."""
    parts = {}
    for fold in sorted(set(folds[folds >= 0].tolist())):
        unseen = folds == fold
        parts[fold] = fit(space[~unseen], truth[~unseen]).decision_function(space[unseen])
    scores = np.zeros((len(truth), *next(iter(parts.values())).shape[1:]))
    for fold, part in parts.items():
        scores[folds == fold] = part
    return scores


def calibrated(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Factor and addition that make `scores` the logit of a chance (Platt, 1999)."""
    model = LogisticRegression(C=100.0).fit(scores[:, None], truth)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def softened(scores: np.ndarray, truth: np.ndarray) -> tuple[float, np.ndarray]:
    """One factor and an addition for each class, so that shares by softmax are as large as they are right.

    All classes count alike, whatever the sample's mix: that of another
    business is not known.
    """
    from scipy.optimize import minimize

    count = scores.shape[1]
    weight = 1 / np.bincount(truth)[truth]

    def loss(values: np.ndarray) -> float:
        logits = scores * np.exp(values[0]) + np.append(0.0, values[1:])
        logits -= logits.max(axis=1, keepdims=True)
        losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(truth)), truth]
        return float((losses * weight).sum() / weight.sum())

    found = minimize(loss, np.zeros(count), method="BFGS").x
    return float(np.exp(found[0])), np.append(0.0, found[1:])
