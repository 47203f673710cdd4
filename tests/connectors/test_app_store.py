"""Apple's App Store, against a server that keeps reviews and responses as App Store Connect does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from connectors.app_store import LIMITS, AppStore, AppStoreSettings, parse
from connectors.base import Absent, Cursor, Found, Gone, Page, Post, Receipt, RouteKind, Target, Unsure, Visibility
from connectors.errors import (
    ReplyLost,
    ReplyRefused,
    ReplyTooLong,
    SourceChanged,
    SourceDenied,
    SourceLimited,
    SourceUnavailable,
)
from tests.conftest import NOW
from tests.connectors.loopback import Web, serve

REVIEWS = json.loads((Path(__file__).parent / "fixtures/app_store/reviews.json").read_text(encoding="utf-8"))
KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ISSUER = "57246542-96fe-1a63-e053-0824d011072a"


class Apple:
    """Reviews, newest first, two a page; the failure, if any, comes once."""

    def __init__(self) -> None:
        self.reviews: list[dict[str, Any]] = []
        self.responses: dict[str, dict[str, Any]] = {}
        self.fails: web.Response | None = None
        self.posted: list[Any] = []

    def write(self, number: int, at: datetime, body: str = "Hm.") -> None:
        said = {"rating": 2, "title": "T", "body": body, "reviewerNickname": "ana", "createdDate": at.isoformat()}
        self.reviews.insert(0, {"type": "customerReviews", "id": f"r{number}", "attributes": said})

    def respond_to(self, review: str, at: datetime, state: str = "PENDING_PUBLISH") -> None:
        said = {"responseBody": "Sorry!", "lastModifiedDate": at.isoformat(), "state": state}
        self.responses[review] = {"type": "customerReviewResponses", "id": f"a-{review}", "attributes": said}

    async def respond(self, request: web.Request) -> web.Response:
        if self.fails is not None:
            failure, self.fails = self.fails, None
            return failure
        if request.method == "POST":
            self.posted.append(await request.json())
            review = self.posted[-1]["data"]["relationships"]["review"]["data"]["id"]
            self.respond_to(review, NOW)
            return web.json_response({"data": self.responses[review]}, status=201)
        *_, kind, name = request.path.rsplit("/", 2)
        if name == "customerReviews":
            return self.page(int(request.query.get("cursor", "0")))
        if kind == "customerReviews":
            found = [each for each in self.reviews if each["id"] == name]
            return self.linked({"data": self.linked_one(found[0])}) if found else self.missing()
        found = [each for each in self.responses.values() if each["id"] == name]
        return web.json_response({"data": found[0]}) if found else self.missing()

    def page(self, start: int) -> web.Response:
        shown = [self.linked_one(each) for each in self.reviews[start : start + 2]]
        evil = f"https://elsewhere.example/v1/apps/1/customerReviews?cursor={start + 2}"
        return self.linked({"data": shown, "links": {"next": evil} if start + 2 < len(self.reviews) else {}})

    def linked_one(self, review: dict[str, Any]) -> dict[str, Any]:
        response = self.responses.get(review["id"])
        link = {"type": "customerReviewResponses", "id": response["id"]} if response else None
        return {**review, "relationships": {"response": {"data": link}}}

    def linked(self, body: dict[str, Any]) -> web.Response:
        return web.json_response({**body, "included": list(self.responses.values())})

    def missing(self) -> web.Response:
        return web.json_response({"errors": [{"status": "404", "code": "NOT_FOUND"}]}, status=404)


@pytest.fixture
def apple() -> Apple:
    return Apple()


@pytest.fixture
async def town(apple: Apple) -> AsyncIterator[Web]:
    async with serve(apple.respond) as web_:
        yield web_


@pytest.fixture
def source(town: Web, monkeypatch: pytest.MonkeyPatch) -> AppStore:
    return source_at(town, monkeypatch)


def source_at(town: Web, monkeypatch: pytest.MonkeyPatch, key: str = PEM) -> AppStore:
    monkeypatch.setenv("APP_STORE_KEY", key)
    settings = AppStoreSettings(app="123", issuer_id=ISSUER, key_id="2X9R4HXF34", private_key={"env": "APP_STORE_KEY"})
    return AppStore(settings, town.around, address=town.base)


async def poll(source: AppStore, cursor: Cursor | None = None) -> tuple[list[Page], Cursor | None]:
    pages = []
    while True:
        pages.append(await source.fetch(cursor))
        cursor = pages[-1].cursor
        if not pages[-1].more:
            return pages, cursor


def heard(pages: list[Page]) -> list[str]:
    return [post.external_id for page in pages for post in page.posts if isinstance(post, Post) and not post.own]


def target(external_id: str = "r1") -> Target:
    return Target("app_store", external_id, "123")


# --- reading


def test_a_review_is_read_with_stars_title_and_its_moment() -> None:
    post = {post.external_id: post for post in parse(REVIEWS, "123").posts}["r-3"]

    assert (post.title, post.text, post.rating) == ("Charged twice", "They charged me twice.", 1)
    assert post.posted_at == datetime(2026, 6, 2, 3, 30, tzinfo=UTC)
    assert post.author is not None
    assert post.author.name == "ana77"


def test_reviews_come_oldest_first_with_our_responses_and_a_broken_one_is_a_fault() -> None:
    parsed = parse(REVIEWS, "123")

    assert [post.external_id for post in parsed.posts] == ["r-2", "a-2", "r-3"]
    assert [post.in_reply_to for post in parsed.posts if post.own] == ["r-2"]
    assert len(parsed.faults) == 1


def test_the_pages_that_apple_documents_are_understood(shared: Path) -> None:
    payload = json.loads((shared / "platforms/appstore/made-by-us/customer_reviews_page2.json").read_text())

    (post,) = parse(payload, "123").posts

    assert (post.external_id, post.text, post.rating) == ("000001", "T1", 3)


def test_a_response_from_before_the_review_answers_something_else() -> None:
    payload = json.loads(json.dumps(REVIEWS))
    payload["included"][0]["attributes"]["lastModifiedDate"] = "2026-05-01T10:00:00Z"

    assert [post for post in parse(payload, "123").posts if post.own] == []


async def test_every_request_carries_a_token_that_we_signed(town: Web, source: AppStore) -> None:
    await source.fetch(None)

    token = town.asked[0].headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(
        token,
        KEY.public_key(),
        algorithms=["ES256"],
        audience="appstoreconnect-v1",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["iss"] == ISSUER
    assert 0 < claims["exp"] - claims["iat"] <= 20 * 60
    assert jwt.get_unverified_header(token)["kid"] == "2X9R4HXF34"


async def test_all_pages_are_heard_without_following_a_link_elsewhere(
    apple: Apple, town: Web, source: AppStore
) -> None:
    for number in range(1, 8):
        apple.write(number, NOW - timedelta(days=20) + timedelta(hours=number))

    pages, _ = await poll(source)

    assert sorted(heard(pages)) == [f"r{number}" for number in range(1, 8)]
    assert {request.host for request in town.asked} == {town.base.removeprefix("http://")}
    assert [page.calls for page in pages] == [1, 1, 1, 1]


async def test_later_polls_read_the_newest_two_pages_again(apple: Apple, source: AppStore) -> None:
    for number in range(1, 8):
        apple.write(number, NOW - timedelta(days=20) + timedelta(hours=number))
    _, cursor = await poll(source)
    apple.reviews[2]["attributes"]["body"] = "Now I am cross."

    pages, _ = await poll(source, cursor)

    assert heard(pages) == ["r6", "r7", "r4", "r5"]
    assert "Now I am cross." in [post.text for page in pages for post in page.posts if isinstance(post, Post)]


async def test_a_mark_that_has_run_out_begins_the_round_again(apple: Apple, source: AppStore) -> None:
    for number in range(1, 4):
        apple.write(number, NOW - timedelta(hours=number))
    cursor = (await source.fetch(None)).cursor
    apple.fails = web.json_response({"errors": [{"code": "PARAMETER_ERROR.INVALID"}]}, status=400)

    page = await source.fetch(cursor)

    assert (len(heard([page])), page.more, page.calls) == (2, True, 2)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"errors": [{"code": "NOT_AUTHORIZED"}]}, SourceDenied),
        (403, {"errors": [{"code": "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED"}]}, SourceDenied),
        (429, {"errors": [{"code": "RATE_LIMIT_EXCEEDED"}]}, SourceLimited),
        (503, {}, SourceUnavailable),
        (200, {"data": {}}, SourceChanged),
        (400, {"errors": [{"code": "PARAMETER_ERROR.INVALID"}]}, SourceChanged),
    ],
)
async def test_apple_saying_no_is_understood(
    apple: Apple, source: AppStore, status: int, body: Any, kind: type[Exception]
) -> None:
    apple.fails = web.json_response(body, status=status)

    with pytest.raises(kind):
        await source.fetch(None)


async def test_an_error_page_for_people_is_a_change(apple: Apple, source: AppStore) -> None:
    apple.fails = web.Response(text="<html>Be right back</html>", content_type="text/html")

    with pytest.raises(SourceChanged):
        await source.fetch(None)


async def test_what_is_no_key_is_told_without_telling_it(town: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceDenied, match="APP_STORE_KEY cannot be used") as caught:
        await source_at(town, monkeypatch, key="s3cret").fetch(None)

    assert "s3cret" not in str(caught.value)
    assert town.asked == []


@pytest.mark.parametrize("app", ["", "id123", "1/../2"])
def test_what_is_no_apple_id_is_refused(app: str) -> None:
    with pytest.raises(ValidationError):
        AppStoreSettings(app=app, issuer_id=ISSUER, key_id="2X9R4HXF34", private_key={"env": "KEY"})


async def test_kept_reviews_are_read_again_and_those_that_are_gone_are_told(apple: Apple, source: AppStore) -> None:
    apple.write(1, NOW - timedelta(days=60), "Edited.")
    apple.respond_to("r1", NOW)

    standing = await source.recheck(["r1", "r2"])

    assert [(each.external_id, type(each)) for each in standing] == [("r1", Post), ("a-r1", Post), ("r2", Gone)]


async def test_a_page_for_people_does_not_delete_a_review(apple: Apple, source: AppStore) -> None:
    apple.fails = web.Response(text="<html>not here</html>", status=404, content_type="text/html")

    with pytest.raises(SourceChanged):
        await source.recheck(["r1"])


# --- answering


def test_every_review_is_answered_by_api(source: AppStore) -> None:
    route = source.route(parse(REVIEWS, "123").posts[0])

    assert (route.kind, route.limits, route.limits[0].at_most) == (RouteKind.API, LIMITS, 5970)


async def test_a_response_goes_to_its_review_and_is_pending_at_first(apple: Apple, source: AppStore) -> None:
    receipt = await source.reply(target(), "Sorry, Ana.", key="k")

    status = await source.status(receipt)

    assert apple.posted[0]["data"]["attributes"] == {"responseBody": "Sorry, Ana."}
    assert (receipt.external_id, receipt.at) == ("a-r1", NOW)
    assert status.visibility is Visibility.PENDING


def test_the_answer_that_apple_documents_is_understood(shared: Path) -> None:
    from connectors.app_store import Response

    payload = json.loads((shared / "platforms/appstore/made-by-us/response_created_201.json").read_text())

    response = Response.model_validate(payload["data"])

    assert (response.id, response.said.state) == ("r3", "PENDING_PUBLISH")


@pytest.mark.parametrize(
    ("state", "visibility"), [("PUBLISHED", Visibility.VISIBLE), ("SOMETHING_NEW", Visibility.UNKNOWN)]
)
async def test_a_response_is_public_when_apple_says_so(
    apple: Apple, source: AppStore, state: str, visibility: Visibility
) -> None:
    apple.respond_to("r1", NOW, state)

    assert (await source.status(Receipt("a-r1"))).visibility is visibility


async def test_a_response_that_apple_does_not_keep_is_refused(source: AppStore) -> None:
    assert (await source.status(Receipt("a-r1"))).visibility is Visibility.REFUSED


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (409, {"errors": [{"code": "ENTITY_ERROR.ATTRIBUTE.INVALID.TOO_LONG"}]}, ReplyTooLong),
        (403, {"errors": [{"code": "FORBIDDEN_ERROR"}]}, ReplyRefused),
        (404, {"errors": [{"code": "NOT_FOUND"}]}, ReplyRefused),
        (409, {"errors": [{"code": "STATE_ERROR"}]}, ReplyRefused),
        (500, {}, ReplyLost),
        (201, {"data": None}, ReplyLost),
    ],
)
async def test_the_fate_of_a_response_has_a_name(
    apple: Apple, source: AppStore, status: int, body: Any, kind: type[Exception]
) -> None:
    apple.fails = web.json_response(body, status=status)

    with pytest.raises(kind):
        await source.reply(target(), "Sorry, Ana.", key="k")

    assert apple.posted == []


async def test_a_colleagues_response_is_found(apple: Apple, source: AppStore) -> None:
    apple.write(1, NOW - timedelta(days=1))
    apple.write(2, NOW - timedelta(days=1))
    apple.respond_to("r1", NOW)

    found, absent = [await source.find_reply(target(name), "k", "Sorry, Ana.") for name in ("r1", "r2")]

    assert isinstance(found, Found)
    assert found.receipt.external_id == "a-r1"
    assert isinstance(absent, Absent)


async def test_an_answer_that_does_not_come_proves_nothing(apple: Apple, source: AppStore) -> None:
    apple.fails = web.Response(status=500)

    assert isinstance(await source.find_reply(target(), "k", "Sorry, Ana."), Unsure)
