"""X, against a real HTTP server that keeps posts as X does, names its prices by what it gives, and fails on demand."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from hypothesis import given, settings
from hypothesis import strategies as st
from oauthlib.common import Request as SignedRequest
from oauthlib.oauth1.rfc5849 import signature
from pydantic import ValidationError
from yarl import URL

from config.errors import ConfigError
from connectors.base import (
    Absent,
    Cursor,
    Fault,
    Found,
    Gone,
    Page,
    Post,
    Replier,
    RouteKind,
    Surroundings,
    Target,
    Unsure,
    Visibility,
)
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
from connectors.lengths import Counter
from connectors.x import CONNECTOR
from connectors.x.connector import X
from connectors.x.costs import LINKED_REPLY, OWN, POST, REPLY, USER
from connectors.x.parsing import Turn, gone, parse
from connectors.x.rounds import LOOK_BACK, WINDOW, Mark, attempts
from connectors.x.settings import XSettings
from tests.conftest import NOW
from tests.connectors.loopback import HASTY, says, serve
from tests.servers import free_port

FIXTURES = Path(__file__).with_name("fixtures") / "x"
SECRETS = {
    "X_API_KEY": "the-key",
    "X_API_KEY_SECRET": "key-s3cret",
    "X_TOKEN": "42-the-token",
    "X_TOKEN_SECRET": "token-s3cret",
}
TABLE = {
    "account": "@crumbandco",
    "api_key": {"env": "X_API_KEY"},
    "api_key_secret": {"env": "X_API_KEY_SECRET"},
    "access_token": {"env": "X_TOKEN"},
    "access_token_secret": {"env": "X_TOKEN_SECRET"},
}
BROKEN_STATUSES = [500, 502, 503, 504, 408]
Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeX:
    """X as its documentation tells: newest posts first, since_id, start_time, pages, and errors for what is gone."""

    def __init__(self) -> None:
        self.mentions: list[dict[str, Any]] = []
        self.found: list[dict[str, Any]] = []
        self.own: list[dict[str, Any]] = []
        self.page = 100
        self.asked: list[web.Request] = []
        self.failures: list[Respond] = []
        self.oldest_since = 0

    async def respond(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.asked.append(request)
        if self.failures:
            return await self.failures.pop(0)(request)
        if request.method == "POST":
            return await self._publish(request)
        lists = {
            "/2/users/42/mentions": self.mentions,
            "/2/tweets/search/recent": self.found,
            "/2/users/42/tweets": self.own,
        }
        if request.path in lists:
            return self._listed(request, lists[request.path])
        return self._looked_up(request.query["ids"].split(","))

    def _listed(self, request: web.Request, posts: list[dict[str, Any]]) -> web.Response:
        asked = request.query
        since, start = int(asked.get("since_id", 0)), asked.get("start_time", "")
        if since < self.oldest_since and "since_id" in asked:
            return web.json_response({"title": "Invalid Request", "errors": [{"message": "since_id"}]}, status=400)
        newer = [
            post for post in sorted(posts, key=lambda post: -int(post["id"]))
            if int(post["id"]) > since and post["created_at"] >= start
        ]  # fmt: skip
        offset = int(asked.get("pagination_token") or asked.get("next_token") or 0)
        shown = newer[offset : offset + self.page]
        meta: dict[str, Any] = {"result_count": len(shown)}
        if shown:
            meta |= {"newest_id": shown[0]["id"], "oldest_id": shown[-1]["id"]}
        if offset + self.page < len(newer):
            meta["next_token"] = str(offset + self.page)
        answer: dict[str, Any] = {"meta": meta} | ({"data": shown} if shown else {})
        if "expansions" in asked and shown:
            ids = sorted({post["author_id"] for post in shown})
            answer["includes"] = {"users": [{"id": each, "username": f"u{each}", "name": "Ana"} for each in ids]}
        return web.json_response(answer)

    def _looked_up(self, ids: list[str]) -> web.Response:
        known = {post["id"]: post for post in (*self.mentions, *self.found, *self.own)}
        data = [known[each] for each in ids if each in known]
        kind = "https://api.twitter.com/2/problems/resource-not-found"
        errors = [{"value": each, "resource_id": each, "type": kind} for each in ids if each not in known]
        return web.json_response(({"data": data} if data else {}) | ({"errors": errors} if errors else {}))

    async def _publish(self, request: web.Request) -> web.Response:
        told = await request.json()
        parent = told["reply"]["in_reply_to_tweet_id"]
        self.own.append(post(900 + len(self.own), told["text"], author="42", answers=parent))
        return web.json_response({"data": {"id": self.own[-1]["id"], "text": told["text"]}}, status=201)

    @property
    def published(self) -> list[web.Request]:
        return [request for request in self.asked if request.method == "POST"]


def post(
    number: int, text: str = "@crumbandco hi", author: str = "7", answers: str = "", **more: Any
) -> dict[str, Any]:
    """A post as X shows it; numbers rise with time."""
    at = NOW - timedelta(minutes=30) + timedelta(seconds=number)
    named = [{"username": "crumbandco", "id": "42"}] if "@crumbandco" in text else []
    parent = {"referenced_tweets": [{"type": "replied_to", "id": answers}]} if answers else {}
    return {
        "id": str(number),
        "text": text,
        "author_id": author,
        "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "edit_history_tweet_ids": [str(number)],
        "entities": {"mentions": named},
        **parent,
        **more,
    }


class Rerouted:
    """The shared session, which reaches the test server where tweepy names X's own host."""

    def __init__(self, session: Any, base: str) -> None:
        self._session, self._base = session, base

    @asynccontextmanager
    async def request(self, method: str, url: Any, **more: Any) -> AsyncIterator[ClientResponse]:
        asked = URL(url)
        assert (asked.scheme, asked.host) == ("https", "api.twitter.com")
        async with self._session.request(method, URL(self._base + asked.raw_path_qs, encoded=True), **more) as answer:
            yield answer


