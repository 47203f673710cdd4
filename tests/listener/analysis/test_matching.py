"""Which businesses a text speaks of, and where."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.mentions import by_query, by_substring, cases, tally
from config.errors import ConfigError
from config.settings import Business, BusinessSettings, Query
from listener.analysis.matching import Matcher


def business(match: str, unless: str = "", name: str = "flour") -> BusinessSettings:
    return BusinessSettings(id=name, business=Business(name=name), query=Query(match=match, unless=unless))


def matcher(match: str, unless: str = "") -> Matcher:
    return Matcher({"flour": business(match, unless)})


def said(match: str, text: str) -> list[str]:
    """The stretches of `text` that made it a mention."""
    found = matcher(match).match(text).get("flour")
    return [text[start:end] for start, end in found.spans] if found else []


@pytest.mark.parametrize(
    ("match", "text", "words"),
    [
        ('"Flour Bakery"', "so, Flour  Bakery!", ["Flour  Bakery"]),
        ('"Flour Bakery"', "Ｆｌｏｕｒ Ｂａｋｅｒｙ", ["Ｆｌｏｕｒ Ｂａｋｅｒｙ"]),
        ('"Flour Bakery"', "Flo\u200bur\u00ad Bakery", ["Flo\u200bur\u00ad Bakery"]),
        ('"M&S Gym"', "at M&amp;S gym today", ["M&amp;S gym"]),
        ('"Café Zoë"', "cafe\u0301 zoe\u0308.", ["cafe\u0301 zoe\u0308"]),
        ("#flour OR bakery", "#Flour, the bakery", ["Flour", "bakery"]),
        ("flour NOT bread", "Flour and more flour", ["Flour", "flour"]),
        ("flour NEAR/1 bun", "flour. A bun from flour, far from a bun", ["bun", "flour"]),
        ('"Flour Bakery" OR bakery', "Flour Bakery", ["Flour Bakery"]),
    ],
)
def test_the_words_that_made_it_a_mention_are_shown_where_they_stand(match: str, text: str, words: list[str]) -> None:
    assert said(match, text) == words


def test_a_title_counts_and_has_no_spans() -> None:
    found = matcher('"Flour Bakery"').match("nothing here", title="Flour Bakery opens")

    assert found["flour"].spans == ()


def test_a_name_does_not_run_from_the_title_into_the_text() -> None:
    assert matcher('"Flour Bakery"').match("bakery", title="flour") == {}


def test_each_business_hears_its_own_mentions_only() -> None:
    both = Matcher({"flour": business("flour OR bread", "cake"), "crumb": business("crumb OR bread", name="crumb")})

    heard = [sorted(both.match(text)) for text in ("flour", "crumb", "bread", "bread cake", "tea")]

    assert heard == [["flour"], ["crumb"], ["crumb", "flour"], ["crumb"], []]


def test_queries_that_cannot_be_understood_are_told_all_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        Matcher({"flour": business("flour OR", "(cake"), "crumb": business('"crumb', name="crumb")})

    assert [fault.split(": column")[0] for fault in caught.value.faults] == [
        "flour: query.match",
        "flour: query.unless",
        "crumb: query.match",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Brew-ed", "brewed coffee, #brewed"),
        ("ハン", "パン"),
        ("Sun Up", "sunup is at six"),
        ("Dr. Bean", "Dr Beans"),
        ("Flour Bakery", "f l o u r b a k e r y"),
        ("Flour Bakery", "flour 🥐 bakery"),
        ("M&S", "ms"),
    ],
)
def test_what_only_looks_like_the_name_is_not_heard(name: str, text: str) -> None:
    assert said(f'"{name}"', text) == []


def test_the_shared_cases_are_matched(shared: Path) -> None:
    with gzip.open(shared / "data/mention_matching/dev.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]

    heard = [(bool(said(f'"{row["brand"]}"', row["text"])), row["label"]) for row in rows]

    assert (heard.count((False, True)), heard.count((True, False))) == (0, 0)


def test_our_own_cases_are_heard_far_better_than_by_looking_for_the_name() -> None:
    ours, peer = tally(by_query()), tally(by_substring)

    assert (len(list(cases())) >= 300, ours.recall >= 0.98, ours.precision >= 0.95) == (True, True, True)
    assert peer.recall < 0.5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Flour Bakery", "Flour Bakry"),
        ("Flour Bakery", "Flour Baekry"),
        ("Flour Bakery", "the Floour Bakery"),
        ("Wildflour", "wildfluor"),
        ("The Rusty Anchor", "The Rusty Ancho"),
        ("Crumb & Co Bakehouse", "crumb and co bakehuose"),
    ],
)
def test_a_long_name_is_heard_with_one_letter_wrong(name: str, text: str) -> None:
    assert said(f'"{name}"', text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Flour Bakery", "floor bakery"),  # a common word
        ("Flour Bakery", "Flour Bakerys"),  # more than one
        ("Flour Bakery", "Vlour Bakery"),  # another first letter
        ("Flour Bakery", "Flouur Bakrey"),  # two mistakes
        ("Flour Bakery", "@flourbakry, flourbakry.example"),  # somebody else's account and domain
        ("Studio 54 Hair", "Studio 55 Hair"),  # another number
        ("Ember", "embr"),  # too short
        ("Flour Bakery", "flur, bakery"),
    ],
)
def test_what_is_not_the_name_with_one_letter_wrong_is_not_heard(name: str, text: str) -> None:
    assert said(f'"{name}"', text) == []


def test_nothing_is_left_out_for_a_name_that_may_be_misspelt() -> None:
    assert matcher("bakery", '"Flour Bakery"').match("the Flur Bakery")
    assert matcher('bakery NOT "Flour Bakery"').match("the Flur Bakery")


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("@flourbakery", True),
        ("@flour_bakery!", True),
        ("@flourbakery.town.example says", True),
        ("www.flourbakery.example/menu", True),
        ("hello@flourbakery.example", True),
        ("@flour_bakery_fans", False),
        ("flour-bakery-supplies.example", False),
        ("https://shop.my-flour-bakery.example/x", False),
        ("https://town.example/flour-bakery-closes", True),
        ("Flour Bakery-style buns", True),
    ],
)
def test_an_account_or_a_domain_is_the_name_or_it_is_somebody_elses(text: str, heard: bool) -> None:
    assert bool(said('"Flour Bakery"', text)) is heard


PIECES = st.sampled_from(
    [
        "flour",
        "Bakery",
        "&amp;",
        "&#x200b;",
        "é",
        "e\u0301",
        "ﬁ",
        "İ",
        "\u200b",
        "\ud800",
        "\x00",
        "東",
        "パ",
        "😀",
        "#",
        "@",
        ".",
        " ",
        "\n\n",
        "ß",
        "-",
    ]
)
TEXTS = st.one_of(st.text(max_size=120), st.lists(PIECES, max_size=25).map("".join))
EVERY_KIND = matcher('flour OR "flour bakery" OR é OR #e OR @fi OR 東パ OR ss OR i.ss OR "e-e" OR (e NEAR/3 ß)')


@given(TEXTS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_spans_lie_inside_the_text_in_order_and_apart(text: str, title: str) -> None:
    found = EVERY_KIND.match(text, title=title)

    ends = [edge for each in found.values() for span in each.spans for edge in span]
    assert ends == sorted(ends)
    assert all(0 <= edge <= len(text) for edge in ends)
    assert all(start < end for each in found.values() for start, end in each.spans)
