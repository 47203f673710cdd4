"""What counts as a mention, in the owner's words: the query language of `docs/queries.md`."""

from __future__ import annotations

import difflib
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken

from config.errors import ConfigError
from listener.analysis.folding import LETTERS, SPACELESS, Folded

#: First and last word of a stretch of a text.
Range = tuple[int, int]

FIELDS = ("platform", "author", "language", "place")

LONGEST_QUERY = 4_000
DEEPEST = 40
WIDEST = 100

_GRAMMAR = r"""
?start: either
?either: both (OR both)*
?both: not (AND? not)*
?not: near | (NOT | MINUS) not -> negation
?near: atom | near NEAR atom -> closeness
?atom: "(" either ")" | FIELD (WORD | PHRASE | HANDLE) -> field | PHRASE -> phrase | TAG -> tag | HANDLE -> handle | WORD -> word

OR.3: /OR(?![^\s()"])/
AND.3: /AND(?![^\s()"])/
NOT.3: /NOT(?![^\s()"])/
NEAR.3: /NEAR(\/[0-9]{1,9})?(?![^\s()"])/
MINUS.2: /-(?=[^\s])/
FIELD.2: /[A-Za-z]+:(?=[^\s\/0-9])/
PHRASE: /"[^"]*"/
TAG: /#[^\s()"#]+/
HANDLE: /@[^\s()"]+/
WORD: /[^\s()"#@-][^\s()"]*/
%ignore /\s+/
"""


_QUOTES = re.compile(r"[“”„‟«»]")
_DOMAIN = re.compile(r"(?:https?://)?(?:www\.)?((?:[^\W_][\w-]*\.)+[^\W\d_]{2,}(?:/[\w./-]*)?)", re.IGNORECASE)
_SAYS_SOMETHING = re.compile(f"[{LETTERS}{SPACELESS}]")


class View(Protocol):
    """A text as a query sees it."""

    def stretches(self, term: Term) -> list[Range]:
        """Where `term` stands in the text, in order."""

    def field(self, name: str) -> str:
        """What the platform says of the text (`FIELDS`), folded."""

    @property
    def exact(self) -> View:
        """The text without what only may be a term of ours."""


class Node(Protocol):
    """One part of a query."""

    @property
    def depth(self) -> int:
        """How many parts are nested in it."""

    def find(self, view: View) -> list[Range] | None:
        """The words that make it true; None where it is false."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word, a name, a tag ("#"), a handle ("@") or a domain (".") that must stand in the text."""

    text: str
    sign: str = ""
    depth = 0

    def find(self, view: View) -> list[Range] | None:
        """Where it stands."""
        return view.stretches(self) or None


@dataclass(frozen=True, slots=True)
class Field:
    """Something that must be true of the post; `value` is folded."""

    name: str
    value: str
    depth = 0

    def find(self, view: View) -> list[Range] | None:
        """No words, where it is true."""
        value = view.field(self.name)
        alike = value == self.value or (self.name == "language" and re.split("[-_]", value)[0] == self.value)
        return [] if alike else None


@dataclass(frozen=True, slots=True)
class Both:
    """All of them."""

    parts: tuple[Node, ...]
    depth: int

    def find(self, view: View) -> list[Range] | None:
        """The words of all."""
        words: list[Range] = []
        for part in self.parts:
            found = part.find(view)
            if found is None:
                return None
            words += found
        return words


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of them."""

    parts: tuple[Node, ...]
    depth: int

    def find(self, view: View) -> list[Range] | None:
        """The words of those that are true."""
        found = [words for part in self.parts if (words := part.find(view)) is not None]
        return [each for words in found for each in words] if found else None


@dataclass(frozen=True, slots=True)
class Not:
    """The part must be false."""

    part: Node
    depth: int

    def find(self, view: View) -> list[Range] | None:
        """No words, where the part is false."""
        return [] if self.part.find(view.exact) is None else None


@dataclass(frozen=True, slots=True)
class Near:
    """Both, with at most `words` words between them, in any order."""

    left: Node
    right: Node
    words: int
    depth: int

    def find(self, view: View) -> list[Range] | None:
        """The words of the pairs that are close."""
        left, right = self.left.find(view), self.right.find(view)
        if not left or not right:
            return None
        left, right = sorted(left), sorted(right)
        near = {each for each in left if _closest(each, right) <= self.words}
        near |= {each for each in right if _closest(each, left) <= self.words}
        return sorted(near) or None


def _closest(stretch: Range, others: Sequence[Range]) -> int:
    """How many words lie between `stretch` and the nearest of `others` that is not itself."""
    at = bisect_left(others, stretch)
    beside = [other for other in others[max(at - 1, 0) : at + 2] if other != stretch]
    return min((max(max(stretch, other)[0] - min(stretch, other)[1] - 1, 0) for other in beside), default=WIDEST + 1)


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was understood."""

    root: Node

    @property
    def terms(self) -> list[Term]:
        """All terms in it, in order."""
        return [node for node in _walk(self.root) if isinstance(node, Term)]

    @property
    def wanted(self) -> list[Term]:
        """Those of them that are not only named to be left out, in order."""
        return [node for node in _walk(self.root, with_negations=False) if isinstance(node, Term)]

    @property
    def needs_a_word(self) -> bool:
        """False where it can be true of a text in which none of its terms stands."""
        return _needs(self.root, Term)