class Clock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server() -> FakeX:
    return FakeX()


Open = Callable[..., X]


@pytest.fixture
async def open_source(server: FakeX, secrets: None, clock: Clock) -> AsyncIterator[Open]:
    async with serve(server.respond, patience=HASTY) as web_:

        def build(base: str = web_.base, **options: Any) -> X:
            around = Surroundings("x", Rerouted(web_.around.session, base), clock, Path())  # type: ignore[arg-type]
            connector = CONNECTOR.build(CONNECTOR.settings.model_validate(TABLE | options), around)
            assert isinstance(connector, X)
            return connector

        yield build


@pytest.fixture
def source(open_source: Open) -> X:
    return open_source()


async def poll(source: X, cursor: Cursor | None = None) -> tuple[list[Page], Cursor]:
    """Pages until there is no more, as the poller reads them; cursors pass through JSON as in the store."""
    pages = []
    while True:
        pages.append(await source.fetch(cursor))
        cursor = json.loads(json.dumps(pages[-1].cursor))
        assert cursor is not None
        if not pages[-1].more:
            return pages, cursor


def ids(pages: list[Page]) -> list[str]:
    return [post.external_id for page in pages for post in page.posts]


def target(external_id: str = "10", *versions: str) -> Target:
    context = {"versions": list(versions)} if versions else {}
    return Target("x", external_id, "@crumbandco", context=context)


def status(code: int, body: Any = None, **headers: str) -> Respond:
    return says(json.dumps(body or {"title": "x"}), code, Content_Type="application/json", **headers)


