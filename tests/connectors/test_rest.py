"""Interfaces that want to know who asks: every way of saying no is understood, and a reply leaves once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

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
from connectors.http import Answer
from connectors.oauth import Token, Tokens, exchange, signed
from connectors.rest import Api, Fixed, Manners, reasons, soon
from tests.conftest import NOW
from tests.connectors.loopback import HASTY, Web, says, serve

TOMORROW = NOW + timedelta(days=1)
MANNERS = Manners(
    "The town",
    "Renew the key, then run warmline check.",
    limits={"spent": lambda now: TOMORROW, "slow": soon},
    denials={"keyInvalid"},
)
Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def drops(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def hangs(request: web.Request) -> web.StreamResponse:
    """Begins an answer and says no more until the asker has gone."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"{")
    await asyncio.Event().wait()
    return response


def body(**said: Any) -> str:
    return json.dumps(said)


def api(web_: Web, credentials: Any = None) -> Api:
    return Api(web_.around, credentials or Fixed({"X-Key": "s3cret"}), MANNERS)


class Obtained:
    """Tokens "t1", "t2", … as they are asked for."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> Token:
        self.count += 1
        return Token(f"t{self.count}", NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("respond", "kind"),
    [
        (says("", 500), SourceUnavailable),
        (says("<html>back soon</html>", 502), SourceUnavailable),
        (says(body(error={"errors": [{"reason": "forbidden"}]}), 403), SourceDenied),
        (says("", 401), SourceDenied),
        (says(body(error={"errors": [{"reason": "keyInvalid"}]}), 400), SourceDenied),
        (says(body(error="huh"), 400), SourceChanged),
        (says("", 429), SourceLimited),
        (says(body(error={"errors": [{"reason": "spent"}]}), 403), SourceLimited),
        (drops, SourceUnavailable),
        (hangs, SourceUnavailable),
    ],
)
async def test_every_way_of_not_answering_is_one_of_four_errors(respond: Respond, kind: type[SourceError]) -> None:
    async with serve(respond, patience=HASTY) as web_:
        with pytest.raises(kind) as caught:
            await api(web_).get(web_.base)

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("respond", "retry_at"),
    [
        (says("", 429), None),
        (says("", 429, Retry_After="60"), NOW + timedelta(minutes=1)),
        (says(body(error={"errors": [{"reason": "spent"}]}), 403), TOMORROW),
        (says(body(error={"status": "slow"}), 403), None),
    ],
)
async def test_a_wait_is_as_long_as_the_platform_says(respond: Respond, retry_at: datetime | None) -> None:
    async with serve(respond) as web_:
        with pytest.raises(SourceLimited) as caught:
            await api(web_).get(web_.base)
        with pytest.raises(ReplyDeferred) as deferred:
            await api(web_).publish(web_.base, {})

    assert (caught.value.retry_at, deferred.value.retry_at) == (retry_at, retry_at)


async def test_a_token_that_served_before_is_renewed_once() -> None:
    refused = {"Bearer t1"}

    async def respond(request: web.Request) -> web.Response:
        proof = request.headers["Authorization"]
        return web.json_response({}, status=401 if proof in refused and len(web_.asked) > 1 else 200)

    async with serve(respond) as web_:
        asker = api(web_, Tokens(Obtained(), lambda: NOW))
        await asker.get(web_.base)

        answer = await asker.get(web_.base)

    assert answer.status == 200
    assert asker.count() == 3


async def test_a_token_that_was_never_good_is_not_renewed() -> None:
    obtained = Obtained()
    async with serve(says("", 401)) as web_:
        with pytest.raises(SourceDenied):
            await api(web_, Tokens(obtained, lambda: NOW)).get(web_.base)

        assert len(web_.asked) == 1

    assert obtained.count == 1


async def test_a_token_is_obtained_again_when_it_has_run_out() -> None:
    clock, obtained = [NOW], Obtained()
    tokens = Tokens(obtained, lambda: clock[0])
    await tokens.headers()
    clock[0] += timedelta(hours=1)

    headers = await tokens.headers()

    assert headers == {"Authorization": "Bearer t2"}


@pytest.mark.parametrize(
    ("respond", "kind"),
    [
        (says("", 500), ReplyLost),
        (says("", 503, Retry_After="60"), ReplyLost),
        (says("", 408), ReplyLost),
        (says("", 302, Location="/elsewhere"), ReplyLost),
        (drops, ReplyLost),
        (hangs, ReplyLost),
        (says("", 429), ReplyDeferred),
        (says(body(error={"errors": [{"reason": "slow"}]}), 403), ReplyDeferred),
        (says("", 401), ReplyRefused),
        (says("", 403), ReplyRefused),
        (says("", 404), ReplyRefused),
        (says(body(message="The text is too long."), 400), ReplyTooLong),
    ],
)
async def test_a_reply_leaves_once_and_its_fate_has_a_name(respond: Respond, kind: type[ReplyError]) -> None:
    async with serve(respond, patience=HASTY) as web_:
        with pytest.raises(ReplyError) as caught:
            await api(web_).publish(web_.base, {"text": "Sorry, Ana."})

        assert [request.method for request in web_.asked] == ["POST"]

    assert type(caught.value) is kind


async def test_a_reply_that_met_no_server_is_sent_later() -> None:
    async with serve(says()) as web_:
        base = web_.base
    async with serve(says()) as other:
        with pytest.raises(ReplyDeferred):
            await api(other).publish(base, {})


async def test_a_reply_waits_where_no_token_can_be_had_now() -> None:
    async def obtain() -> Token:
        raise SourceLimited("Wait.", retry_at=TOMORROW)

    async with serve(says()) as web_:
        with pytest.raises(ReplyDeferred) as caught:
            await api(web_, Tokens(obtain, lambda: NOW)).publish(web_.base, {})

        assert web_.asked == []

    assert caught.value.retry_at == TOMORROW


async def test_a_reply_with_a_token_that_ran_out_early_is_sent_later_with_another() -> None:
    async def respond(request: web.Request) -> web.Response:
        return web.json_response({}, status=200 if request.method == "GET" else 401)

    async with serve(respond) as web_:
        asker = api(web_, Tokens(Obtained(), lambda: NOW))
        await asker.get(web_.base)

        with pytest.raises(ReplyDeferred):
            await asker.publish(web_.base, {})
        with pytest.raises(ReplyRefused):
            await asker.publish(web_.base, {})


@pytest.mark.parametrize(
    ("respond", "kind"),
    [
        (says(body(error="invalid_grant", error_description="revoked"), 400), SourceDenied),
        (says("", 401), SourceDenied),
        (says("", 429, Retry_After="60"), SourceLimited),
        (says("", 503), SourceUnavailable),
        (says("<html>", 200), SourceChanged),
        (says(body(refresh_token="s3cret"), 200), SourceChanged),
        (says("", 302, Location="/elsewhere"), SourceChanged),
        (drops, SourceUnavailable),
    ],
)
async def test_a_token_that_is_not_given_is_one_of_four_errors(respond: Respond, kind: type[SourceError]) -> None:
    async with serve(respond) as web_:
        with pytest.raises(kind) as caught:
            await exchange(web_.around, web_.base, {"grant_type": "x"}, MANNERS)

        assert len(web_.asked) == 1

    assert "s3cret" not in f"{caught.value}{getattr(caught.value, 'sample', '')}"


async def test_a_life_time_that_is_a_text_counts_too() -> None:
    async with serve(says(body(access_token="t", expires_in="359999"))) as web_:
        token = await exchange(web_.around, web_.base, {}, MANNERS)

    assert token.until == NOW + timedelta(seconds=359999) - timedelta(minutes=1)
    assert "'t'" not in repr(token)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=200),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["error", "errors", "code", "reason", "x"]), inner, max_size=4)
        ),
        max_leaves=30,
    )
)
def test_reasons_are_found_in_whatever_comes(said: Any) -> None:
    names = reasons(Answer("reviews", 400, {}, json.dumps(said).encode(), ""))

    assert all(isinstance(name, str) and len(name) <= 100 for name in names)


def test_what_is_no_key_cannot_sign() -> None:
    claims: Mapping[str, Any] = {"iss": "us"}

    with pytest.raises(ValueError, match="not a private key"):
        signed(claims, "s3cret", algorithm="ES256", key_id="K")


def test_a_key_may_be_written_on_one_line() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    token = signed({"iss": "us"}, pem.replace("\n", "\\n"), algorithm="ES256", key_id="K")

    assert jwt.decode(token, key.public_key(), algorithms=["ES256"]) == {"iss": "us"}
    assert jwt.get_unverified_header(token)["kid"] == "K"
