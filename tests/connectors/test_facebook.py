"""A Facebook Page, against a real HTTP server that answers as Meta does, and fails on demand."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.base import (
    Absent,
    Duplicates,
    Found,
    Gone,
    Page,
    Post,
    Receipt,
    Replier,
    RouteKind,
    Surroundings,
    Target,
    Unsure,
    Visibility,
)
from connectors.errors import (
    ReplyDeferred,
    ReplyError,
    ReplyLost,
    ReplyRefused,
    ReplyTooLong,
    SourceChanged,
    SourceDenied,
    SourceError,
    SourceLimited,
    SourceUnavailable,
)
from connectors.facebook import CONNECTOR, Facebook, FacebookSettings, parse
from connectors.graph.reading import addressed
from connectors.graph.refusals import usage
from connectors.graph.walk import Errand, Parsed, Talk, Walk, onward
from connectors.lengths import Counter
from tests.conftest import NOW
from tests.connectors.loopback import HASTY, Web, serve

FIXTURES = Path(__file__).with_name("fixtures") / "facebook"
TOKEN = "EAAtoken0123456789"
OWN = {"id": "100", "name": "Crumb & Co"}
ANA = {"id": "501", "name": "Ana Silva"}

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def error(code: int, message: str = "", status: int = 400, subcode: int = 0, **headers: str) -> web.Response:
    """Meta's error; "_" in a header's name stands for "-"."""
    said = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1"}
    body = {"error": said | ({"error_subcode": subcode} if subcode else {})}
    return web.json_response(body, status=status, headers={name.replace("_", "-"): at for name, at in headers.items()})


def gone() -> web.Response:
    message = "Unsupported get request. Object with ID '1' does not exist, cannot be loaded due to missing permissions"
    return error(100, message, subcode=33)


def comment(number: int, text: str, minutes: float, writer: Mapping[str, str] = ANA, below: int = 0) -> dict[str, Any]:
    """A comment on the Page's post 900, written so many minutes before now."""
    link = f"comment_id={below}&reply_comment_id={number}" if below else f"comment_id={number}"
    return {
        "id": f"900_{number}",
        "message": text,
        "created_time": (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "from": writer,
        "permalink_url": f"https://www.facebook.com/100/posts/900/?{link}",
        **({"parent": {"id": f"900_{below}"}} if below else {}),
    }


def post(number: int, count: int, minutes: float = 60) -> dict[str, Any]:
    """A post of the Page's own with so many comments."""
    created = (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S+0000")
    link = f"https://www.facebook.com/100/posts/{number}/"
    summary = {"summary": {"total_count": count}}
    return {"id": f"100_{number}", "message": "News.", "created_time": created, "from": OWN, "permalink_url": link} | {
        "comments": summary
    }


class Meta:
    """What the server says by path; a list is said one after the other, and what is not set is an empty list."""

    def __init__(self) -> None:
        self.says: dict[str, Any] = {"100": OWN, "100/ratings": error_of(12)}
        self.posted: list[dict[str, str]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def respond(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/v26.0/").strip("/")
        if request.method == "POST":
            self.posted.append({"to": path, **{str(k): str(v) for k, v in (await request.post()).items()}})
            path = f"POST {path}"
        else:
            self.asked.append((path, dict(request.query)))
        said: Any = self.says.get(path, {"data": []})
        if isinstance(said, list):
            said = said.pop(0) if len(said) > 1 else said[0]
        if callable(said):
            result: web.StreamResponse | Awaitable[web.StreamResponse] = said(request)
            return await result if isinstance(result, Awaitable) else result
        return web.json_response(said)

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def error_of(*args: Any, **more: Any) -> Callable[[web.Request], web.Response]:
    return lambda _: error(*args, **more)


@pytest.fixture
def meta() -> Meta:
    return Meta()


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEBOOK_TOKEN", TOKEN)
    monkeypatch.setenv("FACEBOOK_APP_SECRET", "app-secret")


def table(**options: Any) -> FacebookSettings:
    return FacebookSettings.model_validate({"page": "100", "token": {"env": "FACEBOOK_TOKEN"}} | options)


def build(served: Web, now: Callable[[], datetime] = lambda: NOW, **options: Any) -> Facebook:
    around = replace(served.around, now=now)
    return Facebook(table(**options), around, served.base)


@asynccontextmanager
async def opened(meta: Meta | Respond, **more: Any) -> AsyncIterator[Facebook]:
    respond = meta.respond if isinstance(meta, Meta) else meta
    async with serve(respond, **more) as served:
        yield build(served)


async def round_of(page: Facebook, cursor: Any = None) -> tuple[list[Post | Gone], Page]:
    """All posts of one round, and its last page; every cursor goes through JSON, as in the store."""
    posts: list[Post | Gone] = []
    while True:
        answer = await page.fetch(cursor)
        posts += answer.posts
        cursor = json.loads(json.dumps(answer.cursor))
        if not answer.more:
            return posts, replace(answer, cursor=cursor)


def texts(posts: Any) -> list[str]:
    return [each.text for each in posts if isinstance(each, Post)]


def target(external_id: str = "900_70", minutes: float = 100, **context: Any) -> Target:
    at = (NOW - timedelta(minutes=minutes)).timestamp()
    return Target("facebook", external_id, "Crumb & Co", "https://www.facebook.com/x", context={"at": at} | context)


# What a list says


def test_a_visitors_post_is_spoken_to_us_and_can_be_answered() -> None:
    _, visitor = parse(recorded("feed"), "100", "feed", "100", "Crumb & Co").posts

    assert isinstance(visitor, Post)
    assert visitor.text == "Waited half an hour for one croissant."
    assert visitor.author is not None
    assert (visitor.author.name, visitor.summons, visitor.own, visitor.account) == (
        "Ana Silva",
        True,
        False,
        "Crumb & Co",
    )


def test_posts_on_our_page_have_conversations_whose_stamp_counts_the_comments() -> None:
    talks = parse(recorded("feed"), "100", "feed", "100").talks

    assert [(talk.edge, talk.node) for talk in talks] == [("comments", "100_900"), ("comments", "100_901")]
    assert talks[0].stamp == "2026-06-02T08:00:00+0000 4"


def test_comments_come_oldest_first_and_those_without_words_do_not_come() -> None:
    posts = parse(recorded("comments"), "100", "comments", "100_900").posts

    assert texts(posts) == [
        "The rye was burnt today.\nSad.",
        "And the till was broken, too.",
        "Ana Silva, we are sorry. It is fixed.",
    ]


def test_a_hidden_comment_counts_as_gone() -> None:
    posts = parse(recorded("comments"), "100", "comments", "100_900").posts

    assert [each for each in posts if isinstance(each, Gone)] == [Gone("facebook", "900_74", "hidden on the Page")]


def test_a_comment_knows_what_it_stands_below() -> None:
    first, below, _ = [
        each for each in parse(recorded("comments"), "100", "comments", "100_900").posts if isinstance(each, Post)
    ]

    assert (first.in_reply_to, first.context.get("thread")) == ("100_900", None)
    assert (below.in_reply_to, below.context["thread"]) == ("900_70", "900_70")


def test_our_own_answer_is_to_the_comment_whose_author_it_names() -> None:
    ours = parse(recorded("comments"), "100", "comments", "100_900").posts[-1]

    assert isinstance(ours, Post)
    assert (ours.own, ours.in_reply_to) == (True, "900_72")


def test_our_own_answer_without_a_name_is_to_the_comment_it_stands_below() -> None:
    payload = {"data": [comment(70, "Burnt.", 60), comment(71, "Sorry!", 30, OWN, below=70)]}

    ours = parse(payload, "100", "comments", "100_900").posts[-1]

    assert isinstance(ours, Post)
    assert ours.in_reply_to == "900_70"


def test_a_comment_that_is_read_singly_tells_its_place_by_its_link() -> None:
    alone = {key: value for key, value in comment(72, "Too late.", 5, below=70).items() if key != "parent"}

    (post_,) = parse({"data": [alone]}, "100").posts

    assert isinstance(post_, Post)
    assert (post_.in_reply_to, post_.context["thread"]) == ("900_70", "900_70")


def test_where_meta_names_the_comment_above_its_link_does_not_matter() -> None:
    plain = comment(72, "Too late.", 5, below=70) | {"permalink_url": "https://www.facebook.com/100/posts/900/"}

    (post_,) = parse({"data": [plain]}, "100", "comments", "100_900").posts

    assert isinstance(post_, Post)
    assert (post_.in_reply_to, post_.context["thread"]) == ("900_70", "900_70")


def test_a_post_of_somebody_else_that_tags_us_is_answered_by_hand() -> None:
    (tagged,) = parse(recorded("tagged"), "100", "tagged", "100").posts
    assert isinstance(tagged, Post)

    route = Facebook.route(None, tagged)  # type: ignore[arg-type]

    assert tagged.external_id == "tagged:601_33"
    assert route.kind is RouteKind.HANDOFF
    assert tagged.url.startswith("https://www.facebook.com/601")


def test_a_recommendation_has_words_and_no_invented_stars() -> None:
    silent, bitter = parse(recorded("ratings"), "100", "ratings", "100").posts

    assert isinstance(bitter, Post)
    assert isinstance(silent, Post)
    assert (bitter.title, bitter.text, bitter.rating) == ("Does not recommend us", "Cold coffee, cold welcome.", None)
    assert (silent.title, silent.text) == ("", "Recommends us")


def test_one_unreadable_item_does_not_hide_the_others() -> None:
    payload = {"data": [{"id": "x"}, None, comment(70, "Burnt.", 5)]}

    parsed = parse(payload, "100", "comments", "100_900")

    assert texts(parsed.posts) == ["Burnt."]
    assert len(parsed.faults) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*comment(1, "x", 1), "recommendation_type", "open_graph_story", "id"]), inner
        )
    ),
    max_leaves=20,
)


