"""What every connector promises of what it hears, in a world that says what its platform says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from aiohttp import web

from connectors.base import Connector, Cursor, Fault, Page, Post
from connectors.errors import SourceChanged, SourceDenied, SourceError, SourceLimited, SourceUnavailable
from tests.contracts.discovery import ENTRIES, OWN, SECRET
from tests.contracts.mutations import places
from tests.contracts.readers import READERS, Reader
from tests.contracts.worlds import FILES, LISTS

#: Types that ask nobody: what they hear is sent, pasted, or fetched by another protocol than HTTP.
SILENT = {"mailbox", "paste", "webhook"}
every_asker = pytest.mark.parametrize(
    "entry", [entry for entry in ENTRIES if entry.name in LISTS], ids=lambda entry: entry.name
)
every_hearer = pytest.mark.parametrize(
    "entry", [entry for entry in ENTRIES if entry.name in {*LISTS, *FILES}], ids=lambda entry: entry.name
)

OpenWorld = Callable[..., Any]


async def walk(connector: Connector) -> list[tuple[Cursor | None, Page]]:
    """Every page of a first round with the cursor it was asked with, which passes through JSON as in the store."""
    pages: list[tuple[Cursor | None, Page]] = []
    cursor: Cursor | None = None
    while len(pages) < 50:
        page = await connector.fetch(cursor)
        pages.append((cursor, page))
        cursor = json.loads(json.dumps(page.cursor))
        if not page.more:
            return pages
    raise AssertionError("the round does not end")


def test_every_connector_of_ours_has_a_world() -> None:
    assert {entry.name for entry in OWN} - {*LISTS, *FILES} <= SILENT


@every_hearer
async def test_the_same_cursor_gives_the_same_posts_again(entry: EntryPoint, open_world: OpenWorld) -> None:
    async with open_world(entry) as (connector, _):
        pages = await walk(connector)
        again = [await connector.fetch(cursor) for cursor, _ in pages]

    assert any(page.posts for _, page in pages)
    assert [page.posts for page in again] == [page.posts for _, page in pages]
    assert [page.cursor for page in again] == [page.cursor for _, page in pages]


@every_hearer
async def test_pages_are_oldest_first_under_ids_of_their_own_and_at_times_with_a_zone(
    entry: EntryPoint, open_world: OpenWorld
) -> None:
    async with open_world(entry) as (connector, _):
        pages = [page for _, page in await walk(connector)]

    for page in pages:
        posts = [each for each in page.posts if isinstance(each, Post)]
        named = [(each.external_id, each.edited_at if isinstance(each, Post) else "gone") for each in page.posts]
        assert all(each.platform and each.external_id for each in page.posts)
        assert len(set(named)) == len(named)
        assert all(at.utcoffset() is not None for post in posts for at in (post.posted_at, post.edited_at) if at)
        assert is_sorted([post.posted_at for post in posts]) or is_sorted([moment(post) for post in posts])
        assert len(page.posts) <= 100


def moment(post: Post) -> datetime | None:
    return post.edited_at or post.posted_at


def is_sorted(times: list[datetime | None]) -> bool:
    told = [at for at in times if at]
    return told == sorted(told)


@every_hearer
async def test_every_post_that_is_heard_has_a_route_with_its_reason(entry: EntryPoint, open_world: OpenWorld) -> None:
    async with open_world(entry) as (connector, _):
        posts = [each for _, page in await walk(connector) for each in page.posts if isinstance(each, Post)]
        routes = [connector.route(post) for post in posts]

    assert all(route.reason.endswith(".") and "\n" not in route.reason for route in routes)
    assert all(limit.at_most > len(route.opening) >= 0 for route in routes for limit in route.limits)


# --- trouble


def answer(status: int, body: Any = b"", kind: str = "application/json", **headers: str) -> Any:
    async def respond(request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, content_type=kind, headers=named)

    return respond


async def hang_up(request: web.Request) -> web.Response:
    await request.read()
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


ERROR = json.dumps({"error": "unexpected", "message": "No."}).encode()
HTML = b"<html><title>Just a moment</title></html>"
TROUBLE: dict[str, tuple[Any, tuple[type[SourceError], ...]]] = {
    "401": (answer(401, ERROR), (SourceDenied,)),
    "403": (answer(403, ERROR), (SourceDenied,)),
    "429": (answer(429, ERROR), (SourceLimited,)),
    "429 with a wait": (answer(429, ERROR, Retry_After="60"), (SourceLimited,)),
    "429 page for people": (answer(429, HTML, "text/html"), (SourceLimited,)),
    **{f"{status}": (answer(status, ERROR), (SourceUnavailable,)) for status in (500, 502, 504, 520, 529)},
    "503 page for people": (answer(503, HTML, "text/html"), (SourceUnavailable,)),
    "200 page for people": (answer(200, HTML, "text/html"), (SourceChanged, SourceUnavailable)),
    "200 broken off": (answer(200, b'{"data": [{"id"'), (SourceChanged, SourceUnavailable)),
    "200 another shape": (answer(200, b'[["shape"]]'), (SourceChanged, SourceUnavailable)),
    "hang up": (hang_up, (SourceUnavailable,)),
}


@every_asker
@pytest.mark.parametrize("trouble", TROUBLE)
async def test_every_trouble_is_one_of_the_four_source_errors_and_tells_no_secret(
    entry: EntryPoint, trouble: str, open_world: OpenWorld, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    respond, kinds = TROUBLE[trouble]
    async with open_world(entry) as (connector, world):
        world.says = respond

        error = await trouble_of(connector)

    assert error is None or isinstance(error, kinds), repr(error)
    assert error is None or str(error).strip()
    assert SECRET not in "".join((str(error), repr(error), caplog.text, *capfd.readouterr()))


async def trouble_of(connector: Connector) -> SourceError | None:
    """The error that a poll ends in; None where only one of several places is in trouble, which is then a fault."""
    try:
        page = await connector.fetch(None)
    except SourceError as error:
        return error
    assert page.faults
    assert not page.posts
    assert all(fault.reason and SECRET not in fault.reason for fault in page.faults)
    return None


# --- hostile words

BOLD, BIDI, HUGE = "<b onclick=x>bold</b>", "\u202eevil\u202c", "🥐" * 20_000
HOSTILE = f"before {BOLD} \0\x1b[2J\ud83d {BIDI} {HUGE} after"
#: Platforms that send markup, which is read as the words that people see.
MARKED_UP = {"feed", "hackernews", "mastodon"}
with_json = pytest.mark.parametrize(
    "reader",
    [reader for reader in READERS if reader.fixture.endswith(".json") and reader.kind != "paste"],
    ids=lambda reader: reader.name,
)


def told(reader: Reader, words: str, place: tuple[Any, ...]) -> tuple[list[str], bool]:
    """The texts that are heard when `words` stand at a place of the fixture, and whether something is a fault."""
    payload = inside = json.loads(reader.path.read_bytes())
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = words
    try:
        heard = reader.heard(json.dumps(payload).encode() if reader.raw else payload)
    except ValueError:
        return [], True
    return [each.text for each in heard if isinstance(each, Post)], any(isinstance(each, Fault) for each in heard)


def text_places(reader: Reader) -> list[tuple[Any, ...]]:
    """Where the platform puts what people wrote, found by writing there."""
    everywhere = [place for place in places(json.loads(reader.path.read_bytes())) if place]
    return [place for place in everywhere if "qzx tests" in told(reader, "qzx tests", place)[0]]


def spoilt(text: str, kind: str) -> list[str]:
    """What a text has lost, or should have lost."""
    kept = {"its beginning": text[:6] == "before", "its end": text[-5:] == "after", "its length": HUGE in text}
    kept |= {"its direction": BIDI in text, "its markup": BOLD in text or kind in MARKED_UP}
    return [what for what, is_kept in kept.items() if not is_kept] + [sign for sign in "\0\x1b\ud83d" if sign in text]


@with_json
def test_hostile_words_stay_words_or_become_a_fault(reader: Reader) -> None:
    where = text_places(reader)

    for place in where:
        texts, has_fault = told(reader, HOSTILE, place)
        hostile = [text for text in texts if "before" in text[:10]]
        assert hostile or has_fault
        assert [spoilt(text, reader.kind) for text in hostile] == [[] for _ in hostile]
    assert where or reader.name == "instagram media.json"  # pictures of our own say nothing
