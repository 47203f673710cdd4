"""What every chat speaks: cards that are shown in it, and acts that people do with them.

A chat's module is a thin shell around its library: it draws a `Card` in its
own markup, repaints it, opens an editor, and turns what people press and
write into `Act`s. It knows no other chat, no storage and nothing of a draft's
life; what an act means, and whether its person may do it, is decided by the
core (`responders.channels.taking`). Its entry point in the group
`warmline.channels` names a `ChannelType`.

Everything in a card is plain text that may come from a stranger: the chat
escapes it in its own markup and lets it mention nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from pydantic import BaseModel

from connectors.base import Limit


class Verb(StrEnum):
    """What somebody can do in a chat; the values stand in buttons and so are kept short."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"
    SNOOZE = "snooze"
    ESCALATE = "escalate"
    NOT_US = "not_us"
    RECALL = "recall"
    #: What was handed off is posted; `text` is the link, where there is one.
    POSTED = "posted"
    #: An unconfirmed reply is not there: it may be sent again.
    RELEASE = "release"
    REOPEN = "reopen"
    #: Abusive words are to be shown.
    UNVEIL = "unveil"
    #: Approves every draft of a batch that was shown whole.
    APPROVE_ALL = "approve_all"
    #: A promise was kept, or was not; the subject is the promise.
    KEPT = "kept"
    BROKEN = "broken"
    #: The code that ties this account to a member of staff; `text` is the code.
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Press:
    """What a button carries: a verb, the id of what it is about, and the revision that was seen."""

    verb: Verb
    subject: int = 0
    revision: int = 0

    def __str__(self) -> str:
        """As it stands in a button: "approve:17:3", at most 40 ASCII characters."""
        return f"{self.verb.value}:{self.subject}:{self.revision}"

    @classmethod
    def read(cls, text: str) -> Press | None:
        """The press in `text`; None where it is none of ours, for a chat's data may be forged."""
        verb, _, rest = text.partition(":")
        subject, _, revision = rest.partition(":")
        if verb not in set(Verb) or not all(
            0 < len(n) < 16 and n.isascii() and n.isdigit() for n in (subject, revision)
        ):
            return None
        return cls(Verb(verb), int(subject), int(revision))


class Style(StrEnum):
    """How a button looks, where the chat can colour it."""

    PLAIN = "plain"
    MAIN = "main"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Button:
    """One button: either a press that comes back as an act, or a link (`url`)."""

    label: str
    press: Press | None = None
    url: str = ""
    style: Style = Style.PLAIN


class Kind(StrEnum):
    """What a line of a card is, so that each chat can set it in its own way."""

    #: The first line: who, where, stars.
    TITLE = "title"
    #: One fact about the mention: feeling and severity with their words, history, due time, route.
    FACT = "fact"
    #: The customer's own words.
    QUOTE = "quote"
    #: The proposed reply, letter for letter what would be posted.
    DRAFT = "draft"
    #: Why the draft is as it is, or what is still to be seen to; small.
    NOTE = "note"
    #: How it stands: approved by, sending, visible, late.
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Line:
    """One block of a card; `url` is what it leads to, empty for nothing. The text may hold line breaks."""

    kind: Kind
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """How one draft (or batch, or promise) looks now: a projection, never the truth.

    `lines` in reading order; `buttons` in rows. The core has made it fit the
    chat's limits. `silent` asks for delivery without a sound.
    """

    lines: tuple[Line, ...]
    buttons: tuple[tuple[Button, ...], ...] = ()
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """Where a card stands: the chat's own ids of the place and of the message in it."""

    place: str
    message: str


@dataclass(frozen=True, slots=True)
class Act:
    """What one person did: pressed a button, answered a question, or sent a code.

    `actor` is the chat's stable id of the person, never a name. `answers`
    says that `text` answers a `Question`. `token` is whatever the chat needs
    to `ask` or `tell` this person in time; only its own module reads it.
    """

    actor: str
    press: Press
    text: str = ""
    answers: bool = False
    ref: Ref | None = None
    token: Any = None


