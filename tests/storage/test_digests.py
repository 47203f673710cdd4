"""The numbers of a week, and the record of its digest, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage import Digest, Store, digests, mentions, sources
from storage.assessment import Intent
from storage.states import DraftState
from tests.listener.digest.town import MONDAY, MORNING, Town, settings

HOUR = timedelta(hours=1)
WEEK = (MONDAY, MONDAY + timedelta(days=7))


@pytest.fixture
async def bakery(store: Store) -> Town:
    bakery = Town(store, settings())
    await bakery.open("reviews", "forum")
    return bakery


def digest(week: int = 23) -> Digest:
    return Digest(business_id="crumb", year=2026, week=week, composed_at=MORNING, html="h", plain="p", figures={})


async def test_a_week_has_one_digest(bakery: Town) -> None:
    async with bakery.store.work() as session:
        first = await digests.keep(session, digest())
        second = await digests.keep(session, digest())

    assert first is not None
    assert second is None


async def test_only_the_latest_digest_waits_to_be_mailed(bakery: Town) -> None:
    old, new = digest(22), digest(23)
    old.next_at, new.next_at = MORNING, MORNING + HOUR
    async with bakery.store.work() as session:
        await digests.keep(session, old)
        await digests.keep(session, new)

    async with bakery.store.read() as session:
        early = await digests.waiting(session, "crumb", MORNING)
        later = await digests.waiting(session, "crumb", MORNING + HOUR)

    assert early is None
    assert later is not None
    assert later.week == 23


async def test_a_digest_is_claimed_once(bakery: Town) -> None:
    async with bakery.store.work() as session:
        kept = await digests.keep(session, digest())
    assert kept is not None

    async with bakery.store.work() as session:
        claims = [await digests.claim(session, kept, "on its way") for _ in range(2)]

    assert claims == [True, False]


async def test_a_digest_that_went_out_is_not_claimed_by_who_saw_it_before(bakery: Town) -> None:
    async with bakery.store.work() as session:
        kept = await digests.keep(session, digest())
        assert kept is not None
        await digests.settle(session, kept.id or 0, {"sent_at": MORNING})
    stale = digest()
    stale.id = kept.id

    async with bakery.store.work() as session:
        claimed = await digests.claim(session, stale, "on its way")

    assert not claimed


async def test_a_business_that_nobody_listened_for_has_no_past_weeks(store: Store) -> None:
    async with store.work() as session:
        await sources.keep_business(session, "new", "New")
    async with store.read() as session:
        listened = await digests.was_listening(session, "new", MONDAY)

    assert not listened


async def test_topics_are_counted_with_the_unhappy_ones(bakery: Town) -> None:
    await bakery.hear("a", "negative", topics=["wait", "price"])
    await bakery.hear("b", "positive", topics=["wait"])
    await bakery.hear("c", "negative", topics=["wait"], at=MONDAY - HOUR)
    await bakery.hear("d", "negative", topics=["wait"], not_us=True)

    async with bakery.store.read() as session:
        counted = await digests.topics(session, "crumb", *WEEK)

    assert counted == {"wait": (2, 1), "price": (1, 1)}


async def test_only_praise_that_stands_and_is_surely_meant_is_quoted(bakery: Town) -> None:
    wanted = await bakery.hear("Lovely bread", "positive")
    await bakery.hear("Buy pills", "positive", intent=Intent.SPAM)
    await bakery.hear("Love it. Another wait", "positive", sarcasm=True)
    await bakery.hear("Another Crumb", "positive", not_us=True)
    await bakery.hear("Great job with the ice-cold chocolate", "positive", confidence=0.7)
    await bakery.hear("Great bread, and then my son was sick", "positive", severity_level=2)
    gone = await bakery.hear("Deleted", "positive", external_id="gone")
    async with bakery.store.work() as session:
        assert await mentions.gone(session, "crumb", "feed", ["gone"], MORNING) == [gone]

    async with bakery.store.read() as session:
        praise = await digests.quotable(session, "crumb", *WEEK, praise=True, sure=0.75)

    assert [each.mention_id for each in praise] == [wanted]


async def test_complaints_come_gravest_first(bakery: Town) -> None:
    mild = await bakery.hear("Slow", "negative")
    grave = await bakery.hear("Glass in the bread", "neutral", intent=Intent.COMPLAINT, severity_level=3)

    async with bakery.store.read() as session:
        complaints = await digests.quotable(session, "crumb", *WEEK, praise=False, sure=0.75)

    assert [each.mention_id for each in complaints] == [grave, mild]


async def test_replies_count_in_the_week_they_were_sent(bakery: Town) -> None:
    posted = MONDAY + HOUR
    await bakery.reply(await bakery.hear("a", at=posted), posted + HOUR)
    await bakery.reply(await bakery.hear("b", at=posted), WEEK[1])
    await bakery.draft(await bakery.hear("c", at=posted), DraftState.PENDING)

    async with bakery.store.read() as session:
        replied = await digests.replied(session, "crumb", *WEEK)

    assert replied == [(posted, posted + HOUR, posted + 4 * HOUR)]


async def test_what_waits_is_counted_by_state(bakery: Town) -> None:
    late, soon = MORNING - HOUR, MORNING + HOUR
    await bakery.draft(await bakery.hear("a"), DraftState.PENDING, due_at=late)
    await bakery.draft(await bakery.hear("b"), DraftState.PENDING, due_at=soon, until=soon)
    await bakery.draft(await bakery.hear("c"), DraftState.HANDED_OFF, due_at=late)
    await bakery.draft(await bakery.hear("d"), DraftState.REJECTED, due_at=late)

    async with bakery.store.read() as session:
        rows = await digests.waiting_drafts(session, "crumb", MORNING)

    counted = {(row.state, row.number, row.snoozed, row.overdue) for row in rows}
    assert counted == {(DraftState.PENDING, 2, 1, 1), (DraftState.HANDED_OFF, 1, 0, 0)}


async def test_unread_items_and_money_are_summed_by_source(bakery: Town) -> None:
    day = MONDAY.date() + timedelta(days=1)
    await bakery.sample("forum", MONDAY + HOUR)
    await bakery.sample("forum", MONDAY + 2 * HOUR)
    await bakery.sample("reviews", WEEK[1])
    async with bakery.store.work() as session:
        for calls in (2, 3):
            source_id, when = bakery.source_ids["reviews"], day + timedelta(days=calls)
            await sources.spend(session, source_id, when, calls=calls, micros=calls * 500_000, currency="EUR")

    async with bakery.store.read() as session:
        unread = [tuple(row) for row in await digests.unread(session, "crumb", *WEEK)]
        money = [tuple(row) for row in await digests.money(session, "crumb", day, day + timedelta(days=7))]

    assert unread == [("forum", 2)]
    assert money == [("reviews", "EUR", 5, 2_500_000)]


async def test_the_last_line_of_the_trail_is_this_business_s(bakery: Town) -> None:
    async with bakery.store.read() as session:
        before = await digests.last_line(session, "crumb")
    await bakery.decide("draft 1")
    await bakery.decide("draft 2")

    async with bakery.store.read() as session:
        after = await digests.last_line(session, "crumb")
        other = await digests.last_line(session, "other")

    assert (before, other) == (None, None)
    assert after is not None
    assert len(after[1]) == 64
