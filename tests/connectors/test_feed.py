"""Feeds: every item once, whatever its date, and an edit under the same id."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import connectors.feed
from config.errors import ConfigError
from connectors.base import Cursor, Page, Post, RouteKind
from connectors.errors import SourceChanged, SourceDenied, SourceLimited, SourceUnavailable
from connectors.feed import Feed, FeedSettings, parse
from connectors.feed.documents import Unreadable
from tests.connectors.loopback import Web, says, serve

FIXTURES = Path(__file__).parent / "fixtures/feed"
BLOG = (FIXTURES / "blog.rss").read_bytes()
HARBOUR = "https://harbour.example/feed"
ALERTS = "https://www.google.com/alerts/feeds/01234567890123456789/"


def item(guid: str = "1", title: str = "News", date: str = "", link: str = "", text: str = "") -> str:
    parts = {"guid": guid, "title": title, "pubDate": date, "link": link, "description": text}
    return "<item>" + "".join(f"<{name}>{value}</{name}>" for name, value in parts.items() if value) + "</item>"


def rss(*items: str) -> bytes:
    return f'<rss version="2.0"><channel><title>T</title>{"".join(items)}</channel></rss>'.encode()


def alert(number: int, article: str) -> bytes:
    return f"""<feed xmlns="http://www.w3.org/2005/Atom"><entry>
        <id>tag:google.com,2013:googlealerts/feed:{number}</id><title type="html">&lt;b&gt;Crumb&lt;/b&gt; opens</title>
        <link href="https://www.google.com/url?rct=j&amp;url={article}&amp;ct=ga"/></entry></feed>""".encode()


def one(body: bytes, feed: str = HARBOUR) -> Post:
    """The only post in a feed."""
    (post,) = parse(body, feed=feed).posts
    return post


def feed_at(web_: Web) -> Feed:
    return Feed(FeedSettings(url=f"{web_.base}/feed"), web_.around)


async def read_all(feed: Feed, cursor: Cursor | None = None) -> tuple[list[Page], Cursor | None]:
    """Pages until there is no more, as the poller reads them."""
    pages = []
    while True:
        pages.append(await feed.fetch(cursor))
        cursor = pages[-1].cursor or cursor
        if not pages[-1].more:
            return pages, cursor


def in_turn(*bodies: bytes) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A server whose feed changes with every request; the last body stays."""
    left = list(bodies)

    async def respond(request: web.Request) -> web.Response:
        return web.Response(body=left.pop(0) if len(left) > 1 else left[0])

    return respond


def test_a_feed_reads_oldest_first_with_undated_items_last() -> None:
    posts = parse(BLOG, feed=HARBOUR).posts

    assert [post.title or post.text for post in posts] == [
        "A late find",
        "Where to queue on Saturday",
        "Undated and without a guid",
    ]


def test_html_becomes_the_words_a_reader_sees() -> None:
    post = parse(BLOG, feed=HARBOUR).posts[1]

    assert post.text == "Crumb & Co. is worth it.\n\nBring cash.\nAnd time."


def test_escaped_signs_are_resolved_once() -> None:
    assert parse(BLOG, feed=HARBOUR).posts[0].text == "Fish & chips, 2 < 3"


def test_an_item_tells_its_date_its_page_and_its_author() -> None:
    post = parse(BLOG, feed=HARBOUR).posts[1]

    assert post.posted_at == datetime(2026, 5, 30, 8, tzinfo=UTC)
    assert post.url == "https://harbour.example/queue?utm_source=rss&page=2"
    assert post.author is not None
    assert post.author.name == "Ana"


def test_relative_links_are_resolved_where_the_feed_came_from() -> None:
    document = parse(BLOG, feed=HARBOUR, base="https://mirror.example/blog/feed")

    assert document.posts[0].url == "https://mirror.example/late"


def test_an_item_without_a_date_has_none() -> None:
    assert parse(BLOG, feed=HARBOUR).posts[2].posted_at is None


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("Sat, 01 Jan 2222 00:00:00 GMT", 2222),
        ("0001-01-01T00:00:00Z", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("Mon, 99 Feb 99999 25:61:61 +9999", None),
        ("yesterday, perhaps", None),
    ],
)
def test_no_date_is_too_odd(date: str, year: int | None) -> None:
    post = one(rss(item(date=date)))

    assert (post.posted_at.year if post.posted_at else None) == year


def test_a_json_feed_is_read() -> None:
    first, second = sorted(
        parse((FIXTURES / "news.json").read_bytes(), feed=HARBOUR).posts, key=lambda post: post.external_id
    )

    assert (first.text, first.url, first.posted_at) == ("First.", "", None)
    assert (second.title, second.text, second.url) == ("Two", "Second & last.", "https://harbour.example/two")
    assert second.edited_at == datetime(2026, 5, 31, 8, tzinfo=UTC)


