"""Every row of a survey export becomes a post or a fault, once, however the export is written."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.base import Cursor, Page, Post, RouteKind, Surroundings
from connectors.errors import SourceUnavailable
from connectors.survey import CONNECTOR, Survey, SurveySettings
from connectors.survey.answers import Part, Reading, Scale, moment, number, parse, stars

FIXTURES = Path(__file__).with_name("fixtures") / "survey"
#: A Tuesday at 11:20 in Berlin.
NOW = datetime(2026, 6, 2, 9, 20, tzinfo=UTC)

cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


def survey(home: Path, path: str = ".", **options: Any) -> Survey:
    no_session: Any = None  # files need none
    around = Surroundings("table-cards", no_session, lambda: NOW, home)
    return Survey(SurveySettings.model_validate({"path": path} | options), around)


def read(content: bytes, scale: Scale | None = None) -> Reading:
    return parse(content, "week.csv", "table-cards", scale, {})


def table(rows: list[list[str]], header: tuple[str, ...] = ("Score", "Comment")) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode()


async def all_posts(source: Survey, cursor: Cursor | None = None) -> tuple[list[Post], Cursor | None]:
    posts: list[Post] = []
    more = True
    while more:
        page = await source.fetch(cursor)
        posts += [post for post in page.posts if isinstance(post, Post)]
        cursor, more = page.cursor, page.more
    return posts, cursor


def told(page: Page) -> list[tuple[str, float | None]]:
    return [(post.text, post.rating) for post in page.posts if isinstance(post, Post)]


# --- the shared samples


@pytest.mark.parametrize(
    ("name", "expected", "faults"),
    [
        ("csat_windows1252.csv", [("Café is lovely — thanks", 5), ("“Never again”", 1)], 0),
        ("empty.csv", [], 0),
        ("formula_injection.csv", [('=HYPERLINK("http://evil.example","x")', 1), ("@SUM(1+1)", 2)], 0),
        ("nps_bom_semicolon.csv", [("Gutes Brot; langsame Kasse", 3), ("Zu teuer", 1)], 0),
        (
            "nps_utf8.csv",
            [
                ("Great, thanks", 4),
                ('Line one\nLine two with "quotes"', 1),
                ("No score given", None),
                ("Out of range", None),
            ],
            1,
        ),
        ("typeform_like.json", [("Slow on Saturdays", 2)], 0),
    ],
)
async def test_every_shared_sample_is_read_in_full(
    shared: Path, name: str, expected: list[tuple[str, float | None]], faults: int
) -> None:
    page = await survey(shared / "platforms/surveys/made-by-us", name).fetch(None)

    assert told(page) == expected
    assert len(page.faults) == faults


# --- rows


async def test_an_answer_is_heard_with_its_score_date_and_link_and_without_its_author() -> None:
    page = await survey(FIXTURES, "week.csv").fetch(None)

    first, second = page.posts
    assert isinstance(first, Post)
    assert isinstance(second, Post)
    assert (first.external_id, first.text, first.rating) == ("table-cards/r-1", "The rye", 5.0)
    assert (first.posted_at, first.url) == (datetime(2026, 11, 20, 9, 30, tzinfo=UTC), "https://survey.example/r-1")
    assert (second.text, second.rating) == ("Bread, mostly\n\nThe queue;\non Saturdays", 2.0)
    assert "town.example" not in repr(page)
    assert "Ana" not in repr(page)


async def test_rows_that_say_nothing_or_too_much_are_faults() -> None:
    page = await survey(FIXTURES, "week.csv").fetch(None)

    assert [fault.reason for fault in page.faults] == [
        "Line 6 of week.csv has 10 cells where the first line has 8.",
        "Line 5 of week.csv has neither a score nor a comment.",
    ]
    assert "too" in page.faults[0].sample


async def test_json_lines_are_read_past_a_broken_one() -> None:
    page = await survey(FIXTURES, "week.jsonl").fetch(None)

    assert told(page) == [("Warm and crisp", 5.0), ("", 3.0)]
    assert [fault.reason for fault in page.faults] == [
        "Line 2 of week.jsonl is not an answer with named parts.",
        "Line 4 of week.jsonl is not an answer with named parts.",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encodings_and_separators_make_no_difference(encoding: str, separator: str) -> None:
    text = separator.join(["Score", "Comment"]) + "\r\n" + separator.join(["5", '"Brötchen — “gut”"']) + "\r\n"

    [post] = read(text.encode(encoding)).posts

    assert (post.text, post.rating) == ("Brötchen — “gut”", 5.0)


def test_the_line_in_which_excel_names_its_separator_is_no_answer() -> None:
    assert [post.text for post in read(b"sep=|\r\nScore|Comment\r\n5|Good, really\r\n").posts] == ["Good, really"]


@pytest.mark.parametrize(
    "document", [{"items": [{"score": 5}]}, {"responses": [{"score": 5}]}, [{"score": 5}], {"score": 5}]
)
def test_json_answers_are_found_in_the_usual_places(document: Any) -> None:
    assert [post.rating for post in read(json.dumps(document).encode()).posts] == [5.0]


def test_personal_answers_of_a_form_are_not_read() -> None:
    answers = [
        {"field": {"ref": "mail", "type": "email"}, "type": "email", "email": "ana@town.example"},
        {"field": {"ref": "stars", "type": "rating"}, "type": "number", "number": 4},
        {"field": {"ref": "more", "type": "long_text"}, "type": "text", "text": "Nice"},
    ]

    reading = read(json.dumps({"items": [{"response_id": "r1", "answers": answers}]}).encode())

    assert [(post.text, post.rating) for post in reading.posts] == [("Nice", 4.0)]
    assert "town.example" not in repr(reading)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("9", 9), ("4,5", 4.5), ("9/10", 9), ("5 - very good", 5), ("★★★★☆", 4), ("-1", -1), ("good", None), ("", None)],
)
def test_scores_are_read_as_people_write_them(written: str, expected: float | None) -> None:
    assert number(written) == expected


def test_the_three_groups_of_a_net_promoter_score_stay_apart_in_stars() -> None:
    detractors, passives, promoters = (
        {stars(score, Scale.NPS) for score in group} for group in (range(7), (7, 8), (9, 10))
    )

    assert (detractors, passives, promoters) == ({1.0, 2.0}, {3.0}, {4.0, 5.0})


@given(st.floats(-20, 20), st.sampled_from(Scale))
def test_a_rating_lies_between_one_and_five_stars_or_is_none(score: float, scale: Scale) -> None:
    rating = stars(score, scale)

    assert rating is None or 1 <= rating <= 5


@pytest.mark.parametrize(
    ("header", "scores", "expected"),
    [
        ("Score", "1 5", Scale.STARS),
        ("Score", "1 9", Scale.NPS),
        ("Score", "0 3", Scale.NPS),
        ("NPS", "3 4", Scale.NPS),
    ],
)
def test_the_scale_is_told_by_the_columns_name_and_its_scores(header: str, scores: str, expected: Scale) -> None:
    posts = read(table([[score, f"comment {score}"] for score in scores.split()], (header, "Comment"))).posts

    assert {post.context["scale"] for post in posts} == {expected.value}


@pytest.mark.parametrize(
    ("written", "day_first", "expected"),
    [
        ("2026-11-20T10:00:00Z", None, datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20 11:00+01:00", None, datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("03.11.2026 10:00", None, datetime(2026, 11, 3, 10, tzinfo=UTC)),
        ("03/11/2026", True, datetime(2026, 11, 3, tzinfo=UTC)),
        ("11/03/2026 1:05 PM", False, datetime(2026, 11, 3, 13, 5, tzinfo=UTC)),
        ("03/11/2026", None, None),
        ("31/31/2026", True, None),
        ("0001-01-01T00:00:00+14:00", None, None),
        ("yesterday", None, None),
    ],
)
def test_a_date_is_read_only_where_it_has_one_meaning(
    written: str, day_first: bool | None, expected: datetime | None
) -> None:
    assert moment(written, day_first) == expected


def test_columns_that_nobody_knows_are_asked_for() -> None:
    reading = read(table([["5", "Good"]], ("Q3", "Q4")))

    assert reading.posts == []
    assert [fault.reason for fault in reading.faults] == [
        "week.csv has no column that we know for a score or a comment; name the columns in the source's settings."
    ]


async def test_columns_are_read_as_the_settings_name_them(tmp_path: Path) -> None:
    (tmp_path / "week.csv").write_bytes(table([["5", "Good"]], ("Q3", "Q4")))

    page = await survey(tmp_path, columns={"score": "Q3", "comment": ["Q4"]}).fetch(None)

    assert told(page) == [("Good", 5.0)]


async def test_a_named_column_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "week.csv").write_bytes(table([["5", "Good"]]))

    page = await survey(tmp_path, columns={"comment": "Remark"}).fetch(None)

    assert [fault.reason for fault in page.faults] == [
        'week.csv has no column "Remark"; name the columns in the source\'s settings.'
    ]


def test_a_quotation_mark_that_never_closes_is_told() -> None:
    reading = read(b'Score,Comment\n5,"Good\n4,Fine\n')

    assert [post.text for post in reading.posts] == ["Good\n4,Fine"]
    assert [fault.reason for fault in reading.faults] == [
        "A quotation mark in week.csv is never closed, so one answer may hold several."
    ]


def test_an_endless_cell_is_a_fault_and_the_rows_after_it_are_read() -> None:
    reading = read(b"Score,Comment\n5," + b"a" * 200_000 + b"\n4,Fine\n")

    assert [post.text for post in reading.posts][-1:] == ["Fine"]
    assert any("cannot be read" in fault.reason for fault in reading.faults)


# --- ids


def test_two_equal_answers_are_two() -> None:
    posts = read(table([["5", "Good"], ["5", "Good"], ["4", "Good"]])).posts

    assert len({post.external_id for post in posts}) == 3


def test_two_answers_under_one_id_are_two_and_a_repeated_row_is_one() -> None:
    rows = [["c-1", "5", "Good"], ["c-1", "2", "Bad"], ["c-1", "5", "Good"]]

    posts = read(table(rows, ("ID", "Score", "Comment"))).posts

    assert [post.text for post in posts] == ["Good", "Bad"]


def test_the_id_of_a_customer_does_not_name_an_answer() -> None:
    posts = read(table([["7", "5", "Good"], ["7", "5", "Good"]], ("Customer ID", "Score", "Comment"))).posts

    assert len(posts) == 2


@given(st.lists(st.tuples(st.sampled_from("12345"), st.sampled_from(["Good", "Bad", "=1+1"])), max_size=12), st.data())
@settings(max_examples=200)
def test_rows_that_are_added_change_no_id(rows: list[tuple[str, str]], data: st.DataObject) -> None:
    more = data.draw(st.lists(st.sampled_from(rows or [("1", "Bad")]), max_size=4))

    before = {post.external_id for post in read(table([list(row) for row in rows])).posts}
    after = {post.external_id for post in read(table([list(row) for row in rows + more])).posts}

    assert before <= after
    assert (len(before), len(after)) == (len(rows), len(rows + more))


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_row_is_lost_silently(rows: list[list[str]]) -> None:
    reading = read(table(rows))

    spoken = sum(1 for row in rows if any(cell.strip() for cell in row))
    silent = sum(1 for fault in reading.faults if "neither" in fault.reason or "cells where" in fault.reason)
    assert len(reading.posts) + silent >= spoken or any("quotation" in fault.reason for fault in reading.faults)


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_whatever_a_file_holds_it_is_read_without_an_error(content: bytes) -> None:
    reading = read(content)

    assert all(fault.reason and len(fault.sample) <= 2000 for fault in reading.faults)


# --- files and pages


async def test_a_long_export_comes_in_pages_of_a_hundred_and_oldest_first(tmp_path: Path) -> None:
    rows = [[f"2026-11-{1 + number % 28:02d}", "5", f"answer {number}"] for number in range(250)]
    (tmp_path / "week.csv").write_bytes(table(rows, ("Date", "Score", "Comment")))

    posts, _ = await all_posts(survey(tmp_path))

    dates = [post.posted_at for post in posts if post.posted_at]
    assert len({post.external_id for post in posts}) == 250
    assert dates == sorted(dates)


async def test_the_same_cursor_gives_the_same_page(tmp_path: Path) -> None:
    (tmp_path / "week.csv").write_bytes(table([["5", f"answer {number}"] for number in range(250)]))
    first = await survey(tmp_path).fetch(None)

    once = await survey(tmp_path).fetch(first.cursor)
    again = await survey(tmp_path).fetch(json.loads(json.dumps(first.cursor)))

    assert once == again
    assert len(once.posts) == 100


async def test_a_file_that_has_not_changed_is_not_heard_again(tmp_path: Path) -> None:
    (tmp_path / "week.csv").write_bytes(table([["5", "Good"]]))
    _, cursor = await all_posts(survey(tmp_path))

    again, _ = await all_posts(survey(tmp_path), cursor)

    assert again == []


async def test_a_file_that_has_grown_brings_its_new_rows_under_new_ids_only(tmp_path: Path) -> None:
    (tmp_path / "week.csv").write_bytes(table([["5", "Good"]]))
    before, cursor = await all_posts(survey(tmp_path))
    (tmp_path / "week.csv").write_bytes(table([["5", "Good"], ["1", "Bad"]]))

    after, _ = await all_posts(survey(tmp_path), cursor)

    assert {post.text for post in after if post not in before} == {"Bad"}


async def test_an_answer_in_two_exports_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(table([["5", "Good"]]))
    (tmp_path / "b.csv").write_bytes(table([["5", "Good"], ["1", "Bad"]]))

    posts, _ = await all_posts(survey(tmp_path))

    assert len({post.external_id for post in posts}) == 2


@pytest.mark.parametrize("path", [".", "exports", "exports/*.csv", "exports/a.csv"])
async def test_a_file_a_folder_or_a_pattern_may_be_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "a.csv").write_bytes(table([["5", "Good"]]))
    (tmp_path / "exports" / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "b.csv").write_bytes(table([["5", "Good"]]))

    posts, _ = await all_posts(survey(tmp_path, path))

    assert [post.text for post in posts] == ["Good"]


async def test_exports_that_are_not_there_are_asked_for_again(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="are not there"):
        await survey(tmp_path, "exports").fetch(None)


async def test_a_file_that_is_too_large_is_told_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.survey.LARGEST", 1000)
    (tmp_path / "a.csv").write_bytes(b"Score,Comment\n" + b"5,Good\n" * 200)
    (tmp_path / "b.csv").write_bytes(table([["5", "Good"]]))

    page = await survey(tmp_path).fetch(None)

    assert told(page) == [("Good", 5.0)]
    assert [fault.reason for fault in page.faults] == ["a.csv has 1,414 bytes, and at most 1,000 are read. Split it."]
    assert not page.more


# --- answering


async def test_an_answer_with_a_link_is_handed_to_a_person_and_others_are_only_heard() -> None:
    source = survey(FIXTURES, "week.csv")

    routes = [source.route(post) for post in (await source.fetch(None)).posts if isinstance(post, Post)]

    assert [route.kind for route in routes] == [RouteKind.HANDOFF, RouteKind.NONE]
    assert routes[1].reason == "An anonymous survey answer cannot be answered."


@pytest.mark.parametrize("link", ["javascript:alert(1)", "file:///etc/passwd", "//x", "http://[", "see below"])
def test_only_the_address_of_a_page_is_a_link(link: str) -> None:
    [post] = read(table([["5", "Good", link]], ("Score", "Comment", "Link"))).posts

    assert post.url == ""


# --- settings


def test_settings_name_parts_and_scales_that_exist() -> None:
    fine = CONNECTOR.settings.model_validate({"path": "week.csv", "scale": "nps", "columns": {"comment": "Q4"}})

    assert isinstance(fine, SurveySettings)
    assert fine.columns == {Part.COMMENT: ("Q4",)}
    for wrong in ({"path": ""}, {"path": "a", "scale": "ten"}, {"path": "a", "columns": {"email": "Q5"}}):
        with pytest.raises(ValidationError):
            SurveySettings.model_validate(wrong)