@dataclass(frozen=True, slots=True)
class Option:
    """One ready answer to a question."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Question:
    """What one person is asked after a press: a text (with `text` filled in), or one of `options`.

    Its answer comes back as an act with this `press`, `answers` set, and
    `text` as typed or as the chosen option's value. `problem` says what spoke
    against the last answer.
    """

    press: Press
    title: str
    label: str
    text: str = ""
    options: tuple[Option, ...] = ()
    problem: str = ""


class Editor(StrEnum):
    """How a chat lets somebody write a text."""

    #: A window that can stay open with what is wrong.
    MODAL = "modal"
    #: A message that answers a prompt.
    REPLY = "reply"
    #: Not at all: the card links to the inbox.
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Pace:
    """At most so many messages and repaints in one place in this time."""

    number: int
    per: timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """What a chat can show. The core asks these, and never which chat it is.

    `text` holds for all lines of a card together, as plain text; `label` for
    one button; `answer` for what its editor takes. `decides` is False where
    cards are only notices with a link; `repaints` where they cannot change;
    `wordings` where a press cannot carry the revision that was seen, so that
    a new wording is a new message. `keeps` says that what is pressed while
    nobody listens arrives later; elsewhere cards say that it may be lost.
    """

    text: Limit
    label: Limit
    answer: Limit
    editor: Editor
    pace: Pace
    decides: bool = True
    repaints: bool = True
    wordings: bool = True
    keeps: bool = False


class Taker(Protocol):
    """What a chat's module calls when somebody does something."""

    async def take(self, act: Act) -> None:
        """Does what the act asks for and answers its person; never raises. Acknowledge to the platform before."""

    async def problem(self, act: Act) -> str:
        """What speaks against an answer, in words, for an editor that can stay open; empty where nothing does."""


class Channel(Protocol):
    """One configured chat."""

    @property
    def limits(self) -> Limits:
        """What this chat can show."""

    async def run(self, taker: Taker) -> None:
        """Connects and listens until it is cancelled; raises `ChannelError` where the connection cannot be kept."""

    def direct(self, actor: str) -> str:
        """The place in which one person alone is asked; empty where the chat has none."""

    async def post(self, place: str, card: Card, key: str) -> Ref:
        """Shows a card as a new message; `key` keeps the platform from showing it twice, where it knows how.

        Raises:
            ChannelLimited: later; nothing was shown.
            ChannelDenied: the credentials or rights are missing; a person must act.
            ChannelError: it may not have been shown.
        """

    async def show(self, ref: Ref, card: Card) -> bool:
        """Repaints a card; "not modified" is True, False says that the message is gone. Raises like `post`."""

    async def ask(self, act: Act, question: Question) -> None:
        """Asks the person who did `act`; raises like `post`."""

    async def tell(self, act: Act, text: str) -> None:
        """Answers the person who did `act`, as privately as the chat can; raises like `post`."""

    async def nudge(self, ref: Ref, text: str, actors: Sequence[str]) -> None:
        """A new message in the card's thread that notifies `actors` (empty: whoever reads there). Raises like `post`."""

    async def missed(self, refs: Sequence[Ref]) -> list[Act]:
        """What was done on these cards while nobody listened; empty where the chat does not keep it, or sends it again."""

    async def check(self) -> str:
        """Who we are there, in words; nothing is shown to anybody. Raises like `post`."""

    async def close(self) -> None:
        """Lets go of connections; may be called twice."""


class Memory(Protocol):
    """Small texts that one chat keeps over a restart (where its stream of events ended, say)."""

    async def get(self, name: str) -> str:
        """What was kept under `name`; empty where nothing was."""

    async def put(self, name: str, value: str) -> None:
        """Keeps `value` under `name`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a chat's module gets from the daemon.

    `name` tells this chat from others in logs; `session` is the shared one;
    `now` is aware, UTC; relative paths in the configuration start from `home`.
    """

    name: str
    session: aiohttp.ClientSession
    now: Callable[[], datetime]
    home: Path
    memory: Memory


@dataclass(frozen=True, slots=True)
class ChannelType:
    """What an entry point in `warmline.channels` names: how a `[[channels]]` table becomes a chat.

    `settings` validates the table (without the keys that all channels share);
    `summary` says in a sentence how one approves there.
    """

    settings: type[BaseModel]
    build: Callable[[Any, Surroundings], Channel]
    summary: str

    def make(self, options: Mapping[str, Any], surroundings: Surroundings) -> Channel:
        """The chat that these options describe."""
        return self.build(self.settings.model_validate(options), surroundings)