def parse_query(text: str) -> Query:
    """The query that `text` says.

    Raises:
        ConfigError: its message names the column (counted from the first character) and what to write instead.
    """
    if len(text) > LONGEST_QUERY:
        raise _fault(LONGEST_QUERY, f"the query is longer than {LONGEST_QUERY:,} characters", "shorten it")
    plain = _QUOTES.sub('"', text).replace("\n", " ")  # one line, so that columns are counted from its beginning
    try:
        root: Node = _parser().parse(plain)  # type: ignore[assignment]  # the parser hands over what `_Build` made
    except UnexpectedInput as error:
        raise _explain(plain, error) from error
    if not _needs(root, (Term, Field, Near)):
        raise _fault(0, "the query only says what must not be there", "name at least one word that must be there")
    return Query(root)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    # Built while parsing: a tree walked afterwards would be as deep as the parentheses of whoever wrote it.
    return Lark(_GRAMMAR, parser="lalr", transformer=_Build())


def _walk(node: Node, *, with_negations: bool = True) -> Iterator[Node]:
    if isinstance(node, Not) and not with_negations:
        return
    yield node
    parts = {Both: "parts", Either: "parts", Not: "part", Near: "left right"}.get(type(node), "")
    for name in parts.split():
        inner = getattr(node, name)
        for part in inner if isinstance(inner, tuple) else (inner,):
            yield from _walk(part, with_negations=with_negations)


def _needs(node: Node, kinds: type | tuple[type, ...]) -> bool:
    """Whether `node` can only be true where one of `kinds` in it is."""
    match node:
        case Both(parts):
            return any(_needs(part, kinds) for part in parts)
        case Either(parts):
            return all(_needs(part, kinds) for part in parts)
        case Near():
            return True
    return isinstance(node, kinds)