PAGE_FOR_PEOPLE = says("<html>Over capacity</html>", 503, Content_Type="text/html")


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def break_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"data": [')
    assert request.transport is not None
    request.transport.close()
    return response


async def say_nothing(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b" ")
    assert request.transport is not None
    while not request.transport.is_closing():  # noqa: ASYNC110 – aiohttp tells nobody when a client leaves
        await asyncio.sleep(0.02)
    return response


# --- hearing


async def test_mentions_and_search_results_are_heard_oldest_first(server: FakeX, open_source: Open) -> None:
    server.mentions = [post(2), post(1)]
    server.found = [post(3, "Crumb & Co is fine")]

    pages, _ = await poll(open_source(query='"Crumb & Co"'))

    assert [[post.external_id for post in page.posts] for page in pages] == [["1", "2"], ["3"]]


async def test_who_called_us_is_known_by_name_and_others_are_not_paid_for(server: FakeX, open_source: Open) -> None:
    server.mentions, server.found = [post(1, author="7")], [post(2, "Crumb & Co", author="8")]

    pages, _ = await poll(open_source(query="crumb"))

    authors = [post.author for page in pages for post in page.posts if isinstance(post, Post)]
    assert [(author.handle, author.name) for author in authors if author] == [("u7", "Ana"), ("", "")]
    assert [request.query.get("expansions") for request in server.asked] == ["author_id", None]


async def test_the_search_leaves_out_retweets_and_ourselves(server: FakeX, open_source: Open) -> None:
    await poll(open_source(query="crumb OR krume"))

    assert server.asked[-1].query["query"] == "(crumb OR krume) -is:retweet -from:crumbandco"


async def test_every_question_is_signed_so_that_x_accepts_it(server: FakeX, open_source: Open) -> None:
    query = "\"Crumb & Co\" OR #brötchen OR (rolls from:a_b) OR 50% 'off' + ~x"

    await poll(open_source(query=query))

    for request in server.asked:
        url = f"https://api.twitter.com{request.raw_path}"
        signed = SignedRequest(url, "GET", None, {"Authorization": request.headers["Authorization"]})
        claims = signature.collect_parameters(headers=signed.headers, exclude_oauth_signature=False)
        signed.params = signature.collect_parameters(uri_query=URL(url).raw_query_string, headers=signed.headers)
        signed.signature = dict(claims)["oauth_signature"]
        assert signature.verify_hmac_sha1(signed, "key-s3cret", "token-s3cret")


async def test_a_post_is_heard_once_over_many_pages_and_polls(server: FakeX, source: X) -> None:
    server.page = 3
    server.mentions = [post(number) for number in range(1, 8)]
    first, cursor = await poll(source)
    server.mentions += [post(number) for number in range(8, 16)]

    second, _ = await poll(source, cursor)

    assert sorted(map(int, ids(first))) == list(range(1, 8))
    assert sorted(map(int, ids(second))) == list(range(8, 16))


async def test_a_round_keeps_its_start_until_its_last_page_is_stored(server: FakeX, source: X) -> None:
    _, cursor = await poll(source)
    server.mentions = [post(1)]
    _, cursor = await poll(source, cursor)
    server.page = 2
    server.mentions += [post(number) for number in range(2, 7)]

    first = await source.fetch(cursor)
    server.mentions.append(post(7))  # comes while the round is under way
    second = await source.fetch(first.cursor)
    third = await source.fetch(second.cursor)
    _, cursor = await poll(source, third.cursor)

    assert [request.query["since_id"] for request in server.asked[-4:-1]] == ["1", "1", "1"]
    assert server.asked[-1].query["since_id"] == "6"
    assert sorted({int(each) for each in ids([first, second, third])} | {7}) == [2, 3, 4, 5, 6, 7]


async def test_the_same_cursor_gives_the_same_posts(server: FakeX, source: X) -> None:
    server.mentions = [post(1), post(2)]
    first = await source.fetch(None)
    server.mentions.append(post(3))

    again = [await source.fetch(json.loads(json.dumps(first.cursor))) for _ in range(2)]

    assert (again[0].posts, again[0].cursor) == (again[1].posts, again[1].cursor)
    assert ids([again[0]]) == ["3"]


async def test_the_first_poll_looks_back_a_day(server: FakeX, source: X) -> None:
    await source.fetch(None)

    assert server.asked[0].query["start_time"] == (NOW - LOOK_BACK).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_list_that_was_quiet_for_longer_than_the_window_has_no_gap(
    server: FakeX, source: X, clock: Clock
) -> None:
    server.mentions = [post(5)]
    _, cursor = await poll(source)
    gaps = []
    for _ in range(10):  # polled every day, and nobody says anything
        clock.now += timedelta(days=1)
        pages, cursor = await poll(source, cursor)
        gaps += [gap for page in pages for gap in page.gaps]
    server.oldest_since = 100  # X's window has left the only post behind
    late = post(200) | {"created_at": clock.now.strftime("%Y-%m-%dT%H:%M:%S.000Z")}
    server.mentions.append(late)

    pages, _ = await poll(source, cursor)

    assert (ids(pages), gaps) == (["200"], [])
    assert [gap for page in pages for gap in page.gaps] == []
    assert pages[0].calls == 2


async def test_a_pause_longer_than_the_window_is_a_gap(server: FakeX, source: X, clock: Clock) -> None:
    server.mentions = [post(5)]
    _, cursor = await poll(source)
    clock.now += timedelta(days=9)
    server.oldest_since = 100

    pages, _ = await poll(source, cursor)

    [gap] = pages[0].gaps
    assert (gap.since, gap.until) == (NOW, clock.now - WINDOW)
    assert server.asked[-1].query["start_time"] == gap.until.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_page_that_x_has_forgotten_begins_the_round_anew(server: FakeX, source: X) -> None:
    server.page = 2
    server.mentions = [post(number) for number in range(1, 6)]
    first = await source.fetch(None)
    server.failures = [status(400, {"errors": [{"parameters": {"pagination_token": ["2"]}}]})]

    pages, _ = await poll(source, first.cursor)

    assert sorted(set(ids(pages)), key=int) == ["1", "2", "3", "4", "5"]


async def test_more_mentions_than_x_shows_are_a_gap(
    server: FakeX, source: X, monkeypatch: pytest.MonkeyPatch, open_source: Open
) -> None:
    monkeypatch.setattr("connectors.x.connector.MENTIONS", 4)
    server.page = 2
    server.mentions = [post(number) for number in range(1, 5)]

    pages, _ = await poll(open_source())

    assert [gap.reason for gap in pages[-1].gaps] == ["X shows only the newest 4 mentions."]


async def test_a_post_that_cannot_be_read_is_a_fault_and_the_others_are_heard(server: FakeX, source: X) -> None:
    broken = post(2) | {"created_at": "2999-99-99"}
    server.mentions = [post(1), broken]

    page = await source.fetch(None)

    assert ids([page]) == ["1"]
    assert [(type(fault), fault.external_id) for fault in page.faults] == [(Fault, "2")]


# --- what it costs


async def test_a_page_costs_what_it_contains(server: FakeX, open_source: Open) -> None:
    source = open_source(query="crumb")
    server.mentions = [post(1, author="7"), post(2, author="7"), post(3, author="8")]
    server.found = [post(4, "crumb"), post(5, "crumb")]

    pages, cursor = await poll(source)
    quiet, _ = await poll(source, cursor)

    assert [page.cost for page in pages] == [3 * OWN + 2 * USER, 2 * POST]
    assert [page.cost for page in quiet] == [0, 0]


async def test_what_is_spent_between_polls_is_on_the_next_page(server: FakeX, source: X) -> None:
    server.mentions = [post(1)]
    await source.recheck(["1"])
    await source.reply(target("1"), "Sorry!", key="k")
    await source.find_reply(target("1"), "k", "Sorry!")

    page = await source.fetch(None)

    assert page.cost == POST + REPLY + OWN + (OWN + USER)


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("Sorry! We bake it on Fridays. Come by!", REPLY),
        ("See https://crumb.example/rye", LINKED_REPLY),
        ("See crumb.example", LINKED_REPLY),
    ],
)
async def test_a_reply_with_a_link_costs_more(source: X, text: str, price: Decimal) -> None:
    await source.reply(target(), text, key="k")

    assert (await source.fetch(None)).cost == price


