"""Google Business Profile, against a real HTTP server that keeps reviews and tokens as Google does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import ConfigError
from config.secrets import Secret
from connectors.base import (
    Absent,
    Cursor,
    Duplicates,
    Found,
    Gone,
    Limit,
    Page,
    Post,
    Receipt,
    RouteKind,
    Status,
    Target,
    TokenKeeper,
    Unsure,
    Visibility,
)
from connectors.errors import (
    ReplyDeferred,
    ReplyLost,
    ReplyRefused,
    SourceChanged,
    SourceDenied,
    SourceLimited,
    SourceUnavailable,
)
from connectors.google_business.connector import LAG, LOOK_BACK, PAGE, SWEEP, GoogleBusiness
from connectors.google_business.interface import Addresses
from connectors.google_business.locations import Listed, Location, choose
from connectors.google_business.parsing import Review, parse
from connectors.google_business.settings import GoogleBusinessSettings
from connectors.lengths import Counter
from storage.errors import StorageError
from tests.builders import NOW, Clock
from tests.connectors.loopback import HASTY, serve

FIXTURES = Path(__file__).parent / "fixtures/google_business"
REVIEWS = json.loads((FIXTURES / "reviews.json").read_text(encoding="utf-8"))
LOCATIONS = json.loads((FIXTURES / "locations.json").read_text(encoding="utf-8"))["locations"]
MAIN, STATION = "accounts/7/locations/1", "accounts/7/locations/2"
HERE = Location(MAIN, "Main Street", "Crumb & Co., Main Street 12", "https://maps.example/1")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Respond = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def error(status: int, name: str = "PERMISSION_DENIED", **metadata: str) -> web.Response:
    details = [{"reason": name, "metadata": metadata}]
    return web.json_response({"error": {"code": status, "status": name, "details": details}}, status=status)


@dataclass
class Google:
    """The interfaces, with reviews by location, and a token that is good."""

    clock: Clock
    locations: list[Any] = field(default_factory=lambda: LOCATIONS[:1])
    reviews: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    token: str = "good"
    token_answer: tuple[int, dict[str, Any]] = (200, {"access_token": "good", "expires_in": 3600})
    instead: Respond | None = None
    asked: list[str] = field(default_factory=list)
    puts: list[Any] = field(default_factory=list)

    def add(self, number: int | str, ago: timedelta = HOUR, where: str = MAIN, **said: Any) -> dict[str, Any]:
        """A review that was written so long ago."""
        at = stamp(self.clock() - ago)
        review = {
            "name": f"{where}/reviews/{number}",
            "reviewId": str(number),
            "reviewer": {"displayName": "Ana"},
            "starRating": "TWO",
            "comment": "The bread was raw.",
            "createTime": at,
            "updateTime": at,
            **said,
        }
        self.reviews.setdefault(where, []).append(review)
        return review

    async def respond(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked.append(f"{request.method} {path}")
        if path == "/token":
            status, said = self.token_answer
            return web.json_response(said, status=status)
        if self.instead is not None and (answer := await self.instead(request)) is not None:
            return answer
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return error(401, "UNAUTHENTICATED")
        if path == "/v1/accounts":
            return web.json_response({"accounts": [{"name": "accounts/7"}, {"name": "accounts/8"}]})
        if path.startswith("/v1/"):
            assert "title" in request.query["readMask"]
            return web.json_response({"locations": self.locations})
        return await self._reviews(request, path.removeprefix("/v4/"))

    async def _reviews(self, request: web.Request, name: str) -> web.Response:
        where, _, rest = name.partition("/reviews")
        kept = sorted(self.reviews.get(where, []), key=lambda each: each["updateTime"], reverse=True)
        if where.removeprefix("accounts/7/") not in {each["name"] for each in self.locations}:
            return error(404, "NOT_FOUND")
        if not rest:
            assert request.query["orderBy"] == "updateTime desc"
            start, size = int(request.query.get("pageToken", "0")), int(request.query["pageSize"])
            page = {"reviews": kept[start : start + size], "totalReviewCount": len(kept)} if kept else {}
            following = {"nextPageToken": str(start + size)} if len(kept) > start + size else {}
            return web.json_response(page | following)
        review = next((each for each in kept if each["name"] == name.removesuffix("/reply")), None)
        if review is None:
            return error(404, "NOT_FOUND")
        if request.method == "PUT":
            self.puts.append(await request.json())
            review["reviewReply"] = {**self.puts[-1], "updateTime": stamp(self.clock()), "reviewReplyState": "PENDING"}
            return web.json_response(review["reviewReply"])
        return web.json_response(review)


class Purse:
    """Tokens of a source, as the store would keep them."""

    def __init__(self, clock: Clock, access: str = "good", failing: Exception | None = None) -> None:
        self.access, self.refresh, self.until = access, "r0", clock() + HOUR
        self.clock, self.failing = clock, failing

    async def fresh(self, renew: Any, refused: str = "") -> str:
        if self.failing is not None:
            raise self.failing
        if self.access == refused or self.until <= self.clock():
            self.access, self.until, self.refresh = await renew(self.refresh)
        return self.access


@dataclass
class Shop:
    """A server, a source on it, and its clock."""

    google: Google
    source: GoogleBusiness
    clock: Clock

    async def poll(self, cursor: Cursor | None = None) -> tuple[list[Page], Cursor]:
        """Pages until there is no more, as the poller reads them."""
        pages = []
        while True:
            pages.append(await self.source.fetch(cursor))
            cursor = json.loads(json.dumps(pages[-1].cursor))
            assert cursor is not None
            if not pages[-1].more:
                return pages, cursor


@asynccontextmanager
async def shop(
    monkeypatch: pytest.MonkeyPatch, purse: TokenKeeper | None = None, hasty: bool = False, **table: Any
) -> AsyncIterator[Shop]:
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET", "client-s3cret")
    clock = Clock()
    google = Google(clock)
    patience = {"patience": HASTY} if hasty else {}
    async with serve(google.respond, **patience) as web_:
        around = replace(web_.around, now=clock, tokens=purse or Purse(clock))
        base = web_.base
        addresses = Addresses(f"{base}/v1", f"{base}/v1", f"{base}/v4", f"{base}/ask", f"{base}/token")
        options = {"client_id": "c1", "client_secret": Secret(env="GOOGLE_CLIENT_SECRET"), **table}
        yield Shop(google, GoogleBusiness(GoogleBusinessSettings(**options), around, addresses), clock)


@pytest.fixture
async def main_street(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """A shop with one location."""
    async with shop(monkeypatch) as made:
        yield made


def ids(pages: Sequence[Page]) -> list[str]:
    return [post.external_id.rpartition("/reviews/")[2] for page in pages for post in page.posts]


def target_of(review: dict[str, Any]) -> Target:
    read = Review.model_validate(review)
    return Target("google_business", read.name, "Crumb & Co.", "https://maps.example/1", context={"said": read.said})


# What Google answers


def test_reviews_are_given_oldest_first_with_the_replies_that_stand() -> None:
    parsed = parse(REVIEWS, HERE)

    assert [post.external_id.rpartition("/reviews/")[2] for post in parsed.posts] == [
        "R1",
        "R1/reply",
        "R2",
        "R3",
        "R4",
    ]
    assert [post.rating for post in parsed.posts if not post.own] == [1.0, 4.0, 5.0, 2.0]
    assert (parsed.faults, parsed.page, parsed.total) == ([], "", 4)


def test_of_a_translated_review_the_original_counts() -> None:
    luca = parse(REVIEWS, HERE).posts[3]

    assert luca.text == "La focaccia migliore della città"


@pytest.mark.parametrize(
    ("comment", "text"),
    [
        ("(Translated by Google) Good\n\n(Original)\nBuono", "Buono"),
        ("Buono\n\n(Translated by Google)\nGood", "Buono"),
        ("They said (Original) bread", "They said (Original) bread"),
        ("", ""),
    ],
)
def test_translations_are_split_off_wherever_google_puts_them(comment: str, text: str) -> None:
    assert Review.model_validate(REVIEWS["reviews"][0] | {"comment": comment}).text == text


def test_a_review_of_stars_alone_has_no_words_and_an_anonymous_one_no_author() -> None:
    anonymous = parse(REVIEWS, HERE).posts[2]

    assert (anonymous.text, anonymous.rating, anonymous.author) == ("", 4.0, None)


def test_an_edited_review_is_as_fresh_as_its_edit_and_its_old_reply_is_none() -> None:
    *_, edited = parse(REVIEWS, HERE).posts

    assert edited.posted_at == edited.edited_at == datetime.fromisoformat("2026-06-01T18:30:00.123456Z")
    assert edited.external_id == f"{MAIN}/reviews/R4"
    assert edited.url == "https://business.example/reply/R4"


def test_a_colleagues_reply_is_ours_and_answers_the_review() -> None:
    reply = parse(REVIEWS, HERE).posts[1]

    assert (reply.own, reply.in_reply_to) == (True, f"{MAIN}/reviews/R1")


def test_a_review_names_its_place_as_the_owner_does_and_the_account_as_people_see_it() -> None:
    post = parse(REVIEWS, HERE).posts[0]

    assert (post.place, post.account, post.url) == (
        "Main Street",
        "Crumb & Co., Main Street 12",
        "https://maps.example/1",
    )


def test_a_review_that_cannot_be_read_is_a_fault_and_costs_no_other() -> None:
    broken = [{"name": "../../etc"}, None, REVIEWS["reviews"][0] | {"updateTime": "0001-01-01T00:00:00+09:00"}]

    parsed = parse({"reviews": [*broken, *REVIEWS["reviews"]]}, HERE)

    assert (len(parsed.posts), len(parsed.faults)) == (5, 3)


@pytest.mark.parametrize("payload", [None, [], {"reviews": {}}, {"reviews": None}, "reviews"])
def test_a_page_without_its_shape_is_told(payload: Any) -> None:
    with pytest.raises(ValueError, match="no list of reviews"):
        parse(payload, HERE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = [*REVIEWS["reviews"][0], *REVIEWS["reviews"][3]["reviewReply"]]


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JSON) | JSON, max_size=4))
@settings(max_examples=300)
def test_no_review_is_odd_enough_to_crash(reviews: list[Any]) -> None:
    mixed = [{**REVIEWS["reviews"][3], **each} for each in reviews if isinstance(each, dict)]

    parsed = parse({"reviews": [*reviews, *mixed, REVIEWS["reviews"][0]]}, HERE)

    assert len([post for post in parsed.posts if not post.own]) + len(parsed.faults) == len(reviews) + len(mixed) + 1


def test_the_recorded_page_is_understood(shared: Path) -> None:
    folder = shared / "platforms/google/business-profile-made-by-us"
    payload = json.loads((folder / "reviews_page1.json").read_text(encoding="utf-8"))

    parsed = parse(payload, HERE)

    assert [post.external_id.rpartition("/")[2] for post in parsed.posts] == [
        "AbFvOq7",
        "AbFvOq8",
        "AbFvOq9",
        "AbFvOq6",
    ]
    assert [post.rating for post in parsed.posts] == [4.0, 5.0, 1.0, 2.0]
    assert parsed.posts[1].text == "La focaccia migliore"
    assert parsed.posts[0].author is None
    assert (parsed.page, parsed.total, parsed.faults) == ("CAoQAA", 6, [])


def test_the_recorded_empty_page_has_no_reviews(shared: Path) -> None:
    folder = shared / "platforms/google/business-profile-made-by-us"

    parsed = parse(json.loads((folder / "reviews_empty.json").read_text(encoding="utf-8")), HERE)

    assert (parsed.posts, parsed.page, parsed.total) == ([], "", 0)


# Locations


def listed() -> dict[str, Listed]:
    return {f"accounts/7/{each['name']}": Listed.model_validate(each) for each in LOCATIONS}


def test_without_names_every_location_is_read() -> None:
    assert [(each.name, each.place, each.account) for each in choose(listed(), {})] == [
        (MAIN, "Crumb & Co.", "Crumb & Co., Main Street 12"),
        (STATION, "Crumb & Co.", "Crumb & Co., Station Square 1"),
    ]


@pytest.mark.parametrize("called", ["Main Street 12", "main street 12", "MAIN", "1", "locations/1"])
def test_a_location_is_found_by_whatever_the_owner_calls_it(called: str) -> None:
    (found,) = choose(listed(), {"Main Street": called})

    assert (found.name, found.place) == (MAIN, "Main Street")


@pytest.mark.parametrize(("called", "says"), [("Harbour", "no location"), ("Crumb & Co.", "2 locations")])
async def test_a_name_that_fits_none_or_several_shows_what_there_is(
    monkeypatch: pytest.MonkeyPatch, called: str, says: str
) -> None:
    async with shop(monkeypatch, locations={"Harbour": called}) as made:
        made.google.locations = LOCATIONS

        with pytest.raises(SourceDenied) as denied:
            await made.source.fetch(None)

    assert says in denied.value.happened
    assert "“Crumb & Co., Station Square 1” (2)" in denied.value.happened


async def test_an_account_without_locations_is_told(main_street: Shop) -> None:
    main_street.google.locations = []

    with pytest.raises(SourceDenied, match='warmline connect "reviews"'):
        await main_street.source.fetch(None)


async def test_a_location_that_two_accounts_share_is_read_once(main_street: Shop) -> None:
    main_street.google.add(1)

    pages, _ = await main_street.poll()

    assert ids(pages) == ["1"]


async def test_only_the_accounts_that_the_owner_names_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop(monkeypatch, accounts=["accounts/7"]) as made:
        await made.poll()

    assert [asked for asked in made.google.asked if asked.startswith("GET /v1")] == ["GET /v1/accounts/7/locations"]


# Listening


async def test_the_first_poll_looks_a_year_back(main_street: Shop) -> None:
    for number in range(3 * PAGE):
        main_street.google.add(number, ago=number * LOOK_BACK / (2 * PAGE))

    pages, _ = await main_street.poll()

    assert set(ids(pages)) >= {str(number) for number in range(2 * PAGE)}
    assert len(pages) == 3


async def test_a_quiet_poll_reads_the_newest_page_only(main_street: Shop) -> None:
    for number in range(3 * PAGE):
        main_street.google.add(number, ago=number * DAY)
    _, cursor = await main_street.poll()
    main_street.clock.move(HOUR)

    pages, _ = await main_street.poll(cursor)

    assert (len(pages), len(ids(pages))) == (1, PAGE)


async def test_an_old_review_that_was_edited_is_heard(main_street: Shop) -> None:
    old = main_street.google.add("old", ago=200 * DAY)
    for number in range(PAGE):
        main_street.google.add(number, ago=DAY + number * HOUR)
    _, cursor = await main_street.poll()
    old |= {"comment": "It got worse.", "starRating": "ONE", "updateTime": stamp(main_street.clock())}

    pages, _ = await main_street.poll(cursor)

    newest = pages[0].posts[-1]
    assert isinstance(newest, Post)
    assert (newest.text, newest.rating) == ("It got worse.", 1.0)


async def test_a_busy_night_is_heard_in_full(main_street: Shop) -> None:
    _, cursor = await main_street.poll()
    main_street.clock.move(12 * HOUR)
    for number in range(2 * PAGE + 5):
        main_street.google.add(number, ago=number * timedelta(minutes=5))

    pages, _ = await main_street.poll(cursor)

    assert set(ids(pages)) == {str(number) for number in range(2 * PAGE + 5)}


async def test_a_review_that_google_shows_days_late_is_heard(main_street: Shop) -> None:
    for number in range(2 * PAGE):
        main_street.google.add(number, ago=number * timedelta(minutes=30))
    _, cursor = await main_street.poll()
    main_street.google.add("late", ago=LAG - HOUR)

    pages, _ = await main_street.poll(cursor)

    assert "late" in ids(pages)


async def test_a_poll_that_was_cut_short_goes_on_where_it_was(main_street: Shop) -> None:
    for number in range(PAGE + 5):
        main_street.google.add(number, ago=number * HOUR)
    first = await main_street.source.fetch(None)

    rest, _ = await main_street.poll(first.cursor)

    assert len(ids([first])) == PAGE
    assert len(ids(rest)) == 5


async def test_the_same_cursor_gives_the_same_posts_again(main_street: Shop) -> None:
    for number in range(PAGE + 5):
        main_street.google.add(number, ago=number * HOUR)
    _, cursor = await main_street.poll()

    first, second = await main_street.source.fetch(cursor), await main_street.source.fetch(cursor)

    assert (first.posts, first.cursor) == (second.posts, second.cursor)


async def test_the_mark_of_a_page_that_has_run_out_begins_the_round_again(main_street: Shop) -> None:
    for number in range(PAGE + 5):
        main_street.google.add(number, ago=number * HOUR)
    first = await main_street.source.fetch(None)

    async def forgets(request: web.Request) -> web.Response | None:
        return error(400, "INVALID_ARGUMENT") if "pageToken" in request.query else None

    main_street.google.instead = forgets

    again = await main_street.source.fetch(first.cursor)

    assert len(again.posts) == PAGE


async def test_a_reply_of_a_colleague_on_google_is_heard_with_the_next_poll(main_street: Shop) -> None:
    review = main_street.google.add(1)
    _, cursor = await main_street.poll()
    review["reviewReply"] = {"comment": "Sorry, Ana. – Jo", "updateTime": stamp(main_street.clock())}

    pages, _ = await main_street.poll(cursor)

    assert ids(pages) == ["1", "1/reply"]


async def test_every_location_is_read_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop(monkeypatch, locations={"Main": "MAIN", "Station": "Station Square 1"}) as made:
        made.google.locations = LOCATIONS
        made.google.add(1)
        made.google.add(2, where=STATION)

        pages, cursor = await made.poll()
        again, _ = await made.poll(cursor)

    places = [post.place for page in pages for post in page.posts if isinstance(post, Post)]
    assert (places, ids(again)) == (["Main", "Station"], ["1", "2"])


async def test_a_location_that_is_closed_to_us_does_not_silence_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop(monkeypatch) as made:
        made.google.locations = LOCATIONS
        made.google.add(2, where=STATION)

        async def closed(request: web.Request) -> web.Response | None:
            return error(403) if MAIN in request.path else None

        made.google.instead = closed

        pages, _ = await made.poll()

    assert ids(pages) == ["2"]
    (fault,) = pages[0].faults
    assert fault.reason.startswith("Crumb & Co., Main Street 12: ")


async def test_an_account_that_is_closed_to_us_is_no_quiet_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop(monkeypatch) as made:
        made.google.locations = LOCATIONS

        async def closed(request: web.Request) -> web.Response | None:
            return error(403) if request.path.startswith("/v4") else None

        made.google.instead = closed

        with pytest.raises(SourceDenied, match="Business Profile interfaces"):
            await made.poll()


# Deletions


async def test_a_review_that_is_gone_is_told_and_the_others_stand(main_street: Shop) -> None:
    main_street.google.add(1)

    standing = await main_street.source.recheck([f"{MAIN}/reviews/1", f"{MAIN}/reviews/2", "else/reviews/3"])

    assert [type(each) for each in standing] == [Post, Gone]
    assert standing[1].external_id == f"{MAIN}/reviews/2"


async def test_the_reviews_of_a_location_that_left_the_account_are_not_gone(main_street: Shop) -> None:
    await main_street.source.fetch(None)
    main_street.google.locations = []

    assert await main_street.source.recheck([f"{MAIN}/reviews/1"]) == []


async def test_fewer_reviews_than_before_let_all_be_looked_at_again_at_once(main_street: Shop) -> None:
    for number in range(3):
        main_street.google.add(number)
    _, cursor = await main_street.poll()
    before = main_street.source.traits.recheck_every
    del main_street.google.reviews[MAIN][0]
    main_street.clock.move(HOUR)

    await main_street.poll(cursor)
    main_street.clock.move(HOUR)

    assert (before, main_street.source.traits.recheck_every) == (SWEEP, HOUR)


# Answering


def test_a_review_may_be_answered_with_4096_bytes(main_street: Shop) -> None:
    route = main_street.source.route(parse(REVIEWS, HERE).posts[0])

    assert (route.kind, route.limits, route.opening) == (RouteKind.API, (Limit(Counter.BYTES, 4096),), "")
    assert main_street.source.traits.duplicates is Duplicates.PUT


async def test_a_reply_is_put_once_and_followed_until_google_has_decided(main_street: Shop) -> None:
    review = main_street.google.add(1)

    receipt = await main_street.source.reply(target_of(review), "We are sorry, Ana. – Mia", key="k")
    pending = await main_street.source.status(receipt)
    review["reviewReply"]["reviewReplyState"] = "APPROVED"
    approved = await main_street.source.status(receipt)

    assert main_street.google.puts == [{"comment": "We are sorry, Ana. – Mia"}]
    assert receipt.external_id == f"{MAIN}/reviews/1/reply"
    assert (pending, approved) == (Status(Visibility.PENDING), Status(Visibility.VISIBLE))


@pytest.mark.parametrize(
    ("violation", "reason"),
    [
        ("CONTACT_INFORMATION", "Google refused the reply: contact information."),
        ({"reason": "OFF_TOPIC"}, "Google refused the reply: off topic."),
        (None, "Google refused the reply and gave no reason."),
    ],
)
async def test_a_reply_that_google_rejects_comes_back_with_its_reason(
    main_street: Shop, violation: Any, reason: str
) -> None:
    review = main_street.google.add(1)
    receipt = await main_street.source.reply(target_of(review), "Call 030 123", key="k")
    review["reviewReply"] |= {"reviewReplyState": "REJECTED", "policyViolation": violation}

    assert await main_street.source.status(receipt) == Status(Visibility.REFUSED, reason)


async def test_a_reply_that_google_does_not_list_is_waited_for_an_hour(main_street: Shop) -> None:
    main_street.google.add(1)
    receipt = Receipt(f"{MAIN}/reviews/1/reply", at=main_street.clock())

    new = await main_street.source.status(receipt)
    main_street.clock.move(HOUR)
    old = await main_street.source.status(receipt)

    assert (new.visibility, old.visibility) == (Visibility.PENDING, Visibility.REFUSED)


async def test_a_reply_whose_review_is_gone_is_not_shown(main_street: Shop) -> None:
    status = await main_street.source.status(Receipt(f"{MAIN}/reviews/1/reply"))

    assert status == Status(Visibility.REFUSED, "The review is gone, and the reply with it.")


async def test_a_colleagues_reply_is_never_replaced(main_street: Shop) -> None:
    answered = {"comment": "Jo was here.", "updateTime": stamp(main_street.clock())}
    review = main_street.google.add(1, reviewReply=answered)

    with pytest.raises(ReplyRefused, match="meanwhile"):
        await main_street.source.reply(target_of(review), "We are sorry.", key="k")

    assert main_street.google.puts == []


async def test_a_reply_from_before_the_authors_edit_may_be_replaced(main_street: Shop) -> None:
    stale = {"comment": "Thank you!", "updateTime": stamp(main_street.clock() - DAY)}
    review = main_street.google.add(1, reviewReply=stale)

    await main_street.source.reply(target_of(review), "We are sorry.", key="k")

    assert main_street.google.puts == [{"comment": "We are sorry."}]


async def test_a_review_that_was_edited_since_the_approval_is_not_answered(main_street: Shop) -> None:
    review = main_street.google.add(1)
    target = target_of(review)
    review["comment"] = "They have mended it, all is well."

    with pytest.raises(ReplyDeferred, match="edited"):
        await main_street.source.reply(target, "We are sorry.", key="k")

    assert main_street.google.puts == []


async def test_a_review_that_is_gone_is_not_answered(main_street: Shop) -> None:
    target = replace(target_of(REVIEWS["reviews"][0]), external_id=f"{MAIN}/reviews/none")

    with pytest.raises(ReplyRefused, match="gone"):
        await main_street.source.reply(target, "We are sorry.", key="k")


async def test_sending_the_same_again_leaves_one_reply(main_street: Shop) -> None:
    review = main_street.google.add(1)

    for _ in range(2):
        await main_street.source.reply(target_of(review), "We are sorry.", key="k")

    assert review["reviewReply"]["comment"] == "We are sorry."


@pytest.mark.parametrize(("stands", "kind"), [("We are sorry.\n", Found), ("Something else", Unsure), (None, Absent)])
async def test_looking_for_our_reply_tells_it_from_anothers(main_street: Shop, stands: str | None, kind: type) -> None:
    review = main_street.google.add(1)
    if stands:
        review["reviewReply"] = {"comment": stands, "updateTime": stamp(main_street.clock())}

    assert isinstance(await main_street.source.find_reply(target_of(review), "k", "We are sorry."), kind)


async def test_where_nothing_can_be_read_looking_proves_nothing(main_street: Shop) -> None:
    review = main_street.google.add(1)

    async def broken(request: web.Request) -> web.Response:
        return web.Response(status=502, text="<html>Bad gateway</html>")

    main_street.google.instead = broken

    assert isinstance(await main_street.source.find_reply(target_of(review), "k", "x"), Unsure)


async def test_a_reply_without_an_answer_is_lost_and_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop(monkeypatch, hasty=True) as made:
        review = made.google.add(1)

        async def drops(request: web.Request) -> web.Response | None:
            if request.method != "PUT":
                return None
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        made.google.instead = drops

        with pytest.raises(ReplyLost):
            await made.source.reply(target_of(review), "We are sorry.", key="k")

    assert [asked.split()[0] for asked in made.google.asked].count("PUT") == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, ReplyRefused), (403, ReplyRefused), (429, ReplyDeferred), (500, ReplyLost), (401, ReplyDeferred)],
)
async def test_what_a_refused_reply_means(main_street: Shop, status: int, kind: type[Exception]) -> None:
    review = main_street.google.add(1)

    async def refuses(request: web.Request) -> web.Response | None:
        return error(status, "NO") if request.method == "PUT" else None

    main_street.google.instead = refuses

    with pytest.raises(kind):
        await main_street.source.reply(target_of(review), "We are sorry.", key="k")


# Refusals


async def test_a_token_that_runs_out_is_renewed_by_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    purse = Purse(clock, access="old")
    async with shop(monkeypatch, purse=purse) as made:
        made.google.add(1)

        pages, _ = await made.poll()

    assert ids(pages) == ["1"]
    assert (purse.access, purse.refresh) == ("good", "r0")
    assert made.google.asked.count("POST /token") == 1


async def test_access_that_was_taken_back_asks_to_connect_again(monkeypatch: pytest.MonkeyPatch, shared: Path) -> None:
    recorded = shared / "platforms/google/business-profile-made-by-us/error_401_invalid_grant.json"
    async with shop(monkeypatch, purse=Purse(Clock(), access="old")) as made:
        made.google.token_answer = (400, json.loads(recorded.read_text(encoding="utf-8")))

        with pytest.raises(SourceDenied) as denied:
            await made.source.fetch(None)

    assert "invalid_grant" in denied.value.happened
    assert 'warmline connect "reviews"' in denied.value.do
    assert "s3cret" not in str(denied.value)


async def test_a_source_that_nobody_connected_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = ConfigError('"reviews" is not connected to its account.', do='Run warmline connect "reviews".')
    async with shop(monkeypatch, purse=Purse(Clock(), failing=failing)) as made:
        with pytest.raises(SourceDenied, match='Run warmline connect "reviews"'):
            await made.source.fetch(None)


async def test_a_store_that_does_not_answer_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop(monkeypatch, purse=Purse(Clock(), failing=StorageError("The disk is full."))) as made:
        with pytest.raises(SourceUnavailable, match="disk"):
            await made.source.fetch(None)


async def test_without_quota_the_access_form_is_explained_and_asked_again_by_itself(
    main_street: Shop, shared: Path
) -> None:
    recorded = shared / "platforms/google/business-profile-made-by-us/error_429_quota_zero.json"
    body = recorded.read_text(encoding="utf-8")

    async def closed(request: web.Request) -> web.Response:
        return web.Response(text=body, status=429, content_type="application/json")

    main_street.google.instead = closed

    with pytest.raises(SourceLimited) as limited:
        await main_street.source.fetch(None)

    assert "Application for Basic API Access" in limited.value.do
    assert limited.value.retry_at == NOW + HOUR


async def test_the_recorded_deleted_review_is_gone(main_street: Shop, shared: Path) -> None:
    recorded = shared / "platforms/google/business-profile-made-by-us/error_404_review_deleted.json"
    body = recorded.read_text(encoding="utf-8")

    async def gone(request: web.Request) -> web.Response | None:
        is_review = "/reviews/" in request.path
        return web.Response(text=body, status=404, content_type="application/json") if is_review else None

    main_street.google.instead = gone

    assert await main_street.source.recheck([f"{MAIN}/reviews/1"]) == [Gone("google_business", f"{MAIN}/reviews/1")]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda: error(401, "UNAUTHENTICATED"), SourceDenied),
        (lambda: error(403, "SERVICE_DISABLED"), SourceDenied),
        (lambda: error(429, "RESOURCE_EXHAUSTED"), SourceLimited),
        (lambda: web.Response(status=429), SourceLimited),
        (lambda: web.Response(status=503, text="<html>"), SourceUnavailable),
        (lambda: web.Response(text="<html>Sign in</html>"), SourceChanged),
        (lambda: web.json_response([]), SourceChanged),
        (lambda: web.json_response({"reviews": {}}), SourceChanged),
        (lambda: error(400, "INVALID_ARGUMENT"), SourceChanged),
        (lambda: error(404, "NOT_FOUND"), SourceDenied),
    ],
)
async def test_what_a_refused_question_means(
    main_street: Shop, answer: Callable[[], web.Response], kind: type[Exception]
) -> None:
    async def refuses(request: web.Request) -> web.Response | None:
        return answer() if request.path.startswith("/v4") else None

    main_street.google.instead = refuses

    with pytest.raises(kind) as refused:
        await main_street.source.fetch(None)

    assert "good" not in str(refused.value)


@pytest.mark.parametrize("path", ["/v1/accounts", "/v1/accounts/7/locations"])
@pytest.mark.parametrize("said", [[], {"accounts": 1, "locations": 1}, {"accounts": [1], "locations": [1]}])
async def test_lists_of_accounts_and_locations_are_not_trusted(main_street: Shop, path: str, said: Any) -> None:
    async def odd(request: web.Request) -> web.Response | None:
        return web.json_response(said) if request.path == path else None

    main_street.google.instead = odd

    with pytest.raises((SourceChanged, SourceDenied)):
        await main_street.source.fetch(None)


async def test_a_server_that_is_silent_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop(monkeypatch, hasty=True) as made:

        async def drops(request: web.Request) -> web.Response:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        made.google.instead = drops

        with pytest.raises(SourceUnavailable):
            await made.source.fetch(None)