@given(st.lists(JSON, max_size=5), st.sampled_from(["feed", "comments", "tagged", "ratings", ""]))
@settings(max_examples=200, deadline=None)
def test_whatever_items_a_list_holds_each_is_read_left_out_or_a_fault(items: list[Any], edge: str) -> None:
    parsed = parse({"data": items}, "100", edge, "100_900")

    assert len(parsed.posts) + len(parsed.faults) <= len(items)


@pytest.mark.parametrize("payload", [None, [], {}, {"data": None}, {"data": {"a": 1}}])
def test_an_answer_without_a_list_is_noticed(payload: Any) -> None:
    with pytest.raises(ValueError, match="no list"):
        parse(payload, "100")


def test_a_recorded_page_of_comments_can_be_read(shared: Path) -> None:
    folder = shared / "platforms/meta/python-facebook-testdata/facebook/apidata"
    nodes = json.loads((folder / "comments/comments_info.json").read_text(encoding="utf-8"))

    posts = parse({"data": list(nodes.values())}, "19292868552").posts

    assert [each.external_id for each in posts] == list(nodes)
    assert all(isinstance(each, Post) and each.in_reply_to == "19292868552_10158371815748553" for each in posts)


def test_recorded_comments_without_ids_are_kept_as_faults(shared: Path) -> None:
    folder = shared / "platforms/meta/python-facebook-testdata/facebook/apidata"
    page = json.loads((folder / "comments/comments_p1.json").read_text(encoding="utf-8"))

    parsed = parse(page, "19292868552", "comments", "19292868552_10158407654328553")

    assert (len(parsed.posts), len(parsed.faults)) == (0, 10)
    assert onward(page) == {"after": "after"}