@pytest.mark.parametrize(("failure", "price"), [(status(403), 0), (status(429), 0), (status(500), REPLY)])
async def test_a_reply_that_may_be_public_is_paid_and_a_refused_one_is_not(
    server: FakeX, source: X, failure: Respond, price: Decimal
) -> None:
    server.failures = [failure]
    with pytest.raises(ReplyError):
        await source.reply(target(), "Sorry!", key="k")

    assert (await source.fetch(None)).cost == price


async def test_an_answer_that_cannot_be_used_is_paid_all_the_same(server: FakeX, source: X) -> None:
    server.failures = [status(200, {"data": [post(1), post(2)]})]
    with pytest.raises(SourceChanged):
        await source.fetch(None)

    assert (await source.fetch(None)).cost == 2 * OWN


# --- what can go wrong while hearing


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        *((status(code), SourceUnavailable) for code in BROKEN_STATUSES),
        (PAGE_FOR_PEOPLE, SourceUnavailable),
        (hang_up, SourceUnavailable),
        (break_off, SourceUnavailable),
        (say_nothing, SourceUnavailable),
        (status(401), SourceDenied),
        (status(402), SourceDenied),
        (status(403), SourceDenied),
        (says("<html>no</html>", 403, Content_Type="text/html"), SourceDenied),
        (status(429), SourceLimited),
        (says("slow down", 429, Content_Type="text/plain"), SourceLimited),
        (status(404), SourceChanged),
        (status(301, Location="/2/elsewhere"), SourceChanged),
        (says("<html>hello</html>", 200, Content_Type="text/html"), SourceChanged),
        (says('{"data": [', 200, Content_Type="application/json"), SourceChanged),
        (says("[]", 200, Content_Type="application/json"), SourceChanged),
        (says("null", 200, Content_Type="application/json"), SourceChanged),
        (says('["odd"]', 503, Content_Type="application/json"), SourceUnavailable),
        (says('{"errors": null}', 500, Content_Type="application/json"), SourceUnavailable),
        (status(200, {"data": []}), SourceChanged),
        (status(200, {"data": {"id": "1"}, "meta": {"result_count": 1}}), SourceChanged),
        (status(200, {"errors": [{"title": "Not Found Error"}]}), SourceChanged),
    ],
)
async def test_a_failure_is_told_by_what_to_do_next(
    server: FakeX, source: X, failure: Respond, expected: type[SourceError]
) -> None:
    server.failures = [failure] * 3  # aiohttp asks twice where a kept connection was cut

    with pytest.raises(SourceError) as raised:
        await source.fetch(None)

    assert isinstance(raised.value, expected)
    assert "s3cret" not in str(raised.value)
    assert "the-token" not in str(raised.value)


