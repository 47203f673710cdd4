"""What the trained tables think of a text: its polarity, its intensity, and the chance of every label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
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

#: However unlike a mention a text is, the rows that are mentions have this say in its polarity.
LEAST_KIN = 0.1

NOTHING = Counted([], [], [])

#: The polarities in the order of all shares.
SIDES = tuple(Polarity)

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


class Judge:
    """The tables of `understanding.npz`, which `tools/train` makes."""

    def __init__(self) -> None:
        content = _read()
        self._both = {
            name: partial(Table.beside, Table(content, name), Table(content, "labels")) for name in ("english", "world")
        }
        #: Which training made the tables.
        self.version = str(content["version"])
        #: The labels of each group, in the order of their chances.
        self.labels: dict[str, tuple[str, ...]] = {}
        #: From which chance on each label is believed, as the training chose it.
        self.thresholds: dict[str, tuple[float, ...]] = {}
        self._slices: dict[str, slice] = {}
        pairs = [str(label).split(":") for label in content["labels.labels"]]
        for group in dict.fromkeys(group for group, _ in pairs):
            places = [place for place, (each, _) in enumerate(pairs) if each == group]
            part = self._slices[group] = slice(places[0], places[-1] + 1)
            if group not in INNER:
                self.labels[group] = tuple(pairs[place][1] for place in places)
                self.thresholds[group] = tuple(content["labels.thresholds"][part].tolist())

    @cached_property
    def _english(self) -> Table:
        return self._both["english"]()

    @cached_property
    def _world(self) -> Table:
        return self._both["world"]()

    def think(self, measured: Measured, *, english: bool, sides: bool = True, labels: bool = True) -> Opinion:
        """What the tables think; a text that is not `english` is judged by the table of eight languages.

        Without `sides` or `labels` the language is one whose words the tables
        have not learnt for these: what the rules found decides alone.
        """
        table = self._english if english else self._world
        scores = table.score(measured.counted if sides else NOTHING, measured.numbers)
        first = INTENSITY + 1 if english else INTENSITY
        more = scores[first:] if labels is sides else table.score(NOTHING, measured.numbers)[first:]
        chances = (1 / (1 + numpy.exp(-numpy.clip(more, -60, 60)))).tolist()  # far beyond certain
        # The more a text is like a mention of a business, the more those rows count that are.
        kin = max(chances[self._slices["kin"].start] ** 2, LEAST_KIN) if labels else 0.0
        logits = scores[:INTENSITY] * (1 - kin) + more[self._slices["side"]] * kin
        shares = numpy.exp(logits - logits.max())
        polarity = tuple((shares / shares.sum()).tolist())
        intensity = float(scores[INTENSITY]) if english else polarity[2] - polarity[0]
        return Opinion(
            polarity, max(-1.0, min(intensity, 1.0)), {group: chances[self._slices[group]] for group in self.labels}
        )

    def leaning(self, measured: Measured, side: Polarity, *, english: bool) -> list[float]:
        """How far each counted word leans to `side` and away from the others."""
        table = self._english if english else self._world
        if not measured.counted.words:
            return []
        weight = [1.0 if each is side else -0.5 for each in SIDES] * table.scale[:INTENSITY]
        leaning: list[float] = (table.of_words(measured.counted.words)[:, :INTENSITY] @ weight).tolist()
        return leaning


def _read() -> dict[str, Any]:
    with resources.files("listener.analysis").joinpath(FILE).open("rb") as file, numpy.load(file) as content:
        return dict(content)
