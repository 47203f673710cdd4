"""`python -m tools.train [--clean]`: makes `listener/analysis/understanding.npz` from our own rows and ../shared/data.

The same rows give the same file, byte for byte. `--clean` leaves out the
tweets (TweetEval, xlmt), whose text may not be distributed. What is held out is never seen here; the figures
on it are printed by `make bench-understanding`.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from listener.analysis.gauge import Gauge
from listener.analysis.opinion import FILE
from storage.assessment import Emotion, Intent, SeverityKind, Topic
from tools.train import fit, rows
from tools.train.matrix import Matrix, matrix
from tools.train.meaning import Encoder, Meaning
from tools.train.rows import POLARITIES, ROOT, Row

#: How much a row of our own, and one of the free sets, weighs beside a tweet.
OWN, FREE = 1.0, 0.4
FREE_SETS = frozenset(("uci", "goemotions", *(f"ratings {each}" for each in ("tweets", "amazon", "movie", "nyt"))))

#: How much our own rows' say in polarity weighs where a text is like them, and what is added to each side: to call
#: a complaint positive is the worst mistake.
LEANING, CAUTION = 1.0, np.array([0.0, 0.0, -0.47])

#: So many English rows, and as many in other languages, that are no mentions, to tell mentions from; nothing in them is
#: severe for the business.
STRANGERS = 3_000

#: How strictly the models follow their rows (the C of scikit-learn).
OF_SIDES, OF_WORLD, OF_LABELS = 0.03, 0.05, 0.05

#: How far the model of intensity is held back (the alpha of scikit-learn).
OF_INTENSITY = 3.0

#: Rows of the smaller tables, as powers of two.
WORLD_BITS, LABEL_BITS = 17, 17

#: Which share of the rows without a label may be given it, where its threshold lies.
FALSE_ALARMS = {"severity": 0.07, "level": 0.03, "topic": 0.05, "sense:complaint": 0.05, "sense:sarcasm": 0.01}

LABELS = (
    *(f"intent:{each}" for each in Intent),
    *(f"emotion:{each}" for each in Emotion if each is not Emotion.UNSURE),
    *(f"severity:{each}" for each in SeverityKind),
    *(f"level:{each}" for each in ("high", "critical")),
    *(f"topic:{each}" for each in Topic if each is not Topic.OTHER),
    *("sense:complaint", "sense:sarcasm"),
)


def main(words: Sequence[str] | None = None) -> None:
    """Trains and writes."""
    parser = argparse.ArgumentParser(prog="python -m tools.train", description=__doc__)
    parser.add_argument("--clean", action="store_true", help="train without tweets")
    parser.add_argument("--out", type=Path, default=ROOT / "listener" / "analysis" / FILE, help="the file to write")
    options = parser.parse_args(words)
    content = train(clean=options.clean)
    np.savez_compressed(options.out, **content)
    print(f"{options.out.name}: {options.out.stat().st_size:,} bytes")


def train(*, clean: bool) -> dict[str, np.ndarray]:
    """The content of the file."""
    gauge = Gauge()
    own, phrases = rows.ours("train"), rows.phrases()
    tweets = [] if clean else [row for row in rows.tweets() if not row.held_out]
    english_rows = [*tweets, *rows.free_sets()]
    many = [] if clean else [row for row in rows.many_languages() if not row.held_out]
    strangers = [*(tweets or english_rows)[:STRANGERS], *many[:: max(1, len(many) // STRANGERS)]]
    world_rows = [*many, *(row for row in own if not row.english)]
    print(
        f"{len(own)} rows and {len(phrases)} phrases of our own, {len(english_rows)} English, {len(many)} in eight languages"
    )
    labelled = [*own, *phrases, *strangers]
    english_texts, texts = matrix(english_rows, gauge), matrix(labelled, gauge).narrowed(LABEL_BITS)
    meaning = Meaning(Encoder(), english_texts.words, texts.words[: len(own) + len(phrases)])
    print(f"meanings of {len(meaning.words)} words", flush=True)
    labels, thresholds = label_columns(labelled, texts, meaning)
    tables = {
        "english": english_columns(english_rows, english_texts).packed(),
        "world": side_columns(world_rows, matrix(world_rows, gauge).narrowed(WORLD_BITS), OF_WORLD).packed(),
        "labels": labels.packed(meaning.words),
    }
    content = {f"{name}.{key}": value for name, table in tables.items() for key, value in table.items()}
    content["labels.thresholds"] = thresholds
    content["version"] = np.array(_version(content))
    return content


def english_columns(taught: Sequence[Row], texts: Matrix) -> fit.Columns:
    """Polarity (as softmax logits) and intensity of English."""
    sides = side_columns(taught, texts, OF_SIDES)
    rated = np.array([row.intensity is not None for row in taught])
    some = texts.only(rated)
    space = fit.Space(some, some.numbers, None)
    truth = np.array([row.intensity for row in taught if row.intensity is not None])
    ridge = fit.amount(space.of(some, some.numbers), truth, OF_INTENSITY)
    return sides.beside(space.folded(("intensity",), ridge.coef_[None], np.array([ridge.intercept_])))


def side_columns(taught: Sequence[Row], texts: Matrix, strictness: float) -> fit.Columns:
    """Polarity, as softmax logits."""
    space = fit.Space(texts, texts.numbers, None)
    seen = space.of(texts, texts.numbers)
    truth = np.array([POLARITIES.index(row.polarity) for row in taught])
    weight = np.array([OWN if row.source == "own" else FREE if row.source in FREE_SETS else 1.0 for row in taught])
    checked = np.array([0.1 <= rows.share(row.text) < 0.15 for row in taught])
    model = fit.sides(seen[~checked], truth[~checked], weight[~checked], strictness)
    factor, added = fit.softened(model.decision_function(seen[checked]), truth[checked])
    print(f"polarity from {len(taught)} rows: factor {factor:.3f}, additions {np.round(added, 3)}", flush=True)
    return space.folded(POLARITIES, model.coef_, model.intercept_).scaled(np.full(3, factor), added)


def label_columns(taught: Sequence[Row], texts: Matrix, meaning: Meaning) -> tuple[fit.Columns, np.ndarray]:
    """The logit of each label's chance, and from which chance on it is believed.

    Then what our own rows say of polarity, and the logit of the chance that a
    text is a mention and not a stranger's tweet.
    """
    space = fit.Space(texts, texts.numbers, meaning)
    seen = space.of(texts, texts.numbers)
    folds = np.array([int(rows.share(row.text) * 5) if row.source == "own" else -1 for row in taught])
    fitted = [_label(label, taught, seen, folds) for label in LABELS]
    columns = space.folded(
        LABELS, *map(np.array, zip(*((model.coef_[0], model.intercept_[0]) for model, *_ in fitted), strict=True))
    )
    factors, added, thresholds = (np.array(each) for each in zip(*(rest for _, *rest in fitted), strict=True))
    sides = _sides(taught, seen, folds)
    leaning = space.folded([f"side:{each}" for each in POLARITIES], sides.coef_, sides.intercept_)
    gate = fit.chance(seen, np.array([row.source in ("own", "phrase") for row in taught]), OF_LABELS)
    kin = space.folded(["kin:mention"], gate.coef_, gate.intercept_)
    columns = columns.scaled(factors, added).beside(leaning.scaled(np.full(3, LEANING), CAUTION)).beside(kin)
    return columns, np.append(thresholds, np.zeros(4)).astype(np.float32)


def _label(
    label: str, taught: Sequence[Row], seen: sparse.csr_matrix, folds: np.ndarray
) -> tuple[LogisticRegression, float, float, float]:
    """The model of one label, its calibration, and from which chance on it is believed; all chosen across folds."""
    known = np.array([row.source == "own" or _is_sure(label, row) for row in taught])
    truth = np.array([holds(label, row) for row in taught])[known]
    one = partial(fit.chance, strictness=OF_LABELS)
    measured = folds[known] >= 0
    across, right = fit.across(seen[known], truth, folds[known], one)[measured], truth[measured]
    factor, added = fit.calibrated(across, right)
    alarms = FALSE_ALARMS.get(label, FALSE_ALARMS.get(label.split(":", maxsplit=1)[0], 0.05))
    score = float(np.quantile(across[~right], 1 - alarms))
    threshold = 1 / (1 + np.exp(-(factor * score + added)))
    found = np.mean(across[right] > score)
    print(f"  {label:<24} {right.sum():>5} rows, {found:.2f} found, threshold {threshold:.2f}", flush=True)
    return one(seen[known], truth), factor, added, threshold


def _sides(taught: Sequence[Row], seen: sparse.csr_matrix, folds: np.ndarray) -> LogisticRegression:
    """What our own rows say of polarity."""
    ours = np.array([row.source in ("own", "phrase") for row in taught])
    truth = np.array([POLARITIES.index(row.polarity) for row in taught])[ours]
    one = partial(fit.several, strictness=OF_LABELS)
    measured = folds[ours] >= 0
    across = fit.across(seen[ours], truth, folds[ours], one)[measured]
    said, right = (across * LEANING + CAUTION).argmax(axis=1), truth[measured]
    wrong = np.mean(said[right == 0] == len(POLARITIES) - 1)
    print(f"polarity of our own: {np.mean(said == right):.3f} right, {wrong:.3f} of what is negative called positive")
    return one(seen[ours], truth)


def _is_sure(label: str, row: Row) -> bool:
    """Whether a row that is not one of our own mentions says whether the label holds."""
    group = label.split(":", maxsplit=1)[0]
    if row.source == "phrase":
        return group in ("severity", "level") or label == "sense:complaint" or group in row.own
    return group in ("severity", "level")


def holds(label: str, row: Row) -> bool:
    """Whether a row of our own bears this label."""
    group, value = label.split(":")
    own = row.own
    match group:
        case "severity":
            return value in own.get("severity", ())
        case "topic":
            return value in own.get("topics", ())
        case "level":
            return own.get("level") in {"high": ("high", "critical"), "critical": ("critical",)}[value]
        case "sense":
            complains = own.get("complains", own.get("intent") == "complaint")
            return bool(complains if value == "complaint" else own.get("sarcastic"))
    return own.get(group) == value


def _version(content: dict[str, np.ndarray]) -> str:
    """A short name for exactly these tables."""
    digest = hashlib.sha256()
    for name, array in sorted(content.items()):
        digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()[:8]


if __name__ == "__main__":
    main()