async def test_a_failure_leaves_the_mark_where_it_was(server: FakeX, source: X) -> None:
    server.mentions = [post(1)]
    _, cursor = await poll(source)
    server.mentions.append(post(2))
    server.failures = [status(503)]
    with pytest.raises(SourceUnavailable):
        await source.fetch(cursor)

    pages, _ = await poll(source, cursor)

    assert ids(pages) == ["2"]


async def test_x_out_of_reach_is_asked_again_later(open_source: Open) -> None:
    with pytest.raises(SourceUnavailable, match="could not be reached"):
        await open_source(f"http://127.0.0.1:{free_port()}").fetch(None)


@pytest.mark.parametrize(
    ("reset", "wait"),
    [
        (str(int(NOW.timestamp()) + 300), timedelta(seconds=300)),
        (str(int(NOW.timestamp()) - 300), timedelta()),
        ("9" * 30, timedelta(days=1)),
        ("soon", None),
    ],
)
async def test_a_rate_limit_is_obeyed_as_far_as_x_names_a_time(
    server: FakeX, source: X, reset: str, wait: timedelta | None
) -> None:
    server.failures = [status(429, x_rate_limit_reset=reset)]

    with pytest.raises(SourceLimited) as limited:
        await source.fetch(None)

    assert limited.value.retry_at == (None if wait is None else NOW + wait)
    assert len(server.asked) == 1


async def test_a_question_that_x_never_understands_is_told_with_its_answer(server: FakeX, open_source: Open) -> None:
    source = open_source(query="crumb (")
    first = await source.fetch(None)
    server.failures = [status(400, {"detail": "no viable alternative at input"})] * 3

    with pytest.raises(SourceChanged, match="did not understand") as changed:
        await source.fetch(first.cursor)

    assert "no viable alternative" in changed.value.sample


async def test_a_token_of_another_kind_is_denied_before_anything_is_asked(
    server: FakeX, open_source: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X_TOKEN", "a-bearer-token")

    with pytest.raises(SourceDenied, match="access token"):
        await open_source().fetch(None)

    assert server.asked == []


# --- how a mention may be answered


async def test_who_calls_us_is_answered_by_api_and_the_price_of_a_link_is_told(server: FakeX, source: X) -> None:
    server.mentions = [post(1)]
    [heard] = (await source.fetch(None)).posts
    assert isinstance(heard, Post)

    route = source.route(heard)

    assert (route.kind, [(limit.counter, limit.at_most) for limit in route.limits]) == (
        RouteKind.API,
        [(Counter.WEIGHTED, 280)],
    )
    assert "0.200 USD" in route.reason


async def test_who_only_speaks_of_us_is_handed_to_a_person_with_a_link(server: FakeX, open_source: Open) -> None:
    server.found = [post(1, "Crumb & Co is fine")]
    pages, _ = await poll(open_source(query="crumb"))
    heard = pages[1].posts[0]
    assert isinstance(heard, Post)

    route = open_source().route(heard)

    assert (route.kind, heard.url) == (RouteKind.HANDOFF, "https://x.com/i/web/status/1")
    assert "by name or quote" in route.reason


# --- answering


async def test_a_reply_answers_the_newest_version_of_the_post(server: FakeX, source: X) -> None:
    assert isinstance(source, Replier)

    receipt = await source.reply(target("10", "10", "12"), "Sorry, Ana.", key="k")

    [request] = server.published
    assert await request.json() == {"text": "Sorry, Ana.", "reply": {"in_reply_to_tweet_id": "12"}}
    assert (receipt.external_id, receipt.url) == ("900", "https://x.com/crumbandco/status/900")


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (status(403, {"detail": "You are not allowed to create a Tweet with duplicate content."}), ReplyLost),
        (status(403, {"detail": "Reply to this conversation is not allowed because …"}), ReplyRefused),
        (status(403, {"detail": "You can only reply to or quote posts where you are mentioned"}), ReplyRefused),
        (says("<html>no</html>", 403, Content_Type="text/html"), ReplyRefused),
        (status(400, {"detail": "Your Tweet text is too long."}), ReplyTooLong),
        *((status(code), ReplyRefused) for code in (400, 401, 402, 404, 422)),
        (status(429), ReplyDeferred),
        (says("slow down", 429, Content_Type="text/plain"), ReplyDeferred),
        *((status(code), ReplyLost) for code in (*BROKEN_STATUSES, 409)),
        (PAGE_FOR_PEOPLE, ReplyLost),
        (status(307, Location="/2/tweets"), ReplyLost),
        (status(308, Location="/2/tweets"), ReplyLost),
        (hang_up, ReplyLost),
        (break_off, ReplyLost),
        (say_nothing, ReplyLost),
        (says("done", 201, Content_Type="text/plain"), ReplyLost),
        (status(201, {"data": {}}), ReplyLost),
        (status(201, {"errors": []}), ReplyLost),
        (says("[]", 201, Content_Type="application/json"), ReplyLost),
    ],
)
async def test_what_becomes_of_a_reply_is_told_by_what_may_be_public_and_it_leaves_once(
    server: FakeX, source: X, failure: Respond, expected: type[ReplyError]
) -> None:
    server.failures = [failure]

    with pytest.raises(ReplyError) as raised:
        await source.reply(target(), "Sorry!", key="k")

    assert type(raised.value) is expected
    assert len(server.published) == 1


