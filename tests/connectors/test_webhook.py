"""A request counts once, if it is signed with our secret and signed just now; its posts are heard or named as faults."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import ConfigError
from connectors.base import Author, Gone, Page, Post, Receiver, RouteKind, Surroundings
from connectors.errors import NotTaken, SourceLimited
from connectors.webhook import MOST, WINDOW, Webhook, WebhookSettings, parse
from tests.builders import Clock
from tests.conftest import NOW

FIXTURES = Path(__file__).with_name("fixtures") / "webhook"
SECRET = "a long random text that nobody guesses"
ORDER = (FIXTURES / "order.json").read_bytes()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def webhook(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Webhook:
    return open_webhook(clock, monkeypatch)


def open_webhook(clock: Clock, monkeypatch: pytest.MonkeyPatch, secret: str = SECRET) -> Webhook:
    monkeypatch.setenv("ORDERS_SECRET", secret)
    no_session: Any = None  # it asks nobody
    return Webhook(
        WebhookSettings.model_validate({"secret": {"env": "ORDERS_SECRET"}}),
        Surroundings("orders", no_session, clock, Path()),
    )


def signed(
    body: bytes, at: datetime = NOW, request: str = "msg-1", key: bytes = SECRET.encode(), **changes: str
) -> dict[str, str]:
    """The headers that a sender with this key would add; "_" in a header's name stands for "-"."""
    sent_at = int(at.timestamp())
    content = f"{request}.{sent_at}.".encode() + body
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": request, "webhook-timestamp": str(sent_at), "webhook-signature": f"v1,{signature}"}
    return headers | {name.replace("_", "-"): value for name, value in changes.items()}


def refused(webhook: Webhook, headers: Mapping[str, str], body: bytes, cursor: Any = None) -> int:
    with pytest.raises(NotTaken) as caught:
        webhook.receive(headers, body, cursor)
    assert SECRET not in str(caught.value)
    return caught.value.status


def posts(page: Page) -> list[Post]:
    return [post for post in page.posts if isinstance(post, Post)]


# --- who may send


def test_a_signed_request_is_heard(webhook: Webhook) -> None:
    page = webhook.receive(signed(ORDER), ORDER, None)

    assert isinstance(webhook, Receiver)
    assert [post.text for post in posts(page)] == ["The seeded loaf arrived warm. Thank you!"]


def test_the_example_of_standard_webhooks_is_taken(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    key = bytes(range(24))
    webhook = open_webhook(clock, monkeypatch, "whsec_" + base64.b64encode(key).decode())

    page = webhook.receive(signed(ORDER, key=key), ORDER, None)

    assert len(page.posts) == 1


def test_a_secret_that_is_cut_off_is_named(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="ORDERS_SECRET begins with whsec_") as caught:
        open_webhook(clock, monkeypatch, "whsec_AAA")

    assert "AAA" not in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-id": "msg-1", "webhook-timestamp": "1780392000"},
        signed(ORDER, webhook_signature="v1,"),
        signed(ORDER, webhook_signature="v1a," + base64.b64encode(bytes(64)).decode()),
        signed(ORDER, webhook_signature="\udcff"),
        signed(ORDER, webhook_id="msg-2"),
        signed(ORDER, webhook_id="\udcff"),
        signed(ORDER, webhook_id="i" * 201),
        signed(ORDER, webhook_timestamp="9" * 400),
        signed(ORDER, webhook_timestamp="-1"),
        signed(ORDER, webhook_timestamp=str(int(NOW.timestamp()) + 1)),
        signed(ORDER, key=b"another secret"),
        signed(ORDER, key=b""),
    ],
)
def test_what_is_not_signed_by_us_is_not_taken(webhook: Webhook, headers: dict[str, str]) -> None:
    assert refused(webhook, headers, ORDER) == 401


