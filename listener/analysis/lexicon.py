"""The words that the first understanding goes by, all found in one pass; they stand in `words.toml`."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from itertools import accumulate
from itertools import count as itercount
from operator import add, itemgetter
from typing import Any, NamedTuple

from ahocorasick_rs import AhoCorasick

from listener.analysis.folding import Folded, haystack

#: Of longer texts the beginning and the end are judged.
BEGINNING, END = 8_000, 2_000

_NEGATED = re.compile(
    r" (?:no|not|never|without|zero|t|nor|kein|keine|keinen|nicht|nie|sin|sans|pas|senza|non)"
    r"(?: (?:a|an|any|get|got|had|have|been|the|my|too|very|so|really|that))? $"
)


class Hit(NamedTuple):
    """Where a phrase stands: from `start` to before `end` of the haystack, the spaces around it included."""

    start: int
    end: int


class Reading:
    """One text with the words that were found in it, by list ("complaint.strong")."""

    def __init__(self, folded: Folded, hay: str, hits: dict[str, list[Hit]], idioms: Sequence[Hit]) -> None:
        self._folded = folded
        self._idioms = idioms
        self._begins: list[int] | None = None
        #: The haystack, its idioms blotted out.
        self.hay = hay
        self.hits = hits
        self._not_negated: dict[str, list[Hit]] = {}
        #: The text in its plain form, each idiom joined to one word; nothing moves.
        self.plain_text = self._joined() if idioms else folded.text

    @property
    def original(self) -> str:
        """The text as it was written, as far as it is judged."""
        return self._folded.original

    def _joined(self) -> str:
        text = self._folded.text
        for idiom in self._idioms:
            places = self._folded.places(*self._words(idiom))
            start, end = places[0][0], places[-1][1]
            text = text[:start] + "_".join(text[start:end].split(" ")) + text[end:]
        return text

    @property
    def literal(self) -> str:
        """The text without its idioms, for a judge that takes every word at its word."""
        if not self._idioms:
            return self._folded.original
        kept, at = [], 0
        for idiom in self._idioms:
            start, end = self._folded.words_span(*self._words(idiom))
            kept.append(self._folded.original[at : max(start, at)])
            at = max(end, at)
        return "".join(kept) + self._folded.original[at:]

    def said(self, hits: Sequence[Hit]) -> tuple[str, ...]:
        """The text's own words for `hits`, each once, at most five."""
        if not hits:
            return ()
        first = sorted(hits, key=itemgetter(0))[:20]
        return self._quoted(self._folded.words_span(*self._words(hit)) for hit in first)[:5]

    def written(self, spans: Iterable[tuple[int, int]]) -> tuple[str, ...]:
        """The text's own words for parts of `plain_text`, each once."""
        return self._quoted(self._folded.span(start, end) for start, end in spans)

    def _quoted(self, spans: Iterable[tuple[int, int]]) -> tuple[str, ...]:
        original = self._folded.original
        return tuple(dict.fromkeys([" ".join(original[start:end].split()) for start, end in spans]))

    def _words(self, hit: Hit) -> tuple[int, int]:
        """The first and the last word of `hit`."""
        if self._begins is None:
            self._begins = list(map(add, accumulate(map(len, self._folded.words), initial=0), itercount()))
        first = bisect_right(self._begins, hit.start) - 1
        return first, bisect_right(self._begins, hit.end - 2, first) - 1

    def negated(self, hit: Hit) -> bool:
        """Whether "no", "not" or "never" stands right before `hit`."""
        return bool(_NEGATED.search(self.hay, max(hit.start - 30, 0), hit.start + 1))

    @property
    def denies(self) -> bool:
        """Whether words of harm stand in it that mean none: in an idiom, or after "no", "not" or "never"."""
        return bool(self._idioms) or any(
            name.startswith("severe.") and len(self._plain(name)) < len(hits) for name, hits in self.hits.items()
        )

    def plain(self, *names: str) -> list[Hit]:
        """What was found of these lists and is not negated."""
        return [hit for name in names if name in self.hits for hit in self._plain(name)]

    def _plain(self, name: str) -> list[Hit]:
        if name not in self._not_negated:
            self._not_negated[name] = [hit for hit in self.hits[name] if not self.negated(hit)]
        return self._not_negated[name]


