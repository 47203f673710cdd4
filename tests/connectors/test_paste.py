"""What a person pastes is one post, however often they paste it, and always concerns the business."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import Author, Connector, Page, Post, RouteKind, Surroundings
from connectors.paste import CONNECTOR, Pasted, PasteSettings, parse
from connectors.sites import name_of, site_of, without_tracking
from tests.conftest import NOW


def connector() -> Connector:
    no_session: Any = None  # it asks nobody
    return CONNECTOR.build(PasteSettings(), Surroundings("pasted", no_session, lambda: NOW, Path()))


def test_everything_that_was_typed_is_heard() -> None:
    day = datetime(2026, 6, 1, 10, tzinfo=UTC)

    post = parse(Pasted(" The knots\r\nwere cold. ", "https://www.yelp.co.uk/biz/crumb", 2.0, "Ana Q.", "", day))

    assert post == Post(
        platform="yelp",
        external_id=post.external_id,
        text="The knots\nwere cold.",
        posted_at=day,
        url="https://www.yelp.co.uk/biz/crumb",
        author=Author("pasted ana q.", name="Ana Q."),
        rating=2.0,
        summons=True,
    )


@given(st.text(max_size=200), st.text(max_size=50), st.text(max_size=50))
@settings(max_examples=200, deadline=None)
def test_the_same_post_pasted_again_is_the_same(text: str, author: str, site: str) -> None:
    first = parse(Pasted(text, "https://town.example/r/1?utm_source=mail", 4.0, author, site))
    again = parse(Pasted(f"{text}\n", "https://town.example/r/1", None, author, site, NOW))

    assert (first.platform, first.external_id) == (again.platform, again.external_id)
    assert first.platform


def test_two_reviews_on_one_page_are_two() -> None:
    page = "https://www.glassdoor.com/Reviews/crumb"

    names = {parse(Pasted(text, page)).external_id for text in ("Good team.", "Long hours.")}

    assert len(names) == 2


def test_stars_without_words_of_two_people_are_two() -> None:
    page = "https://www.glassdoor.com/Reviews/crumb"

    names = {parse(Pasted("", page, 5.0, author)).external_id for author in ("Ana", "Bo")}

    assert len(names) == 2


def test_what_a_person_calls_the_place_counts_before_the_link() -> None:
    assert parse(Pasted("Good.", "https://g.page/r/1", site="Google Maps")).platform == "google_maps"
    assert parse(Pasted("Good.")).platform == "paste"


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("www.yelp.com", "yelp"),
        ("m.tripadvisor.co.uk", "tripadvisor"),
        ("co.uk", "co"),
        ("notify.trustpilotmail.com", "trustpilot"),
        ("news.ycombinator.com", "hackernews"),
        ("twitter.com", "x"),
        ("127.0.0.1", ""),
        ("localhost", ""),
        ("", ""),
    ],
)
def test_a_site_is_called_by_its_own_name(host: str, site: str) -> None:
    assert site_of(host) == site


def test_a_name_is_words_joined() -> None:
    assert [name_of(each) for each in ("Google Maps", "  ", "<b>", "Süße Ecke!", "x" * 99)] == [
        "google_maps", "", "b", "süße_ecke", "x" * 40,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("link", "clean"),
    [
        ("https://a.example/r?id=1&utm_source=x&fbclid=y#c2", "https://a.example/r?id=1#c2"),
        ("https://a.example/r", "https://a.example/r"),
        ("javascript:alert(1)", ""),
        ("https://[", ""),
        ("https://a.example/a b", ""),
        ("", ""),
    ],
)
def test_marks_of_newsletters_do_not_make_another_page(link: str, clean: str) -> None:
    assert without_tracking(link) == clean


async def test_there_is_nothing_to_ask_for() -> None:
    assert await connector().fetch(None) == Page((), None, calls=0)
    assert await connector().recheck(["pasted 1"]) == []


def test_it_is_answered_by_hand_where_it_has_a_link() -> None:
    posts = [parse(Pasted("Good.", url)) for url in ("https://a.example/1", "")]

    assert [connector().route(post).kind for post in posts] == [RouteKind.HANDOFF, RouteKind.NONE]
