"""What the trained tables see of a text: its words, pairs of them and their parts, each as a number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from operator import attrgetter
from zlib import crc32

#: Texts are read up to so many tokens.
MOST_TOKENS = 2_000

#: So many stretches between spaces are remembered with their tokens, and none that is longer.
MOST_KNOWN, LONGEST_KNOWN = 20_000, 40

#: Features are numbered by a checksum of so many bits; two that share a number share their weight.
BITS = 18
MASK = (1 << BITS) - 1

#: The mark of a word under a negation.
NOT = "\u00ac"

#: A negation reaches so many words, and no further than the next sign.
REACH = 3

NEGATORS = frozenset({
    "no", "not", "never", "none", "nothing", "nobody", "nowhere", "neither", "nor", "without", "hardly", "barely",
    "rarely", "seldom", "cannot", "cant", "dont", "doesnt", "didnt", "isnt", "wasnt", "arent", "werent", "wont",
    "wouldnt", "couldnt", "shouldnt", "aint", "havent", "hasnt", "hadnt", "nicht", "kein", "keine", "keinen", "keiner",
    "keinem", "nie", "niemals", "ohne", "nichts", "sin", "nunca", "jamas", "tampoco", "ningun", "ninguna", "nada",
    "pas", "jamais", "sans", "aucun", "aucune", "rien", "non", "mai", "senza", "nessun", "nessuna", "niente", "nao",
    "nem", "sem", "nenhum",
})  # fmt: skip

# Arabic and Indic signs belong to the letter before them.
_TOKEN = re.compile(
    r"https?://\S+|www\.\S+|[@#]\w+|[:;=]['^-]?[()\[\]dpo3*/\\|]+|<3+"
    r"|[^\W\d_](?:[^\W\d]|[\u0610-\u065f\u0900-\u097f])*(?:'[^\W\d]+)?|\d[\d.,:]*|[!?]+|[^\w\s'\"_`-]"
)
_LONG_DRAWN = re.compile(r"(.)\1{2,}")
_DIGIT = re.compile(r"\d")
_STOPS = frozenset(".,;:()[]\u2026\u201c\u201d")


@dataclass(slots=True)
class Counted:
    """The words of a text, those under a negation marked by a sign before them; the numbers of its pairs.

    `tokens` are the words as they stand in the text.
    """

    words: list[str]
    pairs: list[int]
    tokens: list[str]

    def spans(self, text: str, places: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Where the words at `places` (ascending) stand in `text`, which is the one that was counted."""
        start = end = 0
        counted = 0
        for place in places:
            if text.count(self.tokens[place], end) == 1:
                counted = place
            for token in self.tokens[counted : place + 1]:
                start = text.index(token, end)
                end = start + len(token)
            counted = place + 1
            yield start, end


def count(text: str) -> Counted:
    """What counts in a folded text."""
    seen = list(chain.from_iterable(map(_KNOWN.__getitem__, text.split())))[:MOST_TOKENS]
    known = [each for each in seen if each.word]
    if any(map(_NEGATES, seen)):
        words = [NOT + each.word if reached else each.word for each, reached in _reached(seen) if each.word]
    else:
        words = list(map(_WORD, known))
    pairs = [crc32(then.data, each.seed) & MASK for each, then in pairwise(known)]
    return Counted(words, pairs, [each.token for each in known])


def _reached(known: list[_Token]) -> Iterator[tuple[_Token, bool]]:
    """Each token with whether it stands within reach of a negation."""
    left = 0
    for token in known:
        if token.stops:
            left = 0
        yield token, left > 0
        if token.negates:
            left = REACH
        elif left:
            left -= 1


class _Token:
    """A token as it is counted, and the beginning of the checksum of a pair that it opens."""

    __slots__ = ("data", "negates", "seed", "stops", "token", "word")

    def __init__(self, token: str) -> None:
        self.token = token
        word = _plain(token)
        self.word = token if word == token else word
        self.data = self.word.encode("utf-8", "replace")
        self.seed = crc32(b"p" + self.data + b" ")
        self.negates = token in NEGATORS or token.endswith("n't")
        self.stops = not token[0].isalnum() and token[0] not in "@#"


_WORD, _NEGATES = attrgetter("word"), attrgetter("negates")


class _Tokens(dict[str, tuple[_Token, ...]]):
    """The tokens of what stands between two spaces, which none crosses; bounded, because texts choose what is looked up."""

    def __missing__(self, stretch: str) -> tuple[_Token, ...]:
        known = tuple(map(_Token, _TOKEN.findall(stretch)))
        if len(self) >= MOST_KNOWN:
            self.clear()
        if len(stretch) <= LONGEST_KNOWN:
            self[stretch] = known
        return known


_KNOWN = _Tokens()


def _plain(token: str) -> str:
    """How a token is counted; "" where it is not.

    Links and handles are all alike, digits too, and letters that are drawn out are cut to two.
    """
    first = token[0]
    if first == "@":
        return "@"
    if token.startswith(("http", "www.")) and len(token) > 4:
        return "http"
    if first.isdigit():
        return _DIGIT.sub("0", token.rstrip(".,:"))[:6]
    return "" if token in _STOPS else _LONG_DRAWN.sub(r"\1\1", token)[:30]


def checksum(text: str) -> int:
    """The number by which a table knows a word whose meaning it has learnt."""
    return crc32(text.encode("utf-8", "replace"))


def number(feature: str) -> int:
    """The number of a feature."""
    return checksum(feature) & MASK


def numbers(word: str) -> list[int]:
    """The numbers of a counted word: itself, its negated form where it is marked, and 3 to 5 of its letters in a row."""
    bare = word.removeprefix(NOT)
    found = [number("w" + bare)]
    if bare != word:
        found.append(number("n" + bare))
    if bare[:1].isalpha() and "_" not in bare:  # an idiom means nothing that its letters say
        framed = f"<{bare}>"
        found += (number("c" + framed[at : at + size]) for size in (3, 4, 5) for at in range(len(framed) - size + 1))
    return found
