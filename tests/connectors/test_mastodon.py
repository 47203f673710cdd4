"""Mastodon, against a real HTTP server that keeps accounts, posts and notifications, and fails on demand."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from mastodon import Mastodon
from pydantic import ValidationError

from config.errors import ConfigError
from connectors.base import (
    Absent,
    Connector,
    Fault,
    Found,
    Gone,
    Page,
    Post,
    Replier,
    RouteKind,
    Streamer,
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
    SourceLimited,
    SourceUnavailable,
)
from connectors.http import open_session
from connectors.lengths import Counter, length
from connectors.mastodon import CONNECTOR
from connectors.mastodon.connector import MastodonConnector
from connectors.mastodon.parsing import parse, readable
from connectors.mastodon.settings import MastodonSettings
from tests.connectors.loopback import serve
from tests.servers import free_port

FIXTURES = Path(__file__).with_name("fixtures") / "mastodon"
BROKEN_STATUSES = [500, 502, 503, 504]


def now() -> datetime:
    return datetime.now(UTC)


class Town:
    """The test server with its three people; every test begins with an empty one."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.address: str = ready["base_url"]
        self.tokens: dict[str, str] = ready["tokens"]
        self._control("post", "reset")
        self._control("delete", "faults")
        self.alice, self.bob, self.bakery = (self.client(name) for name in ("alice", "bob", "bakery"))

    def client(self, name: str) -> Mastodon:
        return Mastodon(api_base_url=self.address, access_token=self.tokens[name], ratelimit_method="throw")

    def fail(self, path: str, effect: str, method: str = "GET", count: int = 1, **more: Any) -> None:
        """The next `count` requests to `path` go wrong."""
        rule = {"match": {"methods": [method], "path": path}, "effect": {"type": effect, **more}, "count": count}
        self._control("post", "faults", json=rule)

    def _control(self, method: str, what: str, **more: Any) -> None:
        requests.request(method, f"{self.address}/api/v1/_mock/{what}", timeout=10, **more).raise_for_status()


@pytest.fixture
def town(mastodon_server: dict[str, Any]) -> Iterator[Town]:
    town = Town(mastodon_server)
    yield town
    for client in (town.alice, town.bob, town.bakery):
        client.session.close()


Open = Callable[..., MastodonConnector]