def test_an_item_that_cannot_be_read_is_a_fault_and_costs_no_other() -> None:
    document = parse((FIXTURES / "news.json").read_bytes(), feed=HARBOUR)

    assert [fault.sample for fault in document.faults] == ["no item at all"]
    assert len(document.posts) == 2


def test_the_same_local_guid_in_two_feeds_is_two_posts() -> None:
    body = rss(item(guid="1"))

    assert one(body, "https://a.example/blog").external_id != one(body, "https://a.example/news").external_id


def test_the_same_worldwide_guid_in_two_feeds_of_a_publisher_is_one_post() -> None:
    body = rss(item(guid="https://a.example/p/1"))

    assert one(body, "https://a.example/all").external_id == one(body, "https://a.example/food").external_id


def test_no_feed_can_speak_in_the_name_of_another_publisher() -> None:
    body = rss(item(guid="https://a.example/p/1"))

    assert one(body, "https://a.example/all").external_id != one(body, "https://evil.example/feed").external_id


def test_the_same_article_in_two_alerts_is_one_post() -> None:
    first = one(alert(1, "https://news.example/a%3Fid%3D1%26utm_source%3Dx"), ALERTS + "1")
    second = one(alert(2, "https://news.example/a%3Fid%3D1"), ALERTS + "2")

    assert first.external_id == second.external_id


def test_an_alert_leads_to_the_article_and_not_to_google() -> None:
    post = one(alert(1, "https://news.example/a%3Fid%3D1%26b%3D2"), ALERTS + "1")

    assert post.url == "https://news.example/a?id=1&b=2"
    assert post.text == "Crumb opens"


def test_an_item_without_a_guid_is_known_by_its_link_without_tracking() -> None:
    tracked = one(rss(item(guid="", link="https://a.example/1?id=7&amp;utm_medium=mail&amp;fbclid=x")))
    plain = one(rss(item(guid="", link="https://a.example/1?id=7")))

    assert tracked.external_id == plain.external_id


def test_an_item_with_neither_guid_nor_link_is_known_by_title_and_date() -> None:
    date = "Sat, 30 May 2026 08:00:00 GMT"
    same = [one(rss(item(guid="", title="A", date=date, text=text))).external_id for text in ("old", "new")]
    other = one(rss(item(guid="", title="B", date=date))).external_id

    assert same[0] == same[1] != other


def test_a_monstrous_guid_becomes_a_short_id() -> None:
    assert len(one(rss(item(guid="x" * 100_000))).external_id) < 600


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "http://[", "ftp://a.example/1"])
def test_a_link_that_is_no_web_page_is_left_out(link: str) -> None:
    assert one(rss(item(link=link))).url == ""


def test_a_feed_that_breaks_off_keeps_its_whole_items() -> None:
    document = parse(rss(item("1"), item("2", "cut")).partition(b"cut")[0] + b"cut o", feed=HARBOUR)

    assert [post.text for post in document.posts] == ["News"]
    assert document.is_cut
    assert len(document.faults) == 1


def test_half_an_emoji_does_not_spoil_the_feed() -> None:
    assert one(rss(item(title="Yum &#55357;&#56832;!"))).text == "Yum !"


@pytest.mark.parametrize(
    "body", [b"", b"  \n", b"<html><body>Please log in</body></html>", b"{}", b"{", b"Not found", b"\0\1\2\xff"]
)
def test_what_is_no_feed_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(body, feed=HARBOUR)


def test_entities_are_not_expanded_without_end() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    head = f'<!DOCTYPE rss [<!ENTITY e0 "lol">{entities}]>'.encode()

    post = one(head + rss(item(title="&e9;")))

    assert len(post.text) < 100


def test_external_entities_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    head = f'<!DOCTYPE rss [<!ENTITY e SYSTEM "{(tmp_path / "secret").as_uri()}">]>'.encode()

    assert "s3cret" not in one(head + rss(item(title="Look: &e;"))).text


def test_two_hundred_thousand_nested_tags_cost_seconds_at_most() -> None:
    started = time.perf_counter()

    parse(b'<rss version="2.0"><channel><item><title>' + b"<a>" * 200_000, feed=HARBOUR)

    assert time.perf_counter() - started < 20


@pytest.mark.parametrize("piece", ["&lt;div&gt;", "&lt;table&gt;&lt;tr&gt;", "&amp;", "&lt;!--", "&lt;b&gt;&lt;p&gt;"])
def test_hostile_html_costs_seconds_at_most(piece: str) -> None:
    started = time.perf_counter()

    parse(rss(item(text=piece * 100_000)), feed=HARBOUR)

    assert time.perf_counter() - started < 10


