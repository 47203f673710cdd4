"""One plain form for every way of writing a name, with the way back to the original characters."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from functools import cached_property

#: Longer texts are read up to here, as the pipeline keeps them.
LONGEST = 100_000

#: Scripts that are written without spaces (Thai, Lao, Burmese, Khmer, kana, Han, Hangul): each character is a word.
SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u3096\u309d-\u30fa\u30fc-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"

#: What words are made of, once folded. Combining signs of Indic scripts, Arabic and Hebrew belong to their word.
LETTERS = (
    "0-9a-z\u00df-\u00f6\u00f8-\u037d\u037f-\u0386\u0388-\u0588\u0591-\u05f2\u0610-\u061a\u0620-\u0669\u066e-\u06d3"
    "\u06d5-\u0963\u0966-\u0dff\u10a0-\u177f\u1800-\u1fff\u2c00-\u2dff\ua4d0-\uabff\U00010000-\U0001efff"
)

#: What may stand between the words of one name: white space and these.
_SOFT = r"\s_/'\"+.#@*~-"

# The full stop after a longer word ends a sentence; after "Dr" or inside "crumb.example" it does not. An empty line
# and whatever is neither letter nor soft (commas, brackets, emoji) also keep two words from being one name.
_WORD = re.compile(
    rf"[{LETTERS}]+|[{SPACELESS}][\u3099\u309a]?|&|\.(?=\s)(?<=[{LETTERS}]{{4}}\.)|\n\s{{0,9}}\n|[^{LETTERS}{SPACELESS}&{_SOFT}]+"
)

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

_ALIKE = {
    **dict.fromkeys("\u2018\u2019\u201b\u02bc\u02b9\u2032\u00b4`\uff07", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"'),
    **dict(zip("ıøØłŁđĐ", "ioolldd", strict=True)),
    **dict.fromkeys("æÆ", "ae"),
    **dict.fromkeys("œŒ", "oe"),
}

# Accents of Latin, Greek and Cyrillic, vowel points of Hebrew and Arabic, and variation selectors.
_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u065f\u0670"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]"
)


def _fold_character(character: str) -> str:
    """What one character becomes: empty for the invisible and for accents, several letters for ligatures."""
    if character in _ALIKE:
        return _ALIKE[character]
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if category == "Cs":
        return "\ufffd"  # half of a pair: no library that speaks UTF-8 takes it
    if "\uac00" <= character <= "\ud7a3":
        return character  # decomposed, one syllable would be the beginning of another
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return _MARKS.sub("", plain)


class _Folding(dict[int, str]):
    """A table for `str.translate` that fills itself; bounded, because texts choose what is looked up."""

    def __missing__(self, code: int) -> str:
        folded = _fold_character(chr(code))
        if len(self) < 20_000:
            self[code] = folded
        return folded


_TABLE = _Folding()


def _is_plain(text: str) -> bool:
    return text.isascii() and not ("`" in text or ("&" in text and _ENTITY.search(text)))


def fold(text: str) -> str:
    """The plain form of `text`, as `Folded` has it, without its words."""
    return text.lower() if _is_plain(text) else _unescape(text).translate(_TABLE)


class Folded:
    """A text in its plain form: HTML unescaped, compatibility forms, case, accents and invisible characters gone.

    `text` is the plain form, `words` its words in order. Marks that keep two
    words from belonging to one name (a comma, an emoji, the end of a
    sentence) stand among the words.
    """

    def __init__(self, original: str) -> None:
        self.original = original[:LONGEST]
        self._plain = _is_plain(self.original)
        self.text = self.original.lower() if self._plain else fold(self.original)
        self.words: list[str] = _WORD.findall(self.text)
        self._places: list[tuple[int, int]] = []

    def places(self, first: int, last: int) -> list[tuple[int, int]]:
        """Where `words[first]` to `words[last]`, both included, stand in `text`."""
        end = self._places[-1][1] if self._places else 0
        for word in self.words[len(self._places) : last + 1]:
            start = self.text.index(word, end)  # what lies between two words begins none
            end = start + len(word)
            self._places.append((start, end))
        return self._places[first : last + 1]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` (not empty) stands in the original."""
        if self._plain:
            return start, end
        starts, ends = self._origins
        return starts[start], ends[end - 1]

    def words_span(self, first: int, last: int) -> tuple[int, int]:
        """Where `words[first]` to `words[last]`, both included, stand in the original."""
        places = self.places(first, last)
        return self.span(places[0][0], places[-1][1])

    @cached_property
    def _origins(self) -> tuple[list[int], list[int]]:
        """Where each character of `text` begins and ends in the original."""
        starts: list[int] = []
        ends: list[int] = []
        for start, end, characters in _pieces(self.original):
            folded = characters.translate(_TABLE)
            if not folded and ends and unicodedata.combining(characters[:1] or " "):
                ends[-1] = end  # an accent belongs to the letter before it
            starts += [start] * len(folded)
            ends += [end] * len(folded)
        return starts, ends


def haystack(words: list[str]) -> str:
    """`words` with one space around each, so that a term with spaces around it is found at the borders of words only."""
    return f" {' '.join(words)} "


def marked(text: str) -> str:
    """The letters and digits of `text` in lower case, with their accents."""
    plain = unicodedata.normalize("NFKC", _unescape(text)).casefold()
    return "".join(character for character in unicodedata.normalize("NFC", plain) if character.isalnum())


def _unescape(text: str) -> str:
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    """The characters of `text` once unescaped, each with its original start and end."""
    at = 0
    for entity in _ENTITY.finditer(text) if "&" in text else ():
        yield from ((index, index + 1, text[index]) for index in range(at, entity.start()))
        yield entity.start(), entity.end(), html.unescape(entity[0])
        at = entity.end()
    yield from ((index, index + 1, text[index]) for index in range(at, len(text)))
