"""Quotes identify nobody, whatever a customer wrote and however they are called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.digest.quotes import LONGEST, MASK, choose, forget_quotes, quote
from listener.digest.sending import compose
from storage import digests
from storage.digests import Quotable
from tests.listener.digest.town import MORNING, WEEK_23, PlainReader, Town

READER = PlainReader()


def test_a_kind_word_is_quoted_as_it_stands() -> None:
    text = "Best sourdough in town! My week is saved."

    assert quote(text, ["@ana", "Ana Baker"], READER) == text


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("Write to me at ana@post.example about the cake", f"Write to me at {MASK} about the cake"),
        ("The bread was stale, @crumb please look", f"The bread was stale, {MASK} please look"),
        ("Like @ben@town.example said, lovely bread", f"Like {MASK} said, lovely bread"),
        ("Call me on +49 170 123 45 67 about my order", f"Call me on {MASK} about my order"),
        ("My number is (030) 1234-567, thanks a lot", f"My number is {MASK}, thanks a lot"),
        ("See https://evil.example/x?y=1 for my photos", f"See {MASK} for my photos"),
        ("See evil.example/photos for my photos", f"See {MASK} for my photos"),
        ("As u/some_baker wrote, the best rolls", f"As {MASK} wrote, the best rolls"),
        ("We met Mrs Miller there, such lovely bread", f"We met {MASK} there, such lovely bread"),
        ("Wide @ａｎａ and ａｎａ@post.example wrote of bread", f"Wide {MASK} and {MASK} wrote of bread"),
    ],
)
def test_what_could_find_a_person_is_masked(text: str, quoted: str) -> None:
    assert quote(text, [], READER) == quoted


@pytest.mark.parametrize(
    "text",
    [
        "Greetings from Ana, the bread was good",
        "ANA here: the bread was good",
        "the bread was good. anabaker",
        "the bread was good, says José",
        "the bread was good, says A\u200bna",
        "the bread was good, says the famous Baker of Ahornfeld",
    ],
)
def test_a_text_that_names_its_author_is_not_quoted(text: str) -> None:
    assert quote(text, ["@ana", "Ana Baker", "jose"], READER) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "👍👍👍",
        "ok",
        "@a @b @c",
        "+49 170 1234567",
        "\u202e\u2066",
        "a.b.c d.e.f g.h.ii",
        "<b>Lovely bread</b> indeed",
        "Lovely {{ bread }} indeed",
        "[Lovely bread](x) indeed",
    ],
)
def test_what_says_nothing_is_not_quoted(text: str) -> None:
    assert quote(text, [], READER) == ""


def test_a_long_text_ends_with_a_whole_sentence() -> None:
    text = "The bread was good. " * 5 + "And then I talked about something else entirely for " + "very " * 40 + "long."

    assert quote(text, [], READER) == ("The bread was good. " * 5).strip()


def test_a_text_without_sentences_ends_with_a_whole_word() -> None:
    said = quote("crust " * 100, [], READER)

    assert said.endswith("crust…")
    assert len(said) <= LONGEST


def test_a_huge_word_is_no_quote() -> None:
    assert quote("A" * 5000, [], READER) == ""


_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40)
_HANDLE = st.from_regex(r"[a-zA-Z][a-zA-Z0-9]{2,12}(?:[_.][a-zA-Z0-9]{1,8}){0,2}", fullmatch=True)
_MAIL = st.builds("{}@{}.example".format, _HANDLE, st.from_regex(r"[a-z]{2,12}", fullmatch=True))
_PHONE = st.from_regex(r"(\+|00)?[1-9][0-9]{1,3}[ /.-]?[0-9]{3,4}[ /.-]?[0-9]{2,4}", fullmatch=True)
_STYLES = st.sampled_from([str, str.upper, str.title, "@{}".format, "u/{}".format, "({}),".format, "“{}”".format])


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


@settings(max_examples=300)
@given(_HANDLE, _WORDS, _WORDS, _STYLES)
def test_no_handle_of_an_author_survives_however_it_is_written(
    handle: str, before: str, after: str, style: Callable[[str], str]
) -> None:
    said = quote(f"{before} {style(handle)} {after}", [handle], READER)

    assert _squeezed(handle) not in _squeezed(said)


@settings(max_examples=300)
@given(_MAIL | _PHONE | _HANDLE.map("@{}".format), _WORDS, _WORDS)
def test_no_address_phone_or_handle_survives_even_of_an_author_we_do_not_know(
    contact: str, before: str, after: str
) -> None:
    said = quote(f"The bread was good {before} {contact} {after} and the rolls", [], READER)

    assert contact not in said
    assert said == "" or MASK in said


@settings(max_examples=300)
@given(st.text(max_size=400))
def test_a_quote_is_one_short_line_without_steering_characters(text: str) -> None:
    said = quote(text, [], READER)

    assert len(said) <= LONGEST
    assert not {unicodedata.category(c) for c in said} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_each_author_is_quoted_once_and_no_text_twice() -> None:
    candidates = [
        Quotable(1, 7, "Lovely bread, thank you", ()),
        Quotable(2, 7, "Lovely rolls, thank you", ()),
        Quotable(3, 8, "Lovely bread, thank you", ()),
        Quotable(4, None, "Lovely people, thank you", ()),
        Quotable(5, None, "Lovely coffee, thank you", ()),
        Quotable(6, 9, "Lovely cake, thank you", ()),
    ]

    chosen = choose(candidates, READER)

    assert [each["mention"] for each in chosen] == [1, 4, 5]


async def test_an_erased_mention_leaves_every_digest(town: Town) -> None:
    kept = await town.hear("Lovely bread, thank you", "positive")
    erased = await town.hear("Terrible queue on Saturday", "negative")
    await town.alert("A crisis", WEEK_23.since, mention_id=erased)
    await compose(town.store, town.business, WEEK_23, READER, "http://inbox", MORNING)

    async with town.store.work() as session:
        rewritten = await forget_quotes(session, town.business, [erased])
    async with town.store.read() as session:
        digest = await digests.get(session, "crumb", 2026, 23)

    assert digest is not None
    assert rewritten == 1
    for form in (digest.html, digest.plain, str(digest.figures)):
        assert "Terrible queue" not in form
        assert "Lovely bread" in form
    assert f"/mentions/{erased}" not in digest.html
    assert f"/mentions/{kept}" in digest.html


async def test_digests_without_the_mention_stay_as_they_are(town: Town) -> None:
    await town.hear("Lovely bread, thank you", "positive")
    await compose(town.store, town.business, WEEK_23, READER, "http://inbox", MORNING)

    async with town.store.work() as session:
        rewritten = await forget_quotes(session, town.business, [4711])

    assert rewritten == 0