def test_a_recorded_feed_can_be_read_with_its_comment_counts(shared: Path) -> None:
    folder = shared / "platforms/meta/python-facebook-testdata/facebook/apidata"
    page = json.loads((folder / "posts/feeds_default_fields_p2.json").read_text(encoding="utf-8"))

    parsed = parse(page, "19292868552", "feed", "19292868552")

    assert len(parsed.posts) == len(page["data"]) == 5
    assert parsed.talks[-1].stamp == "2021-07-11T04:44:38+0000 82"
    assert onward(page) == {}


def test_a_recorded_list_by_time_goes_on_by_time(shared: Path) -> None:
    folder = shared / "platforms/meta/python-facebook-testdata/facebook/apidata"
    page = json.loads((folder / "posts/feed_fields_p1.json").read_text(encoding="utf-8"))

    assert onward(page) == {"until": "1624385168", "__paging_token": "__paging_token"}


# How the lists are walked


async def test_a_round_hears_posts_tags_and_comments(meta: Meta) -> None:
    meta.says |= {
        "100/feed": recorded("feed"),
        "100/tagged": recorded("tagged"),
        "100_900/comments": recorded("comments"),
    }

    async with opened(meta) as page:
        posts, last = await round_of(page)

    assert "Waited half an hour for one croissant." in texts(posts)
    assert "Best rye in town: Crumb & Co!" in texts(posts)
    assert "And the till was broken, too." in texts(posts)
    assert last.more is False


async def test_nothing_is_told_twice_to_somebody_who_asks_with_the_same_cursor(meta: Meta) -> None:
    meta.says |= {"100/feed": recorded("feed"), "100_900/comments": recorded("comments")}

    async with opened(meta) as page:
        first = await page.fetch(None)
        again = [await page.fetch(first.cursor), await page.fetch(first.cursor)]

    assert again[0].posts == again[1].posts
    assert again[0].cursor == again[1].cursor


async def test_a_conversation_that_has_not_changed_is_not_read_again(meta: Meta) -> None:
    meta.says |= {"100/feed": recorded("feed"), "100_900/comments": recorded("comments")}

    async with opened(meta) as page:
        _, last = await round_of(page)
        meta.asked.clear()
        await round_of(page, last.cursor)

    assert meta.paths() == ["100/feed", "100/tagged"]


async def test_a_conversation_that_grew_is_read_back_to_where_it_was_read_before(meta: Meta) -> None:
    meta.says |= {"100/feed": [{"data": [post(900, 1)]}, {"data": [post(900, 2)]}]}

    async with opened(meta) as page:
        _, last = await round_of(page)
        meta.asked.clear()
        await round_of(page, last.cursor)

    asked = dict(meta.asked)["100_900/comments"]
    assert int(asked["since"]) == int((NOW - timedelta(hours=1)).timestamp())
    assert (asked["filter"], asked["order"]) == ("stream", "reverse_chronological")


async def test_every_conversation_is_read_as_a_whole_now_and_then(meta: Meta) -> None:
    meta.says |= {"100/feed": {"data": [post(900, 1)]}}
    moment = NOW

    async with serve(meta.respond) as served:
        page = build(served, lambda: moment)
        _, last = await round_of(page)
        moment = NOW + timedelta(hours=7)
        meta.asked.clear()
        await round_of(page, last.cursor)

    assert "since" not in dict(meta.asked)["100_900/comments"]


