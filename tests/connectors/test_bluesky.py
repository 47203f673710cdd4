"""Bluesky, against a real HTTP server that keeps posts and records as a PDS does, and fails on demand."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from config.errors import ConfigError
from connectors.base import (
    Absent,
    Author,
    Found,
    Gone,
    Page,
    Post,
    Receipt,
    Replier,
    RouteKind,
    Status,
    Streamer,
    Target,
    Unsure,
    Visibility,
)
from connectors.bluesky import CONNECTOR
from connectors.bluesky.answering import ALPHABET, facets, record_key
from connectors.bluesky.connector import BlueskyConnector
from connectors.bluesky.parsing import Us, parse, readable, timestamp
from connectors.bluesky.settings import BlueskySettings
from connectors.bluesky.streaming import StreamingBluesky, Wanted
from connectors.errors import (
    ReplyDeferred,
    ReplyError,
    ReplyLost,
    ReplyRefused,
    ReplyTooLong,
    SourceChanged,
    SourceDenied,
    SourceError,
    SourceLimited,
    SourceUnavailable,
)
from connectors.lengths import length
from tests.conftest import NOW
from tests.connectors.loopback import serve

FIXTURES = Path(__file__).with_name("fixtures") / "bluesky"
BAKERY, ANA, BEN = "did:plc:bakery", "did:plc:ana", "did:plc:ben"
SECRET = "s3cret"
HANDLES = {BAKERY: "bakery.example", ANA: "ana.example", BEN: "ben.example"}
PUT = "com.atproto.repo.putRecord"
LOGIN = "com.atproto.server.createSession"
NOTIFICATIONS, SEARCH = "app.bsky.notification.listNotifications", "app.bsky.feed.searchPosts"
GET_POSTS, THREAD, GET_RECORD = "app.bsky.feed.getPosts", "app.bsky.feed.getPostThread", "com.atproto.repo.getRecord"

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


def token(lasts: float = 7200) -> str:
    """What a session's token looks like; the library only reads when it ends."""
    parts = ({"alg": "none"}, {"exp": int(time.time() + lasts)}, {})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def says(status: int, error: str = "", message: str = "", body: str | None = None, **headers: str) -> Respond:
    """A server that answers this; "_" in a header's name stands for "-"."""

    async def respond(request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            return web.Response(status=status, text=body, headers=named)
        return web.json_response({"error": error, "message": message}, status=status, headers=named)

    return respond


async def drop(request: web.Request) -> web.Response:
    """Reads the request and ends the connection without an answer."""
    await request.read()
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def address(did: str, number: int = 0) -> str:
    return f"at://{did}/app.bsky.feed.post/3lqk4aaaaa{ALPHABET[number // 32]}{ALPHABET[number % 32]}2"


class Sky:
    """The network as our account's server shows it: posts, who is told of them, and our own records."""

    def __init__(self) -> None:
        self.base = ""
        self.posts: dict[str, dict[str, Any]] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, Any]] = []
        self.failing: dict[str, list[Respond]] = {}
        self.endpoint = ""
        self.token_lasts = 7200.0
        self.tail: Respond = says(404, "NotFound")

    def post(self, did: str, text: str, *, ago: float = 1, number: int | None = None, **record: Any) -> dict[str, Any]:
        """A post written `ago` minutes before now."""
        at = timestamp(NOW - timedelta(minutes=ago))
        view = {
            "uri": address(did, len(self.posts) if number is None else number),
            "cid": f"bafy{len(self.posts)}",
            "author": {"did": did, "handle": HANDLES[did]},
            "record": {"$type": "app.bsky.feed.post", "text": text, "createdAt": at} | record,
            "indexedAt": at,
        }
        self.posts[view["uri"]] = view
        return view

    def mention(self, did: str = ANA, text: str = "@bakery.example hello", **more: Any) -> dict[str, Any]:
        feature = {"$type": "app.bsky.richtext.facet#mention", "did": BAKERY}
        facet = {"index": {"byteStart": 0, "byteEnd": 15}, "features": [feature]}
        return self.post(did, text, facets=[facet], **more)

    def fail(self, question: str, *responses: Respond) -> None:
        """The next answers to a question."""
        self.failing.setdefault(question, []).extend(responses)

    def count(self, question: str) -> int:
        return sum(1 for name, _ in self.asked if name == question)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        question = request.path.removeprefix("/xrpc/")
        asked = await request.json() if request.can_read_body else request.query
        self.asked.append((question, asked))
        if self.failing.get(question):
            return await self.failing[question].pop(0)(request)
        if question == "network.bsky.jetstream.subscribeEvents":
            return await self.tail(request)
        answer = getattr(self, "_" + question.rpartition(".")[2], None)
        status, body = answer(asked) if answer else (501, {"error": "MethodNotImplemented"})
        return web.json_response(body, status=status)

    def _createSession(self, asked: Any) -> tuple[int, Any]:  # noqa: N802 – as the network calls them
        if (asked["identifier"], asked["password"]) != ("bakery.example", SECRET):
            return 401, {"error": "AuthenticationRequired", "message": "Invalid identifier or password"}
        return self._refreshSession(asked)

    def _refreshSession(self, asked: Any) -> tuple[int, Any]:  # noqa: N802
        keeper = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self.endpoint}
        document = {"didDoc": {"id": BAKERY, "service": [keeper]}} if self.endpoint else {}
        tokens = {"accessJwt": token(self.token_lasts), "refreshJwt": token()}
        return 200, tokens | {"did": BAKERY, "handle": "bakery.example"} | document

    def _listNotifications(self, asked: Any) -> tuple[int, Any]:  # noqa: N802
        told = [view | {"reason": "mention"} for view in self._newest_first() if "facets" in view["record"]]
        told = [view for view in told if view["indexedAt"] < asked.get("cursor", "9")][: int(asked["limit"])]
        return 200, {"notifications": told} | ({"cursor": told[-1]["indexedAt"]} if told else {})

    def _searchPosts(self, asked: Any) -> tuple[int, Any]:  # noqa: N802
        start, limit = int(asked.get("cursor", 0)), int(asked["limit"])
        found = [
            view
            for view in self._newest_first()
            if asked["q"].lower() in view["record"]["text"].lower() and view["indexedAt"] >= asked.get("since", "")
        ]
        more = {"cursor": str(start + limit)} if len(found) > start + limit else {}
        return 200, {"posts": found[start : start + limit]} | more

    def _getPosts(self, asked: Any) -> tuple[int, Any]:  # noqa: N802
        wanted = asked.getall("uris")
        if len(wanted) > 25:
            return 400, {"error": "InvalidRequest"}
        return 200, {"posts": [self.posts[uri] for uri in wanted if uri in self.posts]}

    def _getPostThread(self, asked: Any) -> tuple[int, Any]:  # noqa: N802
        if asked["uri"] not in self.posts:
            return 400, {"error": "NotFound"}
        below = [
            {"post": view}
            for view in self.posts.values()
            if view["record"].get("reply", {}).get("parent", {}).get("uri") == asked["uri"]
        ]
        return 200, {"thread": {"post": self.posts[asked["uri"]], "replies": below}}

    def _getRecord(self, asked: Any) -> tuple[int, Any]:  # noqa: N802
        if asked["rkey"] not in self.records:
            return 400, {"error": "RecordNotFound"}
        return 200, {"uri": asked["rkey"], "value": self.records[asked["rkey"]]}

    def _putRecord(self, asked: Any) -> tuple[int, Any]:  # noqa: N802
        if asked["rkey"] in self.records:
            return 400, {"error": "InvalidSwap", "message": "Record was at bafy"}
        self.records[asked["rkey"]] = asked["record"]
        return 200, {"uri": f"at://{BAKERY}/app.bsky.feed.post/{asked['rkey']}", "cid": "bafyours"}

    def _getProfile(self, asked: Any) -> tuple[int, Any]:  # noqa: N802
        return 200, {"did": asked["actor"], "handle": HANDLES[asked["actor"]], "displayName": "Ana"}

    def _newest_first(self) -> list[dict[str, Any]]:
        return sorted(self.posts.values(), key=lambda view: (view["indexedAt"], view["uri"]), reverse=True)


