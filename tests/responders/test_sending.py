"""The one door out: whatever happens on the way, a reply is public once, or a person is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import Duplicates, Status, Visibility
from connectors.errors import SourceUnavailable
from responders import sending
from responders.drafting.base import Commitment
from responders.proposing import draft_waiting
from responders.sending import AWAY, LEASE, Outbox, look_for_lost, recover, send_due, verify_sent
from storage import Delivery, Draft, Store, audit, deliveries, drafts, mentions, promises
from storage.models import assessment_columns
from storage.states import Action, DraftState
from tests.builders import (
    NOW,
    Answer,
    Clock,
    Killed,
    Look,
    PlainWords,
    Platform,
    Published,
    Shop,
    assessment,
    keep_mentions,
    keep_source,
    mention_row,
)

MINUTE = timedelta(minutes=1)
UNDO = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that hangs is given up at once."""
    monkeypatch.setattr(sending, "TIMEOUT", timedelta(milliseconds=20))


class Desk(Shop):
    """A shop with a platform and an outbox."""

    def __init__(self, store: Store, duplicates: Duplicates = Duplicates.LOOKUP, lag: timedelta = timedelta(0)) -> None:
        super().__init__(store, Clock(NOW), PlainWords(promises=(Commitment("call back", timedelta(hours=2)),)))
        self.platform = Platform(self.clock, duplicates, lag)
        self.skew = timedelta(0)
        self.outbox = self.new_outbox()

    def new_outbox(self, worker: str = "warmline") -> Outbox:
        return Outbox(self.store, self.platform.speaker, lambda: self.platform.now() + self.skew, worker)

    async def approved(self) -> Draft:
        """A draft that was approved, and can no longer be recalled."""
        draft = await self.draft()
        await self.decide(draft, Action.APPROVE)
        self.clock.move(UNDO)
        return draft

    async def round(self) -> None:
        """What the daemon does again and again."""
        await recover(self.outbox)
        await send_due(self.outbox)
        await look_for_lost(self.outbox)

    async def restart(self) -> None:
        """The daemon was killed and starts anew."""
        self.platform.kills_next = None
        self.outbox = self.new_outbox()
        await recover(self.outbox, everything=True)

    async def live(self, steps: int = 12, step: timedelta = MINUTE) -> None:
        """Time goes on; a daemon that dies is started again."""
        for _ in range(steps):
            try:
                await self.round()
            except Killed:
                await self.restart()
            self.clock.move(step)

    async def settle(self, draft: Draft, step: timedelta = 2 * MINUTE) -> None:
        """Time goes on until the reply is public, refused, or given up."""
        for _ in range(60):
            await self.live(1, step)
            if (await self.see(draft)).state in (DraftState.SENT, DraftState.FAILED):
                return

    async def delivery(self, draft: Draft) -> Delivery:
        async with self.store.read() as session:
            delivery = await deliveries.of_draft(session, draft.business_id, draft.id or 0)
        assert delivery is not None
        return delivery

    async def states(self, draft: Draft) -> tuple[DraftState, DraftState]:
        """Where the draft and its delivery stand."""
        return (await self.see(draft)).state, (await self.delivery(draft)).state


@pytest.fixture
async def shop(sqlite_store: Store) -> Desk:
    return Desk(sqlite_store)


@pytest.fixture
async def on_either(store: Store) -> Desk:
    """A shop on either database, where they could differ."""
    return Desk(store)


SENT = (DraftState.SENT, DraftState.SENT)
FAILED = (DraftState.FAILED, DraftState.FAILED)
UNCONFIRMED = (DraftState.UNCONFIRMED, DraftState.UNCONFIRMED)


async def test_an_approved_reply_is_posted_once_with_exactly_its_text(on_either: Desk) -> None:
    shop = on_either
    draft = await shop.approved()

    await shop.live()

    delivery = await shop.delivery(draft)
    assert [(each.target, each.text) for each in shop.platform.published] == [("1", draft.text)]
    assert (delivery.receipt_id, delivery.receipt_url) == ("re-1", "https://town.example/re-1")
    assert await shop.states(draft) == SENT


async def test_nothing_leaves_before_the_undo_window_is_over(shop: Desk) -> None:
    draft = await shop.draft()
    await shop.decide(draft, Action.APPROVE)
    shop.clock.move(UNDO - timedelta(seconds=1))

    handed_over = await send_due(shop.outbox)

    assert (handed_over, shop.platform.requests) == (0, 0)