async def test_a_spike_of_comments_is_read_page_after_page_within_one_round(meta: Meta) -> None:
    onward_ = {"next": f"https://graph.facebook.com/v26.0/x?access_token={TOKEN}&after=second"}
    first = {"data": [comment(n, f"Comment {n}", n) for n in range(1, 101)], "paging": onward_}
    second = {"data": [comment(101, "The oldest", 101)]}
    meta.says |= {"100/feed": {"data": [post(900, 101)]}, "100_900/comments": [first, second]}

    async with opened(meta) as page:
        posts, _ = await round_of(page)

    assert len([text for text in texts(posts) if text.startswith("Comment")]) == 100
    assert "The oldest" in texts(posts)
    assert [asked.get("after") for path, asked in meta.asked if path == "100_900/comments"] == [None, "second"]


async def test_a_page_of_comments_that_were_all_heard_before_ends_the_reading(meta: Meta) -> None:
    onward_ = {"next": "https://graph.facebook.com/v26.0/x?after=second"}
    old = {"data": [comment(n, "Old", 24 * 60 + n) for n in range(1, 4)], "paging": onward_}
    meta.says |= {
        "100/feed": [{"data": [post(900, 3)]}, {"data": [post(900, 4)]}],
        "100_900/comments": [{"data": []}, old],
    }

    async with opened(meta) as page:
        _, last = await round_of(page)
        meta.asked.clear()
        await round_of(page, last.cursor)

    assert meta.paths().count("100_900/comments") == 1


async def test_a_round_that_is_cut_short_goes_on_after_a_restart(meta: Meta) -> None:
    meta.says |= {"100/feed": recorded("feed"), "100_900/comments": recorded("comments")}

    async with serve(meta.respond) as served:
        begun = await build(served).fetch(None)
        posts, _ = await round_of(build(served), json.loads(json.dumps(begun.cursor)))

    assert "And the till was broken, too." in texts(posts)


async def test_a_post_that_went_away_meanwhile_is_passed_over(meta: Meta) -> None:
    meta.says |= {
        "100/feed": {"data": [post(900, 1)]},
        "100_900/comments": lambda _: gone(),
        "100/tagged": recorded("tagged"),
    }

    async with opened(meta) as page:
        posts, last = await round_of(page)

    assert "Best rye in town: Crumb & Co!" in texts(posts)
    assert last.cursor is not None


@pytest.mark.parametrize("refusal", [error_of(12), error_of(100, "(#100) Tried accessing nonexisting field (ratings)")])
async def test_that_recommendations_are_gone_is_told_once_in_words(meta: Meta, refusal: Any) -> None:
    meta.says["100/ratings"] = refusal

    async with opened(meta) as page:
        _, first = await round_of(page)
        _, second = await round_of(page, first.cursor)

    assert [gap.reason.partition("Recommendations")[2] for gap in first.gaps] == [
        " are not heard; look at them on the Page."
    ]
    assert list(second.gaps) == []
    assert meta.paths().count("100/ratings") == 1


async def test_recommendations_are_heard_where_an_older_version_still_shows_them(meta: Meta) -> None:
    meta.says["100/ratings"] = recorded("ratings")

    async with opened(meta) as page:
        posts, _ = await round_of(page)

    assert "Cold coffee, cold welcome." in texts(posts)


async def test_a_longer_absence_than_posts_are_watched_is_a_gap(meta: Meta) -> None:
    moment = NOW

    async with serve(meta.respond) as served:
        page = build(served, lambda: moment)
        _, last = await round_of(page)
        moment = NOW + timedelta(days=40)
        answer = await page.fetch(last.cursor)

    assert [(gap.since, gap.until) for gap in answer.gaps] == [(NOW, NOW + timedelta(days=10))]


async def test_every_call_is_counted(meta: Meta) -> None:
    async with opened(meta) as page:
        first = await page.fetch(None)
        second = await page.fetch(first.cursor)

    assert (first.calls, second.calls) == (2, 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 30)), max_size=30))
@settings(max_examples=200, deadline=None)
def test_a_conversation_that_changed_is_always_read_in_the_same_round(steps: list[tuple[str, int, int]]) -> None:
    walk, known, now = Walk(), dict[str, int](), NOW

    for node, count, hours in steps:
        now += timedelta(hours=hours)
        walk = walk.begin({"feed": True}, "100", "v1", now)
        walk = walk.after(Parsed(times=[now], talks=[Talk("comments", node, "", str(count))]), {})
        is_read = any(errand.node == node for errand in walk.queue)
        assert is_read or known[node] == count
        known[node] = count
        while walk.queue:
            walk = Walk.of(json.loads(json.dumps(walk.after(Parsed(), {}).cursor)))


