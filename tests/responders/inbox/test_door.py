"""Signing in and out, and who is let in at all."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import aiohttp
import pytest

from storage import LoginLink
from tests.responders.inbox.conftest import House, Letters, Visitor
from tests.responders.inbox.household import bakery


async def test_opening_a_link_signs_nobody_in(house: House, stranger: Visitor) -> None:
    link = await house.link("Mia")

    status, page = await stranger.get(link)

    assert (status, "Hello Mia" in page) == (200, True)
    assert "Good to see you" in (await stranger.get("/"))[1]


async def test_the_button_of_a_link_signs_in_once(house: House, stranger: Visitor) -> None:
    link = await house.link("Mia")

    first = await stranger.post(link)
    await stranger.post("/sign-out")
    second = await stranger.post(link)

    assert "Signed in as <strong>Mia</strong>" in first[1]
    assert (second[0], "This link is over" in second[1]) == (404, True)


async def test_a_link_is_over_after_ten_minutes(house: House, stranger: Visitor) -> None:
    link = await house.link("Mia")

    house.household.now += timedelta(minutes=10)

    assert (await stranger.post(link))[0] == 404


async def test_only_a_hash_of_a_link_is_kept(house: House) -> None:
    from sqlmodel import select

    link = await house.link("Mia")

    async with house.household.store.read() as session:
        kept = (await session.exec(select(LoginLink))).one()
    assert link.rpartition("/")[2] not in kept.model_dump_json()


async def test_a_session_ends_after_thirty_days(house: House, mia: Visitor) -> None:
    house.household.now += timedelta(days=30)

    assert "Good to see you" in (await mia.get("/"))[1]


async def test_a_person_who_was_removed_is_signed_out_at_once(house: House, mia: Visitor) -> None:
    house.household.businesses["crumb"] = bakery(staff=[{"name": "Jo", "role": "owner"}])

    assert "Good to see you" in (await mia.get("/"))[1]


async def test_signing_in_never_takes_over_a_cookie_that_was_planted(house: House, stranger: Visitor) -> None:
    stranger.session.cookie_jar.update_cookies({"warmline": "planted-by-somebody"})

    await stranger.sign_in("Mia")

    cookies = {cookie.key: cookie.value for cookie in stranger.session.cookie_jar}
    assert cookies["warmline"] != "planted-by-somebody"


async def test_signing_in_again_ends_the_session_before(house: House, mia: Visitor) -> None:
    before = next(cookie.value for cookie in mia.session.cookie_jar)

    await mia.sign_in("Jo")

    async with aiohttp.ClientSession(cookies={"warmline": before}) as old:
        answer = await old.get(house.address + "/", allow_redirects=False)
    assert answer.status == 303


async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(house: House, stranger: Visitor) -> None:
    house.household.address = "https://inbox.crumb.example"
    headers = {"Origin": house.household.address, "Host": "inbox.crumb.example"}

    link = await house.link("Mia")
    answer = await stranger.session.post(house.address + link, headers=headers, allow_redirects=False, data={"a": ""})

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-warmline=")
    assert all(part in cookie for part in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/"))
    assert "Domain" not in cookie


async def test_a_name_or_an_address_is_answered_alike_whether_it_exists_or_not(house: House, stranger: Visitor) -> None:
    known = await stranger.post("/sign-in", {"who": "mia@crumb.example"})
    unknown = await stranger.post("/sign-in", {"who": "nobody@crumb.example"})

    assert known == unknown


async def test_the_link_goes_to_the_address_in_the_configuration(house: House, stranger: Visitor) -> None:
    await stranger.post("/sign-in", {"who": "mia"})
    assert house.letters is not None

    async with asyncio.timeout(5):
        to, _, text = await house.letters.sent.get()

    assert to == ["mia@crumb.example"]
    link = re.search(r"/sign-in/\S+", text)
    assert link is not None
    assert "Signed in as <strong>Mia</strong>" in (await stranger.post(link[0]))[1]


async def test_without_a_mail_server_the_door_names_the_terminal(house: House, stranger: Visitor) -> None:
    house.letters = None

    assert "warmline inbox" in (await stranger.get("/sign-in"))[1]
    assert "warmline inbox" in (await stranger.post("/sign-in", {"who": "Mia"}))[1]


async def test_a_mail_server_that_fails_changes_nothing_for_who_asks(
    house: House, stranger: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from responders.errors import ChannelError

    async def fail(self: Letters, *_: object) -> None:
        raise ChannelError("The mail server is away.")

    monkeypatch.setattr(Letters, "send", fail)

    assert "Look into your mail" in (await stranger.post("/sign-in", {"who": "Mia"}))[1]


async def test_the_sixth_try_in_a_minute_has_to_wait(house: House, stranger: Visitor) -> None:
    tries = [(await stranger.post("/sign-in", {"who": "x"}))[0] for _ in range(6)]
    house.household.now += timedelta(minutes=1)
    later = await stranger.post("/sign-in", {"who": "x"})

    assert tries == [200] * 5 + [429]
    assert later[0] == 200


async def test_behind_a_proxy_everybody_has_tries_of_their_own(house: House, stranger: Visitor) -> None:
    house.household.address = house.address
    for _ in range(6):
        await stranger.post("/sign-in", {"who": "x"}, **{"X-Forwarded-For": "8.8.8.8, 203.0.113.1"})

    other = await stranger.post("/sign-in", {"who": "x"}, **{"X-Forwarded-For": "203.0.113.1, 203.0.113.2"})

    assert other[0] == 200


async def test_signing_out_ends_the_session_for_good(house: House, mia: Visitor) -> None:
    cookie = next(cookie.value for cookie in mia.session.cookie_jar)

    await mia.post("/sign-out")

    async with aiohttp.ClientSession(cookies={"warmline": cookie}) as again:
        answer = await again.get(house.address + "/", allow_redirects=False)
    assert answer.status == 303