def test_more_tags_than_can_be_read_safely_are_refused() -> None:
    with pytest.raises(Unreadable, match="too many tags"):
        parse(rss("<a>" * 500_000), feed=HARBOUR)


@given(st.binary(max_size=400), st.integers(0, len(BLOG)), st.integers(0, 60))
def test_no_damage_to_a_feed_is_a_crash(noise: bytes, at: int, gone: int) -> None:
    try:
        document = parse(BLOG[:at] + noise + BLOG[at + gone :], feed=HARBOUR)
    except Unreadable:
        return

    for post in document.posts:
        f"{post.external_id}{post.text}{post.title}{post.url}".encode()
        assert "\0" not in post.text


def test_every_recorded_feed_is_read_or_refused_in_words(shared: Path) -> None:
    files = [file for file in (shared / "platforms/feeds").rglob("*.*") if file.name != "README.md"]

    refused = []
    for file in files:
        try:
            parse(file.read_bytes(), feed=HARBOUR)
        except Unreadable:
            refused.append(file.name)

    assert len(files) > 200
    assert len(refused) < 10


def test_the_recorded_alerts_lead_to_their_articles(shared: Path) -> None:
    body = (shared / "platforms/feeds/made-by-us/google-alerts.atom").read_bytes()

    posts = parse(body, feed=ALERTS + "9876543210987654321").posts

    assert [post.external_id for post in posts] == [
        f"www.google.com https://news.example.com/{number}?a=1&b=2" for number in range(3)
    ]
    assert [post.url for post in posts] == [f"https://news.example.com/{number}?a=1&b=2" for number in range(3)]
    assert posts[0].title == "Northside Bakery recalls walnut cookies"
    assert posts[0].text == "The bakery said on Friday that labels were mixed up ..."


def test_the_recorded_edit_keeps_its_id(shared: Path) -> None:
    folder = shared / "platforms/feeds/made-by-us"

    before = parse((folder / "truncated.rss").read_bytes(), feed=HARBOUR).posts[0]
    after = one((folder / "same-guid-edited.rss").read_bytes())

    assert before.external_id == after.external_id
    assert (before.text, after.text) == ("Northside Bakery review", "Northside Bakery review (updated)")


async def test_everything_in_a_new_feed_is_heard_once() -> None:
    async with serve(says(BLOG)) as web_:
        feed = feed_at(web_)
        first, cursor = await read_all(feed)
        second, _ = await read_all(feed, cursor)

    assert [len(page.posts) for page in first + second] == [3, 0]


async def test_the_same_cursor_gives_the_same_posts_again() -> None:
    async with serve(says(BLOG)) as web_:
        feed = feed_at(web_)
        first, second = await feed.fetch(None), await feed.fetch(None)

    assert first == second


async def test_an_item_that_turns_up_late_is_heard() -> None:
    new, late = item("2", date="Sat, 30 May 2026 08:00:00 GMT"), item("1", date="Fri, 01 May 2020 08:00:00 GMT")
    async with serve(in_turn(rss(new), rss(new, late))) as web_:
        feed = feed_at(web_)
        _, cursor = await read_all(feed)
        pages, _ = await read_all(feed, cursor)

    assert [post.external_id.split()[1] for post in pages[0].posts] == ["1"]


async def test_an_edited_item_is_heard_again_under_its_id() -> None:
    async with serve(in_turn(rss(item(title="Good")), rss(item(title="Bad")))) as web_:
        feed = feed_at(web_)
        first, cursor = await read_all(feed)
        second, _ = await read_all(feed, cursor)

    assert first[0].posts[0].external_id == second[0].posts[0].external_id
    assert [post.text for post in second[0].posts if isinstance(post, Post)] == ["Bad"]


async def test_a_fault_is_told_once() -> None:
    async with serve(says((FIXTURES / "news.json").read_bytes())) as web_:
        feed = feed_at(web_)
        first, cursor = await read_all(feed)
        second, _ = await read_all(feed, cursor)

    assert [len(page.faults) for page in first + second] == [1, 0]


async def test_a_long_feed_comes_in_pages_oldest_first() -> None:
    dates = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(250)]
    items = [item(str(n), date=f"{dates[n]:%a, %d %b %Y %H:%M:%S} GMT") for n in reversed(range(250))]
    async with serve(says(rss(*items), ETag='"1"')) as web_:
        pages, cursor = await read_all(feed_at(web_))

    assert [len(page.posts) for page in pages] == [100, 100, 50]
    heard = [post.posted_at for page in pages for post in page.posts if isinstance(post, Post)]
    assert heard == dates
    assert [("If-None-Match" in request.headers) for request in web_.asked] == [False] * 3
    assert cursor is not None
    assert cursor["If-None-Match"] == '"1"'