async def test_a_deferred_reply_waits_as_long_as_x_says(server: FakeX, source: X) -> None:
    server.failures = [status(429, x_rate_limit_reset=str(int(NOW.timestamp()) + 60))]

    with pytest.raises(ReplyDeferred) as deferred:
        await source.reply(target(), "Sorry!", key="k")

    assert deferred.value.retry_at == NOW + timedelta(seconds=60)


async def test_a_reply_that_never_left_waits(open_source: Open) -> None:
    with pytest.raises(ReplyDeferred, match="could not be reached"):
        await open_source(f"http://127.0.0.1:{free_port()}").reply(target(), "Sorry!", key="k")


# --- looking for a reply


async def test_a_reply_that_is_there_is_found_by_the_post_it_answers(server: FakeX, source: X) -> None:
    server.own = [post(20, "a bun", author="42"), post(21, "edited by hand", author="42", answers="12")]

    found = await source.find_reply(target("10", "10", "12"), "k", "another text")

    assert isinstance(found, Found)
    assert found.receipt.external_id == "21"
    assert server.asked[0].query["since_id"] == "10"


async def test_a_reply_is_found_behind_other_posts_of_ours(server: FakeX, source: X) -> None:
    server.page = 2
    server.own = [post(11, "Sorry!", author="42", answers="10"), *(post(n, "bun", author="42") for n in range(12, 18))]

    assert isinstance(await source.find_reply(target(), "k", "Sorry!"), Found)


async def test_a_reply_that_is_not_there_is_absent(server: FakeX, source: X) -> None:
    server.own = [post(11, "Sorry!", author="42", answers="9")]

    assert await source.find_reply(target(), "k", "Sorry!") == Absent()


async def test_a_look_that_cannot_reach_back_far_enough_proves_nothing(server: FakeX, source: X) -> None:
    server.page = 1
    server.own = [post(number, "bun", author="42") for number in range(11, 20)]

    assert isinstance(await source.find_reply(target(), "k", "Sorry!"), Unsure)


@pytest.mark.parametrize("failure", [status(503), status(429), status(401), status(200, {"data": 3}), hang_up])
async def test_a_look_that_fails_proves_nothing(server: FakeX, source: X, failure: Respond) -> None:
    server.failures = [failure] * 3

    assert isinstance(await source.find_reply(target(), "k", "Sorry!"), Unsure)


# --- after a reply, and after a while


async def test_a_published_reply_is_visible_until_it_is_gone(server: FakeX, source: X) -> None:
    receipt = await source.reply(target(), "Sorry!", key="k")

    before = await source.status(receipt)
    server.own.clear()
    after = await source.status(receipt)

    assert (before.visibility, after.visibility) == (Visibility.VISIBLE, Visibility.REFUSED)


