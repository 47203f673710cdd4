"""From the heads' numbers to chances: one small model for each label, fitted on rows that the net had not seen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from storage.assessment import SeverityKind
from tools.train import fit
from tools.train.__main__ import FALSE_ALARMS, LABELS, holds
from tools.train.encoder_rows import WIDTH
from tools.train.rows import POLARITIES, Row

#: How strictly the small models follow their rows (the C of scikit-learn).
STRICT, STRICT_SIDES = 0.01, 0.03

#: How much one of the 384 numbers of a meaning weighs beside a head.
MEANING = 0.3

_KINDS = tuple(SeverityKind)


def readout(taught: Sequence[Row], scores: np.ndarray, near: np.ndarray, meant: np.ndarray) -> dict[str, Any]:
    """The part of `about.json` that turns what the net says into chances, and from which chance on each is believed."""
    seen = np.hstack([scores, near, meant])
    mean, spread = seen.mean(axis=0), seen.std(axis=0) + 1e-3
    spread[-meant.shape[1] :] /= MEANING
    seen = (seen - mean) / spread
    folds = np.arange(len(taught)) % 5
    weights, bias, thresholds = [], [], []
    for label in LABELS:
        used = _used(label)
        truth = np.array([holds(label, row) for row in taught])
        across = fit.across(seen[:, used], truth, folds, _one)
        factor, added = fit.calibrated(across, truth)
        threshold = np.quantile(
            across[~truth], 1 - FALSE_ALARMS.get(label, FALSE_ALARMS.get(label.split(":")[0], 0.05))
        )
        thresholds.append(1 / (1 + np.exp(-(factor * threshold + added))))
        model = _one(seen[:, used], truth)
        row = np.zeros(seen.shape[1])
        row[used] = model.coef_[0] * factor
        weights.append(row / spread)
        bias.append(factor * model.intercept_[0] + added - row @ (mean / spread))
        print(f"  {label:<24} {truth.sum():>5} rows, {np.mean(across[truth] > threshold):.2f} found", flush=True)
    groups = dict.fromkeys(label.split(":")[0] for label in LABELS)
    return {
        "labels": {
            group: [label.split(":")[1] for label in LABELS if label.split(":")[0] == group] for group in groups
        },
        "thresholds": _short([thresholds])[0],
        "weights": _short(weights),
        "bias": _short([bias])[0],
    }


def sides(taught: Sequence[Row], scores: np.ndarray, tweets: Sequence[Row], of_tweets: np.ndarray) -> dict[str, Any]:
    """The part of `about.json` that turns the heads' numbers into the logits of the polarities.

    Fitted on our own rows and as many tweets, each polarity of the tweets with
    equal weight: what kind of text it is, the other heads know.
    """
    truth = np.array([POLARITIES.index(row.polarity) for row in (*taught, *tweets)])
    of = truth[len(taught) :]
    even = len(taught) / 3 / np.bincount(of, minlength=3)[of]
    seen = np.vstack([scores, of_tweets])
    mean, spread = seen.mean(axis=0), seen.std(axis=0) + 1e-3
    model = LogisticRegression(C=STRICT_SIDES, max_iter=1_000)
    model.fit((seen - mean) / spread, truth, sample_weight=np.concatenate([np.ones(len(taught)), even]))
    weights = model.coef_ / spread
    return {"sides": _short(weights), "sides_bias": _short([model.intercept_ - weights @ mean])[0]}


def written(about: dict[str, Any]) -> str:
    """`about` as the text of its file, one line for each part."""
    return "{" + ",\n".join(f"{json.dumps(name)}: {json.dumps(part)}" for name, part in about.items()) + "}\n"


def _short(rows_of: Iterable[Iterable[float]]) -> list[list[float]]:
    return [[round(float(each), 4) for each in row] for row in rows_of]


def _used(label: str) -> np.ndarray:
    """Which numbers a label may go by: all heads, and of the descriptions only its own kind's."""
    group, value = label.split(":")
    near = [group == "severity" and kind == value for kind in _KINDS]
    return np.flatnonzero([*[True] * WIDTH, *near, *[True] * 384])


def _one(seen: np.ndarray, truth: np.ndarray) -> Any:
    return fit.chance(seen, truth, STRICT)
