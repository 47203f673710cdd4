"""A plain clause of the author's, said back to them: "the brakes still squeal", "we kept taking £34.99 every month".

Only a clause that the pack's own grammar accepts, of words that the pack's own
lists hold: no name, no insult and no sentence of anybody's making gets
through, and nothing is changed in it but who is who ("my" becomes "your").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

from responders.drafting.base import Case
from responders.drafting.packs import Echo, LeftOut, Pack, compiled, packs
from responders.drafting.words import sentences

#: Further than this no clause is looked for: of a long story the beginning is said back.
FIRST = 1_500
#: A clause has so many words, at least and at most.
LEAST = 2
MOST = 18
#: In one sentence so many are begun at most.
BEGUN = 25
#: Clauses that stand so near to each other, in characters, may belong together.
APART = 4
#: A clause of so few words says little without the one before it.
SHORT = 3
#: A denial stands within so many characters before what it denies.
DENIED = 30
#: A word, an amount or a mark; a handle is a mark.
_TOKEN = re.compile(r"[@#]\S+|[£$€]?\d+(?:[.,:]\d+)*(?:%|[a-z]*)|[^\W\d_]+(?:['-][^\W_]+)*|[^\s\w]")
_NUMBER = re.compile(r"[£$€]?\d{1,4}(?:[.,:]\d{1,2})?(?:%|am|pm|th|nd|rd|st|mins?|cm|kg|k)?")
_IS_WORD = re.compile(r"\w|[£$€]\d")


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause: `says` fits after "that"; `family` is the kind of trouble that it tells of, where that is known."""

    says: str
    at: int
    end: int
    is_bad: bool = False
    family: str = ""
    #: The author is who did it.
    of_author: bool = False
    #: It tells of something good.
    is_good: bool = False