Open = Callable[..., BlueskyConnector]


@pytest.fixture
async def opened(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Sky, Open]]:
    """A network, and what opens connectors to it that are closed after the test."""
    sky, connectors = Sky(), []
    async with serve(sky.respond) as found:
        sky.base = found.base

        def build(password: str = SECRET, **options: Any) -> BlueskyConnector:
            monkeypatch.setenv("BLUESKY_PASSWORD", password)
            table = {
                "handle": "@bakery.example",
                "app_password": {"env": "BLUESKY_PASSWORD"},
                "server": sky.base,
                "jetstream": sky.base.replace("http", "ws"),
            }
            source = CONNECTOR.build(
                BlueskySettings.model_validate(table | options), replace(found.around, source="sky")
            )
            assert isinstance(source, BlueskyConnector)
            connectors.append(source)
            return source

        yield sky, build
        for connector in connectors:
            await connector.close()


@pytest.fixture
def sky(opened: tuple[Sky, Open]) -> Sky:
    return opened[0]


@pytest.fixture
def open_source(opened: tuple[Sky, Open]) -> Open:
    return opened[1]


@pytest.fixture
def source(open_source: Open) -> BlueskyConnector:
    return open_source()


def only(page: Page) -> Post:
    [post] = page.posts
    assert isinstance(post, Post)
    return post


def target(post: Post) -> Target:
    return Target(post.platform, post.external_id, post.account, post.url, post.author, post.context)


async def called(sky: Sky, source: BlueskyConnector, **more: Any) -> Target:
    """The target of a fresh mention."""
    sky.mention(**more)
    return target(only(await source.fetch(None)))


async def all_pages(source: BlueskyConnector, cursor: Any) -> list[Page]:
    pages = [await source.fetch(cursor)]
    while pages[-1].more:
        pages.append(await source.fetch(pages[-1].cursor))
    return pages


def ids(*pages: Page) -> list[str]:
    return [post.external_id for page in pages for post in page.posts]


# --- hearing


async def test_a_mention_is_heard_with_all_that_the_platform_tells(sky: Sky, source: BlueskyConnector) -> None:
    view = sky.mention(text="@bakery.example the bread was mouldy", langs=["en"], ago=5)

    post = only(await source.fetch(None))

    assert post == Post(
        "bluesky",
        view["uri"],
        "@bakery.example the bread was mouldy",
        posted_at=NOW - timedelta(minutes=5),
        url=f"https://bsky.app/profile/{ANA}/post/{view['uri'][-13:]}",
        author=Author(ANA, "ana.example", "", f"https://bsky.app/profile/{ANA}"),
        language="en",
        summons=True,
        account="@bakery.example",
        context={"cid": view["cid"], "labels": []},
    )


async def test_a_post_in_two_of_our_lists_is_one_post(sky: Sky, open_source: Open) -> None:
    source = open_source(hashtags=["#bread"], search=["mouldy"])
    sky.mention(text="@bakery.example mouldy #bread")

    assert only(await source.fetch(None)).summons


async def test_posts_of_several_lists_come_oldest_first(sky: Sky, open_source: Open) -> None:
    source = open_source(hashtags=["bread"], search=["mouldy"])
    views = [
        sky.post(ANA, "nice #bread", ago=50),
        sky.mention(ago=40),
        sky.post(BEN, "mouldy", ago=30),
        sky.mention(BEN, ago=20),
    ]

    page = await source.fetch(None)

    assert ids(page) == [view["uri"] for view in views]


async def test_after_a_long_absence_every_post_is_heard_once(sky: Sky, open_source: Open) -> None:
    source = open_source(search=["bread"])
    sky.mention(ago=9000)
    cursor = (await all_pages(source, None))[-1].cursor
    posted = [
        (sky.mention(ago=9000 - n) if n % 3 else sky.post(BEN, f"bread {n}", ago=9000 - n))["uri"]
        for n in range(1, 300)
    ]

    pages = await all_pages(source, cursor)

    assert all(len(page.posts) <= 100 for page in pages)
    assert sorted(set(ids(*pages)) - {address(ANA)}) == sorted(posted)
    assert [page.gaps for page in pages if page.gaps] == []


async def test_a_list_that_is_read_is_not_asked_again_while_another_is_not(sky: Sky, open_source: Open) -> None:
    source = open_source(search=["bread"])
    for minutes in range(200, 0, -1):
        sky.post(ANA, "bread", ago=minutes)

    pages = await all_pages(source, None)

    assert sky.count(NOTIFICATIONS) == 1
    assert sum(page.calls for page in pages) == 1 + sky.count(SEARCH)


async def test_the_same_cursor_gives_the_same_posts(sky: Sky, open_source: Open) -> None:
    source = open_source(search=["bread"])
    cursor = (await source.fetch(None)).cursor
    sky.mention(text="@bakery.example bread")
    sky.post(ANA, "bread")

    first, again = await source.fetch(cursor), await source.fetch(cursor)

    assert first == again


async def test_a_post_that_the_search_shows_late_is_still_heard(sky: Sky, open_source: Open) -> None:
    source = open_source(search=["bread"])
    sky.post(ANA, "bread", ago=1)
    cursor = (await source.fetch(None)).cursor
    late = sky.post(BEN, "bread, found late", ago=45)

    page = await source.fetch(cursor)

    assert late["uri"] in ids(page)