@pytest.fixture
async def open_source(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Opens connectors that are closed after the test."""
    opened: list[Connector] = []
    async with open_session(["127.0.0.1"]) as session:

        def build(address: str, token: str = "bakery-token", **options: Any) -> MastodonConnector:  # noqa: S107
            monkeypatch.setenv("MASTODON_TOKEN", token)
            table = {"server": address, "token": {"env": "MASTODON_TOKEN"}} | options
            around = Surroundings("fedi", session, now, Path.cwd())
            connector = CONNECTOR.build(CONNECTOR.settings.model_validate(table), around)
            opened.append(connector)
            assert isinstance(connector, MastodonConnector)
            return connector

        yield build
        for connector in opened:
            await connector.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.mastodon.server.TIMEOUT", 1)


@pytest.fixture
def source(town: Town, open_source: Open) -> MastodonConnector:
    return open_source(town.address)


def only(page: Page) -> Post:
    [post] = page.posts
    assert isinstance(post, Post)
    return post


def target(post: Post, **changes: Any) -> Target:
    context = changes.pop("context", post.context)
    return Target(post.platform, post.external_id, post.account, post.url, post.author, context, **changes)


async def ids_of_all_pages(source: MastodonConnector, cursor: Any) -> list[str]:
    ids: list[str] = []
    more = True
    while more:
        page = await source.fetch(cursor)
        ids += [post.external_id for post in page.posts]
        cursor, more = page.cursor, page.more
    return ids


# --- hearing


async def test_a_mention_is_heard_with_all_that_the_platform_tells(town: Town, source: MastodonConnector) -> None:
    status = town.alice.status_post(
        "@bakery the #bread was <b>mouldy</b>", spoiler_text="food", visibility="unlisted", language="en"
    )

    post = only(await source.fetch(None))

    assert (post.platform, post.external_id, post.url) == ("mastodon", status.id, status.url)
    assert (post.text, post.title) == ("@bakery the #bread was <b>mouldy</b>", "food")
    assert post.author is not None
    assert (post.author.handle, post.author.name) == ("alice", "Alice")
    assert (post.summons, post.own, post.context) == (True, False, {"visibility": "unlisted"})
    assert post.posted_at is not None
    assert abs(now() - post.posted_at) < timedelta(minutes=1)
    assert post.account == f"@bakery@{town.address.removeprefix('http://')}"


async def test_a_post_under_two_of_our_strands_is_one_post(town: Town, open_source: Open) -> None:
    source = open_source(town.address, hashtags=["#bread"], search=["mouldy"])
    town.alice.status_post("@bakery the #bread was mouldy")

    page = await source.fetch(None)

    assert only(page).summons


async def test_posts_of_several_strands_come_oldest_first(town: Town, open_source: Open) -> None:
    source = open_source(town.address, hashtags=["bread"], search=["mouldy"])
    texts = ["nice #bread", "@bakery hello", "mouldy", "more #bread", "@bakery bye"]
    for text in texts:
        town.alice.status_post(text)

    page = await source.fetch(None)

    assert [post.text for post in page.posts if isinstance(post, Post)] == texts


async def test_after_a_long_absence_every_post_is_heard_once_and_in_order(town: Town, open_source: Open) -> None:
    source = open_source(town.address, hashtags=["bread"])
    cursor = (await source.fetch(None)).cursor
    posted = [town.alice.status_post(f"{'@bakery' if n % 3 else '#bread'} {n}").id for n in range(100)]

    heard = await ids_of_all_pages(source, cursor)

    assert sorted(heard) == sorted(posted)


async def test_the_same_cursor_gives_the_same_posts(town: Town, open_source: Open) -> None:
    source = open_source(town.address, hashtags=["bread"])
    cursor = (await source.fetch(None)).cursor
    for number in range(3):
        town.alice.status_post(f"@bakery #bread {number}")

    first = await source.fetch(cursor)
    again = await source.fetch(json.loads(json.dumps(cursor)))

    assert (again.posts, again.cursor) == (first.posts, first.cursor)


async def test_an_empty_strand_loses_nothing_of_a_first_rush(town: Town, source: MastodonConnector) -> None:
    cursor = (await source.fetch(None)).cursor
    posted = [town.alice.status_post(f"@bakery {number}").id for number in range(90)]

    heard = await ids_of_all_pages(source, cursor)

    assert heard == posted


async def test_what_we_posted_ourselves_is_marked_as_own(town: Town, open_source: Open) -> None:
    source = open_source(town.address, hashtags=["bread"])
    town.bakery.status_post("fresh #bread")

    post = only(await source.fetch(None))

    assert (post.own, post.summons) == (True, False)


async def test_more_search_hits_than_the_server_gives_are_reported_as_a_gap(town: Town, open_source: Open) -> None:
    source = open_source(town.address, search=["mouldy"])
    cursor = (await source.fetch(None)).cursor
    for number in range(41):
        town.alice.status_post(f"mouldy {number}")

    page = await source.fetch(cursor)

    assert (len(page.posts), page.more) == (40, False)
    assert [gap.reason for gap in page.gaps] == ['"search mouldy" has more new posts than the server gives at once.']


# --- what can go wrong while hearing


@pytest.mark.parametrize("status", BROKEN_STATUSES)
async def test_a_server_out_of_order_is_asked_again_later(town: Town, source: MastodonConnector, status: int) -> None:
    town.fail("/api/v1/notifications", "status", status=status)

    with pytest.raises(SourceUnavailable, match="did not answer properly"):
        await source.fetch(None)


@pytest.mark.usefixtures("impatient")
async def test_a_server_that_hangs_is_asked_again_later(town: Town, source: MastodonConnector) -> None:
    town.fail("/api/v1/notifications", "timeout")

    with pytest.raises(SourceUnavailable):
        await source.fetch(None)


async def test_a_server_that_is_away_is_asked_again_later(open_source: Open) -> None:
    source = open_source(f"http://127.0.0.1:{free_port()}")

    with pytest.raises(SourceUnavailable, match="could not be reached"):
        await source.fetch(None)


async def test_a_rate_limit_is_obeyed_to_the_second_the_server_names(town: Town, source: MastodonConnector) -> None:
    town.fail("/api/v1/notifications", "ratelimit")

    with pytest.raises(SourceLimited) as limited:
        await source.fetch(None)

    assert limited.value.retry_at is not None
    assert timedelta(seconds=250) < limited.value.retry_at - now() <= timedelta(seconds=301)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_calls_for_a_person(town: Town, source: MastodonConnector, status: int) -> None:
    town.fail("/api/v1/notifications", "status", status=status)

    with pytest.raises(SourceDenied, match="refused the token"):
        await source.fetch(None)


async def test_a_wrong_token_is_denied_and_never_told(town: Town, open_source: Open) -> None:
    source = open_source(town.address, token="a-wrong-token")

    with pytest.raises(SourceDenied) as denied:
        await source.fetch(None)

    assert "a-wrong-token" not in str(denied.value)


async def test_an_answer_without_shape_is_kept_as_a_sample(town: Town, source: MastodonConnector) -> None:
    town.fail("/api/v1/notifications", "malformed")

    with pytest.raises(SourceChanged) as changed:
        await source.fetch(None)

    assert changed.value.sample.startswith('{"error": "truncated')


async def test_an_answer_of_another_kind_is_a_changed_source(town: Town, source: MastodonConnector) -> None:
    town.fail("/api/v1/notifications", "status", status=200, body={"surprise": [1, 2]})

    with pytest.raises(SourceChanged):
        await source.fetch(None)


async def test_search_works_while_the_server_does_not_tell_its_version(town: Town, open_source: Open) -> None:
    source = open_source(town.address, search=["mouldy"])
    town.alice.status_post("mouldy")
    for path in ("/api/v1/instance/", "/api/v2/instance/", "/api/v1/instance", "/api/v2/instance"):
        town.fail(path, "status", status=503, count=50)

    page = await source.fetch(None)

    assert only(page).text == "mouldy"


async def test_a_post_that_cannot_be_read_is_a_fault_and_the_others_are_heard(
    town: Town, source: MastodonConnector
) -> None:
    good = {"id": "2", "content": "<p>hi</p>", "account": {"id": "9", "acct": "ana@town.example"}}
    town.fail("/api/v1/notifications", "status", status=200, body=[{"id": "8", "type": "mention", "status": good}, {}])

    page = await source.fetch(None)

    assert only(page).text == "hi"
    assert [type(fault) for fault in page.faults] == [Fault]


# --- what a server says of itself


@pytest.mark.parametrize(
    ("v2", "v1", "expected"),
    [
        ((200, {"configuration": {"statuses": {"max_characters": 5000}}}), None, 5000),
        ((404, None), (200, {"max_toot_chars": 1024}), 1024),
        ((404, None), (200, {"configuration": {"statuses": {"max_characters": 700}}}), 700),
        ((404, None), (404, None), 500),
        ((200, {}), None, 500),
    ],
)
async def test_the_length_limit_is_the_servers_own_or_500(
    town: Town, source: MastodonConnector, v2: Any, v1: Any, expected: int
) -> None:
    for version, answer in (("v2", v2), ("v1", v1)):
        if answer:
            town.fail(f"/api/{version}/instance*", "status", status=answer[0], body=answer[1], count=5)
    town.alice.status_post("@bakery hello")

    post = only(await source.fetch(None))

    [limit] = source.route(post).limits
    assert (limit.counter, limit.at_most) == (Counter.LINKED, expected)


# --- how a mention may be answered


async def test_who_calls_us_is_answered_by_api_with_their_name_first(town: Town, source: MastodonConnector) -> None:
    town.alice.status_post("@bakery hello")

    route = source.route(only(await source.fetch(None)))

    assert (route.kind, route.opening) == (RouteKind.API, "@alice ")


async def test_who_did_not_call_us_is_handed_to_a_person(town: Town, open_source: Open) -> None:
    source = open_source(town.address, hashtags=["bread"])
    town.alice.status_post("good #bread in town?")

    route = source.route(only(await source.fetch(None)))

    assert (route.kind, route.opening) == (RouteKind.HANDOFF, "@alice ")
    assert "did not speak to us" in route.reason


async def test_an_answer_to_our_own_post_counts_as_a_call(town: Town, open_source: Open) -> None:
    source = open_source(town.address, hashtags=["bread"])
    ours = town.bakery.status_post("fresh today")
    town.alice.status_post("finally #bread", in_reply_to_id=ours.id)

    post = only(await source.fetch(None))

    assert (post.summons, post.in_reply_to) == (True, ours.id)


# --- answering


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private", "direct"])
async def test_a_reply_is_seen_by_no_more_people_than_the_post(
    town: Town, source: MastodonConnector, visibility: str
) -> None:
    asked = town.alice.status_post("@bakery hello", visibility=visibility)
    post = only(await source.fetch(None))

    receipt = await source.reply(target(post), "@alice Sorry!", key="k-1")

    [reply] = town.alice.status_context(asked.id).descendants
    assert (reply.id, reply.visibility, reply.in_reply_to_id) == (receipt.external_id, visibility, asked.id)
    assert readable(reply.content) == "@alice Sorry!"


@pytest.mark.parametrize("context", [{}, {"visibility": "mutuals_only"}, {"visibility": None}])
async def test_a_reply_to_a_post_of_unknown_visibility_is_for_its_author_alone(
    town: Town, source: MastodonConnector, context: dict[str, Any]
) -> None:
    town.alice.status_post("@bakery hello")
    post = only(await source.fetch(None))

    receipt = await source.reply(target(post, context=context), "@alice Sorry!", key="k-1")

    assert town.alice.status(receipt.external_id).visibility == "direct"


async def test_the_same_key_twice_is_one_reply_where_the_server_keeps_keys(
    town: Town, source: MastodonConnector
) -> None:
    town.alice.status_post("@bakery hello")
    post = only(await source.fetch(None))

    first = await source.reply(target(post), "@alice Sorry!", key="k-1")
    second = await source.reply(target(post), "@alice Sorry!", key="k-1")

    assert first == second


async def test_a_reply_to_a_deleted_post_is_refused_and_nothing_is_posted(
    town: Town, source: MastodonConnector
) -> None:
    asked = town.alice.status_post("@bakery hello")
    post = only(await source.fetch(None))
    town.alice.status_delete(asked.id)

    with pytest.raises(ReplyRefused, match="is gone"):
        await source.reply(target(post), "@alice Sorry!", key="k-1")

    assert town.bakery.account_statuses(town.bakery.me().id) == []


async def test_a_reply_over_the_servers_limit_is_too_long(town: Town, source: MastodonConnector) -> None:
    town.alice.status_post("@bakery hello")
    post = only(await source.fetch(None))

    with pytest.raises(ReplyTooLong):
        await source.reply(target(post), "@alice " + "o" * 500, key="k-1")


async def test_a_reply_at_exactly_our_count_of_the_limit_is_taken(town: Town, source: MastodonConnector) -> None:
    town.alice.status_post("@bakery hello")
    post = only(await source.fetch(None))
    text = "@alice http://a.co ".ljust(488, "o")

    receipt = await source.reply(target(post), text, key="k-1")

    assert length(text, Counter.LINKED) == 500
    assert receipt.external_id


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ({"effect": "ratelimit"}, ReplyDeferred),
        ({"effect": "status", "status": 401}, ReplyRefused),
        ({"effect": "status", "status": 403}, ReplyRefused),
        ({"effect": "status", "status": 404}, ReplyRefused),
        ({"effect": "status", "status": 422}, ReplyRefused),
        ({"effect": "status", "status": 422, "body": {"error": "Text character limit of 500 exceeded"}}, ReplyTooLong),
        *(({"effect": "status", "status": status}, ReplyLost) for status in (408, 409, *BROKEN_STATUSES)),
        ({"effect": "status", "status": 307, "headers": {"Location": "/api/v1/statuses"}}, ReplyLost),
        ({"effect": "status", "status": 200, "body": {}}, ReplyLost),
        ({"effect": "status", "status": 200, "body": []}, ReplyLost),
        ({"effect": "status", "status": 200, "headers": {"X-RateLimit-Reset": "soon"}}, ReplyLost),
        ({"effect": "malformed"}, ReplyLost),
    ],
)
async def test_what_becomes_of_a_reply_is_told_by_what_may_be_public(
    town: Town, source: MastodonConnector, effect: dict[str, Any], expected: type[ReplyError]
) -> None:
    town.alice.status_post("@bakery hello")
    post = only(await source.fetch(None))
    town.fail("/api/v1/statuses", method="POST", **effect)

    with pytest.raises(ReplyError) as raised:
        await source.reply(target(post), "@alice Sorry!", key="k-1")

    assert type(raised.value) is expected


@pytest.mark.usefixtures("impatient")
async def test_a_reply_that_is_not_answered_in_time_is_lost(town: Town, source: MastodonConnector) -> None:
    town.alice.status_post("@bakery hello")
    post = only(await source.fetch(None))
    town.fail("/api/v1/statuses", "timeout", method="POST")

    with pytest.raises(ReplyLost):
        await source.reply(target(post), "@alice Sorry!", key="k-1")


async def test_a_deferred_reply_waits_as_long_as_the_server_says(town: Town, source: MastodonConnector) -> None:
    town.alice.status_post("@bakery hello")
    post = only(await source.fetch(None))
    town.fail("/api/v1/statuses", "ratelimit", method="POST")

    with pytest.raises(ReplyDeferred) as deferred:
        await source.reply(target(post), "@alice Sorry!", key="k-1")

    assert deferred.value.retry_at is not None
    assert deferred.value.retry_at > now() + timedelta(seconds=250)


@pytest.mark.parametrize("effect", [{"effect": "ratelimit"}, {"effect": "status", "status": 503}])
async def test_a_reply_whose_post_cannot_be_looked_at_waits(
    town: Town, source: MastodonConnector, effect: dict[str, Any]
) -> None:
    town.alice.status_post("@bakery hello")
    post = only(await source.fetch(None))
    town.fail(f"/api/v1/statuses/{post.external_id}", **effect)

    with pytest.raises(ReplyDeferred):
        await source.reply(target(post), "@alice Sorry!", key="k-1")


# --- a server that breaks off in the middle


@pytest.fixture
async def rude(unused_port: int) -> AsyncIterator[dict[str, Any]]:
    """A server that shows every post and cuts the line on what is posted; counts the posts that reached it."""
    seen: dict[str, Any] = {"address": f"http://127.0.0.1:{unused_port}", "posts": 0, "lines": []}
    shown = {"id": "1", "content": "hi", "created_at": "2026-06-02T09:00:00Z", "account": {"id": "9", "acct": "ana"}}

    async def show(request: web.Request) -> web.Response:
        seen["lines"].append(request.transport)
        return web.json_response(shown)

    async def cut(request: web.Request) -> web.Response:
        seen["posts"] += 1
        seen["lines"].append(request.transport)
        await request.read()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    app = web.Application()
    app.router.add_get("/api/v1/statuses/{id}", show)
    app.router.add_post("/api/v1/statuses", cut)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_port).start()
    yield seen
    await runner.cleanup()


@pytest.fixture
def unused_port() -> int:
    return free_port()


async def test_a_reply_whose_line_is_cut_is_lost_and_was_sent_once(rude: dict[str, Any], open_source: Open) -> None:
    source = open_source(rude["address"])

    with pytest.raises(ReplyLost):
        await source.reply(Target("mastodon", "1", "@bakery"), "@ana Sorry!", key="k-1")

    assert rude["posts"] == 1


async def test_a_reply_leaves_on_a_line_of_its_own_that_cannot_have_died_meanwhile(
    rude: dict[str, Any], open_source: Open
) -> None:
    source = open_source(rude["address"])

    with pytest.raises(ReplyLost):
        await source.reply(Target("mastodon", "1", "@bakery"), "@ana Sorry!", key="k-1")

    looked, posted = rude["lines"]
    assert looked is not posted


async def test_a_reply_that_found_no_server_waits(open_source: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(f"http://127.0.0.1:{free_port()}")

    async def still_there(external_id: str) -> dict[str, str]:
        return {"id": external_id}

    monkeypatch.setattr(source, "_shown", still_there)  # the server went away just after the look at the post

    with pytest.raises(ReplyDeferred, match="could not be reached"):
        await source.reply(Target("mastodon", "1", "@bakery"), "@ana Sorry!", key="k-1")


# --- looking for a reply


async def lose_a_reply(town: Town, source: MastodonConnector, visibility: str = "public") -> tuple[Post, str]:
    """A post that was answered, and the id of that answer."""
    town.alice.status_post("@bakery hello", visibility=visibility)
    post = only(await source.fetch(None))
    receipt = await source.reply(target(post), "@alice Sorry!", key="k-1")
    return post, receipt.external_id


@pytest.mark.parametrize("visibility", ["public", "direct"])
async def test_a_reply_that_is_there_is_found(town: Town, source: MastodonConnector, visibility: str) -> None:
    post, reply = await lose_a_reply(town, source, visibility)

    found = await source.find_reply(target(post), "another key", "another text")

    assert isinstance(found, Found)
    assert found.receipt.external_id == reply


async def test_a_reply_is_found_among_our_posts_where_the_thread_is_shown_empty(
    town: Town, source: MastodonConnector
) -> None:
    post, reply = await lose_a_reply(town, source)
    for number in range(45):
        town.bakery.status_post(f"bun {number}")
    empty: dict[str, list[Any]] = {"ancestors": [], "descendants": []}
    town.fail(f"/api/v1/statuses/{post.external_id}/context", "status", status=200, body=empty)

    found = await source.find_reply(target(post), "k-1", "@alice Sorry!")

    assert isinstance(found, Found)
    assert found.receipt.external_id == reply


async def test_a_reply_of_somebody_else_is_not_ours(town: Town, source: MastodonConnector) -> None:
    asked = town.alice.status_post("@bakery hello")
    town.bob.status_post("@alice me too", in_reply_to_id=asked.id)
    post = only(await source.fetch(None))

    assert await source.find_reply(target(post), "k-1", "text") == Absent()


@pytest.mark.parametrize("effect", [{"effect": "status", "status": 503}, {"effect": "malformed"}])
@pytest.mark.parametrize("path", ["/api/v1/statuses/*/context", "/api/v1/accounts/*/statuses"])
async def test_a_look_that_fails_proves_nothing(
    town: Town, source: MastodonConnector, effect: dict[str, Any], path: str
) -> None:
    town.alice.status_post("@bakery hello")
    post = only(await source.fetch(None))
    town.fail(path, **effect)

    assert isinstance(await source.find_reply(target(post), "k-1", "text"), Unsure)


async def test_a_look_that_cannot_reach_back_far_enough_proves_nothing(
    town: Town, source: MastodonConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.mastodon.connector.AT_ONCE", 1)
    town.alice.status_post("@bakery hello")
    post = only(await source.fetch(None))
    for number in range(6):
        town.bakery.status_post(f"bun {number}")

    assert isinstance(await source.find_reply(target(post), "k-1", "text"), Unsure)


# --- after a reply, and after a while


async def test_a_published_reply_is_visible_until_it_is_deleted(town: Town, source: MastodonConnector) -> None:
    town.alice.status_post("@bakery hello")
    receipt = await source.reply(target(only(await source.fetch(None))), "@alice Sorry!", key="k-1")

    before = await source.status(receipt)
    town.bakery.status_delete(receipt.external_id)
    after = await source.status(receipt)

    assert (before.visibility, after.visibility) == (Visibility.VISIBLE, Visibility.REFUSED)


async def test_edited_and_deleted_posts_are_seen_again(town: Town, source: MastodonConnector) -> None:
    kept, edited, deleted = (town.alice.status_post(f"@bakery {text}") for text in ("kept", "edited", "deleted"))
    town.alice.status_update(edited.id, "@bakery edited twice")
    town.alice.status_delete(deleted.id)

    standing = await source.recheck([kept.id, edited.id, deleted.id])

    assert [post.text for post in standing if isinstance(post, Post)] == ["@bakery kept", "@bakery edited twice"]
    assert [post for post in standing if isinstance(post, Gone)] == [Gone("mastodon", deleted.id)]


async def test_a_server_that_has_moved_does_not_make_posts_gone(town: Town, source: MastodonConnector) -> None:
    kept = town.alice.status_post("@bakery kept")
    await source.fetch(None)
    town.fail("/api/v1/*", "status", status=404, count=5)

    with pytest.raises(SourceChanged):
        await source.recheck([kept.id])


# --- streaming


async def test_a_mention_is_pushed_with_the_cursor_that_a_poll_would_have(town: Town, open_source: Open) -> None:
    source = open_source(town.address, stream=True)
    assert isinstance(source, Streamer)
    cursor = (await source.fetch(None)).cursor

    async with aclosing(source.stream(cursor)) as pages:  # type: ignore[type-var]
        opened = await anext(pages)
        status = town.alice.status_post("@bakery hello")
        pushed = await anext(pages)

    assert opened.posts == []
    assert only(pushed).external_id == status.id
    assert pushed.cursor == (await source.fetch(cursor)).cursor


async def test_what_came_before_the_stream_was_open_comes_first(town: Town, open_source: Open) -> None:
    source = open_source(town.address, stream=True)
    assert isinstance(source, Streamer)
    cursor = (await source.fetch(None)).cursor
    status = town.alice.status_post("@bakery hello")

    async with aclosing(source.stream(cursor)) as pages:  # type: ignore[type-var]
        page = await anext(pages)

    assert only(page).external_id == status.id


async def test_a_stream_ends_cleanly_when_the_source_is_closed(town: Town, open_source: Open) -> None:
    source = open_source(town.address, stream=True)
    assert isinstance(source, Streamer)

    pages = []
    async for page in source.stream(None):
        pages.append(page)
        await source.close()

    assert len(pages) == 1


async def test_a_server_that_does_not_stream_is_said_to(town: Town, open_source: Open) -> None:
    source = open_source(town.address, stream=True)
    assert isinstance(source, Streamer)
    town.fail("/api/v1/streaming/user", "status", status=404)

    with pytest.raises(SourceUnavailable, match="does not stream"):
        await anext(source.stream(None))


async def test_a_deletion_is_pushed_and_the_token_stays_with_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    streams: list[str] = []

    async def respond(request: web.Request) -> web.Response:
        match request.path.rstrip("/"):
            case "/api/v1/streaming/user":
                streams.append(request.headers["Authorization"])
                return web.Response(text=":connected\n\nevent: delete\ndata: 42\n\n", content_type="text/event-stream")
            case "/api/v1/accounts/verify_credentials":
                return web.json_response({"id": "1", "acct": "bakery"})
            case "/api/v2/instance":
                return web.json_response({"configuration": {"urls": {"streaming": "ws://elsewhere.example"}}})
        return web.json_response([])

    monkeypatch.setenv("MASTODON_TOKEN", "s3cret")
    async with serve(respond) as found:
        table = {"server": found.base, "token": {"env": "MASTODON_TOKEN"}, "stream": True}
        source = CONNECTOR.build(MastodonSettings.model_validate(table), found.around)
        assert isinstance(source, Streamer)
        pages = [page async for page in source.stream(None)]
        await source.close()

    assert [page.posts for page in pages] == [[], [Gone("mastodon", "42")]]
    assert [page.cursor is None for page in pages] == [False, True]
    assert streams == ["Bearer s3cret"]


def test_a_source_streams_only_where_it_is_told_to(open_source: Open) -> None:
    polled, streamed = (open_source("https://mastodon.example", stream=stream) for stream in (False, True))

    assert (isinstance(polled, Streamer), isinstance(streamed, Streamer)) == (False, True)
    assert isinstance(polled, Replier)


# --- settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"server": "http://mastodon.example"},
        {"server": "mastodon.example"},
        {"server": "https://user:secret@mastodon.example"},
        {"server": "https://mastodon.example/@bakery"},
        {"token": "a-literal-secret"},
        {"hashtags": ["two words"]},
        {"hashtags": ["a"] * 21},
        {"hashtag": ["bread"]},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    good = {"server": "https://mastodon.example/", "token": {"env": "MASTODON_TOKEN"}, "hashtags": ["#bread"]}

    assert MastodonSettings.model_validate(good).hashtags == ("bread",)
    with pytest.raises(ValidationError):
        MastodonSettings.model_validate(good | wrong)


def test_a_missing_token_is_said_before_anything_is_asked(open_source: Open) -> None:
    with pytest.raises(ConfigError, match="MASTODON_TOKEN"):
        open_source("https://mastodon.example", token="")


# --- reading what servers answer, without one


def test_a_mention_of_somebody_elsewhere_names_the_whole_address() -> None:
    [notification] = json.loads((FIXTURES / "mention.json").read_text(encoding="utf-8"))

    [post] = parse([notification], own_id="01BAKERY").posts

    assert post.text == (
        "@bakery have you met @ana@town.example?\n\n"
        "The menu is at https://crumb.example/menu/autumn and it is #delicious & cheap"
    )
    assert post.author is not None
    assert (post.external_id, post.author.handle, post.summons) == ("01J9Z3POST", "ben@village.example", True)


def test_a_boost_says_nothing_of_its_own() -> None:
    status = {"id": "1", "content": "", "account": {"id": "2"}, "reblog": {"id": "3"}}

    assert parse([status], own_id="9") == ([], [])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "type", "status", "content", "account", "mentions"]), inner)
        ),
        max_leaves=12,
    )
)
@settings(max_examples=300, deadline=None)
def test_whatever_an_item_is_it_becomes_a_post_a_fault_or_a_boost(item: Any) -> None:
    posts, faults = parse([item], own_id="1")

    assert len(posts) + len(faults) <= 1
    assert all(fault.reason and len(fault.sample) <= 2000 for fault in faults)


def statuses_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every status in a recorded answer, however deep it lies."""
    if isinstance(value, dict):
        if {"content", "account", "created_at"} <= value.keys():
            yield value
        for inner in value.values():
            yield from statuses_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from statuses_in(inner)


def bodies(cassette: Path) -> Iterator[Any]:
    """The JSON answers in a recording (YAML; single-quoted scalars are folded over lines)."""
    text = cassette.read_text(encoding="utf-8")
    for scalar in re.findall(r"\n {6}string: '((?:[^']|'')*)'\n", text):
        unfolded = re.sub(r" *\n +", " ", re.sub(r" *\n *\n +", r"\n", scalar)).replace("''", "'")
        try:
            yield json.loads(unfolded)
        except ValueError:
            continue


def test_every_recorded_status_of_servers_old_and_new_is_read(shared: Path) -> None:
    recordings = sorted((shared / "platforms/mastodon").glob("mastodonpy-*/*.yaml"))
    recorded = [status for cassette in recordings for body in bodies(cassette) for status in statuses_in(body)]

    parsed = [parse([status], own_id="1") for status in recorded]

    boosts = sum(1 for status in recorded if status.get("reblog"))
    assert len(recorded) > 100
    assert [result.faults for result in parsed if result.faults] == []
    assert sum(len(result.posts) for result in parsed) == len(recorded) - boosts
