"""Fetching: every trouble of the web becomes one of four errors, and no address leads inside."""

from __future__ import annotations

import asyncio
import tracemalloc
import zlib
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import SourceChanged, SourceDenied, SourceError, SourceLimited, SourceUnavailable
from connectors.http import fetch, is_public
from tests.conftest import NOW
from tests.connectors.loopback import HASTY, says, serve

PRIVATE = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "::ffff:10.0.0.0/104",
    "::ffff:127.0.0.0/104",
    "64:ff9b::/96",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]

#: Ways to write 127.0.0.1, and names that lead there.
INWARD = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",  # noqa: S104 – asked, not bound
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "localhost",
    "LOCALHOST.",
]


async def test_an_answer_is_given_as_it_came() -> None:
    async with serve(says(b"hello", ETag='"1"')) as web_:
        answer = await fetch(web_.around, f"{web_.base}/page")

    assert (answer.status, answer.body, answer.headers["ETag"]) == (200, b"hello", '"1"')


async def test_we_say_who_we_are() -> None:
    async with serve(says()) as web_:
        await fetch(web_.around, web_.base)

    assert web_.asked[0].headers["User-Agent"].startswith("Warmline/")


async def test_no_cookie_is_kept() -> None:
    async with serve(says(Set_Cookie="visitor=1")) as web_:
        await fetch(web_.around, web_.base)
        await fetch(web_.around, web_.base)

    assert "Cookie" not in web_.asked[1].headers


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, SourceChanged),
        (401, SourceDenied),
        (403, SourceDenied),
        (404, SourceUnavailable),
        (418, SourceChanged),
        (429, SourceLimited),
        (500, SourceUnavailable),
        (502, SourceUnavailable),
        (503, SourceUnavailable),
    ],
)
async def test_each_status_has_its_error(status: int, kind: type[SourceError]) -> None:
    async with serve(says("<h1>Oh no</h1>", status)) as web_:
        with pytest.raises(SourceError) as caught:
            await fetch(web_.around, web_.base)

    assert type(caught.value) is kind


async def test_a_status_that_the_caller_accepts_is_an_answer() -> None:
    async with serve(says(status=410)) as web_:
        answer = await fetch(web_.around, web_.base, accept={410})

    assert answer.status == 410


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("Tue, 02 Jun 2026 10:20:00 GMT", timedelta(hours=1)),
        ("Mon, 01 Jun 2026 10:20:00 GMT", timedelta(0)),
        ("99999999999999999999", timedelta(days=1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=1)),
    ],
)
async def test_a_platform_that_asks_us_to_wait_is_obeyed_for_a_day_at_most(
    status: int, header: str, wait: timedelta
) -> None:
    async with serve(says(status=status, Retry_After=header)) as web_:
        with pytest.raises(SourceLimited) as caught:
            await fetch(web_.around, web_.base)

    assert caught.value.retry_at == NOW + wait


@pytest.mark.parametrize("header", ["", "soon", "-5", "1.5", "²", "9" * 5000, "Mon, 99 Foo 2026 99:99:99 GMT"])
async def test_an_unreadable_wait_is_no_wait(header: str) -> None:
    async with serve(says(status=429, Retry_After=header)) as web_:
        with pytest.raises(SourceLimited) as caught:
            await fetch(web_.around, web_.base)

    assert caught.value.retry_at is None


async def test_a_page_for_people_is_not_taken_for_json() -> None:
    async with serve(says("<html>Please log in</html>")) as web_:
        answer = await fetch(web_.around, web_.base)
        with pytest.raises(SourceChanged) as caught:
            answer.json()

    assert caught.value.sample == "<html>Please log in</html>"


@pytest.mark.parametrize("body", ["", "{", "[" * 100_000, "\ufffd"])
async def test_broken_json_is_a_change_and_not_a_crash(body: str) -> None:
    async with serve(says(body)) as web_:
        answer = await fetch(web_.around, web_.base)
        with pytest.raises(SourceChanged):
            answer.json()


async def test_a_body_beyond_the_limit_is_refused() -> None:
    async with serve(says(b"x" * 1001)) as web_:
        with pytest.raises(SourceChanged, match="more than 1,000 bytes"):
            await fetch(web_.around, web_.base, at_most=1000)


async def test_a_body_at_the_limit_is_taken() -> None:
    async with serve(says(b"x" * 1000)) as web_:
        answer = await fetch(web_.around, web_.base, at_most=1000)

    assert len(answer.body) == 1000


async def test_a_deflate_bomb_is_not_unpacked() -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(300)) + packer.flush()

    async with serve(says(bomb, Content_Encoding="deflate")) as web_:
        tracemalloc.start()
        with pytest.raises(SourceChanged):
            await fetch(web_.around, web_.base)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak < 40_000_000


async def test_damaged_compression_is_unavailable() -> None:
    async with serve(says(b"not deflate at all", Content_Encoding="deflate")) as web_:
        with pytest.raises(SourceUnavailable):
            await fetch(web_.around, web_.base)


async def test_a_dropped_connection_is_unavailable() -> None:
    async def drop(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with serve(drop) as web_:
        with pytest.raises(SourceUnavailable, match="connection could not be made or was lost"):
            await fetch(web_.around, web_.base)


async def test_a_body_that_breaks_off_is_unavailable() -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"x")
        assert request.transport is not None
        request.transport.close()
        return response

    async with serve(break_off) as web_:
        with pytest.raises(SourceUnavailable, match="broke off"):
            await fetch(web_.around, web_.base)


