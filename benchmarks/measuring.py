"""Figures with their spread, beside a baseline of the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

#: Says what is going on, to whoever waits.
Say = Callable[[str], None]


#: The usual wait, and the wait of one in a hundred.
SHARES = (0.5, 0.99)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured: rounds, texts to ingest, mentions in the store that pages are read from, seconds of idling."""

    rounds: int = 5
    texts: int = 10_000
    mentions: int = 100_000
    idle: float = 20.0


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several rounds, and the lowest and the highest."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, rounds: Sequence[float]) -> Spread:
        """The spread of `rounds`, which are at least one."""
        return cls(median(rounds), min(rounds), max(rounds))


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured; `ratio` says how many times as much as `baseline` it is."""

    part: str
    what: str
    unit: str
    value: Spread
    baseline: str
    ratio: Spread
    target: str = ""

    def as_json(self) -> dict[str, Any]:
        """The figure for a file."""
        return asdict(self)

    def line(self) -> str:
        """The figure for a person."""
        says = (
            f"{self.part:<9} {self.what:<44} {_number(self.value):>28} {self.unit:<19} "
            f"= {_number(self.ratio):>21} × {self.baseline}"
        )
        return f"{says}  [target: {self.target}]" if self.target else says


def _number(spread: Spread) -> str:
    return f"{_short(spread.middle)} ({_short(spread.low)}–{_short(spread.high)})"


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def compared(
    part: str,
    what: str,
    unit: str,
    rounds: Sequence[float],
    baseline: str,
    baselines: Sequence[float],
    target: str = "",
) -> Figure:
    """A figure whose ratio is taken round by round, so that what disturbs a round disturbs both sides of it."""
    ratios = [ours / theirs if theirs else 0.0 for ours, theirs in zip(rounds, baselines, strict=True)]
    return Figure(part, what, unit, Spread.of(rounds), baseline, Spread.of(ratios), target)


def rates(count: int, seconds: Sequence[float]) -> list[float]:
    """How many a second, in each round."""
    return [count / each if each else 0.0 for each in seconds]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of `values` lie (the nearest rank)."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def cpu() -> float:
    """Seconds of CPU that all threads of this process have used."""
    return time.process_time()
