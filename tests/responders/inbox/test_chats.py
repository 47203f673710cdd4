"""“Your chats”: a code that is shown once, and who is linked where."""

from __future__ import annotations

import re

from responders.channels import linking
from storage import chat_notes, identities
from tests.responders.inbox.conftest import House, Visitor, said
from tests.responders.inbox.household import bakery


def with_chats(house: House) -> None:
    house.household.businesses["crumb"] = bakery(channels=[{"type": "slack"}, {"type": "matrix", "name": "kitchen"}])


async def test_a_code_is_shown_once_and_links_who_is_signed_in(house: House, mia: Visitor) -> None:
    with_chats(house)
    await mia.get("/chats")

    _, page = await mia.post("/chats/code", {"chat": "kitchen"})

    household = house.household
    found = re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}", said(page))
    assert found is not None
    business = household.businesses["crumb"]
    in_slack = await linking.redeem(household.store, business, "slack", "U1", found[0], household.now)
    in_kitchen = await linking.redeem(household.store, business, "kitchen", "@mia:town", found[0], household.now)
    _, later = await mia.get("/chats")
    assert (in_slack, in_kitchen) == ("", "Mia")
    assert found[0] not in later
    assert "Linked" in said(later)


async def test_a_person_unlinks_their_own_account_and_nobody_elses(house: House, mia: Visitor) -> None:
    with_chats(house)
    household = house.household
    async with household.store.work() as session:
        for actor, person in (("U1", "Mia"), ("U2", "Jo")):
            await identities.link(session, "crumb", "slack", actor, person, household.now)
    await mia.get("/chats")

    await mia.post("/chats/unlink", {"chat": "slack"})

    async with household.store.read() as session:
        assert [each.person for each in await identities.listing(session, "crumb")] == ["Jo"]


async def test_what_is_wrong_with_a_chat_is_said_there(house: House, mia: Visitor) -> None:
    with_chats(house)
    async with house.household.store.work() as session:
        await chat_notes.put(session, "crumb", "slack", chat_notes.FAULT, "The token is no longer valid.")

    _, page = await mia.get("/chats")

    assert "The token is no longer valid." in said(page)


async def test_without_chats_the_page_says_how_to_add_them(mia: Visitor) -> None:
    status, page = await mia.get("/chats")

    assert status == 200
    assert "There is no chat yet." in said(page)


async def test_a_code_for_a_chat_that_is_not_there_is_refused_in_words(mia: Visitor) -> None:
    await mia.get("/chats")

    status, page = await mia.post("/chats/code", {"chat": "pigeons"})

    assert status == 403
    assert "There is no chat “pigeons”." in said(page)
