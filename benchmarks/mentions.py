"""Who is meant: our own hard cases, heard by the matcher and by looking for the name as it is written."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from config.settings import Business, BusinessSettings, Query
from listener.analysis.matching import Matcher
from listener.digest.figures import wilson

CASES = Path(__file__).parents[1] / "tests" / "listener" / "analysis" / "cases" / "mentions.toml"


@dataclass(frozen=True, slots=True)
class Case:
    """One post, the business that might be meant, and whether it is."""

    name: str
    query: str
    text: str
    is_meant: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """How well a way of hearing did."""

    right: int
    wrong: int
    missed: int

    @property
    def recall(self) -> float:
        """The share of the mentions that was heard."""
        return self.right / (self.right + self.missed)

    @property
    def precision(self) -> float:
        """The share of what was heard that is a mention."""
        return self.right / (self.right + self.wrong)


def cases() -> Iterator[Case]:
    """All cases, in the order of the file."""
    for business in tomllib.loads(CASES.read_text(encoding="utf-8"))["business"]:
        for text in business["yes"]:
            yield Case(business["name"], business["query"], text, is_meant=True)
        for text in business["no"]:
            yield Case(business["name"], business["query"], text, is_meant=False)


def tally(hears: Callable[[Case], bool]) -> Tally:
    """Counts what `hears` makes of the cases."""
    answers = [(hears(case), case.is_meant) for case in cases()]
    return Tally(answers.count((True, True)), answers.count((True, False)), answers.count((False, True)))


def by_query() -> Callable[[Case], bool]:
    """Hears with the matcher, by the business's query."""
    matchers = {
        case.query: Matcher({"b": BusinessSettings(id="b", business=Business(name="b"), query=Query(match=case.query))})
        for case in cases()
    }
    return lambda case: bool(matchers[case.query].match(case.text))


def by_substring(case: Case) -> bool:
    """Hears where the name stands in the post, in capitals or not."""
    return case.name.casefold() in case.text.casefold()


def report() -> str:
    """Recall and precision of the matcher and of its peer, with their 95 % intervals."""
    lines = []
    for who, hears in (("queries", by_query()), ("substring", by_substring)):
        found = tally(hears)
        recall = wilson(found.right, found.right + found.missed)
        precision = wilson(found.right, found.right + found.wrong)
        lines.append(
            f"mention matching, {who}: recall {found.recall:.3f} ({recall[0]:.3f}–{recall[1]:.3f}), "
            f"precision {found.precision:.3f} ({precision[0]:.3f}–{precision[1]:.3f})"
        )
    return "\n".join(lines)
