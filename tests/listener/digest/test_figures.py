"""Figures against weeks made by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import BusinessSettings
from listener.digest.figures import LEAST, compare, gather, wilson
from listener.digest.week import Week
from storage import Promise, sources
from storage.states import DraftState, PromiseState, SourceState
from tests.listener.digest.town import MONDAY, MORNING, WEEK_23, PlainReader, Town, settings

HOUR = timedelta(hours=1)
WEEK = WEEK_23


async def figures(town: Town, week: Week = WEEK, now: datetime = MORNING, **tables: Any) -> dict[str, Any]:
    business: BusinessSettings = settings(**tables)
    async with town.store.read() as session:
        return await gather(session, business, week, PlainReader(), "http://inbox.example/", now)


# Shares


def test_wilson_s_interval_gives_the_published_values() -> None:
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)


@given(st.integers(1, 5000).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
def test_a_share_lies_in_its_range(counted: tuple[int, int]) -> None:
    part, whole = counted

    low, high = wilson(part, whole)

    assert 0 <= low <= part / whole + 1e-12
    assert part / whole - 1e-12 <= high <= 1


def test_five_mentions_show_no_share_and_no_trend() -> None:
    assert compare(5, 5, 1, 40) == {"share": None, "low": None, "high": None, "trend": "too few"}


def test_a_week_before_with_few_mentions_gives_a_share_and_no_trend() -> None:
    found = compare(30, 40, 1, LEAST - 1)

    assert found["share"] == 0.75
    assert found["trend"] == "too few before"


def test_a_trend_is_claimed_only_where_the_ranges_are_apart() -> None:
    assert compare(30, 40, 8, 40)["trend"] == "more"
    assert compare(8, 40, 30, 40)["trend"] == "less"
    assert compare(20, 40, 14, 40)["trend"] == "no clear change"


# Mentions


async def test_mentions_are_counted_by_week_day_feeling_and_source(town: Town) -> None:
    await town.open("forum")
    await town.hear("a", "positive", at=WEEK.since)
    await town.hear("b", "negative", at=WEEK.since + 25 * HOUR, source="forum")
    await town.hear("c", "neutral", at=WEEK.until - HOUR, source="forum")
    await town.hear("d", "neutral", at=WEEK.since - HOUR)
    await town.hear("e", "neutral", at=WEEK.until)

    found = await figures(town)

    assert found["now"] == {"negative": 1, "neutral": 1, "positive": 1, "total": 3}
    assert found["before"]["total"] == 1
    assert [day["total"] for day in found["days"]] == [1, 1, 0, 0, 0, 0, 1]
    assert [(row["name"], row["total"], row["before"]) for row in found["sources"]] == [
        ("forum", 2, 0),
        ("reviews", 1, 1),
    ]


async def test_a_source_that_is_switched_off_shows_only_with_mentions(town: Town) -> None:
    await town.open("old", "older")
    await town.hear("a", source="older", at=WEEK.since - HOUR)
    async with town.store.work() as session:
        await sources.switch_off_others(session, "crumb", ["reviews"])

    found = await figures(town)

    assert [row["name"] for row in found["sources"]] == ["older", "reviews"]
    assert found["listening"] == 1
    assert found["unheard"] == []


async def test_topics_come_with_last_week_s_counts_and_without_the_rest(town: Town) -> None:
    for text in ("a", "b"):
        await town.hear(text, "negative", topics=["wait", "other"])
    await town.hear("c", topics=["price"], at=WEEK.since - HOUR)
    await town.hear("d", topics=["price"])

    found = await figures(town)

    assert found["topics"] == [
        {"topic": "wait", "number": 2, "unhappy": 2, "before": 0},
        {"topic": "price", "number": 1, "unhappy": 0, "before": 1},
    ]


# Work


async def test_replies_are_timed_from_the_post_and_held_against_their_due_time(town: Town) -> None:
    for minutes in (30, 90, 600):
        mention = await town.hear("a", at=WEEK.since + HOUR)
        await town.reply(mention, WEEK.since + HOUR + timedelta(minutes=minutes))

    found = await figures(town)

    assert found["replies"] == {"sent": 3, "median_minutes": 90, "in_time": 2, "aimed": 3, "within": "4 hours"}


async def test_a_target_in_opening_hours_says_so(town: Town) -> None:
    found = await figures(town, places=[{"name": "Main Street", "hours": {"mon-fri": "07:00-18:00"}}])

    assert found["replies"]["within"] == "4 hours, counted in opening hours"
    assert found["replies"]["median_minutes"] is None


async def test_what_waits_is_counted_as_it_is_now(town: Town) -> None:
    states = [
        DraftState.PENDING,
        DraftState.PENDING,
        DraftState.ESCALATED,
        DraftState.UNCONFIRMED,
        DraftState.HANDED_OFF,
    ]
    for state in [*states, DraftState.SENT]:
        await town.draft(await town.hear("a"), state, due_at=WEEK.until)

    found = await figures(town)

    assert found["waiting"] == {
        "pending": 2,
        "for_owner": 1,
        "overdue": 3,
        "snoozed": 0,
        "unconfirmed": 1,
        "by_hand": 1,
    }


async def test_an_open_promise_past_its_time_is_not_counted_as_kept_or_open(town: Town) -> None:
    draft = await town.draft(await town.hear("a"), DraftState.SENT)
    for what, due, state in (
        ("kept", WEEK.since + HOUR, PromiseState.KEPT),
        ("broken", WEEK.since + HOUR, PromiseState.BROKEN),
        ("kept earlier", WEEK.since - HOUR, PromiseState.KEPT),
        ("forgotten", WEEK.since - HOUR, PromiseState.OPEN),
        ("ahead", MORNING + HOUR, PromiseState.OPEN),
    ):
        await town.add(Promise(business_id="crumb", draft_id=draft, what=what, person="Mia", due_at=due, state=state))

    found = (await figures(town))["promises"]

    assert {key: found[key] for key in ("kept", "broken", "late", "open")} == {
        "kept": 1,
        "broken": 1,
        "late": 1,
        "open": 1,
    }
    assert [(each["what"], each["late"]) for each in found["items"]] == [("forgotten", True), ("ahead", False)]


async def test_alerts_of_the_week_and_about_its_posts_come_with_the_critical_first(town: Town) -> None:
    await town.alert("before", WEEK.since - HOUR)
    await town.alert("a source is deaf", WEEK.since + HOUR)
    late = await town.hear("a", "negative", at=WEEK.until - HOUR)
    await town.alert("a crisis of Sunday night", WEEK.until + HOUR, critical=True, mention_id=late)
    await town.alert("after", WEEK.until + HOUR)

    found = await figures(town)

    assert [each["text"] for each in found["alerts"]] == ["a crisis of Sunday night", "a source is deaf"]


# What was missed


async def _gap(town: Town, since: datetime, until: datetime | None, reason: str = "It was down.") -> None:
    async with town.store.work() as session:
        await sources.add_gap(session, town.source_ids["reviews"], since, until, reason)


async def test_a_gap_counts_only_the_hours_that_lie_in_the_week(town: Town) -> None:
    await _gap(town, WEEK.since - 10 * HOUR, WEEK.since + 3 * HOUR)

    found = await figures(town)

    assert found["unheard"] == [{"name": "reviews", "hours": 3.0, "reason": "It was down.", "still": False}]


async def test_gaps_that_overlap_are_counted_once(town: Town) -> None:
    await _gap(town, WEEK.since, WEEK.since + 5 * HOUR)
    await _gap(town, WEEK.since + 2 * HOUR, WEEK.since + 6 * HOUR)
    await _gap(town, WEEK.since + 20 * HOUR, None, "It is still down.")

    (found,) = (await figures(town))["unheard"]

    assert found == {"name": "reviews", "hours": 6.0 + 148.0, "reason": "It is still down.", "still": True}


async def test_a_source_that_was_not_asked_since_saturday_is_not_a_calm_one(town: Town) -> None:
    async with town.store.work() as session:
        await sources.answered(session, town.source_ids["reviews"], WEEK.until - 30 * HOUR, 0)

    (found,) = (await figures(town))["unheard"]

    assert (found["hours"], found["still"]) == (30.0, True)


async def test_a_source_that_never_answered_was_not_heard_all_week(town: Town) -> None:
    async with town.store.work() as session:
        source = await sources.register(session, "crumb", "forum", "feed", enabled=True)
        await sources.failed(session, source.id or 0, SourceState.DENIED, "The key is wrong.", None, MORNING)

    (found,) = (await figures(town))["unheard"]

    assert found == {"name": "forum", "hours": 168.0, "reason": "The key is wrong.", "still": True}


async def test_a_running_week_has_no_hours_missing_that_have_not_come(town: Town) -> None:
    async with town.store.work() as session:
        await sources.answered(session, town.source_ids["reviews"], MONDAY + 30 * HOUR, 0)

    found = await figures(town, now=MONDAY + 30 * HOUR)

    assert found["unheard"] == []


async def test_quiet_sources_unread_items_and_money_are_named(town: Town) -> None:
    await town.sample("reviews", WEEK.since)
    async with town.store.work() as session:
        source_id = town.source_ids["reviews"]
        await sources.fell_silent(session, source_id)
        await sources.spend(session, source_id, WEEK.monday, calls=7, micros=1_250_000, currency="EUR")

    found = await figures(town)

    assert found["silent"] == ["reviews"]
    assert found["unread"] == [{"name": "reviews", "number": 1}]
    assert found["money"] == [{"name": "reviews", "calls": 7, "amount": 1.25, "currency": "EUR"}]


async def test_the_latest_line_of_the_audit_trail_is_kept(town: Town) -> None:
    before = (await figures(town))["audit"]
    await town.decide("draft 1")

    after = (await figures(town))["audit"]

    assert before is None
    assert len(after["hash"]) == 64
