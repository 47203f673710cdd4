"""An Instagram account, against a real HTTP server that answers as Meta does; what it shares with Facebook is tested there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

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
    SourceDenied,
    SourceLimited,
)
from connectors.instagram import CONNECTOR, LIMITS, Instagram, InstagramSettings, parse
from connectors.lengths import Counter
from tests.conftest import NOW
from tests.connectors.loopback import HASTY, serve

FIXTURES = Path(__file__).with_name("fixtures") / "instagram"
RECORDED = "platforms/meta/python-facebook-testdata/instagram/apidata"


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def reply(number: int, text: str, minutes: float, handle: str = "crumbandco") -> dict[str, Any]:
    """An answer below comment 170, written so many minutes before now."""
    return {
        "id": str(number),
        "text": text,
        "timestamp": (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "username": handle,
        "hidden": False,
        "parent_id": "170",
    }


def error(code: int, message: str = "", status: int = 400, subcode: int = 0) -> web.Response:
    said = {"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode}
    return web.json_response({"error": said}, status=status)


class Meta:
    """What the server says by path; what is not set is an empty list."""

    def __init__(self) -> None:
        self.says: dict[str, Any] = {"9001": {"id": "9001", "username": "crumbandco"}}
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
        if callable(said):
            result: web.StreamResponse | Awaitable[web.StreamResponse] = said(request)
            return await result if isinstance(result, Awaitable) else result
        return web.json_response(said)


@pytest.fixture
def meta() -> Meta:
    return Meta()


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_TOKEN", "EAAtoken")


def table(**options: Any) -> InstagramSettings:
    return InstagramSettings.model_validate({"account": "9001", "token": {"env": "INSTAGRAM_TOKEN"}} | options)


@asynccontextmanager
async def opened(meta: Meta, **more: Any) -> AsyncIterator[Instagram]:
    async with serve(meta.respond, **more) as served:
        yield Instagram(table(), served.around, served.base)


async def round_of(account: Instagram, cursor: Any = None) -> tuple[list[Post | Gone], Page]:
    posts: list[Post | Gone] = []
    while True:
        answer = await account.fetch(cursor)
        posts += answer.posts
        cursor = json.loads(json.dumps(answer.cursor))
        if not answer.more:
            return posts, answer


def texts(posts: Any) -> list[str]:
    return [each.text for each in posts if isinstance(each, Post)]


def target(external_id: str = "170", minutes: float = 100, **context: Any) -> Target:
    at = (NOW - timedelta(minutes=minutes)).timestamp()
    url = "https://www.instagram.com/p/RYE/"
    return Target("instagram", external_id, "@crumbandco", url, context={"at": at} | context)


def read(name: str, edge: str) -> list[Post | Gone]:
    return list(parse(recorded(name), "9001", "@crumbandco", edge, "1800", "https://www.instagram.com/p/RYE/").posts)


# What a list says


def test_comments_and_the_answers_below_them_come_oldest_first() -> None:
    posts = read("comments", "comments")

    assert texts(posts) == ["Do you have rye on Sundays?", "I wonder, too", "And spelt?", "@ana.bakes Yes, from eight."]
    assert Gone("instagram", "174", "hidden on the account") in posts


def test_a_comment_is_spoken_to_us_and_leads_to_its_picture() -> None:
    first = next(each for each in read("comments", "comments") if isinstance(each, Post))

    assert first.author is not None
    assert (first.author.handle, first.author.url) == ("ana.bakes", "https://www.instagram.com/ana.bakes/")
    assert (first.summons, first.own, first.in_reply_to) == (True, False, "1800")
    assert (first.url, first.account) == ("https://www.instagram.com/p/RYE/", "@crumbandco")


def test_our_own_answer_is_to_the_newest_comment_of_whom_it_names() -> None:
    ours = read("comments", "comments")[-1]

    assert isinstance(ours, Post)
    assert (ours.own, ours.in_reply_to) == (True, "172")


def test_we_are_known_by_our_name_where_no_id_is_told() -> None:
    (ours,) = parse({"data": [reply(173, "Yes!", 5, "CrumbAndCo")]}, "9001", "@crumbandco", "replies", "170").posts

    assert isinstance(ours, Post)
    assert (ours.own, ours.in_reply_to) == (True, "170")


def test_a_conversation_longer_than_a_page_shows_is_read_on_its_own() -> None:
    talks = parse(recorded("comments"), "9001", "@crumbandco", "comments", "1800").talks

    assert [(talk.edge, talk.node, talk.stamp) for talk in talks] == [("replies", "170", "")]


def test_a_picture_that_tags_us_is_heard_if_it_has_words_and_answered_by_hand() -> None:
    (tagged,) = read("tags", "tags")
    assert isinstance(tagged, Post)

    route = Instagram.route(None, tagged)  # type: ignore[arg-type]

    assert (tagged.external_id, tagged.text) == ("tagged:2900", "Sunday with @crumbandco")
    assert (route.kind, tagged.url) == (RouteKind.HANDOFF, "https://www.instagram.com/p/SUN/")


def test_in_a_conversation_a_reply_begins_with_the_name_of_whom_it_answers() -> None:
    first, nested, *_ = [each for each in read("comments", "comments") if isinstance(each, Post)]

    routes = [Instagram.route(None, each) for each in (first, nested)]  # type: ignore[arg-type]

    assert [(route.kind, route.opening) for route in routes] == [(RouteKind.API, ""), (RouteKind.API, "@ben ")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*reply(1, "x", 1), "replies", "data", "media", "from"]), inner)
    ),
    max_leaves=20,
)


@given(st.lists(JSON, max_size=5), st.sampled_from(["media", "comments", "replies", "tags", ""]))
@settings(max_examples=200, deadline=None)
def test_whatever_items_a_list_holds_it_can_be_read(items: list[Any], edge: str) -> None:
    parsed = parse({"data": items}, "9001", "@crumbandco", edge, "1800")

    assert all(each.external_id for each in parsed.posts)


def test_recorded_comments_can_be_read(shared: Path) -> None:
    nodes = json.loads((shared / RECORDED / "comments/comments_fields.json").read_text(encoding="utf-8"))

    posts = parse({"data": list(nodes.values())}, "17841406338772941", "@ikroskun").posts

    assert texts(posts) == ["@ikroskun Hey, guys", "Beautiful!"]
    assert [each.own for each in posts if isinstance(each, Post)] == [True, False]


def test_a_recorded_answer_names_whom_it_is_to(shared: Path) -> None:
    answers = json.loads((shared / RECORDED / "comments/replies.json").read_text(encoding="utf-8"))

    (answer,) = parse(answers, "1", "@x", "replies", "17858154961981086").posts

    assert isinstance(answer, Post)
    assert (answer.text, answer.in_reply_to) == ("@lixiangguodu123 nihao", "17858154961981086")


def test_recorded_media_lead_to_their_comments(shared: Path) -> None:
    media = json.loads((shared / RECORDED / "users/medias_p1.json").read_text(encoding="utf-8"))

    parsed = parse(media, "17841406338772941", "@ikroskun", "media")

    assert [(talk.node, talk.stamp) for talk in parsed.talks] == [
        ("17895731045244887", "comments 0"),
        ("17896622936197745", "comments 6"),
    ]


# How the lists are walked


async def test_a_round_hears_comments_longer_conversations_and_tags(meta: Meta) -> None:
    meta.says |= {
        "9001/media": recorded("media"),
        "9001/tags": recorded("tags"),
        "1800/comments": recorded("comments"),
        "170/replies": {"data": [reply(175, "Me too!", 30, "cho")]},
    }

    async with opened(meta) as account:
        posts, last = await round_of(account)

    assert {"Do you have rye on Sundays?", "Me too!", "Sunday with @crumbandco"} <= set(texts(posts))
    assert (last.more, len(last.posts) <= 100) == (False, True)


async def test_a_picture_whose_comments_did_not_change_is_not_read_again(meta: Meta) -> None:
    meta.says |= {"9001/media": recorded("media")}

    async with opened(meta) as account:
        _, last = await round_of(account)
        meta.asked.clear()
        await round_of(account, json.loads(json.dumps(last.cursor)))

    assert [path for path, _ in meta.asked] == ["9001/media", "9001/tags"]


async def test_a_missing_permission_is_named_in_words(meta: Meta) -> None:
    meta.says["9001/media"] = lambda _: error(10, "requires instagram_manage_comments", status=403)

    async with opened(meta) as account:
        with pytest.raises(SourceDenied, match="instagram_manage_comments"):
            await account.fetch(None)


async def test_instagrams_own_limit_is_known(meta: Meta) -> None:
    meta.says["9001/media"] = lambda _: error(80002)

    async with opened(meta) as account:
        with pytest.raises(SourceLimited):
            await account.fetch(None)


# Posts that changed or went away


async def test_kept_comments_are_read_again_with_the_addresses_of_their_pictures(meta: Meta) -> None:
    nodes = {"170": reply(170, "Rye on Sundays, please?", 60, "ana.bakes") | {"parent_id": "", "media": {"id": "1800"}}}
    picture = {"1800": {"id": "1800", "permalink": "https://www.instagram.com/p/RYE/"}}
    meta.says[""] = lambda request: web.json_response(picture if "permalink" in request.query["fields"] else nodes)

    async with opened(meta) as account:
        (post,) = await account.recheck(["170", "tagged:2900"])

    assert isinstance(post, Post)
    assert (post.text, post.url, post.in_reply_to) == (
        "Rye on Sundays, please?",
        "https://www.instagram.com/p/RYE/",
        "1800",
    )


async def test_a_deleted_comment_is_gone(meta: Meta) -> None:
    meta.says[""] = lambda _: error(100, "does not exist", subcode=33)

    async with opened(meta) as account:
        standing = await account.recheck(["170"])

    assert standing == [Gone("instagram", "170")]


# Answering


async def test_a_reply_is_one_post_below_the_comment(meta: Meta) -> None:
    meta.says["POST 170/replies"] = {"id": "199"}

    async with opened(meta) as account:
        receipt = await account.reply(target(), "Yes, from eight. – Mia", key="k")

    assert meta.posted == [{"to": "170/replies", "message": "Yes, from eight. – Mia"}]
    assert (receipt.external_id, receipt.url) == ("199", "https://www.instagram.com/p/RYE/")


async def test_an_answer_within_a_conversation_stands_below_its_first_comment(meta: Meta) -> None:
    meta.says["POST 170/replies"] = {"id": "199"}

    async with opened(meta) as account:
        await account.reply(target("172", thread="170"), "@ana.bakes Spelt, too.", key="k")

    assert [sent["to"] for sent in meta.posted] == ["170/replies"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("x" * 301, ReplyTooLong),
        ("Thanks #a #b #c #d #e", ReplyRefused),
        ("See https://crumb.example and www.crumb.example", ReplyRefused),
    ],
)
async def test_what_instagram_would_refuse_is_not_sent(meta: Meta, text: str, kind: type[ReplyError]) -> None:
    async with opened(meta) as account:
        with pytest.raises(ReplyError) as caught:
            await account.reply(target(), text, key="k")

    assert type(caught.value) is kind
    assert caught.value.do
    assert meta.posted == []


@pytest.mark.parametrize("text", ["x" * 300, "Thanks #a #b #c #d", "See https://crumb.example/a#b", "Item no.#1"])
async def test_what_instagram_takes_is_sent(meta: Meta, text: str) -> None:
    meta.says["POST 170/replies"] = {"id": "199"}

    async with opened(meta) as account:
        await account.reply(target(), text, key="k")

    assert len(meta.posted) == 1


def dropped(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda _: error(80002), ReplyDeferred),
        (lambda _: error(100, "does not exist", subcode=33), ReplyRefused),
        (lambda _: error(10, "hidden comments cannot be replied to"), ReplyRefused),
        (lambda _: error(2, status=500), ReplyLost),
        (lambda _: web.Response(text="<html>"), ReplyLost),
        (dropped, ReplyLost),
    ],
)
async def test_whatever_meta_says_one_request_leaves(meta: Meta, answer: Any, kind: type[ReplyError]) -> None:
    meta.says["POST 170/replies"] = answer

    async with opened(meta, patience=HASTY) as account:
        with pytest.raises(ReplyError) as caught:
            await account.reply(target(), "Yes.", key="k")

    assert type(caught.value) is kind
    assert len(meta.posted) == 1


async def find(meta: Meta, answered: Target, text: str = "Yes, from eight. – Mia") -> Found | Absent | Unsure:
    async with opened(meta) as account:
        return await account.find_reply(answered, "k", text)


async def test_our_answer_below_the_comment_is_found(meta: Meta) -> None:
    meta.says["170/replies"] = {"data": [reply(171, "Me too", 50, "ben"), reply(199, "Of course!", 40)]}

    look = await find(meta, target())

    assert isinstance(look, Found)
    assert look.receipt.external_id == "199"


async def test_no_answer_of_ours_is_absent(meta: Meta) -> None:
    meta.says["170/replies"] = {"data": [reply(171, "Me too", 50, "ben")]}

    assert await find(meta, target()) == Absent()


async def test_in_a_conversation_an_answer_that_names_the_author_is_found(meta: Meta) -> None:
    nested = reply(172, "And spelt?", 60, "ana.bakes")
    meta.says["170/replies"] = {"data": [nested, reply(199, "@ana.bakes Spelt, too!", 40)]}

    assert isinstance(await find(meta, target("172", minutes=60, thread="170")), Found)


async def test_in_a_conversation_an_answer_to_somebody_else_leaves_it_open(meta: Meta) -> None:
    meta.says["170/replies"] = {"data": [reply(171, "Me too", 70, "ben"), reply(199, "@ben Yes!", 40)]}

    assert isinstance(await find(meta, target("172", minutes=60, thread="170")), Unsure)


@pytest.mark.parametrize(
    ("said", "visibility"),
    [
        ({"199": {"id": "199", "hidden": False}}, Visibility.VISIBLE),
        ({"199": {"id": "199", "hidden": True}}, Visibility.REFUSED),
        (lambda _: error(100, "does not exist", subcode=33), Visibility.REFUSED),
    ],
)
async def test_a_reply_is_read_back(meta: Meta, said: Any, visibility: Visibility) -> None:
    meta.says[""] = said

    async with opened(meta) as account:
        found = await account.status(Receipt("199", at=NOW - timedelta(hours=1)))

    assert found.visibility is visibility


def test_it_listens_and_answers() -> None:
    around = Surroundings("insta", None, lambda: NOW, Path())  # type: ignore[arg-type]
    account = CONNECTOR.build(table(), around)

    assert isinstance(account, Replier)
    assert isinstance(account, Instagram)
    assert account.traits.duplicates is Duplicates.LOOKUP
    assert [(limit.counter, limit.at_most) for limit in LIMITS] == [(Counter.CHARACTERS, 300)]
