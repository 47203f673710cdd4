"""Cards, accounts, codes and notes: one card each, one claim each, one use of a code, and nothing left of who is erased."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from storage import Store, cards, chat_notes, drafts, exposure, identities, mentions
from storage.chat_notes import Notes
from storage.chats import CardState, Subject
from storage.states import DraftState
from tests.builders import NOW, Clock, Shop, keep_source

MINUTE = timedelta(minutes=1)


def card(draft: int | None, **columns: Any) -> dict[str, Any]:
    plain = {"business_id": "crumb", "channel": "slack", "subject": Subject.DRAFT, "draft_id": draft, "place": "C1"}
    return plain | {"wanted_at": NOW, "next_at": NOW} | columns


async def wanted(store: Store, **columns: Any) -> int:
    """A draft with a card that is wanted; gives the card's id."""
    draft = await Shop(store, Clock()).draft()
    async with store.work() as session:
        return await cards.want(session, card(draft.id, **columns))


async def test_a_draft_has_one_live_card_for_each_person_in_a_chat(store: Store) -> None:
    draft = await Shop(store, Clock()).draft()

    async with store.work() as session:
        ids = [
            await cards.want(session, card(draft.id, channel=channel, person=person))
            for channel, person in (("slack", ""), ("slack", ""), ("slack", "Mia"), ("matrix", ""))
        ]

    assert [bool(each) for each in ids] == [True, False, True, True]


async def test_a_draft_without_a_card_is_found_until_it_has_one_or_its_card_is_gone(store: Store) -> None:
    shop = Shop(store, Clock())
    draft = await shop.draft()

    async def unasked() -> list[int | None]:
        async with store.read() as session:
            return [each.id for each, _ in await cards.unasked(session, "crumb", "slack", NOW)]

    before = await unasked()
    async with store.work() as session:
        number = await cards.want(session, card(draft.id))
    during = await unasked()
    async with store.work() as session:
        await cards.change(session, number, {"state": CardState.GONE})

    assert (before, during, await unasked()) == ([draft.id], [], [draft.id])


async def test_what_a_tap_made_known_is_forgotten_and_a_notice_to_somebody_else_is_not(store: Store) -> None:
    draft = await Shop(store, Clock()).draft()
    stands = {"message": "m1", "state": CardState.CLOSED}
    async with store.work() as session:
        mine = await cards.want(session, card(draft.id, person="Mia"))
        tapped = await cards.want(session, card(draft.id, **stands))
        others = await cards.want(session, card(draft.id, person="Jon", posted_at=NOW, **stands))
        elsewhere = await cards.want(session, card(draft.id, **stands | {"place": "C2"}))
        found = await cards.get(session, "crumb", mine)
        assert found is not None

        await cards.drop_adopted(session, found, "C1", "m1")

        kept = [number for number in (mine, tapped, others, elsewhere) if await cards.get(session, "crumb", number)]
    assert kept == [mine, others, elsewhere]


async def test_of_two_who_claim_a_card_one_gets_it_and_a_late_one_writes_nothing(store: Store) -> None:
    number = await wanted(store)
    async with store.read() as session:
        found = await cards.get(session, "crumb", number)
    assert found is not None

    async def claim() -> int:
        async with store.work() as session:
            return await cards.claim(session, found, NOW, NOW + MINUTE)

    fences = await asyncio.gather(claim(), claim())
    async with store.work() as session:
        settled = [await cards.settle(session, number, fence, {"message": "m"}) for fence in (0, max(fences))]

    assert sorted(fences) == [0, 1]
    assert settled == [False, True]


async def test_a_claim_that_is_over_can_be_taken_again(store: Store) -> None:
    number = await wanted(store)
    async with store.work() as session:
        (first,) = await cards.wanted(session, "crumb", "slack", NOW)
        await cards.claim(session, first, NOW, NOW + MINUTE)

    async with store.read() as session:
        during = await cards.wanted(session, "crumb", "slack", NOW)
        after = await cards.wanted(session, "crumb", "slack", NOW + MINUTE)

    assert (during, [each.id for each in after]) == ([], [number])


async def test_an_erased_post_leaves_its_card_to_be_painted_over(store: Store) -> None:
    number = await wanted(store, state=CardState.CLOSED, message="m1")
    async with store.work() as session:
        (mention,) = await mentions.history(session, "crumb")
        await mentions.erase(session, "crumb", [mention.id or 0], NOW)

    async with store.read() as session:
        standing = await cards.standing(session, "crumb", "slack")
        kept = await cards.get(session, "crumb", number)

    assert [each.id for each in standing] == [number]
    assert kept is not None
    assert kept.draft_id is None


