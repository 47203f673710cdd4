"""Lengths are counted as the platforms count them, and never below."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.lengths import Counter, length

SUITE = "WeightedTweetsWithDiscountedEmojiCounterTest"
CASE = re.compile(r'- description: "(.*)"\n      text: "(.*)"\n      expected:\n        weightedLength: (\d+)')
ESCAPE = re.compile(r"\\U([0-9a-fA-F]{8})|\\u([0-9a-fA-F]{4})")

words = st.sampled_from(
    [
        "hello ",
        "a.co",
        "http://a.co",
        "https://crumb.example/a?b=c#d",
        "@ana@town.example ",
        "é",
        "パン",
        "👩‍🍳",
        ",",
        " ",
    ]
)


def conformance(shared: Path) -> list[tuple[str, str, int]]:
    """X's own cases: what each is about, the text, and its weighted length."""
    suite = (shared / "platforms/x/twitter-text/validate.yml").read_text(encoding="utf-8")
    section = re.split(r"\n  (?=\w+:\n)", suite[suite.index(f"  {SUITE}:") :])[0]
    return [
        (about, ESCAPE.sub(lambda sign: chr(int(sign[1] or sign[2], 16)), text), int(expected))
        for about, text, expected in CASE.findall(section)
    ]


def test_the_weighted_length_is_that_of_x_on_every_case_x_publishes(shared: Path) -> None:
    cases = conformance(shared)

    counted = [(about, length(text, Counter.WEIGHTED)) for about, text, _ in cases]

    assert len(cases) == 22
    assert counted == [(about, expected) for about, _, expected in cases]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://crumb.example/" + "a" * 200, 23),
        ("見てhttp://crumb.exampleを見て", 4 + 23 + 6),  # a link ends before the next script begins
        ("http://localhost:3000/menu", 26),  # no public domain, no link
        ("crumb.example", 23),  # X shortens bare domains too
        ("cafe\u0301", 4),  # composed before it is counted
        ("❤️", 2),
        ("👍🏽", 2),
        ("🇩🇪", 2),
        ("🥐🥐", 4),
    ],
)
def test_x_weighs_links_scripts_and_emoji_differently(text: str, expected: int) -> None:
    assert length(text, Counter.WEIGHTED) == expected


@given(st.text(st.characters(max_codepoint=127)))
@settings(max_examples=300)
def test_plain_ascii_without_links_has_one_length_by_every_counter(text: str) -> None:
    plain = text.replace(".", " ").replace(":", " ").replace("\r\n", " ")

    counted = {counter: length(plain, counter) for counter in Counter}

    assert counted == dict.fromkeys(Counter, len(plain))


@given(st.text(st.characters(max_codepoint=127)))
@settings(max_examples=300)
@example("http://a.co,http://b.co")
def test_no_counter_of_characters_is_below_the_code_points_of_ascii_unless_a_link_is_shortened(text: str) -> None:
    linkless = text.replace("://", ":/ ")

    assert all(length(linkless, counter) >= len(linkless) for counter in Counter if counter is not Counter.GRAPHEMES)


@given(st.lists(words).map("".join))
@settings(max_examples=300, deadline=None)
@example("http://a.co,http://b.co")
@example("HTTPS://a.co..b")
def test_a_reply_within_our_count_is_within_mastodons(text: str) -> None:
    from mastodon._url_regex import url_regex  # Mastodon's rule for links, as its Python library carries it

    shortened = url_regex.sub(lambda link: link.group(2) + "x" * 23, text)
    theirs = len(regex.findall(r"\X", shortened))

    assert length(text, Counter.LINKED) >= theirs


def test_the_shortest_link_counts_as_23_on_the_fediverse() -> None:
    assert length("See http://a.co", Counter.LINKED) == 4 + 23
