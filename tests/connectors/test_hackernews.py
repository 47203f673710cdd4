"""Hacker News: nothing is lost to late indexing or to a spike, and what vanished is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Cursor, Gone, Page, Post, RouteKind
from connectors.errors import SourceChanged, SourceLimited, SourceUnavailable
from connectors.hackernews import LAG, LOOK_BACK, REACH, HackerNews, HackerNewsSettings, parse, parse_item
from tests.conftest import NOW
from tests.connectors.loopback import Web, says, serve

RECORDED = json.loads((Path(__file__).parent / "fixtures/hackernews/search.json").read_text())
START = int(NOW.timestamp()) - 3600


class Algolia:
    """A search that behaves like Algolia's: newest first, only the newest 1,000, filtered by time."""

    def __init__(self, times: Sequence[int]) -> None:
        self.times = list(times)
        self.asked: list[dict[str, str]] = []

    async def respond(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        self.asked.append(asked)
        after, number, size = (
            int(asked["numericFilters"].partition(">")[2]),
            int(asked["page"]),
            int(asked["hitsPerPage"]),
        )
        found = sorted((time, index) for index, time in enumerate(self.times) if time > after)[::-1]
        shown = found[:REACH][number * size : (number + 1) * size]
        pages = -(-min(len(found), REACH) // size)
        hits = [
            {"objectID": str(1000 + index), "created_at_i": time, "author": "ana", "comment_text": f"Crumb {index}"}
            for time, index in shown
        ]
        return web.json_response({"hits": hits, "nbHits": len(found), "nbPages": pages, "page": number})


def source_at(web_: Web) -> HackerNews:
    return HackerNews(
        HackerNewsSettings(query='"crumb co"'), web_.around, search=f"{web_.base}/api/v1", items=f"{web_.base}/v0"
    )


async def poll(source: HackerNews, cursor: Cursor | None = None) -> tuple[list[Page], Cursor]:
    """Pages until there is no more, as the poller reads them."""
    pages = []
    while True:
        pages.append(await source.fetch(cursor))
        cursor = pages[-1].cursor
        assert cursor is not None
        if not pages[-1].more:
            return pages, cursor


def ids(pages: Sequence[Page]) -> list[str]:
    return [post.external_id for page in pages for post in page.posts]


def test_results_are_given_oldest_first_as_plain_text() -> None:
    posts = parse(RECORDED).posts

    assert [post.external_id for post in posts] == ["100", "200", "300"]
    assert [post.text for post in posts] == [
        "Any good?",
        "Show HN: Crumb & Co. opened its oven",
        "Crumb's till is slow.\n\nSecond paragraph > first.",
    ]


def test_a_comment_tells_whom_it_answers_and_where_it_stands() -> None:
    comment = parse(RECORDED).posts[2]

    assert comment.in_reply_to == "299"
    assert comment.url == "https://news.ycombinator.com/item?id=300"
    assert comment.author is not None
    assert comment.author.handle == "ana"
    assert comment.posted_at == datetime.fromtimestamp(1780385000, UTC)


def test_a_comment_is_not_about_us_because_its_story_is() -> None:
    assert parse(RECORDED).posts[2].title == ""


def test_the_recorded_search_is_understood(shared: Path) -> None:
    payload = json.loads((shared / "platforms/hackernews/made-by-us/search_by_date_page0.json").read_text())

    results = parse(payload)

    assert [post.external_id for post in results.posts] == ["46000001", "46000002", "46000003"]
    assert results.posts[2].text == "We moved our bakery POS to Earshot, it's fine.\n\nSecond paragraph > first."
    assert (results.found, results.pages, list(results.faults)) == (4, 2, [])


@pytest.mark.parametrize("name", ["item_null", "item_dead"])
def test_recorded_items_that_vanished_are_gone(shared: Path, name: str) -> None:
    payload = json.loads((shared / f"platforms/hackernews/made-by-us/{name}.json").read_text())

    assert parse_item(payload, "5") == Gone("hackernews", "5", "deleted")


def test_recorded_items_are_posts(shared: Path) -> None:
    folder = shared / "platforms/hackernews/firebase"

    posts = {
        file.stem: parse_item(json.loads(file.read_text()), file.stem.rpartition("-")[2])
        for file in folder.glob("*-[0-9]*.json")
    }

    assert len(posts) == 6
    assert all(isinstance(post, Post) and post.text for post in posts.values())


def test_an_item_that_moderators_removed_says_so() -> None:
    assert parse_item({"id": 7, "dead": True}, "7") == Gone("hackernews", "7", "removed by moderators or flags")


def test_a_result_that_cannot_be_read_is_a_fault_and_costs_no_other() -> None:
    broken = {"objectID": "../etc", "created_at_i": "soon"}

    results = parse({**RECORDED, "hits": [broken, None, *RECORDED["hits"]]})

    assert len(results.posts) == 3
    assert len(results.faults) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = ["objectID", "created_at_i", "author", "title", "story_text", "comment_text", "parent_id"]


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JSON) | JSON, max_size=4))
def test_no_result_is_odd_enough_to_crash(hits: list[Any]) -> None:
    results = parse({"hits": [*hits, RECORDED["hits"][0]], "nbHits": 1, "nbPages": 1})

    assert len(results.posts) + len(results.faults) == len(hits) + 1


async def test_the_first_poll_looks_a_week_back_for_stories_and_comments() -> None:
    algolia = Algolia([START])
    async with serve(algolia.respond) as web_:
        await poll(source_at(web_))

    asked = algolia.asked[0]
    assert asked["query"] == '"crumb co"'
    assert asked["tags"] == "(story,comment)"
    assert asked["numericFilters"] == f"created_at_i>{int((NOW - LOOK_BACK).timestamp())}"


