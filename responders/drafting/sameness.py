"""Whether a text reads like a recent reply: shared runs of three words, with numbers and names masked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from responders.drafting.base import Case
from responders.drafting.packs import Pack, compiled
from responders.drafting.words import plainly

#: Two replies that share half of their three-word runs read as copies.
TOO_ALIKE = 0.5
#: The same first words as one of the last three replies are noticed.
OPENING_WORDS = 4
OPENINGS = 3


class Recent:
    """The last approved replies, made ready for comparing; build it once for a case."""

    def __init__(self, case: Case, pack: Pack) -> None:
        self._pack = pack
        self._names = _names(case)
        greets, farewell = (pack.expressions.get(name) or "(?!)" for name in ("greets", "farewell"))
        self._greeting = compiled(rf"^\s*(?:@\S+\s+)*{greets}(?:\s+[^\W\d_]+)?\s*[,!:]")
        self._farewell = compiled(rf"{farewell}[,!]?\s+[^\W\d_][\w'’-]*\W*$")
        self._runs = [runs for recent in case.recent if (runs := self.runs(recent))]
        self._by_run: dict[tuple[str, ...], list[int]] = {}
        for number, runs in enumerate(self._runs):
            for run in runs:
                self._by_run.setdefault(run, []).append(number)
        self._openings = {self._opening(recent) for recent in case.recent[:OPENINGS]}

    def _said(self, text: str) -> list[str]:
        """The words of `text` between the handles, greeting and farewell that many replies share."""
        return plainly(self._farewell.sub("", self._greeting.sub("", text)), self._pack).split()

    def runs(self, text: str) -> frozenset[tuple[str, ...]]:
        """The three-word runs of `text`."""
        said = ["#" if word in self._names or word[0].isdigit() else word for word in self._said(text)]
        return frozenset(tuple(said[at : at + 3]) for at in range(max(1, len(said) - 2))) if said else frozenset()

    def likeness(self, text: str) -> float:
        """How much of the most similar recent reply `text` shares, 0 to 1 (Jaccard)."""
        runs = self.runs(text)
        shared = Counter(number for run in runs for number in self._by_run.get(run, ()))
        return max((count / len(runs | self._runs[number]) for number, count in shared.items()), default=0.0)

    def begins_alike(self, text: str) -> bool:
        """Whether one of the last three replies began with the same four words."""
        return self._opening(text) in self._openings

    def is_copy(self, text: str) -> bool:
        """Whether `text` reads like a copy of a recent reply."""
        return self.likeness(text) >= TOO_ALIKE

    def _opening(self, text: str) -> str:
        return " ".join(self._said(text)[:OPENING_WORDS])


def _names(case: Case) -> frozenset[str]:
    """Words of names that may differ from reply to reply without making it another."""
    business = case.business.business
    named: Iterable[str] = (*business.products, *business.people, case.signer)
    return frozenset(word for name in named for word in re.findall(r"\w+", name.lower()))