@dataclass(frozen=True)
class Grammar:
    """The pack's word classes, each set of them as one sign, and its clauses as expressions of such signs."""

    pack: Pack
    echo: Echo
    signs: Mapping[str, str]
    sets: Mapping[str, str]

    @cached_property
    def proper(self) -> Mapping[str, str]:
        """Words with a capital, by the word without."""
        speech = self.pack.speech
        return {each.lower(): each for each in (*speech.months, *speech.days, *speech.proper)}

    @cached_property
    def clause(self) -> re.Pattern[str]:
        """A clause, in signs."""
        return self.search(self.echo.clause)

    @cached_property
    def question(self) -> re.Pattern[str]:
        """A question, in signs."""
        return self.search(self.echo.question)

    @cached_property
    def inside(self) -> re.Pattern[str]:
        """The word before a clause that begins within a sentence, and its first, in signs."""
        return self.search(self.echo.inside)

    @cached_property
    def author(self) -> re.Pattern[str]:
        """How a clause of the author's own doings begins, in signs."""
        return self.search(self.echo.author)

    @cached_property
    def left_out(self) -> list[tuple[re.Pattern[str], LeftOut]]:
        """What is put back, by what it stands behind, in signs."""
        return [(self.search(each.where), each) for each in self.echo.left_out]

    def search(self, expression: str) -> re.Pattern[str]:
        """An expression of classes as one of signs."""
        for name, part in reversed(list(self.echo.parts.items())):
            expression = expression.replace(f"{{{name}}}", f"(?:{part})")
        return compiled(re.sub(r"\{([A-Z])\}", lambda found: self._holding(found[1]), expression))

    def _holding(self, letter: str) -> str:
        return f"[{''.join(sign for each, sign in self.sets.items() if letter in each)}]"


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence as its words and their signs; `more` are the business's own words, by their signs."""

    words: list[str]
    spans: list[tuple[int, int]]
    signs: str
    grammar: Grammar
    more: Mapping[str, str]

    def matches(self, search: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """What `search` accepts from the left, the longest first, none within another."""
        at = begun = 0
        while at < len(self.words) and begun < BEGUN:
            begins = self._begins(at)
            begun += begins
            match = self._longest(at, search) if begins else None
            if match:
                yield match
            at = match.end() if match else at + 1

    def _begins(self, at: int) -> bool:
        """Whether a clause may begin here: at the beginning, behind a mark or a word that joins, or where the pack says."""
        before, echo = self.words[at - 1] if at else "", self.grammar.echo
        is_free = not _IS_WORD.match(before) or before in echo.joins
        return is_free or bool(self.grammar.inside.match(self.signs, at - 1))

    def _longest(self, at: int, search: re.Pattern[str]) -> re.Match[str] | None:
        unsaid, dangling = compiled(self.grammar.echo.unsaid), compiled(self.grammar.echo.dangling)
        for end in range(min(len(self.words), at + MOST), at + LEAST - 1, -1):
            after = self.words[end] if end < len(self.words) else ""
            if _IS_WORD.match(after) and after not in self.grammar.echo.ends:
                continue
            found = search.fullmatch(self.signs, at, end)
            plain = self.plain(found) if found else ""
            if plain and not unsaid.search(plain) and not (_IS_WORD.match(after) and dangling.search(plain)):
                return found
        return None

    def plain(self, found: re.Match[str]) -> str:
        """The words of a match."""
        return " ".join(self.words[slice(*found.span())])


def clauses(case: Case, pack: Pack, person: str = "") -> tuple[Clause, ...]:
    """The clauses of the mention that may be said back, in order; `person` may be named in them."""
    if not pack.echo:
        return ()
    return _clauses(case.mention[:FIRST], case.business.business.products, person, pack.code)


def question(case: Case, pack: Pack) -> str:
    """What the mention asks, as it fits after "whether"; empty: it asks nothing so plainly."""
    return _question(case.mention[:FIRST], case.business.business.products, pack.code) if pack.echo else ""


@lru_cache(maxsize=256)
def _clauses(text: str, products: tuple[str, ...], person: str, code: str) -> tuple[Clause, ...]:
    grammar, found, offset = _grammar(code), list[Clause](), 0
    for said in sentences(text, grammar.pack):
        offset = max(text.find(said, offset), 0)
        if "?" not in said:
            line = _line(said, products, person, grammar)
            found += (_clause(line, match, person, offset) for match in line.matches(grammar.clause))
    return tuple(_together(found, text, grammar.echo))


def _line(said: str, products: tuple[str, ...], person: str, grammar: Grammar) -> Line:
    more = {word: grammar.sets["N"] for name in products for word in name.lower().split()}
    more |= {person.lower(): grammar.sets["E"]} if person else {}
    tokens = list(_TOKEN.finditer(said.lower().replace("’", "'")))
    words = [token[0] for token in tokens]
    return Line(words, [token.span() for token in tokens], _signs(words, grammar, more), grammar, more)


def _signs(words: list[str], grammar: Grammar, more: Mapping[str, str]) -> str:
    return "".join(_sign(word, grammar, more) for word in words)


def _sign(word: str, grammar: Grammar, more: Mapping[str, str]) -> str:
    """The sign of one word; a space for one that no list holds."""
    if _NUMBER.fullmatch(word):
        return grammar.sets["Q"]
    known = grammar.signs.get(word) or more.get(word)
    whose, owns, _ = word.partition("'s")
    if owns and not known:
        return grammar.sets["A"] if _sign(whose, grammar, more) != " " else " "
    return known or grammar.signs.get(word.removesuffix("s")) or " "


def _clause(line: Line, match: re.Match[str], person: str, offset: int) -> Clause:
    echo, plain, denied = line.grammar.echo, line.plain(match), line.grammar.pack.find("denied")
    found = ((name, compiled(cue).search(plain)) for name, cue in echo.trouble.items())
    family, cue = next(((name, cue) for name, cue in found if cue), ("", None))
    is_bad = (
        bool(compiled(echo.bad).search(plain)) if cue is None else not denied.search(plain[: cue.start()][-DENIED:])
    )
    is_bad = is_bad or not echo.contrary.isdisjoint(line.words[max(match.start() - 2, 0) : match.start()])
    first, last = line.spans[match.start()], line.spans[match.end() - 1]
    says = _said(line.words[slice(*match.span())], line, person)
    of_author = bool(line.grammar.author.match(line.signs, match.start()))
    praised = compiled(echo.good).finditer(plain)
    is_good = any(not denied.search(plain[: each.start()][-DENIED:]) for each in praised)
    return Clause(says, offset + first[0], offset + last[1], is_bad, family, of_author, is_good)


def _together(found: list[Clause], text: str, echo: Echo) -> Iterator[Clause]:
    """Clauses side by side that tell of trouble only together do so both: "booked for five, nobody came"."""
    bad, tells = compiled(echo.bad), {each.at for each in found if each.is_bad}
    for one, other in pairwise(found):
        is_near = other.at - one.end < APART
        is_short = other.is_bad and len(other.says.split()) <= SHORT
        is_new = not tells & {one.at, other.at} and bool(bad.search(text[one.at : other.end].lower()))
        if is_near and (is_short or is_new):
            tells |= {one.at, other.at}
    return (replace(each, is_bad=each.at in tells) for each in found)


def _said(words: list[str], line: Line, person: str = "") -> str:
    """The words as the business says them: what was left out put back, persons turned round, names with capitals."""
    grammar, echo = line.grammar, line.grammar.echo
    for where, left_out in grammar.left_out:
        if match := where.match(_signs(words, grammar, line.more)):
            at = match.end()
            is_many = at > 0 and words[at - 1].endswith("s") and not words[at - 1].endswith("ss")
            words = [*words[:at], left_out.many if is_many and left_out.many else left_out.says, *words[at:]]
    first, *rest = words
    turned = " ".join(("", echo.subject.get(first, first), *rest, ""))
    for said, says in echo.turned.items():
        turned = re.sub(rf"(?<= ){said}(?= )", rf"\\{says}", turned)  # marked, so that none is turned twice
    proper = {**grammar.proper, person.lower(): person}
    return " ".join(proper.get(word, word) for word in turned.replace("\\", "").split())


@lru_cache(maxsize=256)
def _question(text: str, products: tuple[str, ...], code: str) -> str:
    grammar = _grammar(code)
    for said in sentences(text, grammar.pack):
        line = _line(said, products, "", grammar)
        for match in line.matches(grammar.question) if "?" in said else ():
            if not compiled(grammar.echo.rhetorical).search(line.plain(match)):
                first, who, rest = (line.words[slice(*match.span(part))] for part in ("first", "who", "rest"))
                kept = [word for word in first if word not in grammar.echo.dropped]
                return _said([*who, *kept, *rest], line)
    return ""


@lru_cache(maxsize=16)
def _grammar(code: str) -> Grammar:
    """The grammar of a pack that has one; whatever the pack calls a thing is one."""
    pack = packs()[code]
    echo = pack.echo or Echo()
    listed = set().union(*echo.words.values())
    classes = {word: {name for name, words in echo.words.items() if word in words} for word in listed}
    for word in {
        word for name in (*pack.things, *pack.speech.days, *pack.speech.months) for word in name.lower().split()
    }:
        if not classes.get(word, set()) & set("DPCX"):
            classes.setdefault(word, set()).add("N")
    sets = sorted({"".join(sorted(each)) for each in classes.values()} | {"A", "E", "N", "Q"})
    signs = {each: chr(0xE000 + number) for number, each in enumerate(sets)}
    return Grammar(pack, echo, {word: signs["".join(sorted(each))] for word, each in classes.items()}, signs)