async def test_an_answer_about_a_reply_that_tells_nothing_is_unknown(server: FakeX, source: X) -> None:
    receipt = await source.reply(target(), "Sorry!", key="k")
    server.failures = [status(200, {"errors": [{"value": "900", "type": "…/operational-disconnect"}]})]

    assert (await source.status(receipt)).visibility is Visibility.UNKNOWN


async def test_edited_and_deleted_posts_are_seen_again(server: FakeX, source: X) -> None:
    history = {"edit_history_tweet_ids": ["2", "5"]}
    server.mentions = [post(1, "kept"), post(2, "first", **history), post(5, "edited", **history)]

    standing = await source.recheck(["1", "2", "3"])

    posts = {post.external_id: post for post in standing if isinstance(post, Post)}
    assert {key: (post.text, post.edited_at is not None) for key, post in posts.items()} == {
        "1": ("kept", False),
        "2": ("edited", True),
    }
    assert [post for post in standing if isinstance(post, Gone)] == [Gone("x", "3", "deleted")]


async def test_an_edited_post_whose_newest_version_is_deleted_is_gone(server: FakeX, source: X) -> None:
    server.mentions = [post(2, "first", edit_history_tweet_ids=["2", "5"])]

    assert await source.recheck(["2"]) == [Gone("x", "2", "deleted")]


async def test_more_posts_than_x_looks_up_at_once_are_asked_in_turns(server: FakeX, source: X) -> None:
    server.mentions = [post(number) for number in range(1, 251)]

    standing = await source.recheck([str(number) for number in range(1, 251)])

    assert (len(standing), len(server.asked)) == (250, 3)


# --- settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": "crumb and co"},
        {"account": "a_name_far_too_long"},
        {"access_token": "42-literal"},
        {"query": "x" * 451},
        {"bearer_token": {"env": "X_BEARER"}},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    assert XSettings.model_validate(TABLE).account == "crumbandco"
    with pytest.raises(ValidationError):
        XSettings.model_validate(TABLE | wrong)


def test_a_missing_secret_is_said_before_anything_is_asked(open_source: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X_TOKEN_SECRET", "")

    with pytest.raises(ConfigError, match="X_TOKEN_SECRET"):
        open_source()


# --- reading what X answers, without it


def documented() -> list[Post]:
    payload = json.loads((FIXTURES / "mentions.json").read_text(encoding="utf-8"))
    posts, faults = parse(payload, "42", "crumbandco")
    assert faults == []
    return posts


def test_a_retweet_says_nothing_of_its_own() -> None:
    assert [post.external_id for post in documented()] == ["1930000000000000100", "1930000000000000200"]


def test_an_edited_long_post_is_read_whole_under_its_first_id_with_links_to_where_they_lead() -> None:
    long = documented()[1]

    assert (
        long.text == "@crumbandco is the <rye> back? I looked at https://crumb.example/rye?a=1&copy=2 & found nothing"
    )
    assert long.context == {"versions": ["1930000000000000200", "1930000000000000202"]}
    assert (long.posted_at, long.edited_at) == (datetime(2026, 6, 2, 9, 5, 30, tzinfo=UTC),) * 2
    assert (long.summons, long.in_reply_to, long.language) == (True, "1930000000000000050", "en")
    assert long.author is not None
    assert (long.author.external_id, long.author.handle, long.author.name) == ("55", "ana_bakes", "Ana B.")


def test_a_quote_of_our_post_calls_us_and_one_of_another_does_not() -> None:
    ours = documented()[0]
    [other] = parse({"data": [post(1, "fine", referenced_tweets=[{"type": "quoted", "id": "9"}])]}, "42", "c").posts

    assert (ours.summons, ours.language) == (True, "")
    assert not other.summons


def test_what_we_posted_ourselves_is_marked_as_own() -> None:
    [own] = parse({"data": [post(1, "@crumbandco is us", author="42")]}, "42", "crumbandco").posts

    assert (own.own, own.summons) == (True, False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just("12"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "text",
                    "author_id",
                    "entities",
                    "urls",
                    "mentions",
                    "note_tweet",
                    "created_at",
                    "type",
                    "lang",
                    "referenced_tweets",
                    "edit_history_tweet_ids",
                    "url",
                    "expanded_url",
                    "username",
                ]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=3), JSON)
