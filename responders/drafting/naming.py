"""What a reply names of a mention: the points that frames found, and the author's own clauses beside or instead of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from responders.drafting.echo import Clause
from responders.drafting.frames import MOST, Point
from responders.drafting.triage import Reading
from responders.drafting.words import telling

#: A clause is said instead of a point that it overlaps when it names so many things more.
MORE = 3
#: A neutral clause of so few stars tells of trouble.
FEW_STARS = 2
#: All clauses together have so many words at most.
WORDS = 30


def trouble(reading: Reading) -> list[Point | Clause]:
    """What went wrong, in the order of the mention: points, and clauses of what no point says so well."""
    named: list[Point | Clause] = list(reading.points)
    told = list(_of_trouble(reading))
    if told:
        named = [each for each in named if not isinstance(each, Point) or not each.weak]
    for clause in told:
        near = [each for each in named if each.at < clause.end and clause.at < each.end]
        if near and not _says_more(clause, near, reading):
            continue
        if _about_the_same(clause, named, reading):
            continue
        family = clause.family or next((each.family for each in near if each.family), "")
        named = [each for each in named if each not in near]
        named.append(replace(clause, family=family))
    return _short_enough(sorted(named, key=lambda each: each.at)[:MOST]) or _only_thing(reading)


def delight(reading: Reading) -> str:
    """The clause that tells most of what was good, and of nothing that the author did or that went wrong."""
    if reading.pack.find("contrast").search(reading.case.mention):
        return ""
    good = (each for each in reading.clauses if not each.is_bad and not each.of_author)
    return max((each.says for each in good), key=lambda says: len(telling(says, reading.pack)), default="")


def _of_trouble(reading: Reading) -> Iterator[Clause]:
    """The clauses that tell of trouble; where there is surely some, also those that tell of nothing good."""
    case = reading.case
    is_sure = case.rating is not None and case.rating <= FEW_STARS and not reading.liked
    bad = [each for each in reading.clauses if each.is_bad]
    neutral = [each for each in reading.clauses if not each.is_bad and not each.of_author]
    for clause in [*bad, *(neutral if is_sure and not reading.sarcasm else [])]:
        if not clause.is_good and not (reading.person and reading.person in clause.says):
            yield clause


def _about_the_same(clause: Clause, named: Sequence[Point | Clause], reading: Reading) -> bool:
    """Whether it is about a thing that is named already elsewhere, and tells little more of it."""
    told = telling(clause.says, reading.pack)
    said = set().union(
        *(telling(each.says, reading.pack) for each in named if each.end <= clause.at or clause.end <= each.at)
    )
    return bool(told & said) and len(told - said) < MORE


def _says_more(clause: Clause, near: Sequence[Point | Clause], reading: Reading) -> bool:
    said = set().union(*(telling(each.says, reading.pack) for each in near))
    if any(isinstance(each, Point) and each.owner for each in near):
        return False  # what an owner must see is named as the frame names it
    is_plain = len(near) == 1 and not (isinstance(near[0], Point) and near[0].weak)
    return len(telling(clause.says, reading.pack) - said) >= (MORE if is_plain else 1)


def _short_enough(named: Sequence[Point | Clause]) -> list[Point | Clause]:
    """As many of `named` as can be said in a breath, at least the first."""
    kept, words = list[Point | Clause](), 0
    for each in named:
        words += len(each.says.split())
        if kept and words > WORDS:
            break
        kept.append(each)
    return kept


def _only_thing(reading: Reading) -> list[Point | Clause]:
    """Where nothing else can be named and it is surely bitter: the one product of ours that it is about.

    A thing that is not ours may be anywhere in the story: "I only noticed in the car".
    """
    if not reading.is_bitter or not reading.product:
        return []
    return [Point(reading.product, reading.pack.speech.trouble.format(thing=reading.product))]


def lost_one(reading: Reading) -> str:
    """Whom the author lost, in one word, where the pack can say more about that than that somebody died."""
    found = reading.pack.find("lost_one").search(reading.case.mention) if reading.loss and reading.pack.losses else None
    return next(filter(None, found.groups()), "").lower() if found else ""
