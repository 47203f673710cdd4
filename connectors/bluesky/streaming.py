"""Every post of the network as it is written: Jetstream, version 2.

The polls go on besides: they find what was written while nobody listened.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.base import Cursor, Gap, Gone, Page, Post, Surroundings
from connectors.bluesky.connector import BlueskyConnector
from connectors.bluesky.parsing import COLLECTION, PLATFORM, Us, calls, features, moment, parse
from connectors.bluesky.settings import BlueskySettings
from connectors.errors import SourceError, SourceUnavailable

if TYPE_CHECKING:
    from atproto import AsyncJetstreamClient

#: The network writes dozens of posts a second; a stream without one for this many seconds is dead.
QUIET = 120
#: Events that wait for us while a page is stored.
WAITING = 1_000
#: Addresses of heard posts that are remembered, so that a deletion counts at once.
REMEMBERED = 10_000
#: Where in a cursor the stream's place stands; no list has this name.
PLACE = "stream"

_PIECES = re.compile(r'"([^"]+)"|(\S+)')
#: Parts of a search that are not words of the post: "-crumbs", "from:ana.example", "lang:de".
_OPERATOR = re.compile(r"-|\w+:")


class Wanted:
    """What makes a post of the stream worth a look: our terms, our hashtags, and who speaks to us.

    A cheap sieve with wide holes; what concerns the business the pipeline decides.
    """

    def __init__(self, settings: BlueskySettings) -> None:
        terms = ([quoted or word for quoted, word in _PIECES.findall(term.casefold())] for term in settings.search)
        self._terms = [words for term in terms if (words := [word for word in term if not _OPERATOR.match(word)])]
        self._tags = {tag.casefold() for tag in settings.hashtags}

    def catches(self, record: Mapping[str, Any], us: Us) -> bool:
        """Whether a record is worth a look."""
        text = record.get("text")
        text = text.casefold() if isinstance(text, str) else ""
        return any(all(word in text for word in term) for term in self._terms) or (
            any(f"#{tag}" in text for tag in self._tags)
            or not self._tags.isdisjoint(_tags(record))
            or calls(record, us.did)
        )


def _tags(record: Mapping[str, Any]) -> Iterable[str]:
    outside = record.get("tags")
    inside = (feature.get("tag") for feature in features(record) if isinstance(feature, Mapping))
    return {
        tag.casefold() for tag in (*inside, *(outside if isinstance(outside, list) else ())) if isinstance(tag, str)
    }


class Place(NamedTuple):
    """The last event that is stored, and when it happened."""

    seq: int
    at: str


class StreamingBluesky(BlueskyConnector):
    """An account that hears the whole network besides its polls."""

    def __init__(self, settings: BlueskySettings, surroundings: Surroundings) -> None:
        super().__init__(settings, surroundings)
        self._wanted = Wanted(settings)
        self._place: Place | None = None
        self._heard: dict[str, None] = {}
        self._tail: AsyncJetstreamClient | None = None

    async def fetch(self, cursor: Cursor | None) -> Page:
        """As without a stream; the cursor also keeps the stream's place."""
        page = await super().fetch(cursor)
        self._place = self._place or _place(cursor)
        self._remember(page.posts)
        place = {PLACE: self._place._asdict()} if self._place else {}
        return Page(page.posts, {**(page.cursor or {}), **place}, page.more, page.faults, page.gaps, page.calls)

    async def stream(self, cursor: Cursor | None) -> AsyncIterator[Page]:
        """A page for each post that concerns us and for each heard one that is deleted.

        It goes on where this connector last was, else where `cursor` says,
        else now. The place moves when the next page is asked for, so a page
        that was not stored comes again. The pages carry no cursor: it is the
        polls that keep the place.

        Raises:
            SourceError: as `fetch`.
        """
        us = await self._server.us()
        from atproto.exceptions import JetstreamCursorTooOldError  # only now: the session has imported it in a thread

        start = self._place or _place(cursor)
        try:
            async with aclosing(self._listen(us, start)) as pages:
                async for page in pages:
                    yield page
        except JetstreamCursorTooOldError:
            reason = "The stream no longer reaches back to where it was heard; the search was asked instead."
            since = moment(start.at, lenient=True) if start else None
            self._place = None
            yield Page([], None, gaps=[Gap(since, self._surroundings.now(), reason)], calls=0)
            async with aclosing(self._listen(us, None)) as pages:
                async for page in pages:
                    yield page

    async def _listen(self, us: Us, start: Place | None) -> AsyncGenerator[Page, None]:
        async with aclosing(self._events(start)) as events:
            async for event in events:
                posts = await self._concerns(event, us)
                if posts:
                    self._remember(posts)
                    yield Page(posts, cursor=None, calls=0)
                self._place = Place(event["seq"], event["time"])

    async def _events(self, start: Place | None) -> AsyncGenerator[Mapping[str, Any], None]:
        """The network's posts, edits and deletions in their order; ends when the server or `close` ends it."""
        from atproto.exceptions import JetstreamCursorTooOldError, JetstreamError

        waiting: asyncio.Queue[Any] = asyncio.Queue(WAITING)
        client = self._tail = self._jetstream(start)
        listening = asyncio.create_task(client.start(waiting.put))
        who = f'The stream of "{self._surroundings.source}"'
        try:
            while (message := await _next(waiting, listening)) is not None:
                if getattr(message, "collection", None) == COLLECTION:
                    yield message.model_dump(by_alias=True, exclude_none=True)
        except TimeoutError as error:
            raise SourceUnavailable(f"{who} has gone quiet.") from error
        except JetstreamCursorTooOldError:
            raise
        except JetstreamError as error:
            raise SourceUnavailable(f"{who} was refused or broke off.", do="Check jetstream if this lasts.") from error
        finally:
            listening.cancel()
            await _stop(client)

    def _jetstream(self, start: Place | None) -> AsyncJetstreamClient:
        from atproto import AsyncJetstreamClient

        wanted: dict[str, Any] = {"kinds": ["commit"], "collections": [COLLECTION]}
        place = {"cursor": start.seq} if start else {}
        return AsyncJetstreamClient(wanted | place, base_uri=f"{self._settings.jetstream}/xrpc", recv_timeout=QUIET)

    async def _concerns(self, event: Mapping[str, Any], us: Us) -> list[Post | Gone]:
        """What an event tells us; an overwritten post is an edit."""
        did, address = event["did"], f"at://{event['did']}/{COLLECTION}/{event['rkey']}"
        if event["operation"] == "delete":
            return [Gone(PLATFORM, address)] if address in self._heard else []
        record = event.get("record")
        if not isinstance(record, Mapping) or not self._wanted.catches(record, us):
            return []
        view = {
            "uri": address,
            "cid": event.get("cid", ""),
            "author": await self._profile(did),
            "record": record,
            "indexedAt": event["time"],
            "editedAt": event["time"] if event["operation"] == "update" else None,
        }
        return [*parse([view], us).posts]

    async def _profile(self, did: str) -> Mapping[str, Any]:
        """The author's names, which the stream does not tell; a post is heard without them, too."""
        try:
            profile = await self._server.ask("app.bsky.actor.getProfile", actor=did)
        except SourceError:
            return {"did": did}
        return profile

    def _remember(self, posts: Iterable[Post | Gone]) -> None:
        self._heard |= {post.external_id: None for post in posts if isinstance(post, Post)}
        for address in list(self._heard)[:-REMEMBERED]:
            del self._heard[address]

    async def close(self) -> None:
        """Ends the stream, and lets the connections go."""
        if self._tail is not None:
            await _stop(self._tail)
        await super().close()


def _place(cursor: Cursor | None) -> Place | None:
    found = (cursor or {}).get(PLACE)
    return Place(**found) if found else None


async def _stop(client: AsyncJetstreamClient) -> None:
    await client.stop()
    if client._xrpc_client is not None:  # atproto 0.0.73 fetches a dictionary with it and never closes it
        await client._xrpc_client.request.close()


async def _next(waiting: asyncio.Queue[Any], listening: asyncio.Task[None]) -> Any:
    """The next message; None when none will come.

    Raises:
        TimeoutError: there was none for too long.
    """
    getting = asyncio.ensure_future(waiting.get())
    try:
        await asyncio.wait({getting, listening}, timeout=QUIET, return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
        if listening.done():
            return listening.result()
        raise TimeoutError
    finally:
        getting.cancel()
