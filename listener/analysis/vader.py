"""VADER (Hutto & Gilbert, 2014) with the library's own scores, in time that grows with the length and no faster."""

from __future__ import annotations

import math
import string
from collections import defaultdict, deque
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import compress
from operator import attrgetter

from vaderSentiment.vaderSentiment import (
    BOOSTER_DICT,
    C_INCR,
    N_SCALAR,
    NEGATE,
    SPECIAL_CASES,
    SentimentIntensityAnalyzer,
    normalize,
)

#: So many spellings are remembered, and none that is longer: texts choose what is looked up.
MOST_WORDS, LONGEST_WORD = 20_000, 40

# Phrases that change a score. Each is looked for only where its longest word stands.
_PHRASES = {phrase for phrase in (*SPECIAL_CASES, *BOOSTER_DICT) if " " in phrase}
_KEYS = {max(phrase.split(), key=len) for phrase in _PHRASES}

#: Words that change the score of others; wherever none of them stands, a text is the list of its words' values.
_TOUCHY = {*BOOSTER_DICT, *NEGATE, *_KEYS, "no", "least", "this"}

#: Those, and the words that matter only beside them.
_LISTED = {*_TOUCHY, *(word for phrase in _PHRASES for word in phrase.split()), "but", "or", "at", "doubt"}


class _Word:
    """A word as VADER knows it: its value (None where it has none), and what it does to others."""

    __slots__ = ("booster", "lower", "negates", "touchy", "upper", "value")

    def __init__(self, lower: str, upper: bool, value: float | None) -> None:
        self.lower = lower
        self.upper = upper
        self.value = value
        self.booster: float = BOOSTER_DICT.get(lower, 0.0)
        self.negates = lower in NEGATE or "n't" in lower
        self.touchy = lower in _TOUCHY or self.negates or (upper and value is not None)


#: A word with the three before it and the two after it; None where the text ends.
_Window = tuple[_Word | None, _Word | None, _Word | None, _Word, _Word | None, _Word | None]

_UPPER, _VALUE = attrgetter("upper"), attrgetter("value")


class _Words(dict[str, _Word]):
    """Spellings with their words. There are as many words as the lists hold; what is in no list shares a few."""

    def __init__(self, lexicon: dict[str, float]) -> None:
        self._lexicon = lexicon
        self._made: dict[tuple[str, bool], _Word] = {}
        self.touchy: set[_Word] = set()
        self.but: set[_Word] = set()

    def __missing__(self, spelling: str) -> _Word:
        stripped = spelling.strip(string.punctuation)
        word = self._word(spelling if len(stripped) <= 2 else stripped)
        if len(self) >= MOST_WORDS:
            self.clear()
        if len(spelling) <= LONGEST_WORD:
            self[spelling] = word
        return word

    def _word(self, stripped: str) -> _Word:
        lower, upper = stripped.lower(), stripped.isupper()
        value = self._lexicon.get(lower)
        if value is None and lower not in _LISTED:
            lower = "n't" if "n't" in lower else ""
        word = self._made.get((lower, upper))
        if word is None:
            word = self._made[lower, upper] = _Word(lower, upper, value)
            if word.touchy or lower == "but":
                self.touchy.add(word)
            if lower == "but":
                self.but.add(word)
        return word


class Vader(SentimentIntensityAnalyzer):  # type: ignore[misc]  # the library has no types
    """`SentimentIntensityAnalyzer` with equal scores for every text; made once, for it reads the lexicon."""

    def __init__(self) -> None:
        super().__init__()
        self._words = _Words(self.lexicon)
        # The library puts a space before a description where there is none; more of them change nothing.
        self._pictures = {ord(key): f" {said}" for key, said in self.emojis.items() if len(key) == 1}
        self._emoji = frozenset(map(chr, self._pictures))

    def polarity_scores(self, text: str) -> dict[str, float]:
        """The shares of negative, neutral and positive words, and `compound` from -1 to 1."""
        values, count, emphasis = self.valences(text)
        return scores(values, count, emphasis)

    def valences(self, text: str) -> tuple[list[float], int, float]:
        """What each feeling word of `text` weighs, in order; how many words there are; the weight of its "!" and "?"."""
        if not text.isascii() and not self._emoji.isdisjoint(text):
            text = text.translate(self._pictures)
        words = list(map(self._words.__getitem__, text.split()))
        if self._words.touchy.isdisjoint(words):
            values = [word.value for word in words if word.value]
        else:
            values = self._weighed(words)
        return values, len(words), self._punctuation_emphasis(text) if "!" in text or "?" in text else 0.0

    def _weighed(self, words: list[_Word]) -> list[float]:
        # Whatever looks at every word runs inside the interpreter: 10,000 emoji are 50,000 words.
        shouts = sum(map(_UPPER, words))
        mixed = 0 < shouts < len(words)
        padded = [None, None, None, *words, None, None]
        windows = zip(padded, padded[1:], padded[2:], words, padded[4:], padded[5:], strict=False)
        known: dict[_Window, float] = {}
        values = []
        for window in compress(windows, map(_VALUE, words)):
            value = known.get(window)
            if value is None:
                value = known[window] = self._weigh(window, mixed)
            values.append(value)
        if not self._words.but.isdisjoint(words):
            but = next(compress(range(len(words)), map(self._words.but.__contains__, words)))
            values = _around_but(values, sum(1 for word in words[:but] if word.value))
        return list(filter(None, values))

    def _weigh(self, window: _Window, mixed: bool) -> float:
        """The value of the fourth word among those around it; `mixed` says that some words are in capitals."""
        three, two, one, word, after, _ = window
        value = word.value or 0.0
        if self._words.touchy.isdisjoint(window):
            return value
        if word.booster or (word.lower == "kind" and after and after.lower == "of"):
            return 0.0
        before = [near for near in (one, two, three) if near]
        if _denied(before):
            value *= N_SCALAR
        elif word.lower == "no" and after and after.value is not None:
            value = 0.0
        if word.upper and mixed:
            value += C_INCR if value > 0 else -C_INCR
        for back, (near, share) in enumerate(zip(before, (1.0, 0.95, 0.9), strict=False)):
            if near.value is None:
                value += _boost(near, value, mixed) * share
                value = _negate(value, before, back)
                value = _phrases(value, window) if back == 2 else value
        if one and one.lower == "least" and one.value is None:
            value *= 1.0 if two and two.lower in ("at", "very") else N_SCALAR
        return value


