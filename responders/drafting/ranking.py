"""Which of several sound candidates is offered: a score from 0 to 100 that ranks, and never lets through.

The weights come from blind judgements of replies: what a reply repeats of the
customer's own words predicts best which of two people prefer.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from responders.drafting import house
from responders.drafting.sameness import Recent
from responders.drafting.triage import OWNING, Kind, Reading
from responders.drafting.words import sentences, telling, words

#: What one echoed word adds to the echo; the first few count most.
PER_WORD = 3.0
#: A reply that begins like one of the last three loses so much, and each warning of the rules as much.
WORN = 6.0
WARNED = 3.0
#: What a length, and an exclamation mark, that the business's people like are worth.
LENGTH = 8.0
CHEER = 4.0


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many words are usual, least and most, for this kind of answer and platform."""

    least: int
    most: int


def usual(reading: Reading) -> Lengths:
    """The usual length of an answer: short to praise, no more than asked for to a question."""
    brief = reading.case.platform in house.BRIEF
    if reading.kind in OWNING:
        return Lengths(8 if brief else 20, 45 if brief else 90)
    if reading.kind is Kind.CRISIS:
        return Lengths(1, 45)
    if reading.kind in (Kind.PRAISE, Kind.REGULATED_PRAISE, Kind.THANKED):
        return Lengths(1, 35)
    return Lengths(1, 45 if brief else 60)


def score(body: str, reading: Reading, recent: Recent, warnings: int) -> float:
    """How good `body` (without opening) is as an answer, 0 to 100; it compares candidates of one case only."""
    echo = len(telling(body, reading.pack) & reading.telling)
    specific = 50 * (1 - math.exp(-echo * PER_WORD / 9))
    tone = _owning(body, reading) if reading.kind in OWNING else _kindness(body, reading)
    worn = WORN if recent.begins_alike(body) else 0.0
    fits = _fit(body, reading) + _style(body, reading)
    return specific + tone + fits - worn - WARNED * warnings - 10 * recent.likeness(body)


def _owning(body: str, reading: Reading) -> float:
    pack = reading.pack
    feels = 12 if pack.find("feeling").search(pack.find("apology").sub(" ", body)) else 5
    owns = 6 if pack.find("apology").search(body) else 0
    following = 7 if pack.find("pledge").search(body) else 0
    way = 5 if re.search(r"\S@\S", body) or pack.find("invites").search(body) else 0
    return feels + owns + following + way + (4 if pack.find("first_person").search(body) else 0)


def _kindness(body: str, reading: Reading) -> float:
    praised = reading.kind in (Kind.PRAISE, Kind.REGULATED_PRAISE, Kind.THANKED)
    return 12.0 if praised and reading.pack.find("gladness").search(body) else 0.0


def _style(body: str, reading: Reading) -> float:
    """Up to 12 for what the business's people make of our drafts: shorter or longer, and livelier."""
    style = reading.case.style
    share = min(len(words(body, reading.pack)) / usual(reading).most, 1.0)
    length = 0.0 if style.length == 1.0 else LENGTH * (1 - share if style.length < 1 else share)
    return length + (CHEER if style.cheer > 0 and "!" in body and reading.kind not in OWNING else 0.0)


def _fit(body: str, reading: Reading) -> float:
    """Up to 7 for a usual length and sentences that can be read in one breath."""
    said, length = words(body, reading.pack), usual(reading)
    is_usual = length.least <= len(said) <= length.most
    longest = max((len(words(sentence, reading.pack)) for sentence in sentences(body, reading.pack)), default=0)
    return (4.0 if is_usual else 0.0) + (3.0 if longest <= 25 else 0.0)