async def test_what_was_promised_is_owed_from_when_it_was_posted(shop: Desk) -> None:
    draft = await shop.approved()

    await send_due(shop.outbox)

    async with shop.store.read() as session:
        (promise,) = await promises.of_draft(session, "crumb", draft.id or 0)
    assert (promise.what, promise.person, promise.due_at) == ("call back", "Mia", shop.clock() + timedelta(hours=2))


# The fault matrix: where the process dies or the platform fails, on every kind of platform.

DEATHS: dict[str, tuple[Sequence[Look], Sequence[Answer]]] = {
    "before the claim": ([Look.KILLED], []),
    "claimed, nothing sent": ([Look.TRUE], [Answer.KILLED_BEFORE]),
    "in flight": ([Look.TRUE], [Answer.KILLED_AFTER]),
    "answered, not written down": ([Look.TRUE], [Answer.KILLED_ANSWERED]),
    "while looking, posted": ([Look.TRUE, Look.KILLED], [Answer.BROKEN_AFTER]),
    "while looking, not posted": ([Look.TRUE, Look.KILLED], [Answer.BROKEN_BEFORE]),
    "while looking twice": ([Look.TRUE, Look.KILLED, Look.KILLED], [Answer.RESET_AFTER]),
    "in flight, twice": ([Look.TRUE], [Answer.KILLED_BEFORE, Answer.KILLED_BEFORE]),
}
FAULTS: dict[str, tuple[Sequence[Look], Sequence[Answer]]] = {
    answer.name.lower(): ([], [answer]) for answer in Answer if not answer.name.startswith("KILLED")
} | {
    "the platform cannot be read": ([Look.TRUE, Look.FAILS, Look.UNSURE, Look.FAILS], [Answer.BROKEN_AFTER]),
    "the connector breaks while reading": ([Look.BREAKS, Look.BREAKS, Look.BREAKS], [Answer.BROKEN_BEFORE]),
    "it fails again and again": ([], [Answer.BROKEN_BEFORE, Answer.RESET_BEFORE, Answer.HANGS_BEFORE, Answer.LIMITED]),
}
#: How long our own reply cannot be read back; more than two settle times could fool us.
LAGS = [timedelta(0), timedelta(minutes=3)]


async def suffer(store: Store, kind: Duplicates, lag: timedelta, fault: str, name: str) -> str:
    """Lets one fault happen to one reply; gives what is wrong afterwards, or nothing."""
    looks, answers = (DEATHS | FAULTS)[fault]
    shop = Desk(store, kind, lag)
    shop._numbers = iter([name])  # type: ignore[assignment]
    draft = await shop.approved()
    shop.platform.looks.extend(looks)
    shop.platform.answers.extend(answers)

    await shop.settle(draft)

    found = ([each.text for each in shop.platform.published], await shop.states(draft))
    right = ([], FAILED) if Answer.REFUSED in answers else ([draft.text], SENT)
    return "" if found == right else f"{kind}, {lag}: {found}"


@pytest.mark.parametrize("fault", [*DEATHS, *FAULTS])
async def test_whatever_fails_the_reply_is_public_once_and_the_record_is_right(sqlite_store: Store, fault: str) -> None:
    cells = [(kind, lag) for kind in Duplicates for lag in LAGS]

    wrong = [await suffer(sqlite_store, *cell, fault, str(n)) for n, cell in enumerate(cells)]

    assert [each for each in wrong if each] == []
    async with sqlite_store.read() as session:
        assert await audit.verify(session, "crumb") == []


async def test_the_same_holds_on_both_databases(store: Store) -> None:
    wrong = [
        await suffer(store, Duplicates.LOOKUP, LAGS[0], fault, str(n)) for n, fault in enumerate([*DEATHS, *FAULTS])
    ]

    assert [each for each in wrong if each] == []


async def test_a_reply_that_can_never_be_looked_for_waits_for_a_person(shop: Desk) -> None:
    draft = await shop.approved()
    shop.platform.answers.append(Answer.BROKEN_AFTER)
    shop.platform.looks.extend([Look.TRUE, *[Look.UNSURE] * 500])

    await shop.live(60, timedelta(hours=6))

    assert await shop.states(draft) == UNCONFIRMED
    assert shop.platform.requests == 1
    assert "may be public" in (await shop.see(draft)).note


