"""The plain form of a text and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.analysis.folding import LONGEST, Folded


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("CAFÉ", "cafe"),
        ("Ｆｌｏｕｒ", "flour"),
        ("ﬁne Straße", "fine strasse"),
        ("Joe’s", "joe's"),
        ("a\u200bb\ufeffc", "abc"),
        ("M&amp;S &eacute;", "m&s e"),
        ("Smørrebrød", "smorrebrod"),
        ("\ud800", "\ufffd"),
    ],
)
def test_ways_of_writing_become_one(text: str, plain: str) -> None:
    assert Folded(text).text == plain


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Dr. Bean said so. Then left", ["dr", "bean", "said", "so", "then", "left"]),
        ("I like flour. Bakery", ["i", "like", "flour", ".", "bakery"]),
        ("flour, bakery", ["flour", ",", "bakery"]),
        ("東京パン", ["東", "京", "ハ\u309a", "ン"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
    ],
)
def test_a_text_falls_into_words(text: str, words: list[str]) -> None:
    assert Folded(text).words == words


def test_a_very_long_text_is_read_up_to_the_cap() -> None:
    assert len(Folded("a" * (LONGEST + 1)).text) == LONGEST


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("&amp;#x;éİﬁ\u0301\u200b\ud800")), max_size=60))
@settings(max_examples=300, deadline=None)
def test_every_word_leads_back_to_its_original(text: str) -> None:
    folded = Folded(text)

    for index, word in enumerate(folded.words):
        start, end = folded.words_span(index, index)
        assert 0 <= start < end <= len(text)
        assert word in Folded(text[start:end]).text