async def test_notifications_of_one_moment_are_not_lost_between_two_pages(
    sky: Sky, source: BlueskyConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.bluesky.connector.PAGE", 3)
    posted = [sky.mention(ago=minutes)["uri"] for minutes in (9, 8, 8, 7, 7)]

    pages = await all_pages(source, None)

    assert set(ids(*pages)) == set(posted)


async def test_a_post_that_claims_to_be_old_does_not_hide_those_after_it(sky: Sky, open_source: Open) -> None:
    source = open_source(search=["bread"])
    written = [sky.post(ANA, "bread", ago=minutes)["uri"] for minutes in range(80, 0, -1)]
    sky.post(BEN, "bread", ago=0, createdAt="2019-01-01T00:00:00Z")

    pages = await all_pages(source, None)

    assert set(written) < set(ids(*pages))


async def test_one_moment_that_fills_pages_does_not_stop_the_reading(
    sky: Sky, source: BlueskyConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.bluesky.connector.PAGE", 2)
    for minutes in (9, 8, 8, 8, 8, 7):
        sky.mention(ago=minutes)

    pages = await all_pages(source, None)

    assert {address(ANA, 0), address(ANA, 5)} < set(ids(*pages))


async def test_a_flood_is_cut_off_and_what_is_not_heard_is_said(
    sky: Sky, open_source: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.bluesky.strands.REACH", 100)
    source = open_source(search=["bread"])
    cursor = (await source.fetch(None)).cursor
    for minutes in range(200, 0, -1):
        sky.post(ANA, "bread", ago=minutes)

    pages = await all_pages(source, cursor)

    [gap] = [gap for page in pages for gap in page.gaps]
    assert gap.reason == '"search bread" has more than 100 new posts.'
    assert gap.since == NOW - timedelta(days=7)
    assert gap.until == min(post.posted_at for page in pages for post in page.posts if isinstance(post, Post))
    assert (await source.fetch(pages[-1].cursor)).gaps == []


async def test_a_search_that_forgets_where_we_were_leaves_a_gap_and_goes_on(sky: Sky, open_source: Open) -> None:
    source = open_source(search=["bread"])
    for minutes in range(80, 0, -1):
        sky.post(ANA, "bread", ago=minutes)
    first = await source.fetch(None)
    sky.fail(SEARCH, says(400, "InvalidRequest", "bad cursor"))

    second = await source.fetch(first.cursor)
    sky.post(BEN, "bread again", ago=0)
    third = await source.fetch(second.cursor)

    assert [gap.until for gap in second.gaps] == [NOW - timedelta(minutes=1)]
    assert not second.more
    assert address(BEN, 80) in ids(third)


async def test_our_own_posts_are_marked(sky: Sky, open_source: Open) -> None:
    source = open_source(search=["bread"])
    sky.post(BAKERY, "fresh bread", reply={"parent": {"uri": address(BAKERY, 9)}})

    post = only(await source.fetch(None))

    assert (post.own, post.summons) == (True, False)


async def test_an_answer_to_us_and_a_quote_of_us_count_as_calls(sky: Sky, open_source: Open) -> None:
    source = open_source(search=["bread"])
    sky.post(ANA, "bread? yes", reply={"parent": {"uri": address(BAKERY)}}, ago=4)
    sky.post(ANA, "this bread", embed={"record": {"uri": address(BAKERY)}}, ago=3)
    sky.post(ANA, "their bread", reply={"parent": {"uri": address(BEN)}, "root": {"uri": address(BAKERY)}}, ago=2)

    page = await source.fetch(None)

    assert [post.summons for post in page.posts if isinstance(post, Post)] == [True, True, False]


async def test_one_post_that_cannot_be_read_does_not_hide_the_others(sky: Sky, open_source: Open) -> None:
    source = open_source(search=["bread"])
    broken, whole = sky.post(ANA, "bread"), sky.post(BEN, "bread")
    broken["author"] = "ana"

    page = await source.fetch(None)

    assert only(page).external_id == whole["uri"]
    assert [fault.external_id for fault in page.faults] == [broken["uri"]]


# --- the session


async def test_one_log_in_serves_all_polls(sky: Sky, open_source: Open) -> None:
    source = open_source(search=["bread"], hashtags=["bun"])

    await asyncio.gather(*(source.fetch(None) for _ in range(3)))

    assert sky.count(LOGIN) == 1


@pytest.mark.parametrize("refused", [says(400, "ExpiredToken"), says(400, "InvalidToken"), says(401, "AuthMissing")])
async def test_a_session_that_ended_early_is_renewed_and_the_question_asked_again(
    sky: Sky, source: BlueskyConnector, refused: Respond
) -> None:
    sky.mention()
    cursor = (await source.fetch(None)).cursor
    sky.fail(NOTIFICATIONS, refused)

    page = await source.fetch(cursor)

    assert only(page).summons
    assert sky.count(LOGIN) == 2


async def test_a_session_near_its_end_is_renewed_without_the_password(sky: Sky, source: BlueskyConnector) -> None:
    sky.token_lasts = 60
    await source.fetch(None)

    await source.fetch(None)

    assert sky.count(LOGIN) == 1
    assert sky.count("com.atproto.server.refreshSession") > 0


async def test_a_session_that_cannot_be_refreshed_begins_anew_with_the_password(
    sky: Sky, source: BlueskyConnector
) -> None:
    sky.token_lasts = 60
    await source._server.us()
    sky.fail("com.atproto.server.refreshSession", says(400, "ExpiredToken"))

    await source.fetch(None)

    assert sky.count(LOGIN) == 2


async def test_a_session_that_is_refused_again_and_again_needs_a_person(sky: Sky, source: BlueskyConnector) -> None:
    sky.fail(NOTIFICATIONS, *[says(400, "ExpiredToken")] * 2)

    with pytest.raises(SourceDenied, match="app password"):
        await source.fetch(None)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says(401, "AuthenticationRequired"), SourceDenied),
        (says(401, "AuthFactorTokenRequired"), SourceDenied),
        (says(400, "AccountTakedown"), SourceDenied),
        (says(400, "InvalidRequest"), SourceChanged),
        (says(429, "RateLimitExceeded"), SourceLimited),
        (says(503, body="<html>"), SourceUnavailable),
        (says(200, body="<html>hello"), SourceChanged),
        (says(200, "what"), SourceChanged),
        (drop, SourceUnavailable),
    ],
)
async def test_a_log_in_that_fails_says_why(
    sky: Sky, source: BlueskyConnector, answer: Respond, kind: type[SourceError]
) -> None:
    sky.fail(LOGIN, answer)

    with pytest.raises(SourceError) as failed:
        await source.fetch(None)

    assert type(failed.value) is kind


async def test_a_wrong_password_is_said_without_saying_it(sky: Sky, open_source: Open) -> None:
    source = open_source(password="wr0ng-passw0rd")

    with pytest.raises(SourceDenied) as refused:
        await source.fetch(None)

    assert "wr0ng-passw0rd" not in f"{refused.value} {refused.value!r}"


@pytest.mark.parametrize("unsafe", ["http://elsewhere.example", "http://127.0.0.1:9", "ftp://town.example", "//", "x"])
async def test_a_session_does_not_travel_to_an_unsafe_server(sky: Sky, source: BlueskyConnector, unsafe: str) -> None:
    sky.endpoint = unsafe
    sky.mention()

    assert only(await source.fetch(None)).summons


