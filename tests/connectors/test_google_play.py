"""Google Play, against a server that keeps reviews and replies as Google does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.errors import ConfigError
from connectors.base import Absent, Cursor, Found, Page, Post, RouteKind, Surroundings, Target, Unsure, Visibility
from connectors.errors import (
    ReplyLost,
    ReplyRefused,
    ReplyTooLong,
    SourceChanged,
    SourceDenied,
    SourceLimited,
    SourceUnavailable,
)
from connectors.google_play import CONNECTOR, LIMITS, GooglePlay, GooglePlaySettings, parse
from connectors.lengths import length
from tests.conftest import NOW
from tests.connectors.loopback import Web, serve

PACKAGE = "example.crumb.orders"
REVIEWS = json.loads((Path(__file__).parent / "fixtures/google_play/reviews.json").read_text(encoding="utf-8"))
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def review(number: int, at: datetime, answered: datetime | None = None) -> dict[str, Any]:
    comments: list[dict[str, Any]] = [
        {
            "userComment": {
                "text": f"Review {number}",
                "starRating": 3,
                "lastModified": {"seconds": str(int(at.timestamp()))},
            }
        }
    ]
    if answered:
        when = {"seconds": str(int(answered.timestamp()))}
        comments.append({"developerComment": {"text": "Sorry, Ana.", "lastModified": when}})
    return {"reviewId": f"gp:{number}", "authorName": "Ana", "comments": comments}


class Play:
    """Reviews, newest first, two a page; the failure, if any, comes once."""

    def __init__(self) -> None:
        self.reviews: list[dict[str, Any]] = []
        self.fails: web.Response | None = None
        self.tokens = 0
        self.assertion = ""
        self.replies: list[tuple[str, str]] = []

    async def respond(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            self.tokens += 1
            self.assertion = str((await request.post())["assertion"])
            return web.json_response({"access_token": f"t{self.tokens}", "expires_in": 3600})
        assert request.headers["Authorization"].startswith("Bearer t")
        if self.fails is not None:
            failure, self.fails = self.fails, None
            return failure
        tail = request.path.partition("/reviews")[2]
        if request.method == "POST":
            return self.reply(tail, (await request.json())["replyText"])
        return self.one(tail) if tail else self.page(int(request.query.get("token", "0")))

    def page(self, start: int) -> web.Response:
        more = {"tokenPagination": {"nextPageToken": str(start + 2)}} if start + 2 < len(self.reviews) else {}
        shown = self.reviews[start : start + 2]
        return web.json_response(({"reviews": shown} if shown else {}) | more)

    def one(self, tail: str) -> web.Response:
        found = next((each for each in self.reviews if f"/{each['reviewId']}" == tail), None)
        return web.json_response(found or {"error": {"code": 404, "status": "NOT_FOUND"}}, status=200 if found else 404)

    def reply(self, tail: str, text: str) -> web.Response:
        self.replies.append((tail, text))
        return web.json_response({"result": {"replyText": text, "lastEdited": {"seconds": str(int(NOW.timestamp()))}}})


@pytest.fixture
def play() -> Play:
    return Play()


@pytest.fixture
async def town(play: Play) -> AsyncIterator[Web]:
    async with serve(play.respond) as web_:
        yield web_


@pytest.fixture
def source(town: Web, monkeypatch: pytest.MonkeyPatch) -> GooglePlay:
    return source_at(town, monkeypatch)


def source_at(town: Web, monkeypatch: pytest.MonkeyPatch, key: str | None = None, **changes: Any) -> GooglePlay:
    account = {
        "client_email": "warmline@crumb.example",
        "private_key": PEM,
        "private_key_id": "k1",
        "token_uri": f"{town.base}/token",
    }
    monkeypatch.setenv("GOOGLE_PLAY_KEY", json.dumps(account) if key is None else key)
    settings = GooglePlaySettings(package=PACKAGE, service_account={"env": "GOOGLE_PLAY_KEY"})
    return GooglePlay(settings, town.around, address=town.base)


async def poll(source: GooglePlay, cursor: Cursor | None = None) -> tuple[list[Page], Cursor | None]:
    pages = []
    while True:
        pages.append(await source.fetch(cursor))
        cursor = pages[-1].cursor
        if not pages[-1].more:
            return pages, cursor


def heard(pages: list[Page]) -> list[str]:
    return [post.external_id for page in pages for post in page.posts]


def target(external_id: str = "gp:1") -> Target:
    return Target("google_play", external_id, PACKAGE)


# --- reading


def test_a_review_is_read_with_stars_title_and_what_its_author_wrote() -> None:
    posts = {post.external_id: post for post in parse(REVIEWS, PACKAGE).posts}

    assert (posts["gp:three"].title, posts["gp:three"].text) == ("Late again", "The cake <3 came late.")
    assert (posts["gp:three"].rating, posts["gp:three"].posted_at) == (2, datetime.fromtimestamp(1780390000, UTC))
    assert (posts["gp:two"].title, posts["gp:two"].text) == ("", "Super App")
    assert (posts["gp:one"].title, posts["gp:one"].text) == ("", "Now it is worse.")
    assert posts["gp:two"].author is None


def test_reviews_come_oldest_first_and_a_broken_one_is_a_fault() -> None:
    parsed = parse(REVIEWS, PACKAGE)

    assert [post.external_id for post in parsed.posts] == ["gp:one", "gp:two", "gp:two:reply", "gp:three"]
    assert [fault.reason for fault in parsed.faults] == [
        "A review cannot be read (comments.0.userComment.lastModified: Field required)."
    ]


def test_a_reply_of_ours_answers_only_what_was_said_before_it() -> None:
    own = [post for post in parse(REVIEWS, PACKAGE).posts if post.own]

    assert [(post.in_reply_to, post.text) for post in own] == [("gp:two", "Danke!")]


def test_an_app_without_reviews_has_nothing_to_say() -> None:
    assert parse({}, PACKAGE).posts == []


def test_the_documented_fields_are_the_ones_we_read(shared: Path) -> None:
    document = json.loads((shared / "platforms/google/discovery/androidpublisher.v3.json").read_text(encoding="utf-8"))
    schemas = {name: set(schema.get("properties", ())) for name, schema in document["schemas"].items()}

    assert {"reviewId", "authorName", "comments"} <= schemas["Review"]
    assert {"text", "originalText", "starRating", "lastModified"} <= schemas["UserComment"]
    assert {"text", "lastModified"} <= schemas["DeveloperComment"]
    assert {"replyText", "lastEdited"} <= schemas["ReviewReplyResult"]
    path = document["resources"]["reviews"]["methods"]["reply"]["path"]
    assert path == "androidpublisher/v3/applications/{packageName}/reviews/{reviewId}:reply"


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["reviews", "reviewId", "comments", "userComment", "text"]), inner)
        ),
        max_leaves=20,
    )
)
def test_whatever_comes_is_read_or_named(payload: Any) -> None:
    try:
        parsed = parse(payload, PACKAGE)
    except ValueError:
        return

    assert all(isinstance(post, Post) for post in parsed.posts)


async def test_the_service_account_signs_for_its_token(play: Play, town: Web, source: GooglePlay) -> None:
    await source.fetch(None)
    await source.fetch(None)

    claims = jwt.decode(
        play.assertion,
        KEY.public_key(),
        algorithms=["RS256"],
        audience=f"{town.base}/token",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["iss"] == "warmline@crumb.example"
    assert claims["scope"] == "https://www.googleapis.com/auth/androidpublisher"
    assert claims["exp"] - claims["iat"] == 3600
    assert play.tokens == 1


async def test_all_pages_are_heard_and_the_next_poll_reads_only_what_is_new(play: Play, source: GooglePlay) -> None:
    play.reviews = [review(number, NOW - timedelta(days=6) + timedelta(minutes=number)) for number in range(7, 0, -1)]
    first, cursor = await poll(source)
    play.reviews.insert(0, review(8, NOW))

    second, _ = await poll(source, cursor)

    assert sorted(heard(first)) == [f"gp:{number}" for number in range(1, 8)]
    assert heard(second) == ["gp:7", "gp:8"]
    assert [page.calls for page in second] == [1]


async def test_an_edited_review_is_heard_again(play: Play, source: GooglePlay) -> None:
    play.reviews = [review(2, NOW - timedelta(hours=1)), review(1, NOW - timedelta(days=5))]
    _, cursor = await poll(source)
    play.reviews = [review(1, NOW), review(2, NOW - timedelta(hours=1))]

    pages, _ = await poll(source, cursor)

    assert "gp:1" in heard(pages)


async def test_a_mark_that_has_run_out_begins_the_round_again(play: Play, source: GooglePlay) -> None:
    play.reviews = [review(number, NOW - timedelta(minutes=number)) for number in range(1, 4)]
    cursor = (await source.fetch(None)).cursor
    play.fails = web.json_response({"error": {"code": 400, "status": "INVALID_ARGUMENT"}}, status=400)

    page = await source.fetch(cursor)

    assert heard([page]) == ["gp:2", "gp:1"]
    assert (page.more, page.calls) == (True, 2)


async def test_two_weeks_of_absence_leave_a_gap_of_one(town: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    _, cursor = await poll(source_at(town, monkeypatch))
    later = NOW + timedelta(days=14)
    around = Surroundings("reviews", town.around.session, lambda: later, Path())

    page = await source_at(town._replace(around=around), monkeypatch).fetch(cursor)

    assert [(gap.since, gap.until) for gap in page.gaps] == [(NOW, NOW + timedelta(days=7))]


async def test_silence_is_no_gap(town: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    cursor: Cursor | None = None
    for days in range(20):
        around = Surroundings("reviews", town.around.session, lambda days=days: NOW + timedelta(days=days), Path())
        page = await source_at(town._replace(around=around), monkeypatch).fetch(cursor)
        cursor = page.cursor

        assert page.gaps == ()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, {"error": {"code": 403, "errors": [{"reason": "quotaExceeded"}]}}, SourceLimited),
        (403, {"error": {"code": 403, "status": "PERMISSION_DENIED"}}, SourceDenied),
        (401, {"error": {"code": 401, "status": "UNAUTHENTICATED"}}, SourceDenied),
        (429, {"error": {"status": "RESOURCE_EXHAUSTED"}}, SourceLimited),
        (500, {}, SourceUnavailable),
        (200, {"reviews": "none"}, SourceChanged),
        (200, [], SourceChanged),
    ],
)
async def test_google_saying_no_is_understood(
    play: Play, source: GooglePlay, status: int, body: Any, kind: type[Exception]
) -> None:
    play.fails = web.json_response(body, status=status)

    with pytest.raises(kind):
        await source.fetch(None)


@pytest.mark.parametrize(
    "key",
    ["s3cret", "{}", json.dumps({"client_email": "a", "private_key": "s3cret", "token_uri": "https://a.example"})],
)
async def test_what_is_no_key_file_is_told_without_telling_it(
    town: Web, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    with pytest.raises(SourceDenied, match="GOOGLE_PLAY_KEY is not the key file") as caught:
        await source_at(town, monkeypatch, key).fetch(None)

    assert "s3cret" not in str(caught.value)


def test_a_missing_key_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_PLAY_KEY", raising=False)
    settings = GooglePlaySettings(package=PACKAGE, service_account={"env": "GOOGLE_PLAY_KEY"})

    with pytest.raises(ConfigError, match="GOOGLE_PLAY_KEY"):
        CONNECTOR.build(settings, Surroundings("reviews", None, lambda: NOW, Path()))  # type: ignore[arg-type]


@pytest.mark.parametrize("package", ["", "crumb", "a/../b.c", "example.crumb?x=1"])
def test_what_is_no_package_name_is_refused(package: str) -> None:
    with pytest.raises(ValidationError):
        GooglePlaySettings(package=package, service_account={"env": "KEY"})


# --- answering


def test_every_review_is_answered_by_api_within_googles_length(source: GooglePlay) -> None:
    route = source.route(parse(REVIEWS, PACKAGE).posts[0])

    assert (route.kind, route.limits) == (RouteKind.API, LIMITS)
    assert length("x" * 350, route.limits[0].counter) == route.limits[0].at_most


async def test_a_reply_goes_to_its_review_and_the_receipt_tells_when(play: Play, source: GooglePlay) -> None:
    receipt = await source.reply(target(), "Sorry, Ana.", key="k")

    assert play.replies == [("/gp:1:reply", "Sorry, Ana.")]
    assert (receipt.external_id, receipt.at) == ("gp:1", NOW)


async def test_an_id_leads_nowhere_else(town: Web, source: GooglePlay) -> None:
    await source.reply(target("../../x"), "Sorry.", key="k")

    assert town.asked[-1].raw_path.endswith("/reviews/..%2F..%2Fx:reply")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "Reply text is too long", "status": "INVALID_ARGUMENT"}}, ReplyTooLong),
        (403, {"error": {"status": "PERMISSION_DENIED"}}, ReplyRefused),
        (404, {"error": {"status": "NOT_FOUND"}}, ReplyRefused),
        (500, {}, ReplyLost),
        (200, {}, ReplyLost),
        (200, "<html>", ReplyLost),
    ],
)
async def test_the_fate_of_a_reply_has_a_name(
    play: Play, source: GooglePlay, status: int, body: Any, kind: type[Exception]
) -> None:
    play.fails = web.json_response(body, status=status)

    with pytest.raises(kind):
        await source.reply(target(), "Sorry, Ana.", key="k")


async def test_a_colleagues_reply_is_found(play: Play, source: GooglePlay) -> None:
    play.reviews = [review(1, NOW - timedelta(hours=2), answered=NOW - timedelta(hours=1))]

    found = await source.find_reply(target(), "k", "Sorry, Ana.")

    assert isinstance(found, Found)
    assert found.receipt.at == NOW - timedelta(hours=1)


async def test_a_reply_from_before_the_edit_is_no_answer(play: Play, source: GooglePlay) -> None:
    play.reviews = [review(1, NOW, answered=NOW - timedelta(hours=1))]

    assert isinstance(await source.find_reply(target(), "k", "Sorry, Ana."), Absent)


async def test_a_review_that_is_not_shown_proves_nothing(source: GooglePlay) -> None:
    assert isinstance(await source.find_reply(target(), "k", "Sorry, Ana."), Unsure)


@pytest.mark.parametrize(
    ("answered", "sent", "visibility"),
    [
        (NOW, NOW, Visibility.VISIBLE),
        (None, NOW - timedelta(minutes=5), Visibility.PENDING),
        (None, NOW - timedelta(hours=5), Visibility.REFUSED),
    ],
)
async def test_a_reply_is_public_when_the_review_shows_it(
    play: Play, source: GooglePlay, answered: datetime | None, sent: datetime, visibility: Visibility
) -> None:
    receipt = await source.reply(target(), "Sorry, Ana.", key="k")
    play.reviews = [review(1, NOW - timedelta(days=1), answered)]

    status = await source.status(type(receipt)(receipt.external_id, at=sent))

    assert status.visibility is visibility


async def test_what_cannot_be_told_is_not_told(source: GooglePlay) -> None:
    assert await source.recheck(["gp:1"]) == []