class _Build(Transformer[Token, Node]):
    """Makes the parts of a query; what reads well and means nothing is refused here."""

    def either(self, children: list[Node | Token]) -> Node:
        """Alternatives."""
        parts = _nodes(children)
        return Either(parts, _deeper(parts))

    def both(self, children: list[Node | Token]) -> Node:
        """What must hold together."""
        parts = _nodes(children)
        return Both(parts, _deeper(parts))

    def negation(self, children: list[Node | Token]) -> Node:
        """What must not hold."""
        (part,) = _nodes(children)
        return Not(part, _deeper((part,)))

    def closeness(self, children: list[Node | Token]) -> Node:
        """What must stand together."""
        left, right = _nodes(children)
        token = next(child for child in children if isinstance(child, Token))
        words = int(token.partition("/")[2] or 10)
        if words > WIDEST:
            raise _fault_at(token, f"{token} is too wide", f"write NEAR/{WIDEST} or less")
        if not all(_is_words(side) for side in (left, right)):
            raise _fault_at(token, "NEAR needs words on both sides", 'write it like (hair OR glass) NEAR/5 "cake"')
        return Near(left, right, words, _deeper((left, right)))

    def field(self, children: list[Token]) -> Node:
        """What must be true of the post."""
        key, value = children
        name = key.rstrip(":").lower()
        if name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.5)
            known = f'did you mean "{near[0]}:"?' if near else f"known are {', '.join(FIELDS)}"
            raise _fault_at(key, f'there is no field "{name}"', known)
        plain = Folded(value.strip('"').strip().lstrip("@")).text
        if not plain:
            raise _fault_at(value, f'"{name}:" has no value', f'write it like {name}:"…"')
        return Field(name, plain)

    def phrase(self, children: list[Token]) -> Node:
        """A name in quotes."""
        (token,) = children
        return Term(_something(token, token.strip('"')))

    def tag(self, children: list[Token]) -> Node:
        """A hashtag."""
        return Term(_something(children[0], children[0][1:]), "#")

    def handle(self, children: list[Token]) -> Node:
        """An account."""
        return Term(_something(children[0], children[0][1:]), "@")

    def word(self, children: list[Token]) -> Node:
        """A word or a domain."""
        (token,) = children
        if token in ("AND", "OR", "NOT", "NEAR"):
            raise _fault_at(token, f"{token} has nothing to join here", "write a word or a group on both sides of it")
        if token.lower() in ("and", "or", "not"):
            raise _fault_at(
                token, f'"{token}" is a word like any other', f'write {token.upper()}, or "{token}" in quotes'
            )
        if token.upper().startswith("NEAR/"):
            raise _fault_at(token, f'"{token}" has no number of words', "write it like NEAR/5")
        if "*" in token or token.startswith("~"):
            raise _fault_at(token, f'"{token}" has a sign that queries do not know', "name each form, joined by OR")
        if domain := _DOMAIN.fullmatch(token):
            return Term(domain[1].rstrip("/"), ".")
        return Term(_something(token, str(token)))


def _nodes(children: Sequence[Node | Token]) -> tuple[Node, ...]:
    return tuple(child for child in children if not isinstance(child, Token))


def _deeper(parts: tuple[Node, ...]) -> int:
    depth = 1 + max(part.depth for part in parts)
    if depth > DEEPEST:
        raise _fault(0, f"the query is nested more than {DEEPEST} deep", "take it apart")
    return depth


def _is_words(node: Node) -> bool:
    return isinstance(node, Term | Near) or (isinstance(node, Either) and all(_is_words(part) for part in node.parts))


def _something(token: Token, text: str) -> str:
    if not _SAYS_SOMETHING.search(Folded(text).text):
        raise _fault_at(token, f"{token} holds no letter", 'put a whole name in quotes, like "Crumb & Co"')
    return text


def _fault(at: int, what: str, instead: str) -> ConfigError:
    return ConfigError(f"column {at + 1}: {what}; {instead}")


def _fault_at(token: Token, what: str, instead: str) -> ConfigError:
    return _fault(token.start_pos or 0, what, instead)


def _explain(text: str, error: UnexpectedInput) -> ConfigError:
    """What is wrong with `text`, in the owner's words."""
    if not text.strip():
        return _fault(0, "the query is empty", 'write the name of the business, like "Crumb & Co"')
    if text.count('"') % 2:
        return _fault(text.rindex('"'), "this quotation mark has no partner", 'put " before and after the phrase')
    ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    at = len(text.rstrip()) if ended else error.column - 1
    unclosed = _unclosed(text)
    if ended and unclosed is not None:
        return _fault(unclosed, 'this "(" is never closed', 'put ")" after the last word that belongs to it')
    if ended:
        return _fault(at, "the query stops in the middle", "write a word here, or take the last operator away")
    if text[at] == "-":
        return _fault(
            at, 'a single "-" stands between words', "put it right before the word to leave out, or the name in quotes"
        )
    if text[at] in "#@":
        return _fault(at, f'"{text[at]}" has no name', "write the name right after it")
    if text[at] == ")":
        return _fault(at, 'this ")" is not expected here', 'give it a "(", and a word between them')
    word = re.split(r"[\s()]", text[at:], maxsplit=1)[0]
    return _fault(at, f"{word} has nothing to join here", "write a word or a group on both sides of it")


def _unclosed(text: str) -> int | None:
    """Where the last "(" without a ")" stands."""
    bare = re.sub(r'"[^"]*"', lambda quoted: " " * len(quoted[0]), text)
    standing: list[int] = []
    for found in re.finditer(r"[()]", bare):
        if found[0] == "(":
            standing.append(found.start())
        elif standing:
            standing.pop()
    return standing[-1] if standing else None
