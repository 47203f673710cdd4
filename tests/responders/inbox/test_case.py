"""One case: reading it, editing it, and every decision about it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from storage import deliveries, drafts
from storage.states import Action, DraftState
from tests.responders.inbox.conftest import House, Visitor
from tests.responders.inbox.household import COMPLAINT, Household, bakery


async def decisions(household: Household, draft: int) -> list[tuple[str, str]]:
    async with household.store.read() as session:
        return [(each.person, each.action) for each in await drafts.decisions(session, "crumb", draft)]


async def hand_off(household: Household) -> int:
    heard = await household.hear("When do you close?", route="handoff")
    draft = await household.draft(mention=heard)
    await household.decide(draft, Action.APPROVE)
    await household.put(draft, DraftState.HANDED_OFF)
    return draft


async def test_our_words_are_marked_where_they_stand(house: House, mia: Visitor) -> None:
    heard = await house.household.hear("The best of Crumb & Co!", matched=[[12, 22]])
    draft = await house.household.draft(mention=heard)

    _, page = await mia.get(f"/drafts/{draft}")

    assert "The best of <mark>Crumb &amp; Co</mark>!" in page


async def test_the_page_says_why_and_as_whom(house: House, mia: Visitor) -> None:
    draft = await house.household.draft(mention=await house.household.hear("A hair, and I am allergic", COMPLAINT))

    _, page = await mia.get(f"/drafts/{draft}")

    assert "<strong>complaint</strong>: <q>found a hair</q>" in page
    assert "<strong>for an owner</strong>: <q>allergic</q>" in page
    assert 'Approve and post <span class="as">as Crumb &amp; Co., Main Street</span>' in page


async def test_what_was_said_before_stands_with_our_answer(house: House, mia: Visitor) -> None:
    household = house.household
    before = await household.hear("First visit, lovely", posted_at=household.now - timedelta(days=30))
    answered = await household.draft("Come again! — Mia", mention=before)
    await household.decide(answered, Action.APPROVE)
    await household.put(answered, DraftState.VISIBLE)
    draft = await household.draft()

    _, page = await mia.get(f"/drafts/{draft}")

    assert "First visit, lovely" in page
    assert "Come again! — Mia" in page


async def test_an_approval_is_of_exactly_the_text_that_was_shown(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    await mia.get(f"/drafts/{draft}")

    await mia.decide(draft, 1, "approve", text="Thank you, Ana! — Mia")

    assert await decisions(house.household, draft) == [("Mia", "approve")]
    async with house.household.store.read() as session:
        delivery = await deliveries.of_draft(session, "crumb", draft)
    assert delivery is not None
    assert (delivery.text, delivery.revision) == ("Thank you, Ana! — Mia", 1)


async def test_save_and_approve_are_two_decisions_bound_to_the_new_text(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    await mia.get(f"/drafts/{draft}")

    await mia.decide(draft, 1, "approve", text="Thank you so much, Ana!\r\n— Mia")

    assert await decisions(house.household, draft) == [("Mia", "edit"), ("Mia", "approve")]
    async with house.household.store.read() as session:
        delivery = await deliveries.of_draft(session, "crumb", draft)
    assert delivery is not None
    assert (delivery.text, delivery.revision) == ("Thank you so much, Ana!\n— Mia", 2)


async def test_a_text_that_may_not_be_posted_is_saved_but_not_approved(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    await mia.get(f"/drafts/{draft}")

    status, page = await mia.decide(draft, 1, "approve", text="Here is a refund. — Mia")

    standing = await house.household.standing(draft)
    assert (status, standing.state, standing.text) == (403, DraftState.PENDING, "Here is a refund. — Mia")
    assert "Only an owner may offer a refund." in page


async def test_an_owner_may_overrule_a_finding_with_a_reason(house: House, jo: Visitor) -> None:
    draft = await house.household.draft("Here is a refund. — Jo")
    _, before = await jo.get(f"/drafts/{draft}")

    without, _ = await jo.decide(draft, 1, "approve", text="Here is a refund. — Jo")
    await jo.decide(draft, 1, "approve", text="Here is a refund. — Jo", reason="We owe it to her.")

    assert "To approve it anyway, say why" in before
    assert without == 403
    assert (await house.household.standing(draft)).state is DraftState.APPROVED


async def test_nobody_is_offered_to_overrule_what_is_final(house: House, jo: Visitor) -> None:
    draft = await house.household.draft("Our lawyer will call. — Jo")

    _, page = await jo.get(f"/drafts/{draft}")

    assert "To approve it anyway" not in page


async def test_staff_are_offered_no_overruling(house: House, mia: Visitor) -> None:
    draft = await house.household.draft("Here is a refund. — Mia")

    assert "To approve it anyway" not in (await mia.get(f"/drafts/{draft}"))[1]


async def test_a_double_click_is_one_decision_and_the_second_is_told_why(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    await mia.get(f"/drafts/{draft}")

    answers = await asyncio.gather(*(mia.decide(draft, 1, "approve") for _ in range(2)))

    assert await decisions(house.household, draft) == [("Mia", "approve")]
    assert sorted(status for status, _ in answers) == [200, 409]
    refused = next(page for status, page in answers if status == 409)
    assert "Mia chose “approve” at 11:20" in refused


async def test_of_two_people_at_once_one_decides_and_the_other_hears_who(
    house: House, mia: Visitor, jo: Visitor
) -> None:
    draft = await house.household.draft()
    await mia.get("/")
    await jo.get("/")

    answers = await asyncio.gather(mia.decide(draft, 1, "approve"), jo.decide(draft, 1, "reject", reason="Mine."))

    [(winner, action)] = await decisions(house.household, draft)
    refused = next(page for status, page in answers if status == 409)
    assert f"{winner} chose “{action}” at 11:20" in refused


async def test_a_stale_approval_decides_nothing_and_shows_the_text_as_it_is(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    await mia.get(f"/drafts/{draft}")
    await house.household.decide(draft, Action.EDIT, "Jo", text="Dear Ana, thank you. — Jo")

    status, page = await mia.decide(draft, 1, "approve", text="Thank you, Ana! — Mia")

    assert (status, (await house.household.standing(draft)).state) == (409, DraftState.PENDING)
    assert "The text has changed since you read it." in page
    assert "Dear Ana, thank you. — Jo</textarea>" in page


async def test_words_that_were_typed_survive_a_conflict(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    await mia.get(f"/drafts/{draft}")
    await house.household.decide(draft, Action.EDIT, "Jo", text="Dear Ana, thank you. — Jo")

    status, page = await mia.decide(draft, 1, "edit", text="My own careful words. — Mia")
    saved, _ = await mia.decide(draft, 2, "edit", text="My own careful words. — Mia")

    assert status == 409
    assert "My own careful words. — Mia</textarea>" in page
    assert "Dear Ana, thank you. — Jo" in page
    assert (saved, (await house.household.standing(draft)).revision) == (200, 3)


async def test_words_that_came_too_late_are_shown_to_be_copied(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    await mia.get(f"/drafts/{draft}")
    await house.household.decide(draft, Action.APPROVE, "Jo")

    status, page = await mia.decide(draft, 1, "edit", text="My own careful words. — Mia")

    assert status == 409
    assert "Jo chose “approve” at 11:20" in page
    assert "My own careful words. — Mia</textarea>" in page


async def test_words_that_were_typed_survive_being_signed_out(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    await mia.get(f"/drafts/{draft}")
    house.household.now += timedelta(days=31)

    status, page = await mia.decide(draft, 1, "edit", text="My own careful words. — Mia")

    assert (status, "My own careful words. — Mia</textarea>" in page) == (401, True)


async def test_staff_may_edit_but_not_approve_what_waits_for_an_owner(house: House, mia: Visitor) -> None:
    draft = await house.household.draft(state=DraftState.ESCALATED)
    _, page = await mia.get(f"/drafts/{draft}")

    status, _ = await mia.decide(draft, 1, "approve")
    await mia.decide(draft, 1, "edit", text="Better words. — Mia")

    standing = await house.household.standing(draft)
    assert 'value="approve"' not in page
    assert (status, standing.state, standing.text) == (403, DraftState.ESCALATED, "Better words. — Mia")


@pytest.mark.parametrize(
    ("until", "at", "expected"),
    [
        ("hour", "", datetime(2026, 6, 2, 10, 20, tzinfo=UTC)),
        ("evening", "", datetime(2026, 6, 2, 16, 0, tzinfo=UTC)),
        ("morning", "", datetime(2026, 6, 3, 6, 0, tzinfo=UTC)),
        ("own", "2026-06-05T09:30", datetime(2026, 6, 5, 7, 30, tzinfo=UTC)),
    ],
)
async def test_a_snooze_counts_in_the_business_own_time(
    house: House, mia: Visitor, until: str, at: str, expected: datetime
) -> None:
    draft = await house.household.draft()
    await mia.get("/")

    await mia.decide(draft, 1, "snooze", until=until, at=at)

    assert (await house.household.standing(draft)).until == expected


@pytest.mark.parametrize("at", ["", "soon", "2020-01-01T00:00", "9999-12-31T23:59", "0001-01-01T00:00"])
async def test_a_snooze_without_a_sound_time_is_explained(house: House, mia: Visitor, at: str) -> None:
    draft = await house.household.draft()
    await mia.get("/")

    status, page = await mia.decide(draft, 1, "snooze", until="own", at=at)

    if at.startswith("9999"):
        assert status == 200  # it ends when the draft does
    else:
        assert (status, "A snooze needs a time that lies ahead." in page) == (400, True)


@pytest.mark.parametrize(("action", "revision"), [("claim", "1"), ("", "1"), ("approve", "x"), ("approve", "١")])
async def test_a_decision_that_no_form_of_ours_sends_changes_nothing(
    house: House, mia: Visitor, action: str, revision: str
) -> None:
    draft = await house.household.draft()
    await mia.get("/")

    status, _ = await mia.post(f"/drafts/{draft}/decide", {"action": action, "revision": revision})

    assert (status, (await house.household.standing(draft)).state) == (400, DraftState.PENDING)


async def test_rejecting_keeps_the_reason_for_colleagues(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    await mia.get("/")

    _, page = await mia.decide(draft, 1, "reject", reason="We know her; I call.")

    assert "We know her; I call." in page
    assert 'value="reopen"' in page


async def test_what_happened_is_told_in_words(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    await house.household.decide(draft, Action.EDIT, "Jo", text="Dear Ana, thank you. — Jo")
    await house.household.decide(draft, Action.APPROVE, "Mia")

    _, page = await mia.get(f"/drafts/{draft}")

    assert "<strong>Jo</strong> changed the text (terminal)" in page
    assert "<strong>Mia</strong> approved it" in page


async def test_a_recall_after_the_claim_says_that_it_is_too_late(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    await house.household.decide(draft, Action.APPROVE)
    await mia.get("/")
    await house.household.put(draft, DraftState.SENDING)

    status, page = await mia.decide(draft, 1, "recall")

    assert (status, "the draft is sending now" in page) == (409, True)


async def test_a_hand_off_offers_the_text_the_post_and_a_link(house: House, mia: Visitor) -> None:
    draft = await hand_off(house.household)
    _, page = await mia.get(f"/drafts/{draft}")

    wrong, _ = await mia.decide(draft, 1, "posted", link="javascript:alert(1)")
    _, after = await mia.decide(draft, 1, "posted", link="https://x.example/ours")

    assert "Copy the text" in page
    assert wrong == 400
    assert 'href="https://x.example/ours"' in after


@pytest.mark.parametrize(("action", "state"), [("confirm", DraftState.SENT), ("release", DraftState.APPROVED)])
async def test_a_person_settles_what_is_unconfirmed(house: House, mia: Visitor, action: str, state: DraftState) -> None:
    draft = await house.household.draft()
    await house.household.decide(draft, Action.APPROVE)
    await house.household.put(draft, DraftState.UNCONFIRMED)
    _, page = await mia.get(f"/drafts/{draft}")

    await mia.decide(draft, 1, action)

    assert "It is there" in page
    assert (await house.household.standing(draft)).state is state


async def test_not_about_us_withdraws_the_draft(house: House, mia: Visitor) -> None:
    heard = await house.household.hear("We left a crumb trail")
    draft = await house.household.draft(mention=heard)
    await mia.get("/")

    _, page = await mia.post(f"/mentions/{heard}/not-us")

    assert "Marked as not about us." in page
    assert (await house.household.standing(draft)).state is DraftState.WITHDRAWN


async def test_what_a_person_says_of_a_mention_is_shown_at_once(house: House, mia: Visitor) -> None:
    heard = await house.household.hear("We left a crumb trail")
    await house.household.draft(mention=heard)
    await mia.get("/")

    _, page = await mia.post(f"/mentions/{heard}/correct", {"said": "complaint"})
    status, _ = await mia.post(f"/mentions/{heard}/correct", {"said": "nonsense"})

    assert "Mia said so" in page
    assert status == 400


async def test_a_case_tells_how_far_it_was_carried_and_whether_it_is_in_doubt(house: House, mia: Visitor) -> None:
    first = await house.household.hear("Frozen cake", doubt="“trail” stands in it")
    await house.household.hear("Frozen cake", repost=True, first_id=first)
    draft = await house.household.draft(mention=first)

    _, page = await mia.get(f"/drafts/{draft}")

    assert "also seen once" in page
    assert "perhaps not about you: “trail” stands in it" in page


async def test_checks_count_as_the_platform_does(house: House, mia: Visitor) -> None:
    heard = await house.household.hear("nice", limits=[["graphemes", 5], ["bytes", 300]])
    draft = await house.household.draft(mention=heard)
    await mia.get("/")

    _, page = await mia.post(f"/drafts/{draft}/check", {"text": "👩‍👩‍👧 refund"})

    assert "8 of 5 characters – 3 too many" in page
    assert "25 of 300 bytes" in page
    assert "Only an owner may offer a refund." in page


async def test_a_check_decides_nothing(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    await mia.get("/")

    await mia.post(f"/drafts/{draft}/check", {"text": "other words"})

    assert (await house.household.standing(draft)).revision == 1


async def test_a_person_who_lost_their_role_is_told(house: House, jo: Visitor) -> None:
    draft = await house.household.draft(state=DraftState.ESCALATED)
    await jo.get(f"/drafts/{draft}")
    house.household.businesses["crumb"] = bakery(staff=[{"name": "Jo"}])

    status, page = await jo.decide(draft, 1, "approve")

    assert (status, "Only an owner can approve this one." in page) == (403, True)
