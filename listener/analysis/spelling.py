"""Names that somebody has misspelt by one letter."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Generic, TypeVar

from rapidfuzz.distance import OSA

#: A name must have so many letters, and a misspelt word of it so many, to be known again without one of them.
LONG_NAME, LONG_WORD = 8, 5

_LETTERS_ONLY = re.compile("[^a-z]")
_END = 3

Key = TypeVar("Key")


@cache
def common_words() -> frozenset[str]:
    """English words of four letters and more that people write for what they mean."""
    return frozenset((files("listener.analysis") / "common.txt").read_text().split())


class Misspelt(Generic[Key]):
    """Finds names in which one word is wrong by one letter: left out, added, another one, or two that changed places.

    A name of one word has its first letter right, and its first or its last
    three; in a name of several words one is wrong and the others are right. A
    common word is never a misspelt name, and neither is a name with an "s"
    more or less.
    """

    def __init__(self, names: Iterable[tuple[tuple[str, ...], Key]]) -> None:
        self._keys: dict[tuple[str, ...], list[Key]] = defaultdict(list)
        for words, key in names:
            if sum(map(len, words)) >= LONG_NAME:
                self._keys[words].append(key)
        self._begin: dict[str, list[str]] = defaultdict(list)
        self._end: dict[str, list[str]] = defaultdict(list)
        self._beside: dict[str, dict[tuple[int, str], list[tuple[tuple[str, ...], int]]]] = defaultdict(dict)
        for words in self._keys:
            if len(words) == 1 and not _LETTERS_ONLY.search(words[0]):
                self._begin[words[0][:_END]].append(words[0])
                self._end[words[0][0] + words[0][-_END:]].append(words[0])
            for at, word in enumerate(words if len(words) > 1 else ()):
                if len(word) >= LONG_WORD and not _LETTERS_ONLY.search(word):
                    beside = max((other for other in range(len(words)) if other != at), key=lambda i: len(words[i]))
                    places = self._beside[words[beside]].setdefault((at - beside, word[0]), [])
                    places.append((words, at))

    def find(self, words: list[str]) -> Iterator[tuple[int, int, Key]]:
        """Where in `words` a misspelt name begins and ends (both included), and whose it is."""
        for at, word in enumerate(words):
            if len(word) >= LONG_NAME - 1 and (word[:_END] in self._begin or word[0] + word[-_END:] in self._end):
                yield from self._one_word(at, word)
        if not self._beside.keys().isdisjoint(words):
            for at, word in enumerate(words):
                if word in self._beside:
                    yield from self._several(at, words)

    def _one_word(self, at: int, word: str) -> Iterator[tuple[int, int, Key]]:
        near = dict.fromkeys(self._begin.get(word[:_END], []) + self._end.get(word[0] + word[-_END:], []))
        for name in near:
            if _is_misspelt(word, name):
                yield from ((at, at, key) for key in self._keys[name,])

    def _several(self, beside: int, words: list[str]) -> Iterator[tuple[int, int, Key]]:
        for (step, letter), names in self._beside[words[beside]].items():
            at = beside + step
            if not 0 <= at < len(words) or words[at][:1] != letter:
                continue
            for name, wrong in names:
                first, last = at - wrong, at - wrong + len(name) - 1
                if first < 0 or not _is_misspelt(words[at], name[wrong]):
                    continue
                if words[first:at] == list(name[:wrong]) and words[at + 1 : last + 1] == list(name[wrong + 1 :]):
                    yield from ((first, last, key) for key in self._keys[name])


def _is_misspelt(word: str, name: str) -> bool:
    return (
        abs(len(word) - len(name)) <= 1
        and word[0] == name[0]
        and OSA.distance(word, name, score_cutoff=1) == 1
        and not _LETTERS_ONLY.search(word)
        and f"{word}s" != name
        and f"{name}s" != word
        and word not in common_words()
    )