@given(at=st.integers(0, len(ORDER) - 1), bit=st.integers(0, 7))
@settings(max_examples=200, deadline=None)
def test_a_body_that_was_changed_by_one_bit_is_not_taken(at: int, bit: int) -> None:
    changed = bytearray(ORDER)
    changed[at] ^= 1 << bit
    with pytest.MonkeyPatch.context() as monkeypatch:
        webhook = open_webhook(Clock(), monkeypatch)

        assert refused(webhook, signed(ORDER), bytes(changed)) == 401


@pytest.mark.parametrize("late", [WINDOW, -WINDOW])
def test_a_signature_lapses_after_the_window(webhook: Webhook, late: timedelta) -> None:
    second = timedelta(seconds=1) if late > timedelta(0) else timedelta(seconds=-1)

    page = webhook.receive(signed(ORDER, NOW - late), ORDER, None)

    assert page.posts
    assert refused(webhook, signed(ORDER, NOW - late - second), ORDER) == 401


def test_one_of_several_signatures_is_enough(webhook: Webhook) -> None:
    headers = signed(ORDER)
    headers["webhook-signature"] = f"v1,{base64.b64encode(bytes(32)).decode()} {headers['webhook-signature']}"

    assert webhook.receive(headers, ORDER, None).posts


def test_a_request_is_taken_once(webhook: Webhook) -> None:
    headers = signed(ORDER)
    cursor = json.loads(json.dumps(webhook.receive(headers, ORDER, None).cursor))

    assert refused(webhook, headers, ORDER, cursor) == 409


def test_a_request_is_remembered_for_as_long_as_its_signature_is_valid(webhook: Webhook, clock: Clock) -> None:
    ahead = signed(ORDER, NOW + WINDOW)
    cursor = webhook.receive(ahead, ORDER, None).cursor
    for minute in range(1, 11):
        clock.at = NOW + timedelta(minutes=minute)
        other = signed(ORDER, clock.at, f"other-{minute}")
        cursor = webhook.receive(other, ORDER, cursor).cursor

        assert refused(webhook, ahead, ORDER, cursor) == 409

    clock.move(timedelta(seconds=1))
    assert refused(webhook, ahead, ORDER, cursor) == 401


def test_what_has_lapsed_is_not_kept(webhook: Webhook, clock: Clock) -> None:
    cursor = webhook.receive(signed(ORDER), ORDER, None).cursor
    clock.move(timedelta(minutes=6))

    cursor = webhook.receive(signed(ORDER, clock.at, "msg-2"), ORDER, cursor).cursor

    assert cursor is not None
    assert len(cursor["taken"]) == 1


def test_too_many_requests_are_told_when_to_come_back(webhook: Webhook, clock: Clock) -> None:
    cursor = None
    for number in range(MOST):
        cursor = webhook.receive(signed(ORDER, request=f"msg-{number}"), ORDER, cursor).cursor
    clock.move(timedelta(minutes=1))
    late = signed(ORDER, clock.at, "one more")

    with pytest.raises(SourceLimited) as caught:
        webhook.receive(late, ORDER, cursor)

    assert caught.value.retry_at == NOW + WINDOW
    clock.at = NOW + WINDOW + timedelta(seconds=1)
    assert webhook.receive(signed(ORDER, clock.at, "one more"), ORDER, cursor).posts


# --- what they say


def heard(**sent: Any) -> Post:
    ((post,), faults) = parse(json.dumps({"id": "r-1", "text": "Lovely"} | sent).encode(), "orders")
    assert faults == []
    assert isinstance(post, Post)
    return post


def fault(**sent: Any) -> str:
    found, (fault,) = parse(json.dumps({"id": "r-1", "text": "Lovely"} | sent).encode(), "orders")
    assert found == []
    return fault.reason


