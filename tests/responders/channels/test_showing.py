"""A chat that fails: what it is given again, when it is left alone, and what people are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from responders.channels.base import Pace
from storage import Store, alerts, cards, chat_notes, mentions
from storage.chats import CardState
from storage.states import Action
from tests.responders.channels.scenario import Room, open_room
from tests.responders.channels.simulated import LIMITS, Server, SimulatedHand

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def room(sqlite_store: Store) -> AsyncIterator[Room]:
    async with open_room(sqlite_store, SimulatedHand()) as room:
        await asyncio.sleep(0)
        yield room


def server(room: Room) -> Server:
    assert isinstance(room.hand, SimulatedHand)
    return room.hand.server


async def test_a_post_whose_answer_was_lost_stands_once_and_shows_what_is_so(room: Room) -> None:
    server(room).faults.append("after")
    draft = await room.draft()
    await room.settle()
    await room.household.decide(draft, Action.APPROVE, "Jon")
    room.household.now += MINUTE

    await room.card("Approved by Jon")

    assert len(await room.hand.cards()) == 1


async def test_a_chat_that_does_not_let_us_in_is_left_alone_and_owners_are_alerted(room: Room) -> None:
    server(room).faults.extend(["denied"])
    await room.draft()
    await room.settle()
    calls = server(room).calls
    await room.settle()
    left_alone = server(room).calls == calls
    async with room.store.read() as session:
        faults = await chat_notes.faults(session, "crumb")
        (alert,) = await alerts.recent(session, "crumb")

    room.household.now += timedelta(minutes=6)
    await room.card("sorry about the hair")

    async with room.store.read() as session:
        over = await chat_notes.faults(session, "crumb")
    assert left_alone
    assert faults == {"chat": "The token is no longer valid."}
    assert "token is no longer valid" in alert.text
    assert over == {}


async def test_a_bug_in_a_chat_holds_up_one_card_and_not_the_others(room: Room) -> None:
    await room.draft("The first. — Mia")
    await room.draft("The second. — Mia")
    server(room).faults.append("bug")

    await room.settle()

    assert len(await room.hand.cards()) == 1


async def test_what_was_decided_before_its_card_could_stand_gets_none(room: Room) -> None:
    draft = await room.draft()
    server(room).is_down = True
    room.chat.rests_until = room.household.now + MINUTE
    await room.settle()
    await room.household.decide(draft, Action.APPROVE, "Jon")
    server(room).is_down = False
    room.household.now += 2 * MINUTE

    await room.settle()

    assert await room.hand.cards() == []


async def test_new_cards_and_repaints_keep_to_the_pace_of_the_place(sqlite_store: Store) -> None:
    slow = Server(replace(LIMITS, pace=Pace(2, timedelta(seconds=0.2))))
    async with open_room(sqlite_store, SimulatedHand(slow)) as room:
        for number in range(4):
            await room.draft(f"Number {number}. — Mia")

        await room.showing.round()
        at_once = len(slow.messages)
        await room.settle()

        assert (at_once, len(slow.messages)) == (2, 4)


async def test_a_changed_wording_stands_on_a_card_of_its_own_where_taps_carry_none(sqlite_store: Store) -> None:
    plain = Server(replace(LIMITS, wordings=False, keeps=True))
    async with open_room(sqlite_store, SimulatedHand(plain)) as room:
        draft = await room.draft()
        await room.settle()
        await room.household.decide(draft, Action.EDIT, "Jon", text="A new wording. — Jon")
        await room.settle()

        old, new = await room.hand.cards()

    assert "The new one stands on a card of its own" in old.text
    assert old.buttons == ()
    assert "A new wording." in new.text


async def test_an_erased_post_leaves_no_word_in_a_chat_even_where_it_was_decided(room: Room) -> None:
    draft = await room.draft()
    await room.settle()
    await room.household.decide(draft, Action.REJECT, "Jon")
    await room.settle()
    async with room.store.work() as session:
        (mention,) = await mentions.history(session, "crumb")
        await mentions.erase(session, "crumb", [mention.id or 0], room.household.now)

    await room.settle()

    (card,) = server(room).standing().values()
    assert "Ana" not in str(card.card)
    async with room.store.read() as session:
        kept = await cards.get(session, "crumb", 1)
    assert kept is not None
    assert kept.state is CardState.GONE


async def test_a_round_without_anything_to_do_writes_nothing(room: Room) -> None:
    await room.draft()
    await room.settle()
    version, calls = room.store.version, server(room).calls

    await room.showing.round()

    assert (room.store.version, server(room).calls) == (version, calls)
