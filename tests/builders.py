"""What tests build again and again: a clock, a business, posts, records, a drafter, and a platform by script."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from pathlib import Path
from typing import Any

from config.settings import BusinessSettings
from connectors.base import (
    Absent,
    Author,
    Cursor,
    Duplicates,
    Found,
    Gone,
    Page,
    Post,
    Receipt,
    Route,
    RouteKind,
    Status,
    Target,
    Traits,
    Unsure,
    Visibility,
)
from connectors.errors import ReplyDeferred, ReplyLost, ReplyRefused, SourceUnavailable
from responders.approvals import Choice, Desk
from responders.drafting.base import Abstention, Case, Commitment, Finding, Proposal
from responders.proposing import draft_waiting
from storage import Draft, Mention, Store, drafts, mentions, sources
from storage.assessment import Assessment, Emotion, Intent, Polarity, Severity
from storage.models import assessment_columns
from storage.states import Action

#: A Tuesday at 11:20 in Berlin.
NOW = datetime.fromisoformat("2026-06-02T09:20:00+00:00")


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


def business(business_id: str = "crumb", **tables: Any) -> BusinessSettings:
    """The bakery: Jo owns it, Mia and Jon work there."""
    said = {
        "id": business_id,
        "business": {
            "name": "Crumb & Co.",
            "time_zone": "Europe/Berlin",
            "languages": ["en", "de"],
            "accounts": ["@crumbandco"],
        },
        "query": {"match": '"Crumb & Co" OR crumbandco'},
        "staff": [{"name": "Jo", "role": "owner"}, {"name": "Mia"}, {"name": "Jon"}],
    }
    return BusinessSettings.model_validate(said | tables)


def post(external_id: str = "1", text: str = "The queue at Crumb & Co was long.", **fields: Any) -> Post:
    """A post of Ana's that concerns the bakery."""
    ana = Author("a-ana", "ana_bakes", "Ana Ferreira-Quill")
    return Post("town", external_id, text, **({"posted_at": NOW, "author": ana} | fields))


def assessment(polarity: Polarity = Polarity.NEUTRAL, sentiment: float = 0.0, **fields: Any) -> Assessment:
    """What we think of a mention, as far as a test cares."""
    plain: dict[str, Any] = {
        "language": "en",
        "confidence": 0.9,
        "emotion": Emotion.NEUTRAL,
        "intent": Intent.COMPLAINT,
        "severity": Severity(),
        "topics": (),
        "reasons": (),
        "model": "by hand",
    }
    return Assessment(polarity=polarity, sentiment=sentiment, **(plain | fields))


def mention_row(source_id: int, external_id: str = "1", business_id: str = "crumb", **columns: Any) -> dict[str, Any]:
    """The columns of a mention that may be answered, as `mentions.insert` takes them."""
    plain = {
        "business_id": business_id,
        "source_id": source_id,
        "author": {"external_id": "a-ana", "handle": "ana_bakes", "name": "Ana Ferreira-Quill", "url": ""},
        "platform": "town",
        "external_id": external_id,
        "text": "The queue at Crumb & Co was long.",
        "title": "",
        "account": "crumbandco",
        "posted_at": NOW,
        "day": NOW.date(),
        "heard_at": NOW,
        "checked_at": NOW,
        "route": "api",
        "owed": True,
        **assessment_columns(assessment()),
    }
    return plain | columns


async def keep_source(store: Store, business_id: str = "crumb", name: str = "town") -> int:
    """A business with one source; gives the source's id."""
    async with store.work() as session:
        await sources.keep_business(session, business_id, "Crumb & Co.")
        source = await sources.register(session, business_id, name, "town", enabled=True)
    return source.id or 0


async def keep_mentions(store: Store, *rows: Mapping[str, Any]) -> list[int]:
    """Stores mentions; gives their ids."""
    async with store.work() as session:
        return await mentions.insert(session, rows)


