"""Every mention that wants a reply gets a draft, or reaches a person without one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from responders.cases import make_case
from responders.drafting.base import Abstention, Case, Finding, Level, Proposal
from responders.escalation import needs_owner
from responders.proposing import draft_waiting
from responders.sending import Outbox, send_due
from storage import Mention, Store, drafts, mentions
from storage.models import assessment_columns
from storage.states import Action, DraftState
from tests.builders import (
    NOW,
    Clock,
    PlainWords,
    Platform,
    Shop,
    assessment,
    business,
    keep_mentions,
    keep_source,
    mention_row,
)


@pytest.fixture
async def shop(store: Store) -> Shop:
    return Shop(store, Clock(NOW))


async def waiting(shop: Shop) -> list[tuple[str, DraftState, str]]:
    async with shop.store.read() as session:
        found = await drafts.queue(session, "crumb", now=NOW)
    return [(mention.external_id, draft.state, draft.needs) for draft, mention in found]


async def draft_all(shop: Shop, drafter: Any = None) -> int:
    return await draft_waiting(shop.store, shop.businesses, drafter or shop.drafter, NOW)


async def test_a_mention_is_drafted_for_once(shop: Shop) -> None:
    await shop.mention()

    made = [await draft_all(shop), await draft_all(shop)]

    assert made == [1, 0]
    assert await waiting(shop) == [("1", DraftState.PENDING, "")]


async def test_the_worst_come_first(shop: Shop) -> None:
    for columns in ({"polarity": "positive"}, {"severity_level": 3}, {"polarity": "negative"}):
        await shop.mention(**columns)

    await draft_all(shop)

    assert [external_id for external_id, *_ in await waiting(shop)] == ["2", "3", "1"]


async def test_a_draft_is_due_with_its_mention_and_expires_by_itself(shop: Shop) -> None:
    draft = await shop.draft(due_at=NOW + timedelta(hours=4))

    assert (draft.due_at, draft.expires_at) == (NOW + timedelta(hours=4), NOW + timedelta(days=14))


async def test_what_a_drafter_cannot_say_waits_for_a_line_of_ours(shop: Shop) -> None:
    shop.drafter.abstains = "Only you know what happened."
    await shop.mention()

    await draft_all(shop)

    assert await waiting(shop) == [("1", DraftState.PENDING, "Only you know what happened.")]


class Breaking(PlainWords):
    """A drafter that breaks over some mentions."""

    async def draft(self, case: Case) -> Proposal | Abstention:
        if "stumble" in case.mention:
            raise KeyError(case.mention)
        if "judge" in case.mention:
            return Abstention("Your line, please.", "en", skeleton="Dear …")
        return await super().draft(case)

    def check(self, text: str, case: Case) -> Any:
        if "judge" in case.mention:
            raise ZeroDivisionError
        return super().check(text, case)


@pytest.mark.parametrize("text", ["stumble", "judge"])
async def test_a_mention_that_a_drafter_stumbles_over_still_reaches_a_person(shop: Shop, text: str) -> None:
    await shop.mention(text=text)
    await shop.mention()

    await draft_all(shop, Breaking())

    found = {external_id: needs for external_id, _, needs in await waiting(shop)}
    assert "the words are yours" in found["1"]
    assert found["2"] == ""


async def test_what_was_found_in_a_draft_is_kept_with_it(shop: Shop) -> None:
    shop.drafter.findings = {"sorry": Finding("sorry", Level.WARN, "It says sorry.")}

    draft = await shop.draft()

    assert draft.findings == [{"rule": "sorry", "level": "warn", "says": "It says sorry."}]


class Slow(PlainWords):
    """A drafter during whose work something happens."""

    def __init__(self, happens: Any) -> None:
        super().__init__()
        self.happens = happens

    async def draft(self, case: Case) -> Proposal | Abstention:
        await self.happens()
        return await super().draft(case)


async def test_no_draft_is_made_for_what_was_said_before_an_edit(shop: Shop) -> None:
    mention_id = await shop.mention()

    async def edit() -> None:
        async with shop.store.work() as session:
            columns = {"text": "Edited", "owed": True, **assessment_columns(assessment())}
            await mentions.edit(session, mention_id, columns, NOW)

    made = [await draft_all(shop, Slow(edit)), await draft_all(shop)]

    assert made == [0, 1]


async def test_no_draft_is_made_for_what_turned_out_not_to_be_about_us(shop: Shop) -> None:
    mention_id = await shop.mention()

    async def not_us() -> None:
        await shop.desk.not_us("crumb", mention_id, "Mia", "inbox")

    assert await draft_all(shop, Slow(not_us)) == 0
    assert await waiting(shop) == []


async def test_mentions_of_a_business_that_is_no_longer_configured_hold_up_no_other(sqlite_store: Store) -> None:
    source_id = await keep_source(sqlite_store, "gone")
    await keep_mentions(sqlite_store, *(mention_row(source_id, str(n), "gone") for n in range(101)))
    shop = Shop(sqlite_store, Clock(NOW))
    await shop.mention()

    assert await draft_all(shop) == 1


@pytest.mark.parametrize(
    ("columns", "for_owner"),
    [
        ({}, False),
        ({"severity_level": 2}, False),
        ({"severity_level": 3}, True),
        ({"text": "I am ALLERGIC to nuts"}, True),
        ({"title": "Allergically speaking"}, True),
        ({"text": "nonallergic"}, False),
        ({"text": "MOULD!"}, True),
    ],
)
def test_a_crisis_and_the_owners_own_words_need_an_owner(columns: dict[str, Any], for_owner: bool) -> None:
    settings = business(reply={"escalate_on": ["allergic", "mould"]})

    mention = Mention(**({"text": "", "title": "", "severity_level": 0} | columns))

    assert needs_owner(settings, mention) is for_owner


async def test_what_a_drafter_leaves_to_the_owner_is_the_owners(shop: Shop) -> None:
    shop.drafter.for_owner = True

    draft = await shop.draft()

    assert (draft.state, draft.for_owner) == (DraftState.ESCALATED, True)


async def test_a_drafter_sees_what_was_said_before_and_how_we_answered(shop: Shop) -> None:
    first = await shop.draft(text="Where are you?", posted_at=NOW - timedelta(days=1))
    await shop.decide(first, Action.APPROVE)
    shop.clock.move(timedelta(seconds=30))
    await send_due(Outbox(shop.store, Platform(shop.clock).speaker, shop.clock))
    mention_id = await shop.mention(text="Found you!", opening="@ana ", limits=[["characters", 500]])

    async with shop.store.read() as session:
        mention = await mentions.get(session, "crumb", mention_id)
        assert mention is not None
        case = await make_case(session, shop.settings, mention, NOW, "Mia")

    assert [(turn.text, turn.ours) for turn in case.thread] == [("Where are you?", False), (first.text, True)]
    assert (case.author, case.handle, case.opening, case.signer) == ("Ana Ferreira-Quill", "ana_bakes", "@ana ", "Mia")
    assert [(limit.counter.value, limit.at_most) for limit in case.limits] == [("characters", 500)]
    assert case.recent == (first.text,)


async def test_another_business_learns_nothing_of_a_conversation(shop: Shop) -> None:
    await shop.draft()
    await keep_source(shop.store, "other")
    other = Shop(shop.store, shop.clock, settings=business("other"))
    mention_id = await other.mention()

    async with shop.store.read() as session:
        mention = await mentions.get(session, "other", mention_id)
        assert mention is not None
        case = await make_case(session, other.settings, mention, NOW)

    assert (case.thread, case.recent) == ((), ())
