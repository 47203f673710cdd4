"""The concrete points of a mention: what went wrong or was liked, as far as it can be named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from responders.drafting.base import Case
from responders.drafting.packs import THING_SLOTS, Frame, Pack
from responders.drafting.slots import Line, person_in, things_in
from responders.drafting.words import LONGEST, is_repeatable, sentences, telling, words

#: More points than this make a list, not a reply.
MOST = 3
#: A denial ("not cold") stands within so many characters before what it denies.
_DENIED_WITHIN = 30


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that can be named: `says` fits after "I'm sorry about", `at` is where the mention holds it."""

    name: str
    says: str
    family: str = ""
    at: int = 0
    end: int = 0
    weak: bool = False
    owner: bool = False
    #: The same without the thing that it went wrong with, where the frame can say that; empty: it cannot.
    bare: str = ""


def points(case: Case, pack: Pack) -> list[Point]:
    """What went wrong, in the mention's order, at most three; a business's own frames before the pack's."""
    frames = (*_repeatable(case, "complaint", pack), *pack.frames)
    found = list(_found(case, frames, pack))
    strong = [point for point in found if not point.weak]
    kept = _each_once(strong or found, pack)
    return _things_once(sorted(kept[:MOST], key=lambda point: point.at), case, pack)


def liked(case: Case, pack: Pack) -> list[Point]:
    """What is praised, in the mention's order, at most two."""
    frames = (*_repeatable(case, "praise", pack), *pack.praises)
    return _each_once(sorted(_found(case, frames, pack), key=lambda point: point.at), pack)[:2]


def own_frames(case: Case, of: str) -> Iterator[Frame]:
    """The frames that the business file adds; each finds its words as whole words, "*" for any ending."""
    for table in case.business.frames:
        if table.of == of:
            yield Frame(
                name=table.about, family="own", match=tuple(_spelled(word) for word in table.words), says=table.says
            )


def _repeatable(case: Case, of: str, pack: Pack) -> Iterator[Frame]:
    """The business's frames whose phrases are in the language of the answer."""
    return (frame for frame in own_frames(case, of) if all(is_repeatable(says, case, pack) for says in frame.says))


def _spelled(word: str) -> str:
    bare = re.escape(word.removesuffix("*")).replace(r"\ ", r"\s+")
    return rf"(?<!\w){bare}" + ("" if word.endswith("*") else r"(?!\w)")


def _found(case: Case, frames: Sequence[Frame], pack: Pack) -> Iterator[Point]:
    """A point for each frame that speaks; what one has matched is not matched again."""
    text, denied = case.mention[:LONGEST], pack.find("denied")
    person, only = person_in(case, pack), _only_product(case, pack)
    offset = 0
    for sentence in sentences(text, pack):
        offset = max(text.find(sentence, offset), 0)
        line = Line(sentence, case, pack, person, only)
        taken: list[tuple[int, int]] = []
        for frame in frames:
            for match in _matches(frame, sentence):
                if denied.search(sentence[: match.start()][-_DENIED_WITHIN:]) or _overlaps(match, taken):
                    continue
                filled = line.fill(match)
                if says := said(frame, filled):
                    at, end = offset + match.start(), offset + match.end()
                    taken.append(match.span())
                    bare = said(frame, {slot: value for slot, value in filled.items() if slot not in THING_SLOTS})
                    yield Point(frame.name, says, frame.family, at, end, frame.weak, frame.owner, bare)
                    break


def _only_product(case: Case, pack: Pack) -> str:
    """The business's product that the mention is about, where it names just one."""
    named = {each.says for each in things_in(case.mention, case, pack) if each.ours}
    return named.pop() if len(named) == 1 else ""


def _matches(frame: Frame, sentence: str) -> Iterator[re.Match[str]]:
    for search in frame.searches:
        yield from search.finditer(sentence)


def _overlaps(match: re.Match[str], taken: Iterable[tuple[int, int]]) -> bool:
    return any(match.start() < end and start < match.end() for start, end in taken)


def said(frame: Frame, filled: dict[str, str]) -> str:
    """The fullest of the frame's phrases whose slots are all filled; empty: none."""
    for says, slots in frame.phrases:
        if all(filled.get(slot) for slot in slots):
            return says.format_map(filled)
    return ""


def _each_once(found: Iterable[Point], pack: Pack) -> list[Point]:
    """Each frame once, no point that adds no word to those before it, and none of one kind about the same thing."""
    kept: list[Point] = []
    for point in found:
        named = telling(point.says, pack)
        before = [(one.family, telling(one.says, pack)) for one in kept]
        adds = not named or bool(named - set().union(*(said for _, said in before)))
        again = any(family == point.family and said & named for family, said in before)
        if point.name not in {one.name for one in kept} and adds and not again:
            kept.append(point)
    return kept


def _things_once(found: list[Point], case: Case, pack: Pack) -> list[Point]:
    """The same points, of which only the last names a thing that several are about, as far as the others can do without."""
    once, named = [], set[str]()
    for point in reversed(found):
        things = {each.says for each in things_in(point.says, case, pack)}
        says_the_same = set(words(point.bare, pack)) < set(words(point.says, pack))
        once.append(replace(point, says=point.bare) if things & named and point.bare and says_the_same else point)
        named |= things
    return once[::-1]


def product_of(case: Case, pack: Pack) -> str:
    """The first of the business's products that the mention names; empty: none."""
    return next((each.says for each in things_in(case.mention, case, pack) if each.ours), "")


def thing_of(case: Case, pack: Pack) -> str:
    """The first product, else the first thing, that the mention names; empty: none."""
    return product_of(case, pack) or next((each.says for each in things_in(case.mention, case, pack)), "")
