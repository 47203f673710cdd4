"""A trained table: what each word, pair of words and number says for each label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from listener.analysis import tokens
from listener.analysis.tokens import Counted

Floats = NDArray[numpy.float32]

#: The sums of so many words are remembered; a text holds fewer.
MOST_WORDS = 20_000


class Table:
    """Scores texts: the sum over their words and pairs, divided by the root of their number, plus what the numbers say.

    Words and pairs are counted by checksum, so that no list of words is
    stored; the weights are bytes with one scale for each label.
    """

    def __init__(self, content: Mapping[str, Any], name: str) -> None:
        #: What is scored, in the order of the scores.
        self.labels: tuple[str, ...] = tuple(map(str, content[f"{name}.labels"]))
        self._weights: NDArray[numpy.int8] = content[f"{name}.weights"]
        #: By how much the weights of each label are to be multiplied.
        self.scale: Floats = content[f"{name}.scale"]
        self._numbers: Floats = content[f"{name}.numbers"]
        self._bias: Floats = content[f"{name}.bias"]
        self._known: NDArray[numpy.uint32] = content[f"{name}.known"]
        self._meant: NDArray[numpy.int8] = content[f"{name}.meant"]
        self._mask = len(self._weights) - 1
        self._rows = numpy.zeros((MOST_WORDS, len(self.labels)), numpy.float32)
        self._places: dict[str, int] = {}

    def beside(self, other: Table) -> Table:
        """One table of the labels of both, which is twice as quick as asking each."""
        rows = max(len(self._weights), len(other._weights))
        spread = [numpy.tile(each._weights, (rows // len(each._weights), 1)) for each in (self, other)]
        known = numpy.union1d(self._known, other._known)
        return Table(
            {
                "both.labels": self.labels + other.labels,
                "both.weights": numpy.hstack(spread),
                "both.known": known,
                "both.meant": numpy.hstack([each._meanings(known) for each in (self, other)]),
                "both.scale": numpy.concatenate([self.scale, other.scale]),
                "both.numbers": numpy.hstack([self._numbers, other._numbers]),
                "both.bias": numpy.concatenate([self._bias, other._bias]),
            },
            "both",
        )

    def _meanings(self, sums: NDArray[numpy.uint32]) -> NDArray[numpy.int8]:
        """What the meanings of the words with these checksums add; nothing for words that are not known."""
        found = numpy.zeros((len(sums), len(self.labels)), numpy.int8)
        if len(self._known):
            places = numpy.minimum(self._known.searchsorted(sums), len(self._known) - 1)
            here = self._known[places] == sums
            found[here] = self._meant[places[here]]
        return found

    def score(self, counted: Counted, numbers: Sequence[float]) -> Floats:
        """One score for each of `labels`."""
        total: Floats = numpy.asarray(numbers, numpy.float32) @ self._numbers + self._bias
        if not counted.words:
            return total
        words = self.of_words(counted.words).sum(axis=0)
        if counted.pairs:
            pairs = numpy.array(counted.pairs, numpy.intp) & self._mask
            words += self._weights.take(pairs, axis=0).sum(axis=0, dtype=numpy.float32)
        total += words * self.scale / (len(counted.words) + 1) ** 0.5
        return total

    def of_words(self, words: Sequence[str]) -> Floats:
        """What each of `words` adds for each label, before it is scaled."""
        try:
            places = [self._places[word] for word in words]
        except KeyError:
            places = self._learn(words)
        return self._rows.take(numpy.array(places, numpy.intp), axis=0)

    def _learn(self, words: Sequence[str]) -> list[int]:
        """The places of `words`, which are summed up where they are new."""
        new = set(words) - self._places.keys()
        if len(self._places) + len(new) > MOST_WORDS:
            self._places.clear()
            new = set(words)
        for word in new:
            place = self._places[word] = len(self._places)
            features = numpy.bitwise_and(tokens.numbers(word), self._mask)
            self._rows[place] = self._weights.take(features, axis=0).sum(axis=0, dtype=numpy.float32)
            self._rows[place] += self._meanings(
                numpy.array([tokens.checksum(word.removeprefix(tokens.NOT))], numpy.uint32)
            )[0]
        return [self._places[word] for word in words]
