"""The query language: what it hears, what it refuses and how it says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import ConfigError
from config.settings import Business, BusinessSettings, Query
from listener.analysis.matching import Matcher
from listener.analysis.query import DEEPEST, LONGEST_QUERY, parse_query

DOCS = Path(__file__).resolve().parents[3] / "docs" / "queries.md"

_ROW = re.compile(r"^\| `(?P<query>[^|]+)` \| (?P<cells>.+) \|$", re.MULTILINE)
_FIELD = re.compile(r"\((platform|author|language|place):([^)]*)\)")


def _rows(cells: int) -> list[tuple[str, ...]]:
    rows = [(row["query"], *row["cells"].split(" | ")) for row in _ROW.finditer(DOCS.read_text(encoding="utf-8"))]
    return [row for row in rows if len(row) == cells]


def _hears(query: str, post: str, unless: str = "") -> bool:
    business = BusinessSettings(id="flour", business=Business(name="Flour"), query=Query(match=query, unless=unless))
    fields = {found[1]: found[2] for found in _FIELD.finditer(post)}
    return "flour" in Matcher({"flour": business}).match(_FIELD.sub("", post), **fields)


@pytest.mark.parametrize(("query", "heard", "unheard"), _rows(3))
def test_every_example_of_the_manual_hears_what_it_says(query: str, heard: str, unheard: str) -> None:
    answers = _hears(query, heard), _hears(query, unheard)

    assert answers == (True, False)


@pytest.mark.parametrize(("query", "told"), _rows(2))
def test_every_fault_of_the_manual_is_told_in_its_words(query: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_query(query)

    assert caught.value.happened == told


def test_the_manual_has_examples() -> None:
    assert (len(_rows(3)), len(_rows(2))) == (29, 8)


def test_a_text_that_unless_names_is_not_heard() -> None:
    assert not _hears("crumb", "leaving a crumb trail", unless='"crumb trail"')


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "column 1: the query is empty"),
        ("flour )", 'column 7: this ")" is not expected here'),
        ("flour AND OR bakery", "column 11: OR has nothing to join here"),
        ("flour - bakery", 'column 7: a single "-" stands between words'),
        ("flour #", 'column 7: "#" has no name'),
        ("flour\nNEAR/x bakery", 'column 7: "NEAR/x" has no number of words'),
        ("flour NEAR/500 bakery", "column 7: NEAR/500 is too wide"),
        ("(NOT flour) NEAR bakery", "column 13: NEAR needs words on both sides"),
        ('flour place:""', 'column 13: "place:" has no value'),
    ],
)
def test_a_fault_names_its_column(query: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_query(query)

    assert caught.value.happened.startswith(told)


def test_a_query_that_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(ConfigError, match="nested more than"):
        parse_query("a AND (b OR " * DEEPEST + "c" + ")" * DEEPEST)


def test_parentheses_that_group_nothing_may_be_as_many_as_fit() -> None:
    many = LONGEST_QUERY // 2 - 3

    assert parse_query("(" * many + "flour" + ")" * many) == parse_query("flour")


def test_curly_quotation_marks_are_quotation_marks() -> None:
    assert parse_query("„Flour Bakery“") == parse_query('"Flour Bakery"')


PIECES = st.sampled_from(
    [
        "flour",
        '"',
        '"a b"',
        "(",
        ")",
        "OR",
        "AND",
        "NOT",
        "NEAR/2",
        "NEAR",
        "-",
        "#",
        "#a",
        "@",
        "@b",
        "author:",
        "x:y",
        "*",
        "&",
        " ",
        "\n",
        "\x00",
        "\ud800",
        "ﷺ",
        "東京",
    ]
)


@given(
    st.one_of(
        st.text(max_size=80), st.lists(PIECES, max_size=14).map(" ".join), st.lists(PIECES, max_size=14).map("".join)
    )
)
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_query_or_a_fault_with_its_column(text: str) -> None:
    fault = ""
    try:
        parse_query(text)
    except ConfigError as error:
        fault = error.happened

    assert not fault or re.match(r"column \d+: .+; .+", fault, re.DOTALL)