async def test_a_post_that_is_indexed_late_is_heard() -> None:
    algolia = Algolia([START])
    async with serve(algolia.respond) as web_:
        source = source_at(web_)
        _, cursor = await poll(source)
        algolia.times.append(START - int(LAG.total_seconds()) + 1)
        pages, _ = await poll(source, cursor)

    assert "1001" in ids(pages)


async def test_a_quiet_query_keeps_its_place() -> None:
    async with serve(Algolia([]).respond) as web_:
        source = source_at(web_)
        pages, cursor = await poll(source)
        again, later = await poll(source, cursor)

    assert (ids(pages), ids(again)) == ([], [])
    assert cursor == later


async def test_the_same_cursor_gives_the_same_posts_again() -> None:
    async with serve(Algolia(range(START, START + 250)).respond) as web_:
        source = source_at(web_)
        first, second = await source.fetch(None), await source.fetch(None)

    assert first == second


async def test_a_busy_day_is_heard_in_full_and_oldest_first() -> None:
    algolia = Algolia(range(START, START + 950))
    async with serve(algolia.respond) as web_:
        pages, _ = await poll(source_at(web_))

    heard = list(dict.fromkeys(ids(pages)))
    assert heard == [str(1000 + index) for index in range(950)]
    assert max(len(page.posts) for page in pages) <= 100
    assert [page.gaps for page in pages if page.gaps] == []


async def test_posts_of_one_second_are_not_lost_between_pages() -> None:
    algolia = Algolia([START + second // 7 for second in range(500)])
    async with serve(algolia.respond) as web_:
        pages, _ = await poll(source_at(web_))

    assert set(ids(pages)) == {str(1000 + index) for index in range(500)}


async def test_posts_that_arrive_between_two_calls_push_nothing_out() -> None:
    algolia = Algolia(range(START, START + 300))

    async def respond(request: web.Request) -> web.Response:
        answer = await algolia.respond(request)
        if len(algolia.asked) == 1:
            algolia.times.append(START + 999)
        return answer

    async with serve(respond) as web_:
        pages, _ = await poll(source_at(web_))

    assert set(ids(pages)) == {str(1000 + index) for index in range(301)}


async def test_a_late_post_is_heard_after_a_busy_day_too() -> None:
    algolia = Algolia(range(START, START + 300))
    async with serve(algolia.respond) as web_:
        source = source_at(web_)
        _, cursor = await poll(source)
        algolia.times.append(START + 150)
        pages, _ = await poll(source, cursor)

    assert "1300" in ids(pages)


async def test_a_spike_beyond_the_reach_of_the_search_is_a_gap() -> None:
    async with serve(Algolia(range(START, START + 1_200)).respond) as web_:
        pages, _ = await poll(source_at(web_))

    (gap,) = [gap for page in pages for gap in page.gaps]
    assert gap.since == NOW - LOOK_BACK
    assert gap.until == datetime.fromtimestamp(START + 200, UTC)
    assert "1200 posts" in gap.reason
    assert set(ids(pages)) == {str(1000 + index) for index in range(200, 1_200)}


async def test_a_refused_filter_is_a_change_with_its_sample(shared: Path) -> None:
    body = (shared / "platforms/hackernews/made-by-us/error_400_filter.json").read_bytes()
    async with serve(says(body, 400)) as web_:
        with pytest.raises(SourceChanged) as caught:
            await source_at(web_).fetch(None)

    assert "invalid numeric attribute" in caught.value.sample


@pytest.mark.parametrize("body", ["[]", "{}", "null", '{"hits": {}}', "<html>Maintenance</html>"])
async def test_an_answer_of_another_shape_is_a_change(body: str) -> None:
    async with serve(says(body)) as web_:
        with pytest.raises(SourceChanged):
            await source_at(web_).fetch(None)


async def test_a_limit_is_passed_on() -> None:
    async with serve(says(status=429)) as web_:
        with pytest.raises(SourceLimited):
            await source_at(web_).fetch(None)


async def test_a_second_look_tells_edits_and_deletions() -> None:
    items = {
        "1": {"id": 1, "by": "ana", "time": 1780385000, "text": "Edited &amp; better", "type": "comment", "parent": 9},
        "2": None,
        "3": {"id": 3, "deleted": True},
        "4": {"nonsense": 1},
    }

    async def respond(request: web.Request) -> web.Response:
        return web.json_response(items[request.path.rpartition("/")[2].removesuffix(".json")])

    async with serve(respond) as web_:
        standing = await source_at(web_).recheck(list(items))

    assert [(type(each), each.external_id) for each in standing] == [(Post, "1"), (Gone, "2"), (Gone, "3")]
    assert isinstance(standing[0], Post)
    assert standing[0].text == "Edited & better"


async def test_a_second_look_gives_the_same_words_as_the_search() -> None:
    hit = RECORDED["hits"][0]
    item = {"id": 300, "by": "ana", "time": hit["created_at_i"], "text": hit["comment_text"], "parent": 299}

    assert parse_item(item, "300") == parse(RECORDED).posts[2]


async def test_a_second_look_that_fails_is_put_off_and_takes_nothing_for_gone() -> None:
    async with serve(says(status=500)) as web_:
        with pytest.raises(SourceUnavailable):
            await source_at(web_).recheck(["1"])


async def test_replies_are_written_by_hand_on_the_site() -> None:
    async with serve(says()) as web_:
        assert source_at(web_).route(parse(RECORDED).posts[0]).kind is RouteKind.HANDOFF


def test_the_first_look_back_is_longer_than_the_lag() -> None:
    assert timedelta(0) < LAG < LOOK_BACK