def test_a_list_that_never_ends_is_left_after_a_hundred_pages() -> None:
    walk = replace(Walk(began=1), queue=(Errand("feed", "100"),))

    pages = 0
    while walk.queue:
        pages += 1
        walk = walk.after(Parsed(times=[NOW]), {"after": str(pages)})

    assert pages == 100


# What goes wrong


@pytest.mark.parametrize("code", [4, 17, 32, 613, 80001, 80002])
async def test_too_many_calls_mean_a_wait_as_long_as_meta_says(meta: Meta, code: int) -> None:
    told = json.dumps({"100": [{"type": "pages", "call_count": 101, "estimated_time_to_regain_access": 12}]})
    meta.says["100/feed"] = error_of(code, x_business_use_case_usage=told)

    async with opened(meta) as page:
        with pytest.raises(SourceLimited) as caught:
            await page.fetch(None)

    assert caught.value.retry_at == NOW + timedelta(minutes=12)


async def test_too_many_calls_without_a_time_leave_the_wait_to_us(meta: Meta) -> None:
    meta.says["100/feed"] = lambda _: web.Response(status=429, text="slow down")

    async with opened(meta) as page:
        with pytest.raises(SourceLimited) as caught:
            await page.fetch(None)

    assert caught.value.retry_at is None


async def test_at_three_quarters_of_the_budget_what_came_is_kept_and_the_next_question_waits(meta: Meta) -> None:
    used = {"x-app-usage": json.dumps({"call_count": 12, "total_cputime": 75, "total_time": 3})}
    meta.says["100/feed"] = lambda _: web.json_response(recorded("feed"), headers=used)

    async with opened(meta) as page:
        first = await page.fetch(None)
        with pytest.raises(SourceLimited) as caught:
            await page.fetch(first.cursor)

    assert len(first.posts) == 2
    assert caught.value.retry_at == NOW + timedelta(minutes=5)


async def test_below_three_quarters_nothing_waits(meta: Meta) -> None:
    used = {"x-app-usage": json.dumps({"call_count": 74, "total_cputime": 1, "total_time": 3})}
    meta.says["100/feed"] = lambda _: web.json_response({"data": []}, headers=used)

    async with opened(meta) as page:
        _, last = await round_of(page)

    assert last.more is False


@given(st.text(max_size=40) | JSON.map(json.dumps))
@settings(max_examples=200, deadline=None)
def test_no_usage_header_breaks_anything(header: str) -> None:
    used, wait = usage({"x-app-usage": header, "x-business-use-case-usage": header})

    assert used >= 0
    assert timedelta() <= wait <= timedelta(days=1)


async def test_a_refused_token_names_what_to_do(meta: Meta) -> None:
    meta.says["100"] = error_of(190, "Error validating access token", status=401, subcode=463)

    async with opened(meta) as page:
        with pytest.raises(SourceDenied) as caught:
            await page.fetch(None)

    assert "190" in caught.value.happened
    assert "FACEBOOK_TOKEN" in caught.value.do
    assert "warmline check" in caught.value.do


@pytest.mark.parametrize("code", [10, 3, 200, 283, 100])
async def test_a_missing_permission_is_named(meta: Meta, code: int) -> None:
    meta.says["100/feed"] = error_of(
        code, "This endpoint requires the 'pages_read_user_content' permission", status=403
    )

    async with opened(meta) as page:
        with pytest.raises(SourceDenied, match="pages_read_user_content"):
            await page.fetch(None)


async def test_a_recorded_refusal_names_its_permission(meta: Meta, shared: Path) -> None:
    path = shared / "platforms/meta/python-facebook-testdata/base/error_data.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    meta.says["100/feed"] = lambda _: web.json_response(said, status=400)

    async with opened(meta) as page:
        with pytest.raises(SourceDenied, match="pages_read_engagement"):
            await page.fetch(None)


@pytest.mark.parametrize("path", ["100", "100/feed"])
async def test_an_id_that_the_token_does_not_see_is_a_matter_for_a_person(meta: Meta, path: str) -> None:
    meta.says[path] = lambda _: gone()

    async with opened(meta) as page:
        with pytest.raises(SourceDenied, match="does not show 100 to this token"):
            await page.fetch(None)


async def slow(_: web.Request) -> web.StreamResponse:
    import asyncio

    await asyncio.sleep(1)
    return web.Response()


def dropped(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda _: web.Response(status=500, text="<html>Sorry</html>"), SourceUnavailable),
        (lambda _: web.Response(status=503), SourceUnavailable),
        (error_of(2, "Service temporarily unavailable", status=500), SourceUnavailable),
        (error_of(1, "An unknown error occurred"), SourceUnavailable),
        (dropped, SourceUnavailable),
        (slow, SourceUnavailable),
        (lambda _: web.Response(text="<html>Log in</html>"), SourceChanged),
        (lambda _: web.json_response([]), SourceChanged),
        (lambda _: web.json_response({"data": "none"}), SourceChanged),
        (lambda _: web.json_response({"error": "no"}), SourceChanged),
        (error_of(999999, "Something new"), SourceChanged),
    ],
)
async def test_every_way_to_fail_is_one_that_the_poller_knows(meta: Meta, answer: Any, kind: type[SourceError]) -> None:
    meta.says["100/feed"] = answer

    async with opened(meta, patience=HASTY) as page:
        with pytest.raises(SourceError) as caught:
            await page.fetch(None)

    assert type(caught.value) is kind
    assert caught.value.happened.endswith(".")