@pytest.mark.parametrize(("action", "posts"), [(Action.CONFIRM, 1), (Action.RELEASE, 2)])
async def test_a_person_settles_what_nobody_knows(shop: Desk, action: Action, posts: int) -> None:
    draft = await shop.approved()
    shop.platform.answers.append(Answer.BROKEN_BEFORE)
    shop.platform.looks.extend([Look.TRUE, *[Look.UNSURE] * 500])
    await shop.live(3)

    await shop.decide(draft, action)
    await shop.live(3)

    assert shop.platform.requests == posts
    assert await shop.states(draft) == SENT


async def test_an_outcome_that_nobody_saw_is_never_sent_again_before_two_clean_looks(shop: Desk) -> None:
    await shop.approved()
    shop.platform.answers.append(Answer.BROKEN_BEFORE)
    await shop.round()

    settle = shop.platform.traits.settle
    requests = []
    for _ in range(3):
        shop.clock.move(settle)
        await shop.round()
        requests.append(shop.platform.requests)

    assert requests == [1, 1, 2]


async def test_a_reply_that_the_platform_puts_off_waits_as_long_as_it_says(shop: Desk) -> None:
    await shop.approved()
    shop.platform.answers.append(Answer.LIMITED)
    shop.platform.retry_at = shop.clock() + timedelta(hours=1)

    await shop.live(11, 5 * MINUTE)
    before = shop.platform.requests
    await shop.live(3, 5 * MINUTE)

    assert (before, shop.platform.requests) == (1, 2)


async def test_a_reply_that_is_put_off_without_a_time_is_tried_ever_more_rarely(shop: Desk) -> None:
    draft = await shop.approved()
    shop.platform.answers.extend([Answer.LIMITED] * 1000)

    await shop.live(24 * 3, 20 * MINUTE)

    assert 10 <= shop.platform.requests <= 40
    assert (await shop.see(draft)).state is DraftState.APPROVED


async def test_a_second_worker_takes_over_what_a_dead_one_had(on_either: Desk) -> None:
    shop = on_either
    draft = await shop.approved()
    shop.platform.answers.append(Answer.KILLED_AFTER)
    with pytest.raises(Killed):
        await shop.round()
    shop.outbox = shop.new_outbox("second")

    await shop.round()
    early = await shop.states(draft)
    shop.clock.move(LEASE)
    await shop.live(10)

    assert early == (DraftState.SENDING, DraftState.SENDING)
    assert await shop.states(draft) == SENT
    assert len(shop.platform.published) == 1


async def test_a_late_worker_cannot_write_over_a_newer_ones_record(on_either: Desk) -> None:
    shop = on_either
    draft = await shop.approved()
    claimed = asyncio.Event()
    may_answer = asyncio.Event()
    answer = shop.platform._answer

    async def slow(*details: object) -> object:
        claimed.set()
        await may_answer.wait()
        return await answer(Answer.REFUSED, details[1])  # type: ignore[arg-type]

    shop.platform._answer = slow  # type: ignore[assignment,method-assign]
    sending.TIMEOUT = timedelta(seconds=5)
    zombie = asyncio.create_task(send_due(shop.outbox))
    await claimed.wait()
    shop.platform._answer = answer  # type: ignore[method-assign]
    shop.clock.move(LEASE)
    shop.outbox = shop.new_outbox("second")
    await shop.live(10)

    may_answer.set()
    await zombie

    assert await shop.states(draft) == SENT
    assert len(shop.platform.published) == 1


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_is_put_right_makes_no_second_post_and_loses_none(on_either: Desk, hours: int) -> None:
    shop = on_either
    draft = await shop.approved()
    shop.platform.answers.append(Answer.KILLED_AFTER)
    with pytest.raises(Killed):
        await shop.round()
    shop.skew = timedelta(hours=hours)

    await shop.restart()
    await shop.live(15, 10 * MINUTE)

    assert len(shop.platform.published) == 1
    assert await shop.states(draft) == SENT


