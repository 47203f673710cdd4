"""What waits, in which order, and the batch of plain praise."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from storage import alerts, sources
from storage.assessment import Reason
from storage.states import Action, DraftState, SourceState
from tests.responders.inbox.conftest import House, Visitor, said
from tests.responders.inbox.household import COMPLAINT, PRAISE, Household


def order(page: str) -> list[int]:
    """The drafts on a page, from top to bottom."""
    return [int(each) for each in re.findall(r'<article class="card[^"]*" id="draft-(\d+)"', page)]


async def complain(household: Household, **changes: object) -> int:
    return await household.draft(mention=await household.hear("I found a hair in her cake", COMPLAINT, **changes))


async def test_the_worst_comes_first_then_the_oldest(house: House, mia: Visitor) -> None:
    household = house.household
    young = await household.draft()
    old = await household.draft(mention=await household.hear("nice", posted_at=household.now - timedelta(hours=3)))
    bad = await complain(household)

    _, page = await mia.get("/")

    assert order(page) == [bad, old, young]


async def test_due_times_are_said_in_words(house: House, mia: Visitor) -> None:
    await complain(house.household)
    await complain(house.household, due_at=house.household.now - timedelta(minutes=40))

    _, page = await mia.get("/")

    assert "due in 2 h" in page
    assert "40 min late" in page


async def test_a_card_quotes_the_words_that_made_it_severe(house: House, mia: Visitor) -> None:
    await complain(house.household)

    _, page = await mia.get("/")

    assert "high · health" in page
    assert "<strong>health</strong>: <q>hair in her cake</q>" in page


async def test_words_of_a_topic_do_not_explain_a_severity(house: House, mia: Visitor) -> None:
    reasons = (Reason("topic: product", ("cake",), ""), Reason("severity: health", ("a hair",), ""))
    await house.household.draft(
        mention=await house.household.hear("a hair in her cake", replace(COMPLAINT, reasons=reasons))
    )

    _, page = await mia.get("/")

    assert "<q>a hair</q>" in page
    assert "<q>cake</q>" not in page


async def test_an_empty_queue_has_kind_words(mia: Visitor) -> None:
    _, page = await mia.get("/")

    assert "Everybody who wrote has been answered" in page


async def test_a_draft_that_needs_a_line_cannot_be_approved_from_the_queue(house: House, mia: Visitor) -> None:
    await house.household.draft("Hello Tom,", needs="No fact says when you open.")

    _, page = await mia.get("/")

    assert "No fact says when you open." in page
    assert 'value="approve"' not in page


async def test_a_long_draft_is_opened_before_it_is_approved(house: House, mia: Visitor) -> None:
    await house.household.draft("word " * 200)

    _, page = await mia.get("/")

    assert 'value="approve"' not in page


async def test_only_an_owner_finds_the_button_on_an_escalated_draft(house: House, mia: Visitor, jo: Visitor) -> None:
    await house.household.draft(state=DraftState.ESCALATED)

    assert 'value="approve"' not in (await mia.get("/"))[1]
    assert 'value="approve"' in (await jo.get("/"))[1]


async def test_an_approval_from_the_queue_comes_back_with_its_undo(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    await mia.get("/")

    _, page = await mia.decide(draft, 1, "approve", **{"from": "queue"})

    assert 'data-left="30"' in page
    await mia.decide(draft, 1, "recall", **{"from": "queue"})
    assert (await house.household.standing(draft)).state is DraftState.PENDING


async def test_every_state_has_its_place(house: House, mia: Visitor) -> None:
    household = house.household
    places = {}
    for state in (DraftState.HANDED_OFF, DraftState.UNCONFIRMED, DraftState.FAILED, DraftState.VISIBLE):
        draft = await household.draft()
        await household.decide(draft, Action.APPROVE)
        await household.put(draft, state)
        places[draft] = state
    asleep = await household.draft()
    await household.decide(asleep, Action.SNOOZE, until=household.now + timedelta(hours=1))

    _, page = await mia.get("/")

    lanes = dict(re.findall(r'<section data-live="([\w-]+)" class="lane[^>]*>(.*?)</section>', page, re.DOTALL))
    found = {lane: order(cards) for lane, cards in lanes.items() if order(cards)}
    first, second, third, fourth = places
    assert found == {
        "by-hand": [first], "unconfirmed": [second], "came-back": [third], "done": [fourth], "snoozed": [asleep],
    }  # fmt: skip


async def test_what_cannot_be_heard_and_what_cannot_wait_stand_beside_the_queue(house: House, mia: Visitor) -> None:
    household = house.household
    async with household.store.work() as session:
        source = household.sources["crumb"].id or 0
        await sources.failed(session, source, SourceState.FAULTY, "It did not answer.", None, household.now)
        await alerts.raise_once(session, "crumb", "key", "Three people say that you are closed.", household.now)

    _, page = await mia.get("/")

    assert "reviews cannot be heard since today 11:20." in said(page)
    assert "Three people say that you are closed." in page


async def test_only_certain_plain_praise_joins_the_batch(house: House, mia: Visitor) -> None:
    household = house.household
    plain = await household.draft()
    for other in (
        replace(PRAISE, sarcasm=True),
        replace(PRAISE, confidence=0.6),
        replace(PRAISE, intent=COMPLAINT.intent),
        replace(PRAISE, severity=COMPLAINT.severity),
        COMPLAINT,
    ):
        await household.draft(mention=await household.hear("Love it. Another 40 minute wait", other))
    await household.draft(needs="A person must look.")
    await household.draft(findings=[{"rule": "x", "level": "warn", "says": "Please look."}])
    await household.draft(promises=[{"what": "look into it today", "within": 3600.0}])

    _, page = await mia.get("/praise")

    assert order(page) == [plain]


async def test_the_batch_shows_every_text_in_full(house: House, mia: Visitor) -> None:
    text = "Thank you, Ana! " + "We are glad. " * 60 + "— Mia"
    await house.household.draft(text)

    _, page = await mia.get("/praise")

    assert text in page


async def test_the_batch_tells_what_became_of_each(house: House, mia: Visitor) -> None:
    household = house.household
    fine, changed = await household.draft(), await household.draft()
    await mia.get("/praise")
    await household.decide(changed, Action.EDIT, "Jo", text="Thanks! — Jo")

    form = [("token", mia.token), ("chosen", f"{fine}:1"), ("chosen", f"{changed}:1"), ("chosen", "x:y")]
    answer = await mia.session.post(f"{house.address}/praise", data=form, headers={"Origin": house.address})

    page = await answer.text()
    assert "Approved by Mia" in page
    assert "The text has changed since you read it." in page
    states = [(await household.standing(each)).state for each in (fine, changed)]
    assert states == [DraftState.APPROVED, DraftState.PENDING]


async def test_a_queue_of_thousands_shows_the_hundred_most_urgent(house: House, mia: Visitor) -> None:
    household = house.household
    for _ in range(101):
        await household.draft()

    _, page = await mia.get("/")

    assert len(order(page)) == 100
    assert "the others move up" in page
