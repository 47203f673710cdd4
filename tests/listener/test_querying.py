"""`warmline query test`: what a query would hear, what it would lose, and how often it is right."""

from __future__ import annotations

import json

import pytest

from config.errors import ConfigError
from listener.querying import marked, matcher_of, over_file, over_stored, precision, show
from responders.correcting import correct
from storage import Store, mentions
from tests.builders import NOW, Clock, Shop, business, keep_mentions, keep_source, mention_row

TEXTS = ("Crumb & Co has bread", "crumbandco is closed", "Crumb & Co the novel", "lovely buns")


@pytest.fixture
async def ids(store: Store) -> list[int]:
    source = await keep_source(store)
    rows = [mention_row(source, str(n), text=text, matched=[[0, 5]] if n < 3 else []) for n, text in enumerate(TEXTS)]
    return await keep_mentions(store, *rows)


async def test_a_query_is_tried_on_what_is_stored(store: Store, ids: list[int]) -> None:
    tally = await over_stored(store, business(), '"Crumb & Co" -novel OR buns')

    assert (tally.looked, tally.heard) == (4, 3)
    assert [each["text"] for each in tally.lost] == ["Crumb & Co the novel"]
    assert [each["text"] for each in tally.gained] == ["lovely buns"]
    assert {each["text"]: each["spans"] for each in tally.samples}["Crumb & Co has bread"] == [(0, 10)]


async def test_its_precision_is_told_from_what_people_marked(store: Store, ids: list[int]) -> None:
    shop = Shop(store, Clock(NOW))
    async with store.work() as session:
        await mentions.set_not_us(session, "crumb", ids[2])
    await correct(shop.desk, "crumb", ids[0], "praise", "Mia", "inbox")

    tally = await over_stored(store, business(), "")

    assert (tally.right, tally.wrong) == (1, 1)
    assert precision(1, 1) == (
        "Of 2 that people dealt with, 1 are about you: 50% (with 95 % confidence between 9% and 91%)."
    )
    assert "cannot be told" in precision(0, 0)


def test_a_marked_file_is_tried_without_a_store() -> None:
    rows = [
        {"text": "Crumb & Co!", "ours": True},
        {"text": "Crumb & Co the novel", "ours": False},
        {"text": "tea", "ours": True},
    ]

    tally = over_file((json.dumps(row).encode() for row in rows), business(), "")

    assert (tally.heard, tally.right, tally.wrong, tally.missed) == (2, 1, 1, 1)


def test_a_line_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigError, match="line 2, text: Field required"):
        over_file([b'{"text": "x"}', b'{"words": "y"}'], business(), "")


def test_a_query_that_cannot_be_understood_is_told_with_its_column() -> None:
    with pytest.raises(ConfigError, match='column 7: "or" is a word like any other; write OR'):
        matcher_of(business(), "flour or bakery")


def test_the_words_that_were_found_are_marked_and_nothing_steers_the_terminal() -> None:
    line = marked(f"{'x' * 90} \x1b[31mCrumb & Co\nhas bread", [(96, 106)])

    assert line.startswith("…")
    assert "\x1b[31m" not in line
    assert "\x1b[1m\x1b[4mCrumb & Co\x1b[0m has bread" in line


async def test_what_was_found_is_printed(store: Store, ids: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    tally = await over_stored(store, business(), "buns")

    show(tally.as_json())

    said = capsys.readouterr().out
    assert "1 of 4 posts would be heard." in said
    assert "3 would be heard no longer:" in said
