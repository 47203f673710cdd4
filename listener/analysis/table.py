"""Trained tables: what each word, pair of words and number says for each label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy
from numpy.typing import NDArray

from listener.analysis import tokens
from listener.analysis.tokens import Counted

Floats = NDArray[numpy.float32]

#: The sums of so many words are remembered.
MOST_WORDS = 20_000


class Part:
    """One table as it is stored: bytes with one scale for each label, in rows that are numbered by checksum."""

    def __init__(self, content: Mapping[str, Any], name: str) -> None:
        self.labels: tuple[str, ...] = tuple(map(str, content[f"{name}.labels"]))
        self.weights: NDArray[numpy.int8] = content[f"{name}.weights"]
        self.scale: Floats = content[f"{name}.scale"]
        self.numbers: Floats = content[f"{name}.numbers"]
        self.bias: Floats = content[f"{name}.bias"]
        self.known: NDArray[numpy.uint32] = content[f"{name}.known"]
        self.meant: NDArray[numpy.int8] = content[f"{name}.meant"]

    def rows(self, features: NDArray[numpy.intp]) -> NDArray[numpy.int8]:
        """The rows of `features`."""
        return self.weights.take(features & (len(self.weights) - 1), axis=0)

    def meanings(self, checksums: NDArray[numpy.uint32]) -> NDArray[numpy.int8]:
        """What the meanings of the words with these checksums add; nothing for words that are not known."""
        found = numpy.zeros((len(checksums), len(self.labels)), numpy.int8)
        if len(self.known):
            places = numpy.minimum(self.known.searchsorted(checksums), len(self.known) - 1)
            here = self.known[places] == checksums
            found[here] = self.meant[places[here]]
        return found


class Table:
    """Scores texts: the sum over their words and pairs, divided by the root of their number, plus what the numbers say.

    Words and pairs are counted by checksum, so that no list of words is
    stored. The labels of several stored tables stand side by side.
    """

    def __init__(self, content: Mapping[str, Any], *names: str) -> None:
        self._parts = [Part(content, name) for name in names]
        #: What is scored, in the order of the scores.
        self.labels = tuple(label for part in self._parts for label in part.labels)
        #: By how much the weights of each label are to be multiplied.
        self.scale: Floats = numpy.concatenate([part.scale for part in self._parts])
        self._numbers: Floats = numpy.hstack([part.numbers for part in self._parts])
        self._bias: Floats = numpy.concatenate([part.bias for part in self._parts])
        self._rows = numpy.zeros((MOST_WORDS, len(self.labels)), numpy.int16)
        self._places: dict[str, int] = {}

    def scores(self, counted: Sequence[Counted], numbers: Sequence[Sequence[float]]) -> Floats:
        """One row for each text, with a score for each of `labels`; the same whatever other texts there are."""
        measured = numpy.array(numbers, numpy.float32)
        # One by one: a product of matrices is rounded by how many rows there are.
        total: Floats = numpy.array([row @ self._numbers for row in measured]) + self._bias
        words = [each.words for each in counted]
        pairs = numpy.fromiter(chain.from_iterable(each.pairs for each in counted), numpy.intp)
        found = numpy.zeros(total.shape, numpy.float32)
        _add(found, self.of_words(list(chain.from_iterable(words))), list(map(len, words)))
        rows = numpy.hstack([part.rows(pairs) for part in self._parts])
        _add(found, rows, [len(each.pairs) for each in counted])
        lengths = numpy.array([(len(each) + 1) ** 0.5 for each in words], numpy.float32)
        total += found * self.scale / lengths[:, None]
        return total

    def of_words(self, words: Sequence[str]) -> NDArray[numpy.int16]:
        """What each of `words` adds for each label, before it is scaled."""
        if len(words) > MOST_WORDS:
            parts = [self.of_words(words[at : at + MOST_WORDS]) for at in range(0, len(words), MOST_WORDS)]
            return numpy.concatenate(parts)
        try:
            places = [self._places[word] for word in words]
        except KeyError:
            places = self._learn(words)
        return self._rows.take(places, axis=0)

    def _learn(self, words: Sequence[str]) -> list[int]:
        """The places of `words`, which are summed up where they are new."""
        new = list(dict.fromkeys(word for word in words if word not in self._places))
        if len(self._places) + len(new) > MOST_WORDS:
            self._places.clear()
            new = list(dict.fromkeys(words))
        features = list(map(tokens.numbers, new))
        joined = numpy.fromiter(chain.from_iterable(features), numpy.intp)
        checksums = numpy.array([tokens.checksum(word.removeprefix(tokens.NOT)) for word in new], numpy.uint32)
        first = len(self._places)
        for word in new:
            self._places[word] = len(self._places)
        rows = self._rows[first : first + len(new)]
        rows[:] = numpy.hstack([part.meanings(checksums) for part in self._parts])
        _add(rows, numpy.hstack([part.rows(joined) for part in self._parts]), list(map(len, features)))
        return [self._places[word] for word in words]


def _add(sums: NDArray[Any], rows: NDArray[Any], lengths: Sequence[int]) -> None:
    """Adds to each row of `sums` the next so many of `rows`; whole numbers, so that their order does not matter."""
    counts = numpy.array(lengths)
    some = counts.nonzero()[0]
    if len(some):
        starts = (counts.cumsum() - counts)[some]
        sums[some] += numpy.add.reduceat(rows, starts, axis=0, dtype=sums.dtype)
