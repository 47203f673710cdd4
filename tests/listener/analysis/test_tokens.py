"""What counts in a text, and what a flood of new words may cost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.analysis import tokens
from listener.analysis.folding import Folded
from listener.analysis.tokens import NOT, count


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("i waited 40 minutes, @crumb!", ["i", "waited", "00", "minutes", "@", "!"]),
        ("soooo goooood :) #bread", ["soo", "good", ":)", "#bread"]),
        ("not very good, but cheap", ["not", f"{NOT}very", f"{NOT}good", "but", "cheap"]),
        ("don't like it at all really", ["don't", f"{NOT}like", f"{NOT}it", f"{NOT}at", "all", "really"]),
        ("see https://crumb.example/menu 😍😍", ["see", "http", "😍", "😍"]),
        ("", []),
        ("... ,,,", []),
    ],
)
def test_words_are_counted_in_their_plain_form(text: str, words: list[str]) -> None:
    assert count(text).words == words


def test_a_word_knows_its_parts() -> None:
    plain, negated = set(tokens.numbers("cold")), set(tokens.numbers(f"{NOT}cold"))

    assert plain < negated
    assert len(negated - plain) == 1
    assert len(plain) == 1 + 4 + 3 + 2


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_each_counted_word_has_its_place(text: str) -> None:
    folded = Folded(text).text
    counted = count(folded)

    spans = list(counted.spans(folded, range(len(counted.words))))

    assert [folded[start:end] for start, end in spans] == counted.tokens
    assert len(counted.words) == len(spans)


def test_what_is_remembered_of_words_is_bounded() -> None:
    for block in range(25):
        count(" ".join(f"word{block}x{number}" for number in range(1_000)) + " " + "x" * 10_000)

    assert len(tokens._KNOWN) <= tokens.MOST_KNOWN
    assert max(map(len, tokens._KNOWN)) <= tokens.LONGEST_KNOWN