async def test_a_closed_card_counts_again_when_its_draft_is_opened_again(store: Store) -> None:
    shop = Shop(store, Clock())
    draft = await shop.draft()
    async with store.work() as session:
        number = await cards.want(session, card(draft.id, state=CardState.CLOSED))
        await drafts.move(session, draft, DraftState.REJECTED, NOW)
        rejected = await cards.standing(session, "crumb", "slack")
    draft = await shop.see(draft)
    async with store.work() as session:
        await drafts.move(session, draft, DraftState.PENDING, NOW)
        opened = await cards.standing(session, "crumb", "slack")
    assert (rejected, [each.id for each in opened]) == ([], [number])


async def test_of_two_who_use_a_code_at_once_one_is_linked(store: Store) -> None:
    await keep_source(store)
    async with store.work() as session:
        await identities.add_code(session, "hash", "crumb", "Mia", "", NOW + MINUTE)

    async def use() -> str:
        async with store.work() as session:
            return await identities.use_code(session, "hash", "crumb", "slack", NOW)

    assert sorted(await asyncio.gather(use(), use())) == ["", "Mia"]


@pytest.mark.parametrize(
    ("code_hash", "business", "channel", "minutes"),
    [
        ("other", "crumb", "slack", 0),
        ("hash", "petal", "slack", 0),
        ("hash", "crumb", "matrix", 0),
        ("hash", "crumb", "slack", 1),
    ],
)
async def test_a_code_of_another_chat_or_business_or_one_that_is_over_links_nobody(
    store: Store, code_hash: str, business: str, channel: str, minutes: int
) -> None:
    await keep_source(store)
    async with store.work() as session:
        await identities.add_code(session, "hash", "crumb", "Mia", "slack", NOW + MINUTE)

        assert await identities.use_code(session, code_hash, business, channel, NOW + minutes * MINUTE) == ""


async def test_an_account_belongs_to_whom_it_was_linked_last_until_it_is_unlinked(store: Store) -> None:
    await keep_source(store)
    async with store.work() as session:
        await identities.link(session, "crumb", "slack", "U1", "Mia", NOW)
        await identities.link(session, "crumb", "slack", "U1", "Jon", NOW)
        person = await identities.person_of(session, "crumb", "slack", "U1")
        gone = [await identities.unlink(session, "crumb", who) for who in ("Mia", "Jon")]

        assert (person, gone) == ("Jon", [0, 1])
        assert await identities.listing(session, "crumb") == []


async def test_a_chats_notes_last_and_are_its_own(store: Store) -> None:
    await keep_source(store)
    slack, matrix = Notes(store, "crumb", "slack"), Notes(store, "crumb", "matrix")

    await slack.put("since", "s1")
    await slack.put("since", "s2")

    assert (await slack.get("since"), await matrix.get("since")) == ("s2", "")


async def test_a_chat_has_a_fault_until_it_works(store: Store) -> None:
    await keep_source(store)

    async with store.work() as session:
        await chat_notes.put(session, "crumb", "slack", chat_notes.FAULT, "It is down.")
        down = await chat_notes.faults(session, "crumb")
        await chat_notes.put(session, "crumb", "slack", chat_notes.FAULT, "")

        assert (down, await chat_notes.faults(session, "crumb")) == ({"slack": "It is down."}, {})


async def test_exposure_counts_each_post_once_for_each_person(store: Store) -> None:
    shop = Shop(store, Clock())
    first, second = await shop.draft(), await shop.draft()
    async with store.work() as session:
        for person, draft in (("Mia", first), ("Mia", first), ("Mia", second), ("Jon", first)):
            await exposure.note(session, "crumb", person, draft.id or 0, NOW)

        counted = await exposure.counts(session, "crumb", NOW, NOW + MINUTE)
        before = await exposure.counts(session, "crumb", NOW - MINUTE, NOW)

    assert (counted, before) == ({"Jon": 1, "Mia": 2}, {})


async def test_cards_that_ended_long_ago_are_dropped(store: Store) -> None:
    number = await wanted(store, state=CardState.CLOSED)

    async with store.work() as session:
        await cards.drop_old(session, "crumb", NOW)
        kept = await cards.get(session, "crumb", number)
        await cards.drop_old(session, "crumb", NOW + MINUTE)

        assert (kept is not None, await cards.get(session, "crumb", number)) == (True, None)