def test_every_part_of_the_documented_shape_is_heard() -> None:
    (full,), _ = parse((FIXTURES / "full.json").read_bytes(), "orders")

    assert full == Post(
        platform="delivery_app",
        external_id="orders r-18",
        text="The knots were cold,\nand one was missing.",
        title="Cold knots",
        posted_at=datetime(2026, 6, 2, 6, 30, tzinfo=UTC),
        edited_at=datetime(2026, 6, 2, 7, 0, tzinfo=UTC),
        url="https://delivery.example/reviews/r-18",
        author=Author("orders c-7", "anaq", "Ana Quist", "https://delivery.example/people/c-7"),
        rating=2.0,
        language="en",
        in_reply_to="orders r-17",
        place="Main Street",
    )


def test_a_writer_may_be_just_a_name() -> None:
    assert heard(author="Ana").author == Author("orders Ana", name="Ana")
    assert heard(author="").author is None


def test_a_rating_alone_is_enough() -> None:
    assert heard(text="", rating=1).rating == 1.0


def test_numbers_are_ids_as_well() -> None:
    assert heard(id=18).external_id == "orders 18"


def test_several_posts_come_oldest_first() -> None:
    body = (FIXTURES / "several.json").read_bytes()

    found, faults = parse(body, "orders")

    assert [post.external_id for post in found] == ["orders r-1", "orders r-2", "orders r-0"]
    assert isinstance(found[-1], Gone)
    assert [each.reason for each in faults] == [
        "Post 4 cannot be read (rating: Input should be less than or equal to 5)."
    ]


def test_two_sources_never_reach_each_others_posts() -> None:
    body = json.dumps({"id": "r-1", "text": "Lovely", "platform": "yelp"}).encode()

    ((one,), _), ((other,), _) = parse(body, "orders"), parse(body, "forms")

    assert one.external_id != other.external_id


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"id": ""}, "id: String should have at least 1 character"),
        ({"id": "r\n1"}, "id: holds characters that cannot be seen"),
        ({"text": " "}, "text and rating are both missing"),
        ({"ratng": 5}, "ratng: Extra inputs are not permitted"),
        ({"rating": 6}, "rating: Input should be less than or equal to 5"),
        ({"rating": float("nan")}, "rating"),
        ({"url": "javascript:alert(1)"}, "url: must be a web address"),
        ({"posted_at": "2026-06-02T10:00:00"}, "posted_at: Input should have timezone info"),
        ({"posted_at": "0001-01-01T00:00:00Z"}, "posted_at: is not a time of our days"),
        ({"author": {"phone": "1"}}, "author"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(sent: dict[str, Any], says: str) -> None:
    assert says in fault(**sent)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"null", b"[]", b"[" * 100_000, b'{"posts": []}', b'{"posts": {}}']
)
def test_a_body_of_another_shape_is_a_fault(body: bytes) -> None:
    found, faults = parse(body, "orders")

    assert (found, len(faults)) == ([], 1)
    assert len(faults[0].sample) <= 2000


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["posts", "id", "text", "author", "rating", "url", "posted_at"]), inner)
    ),
    max_leaves=12,
)


@given(
    _json | st.fixed_dictionaries({"id": st.text(min_size=1), "text": st.text(), "platform": st.text(), "url": _json})
)
@settings(max_examples=300, deadline=None)
def test_whatever_arrives_becomes_posts_or_faults(payload: Any) -> None:
    found, faults = parse(json.dumps(payload).encode(), "orders")

    assert found or faults
    assert all(post.external_id.startswith("orders ") for post in found)


# --- the rest of the connector


async def test_there_is_nothing_to_ask_for(webhook: Webhook) -> None:
    page = await webhook.fetch({"taken": {}})

    assert page == Page((), None, calls=0)
    assert await webhook.recheck(["orders r-1"]) == []


def test_a_post_with_a_link_is_answered_by_hand(webhook: Webhook) -> None:
    kinds = [webhook.route(heard(url=url)).kind for url in ("https://delivery.example/r-1", "")]

    assert kinds == [RouteKind.HANDOFF, RouteKind.NONE]
