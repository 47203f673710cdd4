"""Pasting a review: what is typed is heard, or is shown again with the reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from connectors.errors import SourceUnavailable
from connectors.paste import Pasted
from responders.inbox.app import make_app
from storage import audit
from tests.responders.inbox.conftest import House, Letters, Visitor, said
from tests.responders.inbox.household import Household, bakery

LINK = "https://www.yelp.com/biz/crumb"


class Ear:
    """In the pipeline's place: keeps what is pasted, once."""

    def __init__(self, household: Household) -> None:
        self.household = household
        self.heard: dict[Pasted, int] = {}
        self.is_open = True
        self.keeps = True

    async def __call__(self, business: str, pasted: Pasted) -> tuple[int, bool] | None:
        """Stores a mention as the daemon would."""
        if not self.is_open:
            raise SourceUnavailable(
                "Pasting is not possible at the moment.", "What you typed still stands in the form."
            )
        if not self.keeps:
            return None
        is_new = pasted not in self.heard
        if is_new:
            self.heard[pasted] = await self.household.hear(pasted.text, business=business, url=pasted.url)
        return self.heard[pasted], is_new


@pytest.fixture
def ear(household: Household) -> Ear:
    return Ear(household)


@pytest.fixture
async def house(household: Household, ear: Ear) -> AsyncIterator[House]:
    """The household's inbox, in which people can paste."""
    app = make_app(
        household.desk,
        household.store,
        lambda: household.settings,
        lambda: household.now,
        lambda: None,
        hearer=ear,
    )
    async with TestServer(app) as server:
        yield House(household, server, Letters(), [])


def form(**typed: str) -> dict[str, str]:
    return {"text": "The knots were cold.", "link": LINK, "stars": "2", "author": "Ana", "site": "", **typed}


async def paste(visitor: Visitor, **typed: str) -> tuple[int, str]:
    await visitor.get("/paste")
    return await visitor.post("/paste", form(**typed))


async def test_what_is_pasted_is_heard_and_shown(house: House, mia: Visitor, ear: Ear) -> None:
    status, page = await paste(mia, day="2026-06-01", site="Yelp")

    assert list(ear.heard) == [
        Pasted("The knots were cold.", LINK, 2.0, "Ana", "Yelp", datetime(2026, 6, 1, 10, tzinfo=UTC))
    ]
    assert status == 200
    assert "The knots were cold." in page
    assert "Our replies" in page


async def test_who_pasted_it_stands_in_the_audit_trail(house: House, mia: Visitor, ear: Ear) -> None:
    await paste(mia)

    (number,) = ear.heard.values()
    async with house.household.store.read() as session:
        lines = await audit.recent(session, "crumb", f"mention {number}")
    assert [(line.who, line.what) for line in lines] == [("Mia", "paste")]


async def test_a_page_that_is_known_is_asked_about_first(house: House, mia: Visitor, ear: Ear) -> None:
    before = await house.household.hear("Cold knots!", url=LINK)

    status, page = await paste(mia, link=f"{LINK}?utm_source=mail")

    assert (status, ear.heard) == (409, {})
    assert "Something from this page is here already." in said(page)
    assert f'href="/mentions/{before}"' in page
    assert "The knots were cold.</textarea>" in page


async def test_a_second_post_of_one_page_is_heard_when_a_person_says_so(house: House, mia: Visitor, ear: Ear) -> None:
    await house.household.hear("Cold knots!", url=LINK)

    status, _ = await paste(mia, another="yes")

    assert status == 200
    assert len(ear.heard) == 1


async def test_another_business_gives_nothing_away(house: House, mia: Visitor, ear: Ear) -> None:
    await house.household.hear("Wilted roses", business="petal", url=LINK)

    status, _ = await paste(mia)

    assert status == 200