async def test_the_whole_session_moves_to_the_server_that_keeps_the_account(
    sky: Sky, open_source: Open, unused_tcp_port: int
) -> None:
    source = open_source()
    sky.endpoint = f"https://127.0.0.1:{unused_tcp_port}"

    with pytest.raises(SourceUnavailable):
        await source.fetch(None)
    assert [name for name, _ in sky.asked] == [LOGIN]


# --- when the source fails


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says(429, "RateLimitExceeded"), SourceLimited),
        (says(403, "Forbidden"), SourceDenied),
        (says(400, "AccountDeactivated"), SourceDenied),
        (says(500, "InternalServerError"), SourceUnavailable),
        (says(502, "UpstreamFailure"), SourceUnavailable),
        (says(503, body="<html>busy</html>", content_type="text/html"), SourceUnavailable),
        (says(200, body="<html>hello</html>", content_type="text/html"), SourceChanged),
        (says(200, body='{"notifications": [', content_type="application/json"), SourceChanged),
        (says(200, body="[]", content_type="application/json"), SourceChanged),
        (says(200, body='{"notifications": {}}', content_type="application/json"), SourceChanged),
        (says(418, body="teapot"), SourceChanged),
        (says(302, body="", location="/elsewhere"), SourceUnavailable),
        (drop, SourceUnavailable),
    ],
)
async def test_every_failure_says_what_to_do_next(
    sky: Sky, source: BlueskyConnector, answer: Respond, kind: type[SourceError]
) -> None:
    sky.fail(NOTIFICATIONS, answer)

    with pytest.raises(SourceError) as failed:
        await source.fetch(None)

    assert type(failed.value) is kind
    assert "sky" in failed.value.happened


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"ratelimit_reset": str(int(NOW.timestamp()) + 90)}, timedelta(seconds=90)),
        ({"retry_after": "30"}, timedelta(seconds=30)),
        ({"ratelimit_reset": "99999999999"}, timedelta(days=1)),
        ({"ratelimit_reset": "9" * 30}, None),
        ({"ratelimit_reset": "soon"}, None),
        ({"retry_after": "1e300"}, timedelta(days=1)),
        ({"ratelimit_reset": "1"}, timedelta(0)),
        ({}, None),
    ],
)
async def test_the_wait_is_the_one_that_the_server_asks_for(
    sky: Sky, source: BlueskyConnector, headers: dict[str, str], wait: timedelta | None
) -> None:
    sky.fail(NOTIFICATIONS, says(429, "RateLimitExceeded", **headers))

    with pytest.raises(SourceLimited) as limited:
        await source.fetch(None)

    assert limited.value.retry_at == (None if wait is None else NOW + wait)


async def test_a_server_that_never_answers_is_given_up(
    sky: Sky, open_source: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.bluesky.server.TIMEOUT", 0.5)
    source, never = open_source(), asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    sky.fail(NOTIFICATIONS, hang)

    with pytest.raises(SourceUnavailable):
        await source.fetch(None)
    never.set()


# --- how a post may be answered


async def test_only_who_called_us_is_answered_by_api(source: BlueskyConnector) -> None:
    routes = [source.route(Post("bluesky", address(ANA), "bread", summons=summons)) for summons in (True, False)]

    assert [route.kind for route in routes] == [RouteKind.API, RouteKind.HANDOFF]
    assert {(limit.counter.value, limit.at_most) for limit in routes[0].limits} == {("graphemes", 300), ("bytes", 3000)}
    assert routes[0].limits == routes[1].limits


# --- answering


async def test_a_reply_stands_under_its_post_in_its_thread(sky: Sky, source: BlueskyConnector) -> None:
    root = {"uri": address(BEN, 900), "cid": "bafyroot"}
    reply = {"root": root, "parent": {"uri": address(BEN, 901), "cid": "bafyparent"}}
    post = await called(sky, source, reply=reply, langs=["pt"])

    receipt = await source.reply(post, "Desculpa 😞 @ana.example #pão https://crumb.example/menu", key="k-1")

    [asked] = [asked for name, asked in sky.asked if name == PUT]
    record, text = asked["record"], asked["record"]["text"].encode()
    assert (asked["repo"], asked["collection"], asked["swapRecord"]) == (BAKERY, "app.bsky.feed.post", None)
    assert record["reply"] == {"root": root, "parent": {"uri": post.external_id, "cid": "bafy0"}}
    assert (record["langs"], record["createdAt"]) == (["pt"], timestamp(NOW))
    marked = {
        text[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(): facet["features"]
        for facet in record["facets"]
    }
    assert marked["@ana.example"] == [{"$type": "app.bsky.richtext.facet#mention", "did": ANA}]
    assert set(marked) == {"@ana.example", "#pão", "https://crumb.example/menu"}
    assert receipt == Receipt(
        f"at://{BAKERY}/app.bsky.feed.post/{asked['rkey']}",
        f"https://bsky.app/profile/{BAKERY}/post/{asked['rkey']}",
        NOW,
    )


async def test_a_reply_to_a_first_post_has_it_for_its_root(sky: Sky, source: BlueskyConnector) -> None:
    post = await called(sky, source)

    await source.reply(post, "Sorry!", key="k-1")

    [record] = sky.records.values()
    assert record["reply"]["root"] == record["reply"]["parent"] == {"uri": post.external_id, "cid": "bafy0"}


async def test_the_same_reply_sent_twice_is_there_once(sky: Sky, source: BlueskyConnector) -> None:
    post = await called(sky, source)

    first, again = [await source.reply(post, "Sorry!", key="k-1") for _ in range(2)]

    assert len(sky.records) == 1
    assert first.external_id == again.external_id
    assert not sky.count("com.atproto.repo.createRecord")


async def test_a_reply_whose_answer_was_lost_is_there_once_when_sent_again(sky: Sky, source: BlueskyConnector) -> None:
    post = await called(sky, source)

    async def take_and_drop(request: web.Request) -> web.StreamResponse:
        sky._putRecord(await request.json())
        return await drop(request)

    sky.fail(PUT, take_and_drop)

    with pytest.raises(ReplyLost):
        await source.reply(post, "Sorry!", key="k-1")
    found = await source.find_reply(post, "k-1", "Sorry!")
    receipt = await source.reply(post, "Sorry!", key="k-1")

    assert found == Found(receipt)
    assert len(sky.records) == 1


@pytest.mark.parametrize("what", ["gone", "changed", "closed", "hidden"])
async def test_nothing_leaves_for_a_post_that_cannot_be_answered_any_more(
    sky: Sky, source: BlueskyConnector, what: str
) -> None:
    post = await called(sky, source)
    view = sky.posts[post.external_id]
    match what:
        case "gone":
            del sky.posts[post.external_id]
        case "changed":
            view["cid"] = "bafyother"
        case "closed":
            view["viewer"] = {"replyDisabled": True}
        case "hidden":
            view["labels"] = [{"val": "!hide"}]

    with pytest.raises(ReplyRefused):
        await source.reply(post, "Sorry!", key="k-1")

    assert not sky.count(PUT)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says(429, "RateLimitExceeded", ratelimit_reset=str(int(NOW.timestamp()) + 60)), ReplyDeferred),
        (says(400, "ExpiredToken"), ReplyDeferred),
        (says(401, "AuthMissing"), ReplyDeferred),
        (says(400, "InvalidRequest", "grapheme too big (maximum 300, got 301) at $.record.text"), ReplyTooLong),
        (says(400, "InvalidRequest", "Missing required key"), ReplyRefused),
        (says(403, "Forbidden"), ReplyRefused),
        (says(413, body="too large"), ReplyRefused),
        (says(500, "InternalServerError"), ReplyLost),
        (says(502, "UpstreamFailure"), ReplyLost),
        (says(504, body="<html>", content_type="text/html"), ReplyLost),
        (says(409, body="?"), ReplyLost),
        (says(200, body="{", content_type="application/json"), ReplyLost),
        (says(307, body="", location=f"/xrpc/{PUT}"), ReplyLost),
        (drop, ReplyLost),
    ],
)
async def test_every_outcome_of_a_reply_is_told_apart_and_only_one_request_leaves(
    sky: Sky, source: BlueskyConnector, answer: Respond, kind: type[ReplyError]
) -> None:
    post = await called(sky, source)
    sky.fail(PUT, answer)

    with pytest.raises(ReplyError) as failed:
        await source.reply(post, "Sorry!", key="k-1")

    assert type(failed.value) is kind
    assert sky.count(PUT) == 1


