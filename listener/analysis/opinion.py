"""What the trained tables think of a text: its polarity, its intensity, and the chance of every label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any, Protocol

import numpy

from listener.analysis.gauge import Measured
from listener.analysis.table import Table
from listener.analysis.tokens import Counted
from storage.assessment import Polarity

FILE = "understanding.npz"

#: Groups that only go into the polarity.
INNER = ("side", "kin")

#: However unlike a mention a text is, the rows that are mentions have this say in its polarity; and however like one,
#: no more than that: our own are harder than what most people write.
LEAST_KIN, MOST_KIN = 0.1, 0.7

NOTHING = Counted([], [], [])

#: The polarities in the order of all shares.
SIDES = tuple(Polarity)

#: How a word's say for each side counts when one of them is asked for.
_LEANING = {side: numpy.array([1.0 if each is side else -0.5 for each in SIDES]) for side in SIDES}

NEUTRAL, POSITIVE = SIDES.index(Polarity.NEUTRAL), SIDES.index(Polarity.POSITIVE)

#: By how much a doubtful positive is less likely than neutral, in logits.
LESS = 0.1

#: Which score of English, after those of the sides, is the intensity.
INTENSITY = len(SIDES)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one model thinks of one text.

    `polarity` are the shares of `SIDES`, which sum to 1. `intensity` runs
    from -1 to 1. `chances` are the calibrated chances of each label, 0 to 1,
    in the order of `Judge.labels`, by group ("intent", "severity" …).
    """

    polarity: tuple[float, ...]
    intensity: float
    chances: Mapping[str, Sequence[float]]

    def mixed(self, other: Opinion) -> Opinion:
        """Half of this opinion and half of `other`."""
        return Opinion(
            tuple((mine + theirs) / 2 for mine, theirs in zip(self.polarity, other.polarity, strict=True)),
            (self.intensity + other.intensity) / 2,
            {
                group: [(mine + theirs) / 2 for mine, theirs in zip(chances, other.chances[group], strict=True)]
                if group in other.chances
                else chances
                for group, chances in self.chances.items()
            },
        )


class Deep(Protocol):
    """A larger model that may be installed beside the tables; it holds the CPU for long, so it is asked off the loop."""

    #: What it is, with its version, as an assessment names it.
    name: str

    def opinions(self, texts: Sequence[str]) -> list[Opinion]:
        """One opinion on each text, in the order and with the labels of `Judge.labels`; runs in a thread."""
        ...


@dataclass(frozen=True, slots=True)
class Knows:
    """What the tables know of a text's language.

    One that is not `english` is judged by the table of eight languages.
    Without `sides` or `labels` its words are not learnt for these: what the
    rules found decides alone.
    """

    english: bool
    sides: bool = True
    labels: bool = True


class Judge:
    """The tables of `understanding.npz`, which `tools/train` makes."""

    def __init__(self) -> None:
        content = self._content = _read()
        #: Which training made the tables.
        self.version = str(content["version"])
        #: The labels of each group, in the order of their chances.
        self.labels: dict[str, tuple[str, ...]] = {}
        #: From which chance on each label is believed, as the training chose it.
        self.thresholds: dict[str, tuple[float, ...]] = {}
        self._slices: dict[str, slice] = {}
        pairs = [str(label).split(":") for label in content["labels.labels"]]
        self._complaint = pairs.index(["sense", "complaint"])
        self._doubt = float(content["labels.thresholds"][pairs.index(["side", Polarity.POSITIVE])])
        #: From which chance of a complaint on what is negative is one.
        self.enough = float(content["labels.thresholds"][pairs.index(["side", Polarity.NEGATIVE])])
        for group in dict.fromkeys(group for group, _ in pairs):
            places = [place for place, (each, _) in enumerate(pairs) if each == group]
            part = self._slices[group] = slice(places[0], places[-1] + 1)
            if group not in INNER:
                self.labels[group] = tuple(pairs[place][1] for place in places)
                self.thresholds[group] = tuple(content["labels.thresholds"][part].tolist())

    @cached_property
    def _english(self) -> Table:
        return Table(self._content, "english", "labels")

    @cached_property
    def _world(self) -> Table:
        return Table(self._content, "world", "labels")

    def think(self, measured: Measured, knows: Knows) -> Opinion:
        """What the tables think of one text."""
        return self.think_all([measured], [knows])[0]

    def think_all(self, measured: Sequence[Measured], knows: Sequence[Knows]) -> list[Opinion]:
        """What the tables think of each text; of one, they think the same whatever other texts there are."""
        opinions: dict[int, Opinion] = {}
        for english in {each.english for each in knows}:
            places = [place for place, each in enumerate(knows) if each.english is english]
            asked = [measured[place] for place in places], [knows[place] for place in places]
            opinions.update(zip(places, self._of_one_table(*asked, english=english), strict=True))
        return [opinions[place] for place in range(len(measured))]

    def _of_one_table(
        self, measured: Sequence[Measured], knows: Sequence[Knows], *, english: bool
    ) -> Iterator[Opinion]:
        table, first = (self._english, INTENSITY + 1) if english else (self._world, INTENSITY)
        numbers = [each.numbers for each in measured]
        counted = [each.counted if known.sides else NOTHING for each, known in zip(measured, knows, strict=True)]
        scores = table.scores(counted, numbers)
        more = scores[:, first:]
        for place, known in enumerate(knows):
            if known.labels is not known.sides:
                more[place] = table.scores([NOTHING], [numbers[place]])[0, first:]
        chances: list[list[float]] = (1 / (1 + numpy.exp(numpy.minimum(-more, 60)))).tolist()  # far beyond certain
        # The more a text is like a mention of a business, the more those rows count that are.
        likeness = self._slices["kin"].start
        kin = [
            min(max(chance[likeness] ** 2, LEAST_KIN), MOST_KIN) if known.labels else 0.0
            for chance, known in zip(chances, knows, strict=True)
        ]
        shared = [numpy.array(each, numpy.float32)[:, None] for each in ([1 - share for share in kin], kin)]
        logits = scores[:, :INTENSITY] * shared[0] + more[:, self._slices["side"]] * shared[1]
        # What may well be a complaint is not called positive.
        doubtful = [chance[self._complaint] * share >= self._doubt for chance, share in zip(chances, kin, strict=True)]
        logits[doubtful, POSITIVE] = numpy.minimum(logits[doubtful, POSITIVE], logits[doubtful, NEUTRAL] - LESS)
        shares = numpy.exp(logits - logits.max(axis=1, keepdims=True))
        polarities = (shares / shares.sum(axis=1, keepdims=True)).tolist()
        felt = scores[:, INTENSITY].tolist() if english else [side[2] - side[0] for side in polarities]
        for side, intensity, chance in zip(polarities, felt, chances, strict=True):
            groups = {group: chance[self._slices[group]] for group in self.labels}
            yield Opinion(tuple(side), max(-1.0, min(intensity, 1.0)), groups)

    def leaning(self, measured: Measured, side: Polarity, *, english: bool) -> list[float]:
        """How far each counted word leans to `side` and away from the others."""
        table = self._english if english else self._world
        if not measured.counted.words:
            return []
        rows = table.of_words(measured.counted.words)[:, :INTENSITY]
        leaning: list[float] = (rows @ (_LEANING[side] * table.scale[:INTENSITY])).tolist()
        return leaning


def _read() -> dict[str, Any]:
    with resources.files("listener.analysis").joinpath(FILE).open("rb") as file, numpy.load(file) as content:
        return dict(content)
