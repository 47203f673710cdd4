"""Texts as matrices: what the daemon would count of them, by the daemon's own code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import sparse

from listener.analysis import tokens
from listener.analysis.gauge import Gauge, Measured
from tools.train.rows import Row

_numbers = cache(tokens.numbers)


@dataclass(frozen=True, slots=True)
class Matrix:
    """So many texts: what each holds of every feature, divided by the root of its words; its words; its numbers."""

    features: sparse.csr_matrix
    words: list[list[str]]
    numbers: np.ndarray

    def narrowed(self, bits: int) -> Matrix:
        """The same over 2 to the power of `bits` features, as a table of so many rows counts them."""
        wide = self.features.tocoo()
        narrow = sparse.csr_matrix((wide.data, (wide.row, wide.col & ((1 << bits) - 1))), (len(self.words), 1 << bits))
        return Matrix(narrow, self.words, self.numbers)

    def only(self, chosen: np.ndarray) -> Matrix:
        """The texts where `chosen` is true."""
        places = np.flatnonzero(chosen)
        return Matrix(self.features[places], [self.words[place] for place in places], self.numbers[places])


def measured(rows: Sequence[Row], gauge: Gauge) -> list[Measured]:
    """What the daemon measures of each text."""
    return [gauge.measure(row.text, english=row.english) for row in rows]


def matrix(rows: Sequence[Row], gauge: Gauge) -> Matrix:
    """What counts in `rows`."""
    starts, columns, words, numbers = [0], [], [], []
    for each in measured(rows, gauge):
        found = [number for word in each.counted.words for number in _numbers(word)] + each.counted.pairs
        columns.append(np.array(found, np.int32))
        starts.append(starts[-1] + len(found))
        words.append([word.removeprefix(tokens.NOT) for word in each.counted.words])
        numbers.append(each.numbers)
    lengths = np.repeat([1 / (len(each) + 1) ** 0.5 for each in words], np.diff(starts))
    features = sparse.csr_matrix(
        (lengths.astype(np.float32), np.concatenate(columns), np.array(starts)), shape=(len(rows), 1 << tokens.BITS)
    )
    features.sum_duplicates()
    return Matrix(features, words, np.array(numbers, np.float32))
