"""RSS, Atom, JSON Feed and Google Alerts.

An item is a mention's post under an id that survives edits and meets the same
article again:

- A guid that is worldwide by its form (a URL, `tag:`, `urn:`) counts once per
  *host* of the feed: the same article in two feeds of one publisher is one
  mention, while no feed can change what another publisher's feed said.
- Any other guid ("1") counts once per feed, as does an item that has neither
  guid nor link and is known by its title and date.
- Google Alerts invents a new guid per alert, so its items are known by the
  article they lead to: one article in two alerts is one mention.

Dates decide nothing but the order. Every item that is in the document and was
not heard before, or not in these words, is a post, however late it turns up;
the cursor holds the fingerprints of what was heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import field_validator, model_validator
from yarl import URL

from config.errors import ConfigError
from config.secrets import Secret
from config.settings import Table
from connectors.base import (
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
from connectors.errors import SourceDenied, SourceUnavailable
from connectors.feed.documents import Unreadable
from connectors.feed.items import Document, fingerprint, parse, scope_of
from connectors.http import Answer, changed, fetch

__all__ = ["CONNECTOR", "Feed", "FeedSettings", "parse"]

PAGE = 100
#: Reading a document of the largest size that is not hostile takes a few seconds.
READ_WITHIN = timedelta(seconds=20)
_TYPES = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"


def _web_address(address: str, *, may_hold_password: bool = False) -> str:
    try:
        url = URL(address)
        is_one = url.scheme in {"http", "https"} and bool(url.host)
    except ValueError:
        is_one = False
    if not is_one:
        raise ValueError("is not a web address: write it as the browser shows it, with https://")
    if (url.user or url.password) and not may_hold_password:
        raise ValueError("holds a name or password, and secrets are named, not written: use secret_url")
    return address


class FeedSettings(Table):
    """The keys of a source of type `feed`."""

    #: The feed's address.
    url: str = ""
    #: Where the address is kept, if it is a secret itself, as with personal feeds.
    secret_url: Secret | None = None

    @field_validator("url")
    @classmethod
    def _check_address(cls, value: str) -> str:
        return _web_address(value)

    @model_validator(mode="after")
    def _has_one_address(self) -> FeedSettings:
        if bool(self.url) == bool(self.secret_url):
            raise ValueError("name exactly one of url and secret_url")
        return self


class Feed:
    """Reads one feed, and only when it has changed."""

    def __init__(self, settings: FeedSettings, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._url = _address(settings, surroundings.source)

    @property
    def traits(self) -> Traits:
        """Polled politely; a feed tells nothing of edits and deletions beyond its current items."""
        return Traits(platform="feed", every=timedelta(minutes=15))

    async def fetch(self, cursor: Cursor | None) -> Page:
        """What stands in the feed and was not heard yet; the first time, all of it."""
        scope = scope_of(self._url)
        known: Mapping[str, Any] = cursor if cursor and cursor.get("feed") == scope else {}
        conditions = {name: known[name] for name in ("If-None-Match", "If-Modified-Since") if known.get(name)}
        accept = {304, 410} if conditions else {410}
        answer = await fetch(self._around, self._url, headers={"Accept": _TYPES, **conditions}, accept=accept)
        if answer.status == 304:
            return Page(posts=(), cursor=None)
        if answer.status == 410:
            raise SourceDenied(
                f'The feed of "{self._around.source}" is gone for good (410).',
                "Polling it is paused; what was heard is kept.",
                "Remove the source or correct its url, then run warmline check.",
            )
        return _page(scope, await self._read(answer), set(known.get("heard", ())), _validators(answer))

    async def _read(self, answer: Answer) -> Document:
        kind = answer.headers.get("Content-Type", "")
        reading = asyncio.to_thread(parse, answer.body, feed=self._url, base=answer.url, content_type=kind)
        try:
            return await asyncio.wait_for(reading, READ_WITHIN.total_seconds())
        except Unreadable as error:
            raise changed(answer.source, str(error), answer.sample) from error
        except TimeoutError as error:
            raise SourceUnavailable(
                f'"{answer.source}" sent a document that takes too long to read.', "It is asked again by itself."
            ) from error

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Nothing: an item that has left its feed says nothing about the page it stands for."""
        return []

    def route(self, post: Post) -> Route:
        """By hand on the page itself, where there is one."""
        if post.url:
            return Route(RouteKind.HANDOFF, "It can be answered only on its own page: copy the text and open the page.")
        return Route(RouteKind.NONE, "The feed gives no page where it could be answered.")

    async def close(self) -> None:
        """Nothing is open between two calls."""


def _address(settings: FeedSettings, source: str) -> str:
    if settings.secret_url is None:
        return settings.url
    try:
        return _web_address(settings.secret_url.read(), may_hold_password=True)
    except ValueError as error:
        where = settings.secret_url.where
        raise ConfigError(f'The address of "{source}" in {where} is no web address.', do="Correct it there.") from error


def _validators(answer: Answer) -> dict[str, str]:
    """What makes the next request conditional; only what can be sent back as it came."""
    pairs = {"If-None-Match": answer.headers.get("ETag"), "If-Modified-Since": answer.headers.get("Last-Modified")}
    return {name: value for name, value in pairs.items() if value and value.isascii()}


def _page(scope: str, document: Document, heard: set[str], validators: Mapping[str, str]) -> Page:
    """The next posts of `document`; conditional requests begin when all of it was heard."""
    everything: list[Post | Fault] = [*document.posts, *document.faults]
    marks = {fingerprint(each): each for each in everything}
    fresh = {mark: each for mark, each in marks.items() if mark not in heard}
    posts = [each for each in fresh.values() if isinstance(each, Post)]
    left = set(map(fingerprint, posts[PAGE:]))
    done = not left and not document.is_cut
    cursor = {"feed": scope, "heard": [mark for mark in marks if mark not in left], **(validators if done else {})}
    return Page(
        posts=posts[:PAGE],
        cursor=cursor,
        more=bool(left),
        faults=[each for each in fresh.values() if not isinstance(each, Post)],
    )


CONNECTOR = ConnectorType(
    settings=FeedSettings,
    build=Feed,
    summary="Hears what blogs, news sites and Google Alerts publish as RSS, Atom or JSON Feed.",
)
