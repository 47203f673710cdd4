"""YouTube, against a server that keeps threads, replies, videos and quotas as YouTube does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.base import (
    Absent,
    Cursor,
    Found,
    Gone,
    Page,
    Post,
    Receipt,
    RouteKind,
    Surroundings,
    Target,
    Unsure,
    Visibility,
)
from connectors.errors import (
    ReplyDeferred,
    ReplyLost,
    ReplyRefused,
    ReplyTooLong,
    SourceChanged,
    SourceDenied,
    SourceLimited,
    SourceUnavailable,
)
from connectors.youtube.connector import YouTube
from connectors.youtube.interface import midnight
from connectors.youtube.parsing import Thread, called, parse, parse_replies, parse_videos, read_comments
from connectors.youtube.settings import YouTubeSettings
from tests.conftest import NOW
from tests.connectors.loopback import Web, serve

THREADS = json.loads((Path(__file__).parent / "fixtures/youtube/threads.json").read_text(encoding="utf-8"))
RECORDED = "platforms/youtube/python-youtube-testdata"
CHANNEL = "UCcrumbcrumbcrumbcrumb00"
ANSWERS = {
    "client_id": "client",
    "client_secret": {"env": "YOUTUBE_CLIENT_SECRET"},
    "refresh_token": {"env": "YOUTUBE_REFRESH_TOKEN"},
}


def refusal(status: int, reason: str) -> web.Response:
    said = {"error": {"code": status, "message": "No.", "errors": [{"domain": "youtube", "reason": reason}]}}
    return web.json_response(said, status=status)


class Tube:
    """Threads, newest first, two a page; replies, newest first, two a page; failures come once, by what was asked."""

    def __init__(self) -> None:
        self.comments: dict[str, dict[str, Any]] = {}
        self.videos: list[dict[str, Any]] = []
        self.fails: dict[str, web.Response] = {}
        self.posted: list[Any] = []
        self.hidden: set[str] = set()

    def say(self, name: str, text: str = "Hm.", at: datetime = NOW, author: str = "ana") -> None:
        """Somebody comments; a name with a dot is a reply."""
        writer = CHANNEL if author == "us" else f"UC{author}"
        said = {
            "textOriginal": text,
            "authorDisplayName": f"@{author}",
            "authorChannelId": {"value": writer},
            "publishedAt": at.isoformat(),
            "updatedAt": at.isoformat(),
        }
        parent = {"parentId": name.partition(".")[0]} if "." in name else {}
        self.comments[name] = {"id": name, "snippet": said | parent}

    def post_video(self, video: str, at: datetime) -> None:
        said = {"channelId": "UCana", "title": f"Bread &amp; {video}", "description": "", "publishedAt": at.isoformat()}
        self.videos.insert(0, {"id": {"videoId": video}, "snippet": said})

    async def respond(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            return self.fails.pop("token", None) or web.json_response({"access_token": "t", "expires_in": 3599})
        what = f"{request.method} {request.path.rsplit('/', 1)[1]}"
        if what in self.fails:
            return self.fails.pop(what)
        if request.method == "POST":
            assert request.headers["Authorization"] == "Bearer t"
            self.posted.append(await request.json())
            self.say("Ug9.new", self.posted[-1]["snippet"]["textOriginal"], author="us")
            return web.json_response(self.comments["Ug9.new"])
        assert request.headers["X-Goog-Api-Key"] == "s3cret"
        return web.json_response(self.listed(what, request.query))

    def listed(self, what: str, asked: Any) -> dict[str, Any]:
        ids = asked["id"].split(",") if "id" in asked else None
        shown = {name: each for name, each in self.comments.items() if name not in self.hidden}
        if what == "GET search":
            since = datetime.fromisoformat(asked["publishedAfter"])
            return {
                "items": [
                    each for each in self.videos if datetime.fromisoformat(each["snippet"]["publishedAt"]) >= since
                ]
            }
        if what == "GET videos":
            return {
                "items": [
                    {**each, "id": each["id"]["videoId"]}
                    for each in self.videos
                    if each["id"]["videoId"] in (ids or ())
                ]
            }
        if what == "GET comments":
            wanted = [
                each
                for name, each in shown.items()
                if (name in ids if ids else name.startswith(f"{asked['parentId']}."))
            ]
            return self.page(wanted, asked) if ids is None else {"items": wanted}
        threads = [self.thread(name) for name in shown if "." not in name and (ids is None or name in ids)]
        return self.page(threads, asked) if ids is None else {"items": threads}

    def thread(self, name: str) -> dict[str, Any]:
        replies = sum(each.startswith(f"{name}.") for each in self.comments)
        said = {"topLevelComment": self.comments[name], "videoId": "oven1234567", "totalReplyCount": replies}
        return {"id": name, "snippet": said | {"canReply": True}}

    def page(self, items: list[dict[str, Any]], asked: Any) -> dict[str, Any]:
        newest_first, start = items[::-1], int(asked.get("pageToken", "0"))
        more = {"nextPageToken": str(start + 2)} if start + 2 < len(items) else {}
        return {"items": newest_first[start : start + 2], **more}


@pytest.fixture
def tube() -> Tube:
    return Tube()


@pytest.fixture
async def town(tube: Tube) -> AsyncIterator[Web]:
    async with serve(tube.respond) as web_:
        yield web_


Open = Callable[..., YouTube]


@pytest.fixture
def open_source(town: Web, monkeypatch: pytest.MonkeyPatch) -> Open:
    for name in ("YOUTUBE_KEY", "YOUTUBE_CLIENT_SECRET", "YOUTUBE_REFRESH_TOKEN"):
        monkeypatch.setenv(name, "s3cret")

    def build(now: datetime = NOW, **options: Any) -> YouTube:
        table = {"channel": CHANNEL, "api_key": {"env": "YOUTUBE_KEY"}, **options}
        around = Surroundings("tube", town.around.session, lambda: now, Path())
        return YouTube(YouTubeSettings.model_validate(table), around, address=town.base, tokens=f"{town.base}/token")

    return build


@pytest.fixture
def source(open_source: Open) -> YouTube:
    return open_source(**ANSWERS)


async def poll(source: YouTube, cursor: Cursor | None = None) -> tuple[list[Page], Cursor | None]:
    pages = []
    while True:
        page = await source.fetch(cursor)
        pages.append(page)
        cursor = json.loads(json.dumps(page.cursor))
        if not page.more:
            return pages, cursor


def heard(pages: list[Page]) -> list[str]:
    return [post.external_id for page in pages for post in page.posts]


def calls(pages: list[Page]) -> int:
    return sum(page.calls for page in pages)


def target(external_id: str = "Ug1", thread: str = "Ug1") -> Target:
    return Target("youtube", external_id, CHANNEL, context={"thread": thread, "video": "oven1234567", "open": True})


# --- reading


def test_a_comment_is_read_with_author_edit_and_address() -> None:
    post = parse(THREADS, CHANNEL).posts[-1]

    assert (post.external_id, post.text) == ("Ugy-two", "Is the rye back?")
    assert post.author is not None
    assert (post.author.external_id, post.author.handle) == ("UCana", "@ana")
    assert post.edited_at == datetime(2026, 6, 1, 11, tzinfo=UTC)
    assert post.url == "https://www.youtube.com/watch?v=oven1234567&lc=Ugy-two"


def test_what_we_wrote_ourselves_is_ours_and_a_broken_thread_is_a_fault() -> None:
    parsed = parse(THREADS, CHANNEL)

    assert [(post.external_id, post.own) for post in parsed.posts] == [("Ugy-one", True), ("Ugy-two", False)]
    assert [fault.reason for fault in parsed.faults] == [
        "A thread cannot be read (snippet.topLevelComment.snippet.publishedAt: Field required)."
    ]


def test_recorded_threads_and_replies_are_understood(shared: Path) -> None:
    folder = shared / RECORDED / "apidata"
    threads = [
        parse(json.loads(file.read_text(encoding="utf-8")), CHANNEL)
        for file in (folder / "comment_threads").glob("*.json")
    ]
    replies = [
        read_comments(json.loads(file.read_text(encoding="utf-8")))
        for file in (folder / "comments").glob("comments_*.json")
    ]

    assert [parsed.faults for parsed in threads] == [[]] * 5
    assert [faults for _, faults in replies] == [[]] * 3
    assert all(post.text and post.author for parsed in threads for post in parsed.posts)


def test_recorded_replies_belong_to_their_thread(shared: Path) -> None:
    file = shared / RECORDED / "apidata/comments/comments_by_parent_paged_1.json"
    thread = Thread("Ugw5zYU6n9pmIgAZWvN4AaABAg", video="JE8xdDp5B8Q")

    parsed = parse_replies(json.loads(file.read_text(encoding="utf-8")), thread, CHANNEL)

    assert [post.text for post in parsed.posts] == ["this is the second reply!", "this is the third reply!"]
    assert {post.in_reply_to for post in parsed.posts} == {thread.id}


def test_recorded_searches_and_videos_are_understood(shared: Path) -> None:
    folder = shared / RECORDED / "apidata"
    searched = parse_videos(json.loads((folder / "search/search_by_mine.json").read_text(encoding="utf-8")), CHANNEL)
    shown = parse_videos(json.loads((folder / "videos/videos_info_single.json").read_text(encoding="utf-8")), CHANNEL)

    assert [post.external_id for post in searched.posts] == ["Xfrcfiho_xM", "JE8xdDp5B8Q"]
    assert (len(shown.posts), shown.faults) == (1, [])


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["items", "id", "snippet", "topLevelComment", "videoId", "publishedAt"]), inner
            )
        ),
        max_leaves=20,
    )
)
def test_whatever_comes_is_read_or_named(payload: Any) -> None:
    for read in (parse, parse_videos):
        try:
            parsed = read(payload, CHANNEL)
        except ValueError:
            continue
        assert all(isinstance(post, Post) for post in parsed.posts)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("@Ana thank you", "@ana"),
        ("\u200b@ana, thank you", "@ana"),
        ("\u00a0@ana\u00a0thanks", "@ana"),
        ("@ana\nthanks", "@ana"),
        ("thank you @ana", ""),
        ("", ""),
    ],
)
def test_a_reply_says_by_its_first_word_whom_it_is_for(text: str, name: str) -> None:
    assert called(text) == name


# --- hearing


async def test_the_first_poll_hears_the_newest_page_and_its_replies(tube: Tube, source: YouTube) -> None:
    for number in range(1, 5):
        tube.say(f"Ug{number}", at=NOW + timedelta(minutes=number))
    for number in range(3):
        tube.say(f"Ug4.{number}", at=NOW + timedelta(hours=number + 1))

    pages, _ = await poll(source)

    assert heard(pages) == ["Ug3", "Ug4", "Ug4.1", "Ug4.2", "Ug4.0"]
    assert calls(pages) == 3


async def test_later_polls_go_back_to_the_first_known_thread_without_news(tube: Tube, source: YouTube) -> None:
    tube.say("Ug1")
    _, cursor = await poll(source)
    for number in range(2, 7):
        tube.say(f"Ug{number}", at=NOW + timedelta(minutes=number))

    pages, cursor = await poll(source, cursor)
    quiet, _ = await poll(source, cursor)

    assert sorted(set(heard(pages))) == [f"Ug{number}" for number in range(1, 7)]
    assert calls(quiet) == 1


async def test_a_new_reply_below_a_known_comment_is_heard(tube: Tube, source: YouTube) -> None:
    tube.say("Ug1")
    _, cursor = await poll(source)
    tube.say("Ug1.1", "And the rye?", NOW + timedelta(minutes=1), author="ben")

    pages, _ = await poll(source, cursor)

    (reply,) = [post for page in pages for post in page.posts if post.external_id == "Ug1.1"]
    assert isinstance(reply, Post)
    assert (reply.in_reply_to, reply.url) == ("Ug1", "https://www.youtube.com/watch?v=oven1234567&lc=Ug1.1")


async def test_a_colleagues_reply_is_ours_and_answers_whom_it_names(tube: Tube, source: YouTube) -> None:
    tube.say("Ug1")
    tube.say("Ug1.1", "And the rye?", NOW + timedelta(minutes=1), author="ben")
    tube.say("Ug1.2", "@ben on Fridays", NOW + timedelta(minutes=2), author="us")

    pages, _ = await poll(source)

    (answer,) = [post for page in pages for post in page.posts if isinstance(post, Post) and post.own]
    assert (answer.external_id, answer.in_reply_to) == ("Ug1.2", "Ug1.1")


async def test_too_many_new_threads_become_a_gap(tube: Tube, source: YouTube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.youtube.connector.PAGES_BACK", 2)
    tube.say("Ug0")
    _, cursor = await poll(source)
    for number in range(1, 8):
        tube.say(f"Ug{number}", at=NOW + timedelta(minutes=number))

    pages, cursor = await poll(source, cursor)
    quiet, _ = await poll(source, cursor)

    assert heard(pages) == ["Ug6", "Ug7", "Ug4", "Ug5"]
    assert [gap.until for page in pages for gap in page.gaps] == [NOW + timedelta(minutes=4)]
    assert [gap for page in quiet for gap in page.gaps] == []


async def test_a_thread_that_is_closed_to_us_stops_no_other(tube: Tube, source: YouTube) -> None:
    for minutes, name in enumerate(("Ug1", "Ug1.1", "Ug2", "Ug2.1")):
        tube.say(name, at=NOW + timedelta(minutes=minutes))
    tube.fails["GET comments"] = refusal(403, "forbidden")

    pages, cursor = await poll(source)
    again, _ = await poll(source, cursor)

    assert heard(pages) == ["Ug1", "Ug2", "Ug1.1"]
    assert [fault.external_id for page in pages for fault in page.faults] == ["Ug2"]
    assert "Ug2.1" in heard(again)


async def test_videos_of_others_are_searched_once_an_hour(tube: Tube, open_source: Open) -> None:
    tube.post_video("bread123456", NOW - timedelta(days=1))
    pages, cursor = await poll(open_source(search="crumb"))
    soon, cursor = await poll(open_source(NOW + timedelta(minutes=59), search="crumb"), cursor)
    tube.post_video("bread654321", NOW - timedelta(minutes=5))

    later, _ = await poll(open_source(NOW + timedelta(minutes=60), search="crumb"), cursor)

    assert (heard(pages), heard(soon)) == (["bread123456"], [])
    assert set(heard(later)) == {"bread123456", "bread654321"}
    assert (calls(pages), calls(soon)) == (2, 1)


async def test_a_spent_search_quota_does_not_silence_the_comments(tube: Tube, open_source: Open) -> None:
    tube.say("Ug1")
    tube.post_video("bread123456", NOW - timedelta(days=1))
    tube.fails["GET search"] = refusal(403, "quotaExceeded")

    pages, cursor = await poll(open_source(search="crumb"))
    later, _ = await poll(open_source(NOW + timedelta(hours=1), search="crumb"), cursor)

    assert heard(pages) == ["Ug1"]
    assert "bread123456" in heard(later)


@pytest.mark.parametrize(
    ("answer", "kind", "retry_at"),
    [
        (refusal(403, "quotaExceeded"), SourceLimited, midnight(NOW)),
        (refusal(403, "rateLimitExceeded"), SourceLimited, None),
        (refusal(403, "forbidden"), SourceDenied, None),
        (refusal(400, "keyInvalid"), SourceDenied, None),
        (refusal(404, "channelNotFound"), SourceUnavailable, None),
        (web.Response(status=500), SourceUnavailable, None),
        (web.Response(status=429, headers={"Retry-After": "60"}), SourceLimited, NOW + timedelta(minutes=1)),
        (web.Response(text="<html>"), SourceChanged, None),
        (web.json_response({"items": "none"}), SourceChanged, None),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
async def test_youtube_saying_no_is_understood(
    tube: Tube, source: YouTube, answer: web.Response, kind: type[Exception], retry_at: datetime | None
) -> None:
    tube.fails["GET commentThreads"] = web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    with pytest.raises(kind) as caught:
        await source.fetch(None)

    assert getattr(caught.value, "retry_at", None) == retry_at
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [("error_response.json", 400, SourceDenied), ("apidata/error_permission_resp.json", 403, SourceDenied)],
)
async def test_recorded_refusals_are_understood(
    tube: Tube, source: YouTube, shared: Path, name: str, status: int, kind: type[Exception]
) -> None:
    said = json.loads((shared / RECORDED / name).read_text(encoding="utf-8"))
    tube.fails["GET commentThreads"] = web.json_response(said, status=status)

    with pytest.raises(kind):
        await source.fetch(None)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (datetime(2026, 6, 2, 6, 30, tzinfo=UTC), datetime(2026, 6, 2, 7, 1, tzinfo=UTC)),
        (datetime(2026, 12, 2, 9, 0, tzinfo=UTC), datetime(2026, 12, 3, 8, 1, tzinfo=UTC)),
    ],
)
def test_a_days_quota_begins_anew_at_midnight_in_california(now: datetime, then: datetime) -> None:
    assert midnight(now) == then


async def test_kept_comments_and_videos_are_read_again_with_all_they_had(tube: Tube, source: YouTube) -> None:
    for name in ("Ug1", "Ug1.1"):
        tube.say(name)
    tube.post_video("bread123456", NOW)

    standing = await source.recheck(["Ug1", "Ug1.1", "Ug2", "Ug1.9", "bread123456", "gone1234567"])

    posts = {each.external_id: each for each in standing if isinstance(each, Post)}
    assert set(posts) == {"Ug1", "Ug1.1", "bread123456"}
    assert {each.external_id for each in standing if isinstance(each, Gone)} == {"Ug2", "Ug1.9", "gone1234567"}
    assert posts["Ug1.1"].context == {"thread": "Ug1", "video": "oven1234567", "open": True}


@pytest.mark.parametrize(
    "options", [{"channel": "@crumb"}, {"client_id": "client"}, {"refresh_token": {"env": "R"}, "client_id": "client"}]
)
def test_half_a_grant_or_a_name_instead_of_an_id_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        YouTubeSettings.model_validate({"channel": CHANNEL, "api_key": {"env": "K"}, **options})


# --- answering


async def test_comments_are_answered_by_api_and_replies_by_name(tube: Tube, source: YouTube) -> None:
    tube.say("Ug1")
    tube.say("Ug1.1", author="ben")
    top, reply = await source.recheck(["Ug1", "Ug1.1"])
    assert isinstance(top, Post)
    assert isinstance(reply, Post)

    routes = source.route(top), source.route(reply)

    assert [(route.kind, route.opening) for route in routes] == [(RouteKind.API, ""), (RouteKind.API, "@ben ")]
    assert routes[0].limits[0].at_most == 10_000


def test_what_is_closed_unpermitted_or_a_video_is_answered_by_hand(source: YouTube, open_source: Open) -> None:
    closed, comment = parse(THREADS, CHANNEL).posts
    video = Post("youtube", "bread123456", "Bread", context={"video": "bread123456"})

    assert source.route(closed).kind is RouteKind.HANDOFF
    assert source.route(video).kind is RouteKind.HANDOFF
    assert open_source().route(comment).kind is RouteKind.HANDOFF


async def test_a_reply_hangs_on_its_thread(tube: Tube, source: YouTube) -> None:
    receipt = await source.reply(target("Ug1.1"), "@ben on Fridays", key="k")

    assert tube.posted == [{"snippet": {"parentId": "Ug1", "textOriginal": "@ben on Fridays"}}]
    assert (receipt.external_id, receipt.at) == ("Ug9.new", NOW)


async def test_who_may_only_read_posts_nothing(tube: Tube, open_source: Open) -> None:
    with pytest.raises(ReplyRefused):
        await open_source().reply(target(), "Sorry, Ana.", key="k")

    assert tube.posted == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(403, "commentsDisabled"), ReplyRefused),
        (refusal(403, "forbidden"), ReplyRefused),
        (refusal(403, "quotaExceeded"), ReplyDeferred),
        (refusal(404, "parentCommentNotFound"), ReplyRefused),
        (refusal(400, "commentTextTooLong"), ReplyTooLong),
        (refusal(400, "processingFailure"), ReplyLost),
        (web.Response(status=503), ReplyLost),
        (web.json_response({"kind": "youtube#comment"}), ReplyLost),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
async def test_the_fate_of_a_reply_has_a_name(
    tube: Tube, source: YouTube, answer: web.Response, kind: type[Exception]
) -> None:
    tube.fails["POST comments"] = web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    with pytest.raises(kind) as caught:
        await source.reply(target(), "Sorry, Ana.", key="k")

    assert type(caught.value) is kind
    assert tube.posted == []


async def test_a_grant_that_was_revoked_is_told_and_nothing_posted(tube: Tube, source: YouTube, shared: Path) -> None:
    said = (shared / "platforms/google/business-profile-made-by-us/error_401_invalid_grant.json").read_text()
    tube.fails["token"] = web.json_response(json.loads(said), status=400)

    with pytest.raises(ReplyRefused, match="invalid_grant"):
        await source.reply(target(), "Sorry, Ana.", key="k")

    assert tube.posted == []


async def test_our_reply_is_found_wherever_it_stands_in_the_thread(tube: Tube, source: YouTube) -> None:
    tube.say("Ug1")
    tube.say("Ug1.1", "Sorry, Ana.", NOW + timedelta(minutes=1), author="us")
    for number in range(2, 7):
        tube.say(f"Ug1.{number}", at=NOW + timedelta(minutes=number), author="ben")

    found = await source.find_reply(target(), "k", "Sorry, Ana.")

    assert isinstance(found, Found)
    assert found.receipt.external_id == "Ug1.1"


async def test_an_answer_to_somebody_else_in_the_thread_is_none(tube: Tube, source: YouTube) -> None:
    tube.say("Ug1")
    tube.say("Ug1.1", "And the rye?", NOW + timedelta(minutes=1), author="ben")
    tube.say("Ug1.2", "@ben on Fridays", NOW + timedelta(minutes=2), author="us")

    to_ana, to_ben = [await source.find_reply(target(name), "k", "Sorry.") for name in ("Ug1", "Ug1.1")]

    assert isinstance(to_ana, Absent)
    assert isinstance(to_ben, Found)


async def test_a_thread_that_is_gone_holds_no_reply(tube: Tube, source: YouTube) -> None:
    tube.fails["GET comments"] = refusal(404, "commentNotFound")

    assert isinstance(await source.find_reply(target(), "k", "Sorry."), Absent)


async def test_a_thread_too_long_to_look_through_proves_nothing(tube: Tube, source: YouTube) -> None:
    for number in range(12):
        tube.say(f"Ug1.{number}", author="ben")

    assert isinstance(await source.find_reply(target(), "k", "Sorry."), Unsure)


async def test_an_answer_that_does_not_come_proves_nothing(tube: Tube, source: YouTube) -> None:
    tube.fails["GET comments"] = web.Response(status=500)

    assert isinstance(await source.find_reply(target(), "k", "Sorry."), Unsure)


@pytest.mark.parametrize(
    ("is_hidden", "sent", "visibility"),
    [
        (False, NOW, Visibility.VISIBLE),
        (True, NOW - timedelta(hours=1), Visibility.PENDING),
        (True, NOW - timedelta(days=2), Visibility.REFUSED),
    ],
)
async def test_a_reply_is_public_when_everybody_sees_it(
    tube: Tube, source: YouTube, is_hidden: bool, sent: datetime, visibility: Visibility
) -> None:
    tube.say("Ug1.1", author="us")
    tube.hidden = {"Ug1.1"} if is_hidden else set()

    assert (await source.status(Receipt("Ug1.1", at=sent))).visibility is visibility