async def test_a_claim_that_has_grown_old_before_the_request_is_given_back_unsent(shop: Desk) -> None:
    draft = await shop.approved()
    moments = iter([shop.clock(), shop.clock(), shop.clock() + LEASE])
    slow = replace(shop.outbox, now=lambda: next(moments, shop.clock() + LEASE))

    await send_due(slow)

    assert shop.platform.requests == 0
    assert await shop.states(draft) == (DraftState.APPROVED, DraftState.APPROVED)


async def test_two_workers_at_once_post_once(on_either: Desk) -> None:
    shop = on_either
    drafts = [await shop.draft() for _ in range(5)]
    for draft in drafts:
        await shop.decide(draft, Action.APPROVE)
    shop.clock.move(UNDO)

    await asyncio.gather(send_due(shop.outbox), send_due(shop.new_outbox("second")))

    assert sorted(each.target for each in shop.platform.published) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("look", [Look.BREAKS, Look.FAILS])
async def test_a_reply_that_cannot_be_looked_for_holds_up_no_other(shop: Desk, look: Look) -> None:
    first, second = await shop.approved(), await shop.approved()
    shop.platform.answers.extend([Answer.BROKEN_AFTER, Answer.BROKEN_AFTER])
    await send_due(shop.outbox)
    shop.clock.move(shop.platform.traits.settle)
    shop.platform.looks.append(look)

    settled = await look_for_lost(shop.outbox)

    assert settled == 1
    assert {(await shop.see(first)).state, (await shop.see(second)).state} == {DraftState.UNCONFIRMED, DraftState.SENT}


@pytest.mark.parametrize("fault", [KeyError("id"), SourceUnavailable("It did not answer."), TimeoutError()])
async def test_a_reply_whose_state_cannot_be_read_holds_up_no_other(shop: Desk, fault: Exception) -> None:
    first, second = await shop.approved(), await shop.approved()
    await send_due(shop.outbox)
    shop.clock.move(MINUTE)
    shop.platform.statuses.append(fault)

    settled = await verify_sent(shop.outbox)

    assert settled == 1
    assert {(await shop.see(first)).state, (await shop.see(second)).state} == {DraftState.SENT, DraftState.VISIBLE}


async def test_replies_of_a_source_that_is_off_wait_and_hold_up_no_other(sqlite_store: Store) -> None:
    shop = Desk(sqlite_store)
    village_id = await keep_source(shop.store, name="village")
    await keep_mentions(shop.store, *(mention_row(village_id, f"village {n}") for n in range(51)))
    await shop.mention(posted_at=NOW + MINUTE)
    await draft_waiting(shop.store, shop.businesses, shop.drafter, shop.clock())
    async with shop.store.read() as session:
        waiting = [(draft.id or 0, draft.revision) for draft, _ in await drafts.queue(session, "crumb", now=NOW)]
    await shop.desk.approve_many("crumb", waiting, "Mia", "inbox")
    shop.clock.move(UNDO)
    half = replace(shop.outbox, speaker=lambda source_id: None if source_id == village_id else shop.platform)

    await send_due(half)
    await send_due(half)
    at_once = len(shop.platform.published)
    shop.clock.move(AWAY)
    await send_due(shop.outbox)
    await send_due(shop.outbox)

    assert (at_once, len(shop.platform.published)) == (1, 52)


async def test_a_reply_that_a_colleague_has_given_meanwhile_is_withdrawn(shop: Desk) -> None:
    draft = await shop.approved()
    shop.platform.published.append(Published("1", "I answered from my phone", "", shop.clock()))

    await shop.live(3)

    assert shop.platform.requests == 0
    assert await shop.states(draft) == (DraftState.WITHDRAWN, DraftState.WITHDRAWN)


async def edit(shop: Desk, mention_id: int) -> None:
    async with shop.store.work() as session:
        await mentions.edit(
            session, mention_id, {"text": "Forget it", **assessment_columns(assessment())}, shop.clock()
        )


async def delete(shop: Desk, mention_id: int) -> None:
    async with shop.store.work() as session:
        await mentions.gone(session, "crumb", "town", ["1"], shop.clock())


@pytest.mark.parametrize("change", [edit, delete])
async def test_nothing_is_posted_under_a_post_that_changed_after_the_approval(on_either: Desk, change: object) -> None:
    shop = on_either
    draft = await shop.approved()
    await change(shop, draft.mention_id)  # type: ignore[operator]

    await shop.live(3)

    assert shop.platform.requests == 0
    assert await shop.states(draft) == (DraftState.WITHDRAWN, DraftState.WITHDRAWN)


