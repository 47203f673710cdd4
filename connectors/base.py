"""The values and protocols that every connector speaks.

A connector is one module: a pure `parse(payload) -> list[Post]`, a thin network
shell around it, a settings model, and an entry point in the group
`warmline.connectors` that names a `ConnectorType`. It knows no other connector
and no storage.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import aiohttp
from pydantic import BaseModel

from config.secrets import Secret as Secret  # noqa: PLC0414 – plug-ins import only `connectors`
from connectors.lengths import Counter

#: JSON that only its connector understands: where the last fetch ended.
Cursor = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a post, as far as the platform tells; empty strings where it does not."""

    external_id: str
    handle: str = ""
    name: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """What a platform gave us, as plain text.

    `external_id` is the platform's own, stable through edits. `posted_at` is
    aware; None where the platform does not tell. `rating` is in stars, 1 to 5.
    `summons` is true where the author called our account by name or answered
    it, which is what some platforms ask for before they accept a reply.
    `context` is JSON that the connector wants back in `route` and `reply`
    (visibility, thread root, …).
    """

    platform: str
    external_id: str
    text: str
    posted_at: datetime | None = None
    url: str = ""
    author: Author | None = None
    title: str = ""
    rating: float | None = None
    language: str = ""
    in_reply_to: str = ""
    edited_at: datetime | None = None
    summons: bool = False
    own: bool = False
    account: str = ""
    place: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gone:
    """A post that its platform no longer shows."""

    platform: str
    external_id: str
    reason: str = "deleted"


@dataclass(frozen=True, slots=True)
class Fault:
    """One item of a page that could not be read; `sample` is at most 2,000 characters of it, kept for repair."""

    reason: str
    external_id: str = ""
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time that could not be heard, and why; both ends aware, `since` None where unknown."""

    since: datetime | None
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a source: posts oldest first, and the cursor that continues after them.

    `more` says that the next fetch will bring something at once. A page with
    neither posts nor a new cursor is normal. `calls` and `cost` (in the
    currency of the traits; None: what the traits say that calls cost) say
    what it took.
    """

    posts: Sequence[Post | Gone]
    cursor: Cursor | None
    more: bool = False
    faults: Sequence[Fault] = ()
    gaps: Sequence[Gap] = ()
    calls: int = 1
    cost: Decimal | None = None


class RouteKind(StrEnum):
    """How a mention may be answered."""

    #: The connector posts the approved reply.
    API = "api"
    #: A person copies the text and opens the post.
    HANDOFF = "handoff"
    #: It cannot be answered.
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `at_most` of what `counter` counts."""

    counter: Counter
    at_most: int


@dataclass(frozen=True, slots=True)
class Route:
    """How one mention may be answered, why so, and how long the answer may be (all limits hold at once).

    `opening` is what the platform wants a reply to begin with, such as
    "@ana@town.example "; it is part of the draft that people see and counts.
    """

    kind: RouteKind
    reason: str
    limits: tuple[Limit, ...] = ()
    opening: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """The post that a reply answers, and the account that speaks."""

    platform: str
    external_id: str
    account: str
    url: str = ""
    author: Author | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the platform said it published."""

    external_id: str
    url: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Our reply is there."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Absent:
    """Our reply was looked for where it would stand, and is not there."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """Looking was not possible or proves nothing; `reason` says why."""

    reason: str


class Visibility(StrEnum):
    """Whether a published reply can be seen by everyone."""

    PENDING = "pending"
    VISIBLE = "visible"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Status:
    """How a published reply stands; `reason` is the platform's own where it was refused."""

    visibility: Visibility
    reason: str = ""