@settings(max_examples=300, deadline=None)
def test_whatever_an_item_is_it_becomes_a_post_a_fault_or_nothing(items: list[Any], included: Any) -> None:
    posts, faults = parse({"data": items, "includes": included}, "42", "crumbandco")

    assert len(posts) + len(faults) <= len(items)
    assert all(fault.reason and len(fault.sample) <= 2000 for fault in faults)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 9 * 24)), min_size=1, max_size=20),
    st.integers(1, 4),
)
@settings(max_examples=200, deadline=None)
def test_no_post_within_the_window_is_lost_whatever_happens_between_polls(
    days: list[tuple[int, bool, int]], page: int
) -> None:
    """Rounds over a list that grows, with pauses and a window that moves on; what is missed lies in a gap."""
    now, mark, written, heard, gaps = NOW, Mark(), [], set(), []
    for count, interrupted, pause in days:
        written += [now] * count
        now += timedelta(seconds=1)
        for _ in range(1 if interrupted else 99):
            attempt = next(each for each in attempts(mark, now) if _is_understood(each.asked, written, now))
            gaps += attempt.gaps
            newer = [number for number, at in enumerate(written) if _is_asked_for(attempt.asked, number, at)][::-1]
            shown, rest = newer[:page], newer[page:]
            heard |= set(shown)
            mark = attempt.mark.after(Turn(str(shown[0]) if shown else "", str(shown[-1]) if rest else ""), len(shown))
            if not mark.token:
                break
        now += timedelta(hours=pause)

    until = datetime.fromisoformat(mark.heard) if mark.heard else NOW
    missed = [at for number, at in enumerate(written) if number not in heard and at < until]
    assert all(any(gap.since <= at <= gap.until for gap in gaps) for at in missed)


def _is_understood(asked: Any, written: list[datetime], now: datetime) -> bool:
    """X refuses what lies before its window."""
    start = datetime.fromisoformat(asked["start_time"]) if "start_time" in asked else written[int(asked["since_id"])]
    return start > now - timedelta(days=7)


def _is_asked_for(asked: Any, number: int, at: datetime) -> bool:
    start = datetime.fromisoformat(asked.get("start_time", "0001-01-01T00:00:00Z"))
    return int(asked.get("since_id", -1)) < number < int(asked.get("token", 10**6)) and at >= start


def posts_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every post in an answer, however deep it lies."""
    if isinstance(value, dict):
        if {"id", "text", "edit_history_tweet_ids"} <= value.keys():
            yield value
        for inner in value.values():
            yield from posts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from posts_in(inner)


def test_every_example_of_x_itself_is_read(shared: Path) -> None:
    answers = sorted((shared / "platforms/x/playground-examples").glob("*.json"))
    found = [post for answer in answers for post in posts_in(json.loads(answer.read_text(encoding="utf-8")))]

    parsed = [parse({"data": [post]}, "1", "crumbandco") for post in found]

    assert len(found) > 50
    assert [result.faults for result in parsed if result.faults] == []


def bodies(recording: Path) -> Iterator[Any]:
    """The JSON answers in a recording (YAML; double-quoted scalars are folded with a backslash)."""
    text = recording.read_text(encoding="utf-8")
    for scalar in re.findall(r'string: ("(?:[^"\\]|\\.)*")', text, re.DOTALL):
        try:
            yield json.loads(ast.literal_eval(re.sub(r"\\\n +", "", scalar).replace("\\ ", " ")))
        except (SyntaxError, ValueError):
            continue


def test_every_recorded_post_is_read(shared: Path) -> None:
    recordings = sorted((shared / "platforms/x/tweepy-cassettes").glob("test_asyncclient_*.yaml"))
    found = [post for recording in recordings for body in bodies(recording) for post in posts_in(body)]

    parsed = [parse({"data": [post]}, "1", "crumbandco") for post in found]

    assert len(found) > 20
    assert [result.faults for result in parsed if result.faults] == []
    assert all(post.text and post.external_id for result in parsed for post in result.posts)


def test_the_answers_that_x_gives_to_trouble_are_understood(shared: Path) -> None:
    folder = shared / "platforms/x/errors-made-by-us"
    partial = json.loads((folder / "200_partial_error_deleted.json").read_text(encoding="utf-8"))
    edited = json.loads((folder / "200_edited_post.json").read_text(encoding="utf-8"))

    assert gone(partial, ["1", "2"]) == [Gone("x", "2", "deleted")]
    assert [post.external_id for post in parse(partial, "1", "c").posts] == ["1"]
    assert [post.external_id for post in parse(edited, "1", "c").posts] == ["10"]
