"""Which businesses a text speaks of: the queries of all of them in one pass over the text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise

from ahocorasick_rs import AhoCorasick

from config.errors import ConfigError
from config.settings import BusinessSettings
from listener.analysis.folding import LETTERS, SPACELESS, Folded, haystack, marked
from listener.analysis.query import Query, Range, Term, View, parse_query
from listener.analysis.spelling import Misspelt

#: A joined name ("crumbandco") of so many letters counts anywhere; a shorter one might be a word of its own, and
#: counts in tags, handles and domains only.
PLAIN_WHEN_JOINED = 8

#: Names of at most so many letters must be written with their own accents: without them "Oüi" is "oui".
SHORT = 4

_SPACELESS = re.compile(f"[{SPACELESS}]")
_LETTER = re.compile(f"[{LETTERS}{SPACELESS}]")

_TIED = re.compile(f"[._-][{LETTERS}]")
_BEFORE = re.compile(r"[^\s(\[<\"']+\Z")
_ADDRESS = re.compile(r"@([\w.-]+)|(?:https?://)?(?:[\w.+-]*@)?([\w-]+(?:\.[\w-]+)+)")


_UNTITLED = Folded("")


@dataclass(frozen=True, slots=True)
class Found:
    """That a text is a mention; `spans` are the words that made it one, as offsets into it, in order."""

    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Form:
    """One way of writing a term.

    `where` says where it counts: "" anywhere, "name" in tags, handles and
    domains, "address" in handles and domains, "#" or "@" in those only.
    `dashes` are the gaps in which a hyphen must stand, `exact` what the
    stretch must be letter for letter, `accents` its letters with accents
    (None: accents do not matter).
    """

    words: tuple[str, ...]
    where: str = ""
    dashes: tuple[int, ...] = ()
    exact: str = ""
    accents: str | None = None


class Matcher:
    """Finds mentions of `businesses`.

    Raises:
        ConfigError: with every query that cannot be understood.
    """

    def __init__(self, businesses: Mapping[str, BusinessSettings]) -> None:
        self._queries = dict(_queries(businesses))
        users: dict[Term, set[str]] = defaultdict(set)
        for business, (match, unless) in self._queries.items():
            for term in [*match.terms, *(unless.terms if unless else ())]:
                users[term].add(business)
        self._users = dict(users)
        self._always = {business for business, (match, _) in self._queries.items() if not match.needs_a_word}
        written: dict[str, list[tuple[Term, Form]]] = defaultdict(list)
        for term in users:
            for form in dict.fromkeys(forms(term)):
                written[haystack(list(form.words))].append((term, form))
        self._written = list(written.values())
        self._automaton = AhoCorasick(list(written))
        self._misspelt = Misspelt(_names(match for match, _ in self._queries.values()))

    def match(
        self, text: str, *, title: str = "", platform: str = "", author: str = "", language: str = "", place: str = ""
    ) -> dict[str, Found]:
        """The businesses that the text is about. What stands in `title` counts and has no spans."""
        parts = [Folded(title) if title else _UNTITLED, Folded(text)]
        words = [*parts[0].words, "\n", *parts[1].words]
        hits = self._automaton.find_matches_as_indexes(haystack(words), overlapping=True)
        misspelt = list(self._misspelt.find(words))
        if not hits and not misspelt and not self._always:
            return {}
        heard = _Heard(parts, words, {"platform": platform, "author": author, "language": language, "place": place})
        for written, start, _ in hits:
            heard.add(start, self._written[written])
        for first, last, term in misspelt:
            heard.add_misspelt((first, last), term)
        concerned = set(self._always).union(*(self._users[term] for term in heard.terms))
        return {business: found for business in sorted(concerned) if (found := self._found(business, heard))}

    def _found(self, business: str, heard: _Heard) -> Found | None:
        match, unless = self._queries[business]
        words = match.root.find(heard)
        if words is None or (unless is not None and unless.root.find(heard.exact) is not None):
            return None
        return Found(tuple(_joined(sorted(filter(None, map(heard.span, words))))))


def _queries(businesses: Mapping[str, BusinessSettings]) -> Iterator[tuple[str, tuple[Query, Query | None]]]:
    faults = []
    for business_id, settings in businesses.items():
        understood: dict[str, Query] = {}
        for key, text in (("match", settings.query.match), ("unless", settings.query.unless)):
            try:
                if text.strip() or key == "match":
                    understood[key] = parse_query(text)
            except ConfigError as error:
                faults.append(f"{business_id}: query.{key}: {error.happened}")
        if "match" in understood:
            yield business_id, (understood["match"], understood.get("unless"))
    if faults:
        raise ConfigError(
            "A query cannot be understood:", do="Correct it, then run warmline check.", faults=tuple(faults)
        )


def _names(queries: Iterable[Query]) -> Iterator[tuple[tuple[str, ...], Term]]:
    """The names that queries ask for, in all spellings that one letter may be wrong of."""
    for term in {term for query in queries for term in query.wanted if not term.sign}:
        for form in dict.fromkeys(forms(term)):
            if form == Form(form.words):
                yield form.words, term


class _Heard:
    """One text with its title: what stands where. Offsets are worked out only once something was found."""

    def __init__(self, parts: list[Folded], words: list[str], fields: dict[str, str]) -> None:
        self._parts = parts
        self._first = len(parts[0].words) + 1  # the words of the title, and the break after it
        self._begins = list(accumulate((len(word) + 1 for word in words), initial=0))
        self._fields = fields
        self._found: dict[Term, set[Range]] = {}
        self._misspelt: dict[Term, set[Range]] = {}

    @property
    def terms(self) -> list[Term]:
        """The terms that stand in the text."""
        return [*self._found, *self._misspelt]

    @property
    def exact(self) -> View:
        """The same text, in which a misspelt name is none: nothing is left out for a name that it may not hold."""
        return _Exact(self)

    def add(self, start: int, ways: list[tuple[Term, Form]]) -> None:
        """Notes the terms that may begin at `start` of the haystack, where the text agrees with their form."""
        first = bisect_right(self._begins, start) - 1
        for term, form in ways:
            if self._agrees(form, first):
                self._found.setdefault(term, set()).add((first, first + len(form.words) - 1))

    def add_misspelt(self, words: Range, term: Term) -> None:
        """Notes that `term` stands at `words` with one letter wrong; in a handle or a domain it is somebody else's."""
        part, first = self._place(words[0])
        places = part.places(first, first + words[1] - words[0])
        start, end = places[0][0], places[-1][1]
        if not _stands("address", part.text, start, end):
            self._misspelt.setdefault(term, set()).add(words)

    def correct(self, term: Term) -> list[Range]:
        """Where `term` stands as it should be written, in order."""
        return sorted(self._found.get(term, ()))

    def stretches(self, term: Term) -> list[Range]:
        """Where `term` stands, in order."""
        return sorted(self._found.get(term, set()) | self._misspelt.get(term, set()))

    def field(self, name: str) -> str:
        """What the platform says of the text, folded."""
        return Folded(self._fields[name].strip().lstrip("@")).text

    def span(self, words: Range) -> tuple[int, int] | None:
        """Where `words` stand in the text; None where that is the title."""
        if words[0] < self._first:
            return None
        return self._parts[1].words_span(words[0] - self._first, words[1] - self._first)

    def _place(self, word: int) -> tuple[Folded, int]:
        """The part in which a word stands, and which of its words it is."""
        return (self._parts[1], word - self._first) if word >= self._first else (self._parts[0], word)

    def _agrees(self, form: Form, first: int) -> bool:
        part, first = self._place(first)
        places = part.places(first, first + len(form.words) - 1)
        start, end = places[0][0], places[-1][1]
        if not form.exact and _inside_another(part.text, start, end):
            return False
        if form == Form(form.words):
            return True
        if form.exact and (part.text[start:end] != form.exact or _goes_on(part.text, end)):
            return False
        if any("-" not in part.text[places[gap][1] : places[gap + 1][0]] for gap in form.dashes):
            return False
        if form.accents is not None:
            start_at, end_at = part.span(start, end)
            if marked(part.original[start_at:end_at]) != form.accents:
                return False
        return _stands(form.where, part.text, start, end)


