"""Trustpilot, against a server that keeps reviews and replies as Trustpilot does."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from connectors.base import Absent, Cursor, Found, Gone, Page, Post, Receipt, RouteKind, Target, Unsure, Visibility
from connectors.errors import (
    ReplyDeferred,
    ReplyLost,
    ReplyRefused,
    ReplyTooLong,
    SourceChanged,
    SourceDenied,
    SourceLimited,
    SourceUnavailable,
)
from connectors.trustpilot import Review, Trustpilot, TrustpilotSettings, parse
from tests.conftest import NOW
from tests.connectors.loopback import Web, serve

REVIEWS = json.loads((Path(__file__).parent / "fixtures/trustpilot/reviews.json").read_text(encoding="utf-8"))
SHARED = "platforms/trustpilot/made-by-us"


class Pilot:
    """Reviews, newest first, two a page; the failure, if any, comes once, to `fails_for` only."""

    def __init__(self) -> None:
        self.reviews: list[dict[str, Any]] = []
        self.fails: web.StreamResponse | None = None
        self.fails_for = "GET"
        self.grants: list[tuple[str, str]] = []
        self.posted: list[tuple[str, Any]] = []

    def write(self, number: int, at: datetime, reply: str | None = None) -> None:
        answer = {"text": reply, "createdAt": NOW.isoformat()} if reply else None
        said = {"stars": 2, "title": "T", "text": f"Review {number}", "createdAt": at.isoformat()}
        self.reviews.insert(0, {"id": f"r{number}", "companyReply": answer, **said})

    async def respond(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/accesstoken"):
            proof = request.headers["Authorization"].removeprefix("Basic ")
            self.grants.append((b64decode(proof).decode(), str((await request.post())["grant_type"])))
            return web.json_response({"access_token": "t", "expires_in": "359999"})
        assert request.headers["Authorization"] == "Bearer t"
        if self.fails is not None and request.method == self.fails_for:
            failure, self.fails = self.fails, None
            return failure
        if request.method == "POST":
            self.posted.append((request.path, await request.json()))
            return web.Response(status=201)
        if "/business-units/" in request.path:
            return self.page(int(request.query["page"]), f"http://elsewhere.example{request.path}")
        found = [each for each in self.reviews if request.path.endswith(f"/private/reviews/{each['id']}")]
        return web.json_response(found[0] if found else {"message": "Not found"}, status=200 if found else 404)

    def page(self, number: int, address: str) -> web.Response:
        shown = self.reviews[(number - 1) * 2 : number * 2]
        links = [{"rel": "next-page", "href": f"{address}?page={number + 1}"}] if number * 2 < len(self.reviews) else []
        return web.json_response({"reviews": shown, "links": links})


@pytest.fixture
def pilot() -> Pilot:
    return Pilot()


@pytest.fixture
async def town(pilot: Pilot) -> AsyncIterator[Web]:
    async with serve(pilot.respond) as web_:
        yield web_


@pytest.fixture
def source(town: Web, monkeypatch: pytest.MonkeyPatch) -> Trustpilot:
    return source_at(town, monkeypatch, business_user="mia")


def source_at(town: Web, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Trustpilot:
    monkeypatch.setenv("TRUSTPILOT_KEY", "key")
    monkeypatch.setenv("TRUSTPILOT_SECRET", "s3cret")
    secrets = {"api_key": {"env": "TRUSTPILOT_KEY"}, "api_secret": {"env": "TRUSTPILOT_SECRET"}}
    settings = TrustpilotSettings.model_validate({"business_unit": "unit1", **secrets, **more})
    return Trustpilot(settings, town.around, address=town.base)


async def poll(source: Trustpilot, cursor: Cursor | None = None) -> tuple[list[Page], Cursor | None]:
    pages = []
    while True:
        pages.append(await source.fetch(cursor))
        cursor = pages[-1].cursor
        if not pages[-1].more:
            return pages, cursor


def heard(pages: list[Page]) -> list[str]:
    return [post.external_id for page in pages for post in page.posts]


def target(external_id: str = "r1") -> Target:
    return Target("trustpilot", external_id, "unit1")


# --- reading


def test_a_review_is_read_with_stars_language_and_author() -> None:
    post = parse(REVIEWS, "unit1").posts[-1]

    assert isinstance(post, Post)
    assert (post.external_id, post.title, post.text) == (
        "5f0000000000000000000002",
        "Late",
        "The cake came a day late.",
    )
    assert (post.rating, post.language) == (1, "en")
    assert (post.posted_at, post.edited_at) == (
        datetime(2026, 6, 1, 10, tzinfo=UTC),
        datetime(2026, 6, 1, 12, tzinfo=UTC),
    )
    assert post.author is not None
    assert (post.author.external_id, post.author.name) == ("c1", "Ana")


def test_the_companys_reply_is_ours_and_answers_its_review() -> None:
    parsed = parse(REVIEWS, "unit1")

    assert [(post.in_reply_to, post.text) for post in parsed.posts if post.own] == [
        ("5f0000000000000000000001", "Danke, Ben!")
    ]


def test_mail_addresses_are_not_kept() -> None:
    parsed = parse(REVIEWS, "unit1")

    assert len(parsed.faults) == 1
    assert "town.example" not in repr(parsed)


def test_the_shapes_that_trustpilot_documents_are_understood(shared: Path) -> None:
    page = json.loads((shared / SHARED / "reviews_page1.json").read_text(encoding="utf-8"))
    answered = json.loads((shared / SHARED / "review_with_reply.json").read_text(encoding="utf-8"))

    parsed, review = parse(page, "bu1"), Review.model_validate(answered)

    assert [post.text for post in parsed.posts] == ["Cake came a day late"]
    assert review.reply is not None
    assert review.reply.text == "Grazie"


async def test_key_and_secret_buy_one_token_for_many_calls(pilot: Pilot, source: Trustpilot) -> None:
    await source.fetch(None)
    await source.fetch(None)

    assert pilot.grants == [("key:s3cret", "client_credentials")]


async def test_all_pages_are_heard_without_following_a_link_elsewhere(pilot: Pilot, source: Trustpilot) -> None:
    for number in range(1, 8):
        pilot.write(number, NOW - timedelta(days=20) + timedelta(hours=number))

    pages, cursor = await poll(source)
    again, _ = await poll(source, cursor)

    assert sorted(heard(pages)) == [f"r{number}" for number in range(1, 8)]
    assert heard(again) == ["r6", "r7", "r4", "r5"]
    assert [page.calls for page in again] == [1, 1]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {}, SourceDenied),
        (429, {}, SourceLimited),
        (500, {}, SourceUnavailable),
        (200, {"reviews": {}}, SourceChanged),
        (200, [], SourceChanged),
    ],
)
async def test_trustpilot_saying_no_is_understood(
    pilot: Pilot, source: Trustpilot, status: int, body: Any, kind: type[Exception]
) -> None:
    pilot.fails = web.json_response(body, status=status)

    with pytest.raises(kind):
        await source.fetch(None)


async def test_a_plan_without_the_api_module_is_named(pilot: Pilot, source: Trustpilot, shared: Path) -> None:
    refusal = json.loads((shared / SHARED / "error_403_module.json").read_text(encoding="utf-8"))
    pilot.fails = web.json_response(refusal, status=403)

    with pytest.raises(SourceDenied, match="API module"):
        await source.fetch(None)


async def test_an_error_page_for_people_is_a_change(pilot: Pilot, source: Trustpilot) -> None:
    pilot.fails = web.Response(text="<html>Be right back</html>", content_type="text/html")

    with pytest.raises(SourceChanged):
        await source.fetch(None)


async def test_kept_reviews_are_read_again_and_those_that_are_gone_are_told(pilot: Pilot, source: Trustpilot) -> None:
    pilot.write(1, NOW - timedelta(days=60), reply="Sorry!")

    standing = await source.recheck(["r1", "r2"])

    assert [(each.external_id, type(each)) for each in standing] == [("r1", Post), ("r1:reply", Post), ("r2", Gone)]


async def test_a_page_for_people_does_not_delete_a_review(pilot: Pilot, source: Trustpilot) -> None:
    pilot.fails = web.Response(text="<html>not here</html>", status=404, content_type="text/html")

    with pytest.raises(SourceChanged):
        await source.recheck(["r1"])


@pytest.mark.parametrize("unit", ["", "../x", "a b"])
def test_what_is_no_id_is_refused(unit: str) -> None:
    secrets = {"api_key": {"env": "K"}, "api_secret": {"env": "S"}}

    with pytest.raises(ValidationError):
        TrustpilotSettings.model_validate({"business_unit": unit, **secrets})


# --- answering


def test_who_may_speak_decides_how_a_review_is_answered(
    source: Trustpilot, town: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, reader = parse(REVIEWS, "unit1").posts[-1], source_at(town, monkeypatch)

    assert source.route(post).kind is RouteKind.API
    assert reader.route(post).kind is RouteKind.HANDOFF


async def test_a_reply_goes_to_its_review_in_the_users_name(pilot: Pilot, source: Trustpilot) -> None:
    pilot.write(1, NOW - timedelta(days=1))

    receipt = await source.reply(target(), "Sorry, Ana.", key="k")

    assert pilot.posted == [("/v1/private/reviews/r1/reply", {"authorBusinessUserId": "mia", "message": "Sorry, Ana."})]
    assert (receipt.external_id, receipt.at) == ("r1:reply", NOW)


async def test_a_review_that_has_a_reply_gets_no_second_one(pilot: Pilot, source: Trustpilot) -> None:
    pilot.write(1, NOW - timedelta(days=1), reply="We are sorry!")

    with pytest.raises(ReplyRefused, match="already"):
        await source.reply(target(), "Sorry, Ana.", key="k")

    assert pilot.posted == []


async def test_our_own_words_that_stand_there_count_as_sent(pilot: Pilot, source: Trustpilot) -> None:
    pilot.write(1, NOW - timedelta(days=1), reply="Sorry, Ana.")

    receipt = await source.reply(target(), "Sorry,  Ana. ", key="k")

    assert (receipt.external_id, pilot.posted) == ("r1:reply", [])


async def test_a_review_that_is_gone_gets_no_reply(pilot: Pilot, source: Trustpilot) -> None:
    with pytest.raises(ReplyRefused, match="gone"):
        await source.reply(target(), "Sorry, Ana.", key="k")

    assert pilot.posted == []


async def test_a_review_that_cannot_be_read_is_answered_later(pilot: Pilot, source: Trustpilot) -> None:
    pilot.fails = web.Response(status=503)

    with pytest.raises(ReplyDeferred):
        await source.reply(target(), "Sorry, Ana.", key="k")

    assert pilot.posted == []


async def test_without_a_user_nothing_is_posted(pilot: Pilot, town: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    pilot.write(1, NOW - timedelta(days=1))

    with pytest.raises(ReplyRefused):
        await source_at(town, monkeypatch).reply(target(), "Sorry, Ana.", key="k")

    assert pilot.posted == []


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"message": "The reply is too long"}, ReplyTooLong),
        (403, {}, ReplyRefused),
        (404, {}, ReplyRefused),
        (429, {}, ReplyDeferred),
        (500, {}, ReplyLost),
    ],
)
async def test_the_fate_of_a_reply_has_a_name(
    pilot: Pilot, source: Trustpilot, status: int, body: Any, kind: type[Exception]
) -> None:
    pilot.write(1, NOW - timedelta(days=1))
    pilot.fails, pilot.fails_for = web.json_response(body, status=status), "POST"

    with pytest.raises(kind):
        await source.reply(target(), "Sorry, Ana.", key="k")

    assert pilot.posted == []


async def test_a_colleagues_reply_is_found(pilot: Pilot, source: Trustpilot) -> None:
    pilot.write(1, NOW - timedelta(days=1), reply="We are sorry!")
    pilot.write(2, NOW - timedelta(days=1))

    found, absent = [await source.find_reply(target(name), "k", "Sorry, Ana.") for name in ("r1", "r2")]

    assert isinstance(found, Found)
    assert found.receipt.at == NOW
    assert isinstance(absent, Absent)


async def test_an_answer_that_does_not_come_proves_nothing(pilot: Pilot, source: Trustpilot) -> None:
    pilot.fails = web.Response(status=500)

    assert isinstance(await source.find_reply(target(), "k", "Sorry, Ana."), Unsure)


@pytest.mark.parametrize(
    ("reply", "sent", "visibility"),
    [
        ("Sorry!", NOW, Visibility.VISIBLE),
        (None, NOW - timedelta(minutes=5), Visibility.PENDING),
        (None, NOW - timedelta(hours=5), Visibility.REFUSED),
    ],
)
async def test_a_reply_is_public_when_the_review_shows_it(
    pilot: Pilot, source: Trustpilot, reply: str | None, sent: datetime, visibility: Visibility
) -> None:
    pilot.write(1, NOW - timedelta(days=1), reply)

    assert (await source.status(Receipt("r1:reply", at=sent))).visibility is visibility
