"""Webhooks: posts that a shop system, a form or an automation service sends us.

Requests are signed as the Standard Webhooks specification describes, so that
its ready-made senders fit: `webhook-signature` is the HMAC-SHA256 of
`webhook-id`, `webhook-timestamp` and the body. The cursor remembers the ids of
the last minutes, which is as long as a signature is valid: a request counts
once, also across a restart.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from config.errors import ConfigError
from config.secrets import Secret
from config.settings import Table
from connectors.base import (
    Author,
    ConnectorType,
    Cursor,
    Fault,
    Gone,
    Page,
    Post,
    Route,
    RouteKind,
    Surroundings,
    Traits,
)
from connectors.errors import NotTaken, SourceLimited
from connectors.markup import tidy
from connectors.sites import name_of, split

PLATFORM = "webhook"
#: How far a request's time may lie from ours (Standard Webhooks leaves it to the receiver; others use five minutes, too).
WINDOW = timedelta(minutes=5)
#: Requests within the window; the cursor holds the id of each.
MOST = 300
#: Posts in one request (`Connector.fetch`).
PAGE = 100

_EARLIEST = datetime.min.replace(tzinfo=UTC)


class WebhookSettings(Table):
    """The keys of a source of type `webhook`."""

    #: What its sender signs with: `whsec_…` as Standard Webhooks writes it, or any long random text.
    secret: Secret


def _plain_id(value: str) -> str:
    if value and not value.isprintable():
        raise ValueError("holds characters that cannot be seen")
    return value


def _web_address(value: str) -> str:
    if value and not split(value).hostname:
        raise ValueError("must be a web address that begins with https:// or http://")
    return value


def _plausible(value: datetime) -> datetime:
    if not 1990 <= value.year <= 2200:
        raise ValueError("is not a time of our days")
    return value.astimezone(UTC)


Id = Annotated[str, Field(max_length=200), AfterValidator(_plain_id)]
Name = Annotated[str, Field(max_length=200)]
Link = Annotated[str, Field(max_length=2_000), AfterValidator(_web_address)]
Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]


class Shape(BaseModel):
    """A part of the documented shape; a key that it does not name is a fault, not a loss."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class Writer(Shape):
    """Who wrote a post."""

    id: Id = ""
    handle: Name = ""
    name: Name = ""
    url: Link = ""


class Sent(Shape):
    """One post as its sender describes it."""

    id: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain_id)]
    text: str = Field(default="", max_length=100_000)
    title: str = Field(default="", max_length=500)
    author: Writer | Name = ""
    rating: float | None = Field(default=None, ge=1, le=5)
    url: Link = ""
    posted_at: Moment | None = None
    edited_at: Moment | None = None
    platform: Name = ""
    in_reply_to: Id = ""
    language: str = Field(default="", pattern=r"^([a-z]{2})?$")
    place: Name = ""
    #: True where the post was deleted; it then needs nothing but its id and platform.
    gone: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.gone and self.rating is None and not tidy(self.text + self.title):
            raise ValueError("text and rating are both missing")
        return self


class Parsed(NamedTuple):
    """What a request says: posts oldest first, and what could not be read."""

    posts: list[Post | Gone]
    faults: list[Fault]


def parse(body: bytes, source: str) -> Parsed:
    """The posts in a request: one alone, or several under `posts`.

    Their ids carry the name of the `source`, so that no sender reaches what another source has brought.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return Parsed([], [Fault("The request is not JSON.", sample=tidy(body[:2000].decode(errors="replace")))])
    sent = payload["posts"] if isinstance(payload, dict) and "posts" in payload else [payload]
    if not isinstance(sent, list) or not 1 <= len(sent) <= PAGE:
        return Parsed([], [Fault(f"posts must be a list of 1 to {PAGE}.", sample=tidy(str(sent)[:2000]))])
    parsed = Parsed([], [])
    for number, each in enumerate(sent, start=1):
        try:
            parsed.posts.append(_heard(Sent.model_validate(each), source))
        except ValidationError as error:
            parsed.faults.append(
                Fault(f"Post {number} cannot be read ({_wrong(error)}).", sample=tidy(str(each)[:2000]))
            )
    parsed.posts.sort(key=_order)
    return parsed


def _wrong(error: ValidationError) -> str:
    """The first thing that is wrong, by its key."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    said = first["msg"].removeprefix("Value error, ")
    return f"{where}: {said}" if where else said


def _order(post: Post | Gone) -> tuple[bool, datetime]:
    return isinstance(post, Gone), getattr(post, "posted_at", None) or _EARLIEST


