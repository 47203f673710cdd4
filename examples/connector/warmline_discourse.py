"""A Discourse forum: its public posts, and replies below them.

Documentation of the interface: https://docs.discourse.org
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.base import (
    Absent,
    Author,
    ConnectorType,
    Cursor,
    Fault,
    Found,
    Gone,
    Limit,
    Page,
    Post,
    Receipt,
    Route,
    RouteKind,
    Secret,
    Status,
    Surroundings,
    Target,
    Traits,
    Unsure,
    Visibility,
)
from connectors.errors import ReplyDeferred, ReplyLost, ReplyRefused, SourceError
from connectors.http import changed, fetch
from connectors.lengths import Counter
from connectors.markup import plain

PLATFORM = "discourse"
#: `posts.json?before=N` answers with the public posts numbered N-49 to N, newest first.
WINDOW = 50
#: The forum's `max_post_length` where nobody changed it.
LIMITS = (Limit(Counter.CHARACTERS, 32_000),)


class DiscourseSettings(BaseModel):
    """The keys of a source of type `discourse`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The forum's address.
    server: str = Field(pattern=r"^https?://[^/\s]+$")
    #: The user who answers.
    user: str = Field(min_length=1)
    #: A key for that user.
    api_key: Secret


class Item(BaseModel):
    """One post as the forum gives it; what we do not use is passed over."""

    id: int
    username: str
    cooked: str
    created_at: datetime
    topic_id: int
    post_number: int
    updated_at: datetime | None = None
    version: int = 1
    topic_title: str = ""
    hidden: bool = False
    deleted_at: datetime | None = None
    user_deleted: bool = False


def parse(payload: Sequence[Any], server: str, user: str) -> tuple[list[Post], list[Fault]]:
    """The posts of one answer, oldest first, and what could not be read."""
    posts, faults = [], []
    for each in payload:
        try:
            posts.append(_post(Item.model_validate(each), server, user))
        except ValidationError as error:
            faults.append(Fault(f"A post cannot be read ({error.error_count()} parts).", sample=str(each)[:2000]))
    return sorted(posts, key=lambda post: int(post.external_id)), faults


def _post(item: Item, server: str, user: str) -> Post:
    text = plain(item.cooked)
    return Post(
        platform=PLATFORM,
        external_id=str(item.id),
        text=text,
        posted_at=item.created_at,
        edited_at=item.updated_at if item.version > 1 else None,
        title=item.topic_title if item.post_number == 1 else "",
        url=f"{server}/p/{item.id}",
        author=Author(item.username, handle=item.username, url=f"{server}/u/{item.username}"),
        summons=f"@{user}".casefold() in text.casefold(),
        own=item.username.casefold() == user.casefold(),
        account=user,
        context={"topic": item.topic_id, "number": item.post_number},
    )


class Discourse:
    """One forum, seen and answered by one user."""

    def __init__(self, settings: DiscourseSettings, surroundings: Surroundings) -> None:
        self._server = settings.server
        self._user = settings.user
        self._around = surroundings
        self._credentials = {"Api-Key": settings.api_key.read(), "Api-Username": settings.user}

    @property
    def traits(self) -> Traits:
        """A reply whose answer was lost is looked for below its post."""
        return Traits(platform=PLATFORM, every=timedelta(minutes=5), recheck_every=timedelta(days=1))

    async def fetch(self, cursor: Cursor | None) -> Page:
        """The posts numbered after the cursor, a window at a time; the first look brings the newest window."""
        after = int(cursor["after"]) if cursor else None
        posts, faults = await self._window({})
        newest = int(posts[-1].external_id) if posts else after or 0
        more = after is not None and newest > after + WINDOW
        if after is not None and more:
            posts, faults = await self._window({"before": str(after + WINDOW)})
            newest = after + WINDOW
        fresh = [post for post in posts if after is None or int(post.external_id) > after]
        return Page(fresh, {"after": newest}, more=more, faults=faults, calls=1 + more)

    async def _window(self, params: Mapping[str, str]) -> tuple[list[Post], list[Fault]]:
        answer = await fetch(self._around, f"{self._server}/posts.json", params=params, credentials=self._credentials)
        payload = answer.json()
        if not isinstance(payload, dict) or not isinstance(payload.get("latest_posts"), list):
            raise changed(self._around.source, "not with posts", answer.sample)
        return parse(payload["latest_posts"], self._server, self._user)

    async def _item(self, external_id: str) -> Item | None:
        """One post as it stands; None where the forum does not show it any more."""
        url = f"{self._server}/posts/{external_id}.json"
        answer = await fetch(self._around, url, credentials=self._credentials, accept={404})
        if answer.status == 404:
            return None
        try:
            item = Item.model_validate(answer.json())
        except ValidationError as error:
            raise changed(self._around.source, "not with a post", answer.sample) from error
        return None if item.hidden or item.deleted_at or item.user_deleted else item

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Each post read again."""
        items = [(external_id, await self._item(external_id)) for external_id in ids]
        return [
            _post(item, self._server, self._user) if item else Gone(PLATFORM, external_id)
            for external_id, item in items
        ]

    def route(self, post: Post) -> Route:
        """By API: who runs a forum may speak in it."""
        return Route(RouteKind.API, "This is our own forum.", LIMITS)

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        """Posts once below the target; only what the forum certainly did not take may be sent again."""
        below = {"topic_id": target.context["topic"], "reply_to_post_number": target.context["number"]}
        try:
            async with self._around.session.post(
                f"{self._server}/posts.json",
                json={"raw": text, **below},
                headers=self._credentials,
                allow_redirects=False,
            ) as response:
                said = await response.json(content_type=None) if response.status == 200 else await response.text()
        except aiohttp.ClientConnectorError as error:
            raise ReplyDeferred("The forum could not be reached.") from error
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ReplyLost("The forum did not confirm the reply.") from error
        if response.status == 429:
            raise ReplyDeferred("The forum asks us to wait.")
        if (
            response.status in {400, 401, 403, 404, 422} and "similar" not in said
        ):  # too similar: it may be there already
            raise ReplyRefused(f"The forum did not take the reply ({response.status}).", do="Look at the topic.")
        try:
            item = Item.model_validate(said)
        except ValidationError as error:
            raise ReplyLost("The forum did not say what it published; a moderator may have to agree.") from error
        return Receipt(str(item.id), f"{self._server}/p/{item.id}", item.created_at)

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        """A reply of our user to the post, whoever wrote it."""
        url = f"{self._server}/posts/{target.external_id}/replies.json"
        try:
            answer = await fetch(self._around, url, credentials=self._credentials)
            posts, faults = parse(answer.json(), self._server, self._user)
        except (SourceError, TypeError) as error:
            return Unsure(f"The forum could not be asked ({type(error).__name__}).")
        ours = next((post for post in posts if post.own), None)
        if ours is not None:
            return Found(Receipt(ours.external_id, ours.url, ours.posted_at))
        return Unsure("Some replies could not be read.") if faults else Absent()

    async def status(self, receipt: Receipt) -> Status:
        """Whether the forum shows it."""
        if await self._item(receipt.external_id) is None:
            return Status(Visibility.REFUSED, "The forum does not show it any more.")
        return Status(Visibility.VISIBLE)

    async def close(self) -> None:
        """Nothing is open between two calls."""


CONNECTOR = ConnectorType(
    settings=DiscourseSettings,
    build=Discourse,
    summary="Hears the public posts of a Discourse forum, and answers there.",
)
