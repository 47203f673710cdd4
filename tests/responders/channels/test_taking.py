"""Taps and answers: what is lost on the way loses no decision, and codes cannot be guessed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlmodel import col, select

from responders.channels import linking
from responders.channels.base import Act, Press, Ref, Verb
from responders.errors import NotAllowed
from storage import Card, Store, audit, cards, exposure
from storage.chats import CardState
from storage.states import Action, DraftState
from tests.responders.channels.scenario import NAME, Room, open_room
from tests.responders.channels.simulated import Server, SimulatedHand
from tests.responders.inbox.household import COMPLAINT, NOW, bakery


@pytest.fixture
async def room(sqlite_store: Store) -> AsyncIterator[Room]:
    """A room in which Mia and Jo are linked."""
    async with open_room(sqlite_store, SimulatedHand()) as room:
        await asyncio.sleep(0)
        await room.link("Mia", "Jo")
        yield room


def server(room: Room) -> Server:
    assert isinstance(room.hand, SimulatedHand)
    return room.hand.server


async def test_an_answer_that_cannot_be_told_loses_no_decision(room: Room) -> None:
    draft = await room.draft()
    card = await room.card("sorry about the hair")
    server(room).tells = False

    await room.tap("Mia", card, "Approve and post")

    assert (await room.household.standing(draft)).state is DraftState.APPROVED


async def test_a_tap_that_a_chat_delivers_twice_decides_once(room: Room) -> None:
    draft = await room.draft()
    act = Act("u-mia", Press(Verb.APPROVE, draft, 1))

    await room.taking.take(act)
    await room.taking.take(act)

    assert await room.decisions(draft) == [("Mia", "approve")]
    await room.told("Mia", "Mia chose “approve”")


async def test_a_question_that_cannot_be_asked_leads_to_the_inbox(room: Room) -> None:
    await room.draft()
    card = await room.card("sorry about the hair")
    server(room).faults.append("before")

    await room.tap("Mia", card, "Edit")

    await room.told("Mia", "Please do this in the inbox.")


async def test_words_that_came_too_late_are_given_back(room: Room) -> None:
    draft = await room.draft()
    await room.tap("Mia", await room.card("sorry about the hair"), "Edit")
    await room.household.decide(draft, Action.APPROVE, "Jon")

    await room.taking.take(Act("u-mia", Press(Verb.EDIT, draft, 1), text="My own words. — Mia", answers=True))

    await room.told("Mia", "You had written: My own words. — Mia")


async def test_what_only_an_owner_may_allow_is_kept_and_not_approved(room: Room) -> None:
    draft = await room.draft()
    await room.tap("Mia", await room.card("sorry about the hair"), "Edit")

    await room.hand.answer("Mia", "You get a refund. — Mia")

    card = await room.card("You get a refund.")
    await room.told("Mia", "Only an owner may offer a refund.")
    assert (await room.household.standing(draft)).text == "You get a refund. — Mia"
    assert not any(label.startswith("Approve") for label in card.buttons)


async def test_a_reply_posted_by_hand_asks_for_its_link(room: Room) -> None:
    draft = await room.draft(route="handoff")
    await room.tap("Mia", await room.card("sorry about the hair"), "Approve, to post by hand")
    await room.household.put(draft, DraftState.HANDED_OFF)
    await room.tap("Mia", await room.card("Copy the text"), "I posted it")

    await room.hand.answer("Mia", "over there")
    problem = await room.asked("Mia", problem=True)
    await room.hand.answer("Mia", "https://reviews.example/1#reply")

    card = await room.card("It is posted")
    assert "not a link" in problem.problem
    assert "https://reviews.example/1#reply" not in problem.text
    assert (await room.household.standing(draft)).state is DraftState.SENT
    assert card.buttons == ()


async def test_an_unconfirmed_reply_is_settled_by_who_has_looked(room: Room) -> None:
    draft = await room.draft()
    await room.settle()
    await room.household.decide(draft, Action.APPROVE)
    for state in (DraftState.SENDING, DraftState.UNCONFIRMED):
        await room.household.put(draft, state, note="The platform did not answer.")
    card = await room.card("Please look at the post")

    await room.tap("Mia", card, "It is there")

    assert (await room.household.standing(draft)).state is DraftState.SENT


async def test_the_words_of_abuse_are_shown_to_who_asks_and_that_is_counted(room: Room) -> None:
    mention = await room.household.hear("You fucking idiots, a hair in my cake", COMPLAINT)
    await room.household.draft(mention=mention)
    veiled = await room.card("insults or threatens")

    await room.tap("Mia", veiled, "Show the words")

    await room.card("You fucking idiots")
    async with room.store.read() as session:
        counted = await exposure.counts(session, "crumb", NOW, room.household.now + timedelta(minutes=1))
    assert "fucking" not in veiled.text
    assert counted == {"Mia": 1}


async def test_a_card_whose_posting_was_never_confirmed_is_repainted_once_somebody_taps_it(room: Room) -> None:
    server(room).has_keys = False
    server(room).faults.append("after")
    draft = await room.draft()
    await room.settle()
    room.household.now += timedelta(minutes=2)
    await room.settle()
    orphan, known = await room.hand.cards()

    await room.tap("Mia", orphan, "Approve and post")
    await room.settle()

    texts = [card.text for card in await room.hand.cards()]
    assert (await room.household.standing(draft)).state is DraftState.APPROVED
    assert orphan.ref != known.ref
    assert all("Approved by Mia" in text for text in texts)


async def test_a_message_that_a_tap_made_known_is_kept_as_one_card_once_its_posting_is_confirmed(room: Room) -> None:
    server(room).faults.append("after")
    draft = await room.draft()
    await room.settle()
    (unconfirmed,) = await room.hand.cards()
    await room.tap("Mia", unconfirmed, "Later")

    room.household.now += timedelta(minutes=2)
    await room.settle()

    async with room.store.read() as session:
        kept = (await session.exec(select(Card).where(col(Card.draft_id) == draft))).all()
    assert [(card.message, card.state) for card in kept] == [(unconfirmed.ref.message, CardState.POSTED)]


@pytest.mark.parametrize(
    "press", [Press(Verb.APPROVE, 999, 1), Press(Verb.APPROVE_ALL, 999, 1), Press(Verb.KEPT, 999), Press(Verb.EDIT)]
)
async def test_a_forged_press_does_nothing_and_is_told_so(room: Room, press: Press) -> None:
    await room.taking.take(Act("u-mia", press, ref=Ref("room", "77")))

    assert len(await room.hand.told("Mia")) == 2
    async with room.store.read() as session:
        assert await cards.get(session, "crumb", 1) is None


async def test_another_business_is_out_of_reach(room: Room) -> None:
    petal = await room.household.draft(business="petal")

    await room.taking.take(Act("u-mia", Press(Verb.APPROVE, petal, 1)))

    assert (await room.household.standing(petal)).state is DraftState.PENDING
    await room.told("Mia", "no longer kept")


async def test_codes_cannot_be_guessed(room: Room) -> None:
    business = room.household.businesses["crumb"]
    code = await linking.issue(room.store, business, "Jon", "", room.household.now)
    for guess in range(5):
        await room.hand.send_code("Eve", f"AAAA-AAA{guess + 2}")

    await room.hand.send_code("Eve", code)

    await room.told("Eve", "many codes")
    room.household.now += timedelta(minutes=11)
    await room.hand.send_code("Jon", code)
    await room.told("Jon", "Jon's now")


async def test_a_code_that_is_over_links_nobody(room: Room) -> None:
    code = await linking.issue(room.store, room.household.businesses["crumb"], "Jon", "", room.household.now)
    room.household.now += timedelta(minutes=15)

    await room.hand.send_code("Jon", code)

    await room.told("Jon", "does not hold")


async def test_codes_are_for_the_staff_and_for_chats_that_there_are(room: Room) -> None:
    business = room.household.businesses["crumb"]

    for person, channel in (("Eve", ""), ("Mia", "pigeons")):
        with pytest.raises(NotAllowed):
            await linking.issue(room.store, business, person, channel, NOW)


async def test_linking_and_unlinking_stand_in_the_audit_trail(room: Room) -> None:
    await linking.unlink(room.store, room.household.businesses["crumb"], "Mia", NAME, "Jo", room.household.now)

    await room.draft()
    await room.tap("Mia", await room.card("sorry about the hair"), "Approve and post")

    await room.told("Mia", "not linked")
    async with room.store.read() as session:
        lines = await audit.recent(session, "crumb", f"chat {NAME}")
    assert [(line.who, line.what) for line in sorted(lines, key=lambda line: line.id or 0)] == [
        ("Mia", "link"),
        ("Jo", "link"),
        ("Jo", "unlink"),
    ]


async def test_who_was_renamed_out_of_the_staff_and_back_decides_again(room: Room) -> None:
    draft = await room.draft()
    card = await room.card("sorry about the hair")
    staff = room.household.businesses["crumb"]
    room.household.businesses["crumb"] = bakery(staff=[{"name": "Jo", "role": "owner"}], channels=[{"type": NAME}])
    await room.tap("Mia", card, "Approve and post")
    await room.told("Mia", "not linked")
    room.household.businesses["crumb"] = staff

    await room.tap("Mia", card, "Approve and post")

    assert (await room.household.standing(draft)).approved_by == "Mia"
