"""Mentions: counted as they come, known again, and erased so that nothing is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from storage import Mention, Rollup, Store, mentions
from storage.assessment import Polarity
from storage.models import assessment_columns
from tests.builders import NOW, Clock, Shop, assessment, keep_mentions, keep_source, mention_row, opened, sqlite_at

SHARED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

posts = st.integers(1, 6)
polarities = st.sampled_from(Polarity)
days = st.integers(0, 2)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.lists(st.tuples(posts, days, polarities), max_size=4)),
        st.tuples(st.just("edit"), st.tuples(posts, polarities)),
        st.tuples(st.just("not us"), posts),
        st.tuples(st.just("gone"), posts),
    ),
    max_size=14,
)


def feeling(polarity: Polarity) -> dict[str, Any]:
    sentiment = {Polarity.NEGATIVE: -0.5, Polarity.NEUTRAL: 0.0, Polarity.POSITIVE: 0.75}[polarity]
    return assessment_columns(assessment(polarity, sentiment))


@SHARED
@given(steps=steps)
async def test_the_daily_counts_are_what_a_recount_gives(store: Store, steps: Sequence[tuple[str, Any]]) -> None:
    business_id = uuid4().hex
    source_id = await keep_source(store, business_id)

    for kind, what in steps:
        await take(store, business_id, source_id, kind, what)

    counted, recounted = await counts(store, business_id)
    assert counted == recounted


async def take(store: Store, business_id: str, source_id: int, kind: str, what: Any) -> None:
    if kind == "insert":
        rows = [
            mention_row(
                source_id, str(each), business_id, day=NOW.date() + timedelta(days=day), text=str(each), **feeling(side)
            )
            for each, day, side in what
        ]
        await keep_mentions(store, *rows)
        return
    external_id = str(what[0] if kind == "edit" else what)
    async with store.work() as session:
        known = (await mentions.known(session, business_id, "town", [external_id])).get(external_id)
        if known is not None and kind == "edit":
            await mentions.edit(session, known.id, {"text": "now", **feeling(what[1])}, NOW)
        elif known is not None and kind == "not us":
            await mentions.set_not_us(session, business_id, known.id)
        elif known is not None:
            await mentions.gone(session, business_id, "town", [external_id], NOW)


Counts = dict[tuple[date, Polarity], tuple[int, float]]


async def counts(store: Store, business_id: str) -> tuple[Counts, Counts]:
    """The daily counts as they are kept, and as the mentions themselves give them."""
    async with store.read() as session:
        rollups = (await session.exec(select(Rollup).where(col(Rollup.business_id) == business_id))).all()
        kept = await mentions.history(session, business_id)
    about_us = [mention for mention in kept if not mention.not_us]
    number = Counter((mention.day, mention.polarity) for mention in about_us)
    return (
        {(row.day, row.polarity): (row.mentions, round(row.sentiment, 6)) for row in rollups if row.mentions},
        {
            key: (n, round(sum(each.sentiment for each in about_us if (each.day, each.polarity) == key), 6))
            for key, n in number.items()
        },
    )


async def test_a_post_seen_twice_is_kept_once(store: Store) -> None:
    row = mention_row(await keep_source(store))

    first = await keep_mentions(store, row, row)
    again = await keep_mentions(store, row)

    assert (len(first), again) == (1, [])


async def test_an_edit_is_the_next_revision(store: Store) -> None:
    (mention_id,) = await keep_mentions(store, mention_row(await keep_source(store)))

    async with store.work() as session:
        await mentions.edit(session, mention_id, {"text": "It was fine", **feeling(Polarity.POSITIVE)}, NOW)

    async with store.read() as session:
        mention = await mentions.get(session, "crumb", mention_id)
    assert mention is not None
    assert (mention.revision, mention.text, mention.edited_at) == (2, "It was fine", NOW)


async def test_what_is_not_about_us_wants_no_reply_even_when_it_is_edited(store: Store) -> None:
    (mention_id,) = await keep_mentions(store, mention_row(await keep_source(store)))
    async with store.work() as session:
        await mentions.set_not_us(session, "crumb", mention_id)

    async with store.work() as session:
        await mentions.edit(session, mention_id, {"owed": True, **feeling(Polarity.NEUTRAL)}, NOW)

    async with store.read() as session:
        assert await mentions.owed(session, ["crumb"]) == []


async def test_a_vanished_post_keeps_its_place_and_loses_its_words(store: Store) -> None:
    (mention_id,) = await keep_mentions(store, mention_row(await keep_source(store)))

    async with store.work() as session:
        first = await mentions.gone(session, "crumb", "town", ["1", "unknown"], NOW)
        again = await mentions.gone(session, "crumb", "town", ["1"], NOW)

    async with store.read() as session:
        mention = await mentions.get(session, "crumb", mention_id)
    assert (first, again) == ([mention_id], [])
    assert mention is not None
    assert (mention.gone_at, mention.text, mention.owed) == (NOW, "", False)


@pytest.mark.parametrize("number", [0, -1, 99, 2**31, 2**63, 10**30])
async def test_a_number_that_no_row_has_finds_nothing(store: Store, number: int) -> None:
    async with store.read() as session:
        found = await mentions.get(session, "crumb", number), await mentions.author(session, "crumb", number)

    assert found == (None, None)


@pytest.mark.parametrize("name", ["Änne Öz", "ÄNNE öz", "@aenne", "AENNE", "a-1"])
async def test_authors_are_found_by_any_of_their_names_in_any_case(store: Store, name: str) -> None:
    author = {"external_id": "a-1", "handle": "@Aenne", "name": "Änne Öz", "url": ""}
    await keep_mentions(store, mention_row(await keep_source(store), author=author))

    async with store.read() as session:
        found = await mentions.authors_named(session, "crumb", name)
        elsewhere = await mentions.authors_named(session, "other", name)

    assert ([each.external_id for each in found], elsewhere) == (["a-1"], [])


async def test_what_was_erased_is_known_again_and_says_nothing(store: Store) -> None:
    await keep_source(store, "other")
    ids = await keep_mentions(store, mention_row(await keep_source(store)))

    async with store.work() as session:
        erased = await mentions.erase(session, "crumb", ids, NOW)

    async with store.work() as session:
        assert erased == 1
        assert await mentions.erased(session, "crumb", "town", ["1", "2"]) == {"1"}
        assert await mentions.erased(session, "crumb", "village", ["1"]) == set()
        assert await mentions.erased(session, "other", "town", ["1"]) == set()
        assert (await session.exec(select(Mention))).all() == []


async def test_nobody_erases_what_another_business_hears(store: Store) -> None:
    ids = await keep_mentions(store, mention_row(await keep_source(store)))

    async with store.work() as session:
        erased = await mentions.erase(session, "other", ids, NOW)

    assert erased == 0


async def test_erasing_leaves_no_byte_of_text_name_or_reply(tmp_path: Path) -> None:
    text = "The sourdough tasted of unmistakableblottingpaper"
    async with opened(sqlite_at(tmp_path / "warmline.db")) as store:
        shop = Shop(store, Clock())
        shop.drafter.text = "Dear Ana Ferreira-Quill, unmistakablysorry. – Mia"
        drafts = [await shop.draft(text=f"{text} {n}", title="unmistakableheadline") for n in range(20)]
        others = await shop.mention(text="Somebody else was happy", author=None)
        async with store.work() as session:
            await mentions.erase(session, "crumb", [draft.mention_id for draft in drafts], NOW)
            await mentions.drop_lonely_authors(session, "crumb")
        await store.scrub()

        left = {name: count_in(tmp_path, name) for name in (b"unmistakable", b"Ferreira-Quill", b"ana_bakes", b"a-ana")}

        assert left == dict.fromkeys(left, 0)
        async with store.read() as session:
            assert [each.id for each in await mentions.history(session, "crumb")] == [others]


def count_in(folder: Path, words: bytes) -> int:
    """How often the bytes stand in the files of a folder, the write-ahead log included."""
    return sum(file.read_bytes().lower().count(words.lower()) for file in folder.rglob("*") if file.is_file())


def test_the_bytes_of_what_is_kept_can_be_found(tmp_path: Path) -> None:
    (tmp_path / "warmline.db-wal").write_bytes(b"..Ferreira-Quill..")

    assert count_in(tmp_path, b"ferreira-quill") == 1


async def test_history_pages_follow_each_other_newest_first(store: Store) -> None:
    source_id = await keep_source(store)
    rows = [mention_row(source_id, str(n), posted_at=NOW - timedelta(hours=n // 2)) for n in range(5)]
    await keep_mentions(store, *rows)

    async with store.read() as session:
        first = await mentions.history(session, "crumb", limit=3)
        before = (first[-1].posted_at, first[-1].id or 0)
        second = await mentions.history(session, "crumb", before=before, limit=3)

    assert [mention.external_id for mention in (*first, *second)] == ["1", "0", "3", "2", "4"]