# Secrets


async def test_the_token_travels_in_a_header_and_its_proof_beside_it(meta: Meta) -> None:
    async with serve(meta.respond) as served:
        await build(served, app_secret={"env": "FACEBOOK_APP_SECRET"}).fetch(None)

    proof = hmac.new(b"app-secret", TOKEN.encode(), hashlib.sha256).hexdigest()
    assert {request.headers["Authorization"] for request in served.asked} == {f"Bearer {TOKEN}"}
    assert all(request.query["appsecret_proof"] == proof for request in served.asked)
    assert not any(TOKEN in str(request.url) for request in served.asked)


async def test_no_proof_is_sent_where_no_app_secret_is_given(meta: Meta) -> None:
    async with opened(meta) as page:
        await page.fetch(None)

    assert all("appsecret_proof" not in asked for _, asked in meta.asked)


async def test_the_token_in_metas_links_is_kept_neither_in_samples_nor_in_cursors(meta: Meta) -> None:
    link = {"next": f"https://graph.facebook.com/v26.0/100/feed?access_token={TOKEN}&after=x"}
    meta.says |= {"100/feed": [{"data": [post(900, 1)], "paging": link}, {"data": 7, "paging": link}]}

    async with opened(meta) as page:
        first = await page.fetch(None)
        with pytest.raises(SourceChanged) as caught:
            await round_of(page, first.cursor)

    assert TOKEN not in json.dumps(first.cursor)
    assert TOKEN not in caught.value.sample


def test_settings_refuse_what_is_no_page_id_and_no_version() -> None:
    for wrong in ({"page": "crumbandco"}, {"version": "26"}, {"version": "../v26.0"}, {"token": "EAA"}):
        with pytest.raises(ValidationError):
            table(**wrong)


# Posts that changed or went away


async def test_kept_posts_are_read_again_in_one_batch(meta: Meta) -> None:
    edited = comment(70, "The rye was a bit dark.", 60)
    meta.says[""] = {"900_70": edited, "100_901": recorded("feed")["data"][1]}

    async with opened(meta) as page:
        standing = await page.recheck(["900_70", "100_901", "tagged:601_33"])

    assert sorted(texts(standing)) == ["The rye was a bit dark.", "Waited half an hour for one croissant."]
    assert dict(meta.asked)[""]["ids"] == "900_70,100_901"


async def test_one_that_went_away_does_not_hide_the_others(meta: Meta) -> None:
    def node(request: web.Request) -> web.Response:
        ids = request.query["ids"].split(",")
        return (
            gone() if "900_3" in ids else web.json_response({each: comment(int(each[4:]), "Here", 9) for each in ids})
        )

    meta.says[""] = node

    async with opened(meta) as page:
        standing = await page.recheck([f"900_{n}" for n in range(1, 8)])

    assert [each.external_id for each in standing if isinstance(each, Gone)] == ["900_3"]
    assert len(texts(standing)) == 6


async def test_what_meta_leaves_out_without_a_word_is_not_taken_for_gone(meta: Meta) -> None:
    meta.says[""] = {"900_70": comment(70, "Here", 9)}

    async with opened(meta) as page:
        standing = await page.recheck(["900_70", "900_71"])

    assert [each.external_id for each in standing] == ["900_70"]


async def test_a_token_that_sees_nothing_says_nothing_about_a_post(meta: Meta) -> None:
    meta.says |= {"": lambda _: gone(), "100/feed": error_of(10, "requires pages_read_user_content", status=403)}

    async with opened(meta) as page:
        with pytest.raises(SourceDenied):
            await page.recheck(["900_70"])


async def test_a_comment_that_was_hidden_meanwhile_is_withdrawn(meta: Meta) -> None:
    meta.says[""] = {"900_70": comment(70, "Burnt", 9) | {"is_hidden": True}}

    async with opened(meta) as page:
        standing = await page.recheck(["900_70"])

    assert standing == [Gone("facebook", "900_70", "hidden on the Page")]


# Answering


async def test_a_reply_is_one_post_below_the_comment(meta: Meta) -> None:
    link = "https://www.facebook.com/100/posts/900/?comment_id=70&reply_comment_id=99"
    meta.says["POST 900_70/comments"] = {"id": "900_99", "permalink_url": link}

    async with opened(meta) as page:
        receipt = await page.reply(target(), "Sorry, Ana. – Mia", key="k")

    assert meta.posted == [{"to": "900_70/comments", "message": "Sorry, Ana. – Mia"}]
    assert (receipt.external_id, receipt.url, receipt.at) == ("900_99", link, NOW)