async def test_the_very_same_words_are_told_kindly(house: House, mia: Visitor, ear: Ear) -> None:
    await paste(mia, link="")

    status, page = await paste(mia, link="")

    assert status == 409
    assert "Exactly this is here already." in said(page)
    assert "/mentions/" in page


async def test_what_may_not_be_kept_is_said(house: House, mia: Visitor, ear: Ear) -> None:
    ear.keeps = False

    status, page = await paste(mia)

    assert status == 409
    assert "This is not kept" in said(page)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"text": " ", "stars": ""}, "There is neither a text nor a rating."),
        ({"text": "", "stars": "9"}, "There is neither a text nor a rating."),
        ({"text": "x" * 20_001}, "That is too long for a post."),
        ({"author": "x" * 121}, "That is too long for a post."),
        ({"link": "javascript:alert(1)"}, "The link is not one that opens a page."),
        ({"link": "www.yelp.com"}, "The link is not one that opens a page."),
        ({"link": "https://[" }, "The link is not one that opens a page."),
        ({"day": "2026-06-03"}, "That day is not one on which it can have been posted."),
        ({"day": "0001-01-01"}, "That day is not one on which it can have been posted."),
        ({"day": "yesterday"}, "That day is not one on which it can have been posted."),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_and_everything_typed_stays(
    house: House, mia: Visitor, ear: Ear, typed: dict[str, str], says: str
) -> None:
    status, page = await paste(mia, **{"site": "My corner", **typed})

    assert (status, ear.heard) == (400, {})
    assert says in said(page)
    assert 'value="My corner"' in page


async def test_the_stars_alone_are_enough(house: House, mia: Visitor, ear: Ear) -> None:
    status, _ = await paste(mia, text="", link="", day="2026-06-02")

    assert status == 200
    assert [(pasted.rating, pasted.posted_at) for pasted in ear.heard] == [(2.0, house.household.now)]


async def test_words_are_kept_when_it_cannot_be_stored(house: House, mia: Visitor, ear: Ear) -> None:
    ear.is_open = False

    status, page = await paste(mia)

    assert status == 503
    assert "Pasting is not possible at the moment." in said(page)
    assert "The knots were cold.</textarea>" in page


async def test_markup_that_is_pasted_stays_text(house: House, mia: Visitor, ear: Ear) -> None:
    hostile = "</textarea><script>alert(1)</script>"

    _, page = await paste(mia, text=hostile, author=f'"{hostile}', site=hostile, link="nowhere")

    assert "<script>alert(1)" not in page
    assert hostile.strip("</") in said(page)


async def test_without_a_source_for_it_the_page_says_how_to_get_one(house: House, mia: Visitor, ear: Ear) -> None:
    house.household.businesses["crumb"] = bakery(sources=[])

    _, page = await mia.get("/paste")
    status, _ = await mia.post("/paste", form())
    _, mentions = await mia.get("/mentions")

    assert "Pasting is not switched on." in said(page)
    assert (status, ear.heard) == (404, {})
    assert "/paste" not in mentions


async def test_the_way_there_stands_on_the_page_of_mentions(house: House, mia: Visitor) -> None:
    _, page = await mia.get("/mentions")

    assert 'href="/paste">Paste a review</a>' in page


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_a_form_from_another_site_pastes_nothing(
    house: House, mia: Visitor, ear: Ear, headers: dict[str, str]
) -> None:
    await mia.get("/paste")

    status, _ = await mia.post("/paste", form(), **headers)

    assert (status, ear.heard) == (403, {})


async def test_a_form_without_its_token_pastes_nothing(house: House, mia: Visitor, ear: Ear) -> None:
    status, _ = await mia.post("/paste", form(), token="another")

    assert (status, ear.heard) == (403, {})


async def test_a_stranger_pastes_nothing_and_loses_no_words(house: House, ear: Ear) -> None:
    async with aiohttp.ClientSession() as session:
        status, page = await Visitor(house, session).post("/paste", form())

    assert (status, ear.heard) == (401, {})
    assert "The knots were cold." in page