async def test_a_deferred_reply_waits_as_long_as_the_server_asks(sky: Sky, source: BlueskyConnector) -> None:
    post = await called(sky, source)
    sky.fail(PUT, says(429, "RateLimitExceeded", ratelimit_reset=str(int(NOW.timestamp()) + 60)))

    with pytest.raises(ReplyDeferred) as deferred:
        await source.reply(post, "Sorry!", key="k-1")

    assert deferred.value.retry_at == NOW + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says(429, "RateLimitExceeded"), ReplyDeferred),
        (says(500, "InternalServerError"), ReplyDeferred),
        (says(200, body="[]", content_type="application/json"), ReplyDeferred),
        (says(403, "Forbidden"), ReplyRefused),
        (drop, ReplyDeferred),
    ],
)
async def test_nothing_leaves_while_the_post_cannot_be_looked_at(
    sky: Sky, source: BlueskyConnector, answer: Respond, kind: type[ReplyError]
) -> None:
    post = await called(sky, source)
    sky.fail(GET_POSTS, answer)

    with pytest.raises(ReplyError) as failed:
        await source.reply(post, "Sorry!", key="k-1")

    assert type(failed.value) is kind
    assert not sky.count(PUT)


async def test_a_reply_that_cannot_even_leave_is_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    sky = Sky()

    async def last_answer(request: web.Request) -> web.Response:
        await site.stop()  # nobody listens from here on
        _, body = sky._getPosts(request.query)
        response = web.json_response(body)
        response.force_close()
        return response

    sky.fail(GET_POSTS, last_answer)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", sky.respond)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    monkeypatch.setenv("BLUESKY_PASSWORD", SECRET)
    options = {"handle": "bakery.example", "app_password": {"env": "BLUESKY_PASSWORD"}}
    async with serve(sky.respond) as found:
        address_now = "http://{}:{}".format(*runner.addresses[0][:2])
        table = BlueskySettings.model_validate(options | {"server": address_now})
        source = BlueskyConnector(table, found.around)
        post = await called(sky, source)

        with pytest.raises(ReplyDeferred, match="could not be reached"):
            await source.reply(post, "Sorry!", key="k-1")
        await source.close()
    await runner.cleanup()

    assert not sky.count(PUT)


# --- was it sent?


async def test_a_colleagues_answer_is_found_whatever_it_says(sky: Sky, source: BlueskyConnector) -> None:
    post = await called(sky, source)
    other = {"parent": {"uri": address(BEN)}}
    sky.post(BAKERY, "elsewhere", reply=other)
    answer = sky.post(BAKERY, "We are so sorry", reply={"parent": {"uri": post.external_id}})

    found = await source.find_reply(post, "k-1", "Sorry!")

    assert isinstance(found, Found)
    assert found.receipt.external_id == answer["uri"]


async def test_without_an_answer_of_ours_nothing_is_found(sky: Sky, source: BlueskyConnector) -> None:
    post = await called(sky, source)
    sky.post(BEN, "me too", reply={"parent": {"uri": post.external_id}})

    assert await source.find_reply(post, "k-1", "Sorry!") == Absent()


async def test_under_a_post_that_is_gone_nothing_is_found(sky: Sky, source: BlueskyConnector) -> None:
    post = await called(sky, source)
    sky.posts.clear()

    assert await source.find_reply(post, "k-1", "Sorry!") == Absent()


@pytest.mark.parametrize("question", [GET_RECORD, THREAD])
@pytest.mark.parametrize(
    "answer", [says(500, "InternalServerError"), says(400, "InvalidRequest"), says(200, body="<html>"), drop]
)
async def test_a_look_that_fails_proves_nothing(
    sky: Sky, source: BlueskyConnector, question: str, answer: Respond
) -> None:
    post = await called(sky, source)
    sky.fail(question, answer)

    assert isinstance(await source.find_reply(post, "k-1", "Sorry!"), Unsure)


# --- after a reply, and after a while


async def test_a_reply_is_visible_once_the_network_shows_it(sky: Sky, source: BlueskyConnector) -> None:
    post = await called(sky, source)
    receipt = await source.reply(post, "Sorry!", key="k-1")

    before = await source.status(receipt)
    sky.posts[receipt.external_id] = sky.post(BAKERY, "Sorry!") | {"uri": receipt.external_id}
    after = await source.status(receipt)

    assert (before, after) == (Status(Visibility.PENDING), Status(Visibility.VISIBLE))


@pytest.mark.parametrize("what", ["deleted", "never shown", "taken down"])
async def test_a_reply_that_nobody_can_see_is_said(sky: Sky, source: BlueskyConnector, what: str) -> None:
    receipt = await source.reply(await called(sky, source), "Sorry!", key="k-1")
    match what:
        case "deleted":
            sky.records.clear()
        case "never shown":
            receipt = replace(receipt, at=NOW - timedelta(days=2))
        case "taken down":
            view = sky.post(BAKERY, "Sorry!") | {"uri": receipt.external_id, "labels": [{"val": "!takedown"}]}
            sky.posts[receipt.external_id] = view

    status = await source.status(receipt)

    assert status.visibility is Visibility.REFUSED
    assert status.reason.endswith(".")


async def test_edited_deleted_and_hidden_posts_are_seen_again(sky: Sky, source: BlueskyConnector) -> None:
    kept, edited, deleted, hidden, broken = (sky.mention(text=f"@bakery.example {n}") for n in range(5))
    edited["record"]["text"], edited["cid"] = "@bakery.example edited", "bafyother"
    del sky.posts[deleted["uri"]]
    hidden["labels"] = [{"val": "!hide"}]
    del broken["record"]

    standing = await source.recheck([view["uri"] for view in (kept, edited, deleted, hidden, broken)])

    assert [(post.text, post.context["cid"]) for post in standing if isinstance(post, Post)] == [
        ("@bakery.example 0", kept["cid"]),
        ("@bakery.example edited", "bafyother"),
    ]
    assert [(post.external_id, post.reason) for post in standing if isinstance(post, Gone)] == [
        (deleted["uri"], "deleted or hidden from us"),
        (hidden["uri"], "Moderators hide it (!hide)."),
    ]