@pytest.mark.parametrize(
    ("answered", "below"),
    [
        (target("900_72", thread="900_70"), "900_70"),
        (target("100_901"), "100_901"),
        (target("recommendation:555"), "555"),
    ],
)
async def test_a_reply_stands_below_what_began_the_conversation(meta: Meta, answered: Target, below: str) -> None:
    meta.says[f"POST {below}/comments"] = {"id": "1_2"}

    async with opened(meta) as page:
        await page.reply(answered, "Sorry.", key="k")

    assert [sent["to"] for sent in meta.posted] == [f"{below}/comments"]


async def test_a_reply_that_facebook_would_not_take_is_not_sent(meta: Meta) -> None:
    async with opened(meta) as page:
        with pytest.raises(ReplyTooLong):
            await page.reply(target(), "x" * 8001, key="k")

    assert meta.posted == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error_of(32, "Page request limit reached"), ReplyDeferred),
        (lambda _: web.Response(status=429), ReplyDeferred),
        (error_of(190, "Session has expired", status=401), ReplyRefused),
        (error_of(200, "requires pages_manage_engagement", status=403), ReplyRefused),
        (lambda _: gone(), ReplyRefused),
        (error_of(368, "The action attempted has been deemed abusive"), ReplyRefused),
        (error_of(100, "Param message is too long"), ReplyTooLong),
        (error_of(9000, "No"), ReplyRefused),
        (error_of(506, "Duplicate status message"), ReplyLost),
        (error_of(1, "Unknown error"), ReplyLost),
        (error_of(2, "Service unavailable", status=503), ReplyLost),
        (lambda _: web.Response(status=500, text="<html>"), ReplyLost),
        (lambda _: web.Response(status=400, text="<html>a proxy"), ReplyLost),
        (lambda _: web.Response(status=307, headers={"Location": "/v26.0/900_70/comments"}), ReplyLost),
        (lambda _: web.Response(text="<html>"), ReplyLost),
        (lambda _: web.json_response({"success": True}), ReplyLost),
        (dropped, ReplyLost),
        (slow, ReplyLost),
    ],
)
async def test_whatever_meta_says_one_request_leaves_and_the_error_tells_what_it_means(
    meta: Meta, answer: Any, kind: type[ReplyError]
) -> None:
    meta.says["POST 900_70/comments"] = answer

    async with opened(meta, patience=HASTY) as page:
        with pytest.raises(ReplyError) as caught:
            await page.reply(target(), "Sorry.", key="k")

    assert type(caught.value) is kind
    assert len(meta.posted) == 1


async def test_a_reply_that_could_not_leave_may_be_sent_later() -> None:
    async with serve(Meta().respond) as served:
        page = Facebook(table(), served.around, "http://127.0.0.1:1")
        with pytest.raises(ReplyDeferred):
            await page.reply(target(), "Sorry.", key="k")


async def test_a_busy_hour_does_not_keep_an_approved_reply_back(meta: Meta) -> None:
    used = {"x-app-usage": json.dumps({"call_count": 90, "total_cputime": 1, "total_time": 3})}
    meta.says |= {"100/feed": lambda _: web.json_response({"data": []}, headers=used)}
    meta.says["POST 900_70/comments"] = {"id": "900_99"}

    async with opened(meta) as page:
        await page.fetch(None)
        receipt = await page.reply(target(), "Sorry.", key="k")

    assert receipt.external_id == "900_99"


# Looking for an answer


async def find(meta: Meta, answered: Target, text: str = "Sorry, Ana. – Mia") -> Found | Absent | Unsure:
    async with opened(meta) as page:
        return await page.find_reply(answered, "k", text)


async def test_a_colleagues_answer_below_the_comment_is_found(meta: Meta) -> None:
    meta.says["900_70/comments"] = {"data": [comment(71, "On our way!", 10, OWN, below=70)]}

    look = await find(meta, target())

    assert isinstance(look, Found)
    assert look.receipt.external_id == "900_71"


async def test_our_answer_is_found_on_a_later_page(meta: Meta) -> None:
    more = {"next": "https://graph.facebook.com/v26.0/x?after=2"}
    others = {"data": [comment(80, "Same here", 20, below=70)], "paging": more}
    meta.says["900_70/comments"] = [others, {"data": [comment(71, "Sorry!", 10, OWN, below=70)]}]

    assert isinstance(await find(meta, target()), Found)


async def test_an_answer_below_a_visitors_post_is_found(meta: Meta) -> None:
    ours = comment(71, "Sorry!", 10, OWN) | {"id": "901_71"}
    meta.says["100_901/comments"] = {"data": [ours]}

    look = await find(meta, target("100_901"))

    assert isinstance(look, Found)
    assert dict(meta.asked)["100_901/comments"]["filter"] == "toplevel"