class Lexicon:
    """All lists of `words.toml`."""

    def __init__(self) -> None:
        self.tables: dict[str, Any] = tomllib.loads(
            resources.files("listener.analysis").joinpath("words.toml").read_text(encoding="utf-8")
        )
        written: dict[str, set[str]] = defaultdict(set)
        for name, phrases in self._lists():
            for phrase in phrases:
                for form in spellings(phrase):
                    written[form].add(name)
        self._names = [sorted(names) for names in written.values()]
        self._automaton = AhoCorasick(list(written))

    def _lists(self) -> Iterator[tuple[str, list[str]]]:
        for table, lists in self.tables.items():
            if isinstance(lists, dict):
                yield from ((f"{table}.{name}", phrases) for name, phrases in lists.items())

    def read(self, text: str) -> Reading:
        """What stands in `text`. Words inside an idiom are left out, unless their phrase is the idiom itself."""
        if len(text) > BEGINNING + END:
            text = f"{text[:BEGINNING]}\n\n{text[-END:]}"
        folded = Folded(text)
        hay = haystack(folded.words)
        found = [
            (self._names[number], Hit(start, hay.index(" ", end - 1) + 1))
            for number, start, end in self._automaton.find_matches_as_indexes(hay, overlapping=True)
        ]
        idioms = {hit: None for names, hit in found if "idiom.joke" in names}
        masked = _mask(hay, list(idioms)) if idioms else hay
        hits: dict[str, list[Hit]] = defaultdict(list)
        for names, hit in found:
            if hit in idioms or masked[hit.start : hit.end] == hay[hit.start : hit.end]:
                for name in names:
                    hits[name].append(hit)
        return Reading(folded, masked, dict(hits), list(idioms))


def _mask(hay: str, idioms: Sequence[Hit]) -> str:
    """`hay` with the letters of idioms blotted out; nothing moves."""
    letters = list(hay)
    for idiom in idioms:
        letters[idiom.start + 1 : idiom.end - 1] = "_" * (idiom.end - idiom.start - 2)
    return "".join(letters)


def spellings(phrase: str) -> set[str]:
    """How `phrase` may stand in a haystack: with or without its apostrophes, open at the end after a "*"."""
    stem = phrase.endswith("*")
    forms = {haystack(Folded(way).words) for way in (phrase.rstrip("*"), phrase.rstrip("*").replace("'", ""))}
    return {form[:-1] if stem else form for form in forms}


def compile_pattern(pattern: str, lists: dict[str, list[str]]) -> tuple[re.Pattern[str], frozenset[str]]:
    """A pattern of `words.toml` as an expression over a haystack, and the lists without which it cannot fire."""
    parts = ["(?<= )"]
    needs: set[str] = set()
    for part in pattern.split():
        if part.startswith("{"):
            needs.add(f"severe.{part[1:-1]}")
            parts.append(_alternatives(form[1:] for phrase in lists[part[1:-1]] for form in spellings(phrase)))
        elif part in (".", ".."):
            parts.append(r"(?:\S{1,60} )" + ("?" if part == "." else "{0,4}?"))
        else:
            parts.append(_alternatives(form[1:] for word in part.split("|") for form in spellings(word)))
    return re.compile("".join(parts)), frozenset(needs)


def _alternatives(forms: Iterator[str]) -> str:
    longest_first = sorted(set(forms), key=lambda form: (-len(form), form))
    ways = (re.escape(form) + ("" if form.endswith(" ") else "[^ ]* ") for form in longest_first)
    return f"(?:{'|'.join(ways)})"