async def test_a_hundred_posts_are_looked_at_25_at_a_time(sky: Sky, source: BlueskyConnector) -> None:
    views = [sky.mention() for _ in range(60)]

    standing = await source.recheck([view["uri"] for view in views])

    assert [post.external_id for post in standing] == [view["uri"] for view in views]
    assert sky.count(GET_POSTS) == 3


@pytest.mark.parametrize("answer", [says(500, "InternalServerError"), says(200, body='{"posts": 1}'), drop])
async def test_a_server_in_trouble_does_not_make_posts_gone(
    sky: Sky, source: BlueskyConnector, answer: Respond
) -> None:
    view = sky.mention()
    sky.fail(GET_POSTS, answer)

    with pytest.raises(SourceError):
        await source.recheck([view["uri"]])


# --- the stream


def event(did: str, text: str = "", *, seq: int = 1, operation: str = "create", **record: Any) -> dict[str, Any]:
    """One commit as Jetstream sends it; every post has its number for a key."""
    commit = {
        "$type": "network.bsky.jetstream.subscribeEvents#commit",
        "seq": seq,
        "did": did,
        "time": timestamp(NOW),
        "rev": "3lqk4aaaaaa22",
        "operation": operation,
        "collection": "app.bsky.feed.post",
        "rkey": address(did).rpartition("/")[2],
    }
    whole = {"$type": "app.bsky.feed.post", "text": text, "createdAt": timestamp(NOW)} | record
    return commit | ({} if operation == "delete" else {"cid": f"bafy{seq}", "record": whole})


def tail(*frames: Any, asked: list[Any] | None = None) -> Respond:
    """A Jetstream that sends these frames, then closes the connection properly."""

    async def respond(request: web.Request) -> web.WebSocketResponse:
        if asked is not None:
            asked.append(request.query)
        socket = web.WebSocketResponse(protocols=["xrpc.v1.json"])
        await socket.prepare(request)
        for frame in frames:
            is_event = isinstance(frame, dict) and "seq" in frame
            await socket.send_json({"$type": "message", "payload": frame} if is_event else frame)
        await socket.close()
        return socket

    return respond


def open_stream(open_source: Open, **options: Any) -> StreamingBluesky:
    source = open_source(stream=True, **options)
    assert isinstance(source, StreamingBluesky)
    return source


async def test_what_concerns_us_is_heard_as_it_is_written(sky: Sky, open_source: Open) -> None:
    asked: list[Any] = []
    source = open_stream(open_source, search=["Crumb & Co"], hashtags=["bread"])
    mention = {"features": [{"$type": "app.bsky.richtext.facet#mention", "did": BAKERY}]}
    sky.tail = tail(
        event(BEN, "trains", seq=7),
        event(ANA, "I love CRUMB & CO", seq=8, langs=["en"]),
        event(BEN, "fresh #Bread", seq=9),
        event(ANA, "@bakery.example hi", seq=10, facets=[mention | {"index": {"byteStart": 0, "byteEnd": 15}}]),
        asked=asked,
    )

    pages = [page async for page in source.stream(None)]

    posts = [only(page) for page in pages]
    assert [(post.text, post.summons) for post in posts] == [
        ("I love CRUMB & CO", False),
        ("fresh #Bread", False),
        ("@bakery.example hi", True),
    ]
    assert posts[0].author == Author(ANA, "ana.example", "Ana", f"https://bsky.app/profile/{ANA}")
    assert posts[0].language == "en"
    assert [page.cursor for page in pages] == [None] * 3
    assert (asked[0].getall("kinds"), asked[0].getall("collections")) == (["commit"], ["app.bsky.feed.post"])
    assert "cursor" not in asked[0]


async def test_a_stream_and_a_search_tell_of_a_post_alike(sky: Sky, open_source: Open) -> None:
    source = open_stream(open_source, search=["bread"])
    sky.tail = tail(event(ANA, "bread", seq=8))
    view = sky.post(ANA, "bread", ago=0)
    view["cid"], view["author"]["displayName"] = "bafy8", "Ana"

    streamed = [only(page) async for page in source.stream(None)]

    assert streamed == [only(await source.fetch(None))]


async def test_a_post_is_heard_though_its_author_cannot_be_looked_up(sky: Sky, open_source: Open) -> None:
    source = open_stream(open_source, search=["bread"])
    sky.fail("app.bsky.actor.getProfile", says(500, "InternalServerError"))
    sky.tail = tail(event(ANA, "bread"))

    [page] = [page async for page in source.stream(None)]

    assert only(page).author == Author(ANA, "", "", f"https://bsky.app/profile/{ANA}")


async def test_an_overwritten_post_is_an_edit_and_a_deleted_one_is_gone(sky: Sky, open_source: Open) -> None:
    source = open_stream(open_source, search=["bread"])
    sky.tail = tail(
        event(BEN, operation="delete", seq=1),
        event(ANA, "bread", seq=2),
        event(ANA, "old bread", seq=3, operation="update"),
        event(ANA, operation="delete", seq=4),
    )

    pages = [page async for page in source.stream(None)]

    heard = [post for page in pages for post in page.posts]
    assert [(post.text, post.edited_at) for post in heard if isinstance(post, Post)] == [
        ("bread", None),
        ("old bread", NOW),
    ]
    assert heard[-1] == Gone("bluesky", address(ANA))
    assert len(heard) == 3


async def test_a_stream_goes_on_where_the_last_stored_page_was(sky: Sky, open_source: Open) -> None:
    asked: list[Any] = []
    source = open_stream(open_source, search=["bread"])
    sky.tail = tail(event(ANA, "bread", seq=41), event(ANA, "more bread", seq=42), asked=asked)
    async with aclosing(source.stream(None)) as pages:  # type: ignore[type-var]
        await anext(pages)
        await anext(pages)  # asking for it says that the first one is stored; the second one is not

    cursor = (await source.fetch(None)).cursor
    another = open_stream(open_source, search=["bread"])
    again = [only(page) async for page in another.stream(cursor)]

    assert cursor is not None
    assert cursor["stream"] == {"seq": 41, "at": timestamp(NOW)}
    assert [dict(query).get("cursor") for query in asked] == [None, "41"]
    assert [post.text for post in again] == ["bread", "more bread"]


async def test_a_poll_keeps_the_streams_place_while_nothing_streams(sky: Sky, open_source: Open) -> None:
    source = open_stream(open_source)
    place = {"seq": 41, "at": timestamp(NOW)}

    page = await source.fetch({"stream": place})

    assert page.cursor is not None
    assert page.cursor["stream"] == place


