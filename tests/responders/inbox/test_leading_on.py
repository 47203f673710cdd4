"""A link to a page, from a mail or a chat, gets there through the door, and nowhere else."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from responders.inbox.signing_in import local_path, passage
from tests.responders.inbox.conftest import House, Visitor, said


async def mailed(house: House, address: str, mail: str = "mia@crumb.example") -> str:
    """An address of the inbox as it stands in a mail to somebody."""
    household = house.household
    return await passage(household.store, household.settings, "crumb", mail, address, household.now)


def within(house: House, address: str) -> str:
    """The path of an address of the inbox."""
    return address.removeprefix(house.household.settings.inbox_address)


async def test_a_link_in_a_mail_opens_the_page_only_after_its_button(house: House, stranger: Visitor) -> None:
    inbox = house.household.settings.inbox_address
    link = within(house, await mailed(house, f"{inbox}/promises"))

    opened = await stranger.get(link)
    looked = await stranger.get("/promises")
    status, page = await stranger.post(link)

    assert (opened[0], "Hello Mia" in opened[1], "Good to see you" in looked[1]) == (200, True, True)
    assert (status, "<title>Promises" in page, "Signed in as <strong>Mia</strong>" in page) == (200, True, True)


async def test_a_link_in_a_mail_works_once_within_a_day_and_then_shows_the_way_to_a_new_one(
    house: House, stranger: Visitor
) -> None:
    inbox = house.household.settings.inbox_address
    link, late = [within(house, await mailed(house, f"{inbox}/promises")) for _ in range(2)]

    await stranger.post(link)
    await stranger.post("/sign-out")
    used = await stranger.post(link)
    house.household.now += timedelta(days=1)
    over = await stranger.get(late)

    assert (used[0], over[0]) == (404, 404)
    assert 'href="/sign-in?next=%2Fpromises"' in over[1]


async def test_who_is_signed_in_already_gets_there_at_once_and_the_link_is_not_used_up(
    house: House, mia: Visitor, stranger: Visitor
) -> None:
    link = within(house, await mailed(house, f"{house.household.settings.inbox_address}/promises"))

    first = await mia.get(link)

    assert "<title>Promises" in first[1]
    assert (await stranger.post(link))[0] == 200


async def test_a_page_that_a_stranger_asks_for_comes_after_the_door(house: House, stranger: Visitor) -> None:
    async with stranger.session.get(house.address + "/search?q=hair%20cake", allow_redirects=False) as answer:
        door = answer.headers["Location"]
    await stranger.post(door, {"who": "mia"})
    assert house.letters is not None

    async with asyncio.timeout(5):
        _, _, text = await house.letters.sent.get()

    link = re.search(r"/sign-in/\S+", text)
    assert link is not None
    assert "hair cake" in (await stranger.post(link[0]))[1]


@pytest.mark.parametrize("mail", ["nobody@crumb.example", ""])
async def test_who_is_not_on_the_staff_gets_no_link_that_signs_in(house: House, mail: str) -> None:
    address = f"{house.household.settings.inbox_address}/promises"

    assert await mailed(house, address, mail) == address


@pytest.mark.parametrize("leads_to", ["https://evil.example/", "//evil.example", "/\\evil.example"])
async def test_the_door_never_leads_to_another_site(house: House, stranger: Visitor, leads_to: str) -> None:
    link = await house.link("Mia")

    answer = await stranger.session.post(
        f"{house.address}{link}?next={quote(leads_to)}",
        data={"token": ""},
        headers={"Origin": house.address},
        allow_redirects=False,
    )

    assert (answer.status, answer.headers["Location"]) == (303, "/")


async def test_an_address_of_another_site_stays_as_it_is(house: House) -> None:
    inbox = house.household.settings.inbox_address

    for address in ("https://maps.example/1", f"{inbox}.evil.example/drafts/1", f"{inbox}//evil.example"):
        assert await mailed(house, address) == address


@given(st.text(st.sampled_from("/\\.:?#@%&=+- \t\nae1é"), max_size=12))
@example("//e.e")
def test_a_page_of_ours_stays_on_our_site_as_every_browser_reads_it(text: str) -> None:
    leads_to = local_path(text)

    # Browsers drop tabs and line ends and take "\" for "/".
    read = re.sub(r"[\t\r\n]", "", leads_to).strip().replace("\\", "/")
    assert read.startswith("/")
    assert not read.startswith("//")
    assert urlsplit(read)[:2] == ("", "")
    assert local_path(leads_to) == leads_to


async def test_the_page_for_signing_in_keeps_where_one_wanted_to_go(house: House, stranger: Visitor) -> None:
    status, page = await stranger.get("/promises")

    assert (status, "Good to see you" in said(page)) == (200, True)
    assert '<form method="post">' in page  # sent to the address of the page itself, which names the way on
