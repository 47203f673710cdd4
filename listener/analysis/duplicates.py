"""Posts that say what another one has said: reposts, syndicated copies, quotes with a line added."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from rensa import RMinHash, RMinHashLSH

from listener.analysis.folding import LETTERS, SPACELESS, fold

#: What a post is known by: its platform and its id there.
Key = tuple[str, str]

#: Two texts are one if they share half of their stretches of four letters; short ones three quarters, because people
#: who write a line of the same kind ("Thanks to Mia at …, the rye was lovely") easily share half.
ALIKE, SHORT_ALIKE, SHORT = 0.5, 0.75, 80
#: They are one, too, if the shorter has nearly all of its stretches in the other and is no less than that share of it.
NEARLY_ALL, NO_LESS = 0.9, 0.6

#: Shorter texts ("Love this place!") are said by many people, each for themselves. A sign of Chinese, Japanese,
#: Korean or Thai says as much as three letters.
FEWEST_LETTERS = 40

#: How many of a business's posts a new one is compared with, and of how many businesses those are at hand.
WINDOW, BUSINESSES = 2_000, 8

# Of longer texts the beginning counts; of the posts that may be alike, so many are looked at.
_LONGEST, _MOST_LOOKS = 2_000, 3

_STRETCHES = [slice(at, at + 4) for at in range(_LONGEST)]
_PERMUTATIONS, _BANDS = 96, 32
# What the marks of two texts that are one have in common, at least: the least likeness, less three deviations.
_WORTH_A_LOOK = 0.36
_NUMBER = re.compile("[0-9]+")
_LINK = re.compile(r"https?://\S+")
_SAYS_NOTHING = re.compile(f"[^{LETTERS}{SPACELESS}&]+")
_DENSE = re.compile(f"[{SPACELESS}]")


def plain(text: str) -> str:
    """`text` as it is compared: folded, without links, signs and whose repost it is."""
    linked = text[: 2 * _LONGEST]
    folded = fold(_LINK.sub(" ", linked) if "://" in linked else linked)[:_LONGEST]
    words = _SAYS_NOTHING.sub(" ", folded).split()
    return " ".join(words[1:] if words[:1] == ["rt"] else words)


def _grams(plain_text: str) -> list[str]:
    return list(map(plain_text.__getitem__, _STRETCHES[: max(len(plain_text) - 3, 0)]))


@dataclass(slots=True)
class Window:
    """The latest posts of one business, of each the first that said it; what is older drops out."""

    _posts: OrderedDict[Key, tuple[int, str, RMinHash]] = field(default_factory=OrderedDict)
    _said: dict[str, Key] = field(default_factory=dict)
    _numbers: dict[int, Key] = field(default_factory=dict)
    _index: RMinHashLSH = field(default_factory=lambda: RMinHashLSH(ALIKE, _PERMUTATIONS, _BANDS))
    _next: int = 0

    def first_of(self, key: Key, text: str) -> Key | None:
        """The post that said this before; None: `text` is new, or too short to tell, and is remembered as `key`'s."""
        said = plain(text)
        if len(said) < FEWEST_LETTERS and len(said) + 2 * len(_DENSE.findall(said)) < FEWEST_LETTERS:
            return None
        same = self._said.get(said)
        if same is not None and same != key:
            return same
        grams = _grams(said)
        mark = RMinHash(_PERMUTATIONS, 1)
        mark.update(grams)
        for other in self._likest(key, mark):
            if _repeats(said, self._posts[other][1], set(grams)):
                return other
        self._remember(key, said, mark)
        return None

    def _likest(self, key: Key, mark: RMinHash) -> list[Key]:
        """The few posts that are likeliest to say the same, the likest first."""
        near = []
        for number in self._index.query(mark):
            other = self._numbers[number]
            likeness = mark.jaccard(self._posts[other][2])
            if likeness >= _WORTH_A_LOOK and other != key:
                near.append((-likeness, number, other))
        return [other for *_, other in sorted(near)[:_MOST_LOOKS]]

    def _remember(self, key: Key, said: str, mark: RMinHash) -> None:
        if key in self._posts:
            self._forget(key)
        self._posts[key] = self._next, said, mark
        self._said[said] = key
        self._numbers[self._next] = key
        self._index.insert(self._next, mark)
        self._next += 1
        if len(self._posts) > WINDOW:
            self._forget(next(iter(self._posts)))

    def _forget(self, key: Key) -> None:
        number, said, _ = self._posts.pop(key)
        self._index.remove(number)
        del self._numbers[number]
        if self._said.get(said) == key:
            del self._said[said]


def _repeats(said: str, other: str, grams: set[str]) -> bool:
    """Whether the texts are one. With other numbers in it, a text speaks of another time, order or price."""
    numbers, its_numbers = set(_NUMBER.findall(said)), set(_NUMBER.findall(other))
    if not (numbers <= its_numbers or its_numbers <= numbers):
        return False
    others = set(_grams(other))
    shorter, longer, both = *sorted((len(grams), len(others))), len(grams & others)
    is_inside = both >= NEARLY_ALL * shorter and shorter >= NO_LESS * longer
    alike = SHORT_ALIKE if min(len(said), len(other)) < SHORT else ALIKE
    return is_inside or both >= alike * (shorter + longer - both)


class Windows:
    """The windows of the businesses that were heard of last; a window that is not at hand is filled from the store."""

    def __init__(self) -> None:
        self._windows: OrderedDict[str, Window] = OrderedDict()

    def get(self, business_id: str) -> Window | None:
        """The window of a business; None where it has to be filled first."""
        if business_id in self._windows:
            self._windows.move_to_end(business_id)
        return self._windows.get(business_id)

    def fill(self, business_id: str, posts: Iterable[tuple[Key, str]]) -> Window:
        """A window with these posts in it, the oldest first."""
        window = self._windows[business_id] = Window()
        for key, text in posts:
            window.first_of(key, text)
        if len(self._windows) > BUSINESSES:
            self._windows.popitem(last=False)
        return window