async def test_a_stream_that_no_longer_reaches_back_says_so_and_goes_on_now(sky: Sky, open_source: Open) -> None:
    asked: list[Any] = []
    source = open_stream(open_source, search=["bread"])
    sky.tail = tail(event(ANA, "bread", seq=9000), asked=asked)
    sky.fail("network.bsky.jetstream.subscribeEvents", says(400, "CursorTooOld", "floor is 8000"))
    long_ago = NOW - timedelta(days=3)

    pages = [page async for page in source.stream({"stream": {"seq": 41, "at": timestamp(long_ago)}})]

    [gap] = pages[0].gaps
    assert (gap.since, gap.until, pages[0].posts) == (long_ago, NOW, [])
    assert only(pages[1]).text == "bread"
    assert [dict(query).get("cursor") for query in asked] == [None]


@pytest.mark.parametrize(
    "odd",
    [
        {"$type": "message", "payload": {"$type": "network.bsky.jetstream.subscribeEvents#new", "seq": 1}},
        {"$type": "message", "payload": {"$type": "network.bsky.jetstream.subscribeEvents#info", "name": "x"}},
        {"$type": "other"},
        [],
        event(ANA, "bread") | {"record": {"$type": "app.bsky.feed.post", "text": 5, "facets": "bread", "langs": 1}},
        event(ANA, "bread") | {"record": {"text": "bread", "facets": [3, {"features": 5}], "tags": [1, None]}},
        event(ANA, "bread") | {"record": {"text": "bread"}, "time": "yesterday"},
    ],
)
async def test_odd_frames_do_not_end_a_stream(sky: Sky, open_source: Open, odd: Any) -> None:
    source = open_stream(open_source, search=["bread"])
    sky.tail = tail(odd, event(BEN, "bread bread", seq=50))

    pages = [page async for page in source.stream(None)]

    assert only(pages[-1]).text == "bread bread"


async def test_a_stream_that_is_refused_is_said_to(sky: Sky, open_source: Open) -> None:
    source = open_stream(open_source)
    sky.tail = says(400, "InvalidRequest")

    with pytest.raises(SourceUnavailable, match="stream"):
        await anext(source.stream(None))


