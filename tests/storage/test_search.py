"""Finding mentions by their words, alike on both databases."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import Store, mentions, search
from storage.models import assessment_columns
from tests.builders import NOW, assessment, keep_mentions, keep_source, mention_row

TEXTS = {
    "1": "The Sourdough was delicious",
    "2": "sour dough, they called it",
    "3": "Brötchen und Crème brûlée",
    "4": "Хлеб был свежий",
    "5": "look at crumb.example/menu and mail mia@crumb.example, 3.5 stars",
}


@pytest.fixture
async def filled(store: Store) -> Store:
    source_id = await keep_source(store)
    rows = [mention_row(source_id, external_id, text=text) for external_id, text in TEXTS.items()]
    await keep_mentions(store, *rows, mention_row(source_id, "6", title="A headline", text=""))
    return store


async def found(store: Store, words: str, business_id: str = "crumb") -> list[str]:
    async with store.read() as session:
        return [mention.external_id for mention in await search.search(session, business_id, words)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("sourdough", ["1"]),
        ("SOURDOUGH", ["1"]),
        ("the delicious", ["1"]),
        ("sourd", ["1"]),
        ("delicious sourd", ["1"]),
        ("sourd delicious", []),
        ("sour", ["2", "1"]),
        ("sourdough dough", []),
        ("brotchen", ["3"]),
        ("BRÖTCHEN", ["3"]),
        ("creme brulee", ["3"]),
        ("crème", ["3"]),
        ("хлеб", ["4"]),
        ("crumb menu", ["5"]),
        ("mia crumb", ["5"]),
        ("3.5 stars", ["5"]),
        ("headline", ["6"]),
        ("", []),
        ("  ,;  ", []),
    ],
)
async def test_mentions_are_found_by_their_words_newest_first(filled: Store, words: str, expected: list[str]) -> None:
    assert await found(filled, words) == expected


@pytest.mark.parametrize(
    "words",
    ['"', "'", "a'b", "\\", "AND", "NOT x", "a OR b", "NEAR(a b)", "title:x", "a*", "(", "-", "^a", "a & b | !c", "<->",
     ":*", "\0", "a\0b", "🥐", "_", "x" * 5000, "\ud800", "é" * 3000, "; drop table mention; --", "{a b}", "%", "a_b"],
)  # fmt: skip
async def test_hostile_words_break_nothing(filled: Store, words: str) -> None:
    assert set(await found(filled, words)) <= {*TEXTS, "6"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
async def test_no_words_break_the_search(filled: Store, words: str) -> None:
    assert set(await found(filled, words)) <= {*TEXTS, "6"}


async def test_nobody_finds_what_another_business_hears(filled: Store) -> None:
    await keep_source(filled, "other")

    assert await found(filled, "sourdough", "other") == []


async def test_an_edited_mention_is_found_by_its_new_words_only(filled: Store) -> None:
    async with filled.work() as session:
        (known,) = (await mentions.known(session, "crumb", "town", ["1"])).values()
        await mentions.edit(session, known.id, {"text": "Stale rye", **assessment_columns(assessment())}, NOW)

    assert (await found(filled, "sourdough"), await found(filled, "rye")) == ([], ["1"])


async def test_an_erased_mention_is_not_found(filled: Store) -> None:
    async with filled.work() as session:
        (known,) = (await mentions.known(session, "crumb", "town", ["1"])).values()
        await mentions.erase(session, "crumb", [known.id], NOW)

    assert await found(filled, "sourdough") == []


async def test_pages_follow_each_other_without_overlap(filled: Store) -> None:
    source_id = await keep_source(filled)
    await keep_mentions(filled, *(mention_row(source_id, f"n{n}", text="pretzel") for n in range(5)))

    async with filled.read() as session:
        first = await search.search(session, "crumb", "pretzel", limit=3)
        second = await search.search(session, "crumb", "pretzel", before=first[-1].id, limit=3)

    assert [mention.external_id for mention in (*first, *second)] == ["n4", "n3", "n2", "n1", "n0"]