async def test_what_was_recalled_is_not_posted(shop: Desk) -> None:
    draft = await shop.draft()
    await shop.decide(draft, Action.APPROVE)
    await shop.decide(draft, Action.RECALL)

    await shop.live(5)

    assert shop.platform.requests == 0
    assert (await shop.see(draft)).state is DraftState.PENDING


async def test_a_post_that_only_a_person_can_answer_is_handed_over(shop: Desk) -> None:
    draft = await shop.draft(route="handoff")
    await shop.decide(draft, Action.APPROVE)
    shop.clock.move(UNDO)

    await shop.live(3)
    handed = await shop.states(draft)
    await shop.decide(draft, Action.POSTED, link="https://town.example/9")

    assert handed == (DraftState.HANDED_OFF, DraftState.HANDED_OFF)
    assert shop.platform.requests == 0
    assert await shop.states(draft) == SENT
    assert (await shop.delivery(draft)).receipt_url == "https://town.example/9"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status(Visibility.VISIBLE), DraftState.VISIBLE),
        (Status(Visibility.REFUSED, "spam\0"), DraftState.REFUSED),
        (Status(Visibility.PENDING), DraftState.SENT),
        (Status(Visibility.UNKNOWN), DraftState.SENT),
    ],
)
async def test_accepted_is_not_yet_public(shop: Desk, status: Status, state: DraftState) -> None:
    draft = await shop.approved()
    await send_due(shop.outbox)
    shop.platform.statuses.append(status)
    shop.clock.move(MINUTE)

    await verify_sent(shop.outbox)

    assert (await shop.see(draft)).state is state


async def test_what_a_platform_says_is_kept_even_where_no_database_could(shop: Desk) -> None:
    draft = await shop.approved()
    shop.platform._answer = refuse  # type: ignore[assignment,method-assign]

    await shop.live(2)

    assert (await shop.see(draft)).note.startswith("No")
    assert await shop.states(draft) == FAILED


async def refuse(*details: object) -> None:
    from connectors.errors import ReplyRefused

    raise ReplyRefused("No\0 \ud800")


FREE = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), st.sampled_from(Answer)),
        st.tuples(st.just("look"), st.sampled_from(Look)),
        st.tuples(st.just("wait"), st.sampled_from([timedelta(seconds=5), MINUTE, 3 * MINUTE, timedelta(hours=1)])),
        st.tuples(st.just("restart"), st.none()),
    ),
    max_size=12,
)


async def survives(store: Store, kind: Duplicates, story: Sequence[tuple[str, object]]) -> None:
    """Plays a story on a new draft, lets things calm down, and looks at what is public."""
    shop = Desk(store, kind)
    shop._numbers = iter([uuid4().hex])  # type: ignore[assignment]
    draft = await shop.approved()
    for what, how in story:
        if what == "answer":
            shop.platform.answers.append(how)  # type: ignore[arg-type]
        elif what == "look":
            shop.platform.looks.append(how)  # type: ignore[arg-type]
        elif what == "restart":
            await shop.restart()
        else:
            await shop.live(1, how)  # type: ignore[arg-type]
    shop.platform.answers.clear()
    shop.platform.looks.clear()
    await shop.settle(draft, timedelta(hours=1))

    states = await shop.states(draft)
    published = [each.text for each in shop.platform.published]
    assert (states, published) in [(SENT, [draft.text]), (FAILED, [])]


STORIES = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@settings(STORIES, max_examples=25)
@given(kind=st.sampled_from(Duplicates), story=FREE)
async def test_no_story_ends_with_two_posts_or_none(
    sqlite_store: Store, kind: Duplicates, story: Sequence[tuple[str, object]]
) -> None:
    await survives(sqlite_store, kind, story)


@pytest.mark.fuzz
@pytest.mark.timeout(900)
@settings(STORIES, max_examples=600)
@given(kind=st.sampled_from(Duplicates), story=FREE)
async def test_no_story_at_all_ends_with_two_posts_or_none(
    sqlite_store: Store, kind: Duplicates, story: Sequence[tuple[str, object]]
) -> None:
    await survives(sqlite_store, kind, story)