async def test_a_stream_that_has_gone_quiet_is_given_up(
    sky: Sky, open_source: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.bluesky.streaming.QUIET", 0.3)
    source, never = open_stream(open_source), asyncio.Event()

    async def silent(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["xrpc.v1.json"])
        await socket.prepare(request)
        await never.wait()
        return socket

    sky.tail = silent

    with pytest.raises(SourceUnavailable, match="quiet"):
        await anext(source.stream(None))
    never.set()


async def test_a_stream_ends_cleanly_when_the_source_is_closed(sky: Sky, open_source: Open) -> None:
    source, never = open_stream(open_source, search=["bread"]), asyncio.Event()

    async def endless(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["xrpc.v1.json"])
        await socket.prepare(request)
        await socket.send_json({"$type": "message", "payload": event(ANA, "bread")})
        async for _ in socket:
            pass
        return socket

    sky.tail = endless

    pages = []
    async for page in source.stream(None):
        pages.append(page)
        await source.close()
    never.set()

    assert len(pages) == 1


def test_a_source_streams_only_where_it_is_told_to(open_source: Open) -> None:
    polled, streamed = (open_source(stream=stream) for stream in (False, True))

    assert (isinstance(polled, Streamer), isinstance(streamed, Streamer)) == (False, True)
    assert isinstance(polled, Replier)


@pytest.mark.parametrize(
    ("record", "caught"),
    [
        ({"text": "the CRUMB is mine"}, True),
        ({"text": "crumbs of a trail"}, True),
        ({"text": "a mine of stone"}, False),
        ({"text": "Fresh Bread Day"}, True),
        ({"text": "a day of fresh bread"}, False),
        ({"text": "nothing", "tags": ["Bun"]}, True),
        ({"text": "nothing", "facets": [{"features": [{"tag": "BUN"}]}]}, True),
        ({"text": "nothing", "reply": {"parent": {"uri": address(BAKERY)}}}, True),
        ({"text": "nothing"}, False),
        ({}, False),
    ],
)
def test_the_sieve_lets_through_what_may_concern_us(record: dict[str, Any], caught: bool) -> None:
    options = {"handle": "bakery.example", "app_password": {"env": "X"}, "hashtags": ["bun"]}
    terms = ["crumb -stone from:ana.example", '"fresh bread day"', "-only lang:de"]
    wanted = Wanted(BlueskySettings.model_validate(options | {"search": terms}))

    assert wanted.catches(record, Us(BAKERY)) is caught


# --- settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"server": "http://bsky.social"},
        {"server": "https://bsky.social/xrpc"},
        {"server": "https://user:secret@bsky.social"},
        {"jetstream": "ws://jetstream.example"},
        {"jetstream": "https://jetstream.example"},
        {"handle": "bakery"},
        {"handle": "bakery@example.org"},
        {"app_password": "abcd-efgh-ijkl-mnop"},
        {"hashtags": ["two words"]},
        {"search": ["x"]},
        {"hashtag": ["bread"]},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    good = {"handle": "@Bakery.Example", "app_password": {"env": "X"}, "hashtags": ["#bread"]}

    read = BlueskySettings.model_validate(good)

    assert (read.handle, read.hashtags, read.server) == ("bakery.example", ("bread",), "https://bsky.social")
    with pytest.raises(ValidationError):
        BlueskySettings.model_validate(good | wrong)


def test_a_missing_password_is_said_before_anything_is_asked(open_source: Open) -> None:
    with pytest.raises(ConfigError, match="BLUESKY_PASSWORD"):
        open_source(password="")


# --- reading and writing what the network keeps, without it


def test_what_a_notification_says_is_read_whole() -> None:
    items = json.loads((FIXTURES / "notifications.json").read_text(encoding="utf-8"))["notifications"]

    parsed = parse(items, Us(BAKERY, "bakery.example"))

    assert parsed.faults == []
    mention, quote = parsed.posts
    assert mention.text == "😞 @bakery.example the loaf, see https://town.example/p/2026/burnt and shop.example/lo..."
    assert (mention.language, mention.context["labels"]) == ("pt", ["graphic-media", "rude"])
    assert mention.author == Author(ANA, "ana.example", "Ana Lopes", f"https://bsky.app/profile/{ANA}")
    assert quote.author == Author(BEN, "", "", f"https://bsky.app/profile/{BEN}")
    assert (quote.summons, quote.language) == (True, "")
    assert quote.posted_at == datetime(2026, 6, 2, 9, 2, tzinfo=UTC)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["text", "facets", "index", "byteStart", "features", "uri", "val", "values", "langs"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(
    record=st.dictionaries(st.sampled_from(["text", "createdAt", "langs", "facets", "labels", "reply"]), anything),
    more=st.dictionaries(
        st.sampled_from(["indexedAt", "labels", "author", "cid", "reason", "record", "uri"]), anything
    ),
)
@settings(max_examples=300, deadline=None)
def test_whatever_an_item_is_it_becomes_a_post_or_a_fault(record: Any, more: dict[str, Any]) -> None:
    view = {"uri": address(ANA), "cid": "bafy", "author": {"did": ANA}, "record": {"text": ""} | record} | more

    posts, faults = parse([view], Us(BAKERY))

    assert len(posts) + len(faults) == ("reason" not in more)
    assert all(fault.reason and len(fault.sample) <= 2000 for fault in faults)


@given(text=st.text(max_size=60), start=st.integers(-5, 80), stop=st.integers(-5, 80))
def test_no_facet_breaks_a_text(text: str, start: int, stop: int) -> None:
    facet = {"index": {"byteStart": start, "byteEnd": stop}, "features": [{"uri": "https://a.example"}]}

    assert isinstance(readable(text, [facet]), str)


@given(before=st.text(max_size=30), after=st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_a_mention_of_the_author_is_marked_by_its_bytes(before: str, after: str) -> None:
    text = f"{before} @ana.example {after}"

    found = facets(text, Author(ANA, "ana.example"))

    marked = [
        text.encode()[facet["index"]["byteStart"] : facet["index"]["byteEnd"]]
        for facet in found
        if facet["features"][0].get("did") == ANA
    ]
    assert b"@ana.example" in marked
    assert set(marked) == {b"@ana.example"}


def test_nobody_but_the_author_is_called_by_a_reply() -> None:
    assert facets("@ben.example said so", Author(ANA, "ana.example")) == []
    assert facets("@ben.example said so", None) == []


@given(key=st.text(min_size=1), other=st.uuids().map(str), after=st.text("234567abcdefghij", min_size=1, max_size=1))
@example(key="k", other="l", after="j")
def test_a_record_key_follows_from_delivery_and_post_alone(key: str, other: str, after: str) -> None:
    post = f"at://{ANA}/app.bsky.feed.post/{after}zzzzzzzzzzzz"

    mine = record_key(key, post)

    assert mine == record_key(key, post)
    assert len(mine) == 13
    assert mine[0] in ALPHABET[:16]
    assert set(mine) <= set(ALPHABET)
    assert other == key or record_key(other, post) != mine


def test_a_record_key_reads_as_a_moment_soon_after_the_post() -> None:
    assert address(ANA) < f"at://{ANA}/app.bsky.feed.post/{record_key('k-1', address(ANA))}"
    assert record_key("k-1", address(ANA))[:3] == "3lq"
    assert len(record_key("k-1", f"at://{ANA}/app.bsky.feed.post/self")) == 13


# --- what the real servers said


def recorded(shared: Path) -> Iterator[tuple[str, dict[str, Any], int, Any]]:
    """Every recorded exchange: its file, the request, and the answer's status and JSON."""
    for file in sorted((shared / "platforms/bluesky/recorded-pds").glob("*.json")):
        for exchange in json.loads(file.read_text(encoding="utf-8"))["interactions"]:
            answer = exchange["response"]
            body = answer["body"]["string"]
            yield file.name, exchange["request"], answer["status"]["code"], json.loads(body) if body else {}


def test_every_recorded_post_is_read(shared: Path) -> None:
    answers = [body for _, _, status, body in recorded(shared) if status == 200]
    items = [item for body in answers for item in (*body.get("posts", ()), *body.get("notifications", ()))]

    posts, faults = parse(items, Us("did:plc:qfqsx4z6g3bbrcsatdgqvdzg"))

    words = [item for item in items if item["record"].get("$type") == "app.bsky.feed.post"]
    told = [item for item in words if item.get("reason", "mention") in {"mention", "reply", "quote"}]
    assert faults == []
    assert len(posts) == len(told) > 80
    assert {post.summons for post in posts} == {True, False}


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("reply_301_graphemes_400.json", ReplyTooLong),
        ("reply_over_3000_bytes_400.json", ReplyTooLong),
        ("reply_missing_createdAt_400.json", ReplyRefused),
        ("reply_create_same_rkey_500.json", ReplyLost),
        ("write_invalid_token.json", ReplyDeferred),
        ("reply_put_swap_null_conflict_400.json", None),
    ],
)
async def test_the_real_servers_refusals_are_understood(
    shared: Path, sky: Sky, source: BlueskyConnector, file: str, kind: type[ReplyError] | None
) -> None:
    [(status, body)] = [(status, body) for name, _, status, body in recorded(shared) if name == file]
    post = await called(sky, source)
    sky.fail(PUT, says(status, body=json.dumps(body), content_type="application/json"))

    try:
        outcome: Any = await source.reply(post, "Sorry!", key="k-1")
    except ReplyError as error:
        outcome = error

    assert type(outcome) is (kind or Receipt)


async def test_the_real_servers_wait_is_understood(shared: Path, sky: Sky, source: BlueskyConnector) -> None:
    [body] = [body for name, _, status, body in recorded(shared) if (name[:5], status) == ("login", 429)]
    sky.fail(LOGIN, says(429, **body, ratelimit_reset=str(int(NOW.timestamp()) + 300), ratelimit_policy="30;w=300"))

    with pytest.raises(SourceLimited) as limited:
        await source.fetch(None)

    assert limited.value.retry_at == NOW + timedelta(seconds=300)


async def test_the_recorded_stream_is_heard(shared: Path, sky: Sky, open_source: Open) -> None:
    lines = (shared / "platforms/bluesky/jetstream/v2.jsonl").read_text(encoding="utf-8").splitlines()
    frames = [json.loads(line) for line in lines]
    source = open_stream(open_source, search=["northside bakery"])
    sky.fail("app.bsky.actor.getProfile", *[says(500, "InternalServerError")] * 9)
    sky.tail = tail(*frames[:-1])  # the last one tells of a slow reader, on which the library comes again

    heard = [post async for page in source.stream(None) for post in page.posts]

    assert [type(post).__name__ for post in heard] == ["Post", "Post", "Gone", "Post", "Post"]


def test_keys_of_ours_have_the_shape_that_the_network_asks_for(shared: Path) -> None:
    lines = (shared / "platforms/bluesky/syntax-interop/tid_syntax_valid.txt").read_text(encoding="utf-8").splitlines()
    valid = [line for line in lines if line and not line.startswith("#")]

    keys = [record_key("k-1", f"at://{ANA}/app.bsky.feed.post/{tid}") for tid in valid]

    assert all(len(key) == 13 and key > tid for key, tid in zip(keys, valid, strict=True))


def test_lengths_are_counted_as_the_server_counts_them(shared: Path, source: BlueskyConnector) -> None:
    texts = {
        name: json.loads(request["body"])["record"]["text"]
        for name, request, status, _ in recorded(shared)
        if request["uri"].endswith(PUT) and name.startswith("reply_") and status in {200, 400}
    }
    limits = source.route(Post("bluesky", address(ANA), "")).limits

    too_long = {
        name for name, text in texts.items() if any(length(text, limit.counter) > limit.at_most for limit in limits)
    }

    assert too_long == {"reply_301_graphemes_400.json", "reply_over_3000_bytes_400.json"}