@dataclass
class PlainWords:
    """A drafter that always proposes the same, and finds in a text what the test has told it to."""

    text: str = "We are sorry about the wait. – Mia"
    findings: Mapping[str, Finding] = field(default_factory=dict)
    promises: tuple[Commitment, ...] = ()
    for_owner: bool = False
    abstains: str = ""

    async def draft(self, case: Case) -> Proposal | Abstention:
        if self.abstains:
            return Abstention(self.abstains, "en", for_owner=self.for_owner)
        found = tuple(self.check(self.text, case))
        return Proposal(self.text, "en", findings=found, commitments=self.promises, for_owner=self.for_owner)

    def check(self, text: str, case: Case) -> Sequence[Finding]:
        return [finding for word, finding in self.findings.items() if word in text]

    def commitments(self, text: str, case: Case) -> Sequence[Commitment]:
        return self.promises


class Killed(BaseException):
    """The process is gone at this moment, as after `kill -9`."""


class Answer(Enum):
    """What the platform does with one request to publish."""

    OK = auto()
    LIMITED = auto()
    REFUSED = auto()
    BROKEN_AFTER = auto()
    BROKEN_BEFORE = auto()
    #: An exception that no connector should let through.
    RESET_AFTER = auto()
    RESET_BEFORE = auto()
    HANGS_AFTER = auto()
    HANGS_BEFORE = auto()
    #: The connection is lost, and the reply is applied a minute later.
    LATE = auto()
    KILLED_BEFORE = auto()
    KILLED_AFTER = auto()
    #: It answers, and the process dies before it can write that down.
    KILLED_ANSWERED = auto()

    @property
    def publishes(self) -> bool:
        return self in _PUBLISHES


_PUBLISHES = {
    Answer.OK, Answer.BROKEN_AFTER, Answer.RESET_AFTER, Answer.HANGS_AFTER, Answer.LATE, Answer.KILLED_AFTER,
    Answer.KILLED_ANSWERED,
}  # fmt: skip


class Look(Enum):
    """What the platform does with one request to read our replies."""

    TRUE = auto()
    UNSURE = auto()
    FAILS = auto()
    #: An exception that no connector should let through.
    BREAKS = auto()
    KILLED = auto()


@dataclass(frozen=True)
class Published:
    """A reply of ours that stands on the platform from `at` on."""

    target: str
    text: str
    key: str
    at: datetime


class Platform:
    """A platform, seen through its connector: every answer follows a script, and is sound where the script ends.

    `lag` is how long after publishing our own reply can be read back.
    """

    def __init__(self, clock: Clock, duplicates: Duplicates = Duplicates.LOOKUP, lag: timedelta = timedelta(0)) -> None:
        self.clock = clock
        self.traits = Traits("town", duplicates=duplicates, settle=timedelta(minutes=2))
        self.lag = lag
        self.published: list[Published] = []
        self.answers: deque[Answer] = deque()
        self.looks: deque[Look] = deque()
        self.statuses: deque[Status | Exception] = deque()
        self.requests = 0
        self.kills_next: Killed | None = None
        self.retry_at: datetime | None = None
        self.pages: Callable[[Cursor | None], Awaitable[Page]] | None = None
        self.now_standing: dict[str, Post | Gone] = {}

    def now(self) -> datetime:
        """The worker's clock; it dies here when it has been told to, between an answer and its record."""
        if self.kills_next is not None:
            killed, self.kills_next = self.kills_next, None
            raise killed
        return self.clock()

    def speaker(self, source_id: int) -> Platform:
        return self

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        self.requests += 1
        answer = self.answers.popleft() if self.answers else Answer.OK
        if answer.publishes:
            late = timedelta(minutes=1) if answer is Answer.LATE else timedelta(0)
            self._publish(Published(target.external_id, text, key, self.clock() + late))
        return await self._answer(answer, target)

    def _publish(self, reply: Published) -> None:
        kind = self.traits.duplicates
        for standing in self.published:
            is_same = {
                Duplicates.KEY: standing.key == reply.key,
                Duplicates.PUT: standing.target == reply.target,
                Duplicates.TEXT: (standing.target, standing.text) == (reply.target, reply.text),
                Duplicates.LOOKUP: False,
            }[kind]
            if is_same:
                return
        self.published.append(reply)

    async def _answer(self, answer: Answer, target: Target) -> Receipt:
        match answer:
            case Answer.LIMITED:
                raise ReplyDeferred("The platform asked us to wait.", retry_at=self.retry_at)
            case Answer.REFUSED:
                raise ReplyRefused("The platform does not take it.")
            case Answer.BROKEN_AFTER | Answer.BROKEN_BEFORE | Answer.LATE:
                raise ReplyLost("The platform answered with an error of its own.")
            case Answer.RESET_AFTER | Answer.RESET_BEFORE:
                raise ConnectionResetError
            case Answer.HANGS_AFTER | Answer.HANGS_BEFORE:
                await asyncio.Event().wait()
            case Answer.KILLED_BEFORE | Answer.KILLED_AFTER:
                raise Killed
            case Answer.KILLED_ANSWERED:
                self.kills_next = Killed()
            case Answer.OK:
                pass
        return Receipt(f"re-{target.external_id}", f"https://town.example/re-{target.external_id}", self.clock())

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        match self.looks.popleft() if self.looks else Look.TRUE:
            case Look.UNSURE:
                return Unsure("The list of replies was cut short.")
            case Look.FAILS:
                raise SourceUnavailable("The platform did not answer.")
            case Look.BREAKS:
                raise KeyError("replies")
            case Look.KILLED:
                raise Killed
            case Look.TRUE:
                pass
        seen = [each for each in self.published if each.target == target.external_id]
        if any(each.at + self.lag <= self.clock() for each in seen):
            return Found(Receipt(f"re-{target.external_id}", at=self.clock()))
        return Absent()

    async def status(self, receipt: Receipt) -> Status:
        status = self.statuses.popleft() if self.statuses else Status(Visibility.VISIBLE)
        if isinstance(status, Exception):
            raise status
        return status

    async def fetch(self, cursor: Cursor | None) -> Page:
        return await self.pages(cursor) if self.pages else Page((), cursor)

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        return [self.now_standing[each] for each in ids if each in self.now_standing]

    def route(self, post: Post) -> Route:
        return Route(RouteKind.API, "The platform takes replies.")

    async def close(self) -> None:
        pass