class _Exact:
    """A text as it is seen where nothing may be guessed."""

    def __init__(self, heard: _Heard) -> None:
        self._heard = heard
        self.stretches = heard.correct
        self.field = heard.field

    @property
    def exact(self) -> View:
        """Itself."""
        return self


def _inside_another(text: str, start: int, end: int) -> bool:
    """Whether it is only a part of an account's or a domain's name: @crumb_fans is not @crumb."""
    if not _TIED.match(text, end) and not _TIED.match(text[max(start - 2, 0) : start][::-1]):
        return False
    before = _BEFORE.search(text, max(start - 200, 0), start)
    since = before.start() if before else start
    address = _ADDRESS.match(text, since, end + 200)
    named = address.lastindex if address else None
    if address is None or named is None or not address.start(named) <= start < address.end(named):
        return False
    return text[start:end] not in address[named].rstrip("._-").split(".")


def _goes_on(text: str, end: int) -> bool:
    """Whether a domain has a further part after `end`: crumb.example.org is not crumb.example."""
    return text[end : end + 1] == "." and bool(_LETTER.match(text, end + 1))


def _stands(where: str, text: str, start: int, end: int) -> bool:
    if not where:
        return True
    sign = text[start - 1 : start]
    if sign == "@" and start > 1 and _LETTER.match(text, start - 2):
        sign = ""  # the at sign of a mail address
    if where in "#@":
        return sign == where
    return sign == "@" or _goes_on(text, end) or (where == "name" and sign == "#")


