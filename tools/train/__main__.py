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
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from listener.analysis.gauge import Gauge
from listener.analysis.opinion import FILE, LEAST_KIN, MOST_KIN
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

#: Which share of the rows without a label may be given it, where its threshold lies; what the rules find comes on top.
FALSE_ALARMS = {
    "severity": 0.09,
    "level": 0.03,
    "topic": 0.05,
    "sense:complaint": 0.05,
    "sense:sarcasm": 0.01,
}

#: The chance of a kind of severity is told as if one mention in ten held it: how many of our rows do says nothing of
#: the world. From which such chance on a notice is worth reading, however few false alarms it would raise below.
KIND_SHARE, WORTH_READING = 0.1, 0.2

NEGATIVE, POSITIVE = POLARITIES.index("negative"), POLARITIES.index("positive")

#: Which share of the complaints may be called positive, and which share of what is none may be called a complaint.
CALLED_POSITIVE, CALLED_COMPLAINT = 0.05, 0.2

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
    english_texts, texts = matrix(english_rows, gauge), matrix(labelled, gauge)
    meaning = Meaning(Encoder(), english_texts.words, texts.words[: len(own) + len(phrases)])
    print(f"meanings of {len(meaning.words)} words", flush=True)
    english = english_columns(english_rows, english_texts)
    labels, thresholds = label_columns(labelled, texts.narrowed(LABEL_BITS), meaning, english.scores(texts)[:, :3])
    tables = {
        "english": english.packed(),
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


def label_columns(
    taught: Sequence[Row], texts: Matrix, meaning: Meaning, tweets: np.ndarray
) -> tuple[fit.Columns, np.ndarray]:
    """The logit of each label's chance, and from which chance on it is believed.

    Then what our own rows say of polarity, and the logit of the chance that a
    text is a mention and not a stranger's tweet. `tweets` is what the table of
    English says of polarity.
    """
    space = fit.Space(texts, texts.numbers, meaning)
    seen = space.of(texts, texts.numbers)
    folds = np.array([int(rows.share(row.text) * 5) if row.source == "own" else -1 for row in taught])
    mine = folds >= 0
    sides, ours = _sides(taught, seen, folds)
    gate = fit.chance(seen, np.array([row.source in ("own", "phrase") for row in taught]), OF_LABELS)
    kin = np.where([row.english for row in taught], gate.predict_proba(seen)[:, 1] ** 2, 1.0)[mine, None]
    kin = kin.clip(LEAST_KIN, MOST_KIN)
    said = (tweets[mine] * (1 - kin) + ours * kin).argmax(axis=1)
    fitted = [_label(label, taught, seen, folds, said != POSITIVE) for label in LABELS]
    columns = space.folded(
        LABELS, *map(np.array, zip(*((model.coef_[0], model.intercept_[0]) for model, *_ in fitted), strict=True))
    )
    factors, added, thresholds, chances = zip(*(rest for _, *rest in fitted), strict=True)
    leaning = space.folded([f"side:{each}" for each in POLARITIES], sides.coef_, sides.intercept_)
    columns = columns.scaled(np.array(factors), np.array(added)).beside(leaning.scaled(np.full(3, LEANING), CAUTION))
    columns = columns.beside(space.folded(["kin:mention"], gate.coef_, gate.intercept_))
    complains = np.array([holds("intent:complaint", row) for row in taught])[mine]
    chance = chances[LABELS.index("sense:complaint")]
    doubt, enough = _doubt(said, chance * kin[:, 0], complains), _enough(said, chance, complains)
    return columns, np.array([*thresholds, enough, 0.0, doubt, 0.0], np.float32)


def _label(
    label: str, taught: Sequence[Row], seen: sparse.csr_matrix, folds: np.ndarray, no_praise: np.ndarray
) -> tuple[LogisticRegression, float, float, float, np.ndarray]:
    """The model of one label, its calibration, from which chance on it is believed, and the chances of our own rows.

    All is chosen across folds. A kind of severity is looked for in the rows of our own that do not praise.
    """
    known = np.array([row.source == "own" or _is_sure(label, row) for row in taught])
    truth = np.array([holds(label, row) for row in taught])[known]
    one = partial(fit.chance, strictness=OF_LABELS)
    measured = folds[known] >= 0
    across, right = fit.across(seen[known], truth, folds[known], one)[measured], truth[measured]
    factor, added = fit.calibrated(across, right)
    group = label.split(":", maxsplit=1)[0]
    if group == "severity":
        added += float(logit(KIND_SHARE) - logit(right.mean()))
    chances = expit(factor * across + added)
    looked_for = np.where(no_praise, chances, 0.0) if group == "severity" else chances
    threshold = float(np.quantile(looked_for[~right], 1 - FALSE_ALARMS.get(label, FALSE_ALARMS.get(group, 0.05))))
    if group == "severity":
        threshold = max(threshold, WORTH_READING)
    found = np.mean(looked_for[right] > threshold)
    print(f"  {label:<24} {right.sum():>5} rows, {found:.2f} found, threshold {threshold:.2f}", flush=True)
    return one(seen[known], truth), factor, added, threshold, chances


def _sides(taught: Sequence[Row], seen: sparse.csr_matrix, folds: np.ndarray) -> tuple[LogisticRegression, np.ndarray]:
    """What our own rows say of polarity: the model, and the logits of each of them across folds."""
    ours = np.array([row.source in ("own", "phrase") for row in taught])
    truth = np.array([POLARITIES.index(row.polarity) for row in taught])[ours]
    one = partial(fit.several, strictness=OF_LABELS)
    measured = folds[ours] >= 0
    across = fit.across(seen[ours], truth, folds[ours], one)[measured] * LEANING + CAUTION
    said, right = across.argmax(axis=1), truth[measured]
    wrong = np.mean(said[right == NEGATIVE] == POSITIVE)
    print(f"polarity of our own: {np.mean(said == right):.3f} right, {wrong:.3f} of what is negative called positive")
    return one(seen[ours], truth), across


def _doubt(said: np.ndarray, complaint: np.ndarray, complains: np.ndarray) -> float:
    """From which chance of a complaint on nothing is called positive, so that few of the complaints are."""
    wrong = np.sort(complaint[(said == POSITIVE) & complains])
    allowed = int(CALLED_POSITIVE * complains.sum())
    doubt = float(wrong[allowed]) if allowed < len(wrong) else 1.0
    lost = np.mean(complaint[(said == POSITIVE) & ~complains] >= doubt)
    print(f"positive below a chance of complaint of {doubt:.2f}; {lost:.2f} of what is called so rightly is lost")
    return doubt


def _enough(said: np.ndarray, complaint: np.ndarray, complains: np.ndarray) -> float:
    """From which chance of a complaint on what is negative is called one."""
    chances = np.where(said == NEGATIVE, complaint, 0.0)
    enough = float(np.quantile(chances[~complains], 1 - CALLED_COMPLAINT))
    print(f"a complaint from a chance of {enough:.2f} on; {np.mean(chances[complains] > enough):.2f} of them are found")
    return enough


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