async def test_a_body_that_does_not_come_is_unavailable() -> None:
    async def dawdle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await asyncio.Event().wait()
        return response

    async with serve(dawdle, patience=HASTY) as web_:
        with pytest.raises(SourceUnavailable, match="did not answer in time"):
            await fetch(web_.around, web_.base)


async def test_a_server_that_speaks_no_tls_is_unavailable() -> None:
    async with serve(says()) as web_:
        with pytest.raises(SourceUnavailable, match="encrypted"):
            await fetch(web_.around, web_.base.replace("http:", "https:"))


async def test_a_closed_port_is_unavailable(unused_tcp_port: int) -> None:
    async with serve(says()) as web_:
        with pytest.raises(SourceUnavailable):
            await fetch(web_.around, f"http://127.0.0.1:{unused_tcp_port}")


async def test_a_name_that_does_not_exist_is_unavailable() -> None:
    async with serve(says()) as web_:
        with pytest.raises(SourceUnavailable):
            await fetch(web_.around, "http://nowhere.invalid/")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/hostname", "http://", "http://a..b/", "no address"])
async def test_what_is_no_web_address_is_an_error_in_words(url: str) -> None:
    async with serve(says()) as web_:
        with pytest.raises(SourceUnavailable):
            await fetch(web_.around, url)


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/", "file:///etc/hostname", "http://[", "http://a..b/"])
async def test_a_redirect_to_what_is_no_web_address_is_an_error_in_words(location: str) -> None:
    async with serve(says(status=302, Location=location)) as web_:
        with pytest.raises(SourceUnavailable):
            await fetch(web_.around, web_.base)


async def test_a_redirect_is_followed() -> None:
    async def respond(request: web.Request) -> web.Response:
        if request.path == "/old":
            raise web.HTTPMovedPermanently("/new")
        return web.Response(text="moved here")

    async with serve(respond) as web_:
        answer = await fetch(web_.around, f"{web_.base}/old")

    assert (answer.body, answer.url) == (b"moved here", f"{web_.base}/new")


async def test_redirects_without_end_are_unavailable() -> None:
    async with serve(says(status=302, Location="/again")) as web_:
        with pytest.raises(SourceUnavailable, match="without end"):
            await fetch(web_.around, web_.base)

    assert len(web_.asked) <= 6


async def test_credentials_do_not_follow_a_redirect() -> None:
    async with serve(says(status=302, Location="/elsewhere")) as web_:
        with pytest.raises(SourceChanged):
            await fetch(web_.around, web_.base, credentials={"Api-Key": "s3cret"})

    assert [request.path for request in web_.asked] == ["/"]


@pytest.mark.parametrize("host", INWARD)
async def test_no_way_of_writing_an_address_leads_inside(host: str) -> None:
    async with serve(says("secret"), allow_hosts=()) as web_:
        port = web_.base.rpartition(":")[2]
        with pytest.raises((SourceDenied, SourceUnavailable)):
            await fetch(web_.around, f"http://{host}:{port}/")

    assert web_.asked == []


async def test_a_redirect_does_not_lead_inside() -> None:
    async def respond(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://127.0.0.1:{request.url.port}/inside")

    async with serve(respond, allow_hosts=("localhost",)) as web_:
        with pytest.raises(SourceDenied, match="not a public address"):
            await fetch(web_.around, f"{web_.base.replace('127.0.0.1', 'localhost')}/feed")

    assert [request.path for request in web_.asked] == ["/feed"]


@pytest.mark.parametrize("allowed", ["localhost", "LocalHost.", "127.0.0.1", "127.0.0.0/8"])
async def test_what_the_owner_allows_is_reached(allowed: str) -> None:
    async with serve(says("ours"), allow_hosts=(allowed, "::1")) as web_:
        answer = await fetch(web_.around, web_.base.replace("127.0.0.1", "localhost"))

    assert answer.body == b"ours"


async def test_the_refusal_says_what_to_allow() -> None:
    async with serve(says(), allow_hosts=()) as web_:
        with pytest.raises(SourceDenied) as caught:
            await fetch(web_.around, f"{web_.base}/?token=s3cret")

    assert 'add "127.0.0.1" to allow_hosts' in caught.value.do


@pytest.mark.parametrize("status", [401, 404, 418, 429, 500])
async def test_an_error_names_the_source_and_never_its_address(status: int) -> None:
    async with serve(says(status=status)) as web_:
        with pytest.raises(SourceError) as caught:
            await fetch(web_.around, f"{web_.base}/p4th?token=s3cret")

    said = str(caught.value)
    assert '"reviews"' in said
    assert "s3cret" not in said
    assert "p4th" not in said


@st.composite
def private_addresses(draw: st.DrawFn) -> IPv4Address | IPv6Address:
    network = ip_network(draw(st.sampled_from(PRIVATE)))
    return network[draw(st.integers(0, network.num_addresses - 1))]


@given(private_addresses())
def test_no_private_address_counts_as_public(address: IPv4Address | IPv6Address) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_counts_the_same_in_its_ipv6_form(address: IPv4Address) -> None:
    assert is_public(ip_address(f"::ffff:{address}")) == is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:81b::200e"])
def test_ordinary_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))
