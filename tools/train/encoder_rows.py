"""What the encoder is taught: the names of its heads, rows as token numbers, batches, and the loss of one batch."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from listener.analysis.wording import plain
from storage.assessment import Emotion, Intent, SeverityKind, SeverityLevel, Topic
from tools.train.rows import POLARITIES, Row

#: The heads in the order of the net's numbers. One of these holds; of `ANY`, each may hold.
ONE = {
    "polarity": POLARITIES,
    "level": tuple(level.word for level in SeverityLevel),
    "intent": tuple(Intent),
    "emotion": tuple(Emotion),
}
ANY = {
    "severity": tuple(SeverityKind),
    "topics": tuple(Topic),
    "factual": ("factual",),
    "sarcastic": ("sarcastic",),
}
HEADS: dict[str, tuple[str, ...]] = {name: tuple(map(str, labels)) for name, labels in (*ONE.items(), *ANY.items())}

#: How much each head counts beside polarity.
WEIGHTS = {
    "level": 0.5,
    "intent": 1.0,
    "emotion": 0.5,
    "severity": 3.0,
    "topics": 2.0,
    "factual": 0.5,
    "sarcastic": 0.5,
}

#: A kind of severity that holds counts so many times one that does not.
RARE = {"severity": 3.0, "topics": 1.5, "factual": 3.0, "sarcastic": 3.0}

#: Half of our own mentions are negative, of the tweets a third: how much each polarity counts in ours.
EVENED = (0.75, 1.05, 1.25)

SMOOTHING = 0.05
BATCH, CHUNK, LONGEST = 32, 1_024, 64


def slices() -> dict[str, slice]:
    """Where each head stands among the net's numbers."""
    found, start = {}, 0
    for name, labels in HEADS.items():
        found[name] = slice(start, start + len(labels))
        start += len(labels)
    return found


SLICES = slices()
WIDTH = sum(map(len, HEADS.values()))


@dataclass(frozen=True, slots=True)
class Lesson:
    """One row as the net is taught it: token numbers, and for each head the right label's number or a row of 0 and 1."""

    ids: list[int]
    one: dict[str, int]
    any: dict[str, list[float]]


class Lessons:
    """Makes lessons of rows."""

    def __init__(self, tokenizer: str, longest: int = LONGEST) -> None:
        self._tokenizer = Tokenizer.from_str(tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(longest)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The token numbers of `texts`, as the daemon would read them."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch([plain(text) for text in texts])]

    def of(self, rows: Sequence[Row]) -> list[Lesson]:
        """One lesson for each row; only our own rows teach more than polarity."""
        return [Lesson(ids, *_labels(row)) for ids, row in zip(self.ids([row.text for row in rows]), rows, strict=True)]


def _labels(row: Row) -> tuple[dict[str, int], dict[str, list[float]]]:
    own = row.own
    if not own:
        return {"polarity": POLARITIES.index(row.polarity)}, {}
    one = {name: HEADS[name].index(own[name]) for name in ONE}
    said = {"severity": own["severity"], "topics": own["topics"]}
    said |= {name: [name] if own[name] else [] for name in ("factual", "sarcastic")}
    return one, {name: [float(label in said[name]) for label in HEADS[name]] for name in ANY}


def batches(lessons: Sequence[Lesson], chance: random.Random) -> Iterator[list[Lesson]]:
    """All of `lessons` in random batches of like length."""
    shuffled = list(lessons)
    chance.shuffle(shuffled)
    for start in range(0, len(shuffled), CHUNK):
        chunk = sorted(shuffled[start : start + CHUNK], key=lambda lesson: len(lesson.ids))
        cut = [chunk[at : at + BATCH] for at in range(0, len(chunk), BATCH)]
        chance.shuffle(cut)
        yield from cut


def padded(ids: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token numbers and their mask, of one width."""
    width = max(map(len, ids))
    return (
        torch.tensor([[*each, *[0] * (width - len(each))] for each in ids]),
        torch.tensor([[1] * len(each) + [0] * (width - len(each)) for each in ids]),
    )


def loss(scores: torch.Tensor, batch: Sequence[Lesson]) -> torch.Tensor:
    """How wrong `scores` are about `batch`, all heads together."""
    scores = scores.float()
    sides = torch.tensor([lesson.one["polarity"] for lesson in batch])
    wrong = functional.cross_entropy(scores[:, SLICES["polarity"]], sides, label_smoothing=SMOOTHING, reduction="none")
    evened = [EVENED[lesson.one["polarity"]] if lesson.any else 1.0 for lesson in batch]
    total = (wrong * torch.tensor(evened)).mean()
    ours = [place for place, lesson in enumerate(batch) if lesson.any]
    if not ours:
        return total
    scores, share = scores[ours], len(ours) / len(batch)
    for name in ONE:
        if name in WEIGHTS:
            right = torch.tensor([batch[place].one[name] for place in ours])
            wrong = functional.cross_entropy(scores[:, SLICES[name]], right, label_smoothing=SMOOTHING)
            total = total + share * WEIGHTS[name] * wrong
    for name in ANY:
        target = torch.tensor([batch[place].any[name] for place in ours])
        wrong = functional.binary_cross_entropy_with_logits(
            scores[:, SLICES[name]], target, pos_weight=torch.tensor(RARE[name])
        )
        total = total + share * WEIGHTS[name] * wrong
    return total