class Duplicates(StrEnum):
    """How a platform keeps a reply from appearing twice."""

    #: A key that we choose names the post.
    KEY = "key"
    #: One reply per post; sending again replaces it.
    PUT = "put"
    #: The platform refuses the same text.
    TEXT = "text"
    #: Nothing: look for our own reply first.
    LOOKUP = "lookup"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a connector declares about its platform.

    `settle` is how long to wait before a read-back proves anything (longer
    than the request time-out and the platform's slowest processing).
    `every` is the usual pause between polls. `expect_within` is the silence
    after which a source counts as deaf (None: silence is normal). `retention`
    is how long posts may be kept (None: as long as the business wants; zero:
    they may be counted, and not stored).
    `recheck_every` is how often kept posts are looked at for edits and
    deletions (None: the platform offers no way). `cost_per_call` is what a
    call costs, `cost_per_page` the most that one page may cost, and
    `cost_per_look` what looking again at one kept post costs, where those
    differ. `disclosure` names a label duty in plain words, empty where there
    is none.
    """

    platform: str
    every: timedelta = timedelta(minutes=10)
    expect_within: timedelta | None = None
    duplicates: Duplicates = Duplicates.LOOKUP
    settle: timedelta = timedelta(minutes=2)
    retention: timedelta | None = None
    recheck_every: timedelta | None = None
    cost_per_call: Decimal = Decimal(0)
    cost_per_page: Decimal = Decimal(0)
    cost_per_look: Decimal = Decimal(0)
    currency: str = "USD"
    disclosure: str = ""


class Connector(Protocol):
    """Reads one configured source."""

    @property
    def traits(self) -> Traits:
        """What holds for this platform."""

    async def fetch(self, cursor: Cursor | None) -> Page:
        """Posts after `cursor`, oldest first, at most 100; None means the source's look-back.

        Repeatable: the same cursor gives the same posts again.

        Raises:
            SourceUnavailable: it did not answer properly; ask again.
            SourceLimited: with the wait the platform asked for.
            SourceDenied: the credentials no longer work; a person must act.
            SourceChanged: the answer has lost its documented shape.
        """

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """How the posts with these external ids stand now; those that cannot be told are left out."""

    def route(self, post: Post) -> Route:
        """How this post may be answered."""

    async def close(self) -> None:
        """Lets go of connections and threads; may be called twice."""


@runtime_checkable
class Streamer(Protocol):
    """A connector that can also push."""

    def stream(self, cursor: Cursor | None) -> AsyncIterator[Page]:
        """Pages as they happen, until the connection ends; the poll that follows closes any gap."""


@runtime_checkable
class Receiver(Protocol):
    """A connector that is sent what it hears, at the inbox's address `/webhooks/BUSINESS/SOURCE`."""

    def receive(self, headers: Mapping[str, str], body: bytes, cursor: Cursor | None) -> Page:
        """What one request says; `headers` are found in upper and lower case alike.

        The page's cursor remembers the request, so that it is not taken twice.

        Raises:
            NotTaken: it is not from whom it should be, or was heard before.
            SourceLimited: too many at once.
        """


@runtime_checkable
class Replier(Protocol):
    """A connector that can answer."""

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        """Publishes `text` under `target`; at most one request that could publish leaves per call.

        Raises:
            ReplyDeferred: provably not published; later.
            ReplyRefused: never as it stands.
            ReplyTooLong: by the platform's own count.
            ReplyLost: the request left and its answer did not come.
        """

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        """Whether our reply to `target` is there already, whoever sent it."""

    async def status(self, receipt: Receipt) -> Status:
        """Whether a published reply is public."""


#: Has an access token renewed by the server that gave it: from the refresh token to the access token, until when to
#: use it, and the refresh token from then on.
Renew = Callable[[str], Awaitable[tuple[str, datetime, str]]]


class TokenKeeper(Protocol):
    """Keeps what `warmline connect` obtained for one source."""

    async def fresh(self, renew: Renew, refused: str = "") -> str:
        """An access token that still holds, and is another one than `refused`; of several that ask, one renews it.

        Raises:
            ConfigError: there is none, or it cannot be read; a person must act.
            WarmlineError: what `renew` raised, or the store.
        """


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a connector gets from the daemon.

    Its source's name, the shared session, the clock (aware, UTC), `home`, the
    folder that relative paths in the configuration start from, and the keeper
    of its tokens (None: nothing is kept here).
    """

    source: str
    session: aiohttp.ClientSession
    now: Callable[[], datetime]
    home: Path
    tokens: TokenKeeper | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """What the owner of an account is asked to allow, by whom, and where (RFC 6749, for an installed app).

    `ask` is the page for the browser, with `more` as further questions of the
    platform's own; `token` is where tokens come from.
    """

    platform: str
    ask: str
    token: str
    scopes: tuple[str, ...]
    client_id: str
    client_secret: Secret
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConnectorType:
    """What an entry point in `warmline.connectors` names: how a `[[sources]]` table becomes a connector.

    `settings` validates the table (without `name`, `type` and `every`).
    `consent` says of validated settings what `warmline connect` asks for
    (None: the type needs no such consent).
    """

    settings: type[BaseModel]
    build: Callable[[Any, Surroundings], Connector]
    summary: str
    consent: Callable[[Any], Consent] | None = None