def forms(term: Term) -> Iterator[Form]:
    """The ways in which people write `term`."""
    folded = Folded(term.text)
    if term.sign == ".":
        yield Form(tuple(folded.words), exact=folded.text)
        return
    words, gaps = _trimmed(folded)
    if not words:
        return
    accents = _accents(term.text, words)
    if term.sign:
        yield Form(words, term.sign, accents=accents)
        yield Form(("".join(words),), term.sign, accents=accents)
        return
    dashes = _significant_dashes(words, gaps)
    yield Form(words, dashes=dashes, accents=accents)
    if any(not _LETTER.match(word) and word != "&" for word in words):
        yield Form(tuple(word for word in words if _LETTER.match(word) or word == "&"), accents=accents)
    for looser in _looser(words, gaps):
        yield Form(looser)
    yield from _joined_forms(words, dashes, accents)


def _trimmed(folded: Folded) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a name, without marks around it, and what stands between each and the next."""
    kept = [index for index, word in enumerate(folded.words) if _LETTER.match(word)]
    if not kept:
        return (), ()
    places = folded.places(kept[0], kept[-1])
    gaps = tuple(folded.text[left[1] : right[0]] for left, right in pairwise(places))
    return tuple(folded.words[kept[0] : kept[-1] + 1]), gaps


def _accents(text: str, words: tuple[str, ...]) -> str | None:
    return marked(text) if sum(len(word) for word in words if word != "&") <= SHORT else None


def _bound(words: tuple[str, ...], gaps: tuple[str, ...]) -> list[bool]:
    """For each word, whether a hyphen or an ampersand ties it to its neighbour."""
    tied = [word == "&" for word in words]
    for index, gap in enumerate(gaps):
        if gap == "-" or "&" in (words[index], words[index + 1]):
            tied[index] = tied[index + 1] = True
    return tied


def _significant_dashes(words: tuple[str, ...], gaps: tuple[str, ...]) -> tuple[int, ...]:
    """The gaps in which the hyphen must be written: those of a name that is nothing else, with a part that is short.

    "Brew-ed" is not "brewed"; "Coca-Cola" is "coca cola".
    """
    dashes = tuple(index for index, gap in enumerate(gaps) if gap == "-")
    short = any(min(len(words[index]), len(words[index + 1])) < SHORT for index in dashes)
    return dashes if short and all(_bound(words, gaps)) else ()


def _looser(words: tuple[str, ...], gaps: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Spellings without the apostrophe, without a space, with "and" for "&", and, beside another word, without it."""
    if "'" in gaps:
        yield _glued(words, [gap == "'" for gap in gaps])
    if "&" in words:
        for and_ in ("and", "n"):
            yield tuple(and_ if word == "&" else word for word in words)
    if sum(map(len, words)) >= PLAIN_WHEN_JOINED and len(words) > 2 and "&" not in words:
        for at in range(len(gaps)):
            yield _glued(words, [gap == at for gap in range(len(gaps))])
    tied = _bound(words, gaps)
    if any(tied) and not all(tied):
        yield tuple(word for word in words if word != "&")
        ties = [tied[index] and tied[index + 1] for index in range(len(gaps))]
        yield _glued(tuple("" if word == "&" else word for word in words), ties)


def _glued(words: tuple[str, ...], ties: list[bool]) -> tuple[str, ...]:
    glued = [words[0]]
    for tie, word in zip(ties, words[1:], strict=True):
        if tie:
            glued[-1] += word
        else:
            glued.append(word)
    return tuple(glued)


def _joined_forms(words: tuple[str, ...], dashes: tuple[int, ...], accents: str | None) -> Iterator[Form]:
    """The name in one word, as tags, handles and domains write it."""
    if len(words) == 1 or any(_SPACELESS.match(word) for word in words):
        return
    for ampersand in {"", "and"} if "&" in words else {""}:
        joined = "".join(ampersand if word == "&" else word for word in words if _LETTER.match(word) or word == "&")
        where = "address" if dashes else "" if len(joined) >= PLAIN_WHEN_JOINED else "name"
        yield Form((joined,), where, accents=None if ampersand else accents)


def _joined(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans that overlap, as one."""
    standing: tuple[int, int] | None = None
    for start, end in spans:
        if standing is not None and start < standing[1]:
            standing = standing[0], max(standing[1], end)
            continue
        if standing is not None:
            yield standing
        standing = start, end
    if standing is not None:
        yield standing
