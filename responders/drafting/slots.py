"""Typed extractors: what a wording may be filled with. Each gives a number, or a name from a closed list, or nothing.

So nothing that a customer wrote freely reaches a reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from responders.drafting.base import Case
from responders.drafting.packs import Pack, compiled, given_names, packs
from responders.drafting.words import LONGEST, listed

#: A thing counts as the one that an issue is about when it stands within so many characters of it.
NEAR = 50
#: A stretch of time belongs to an issue when it stands within so many characters of it.
TIME_NEAR = 45
#: A product of the business's is preferred to another thing that stands nearer by so many characters at most.
OURS = 12
#: What stands behind a comma counts as so many characters further off.
APART = 25
#: So many wishes are named.
WISHES = 2
#: What is bought or missed stands right behind: at most so many words lie between.
BETWEEN = 2


@dataclass(frozen=True, slots=True)
class Named:
    """A thing that stands in a text: where, and how a reply says it."""

    start: int
    end: int
    says: str
    ours: bool


class Things:
    """The names that a reply may use: the business's products first, then the pack's things."""

    def __init__(self, products: Iterable[str], things: Mapping[str, str], pack: Pack) -> None:
        article, self._articles_of = compiled(pack.speech.articles), pack.speech.articles_of
        bare = {article.sub("", name.strip()): name.strip() for name in products}
        self._own = {_key(name): name for name in bare if name}
        self._written = bare if self._articles_of else {}
        self._known = {_key(article.sub("", name)): says for name, says in things.items()}
        self._plural = pack.speech.plural
        self._days = {day.lower(): day for day in pack.speech.days}
        which = "|".join(map(re.escape, sorted(pack.speech.describes | self._days.keys(), key=len, reverse=True)))
        self._which = (
            re.compile(rf"(?<![\w-])(?:(?:{which})[ -]){{1,3}}$", re.IGNORECASE) if pack.speech.describes else None
        )
        self._search = [(True, self._compile(self._own)), (False, self._compile(self._known))]

    def _compile(self, names: Mapping[str, str]) -> re.Pattern[str] | None:
        spelled = sorted({_singular(name) for name in names} | set(names), key=len, reverse=True)
        by_letter: dict[str, list[str]] = {}  # told apart by their first letter, hundreds of names cost little
        for name in spelled:
            by_letter.setdefault(name[0], []).append(r"[\s-]+".join(map(re.escape, name[1:].split(" "))))
        joined = "|".join(f"{re.escape(letter)}(?:{'|'.join(rests)})" for letter, rests in by_letter.items())
        return re.compile(rf"(?<![\w-])(?:{joined}){self._plural}(?![\w-])", re.IGNORECASE) if names else None

    def find(self, text: str) -> list[Named]:
        """Every thing that `text` names, in order; where two overlap, the business's own."""
        found: list[Named] = []
        for ours, search in self._search:
            for match in search.finditer(text) if search else ():
                if all(match.end() <= other.start or match.start() >= other.end for other in found):
                    says = self._says(match[0], ours)
                    which = self._which.search(text[: match.start()]) if self._which else None
                    start = match.start() - len(which[0]) if which else match.start()
                    named = self._with_article(says) if ours else says
                    found.append(Named(start, match.end(), self._told_apart(which[0] if which else "", named), ours))
        return sorted(found, key=lambda named: named.start)

    def _told_apart(self, which: str, name: str) -> str:
        """`name` behind the words that tell which one it is, days with their capital."""
        told = [self._days.get(word.lower(), word.lower()) for word in which.split()]
        return " ".join((*told, name))

    def _says(self, found: str, ours: bool) -> str:
        """As the list writes it, in the plural where the text has that."""
        names, key = (self._own if ours else self._known), _key(found)
        if key in names:
            return names[key]
        exact = next(
            (name for name in names if _singular(name) == _singular(key) or key.startswith(_singular(name))), key
        )
        base = names.get(exact, exact)
        return _singular(base) + key[len(_singular(exact)) :] if base.lower() == exact else base

    def _with_article(self, name: str) -> str:
        """A product with the article that the owner wrote, else that of the thing it begins with, else by its form."""
        if (written := self._written.get(name, name)) != name:
            return written[0].lower() + written[1:]
        head = name.split(maxsplit=1)[0].lower()
        known = self._known.get(head, head) if self._articles_of else head
        article = known[: -len(head)] if known.lower().endswith(head) else ""
        by_form = (each for each, names in self._articles_of.items() if compiled(names).match(name))
        return (article or next(by_form, "")) + name


def _key(name: str) -> str:
    return " ".join(re.split(r"[\s-]+", name.lower()))


def _singular(name: str) -> str:
    return name[:-1] if len(name) > 3 and name.endswith("s") and not name.endswith("ss") else name


@lru_cache(maxsize=256)
def _things(products: tuple[str, ...], code: str) -> Things:
    pack = packs()[code]
    return Things(products, pack.things, pack)


def things_in(text: str, case: Case, pack: Pack) -> tuple[Named, ...]:
    """The business's products and the pack's things that `text` names, in order."""
    return _things_in(text[:LONGEST], case.business.business.products, pack.code)


@lru_cache(maxsize=1024)
def _things_in(text: str, products: tuple[str, ...], code: str) -> tuple[Named, ...]:
    return tuple(_things(products, code).find(text))  # one case asks for the same sentence several times