async def test_of_an_endless_archive_the_newest_are_heard_and_the_rest_is_said() -> None:
    items = [item(str(n), date=f"{datetime(2000, 1, 1) + timedelta(days=n):%d %b %Y}") for n in range(1_100)]  # noqa: DTZ001

    document = parse(rss(*items), feed=HARBOUR)

    assert document.posts[0].posted_at == datetime(2000, 4, 10, tzinfo=UTC)
    assert len(document.posts) == 1_000
    assert "more than 1,000 items" in document.faults[0].reason


async def test_an_unchanged_feed_is_not_sent_again() -> None:
    async def respond(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == 'W/"1"' and "If-Modified-Since" in request.headers:
            return web.Response(status=304)
        return web.Response(body=BLOG, headers={"ETag": 'W/"1"', "Last-Modified": "Sat, 30 May 2026 08:00:00 GMT"})

    async with serve(respond) as web_:
        feed = feed_at(web_)
        page = await feed.fetch((await feed.fetch(None)).cursor)

    assert (list(page.posts), page.cursor, page.more) == ([], None, False)


async def test_a_feed_that_broke_off_is_read_again_in_full() -> None:
    async with serve(says(BLOG[:-80], ETag='"1"')) as web_:
        page = await feed_at(web_).fetch(None)

    assert page.cursor is not None
    assert "If-None-Match" not in page.cursor


async def test_a_cursor_of_another_address_is_not_used() -> None:
    async with serve(says(BLOG, ETag='"1"')) as web_:
        other = Feed(FeedSettings(url=f"{web_.base}/other"), web_.around)
        page = await feed_at(web_).fetch((await other.fetch(None)).cursor)

    assert len(page.posts) == 3
    assert "If-None-Match" not in web_.asked[1].headers


async def test_a_feed_that_is_gone_waits_for_a_person() -> None:
    async with serve(says(status=410)) as web_:
        with pytest.raises(SourceDenied, match="gone for good"):
            await feed_at(web_).fetch(None)


async def test_a_busy_feed_is_left_alone_as_long_as_it_asks() -> None:
    async with serve(says(status=429, Retry_After="60")) as web_:
        with pytest.raises(SourceLimited) as caught:
            await feed_at(web_).fetch(None)

    assert caught.value.retry_at == web_.around.now() + timedelta(minutes=1)


async def test_an_error_page_is_kept_as_a_sample() -> None:
    async with serve(says("<html>Please log in</html>")) as web_:
        with pytest.raises(SourceChanged) as caught:
            await feed_at(web_).fetch(None)

    assert caught.value.sample == "<html>Please log in</html>"


async def test_a_document_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors.feed, "READ_WITHIN", timedelta(0))
    async with serve(says(BLOG)) as web_:
        with pytest.raises(SourceUnavailable, match="too long"):
            await feed_at(web_).fetch(None)


async def test_a_page_can_be_answered_by_hand_and_a_text_without_one_cannot() -> None:
    async with serve(says()) as web_:
        feed = feed_at(web_)
        routes = [feed.route(Post("feed", "1", "x", url=url)).kind for url in ("https://a.example/1", "")]

    assert routes == [RouteKind.HANDOFF, RouteKind.NONE]


@pytest.mark.parametrize("url", ["harbour.example/feed", "ftp://a.example/", "file:///etc/hostname", "http://", ""])
def test_the_address_must_be_a_web_address(url: str) -> None:
    with pytest.raises(ValidationError, match="is not a web address"):
        FeedSettings(url=url)


@pytest.mark.parametrize("keys", [{}, {"url": "https://a.example/", "secret_url": {"env": "HARBOUR_FEED"}}])
def test_exactly_one_address_is_named(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="exactly one of url and secret_url"):
        FeedSettings.model_validate(keys)


def test_a_password_is_not_written_into_the_address() -> None:
    with pytest.raises(ValidationError, match="secrets are named"):
        FeedSettings(url="https://me:s3cret@a.example/feed")


async def test_a_secret_address_is_read_from_where_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(says(BLOG)) as web_:
        monkeypatch.setenv("HARBOUR_FEED", f"{web_.base}/personal?feed=s3cret")
        feed = Feed(FeedSettings.model_validate({"secret_url": {"env": "HARBOUR_FEED"}}), web_.around)
        page = await feed.fetch(None)

    assert web_.asked[0].path_qs == "/personal?feed=s3cret"
    assert "s3cret" not in str(page)


async def test_a_secret_that_is_no_address_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARBOUR_FEED", "s3cret")
    async with serve(says()) as web_:
        with pytest.raises(ConfigError) as caught:
            Feed(FeedSettings.model_validate({"secret_url": {"env": "HARBOUR_FEED"}}), web_.around)

    assert "s3cret" not in str(caught.value)