class Shop:
    """A business at work on a store: mentions come in, drafts are made, people decide."""

    def __init__(
        self, store: Store, clock: Clock, drafter: PlainWords | None = None, settings: BusinessSettings | None = None
    ) -> None:
        self.store = store
        self.clock = clock
        self.drafter = drafter or PlainWords()
        self.settings = settings or business()
        self.businesses = {self.settings.id: self.settings}
        self.desk = Desk(store, lambda: self.businesses, self.drafter, clock)
        self._numbers = itertools.count(1)

    async def mention(self, source: str = "town", **columns: Any) -> int:
        """Something somebody wrote; gives its id."""
        source_id = await keep_source(self.store, self.settings.id, source)
        number = str(next(self._numbers))
        rows = mention_row(source_id, business_id=self.settings.id, **({"external_id": number} | columns))
        (mention_id,) = await keep_mentions(self.store, rows)
        return mention_id

    async def draft(self, **columns: Any) -> Draft:
        """Something somebody wrote, and the draft that was made for it."""
        mention_id = await self.mention(**columns)
        await draft_waiting(self.store, self.businesses, self.drafter, self.clock())
        async with self.store.read() as session:
            (draft,) = await drafts.for_mention(session, self.settings.id, mention_id)
        return draft

    async def decide(self, draft: Draft, action: Action, person: str = "Mia", **fields: Any) -> Draft:
        """Lets a person decide about the revision that `draft` shows."""
        said = {"business": draft.business_id, "draft": draft.id, "revision": draft.revision, "channel": "inbox"}
        return await self.desk.decide(Choice(**(said | {"action": action, "person": person} | fields)))

    async def see(self, draft: Draft) -> Draft:
        """The draft as it stands now."""
        return (await self.pair(draft))[0]

    async def pair(self, draft: Draft) -> tuple[Draft, Mention]:
        """The draft and its mention as they stand now."""
        async with self.store.read() as session:
            found = await drafts.get(session, draft.business_id, draft.id or 0)
        assert found is not None
        return found


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Store]:
    """A store that is closed again."""
    store = await Store.open(address)
    try:
        yield store
    finally:
        await store.close()


def sqlite_at(file: Path) -> str:
    """The address of a SQLite database."""
    return f"sqlite+aiosqlite:///{file}"