def wishes_in(text: str, pack: Pack) -> str:
    """What is wished for, by the pack's list, two things at most; the longest names win; empty: nothing of it."""
    rest, held = text[:LONGEST].lower(), dict[str, int]()
    for name in sorted(pack.wishes, key=len, reverse=True):
        if (found := re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", rest)) and len(held) < WISHES:
            held.setdefault(pack.wishes[name], found.start())
            rest = rest.replace(name, " " * len(name))
    return listed(sorted(held, key=held.__getitem__), pack)


def person_in(case: Case, pack: Pack) -> str:
    """The first of the business's people whom the mention names, else whom it credits by a first name; empty: none."""
    text = case.mention[:LONGEST]
    people = (*case.business.business.people, *(person.name for person in case.business.staff))
    known = next((name for name in people if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)), "")
    return known or _credited(text, case, pack)


def _credited(text: str, case: Case, pack: Pack) -> str:
    """A common first name that stands where the author thanks or praises somebody, and is not their own."""
    own = case.author.split()[:1]
    for found in pack.find("credits").finditer(text):
        name = next(filter(None, found.groups()), "")
        if name in given_names() and name not in own:
            return name
    return ""


class Line:
    """One sentence with all that can be named in it, read once for all frames."""

    def __init__(self, text: str, case: Case, pack: Pack, person: str, only: str) -> None:
        self.text, self.pack, self.person, self.only = text, pack, person, only
        self.named = things_in(text, case, pack)
        self.stretches = list(compiled(pack.extractors["stretch"]).finditer(text))
        clock = compiled(pack.extractors["clock"]).search(text)
        self.clock = clock[0].lower() if clock else ""

    def fill(self, found: re.Match[str]) -> dict[str, str]:
        """Every slot that can be filled around one match of a frame."""
        start, end = found.span()
        inside = {name: value.lower().strip() for name, value in found.groupdict().items() if value}
        caught = [found.span(name) for name, value in found.groupdict().items() if value]
        others = [each for each in self.named if not any(each.start < stop and at < each.end for at, stop in caught)]
        others = [each for each in others if not self._is_turned(self._between(each, start, end))] or others
        named = [each for each in others if self._agrees(each.says, inside.get("word") or inside.get("word2", ""))]
        near = sorted((self._distance(each, start, end), at, each) for at, each in enumerate(named))
        close = [each for distance, _, each in near if distance <= NEAR]
        behind = [each for each in named if each.start >= end]
        nearest = near[0][0] if near else 0
        ours = next(
            (each.says for distance, _, each in near if each.ours and distance <= min(NEAR, nearest + OURS)), ""
        )
        return {
            "thing": ours or next((each.says for each in close), ""),
            "ours": next((each.says for each in close if each.ours), "") or self.only,
            "over": next((each.says for each in named if each.start < end < each.end), ""),
            "next": next((each.says for each in behind[:1] if self._is_next(end, each.start)), ""),
            "after": next((each.says for each in behind if each.start <= end + NEAR), ""),
            "person": self.person,
            "clock": self.clock,
            **self._stretch(start, end),
            **inside,
            "word": self._as_written(inside.get("word") or inside.get("word2", "")),
            "since": self._as_written(inside.get("since", "")),
        }

    def _agrees(self, thing: str, word: str) -> bool:
        """Whether `word` may stand beside `thing` where the language makes its form depend on that."""
        rules = self.pack.speech.agrees.items()
        return not word or all(compiled(form).search(word) for article, form in rules if thing.startswith(article))

    def _distance(self, named: Named, start: int, end: int) -> int:
        """How far a thing stands from the words between `start` and `end`; what a comma parts stands further off."""
        between = self._between(named, start, end)
        parted = APART if "," in between or self.pack.speech.joined in between else 0
        return max(named.start - end, start - named.end, 0) + parted

    def _between(self, named: Named, start: int, end: int) -> str:
        return self.text[end : named.start] if named.start >= end else self.text[named.end : start]

    def _is_turned(self, between: str) -> bool:
        """Whether the mood turns there: of "the soup is great but the queue is long", only the soup is great."""
        return bool(self.pack.find("contrast").search(between))

    def _stretch(self, start: int, end: int) -> dict[str, str]:
        """The stretch of time nearest to the words from `start` to `end`, as "40-minute" (time) and "40 minutes" (span)."""
        found = [(max(match.start() - end, start - match.end(), 0), match) for match in self.stretches]
        distance, match = min(found, key=lambda pair: pair[0], default=(0, None))
        if match is None or distance > TIME_NEAR:
            return {}
        number, speech = match["n"].lower(), self.pack.speech
        one, many = speech.units.get(match["unit"].lower(), (match["unit"].lower(),) * 2)
        is_half = bool(compiled(self.pack.extractors["half"]).match(number))
        said = number.split()[0] if is_half else speech.numbers.get(number, number.replace(" ", "-"))
        unit = one if is_half or said == "1" or said in speech.numbers.values() else many
        return {"time": speech.time.format(n=said, one=one), "span": speech.span.format(n=said, unit=unit)}

    def _is_next(self, end: int, start: int) -> bool:
        between = self.text[end:start]
        return len(compiled(self.pack.speech.word).findall(between)) <= BETWEEN and not re.search(r"[.!?;,]", between)

    def _as_written(self, said: str) -> str:
        """A month, weekday or feast with its capital, as the pack writes it."""
        known = (*self.pack.speech.months, *self.pack.speech.days, *self.pack.speech.proper)
        return next((each for each in known if said and each.lower() == said), said)