async def test_an_answer_below_a_recommendation_is_found(meta: Meta) -> None:
    meta.says["555/comments"] = {"data": [comment(71, "Sorry!", 10, OWN) | {"id": "555_71"}]}

    assert isinstance(await find(meta, target("recommendation:555")), Found)


async def test_other_peoples_answers_are_not_ours(meta: Meta) -> None:
    meta.says["900_70/comments"] = {"data": [comment(80, "Sorry, Ana. – Mia", 20, below=70)]}

    assert isinstance(await find(meta, target()), Absent)


async def test_our_words_without_a_name_count_as_our_answer(meta: Meta) -> None:
    nameless = {key: value for key, value in comment(80, "Sorry, Ana. – Mia", 20, below=70).items() if key != "from"}
    meta.says["900_70/comments"] = {"data": [nameless]}

    assert isinstance(await find(meta, target()), Found)


async def test_in_a_conversation_our_earlier_answer_is_not_to_a_later_comment(meta: Meta) -> None:
    meta.says["900_70/comments"] = {"data": [comment(71, "Sorry!", 50, OWN, below=70)]}

    assert isinstance(await find(meta, target("900_72", minutes=30, thread="900_70")), Absent)


async def test_in_a_conversation_the_same_words_are_our_answer(meta: Meta) -> None:
    meta.says["900_70/comments"] = {"data": [comment(73, "Sorry,  Ana. – Mia", 10, OWN, below=70)]}

    assert isinstance(await find(meta, target("900_72", minutes=30, thread="900_70")), Found)


async def test_in_a_conversation_other_words_of_ours_leave_it_open(meta: Meta) -> None:
    meta.says["900_70/comments"] = {"data": [comment(73, "Thanks, all!", 10, OWN, below=70)]}

    look = await find(meta, target("900_72", minutes=30, thread="900_70"))

    assert look == Unsure("We have answered in this conversation, perhaps to this comment.")


@pytest.mark.parametrize(
    "answer",
    [
        error_of(190, status=401),
        error_of(4),
        lambda _: gone(),
        lambda _: web.Response(status=502),
        lambda _: web.json_response({"data": [{"id": "unreadable"}]}),
        lambda request: web.json_response(
            {"data": [], "paging": {"next": f"https://g.example/?after={request.query.get('after', '')}1"}}
        ),
    ],
)
async def test_a_look_that_fails_proves_nothing(meta: Meta, answer: Any) -> None:
    meta.says["900_70/comments"] = answer

    assert isinstance(await find(meta, target()), Unsure)


# What became of a reply


async def status(meta: Meta, receipt: Receipt) -> Visibility:
    async with opened(meta) as page:
        return (await page.status(receipt)).visibility


async def test_a_reply_that_meta_shows_is_visible(meta: Meta) -> None:
    meta.says[""] = {"900_99": {"id": "900_99", "is_hidden": False}}

    assert await status(meta, Receipt("900_99")) is Visibility.VISIBLE


async def test_a_reply_that_is_hidden_is_not_public(meta: Meta) -> None:
    meta.says[""] = {"900_99": {"id": "900_99", "is_hidden": True}}

    assert await status(meta, Receipt("900_99")) is Visibility.REFUSED


async def test_a_reply_that_is_gone_is_not_public(meta: Meta) -> None:
    meta.says[""] = lambda _: gone()

    assert await status(meta, Receipt("900_99", at=NOW - timedelta(hours=1))) is Visibility.REFUSED


async def test_a_reply_of_a_moment_ago_may_not_be_readable_yet(meta: Meta) -> None:
    meta.says[""] = lambda _: gone()

    assert await status(meta, Receipt("900_99", at=NOW - timedelta(seconds=10))) is Visibility.PENDING


async def test_what_meta_does_not_tell_is_unknown(meta: Meta) -> None:
    meta.says[""] = {}

    assert await status(meta, Receipt("900_99")) is Visibility.UNKNOWN


# What it declares


def test_it_listens_and_answers(meta: Meta) -> None:
    around = Surroundings("page", None, lambda: NOW, Path())  # type: ignore[arg-type]
    page = CONNECTOR.build(table(), around)

    route = page.route(Post("facebook", "900_70", "Burnt."))

    assert isinstance(page, Replier)
    assert isinstance(page, Facebook)
    assert (page.traits.duplicates, page.traits.settle) == (Duplicates.LOOKUP, timedelta(minutes=5))
    assert route.kind is RouteKind.API
    assert [(limit.counter, limit.at_most) for limit in route.limits] == [(Counter.CHARACTERS, 8000)]


def test_only_whole_names_are_called() -> None:
    payload = {
        "data": [
            comment(70, "Hm", 60, {"id": "5", "name": "An"}),
            comment(71, "Anything else?", 30, OWN),
        ]
    }

    ours = addressed(parse(payload, "100", "comments", "100_900").posts)[-1]

    assert isinstance(ours, Post)
    assert ours.in_reply_to == "100_900"
