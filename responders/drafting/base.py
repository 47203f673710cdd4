"""The values and protocols of drafting: a case goes in, a proposal with its reasons comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from config.settings import BusinessSettings
from connectors.base import Limit, RouteKind
from storage.assessment import Assessment


@dataclass(frozen=True, slots=True)
class Language:
    """What language a text is in: an ISO 639-1 code ("und" where it cannot be told) and how sure, 0 to 1."""

    code: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text and what it holds: "email", "phone", "card", "iban", "order", "address", "name", …"""

    start: int
    end: int
    kind: str


class Reader(Protocol):
    """What responders need to know of any text; the daemon fills it from `listener.analysis`."""

    def language(self, text: str) -> Language:
        """What language `text` is in."""

    def personal_data(self, text: str) -> list[Span]:
        """Where `text` holds personal data, in order."""

    def __hash__(self) -> int:
        """What one reader says of a text is kept, and told apart from another's."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier line of the conversation; `ours` where the business said it."""

    text: str
    ours: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Style:
    """How a business words its replies, as its people's own wordings show; never what they said.

    `greeting` may hold "{name}" for the author's first name; `farewell` stands
    before the name of who signs. `length` is how long people leave our drafts
    (1.0: as they are), `cheer` -1 where exclamation marks are taken out and 1
    where they are put in. `avoids` are words of our phrases, in lower case.
    """

    greeting: str = ""
    farewell: str = ""
    length: float = 1.0
    cheer: int = 0
    avoids: frozenset[str] = frozenset()
    learned_from: int = 0

    @property
    def says(self) -> tuple[str, ...]:
        """What was learned, a few words each."""
        longer = "" if self.length == 1.0 else f"{'shorter' if self.length < 1 else 'longer'}, about {self.length:.0%}"
        parts = [
            f"begins with “{self.greeting}”" if self.greeting else "",
            f"ends with “{self.farewell}”" if self.farewell else "",
            longer,
            {-1: "without exclamation marks", 1: "with an exclamation mark"}.get(self.cheer, ""),
            f"without {', '.join(f'“{word}”' for word in sorted(self.avoids))}" if self.avoids else "",
        ]
        return tuple(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Case:
    """One mention that wants an answer, with all that a draft may know.

    `platform` and `route` say where and how it would be answered, `limits`
    how long it may be (all hold at once). `thread` is what was said before,
    oldest first. `recent` holds the last approved replies, newest first: no
    draft may sound like a copy of them. `stars_before` is what the rating was
    when we answered, where it has changed since. `signer` is who signs, `style` how the
    business has worded its replies. `opening` is what the platform wants a
    reply to begin with; it counts in the limits.
    """

    business: BusinessSettings
    mention: str
    platform: str
    assessment: Assessment
    now: datetime
    route: RouteKind = RouteKind.API
    limits: tuple[Limit, ...] = ()
    rating: float | None = None
    stars_before: float | None = None
    author: str = ""
    handle: str = ""
    place: str = ""
    thread: tuple[Turn, ...] = ()
    recent: tuple[str, ...] = ()
    signer: str = ""
    opening: str = ""
    style: Style = Style()


class Level(StrEnum):
    """What a finding does to a text."""

    #: It must not be posted.
    BLOCK = "block"
    #: A person must add a line.
    NEEDS_LINE = "needs_line"
    #: A person should look.
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says of a text, in a line that staff understand.

    An owner may overrule a block, with a reason; one that is `final` nobody may.
    """

    rule: str
    level: Level
    says: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class Commitment:
    """Something a text commits the business to, and within what time."""

    what: str
    within: timedelta


@dataclass(frozen=True, slots=True)
class Proposal:
    """A reply that a person may approve: sign-off and disclosure are part of `text`.

    `reasons` are short lines for the card ("names: 40 minute wait").
    `for_owner` is true where only an owner may decide.
    """

    text: str
    language: str
    reasons: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    for_owner: bool = False


@dataclass(frozen=True, slots=True)
class Abstention:
    """An honest "needs your line": why, and a skeleton in which `cursor` is the index where the line goes."""

    reason: str
    language: str
    skeleton: str = ""
    cursor: int = 0
    reasons: tuple[str, ...] = ()
    for_owner: bool = False


class Drafter(Protocol):
    """Makes drafts, and judges texts by the same rules."""

    async def draft(self, case: Case) -> Proposal | Abstention:
        """A proposal for `case`, or an abstention; never raises for what a customer wrote."""

    def check(self, text: str, case: Case) -> Sequence[Finding]:
        """What the rules say of `text` as a reply to `case`; empty: nothing."""

    def commitments(self, text: str, case: Case) -> Sequence[Commitment]:
        """What `text` commits the business to."""