def _denied(before: list[_Word]) -> bool:
    """Whether "no" stands one or two words before, or three before an "or"."""
    if any(near.lower == "no" for near in before[:2]):
        return True
    return len(before) > 2 and before[2].lower == "no" and before[0].lower in ("or", "nor")


def _boost(word: _Word, value: float, mixed: bool) -> float:
    if not word.booster:
        return 0.0
    scalar = -word.booster if value < 0 else word.booster
    if word.upper and mixed:
        scalar += C_INCR if value > 0 else -C_INCR
    return scalar


def _negate(value: float, before: list[_Word], back: int) -> float:
    """What the word `back` + 1 places before does by negating; the library's precedence of "or" is kept."""
    word = before[back]
    if back == 1 and word.lower == "never" and before[0].lower in ("so", "this"):
        return value * 1.25
    if back == 2 and (
        (word.lower == "never" and before[1].lower in ("so", "this")) or before[0].lower in ("so", "this")
    ):
        return value * 1.25
    if back and word.lower == "without" and any(near.lower == "doubt" for near in before[:back]):
        return value
    return value * N_SCALAR if word.negates else value


def _phrases(value: float, window: _Window) -> float:
    three, two, one, word, *rest = (near.lower if near else "" for near in window)
    before = (f"{three} {two} {one}", f"{three} {two}", f"{two} {one}")
    for said in (f"{one} {word}", f"{two} {one} {word}", before[2], before[0], before[1]):
        if said in SPECIAL_CASES:
            value = SPECIAL_CASES[said]
            break
    for said in (f"{word} {rest[0]}", f"{word} {rest[0]} {rest[1]}"):
        value = SPECIAL_CASES.get(said, value)
    return float(value + sum(BOOSTER_DICT.get(said, 0.0) for said in before))


def _around_but(values: list[float], but: int) -> list[float]:
    """Halves the first `but` values and raises the others.

    The library looks each value up by its first equal, so an equal one may be
    changed twice and another not at all. Where no change makes two values
    equal, each is its own first. Else each value knows its places, the changed
    ones in a heap, which does the same without searching.
    """
    different = set(values)
    if different.isdisjoint(value * share for value in different for share in (0.5, 1.5)):
        return [value * 0.5 for value in values[:but]] + [value * 1.5 for value in values[but:]]
    places: defaultdict[float, deque[int]] = defaultdict(deque)
    changed: defaultdict[float, list[int]] = defaultdict(list)
    for order, value in enumerate(values):
        places[value].append(order)
    for order in range(len(values)):
        value = values[order]
        first, again = places[value], changed[value]
        at = heappop(again) if again and (not first or again[0] < first[0]) else first.popleft()
        values[at] = value * (0.5 if at < but else 1.5)
        heappush(changed[values[at]], at)
    return values


def scores(values: Sequence[float], count: int, emphasis: float) -> dict[str, float]:
    """VADER's four numbers for what `Vader.valences` gives."""
    if not count:
        return {"neg": 0.0, "neu": 0.0, "pos": 0.0, "compound": 0.0}
    total = float(sum(values))
    total += emphasis if total > 0 else -emphasis if total < 0 else 0.0
    positive = negative = 0.0
    for value in values:
        if value > 0:
            positive += value + 1
        else:
            negative += value - 1
    if positive > -negative:
        positive += emphasis
    elif positive < -negative:
        negative -= emphasis
    neutral = count - len(values)
    weight = positive - negative + neutral
    return {
        "neg": round(math.fabs(negative / weight), 3),
        "neu": round(neutral / weight, 3),
        "pos": round(positive / weight, 3),
        "compound": round(normalize(total), 4),
    }
