"""Hacker News: Algolia's search hears, the official item API tells of edits and deletions.

Neither needs a key. The search indexes a post up to ten minutes late and shows
at most the newest 1,000 of what it finds, newest first.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from config.settings import Table
from connectors.base import (
    Author,
    ConnectorType,
    Cursor,
    Fault,
    Gap,
    Gone,
    Page,
    Post,
    Route,
    RouteKind,
    Surroundings,
    Traits,
)
from connectors.errors import SourceChanged
from connectors.http import changed, fetch
from connectors.markup import plain, tidy

SEARCH = "https://hn.algolia.com/api/v1"
ITEMS = "https://hacker-news.firebaseio.com/v0"
SITE = "https://news.ycombinator.com"

#: How far the first poll looks back.
LOOK_BACK = timedelta(days=7)
#: How late the search may show a post; asked for again each time, repeats are dropped by their id.
LAG = timedelta(minutes=10)
#: Results asked for at once; a fetch gives two pages at most.
PAGE = 50
#: Results that the search shows of any query.
REACH = 1_000


class HackerNewsSettings(Table):
    """The keys of a source of type `hackernews`."""

    #: What to search for: all words must occur; "double quotes" keep words together.
    query: str = Field(min_length=1, max_length=500)


class Hit(BaseModel):
    """One result of the search."""

    id: str = Field(alias="objectID", pattern=r"^\d{1,19}$")
    created_at: int = Field(alias="created_at_i", ge=0, lt=250_000_000_000)
    author: str = Field(default="", max_length=200)
    title: str | None = None
    story_text: str | None = None
    comment_text: str | None = None
    parent_id: int | None = None


class Item(BaseModel):
    """One answer of the item API."""

    id: int = Field(ge=0)
    time: int = Field(default=0, ge=0, lt=250_000_000_000)
    by: str = Field(default="", max_length=200)
    title: str = ""
    text: str = ""
    parent: int | None = None
    deleted: bool = False
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Results:
    """One page of search results; `found` counts those of all pages."""

    posts: Sequence[Post]
    faults: Sequence[Fault]
    found: int
    pages: int


def parse(payload: Any) -> Results:
    """The posts on one page of search results, oldest first.

    Raises:
        ValueError: the page itself has lost its documented shape.
    """
    page = payload if isinstance(payload, dict) else {}
    hits, found, pages = page.get("hits"), page.get("nbHits"), page.get("nbPages")
    if not (isinstance(hits, list) and isinstance(found, int) and isinstance(pages, int)):
        raise ValueError("hits, nbHits or nbPages are missing")  # noqa: TRY004 – it is the value that is wrong
    posts, faults = [], []
    for hit in hits:
        try:
            posts.append(_heard(Hit.model_validate(hit)))
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, wrong["loc"]))
            sample = tidy(str(hit)[:2000])
            faults.append(Fault(f"A result of the search cannot be read ({where}: {wrong['msg']}).", sample=sample))
    posts.sort(key=lambda post: (post.posted_at, post.external_id))
    return Results(posts, faults, found, pages)


def parse_item(payload: Any, external_id: str) -> Post | Gone:
    """How the item API shows a post now: null, deleted and dead ones are gone.

    Raises:
        ValueError: it has lost its documented shape.
    """
    if payload is None:
        return Gone("hackernews", external_id)
    item = Item.model_validate(payload)
    if item.deleted or item.dead:
        return Gone("hackernews", external_id, "deleted" if item.deleted else "removed by moderators or flags")
    return _post(external_id, item.time, item.by, item.title, item.text, item.parent)


def _heard(hit: Hit) -> Post:
    text = hit.comment_text or hit.story_text or ""
    return _post(hit.id, hit.created_at, hit.author, hit.title or "", text, hit.parent_id)


def _post(external_id: str, created_at: int, by: str, title: str, markup: str, parent: int | None) -> Post:
    title, text = tidy(html.unescape(title)), plain(markup)
    return Post(
        platform="hackernews",
        external_id=external_id,
        text=text or title,  # so that a story of a title and a link has words
        title=title if text else "",
        posted_at=datetime.fromtimestamp(created_at, UTC),
        url=f"{SITE}/item?id={external_id}",
        author=Author(by, handle=by, name=by, url=f"{SITE}/user?id={by}") if by else None,
        in_reply_to=str(parent) if parent else "",
    )


class HackerNews:
    """Searches stories and comments for one query."""

    def __init__(
        self, settings: HackerNewsSettings, surroundings: Surroundings, search: str = SEARCH, items: str = ITEMS
    ) -> None:
        self._query = settings.query
        self._around = surroundings
        self._search_url = f"{search}/search_by_date"
        self._items_url = f"{items}/item"

    @property
    def traits(self) -> Traits:
        """Authors may edit for two hours, and moderators act within a day."""
        return Traits(platform="hackernews", every=timedelta(minutes=10), recheck_every=timedelta(hours=12))

    async def fetch(self, cursor: Cursor | None) -> Page:
        """The oldest results after the cursor's moment; a spike beyond the search's reach becomes a gap."""
        after = int(cursor["after"]) if cursor else int((self._around.now() - LOOK_BACK).timestamp())
        results, pages, calls = await self._oldest(after)
        more = pages > 2 and bool(results.posts)
        return Page(
            posts=results.posts,
            cursor={"after": _next(after, results.posts, more)},
            more=more,
            faults=results.faults,
            gaps=_gaps(after, results),
            calls=calls,
        )

    async def _oldest(self, after: int) -> tuple[Results, int, int]:
        """The last two pages of the search, how many there are, and the calls it took.

        Two, because the last one may end within a second that it shares with
        the one before; in this order, because new results push old ones on.
        """
        last = await self._search(after, 0)
        before, pages, calls = last, 1, 1
        while last.pages > pages:
            pages, calls = last.pages, calls + 2
            before = await self._search(after, pages - 2)
            last = await self._search(after, pages - 1)
        if pages == 1:
            return last, pages, calls
        posts = {post.external_id: post for post in (*last.posts, *before.posts)}
        both = Results(list(posts.values()), [*last.faults, *before.faults], last.found, last.pages)
        return both, pages, calls

    async def _search(self, after: int, number: int) -> Results:
        asked = {
            "query": self._query,
            "tags": "(story,comment)",
            "numericFilters": f"created_at_i>{after}",
            "hitsPerPage": str(PAGE),
            "page": str(number),
        }
        answer = await fetch(self._around, self._search_url, params=asked)
        try:
            return parse(answer.json())
        except ValueError as error:
            raise changed(answer.source, "not with search results", answer.sample) from error

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """One after the other, which is polite and quick enough; what cannot be understood is left out."""
        standing = []
        for external_id in ids:
            try:
                answer = await fetch(self._around, f"{self._items_url}/{external_id}.json")
                standing.append(parse_item(answer.json(), external_id))
            except (SourceChanged, ValueError):
                continue
        return standing

    def route(self, post: Post) -> Route:
        """By hand: Hacker News has no API that posts."""
        return Route(
            RouteKind.HANDOFF, "Hacker News takes replies only on its own site: copy the text and open the post."
        )

    async def close(self) -> None:
        """Nothing is open between two calls."""


def _next(after: int, posts: Sequence[Post], more: bool) -> int:
    """Where the next fetch begins: in a spike right behind the last post, otherwise as far back as posts may be late."""
    times = [int(post.posted_at.timestamp()) for post in posts if post.posted_at]
    if not times:
        return after
    if more:
        return max(times[-1] - 1, after + 1)  # others may share its second
    return times[-1] - int(LAG.total_seconds())


def _gaps(after: int, results: Results) -> tuple[Gap, ...]:
    """What lies before the oldest result that the search would show."""
    if results.found <= REACH or not results.posts or results.posts[0].posted_at is None:
        return ()
    reason = f"The search found {results.found} posts and shows only the newest {REACH}."
    return (Gap(datetime.fromtimestamp(after, UTC), results.posts[0].posted_at, reason),)


CONNECTOR = ConnectorType(
    settings=HackerNewsSettings,
    build=HackerNews,
    summary="Hears stories and comments on Hacker News that match a search.",
)