def _heard(sent: Sent, source: str) -> Post | Gone:
    platform, external_id = name_of(sent.platform) or PLATFORM, f"{source} {sent.id}"
    if sent.gone:
        return Gone(platform, external_id)
    return Post(
        platform=platform,
        external_id=external_id,
        text=tidy(sent.text),
        title=tidy(sent.title),
        posted_at=sent.posted_at,
        edited_at=sent.edited_at,
        url=sent.url,
        author=_author(sent.author, source),
        rating=sent.rating,
        language=sent.language,
        in_reply_to=f"{source} {sent.in_reply_to}" if sent.in_reply_to else "",
        place=tidy(sent.place),
    )


def _author(sent: Writer | str, source: str) -> Author | None:
    writer = Writer(name=sent) if isinstance(sent, str) else sent
    handle, name = tidy(writer.handle), tidy(writer.name)
    named = writer.id or handle or name
    return Author(f"{source} {named}", handle, name, writer.url) if named else None


class Webhook:
    """One address that others send to."""

    def __init__(self, settings: WebhookSettings, surroundings: Surroundings) -> None:
        self._key = _key(settings.secret)
        self._source = surroundings.source
        self._now = surroundings.now

    @property
    def traits(self) -> Traits:
        """Nothing is asked for, and silence is normal."""
        return Traits(platform=PLATFORM, every=timedelta(days=1))

    async def fetch(self, cursor: Cursor | None) -> Page:
        """Nothing: what there is, is sent."""
        return Page((), None, calls=0)

    def receive(self, headers: Mapping[str, str], body: bytes, cursor: Cursor | None) -> Page:
        """The posts in one signed request; see `Receiver.receive`."""
        request, sent_at = self._check(headers, body)
        remembered = self._remember(request, sent_at, cursor)
        posts, faults = parse(body, self._source)
        return Page(posts, remembered, faults=faults)

    def _check(self, headers: Mapping[str, str], body: bytes) -> tuple[str, int]:
        """The request's id and time, once its signature is found to be right.

        Raises:
            NotTaken: it is not signed, or not with our secret, or not now.
        """
        request, sent_at, given = (headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
        if not (0 < len(request) <= 200 and sent_at.isdecimal() and len(sent_at) <= 12 and given):
            raise self._stranger("It needs the headers webhook-id, webhook-timestamp and webhook-signature.")
        signed = f"{request}.{sent_at}.".encode(errors="surrogateescape") + body
        right = b"v1," + base64.b64encode(hmac.digest(self._key, signed, "sha256"))
        # Several signatures stand side by side while a sender changes its secret.
        if not any(hmac.compare_digest(right, each.encode(errors="surrogateescape")) for each in given.split()[:10]):
            raise self._stranger("Its signature is not that of the secret we share.")
        if abs(self._now().timestamp() - int(sent_at)) > WINDOW.total_seconds():
            raise self._stranger("It was signed more than five minutes ago, or a clock is wrong.")
        return request, int(sent_at)

    def _stranger(self, why: str) -> NotTaken:
        return NotTaken(f"The request is not taken. {why}", "Nothing was stored.", status=401)

    def _remember(self, request: str, sent_at: int, cursor: Cursor | None) -> Cursor:
        """The cursor that knows this request, too, and no longer those whose signatures have lapsed.

        Raises:
            NotTaken: it was taken before.
            SourceLimited: the window is full.
        """
        oldest = self._now().timestamp() - WINDOW.total_seconds()
        taken = {name: at for name, at in (cursor or {}).get("taken", {}).items() if at >= oldest}
        name = hashlib.sha256(request.encode(errors="surrogateescape")).hexdigest()[:32]
        if name in taken:
            raise NotTaken("This request was taken before.", "Nothing was stored a second time.", status=409)
        if len(taken) >= MOST:
            again = datetime.fromtimestamp(min(taken.values()), UTC) + WINDOW
            raise SourceLimited(
                f"More than {MOST} requests came in five minutes.", "Nothing was stored.", retry_at=again
            )
        return {"taken": {**taken, name: sent_at}}

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Nothing: edits and deletions are sent, too."""
        return []

    def route(self, post: Post) -> Route:
        """By hand where the sender named the page to answer on."""
        if post.url:
            return Route(RouteKind.HANDOFF, "It came by webhook with a link: copy the text and open the page.")
        return Route(RouteKind.NONE, "It came by webhook without a link, so there is no page to answer on.")

    async def close(self) -> None:
        """Nothing is open."""


def _key(secret: Secret) -> bytes:
    """The bytes to sign with.

    Raises:
        ConfigError: the secret is missing, or is not what it seems.
    """
    written = secret.read()
    if not written.startswith("whsec_"):
        return written.encode()
    try:
        return base64.b64decode(written.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ConfigError(
            f"The secret in {secret.where} begins with whsec_, but is not Base64 behind that.",
            do="Copy it again from where it was made, all of it.",
        ) from error


CONNECTOR = ConnectorType(
    settings=WebhookSettings,
    build=Webhook,
    summary="Takes signed posts that a shop system, a form or an automation service sends.",
)
