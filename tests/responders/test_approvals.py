"""Where people decide: who may, about what exactly, and what becomes of those who come second."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from responders.approvals import Choice, Desk, bind, expire, withdraw
from responders.drafting.base import Commitment, Finding, Level
from responders.errors import AlreadyDecided, DecisionError, NotAllowed, StaleRevision
from responders.proposing import draft_waiting
from responders.sending import Outbox, look_for_lost, recover, send_due, verify_sent
from storage import Delivery, Draft, Store, audit, deliveries, drafts, mentions, promises
from storage.models import assessment_columns
from storage.states import MOVES, OPEN, Action, DraftState, PromiseState, Role
from tests.builders import NOW, Answer, Clock, Look, PlainWords, Platform, Shop, assessment, business, opened

HOUR = timedelta(hours=1)
RUDE = Finding("rude", Level.BLOCK, "It is rude.")
ALLERGEN = Finding("allergen", Level.BLOCK, "It promises that nobody will fall ill.", final=True)
LONG = Finding("long", Level.WARN, "It is long.")
FINDINGS = {"rude": RUDE, "allergen": ALLERGEN, "long": LONG}


@pytest.fixture
async def shop(sqlite_store: Store) -> Shop:
    return Shop(sqlite_store, Clock(NOW), PlainWords(findings=FINDINGS))


@pytest.fixture
async def on_either(store: Store) -> Shop:
    """A shop on either database, where they could differ."""
    return Shop(store, Clock(NOW), PlainWords(findings=FINDINGS))


async def refused(shop: Shop, draft: Draft, action: Action, person: str = "Mia", **fields: Any) -> DecisionError:
    """Why a decision was not taken; the draft must stand as it stood."""
    before = await shop.see(draft)
    with pytest.raises(DecisionError) as caught:
        await shop.decide(draft, action, person, **fields)
    assert await shop.see(draft) == before
    assert caught.value.happened.endswith(".")
    return caught.value


async def test_an_approval_is_of_exactly_this_text_for_exactly_this_post(on_either: Shop) -> None:
    shop = on_either
    draft = await shop.draft()

    approved = await shop.decide(draft, Action.APPROVE)

    _, mention = await shop.pair(draft)
    async with shop.store.read() as session:
        delivery = await deliveries.of_draft(session, "crumb", draft.id or 0)
        (decision,) = await drafts.decisions(session, "crumb", draft.id or 0)
    assert delivery is not None
    assert (approved.state, approved.approved_by) == (DraftState.APPROVED, "Mia")
    assert delivery.hash == approved.approved_hash == bind(draft.text, mention)
    assert (delivery.text, delivery.target["external_id"], delivery.target["account"]) == (
        draft.text,
        "1",
        "crumbandco",
    )
    assert delivery.target["author"]["handle"] == "ana_bakes"
    assert delivery.not_before == NOW + timedelta(seconds=30)
    assert (decision.person, decision.action, decision.revision) == ("Mia", "approve", 1)


@given(st.text(), st.text(), st.integers(1, 9), st.text())
def test_another_text_post_revision_or_account_is_another_approval(
    text: str, external_id: str, revision: int, account: str
) -> None:
    from storage import Mention

    def mention(**columns: Any) -> Mention:
        plain = {"platform": "town", "external_id": external_id, "revision": revision, "account": account}
        return Mention(**(plain | columns))

    this = bind(text, mention())

    assert this == bind(text, mention())
    assert this not in {
        bind(text + "!", mention()),
        bind(text, mention(external_id=external_id + "1")),
        bind(text, mention(revision=revision + 1)),
        bind(text, mention(account=account + "1")),
        bind(text, mention(platform="village")),
    }


async def test_every_edit_is_the_next_revision_and_is_kept(on_either: Shop) -> None:
    shop = on_either
    draft = await shop.draft()

    edited = await shop.decide(draft, Action.EDIT, text="  Sorry, Ana. – Mia\0 ")

    async with shop.store.read() as session:
        revisions = await drafts.revisions(session, "crumb", draft.id or 0)
    assert (edited.state, edited.revision, edited.text) == (DraftState.PENDING, 2, "Sorry, Ana. – Mia")
    assert [(each.number, each.by, each.text) for each in revisions] == [
        (1, "warmline", draft.text),
        (2, "Mia", "Sorry, Ana. – Mia"),
    ]


async def test_a_text_that_changed_meanwhile_is_not_approved(shop: Shop) -> None:
    draft = await shop.draft()
    await shop.decide(draft, Action.EDIT, "Jon", text="Another text")

    error = await refused(shop, draft, Action.APPROVE)

    assert isinstance(error, StaleRevision)


@pytest.mark.parametrize("text", ["", "   ", "\0"])
async def test_an_empty_reply_is_not_kept(shop: Shop, text: str) -> None:
    error = await refused(shop, await shop.draft(), Action.EDIT, text=text)

    assert "empty" in error.happened


async def test_staff_may_not_approve_an_escalated_draft(shop: Shop) -> None:
    draft = await shop.draft(severity_level=3)

    errors = [await refused(shop, draft, action) for action in (Action.APPROVE, Action.REJECT)]
    edited = await shop.decide(draft, Action.EDIT, text="Better words")
    approved = await shop.decide(edited, Action.APPROVE, "Jo")

    assert {type(error) for error in errors} == {NotAllowed}
    assert draft.state is edited.state is DraftState.ESCALATED
    assert approved.approved_by == "Jo"


async def test_what_only_an_owner_may_decide_stays_so_when_it_is_recalled(shop: Shop) -> None:
    draft = await shop.draft()
    await shop.decide(draft, Action.ESCALATE)
    await shop.decide(draft, Action.APPROVE, "Jo")

    recalled = await shop.decide(draft, Action.RECALL, "Mia")

    assert recalled.state is DraftState.ESCALATED
    assert isinstance(await refused(shop, draft, Action.APPROVE), NotAllowed)


async def test_what_only_an_owner_may_decide_stays_so_when_it_is_opened_again(shop: Shop) -> None:
    draft = await shop.draft(severity_level=3)
    await shop.decide(draft, Action.REJECT, "Jo", reason="No")

    assert (await shop.decide(draft, Action.REOPEN, "Mia")).state is DraftState.ESCALATED


@pytest.mark.parametrize("person", ["Nobody", "", "mia\0", "Jo "])
async def test_who_is_not_on_the_staff_decides_nothing(shop: Shop, person: str) -> None:
    error = await refused(shop, await shop.draft(), Action.APPROVE, person)

    assert isinstance(error, NotAllowed)


async def test_a_person_who_was_taken_off_the_staff_decides_nothing_any_more(shop: Shop) -> None:
    draft = await shop.draft()
    shop.businesses["crumb"] = business(staff=[{"name": "Jo", "role": "owner"}])

    error = await refused(shop, draft, Action.APPROVE)

    assert "Mia is not on the staff" in error.happened


async def test_a_name_is_the_same_in_upper_and_lower_case(shop: Shop) -> None:
    approved = await shop.decide(await shop.draft(), Action.APPROVE, "mIA")

    assert approved.approved_by == "Mia"


async def test_another_business_cannot_see_a_draft(on_either: Shop) -> None:
    shop = on_either
    draft = await shop.draft()
    shop.businesses["other"] = business("other")

    with pytest.raises(NotAllowed, match="no such draft"):
        await shop.decide(draft, Action.APPROVE, business="other")

    assert await shop.desk.check("other", draft.id or 0, "rude") == ()
    with pytest.raises(NotAllowed, match="no such mention"):
        await shop.desk.not_us("other", draft.mention_id, "Mia", "inbox")


@pytest.mark.parametrize("number", [0, -1, 99, 2**31, 2**64])
async def test_a_draft_that_is_not_there_is_told_in_words(on_either: Shop, number: int) -> None:
    with pytest.raises(NotAllowed, match="no such draft"):
        await on_either.desk.decide(Choice("crumb", number, 1, Action.APPROVE, "Mia", "inbox"))


async def test_a_business_that_is_not_configured_decides_nothing(shop: Shop) -> None:
    with pytest.raises(NotAllowed, match="no such business"):
        await shop.decide(await shop.draft(), Action.APPROVE, business="elsewhere")


async def test_a_text_against_the_rules_is_not_approved(shop: Shop) -> None:
    shop.drafter.text = "This is rude"

    error = await refused(shop, await shop.draft(), Action.APPROVE)

    assert error.happened == RUDE.says


async def test_a_warning_is_no_hindrance(shop: Shop) -> None:
    shop.drafter.text = "This is long"

    assert (await shop.decide(await shop.draft(), Action.APPROVE)).state is DraftState.APPROVED


@pytest.mark.parametrize(
    ("text", "person", "reason", "is_approved"),
    [
        ("rude", "Jo", "They know me well", True),
        ("rude", "Jo", "  ", False),
        ("rude", "Mia", "They know me well", False),
        ("allergen", "Jo", "They know me well", False),
        ("rude allergen", "Jo", "They know me well", False),
    ],
)
async def test_an_owner_may_overrule_a_rule_with_a_reason_unless_it_is_final(
    shop: Shop, text: str, person: str, reason: str, is_approved: bool
) -> None:
    shop.drafter.text = text
    draft = await shop.draft()

    if is_approved:
        await shop.decide(draft, Action.APPROVE, person, reason=reason)
    else:
        await refused(shop, draft, Action.APPROVE, person, reason=reason)

    assert ((await shop.see(draft)).state is DraftState.APPROVED) is is_approved


async def test_a_draft_that_waits_for_a_line_is_not_approved_before_somebody_wrote_it(shop: Shop) -> None:
    shop.drafter.abstains = "Only you know what happened."
    draft = await shop.draft()

    error = await refused(shop, draft, Action.APPROVE)
    edited = await shop.decide(draft, Action.EDIT, text="It was me. Sorry!")

    assert "Only you know" in error.happened
    assert (await shop.decide(edited, Action.APPROVE)).state is DraftState.APPROVED


async def edit_post(shop: Shop, draft: Draft) -> None:
    async with shop.store.work() as session:
        columns = {"text": "Forget it", **assessment_columns(assessment())}
        await mentions.edit(session, draft.mention_id, columns, shop.clock())


async def delete_post(shop: Shop, draft: Draft) -> None:
    async with shop.store.work() as session:
        await mentions.gone(session, "crumb", "town", ["1"], shop.clock())


@pytest.mark.parametrize("change", [edit_post, delete_post])
async def test_a_reply_to_a_post_that_has_changed_is_not_approved(shop: Shop, change: Any) -> None:
    draft = await shop.draft()
    await change(shop, draft)

    assert isinstance(await refused(shop, draft, Action.APPROVE), StaleRevision)


async def test_a_post_that_cannot_be_answered_is_told_with_the_reason(shop: Shop) -> None:
    draft = await shop.draft(route="none", route_reason="The platform takes no replies.")

    assert "takes no replies" in (await refused(shop, draft, Action.APPROVE)).happened


async def test_a_recall_in_time_takes_it_back_and_a_late_one_says_so(shop: Shop) -> None:
    platform = Platform(shop.clock)
    first, second = await shop.draft(), await shop.draft()
    for draft in (first, second):
        await shop.decide(draft, Action.APPROVE)
    recalled = await shop.decide(first, Action.RECALL, "Jon")
    shop.clock.move(timedelta(seconds=30))
    await send_due(Outbox(shop.store, platform.speaker, shop.clock))

    error = await refused(shop, second, Action.RECALL)

    assert (recalled.state, recalled.approved_hash) == (DraftState.PENDING, "")
    assert "the draft is sent now" in error.happened
    assert [each.target for each in platform.published] == ["2"]


@pytest.mark.parametrize("hours", [None, -1, 0])
async def test_a_snooze_needs_a_time_that_lies_ahead(shop: Shop, hours: int | None) -> None:
    until = None if hours is None else NOW + hours * HOUR

    await refused(shop, await shop.draft(), Action.SNOOZE, until=until)


async def test_a_snooze_lasts_no_longer_than_the_draft(shop: Shop) -> None:
    draft = await shop.draft()

    snoozed = await shop.decide(draft, Action.SNOOZE, until=NOW + timedelta(days=400))

    async with shop.store.read() as session:
        waiting = await drafts.queue(session, "crumb", now=NOW)
        asleep = await drafts.queue(session, "crumb", now=NOW, snoozed=True)
    assert snoozed.until == draft.expires_at
    assert (waiting, [each.id for each, _ in asleep]) == ([], [draft.id])


@pytest.mark.parametrize("link", ["javascript:alert(1)", "town.example/9"])
async def test_what_is_no_link_is_not_taken_for_a_post(shop: Shop, link: str) -> None:
    draft = await shop.draft(route="handoff")
    await shop.decide(draft, Action.APPROVE)
    shop.clock.move(timedelta(seconds=30))
    await send_due(Outbox(shop.store, Platform(shop.clock).speaker, shop.clock))

    await refused(shop, draft, Action.POSTED, link=link)


async def test_giving_up_a_handed_off_reply_ends_its_delivery(shop: Shop) -> None:
    draft = await shop.draft(route="handoff")
    await shop.decide(draft, Action.APPROVE)
    shop.clock.move(timedelta(seconds=30))
    await send_due(Outbox(shop.store, Platform(shop.clock).speaker, shop.clock))

    await shop.decide(draft, Action.REJECT, reason="They called")
    again = await shop.decide(draft, Action.REOPEN)
    approved = await shop.decide(again, Action.APPROVE)

    assert approved.state is DraftState.APPROVED


async def test_a_tap_on_what_was_erased_never_approves_what_came_after_it(shop: Shop) -> None:
    erased = await shop.draft()
    async with shop.store.work() as session:
        await mentions.erase(session, "crumb", [erased.mention_id], NOW)
    after = await shop.draft()

    with pytest.raises(NotAllowed, match="no such draft"):
        await shop.decide(erased, Action.APPROVE)

    assert (await shop.see(after)).state is DraftState.PENDING


async def test_a_draft_is_not_opened_again_beside_another(shop: Shop) -> None:
    draft = await shop.draft()
    await shop.decide(draft, Action.REJECT)
    async with shop.store.work() as session:
        columns = {"owed": True, "text": "Edited", **assessment_columns(assessment())}
        await mentions.edit(session, draft.mention_id, columns, NOW)
    await draft_waiting(shop.store, shop.businesses, shop.drafter, NOW)

    error = await refused(shop, draft, Action.REOPEN)

    assert "Another draft" in error.happened


async def test_a_draft_that_nobody_decides_about_expires_without_a_post(shop: Shop) -> None:
    draft = await shop.draft()

    early = await expire(shop.store, NOW + timedelta(days=14) - HOUR)
    late = await expire(shop.store, NOW + timedelta(days=14))

    assert (early, late) == (0, 1)
    assert (await shop.see(draft)).state is DraftState.EXPIRED


async def test_several_are_approved_each_on_its_own(shop: Shop) -> None:
    first, second = await shop.draft(), await shop.draft(severity_level=3)

    answers = await shop.desk.approve_many("crumb", [(first.id or 0, 1), (second.id or 0, 1), (99, 1)], "Mia", "inbox")

    assert [type(answer) for answer in answers] == [Draft, NotAllowed, NotAllowed]


async def test_what_is_not_about_us_needs_no_reply(on_either: Shop) -> None:
    shop = on_either
    draft = await shop.draft()
    await shop.decide(draft, Action.APPROVE)

    await shop.desk.not_us("crumb", draft.mention_id, "Mia", "inbox")

    async with shop.store.read() as session:
        delivery = await deliveries.of_draft(session, "crumb", draft.id or 0)
    assert delivery is not None
    assert (await shop.see(draft)).state is delivery.state is DraftState.WITHDRAWN


async def test_a_promise_is_kept_once(shop: Shop) -> None:
    shop.drafter.promises = (Commitment("call back", HOUR),)
    draft = await shop.draft()
    await shop.decide(draft, Action.APPROVE)
    shop.clock.move(timedelta(seconds=30))
    await send_due(Outbox(shop.store, Platform(shop.clock).speaker, shop.clock))
    async with shop.store.read() as session:
        (promise,) = await promises.of_draft(session, "crumb", draft.id or 0)

    await shop.desk.keep("crumb", promise.id or 0, "Mia", kept=True)

    with pytest.raises(AlreadyDecided, match="no longer open"):
        await shop.desk.keep("crumb", promise.id or 0, "Mia", kept=False)
    async with shop.store.read() as session:
        (promise,) = await promises.of_draft(session, "crumb", draft.id or 0)
    assert promise.state is PromiseState.KEPT


# Two people at once.

RIVALS = [(Action.APPROVE, Action.APPROVE), (Action.APPROVE, Action.REJECT), (Action.REJECT, Action.APPROVE),
          (Action.APPROVE, Action.EDIT)]  # fmt: skip


@pytest.mark.parametrize("rivals", RIVALS, ids=" and ".join)
async def test_of_two_people_who_decide_at_once_one_does_and_the_other_is_told_who(
    store: Store, store_address: str, rivals: tuple[Action, Action]
) -> None:
    shop = Shop(store, Clock(NOW))
    async with opened(store_address) as elsewhere:
        for n in range(13):
            draft = await shop.draft()
            # On PostgreSQL another daemon may take the second decision.
            second = Shop(elsewhere if n % 2 and store.dialect == "postgresql" else store, shop.clock)
            await race(shop, second, draft, *rivals)

    async with store.read() as session:
        assert await audit.verify(session, "crumb") == []


async def race(shop: Shop, second: Shop, draft: Draft, mine: Action, yours: Action) -> None:
    answers = await asyncio.gather(
        shop.decide(draft, mine, "Mia", text="Another text"),
        second.decide(draft, yours, "Jon", text="Yet another"),
        return_exceptions=True,
    )

    (winner,) = [n for n, answer in enumerate(answers) if isinstance(answer, Draft)]
    error = answers[1 - winner]
    if (mine, yours)[winner] is Action.EDIT:
        assert isinstance(error, StaleRevision)
        return
    assert isinstance(error, AlreadyDecided)
    assert (error.by, error.at) == (("Mia", "Jon")[winner], NOW)
    assert f"{('Mia', 'Jon')[winner]} chose" in error.happened
    assert "11:20" in error.happened


async def test_a_second_click_changes_nothing_and_is_told_so(shop: Shop) -> None:
    draft = await shop.draft()
    await shop.decide(draft, Action.APPROVE)

    error = await refused(shop, draft, Action.APPROVE)

    assert error.happened == "Mia chose “approve” at 11:20; the draft is approved now."


async def test_an_edit_that_comes_too_late_is_told_that_it_was_not_saved(shop: Shop) -> None:
    draft = await shop.draft()
    await shop.decide(draft, Action.APPROVE, "Jon")

    error = await refused(shop, draft, Action.EDIT, text="Better words")

    assert (error.kept, error.do) == ("Your edit was not saved.", "Recall it to change it.")


# Every way through the machine.


@dataclass
class World:
    """Everything that can happen to one business, and what people have said yes to."""

    shop: Shop
    platform: Platform
    drafts: list[int] = field(default_factory=list)
    #: The text, revision of the post and revision of the draft of every approval, with the role that gave it.
    approvals: dict[int, list[tuple[str, int, int, str]]] = field(default_factory=dict)
    names: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.shop.store, self.platform.speaker, self.shop.clock)

    async def pick(self, n: int) -> tuple[Draft, Any] | None:
        if not self.drafts:
            return None
        async with self.shop.store.read() as session:
            return await drafts.get(session, self.shop.settings.id, self.drafts[n % len(self.drafts)])


async def arrive(world: World, level: int, route: str) -> None:
    shop = world.shop
    mention_id = await shop.mention(
        severity_level=level, route=route, external_id=f"{shop.settings.id}-{next(world.names)}"
    )
    await draft_waiting(shop.store, shop.businesses, shop.drafter, shop.clock())
    async with shop.store.read() as session:
        world.drafts += [each.id or 0 for each in await drafts.for_mention(session, shop.settings.id, mention_id)]


async def choose(world: World, n: int, action: Action, person: str, stale: bool, text: str) -> None:
    found = await world.pick(n)
    if found is None:
        return
    draft, mention = found
    choice = Choice(
        draft.business_id, draft.id or 0, draft.revision - stale, action, person, "inbox", text=text,
        until=world.shop.clock() + HOUR, link="https://town.example/9",
    )  # fmt: skip
    try:
        after = await world.shop.desk.decide(choice)
    except DecisionError:
        assert await world.shop.see(draft) == draft
        return
    allowed = MOVES[draft.state, action].roles
    role = "owner" if person == "Jo" else "staff"
    assert Role(role) in allowed
    assert not stale
    assert after.state is MOVES[draft.state, action].to or (after.for_owner and after.state is DraftState.ESCALATED)
    if action is Action.APPROVE:
        assert role == "owner" or not draft.for_owner
        world.approvals.setdefault(draft.id or 0, []).append((draft.text, mention.revision, draft.revision, role))


async def change_post(world: World, n: int, is_gone: bool) -> None:
    found = await world.pick(n)
    if found is None or found[1].gone_at is not None:
        return
    _, mention = found
    async with world.shop.store.work() as session:
        if is_gone:
            await mentions.gone(session, mention.business_id, "town", [mention.external_id], world.shop.clock())
        else:
            columns = {"text": "Edited", "owed": True, **assessment_columns(assessment())}
            await mentions.edit(session, mention.id, columns, world.shop.clock())
        await withdraw(session, [mention.id], "It changed.", world.shop.clock())
    await draft_waiting(world.shop.store, world.shop.businesses, world.shop.drafter, world.shop.clock())
    async with world.shop.store.read() as session:
        known = await drafts.for_mention(session, mention.business_id, mention.id)
    world.drafts += [each.id or 0 for each in known if each.id not in world.drafts]


async def tick(world: World, minutes: int, answer: Answer, look: Look) -> None:
    world.shop.clock.move(timedelta(minutes=minutes))
    world.platform.answers.append(answer)
    world.platform.looks.append(look)
    await recover(world.outbox)
    await send_due(world.outbox)
    await look_for_lost(world.outbox)
    await verify_sent(world.outbox)
    await expire(world.shop.store, world.shop.clock())
    world.platform.answers.clear()
    world.platform.looks.clear()


ANSWERS = [Answer.OK, Answer.LIMITED, Answer.REFUSED, Answer.BROKEN_AFTER, Answer.BROKEN_BEFORE, Answer.RESET_AFTER]
LOOKS = [Look.TRUE, Look.UNSURE, Look.BREAKS]
STEPS = st.one_of(
    st.tuples(st.just(arrive), st.sampled_from([0, 0, 3]), st.sampled_from(["api", "api", "handoff", "none"])),
    st.tuples(
        st.just(choose), st.integers(0, 9), st.sampled_from(Action), st.sampled_from(["Mia", "Jon", "Jo", "Nobody"]),
        st.sampled_from([False, False, False, True]), st.sampled_from(["Fine", "", "rude", "Fine again"]),
    ),
    st.tuples(
        st.just(choose), st.integers(0, 9), st.sampled_from([Action.APPROVE, Action.RECALL, Action.EDIT]),
        st.sampled_from(["Mia", "Jo"]), st.just(False), st.just("Fine"),
    ),
    st.tuples(st.just(change_post), st.integers(0, 9), st.booleans()),
    st.tuples(
        st.just(tick), st.sampled_from([0, 1, 3, 60, 15 * 24 * 60]), st.sampled_from(ANSWERS), st.sampled_from(LOOKS)
    ),
)  # fmt: skip


async def check(world: World) -> None:
    """What must be true of every world at every moment."""
    business_id = world.shop.settings.id
    targets = [each.target for each in world.platform.published]
    assert len(targets) == len(set(targets)), "a post was answered twice"
    async with world.shop.store.read() as session:
        found = (await session.exec(select(Delivery).where(col(Delivery.business_id) == business_id))).all()
        kept = (await session.exec(select(Draft).where(col(Draft.business_id) == business_id))).all()
    open_ones = [delivery.draft_id for delivery in found if delivery.state in OPEN]
    assert len(open_ones) == len(set(open_ones)), "a draft has two open deliveries"
    by_mention = [draft.mention_id for draft in kept if draft.state in OPEN]
    assert len(by_mention) == len(set(by_mention)), "a mention has two open drafts"
    for delivery in found:
        said_yes = {(text, revision) for text, _, revision, _ in world.approvals.get(delivery.draft_id, [])}
        assert (delivery.text, delivery.revision) in said_yes, "something is to be sent that nobody approved"
    for draft in kept:
        latest = [delivery.state for delivery in found if delivery.draft_id == draft.id][-1:]
        assert not OPEN.intersection(latest) or latest == [draft.state], "a draft and its delivery disagree"


async def walk(store: Store, steps: Sequence[tuple[Any, ...]]) -> None:
    clock = Clock(NOW)
    name = uuid4().hex
    world = World(Shop(store, clock, PlainWords(findings=FINDINGS), business(name)), Platform(clock))
    await arrive(world, 0, "api")
    for step, *details in steps:
        await step(world, *details)
        await check(world)
    approved = {text for each in world.approvals.values() for text, *_ in each}
    assert {each.text for each in world.platform.published} <= approved
    async with store.work() as session:
        assert await audit.verify(session, name) == []
        await mentions.erase(session, name, [each.id or 0 for each in await mentions.history(session, name)], NOW)


WALKS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@settings(WALKS, max_examples=35)
@given(steps=st.lists(STEPS, min_size=4, max_size=16))
async def test_nothing_is_sent_that_no_person_approved_and_nothing_twice(
    sqlite_store: Store, steps: Sequence[tuple[Any, ...]]
) -> None:
    await walk(sqlite_store, steps)


@pytest.mark.fuzz
@pytest.mark.timeout(900)
@settings(WALKS, max_examples=400)
@given(steps=st.lists(STEPS, min_size=4, max_size=40))
async def test_no_way_at_all_leads_to_a_reply_that_nobody_approved(
    sqlite_store: Store, steps: Sequence[tuple[Any, ...]]
) -> None:
    await walk(sqlite_store, steps)


def test_only_people_lead_to_an_approval() -> None:
    leading = {role for (_, action), move in MOVES.items() if move.to is DraftState.APPROVED for role in move.roles
               if action not in (Action.RETRY, Action.RELEASE)}  # fmt: skip

    assert leading == {Role.STAFF, Role.OWNER}


def test_only_what_was_approved_can_be_sent() -> None:
    before = {state for (state, _), move in MOVES.items() if move.to in (DraftState.SENDING, DraftState.HANDED_OFF)}

    assert before == {DraftState.APPROVED}


def test_a_desk_has_one_way_in() -> None:
    assert {name for name in vars(Desk) if not name.startswith("_")} == {
        "decide", "approve_many", "check", "not_us", "keep",
    }  # fmt: skip
