"""Sources: how they do, what they could not hear, what they cost, and what could not be read."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from storage import Source, Store, sources
from storage.states import SourceState
from tests.builders import NOW, keep_source

HOUR = timedelta(hours=1)


async def stands(store: Store, name: str = "town") -> Source:
    async with store.read() as session:
        source = await sources.get(session, "crumb", name)
    assert source is not None
    return source


async def fail(store: Store, source_id: int, *, hours: int = 0, state: SourceState = SourceState.FAULTY) -> bool:
    async with store.work() as session:
        now = NOW + hours * HOUR
        return await sources.failed(session, source_id, state, "It did not answer.", now + HOUR, now)


async def answer(store: Store, source_id: int, *, hours: int = 0, posts: int = 0) -> sources.Recovered | None:
    async with store.work() as session:
        return await sources.answered(session, source_id, NOW + hours * HOUR, posts)


async def gaps(store: Store) -> list[tuple[object, object]]:
    async with store.read() as session:
        found = await sources.gaps(session, "crumb", NOW - 100 * HOUR, NOW + 100 * HOUR)
    return [(gap.since, gap.until) for gap, _ in found]


async def test_a_failure_is_news_once_and_opens_one_gap(store: Store) -> None:
    source_id = await keep_source(store)
    await answer(store, source_id)

    news = [await fail(store, source_id, hours=hours) for hours in (1, 2, 3)]

    source = await stands(store)
    assert news == [True, False, False]
    assert (source.state, source.failures, source.failing_since) == (SourceState.FAULTY, 3, NOW + HOUR)
    assert await gaps(store) == [(NOW, None)]


async def test_an_answer_closes_the_gap_and_says_since_when_it_was_open(store: Store) -> None:
    source_id = await keep_source(store)
    await answer(store, source_id)
    await fail(store, source_id, hours=1)

    recovered = await answer(store, source_id, hours=3)
    again = await answer(store, source_id, hours=4)

    source = await stands(store)
    assert (recovered, again) == (sources.Recovered(NOW + HOUR), None)
    assert (source.state, source.failures, source.fault, source.next_at) == (SourceState.ON, 0, "", None)
    assert await gaps(store) == [(NOW, NOW + 3 * HOUR)]


async def test_credentials_that_are_refused_are_news_even_while_it_fails(store: Store) -> None:
    source_id = await keep_source(store)
    await fail(store, source_id)

    news = [await fail(store, source_id, hours=hours, state=SourceState.DENIED) for hours in (1, 2)]

    assert news == [True, False]


async def test_a_source_waits_until_its_pause_is_over(store: Store) -> None:
    source_id = await keep_source(store)
    await fail(store, source_id)

    source = await stands(store)

    assert not sources.may_be_asked(source, NOW)
    assert sources.may_be_asked(source, NOW + HOUR)


@pytest.mark.parametrize("state", [SourceState.DENIED, SourceState.OFF])
async def test_a_source_that_needs_a_person_is_not_asked(store: Store, state: SourceState) -> None:
    source_id = await keep_source(store)
    if state is SourceState.OFF:
        async with store.work() as session:
            await sources.switch_off_others(session, "crumb", [])
    await fail(store, source_id, state=state)

    assert not sources.may_be_asked(await stands(store), NOW + 100 * HOUR)


async def test_a_source_that_is_registered_again_goes_on_where_it_was(store: Store) -> None:
    source_id = await keep_source(store)
    async with store.work() as session:
        await sources.move_cursor(session, source_id, {"after": "7"})

    again = await keep_source(store)

    assert again == source_id
    assert (await stands(store)).cursor == {"after": "7"}


async def test_a_source_of_another_type_starts_anew(store: Store) -> None:
    source_id = await keep_source(store)
    async with store.work() as session:
        await sources.move_cursor(session, source_id, {"after": "7"})
        await sources.register(session, "crumb", "town", "village", enabled=True)

    source = await stands(store)
    assert (source.type, source.cursor) == ("village", None)


async def test_a_refused_source_is_asked_at_once_after_a_person_acted(store: Store) -> None:
    source_id = await keep_source(store)
    await fail(store, source_id, state=SourceState.DENIED)

    await keep_source(store)

    assert sources.may_be_asked(await stands(store), NOW)


async def test_silence_is_a_fault_only_of_a_source_that_does_well(store: Store) -> None:
    source_id = await keep_source(store)

    async with store.work() as session:
        marked = [await sources.fell_silent(session, source_id) for _ in range(2)]
    await answer(store, source_id, posts=0)
    quiet = (await stands(store)).state
    await answer(store, source_id, posts=1)

    assert marked == [True, False]
    assert (quiet, (await stands(store)).state) == (SourceState.SILENT, SourceState.ON)


async def test_the_same_unreadable_item_is_kept_once(store: Store) -> None:
    source_id = await keep_source(store)

    async with store.work() as session:
        for sample in ("<broken", "<broken", "<other"):
            await sources.keep_sample(session, source_id, "7", "It has no text.", sample, NOW)

    async with store.read() as session:
        kept = await sources.samples(session, "crumb")
    assert [sample.sample for sample, _ in kept] == ["<other", "<broken"]


async def test_samples_that_name_a_person_go_with_that_person(store: Store) -> None:
    source_id = await keep_source(store)
    async with store.work() as session:
        for sample in ("by ana_bakes: cold soup", "by jon: 100% cold", "by someone"):
            await sources.keep_sample(session, source_id, "", "It has no text.", sample, NOW)

        await sources.drop_samples_of(session, "crumb", ["ana_bakes", "jon", "100%", ""])

    async with store.read() as session:
        kept = [sample.sample for sample, _ in await sources.samples(session, "crumb")]
    assert kept == ["by someone"]


async def test_old_samples_are_dropped(store: Store) -> None:
    source_id = await keep_source(store)
    async with store.work() as session:
        await sources.keep_sample(session, source_id, "", "It has no text.", "old", NOW - HOUR)
        await sources.keep_sample(session, source_id, "", "It has no text.", "new", NOW)

        await sources.drop_samples(session, "crumb", NOW)

    async with store.read() as session:
        assert [sample.sample for sample, _ in await sources.samples(session, "crumb")] == ["new"]


async def test_costs_add_up_by_day(store: Store) -> None:
    source_id = await keep_source(store)
    async with store.work() as session:
        for day, micros in ((date(2026, 5, 31), 7), (date(2026, 6, 1), 20), (date(2026, 6, 1), 5)):
            await sources.spend(session, source_id, day, calls=1, micros=micros, currency="USD")

    async with store.read() as session:
        assert await sources.spent(session, source_id, date(2026, 6, 1)) == (2, 25)
        assert await sources.spent(session, source_id, date(2026, 7, 1)) == (0, 0)


async def test_gaps_are_told_for_the_stretch_in_question(store: Store) -> None:
    source_id = await keep_source(store)
    async with store.work() as session:
        await sources.add_gap(session, source_id, NOW - 5 * HOUR, NOW - 4 * HOUR, "The feed was cut short.")
        await sources.add_gap(session, source_id, NOW - HOUR, None, "It did not answer.")

    async with store.read() as session:
        recent = await sources.gaps(session, "crumb", NOW - 3 * HOUR, NOW)
        elsewhere = await sources.gaps(session, "other", NOW - 9 * HOUR, NOW)

    assert [gap.reason for gap, _ in recent] == ["It did not answer."]
    assert elsewhere == []
