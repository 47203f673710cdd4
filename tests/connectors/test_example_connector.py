"""The example plug-in installs, is found, and works against a forum on this machine."""

from __future__ import annotations

import ast
import importlib
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connectors.base import Absent, Connector, Found, Gone, Post, RouteKind, Status, Target, Unsure, Visibility
from connectors.errors import ReplyDeferred, ReplyLost, ReplyRefused, SourceChanged, SourceDenied
from connectors.registry import installed
from tests.connectors.loopback import Web, serve

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "connector"


class Forum:
    """A small Discourse: public posts by number, replies, and one thing that goes wrong."""

    def __init__(self) -> None:
        self.posts: dict[int, dict[str, Any]] = {}
        self.received = 0
        self.wrong: tuple[int, str] | None = None

    def add(self, number: int, username: str = "ana", replies_to: int | None = None) -> dict[str, Any]:
        post = {
            "id": number,
            "username": username,
            "cooked": f"<p>@crumb post {number}</p>",
            "created_at": "2026-06-02T09:00:00.000Z",
            "topic_id": 7,
            "post_number": number,
            "reply_to_post_number": replies_to,
        }
        self.posts[number] = post
        return post

    async def respond(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Api-Key") != "s3cret":
            return web.json_response({"errors": ["no"]}, status=403)
        if request.method == "POST":
            return await self._publish(request)
        if self.wrong is not None:
            return web.Response(status=self.wrong[0], text=self.wrong[1])
        match request.path.strip("/").removesuffix(".json").split("/"):
            case ["posts"]:
                return self._window(int(request.query.get("before", 0)) or max(self.posts, default=0))
            case ["posts", number, "replies"]:
                return web.json_response(
                    [post for post in self.posts.values() if post["reply_to_post_number"] == int(number)]
                )
            case ["posts", number] if int(number) in self.posts:
                return web.json_response(self.posts[int(number)])
        return web.json_response({"errors": ["not found"]}, status=404)

    def _window(self, last: int) -> web.Response:
        numbers = [number for number in sorted(self.posts, reverse=True) if last - 50 < number <= last]
        return web.json_response({"latest_posts": [self.posts[number] for number in numbers]})

    async def _publish(self, request: web.Request) -> web.StreamResponse:
        self.received += 1
        if self.wrong is not None:
            return web.Response(status=self.wrong[0], text=self.wrong[1])
        said = await request.json()
        return web.json_response(self.add(max(self.posts) + 1, "crumb", said["reply_to_post_number"]))


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the example was installed, as a newcomer would do it."""
    source, target = (tmp_path_factory.mktemp(name) for name in ("source", "target"))
    shutil.copytree(EXAMPLE, source, dirs_exist_ok=True)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", target, source], check=True)
    return target


@pytest.fixture
def forum() -> Forum:
    return Forum()


@pytest.fixture
async def web_forum(forum: Forum) -> AsyncIterator[Web]:
    async with serve(forum.respond) as found:
        yield found


@pytest.fixture
def discourse(plugin: Path, web_forum: Web, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The connector, built by the registry from what is installed."""
    monkeypatch.syspath_prepend(plugin)
    importlib.invalidate_caches()
    monkeypatch.setenv("FORUM_KEY", "s3cret")
    options = {"server": web_forum.base, "user": "crumb", "api_key": {"env": "FORUM_KEY"}}
    return installed().build("discourse", options, web_forum.around)


def target(post: Post) -> Target:
    return Target(post.platform, post.external_id, post.account, post.url, post.author, post.context)


async def first(discourse: Connector) -> Post:
    [post] = (await discourse.fetch(None)).posts
    assert isinstance(post, Post)
    return post


def test_the_registry_finds_the_plugin(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(plugin)

    connectors = installed()

    assert "discourse" in connectors
    assert connectors.fault("discourse") == ""
    assert connectors.summary("discourse") == "Hears the public posts of a Discourse forum, and answers there."


def test_a_plugin_needs_nothing_of_ours_but_the_connectors() -> None:
    tree = ast.parse((EXAMPLE / "warmline_discourse.py").read_text(encoding="utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}

    ours = {
        name for name in names if name.split(".")[0] in {"config", "storage", "connectors", "responders", "listener"}
    }

    assert [name for name in ours if not name.startswith("connectors.")] == []


def test_the_examples_own_tests_pass(plugin: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "tests"],
        cwd=EXAMPLE,
        env={"PYTHONPATH": f"{plugin}:{EXAMPLE.parents[1]}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


async def test_every_post_is_heard_once_and_in_order_over_windows_without_any(forum: Forum, discourse: Any) -> None:
    forum.add(1)
    cursor = (await discourse.fetch(None)).cursor
    numbers = [2, 3, 51, 52, 200, 349]
    for number in numbers:
        forum.add(number)

    heard, more = [], True
    while more:
        page = await discourse.fetch(cursor)
        heard += [int(post.external_id) for post in page.posts]
        cursor, more = page.cursor, page.more

    assert heard == numbers


async def test_the_same_cursor_gives_the_same_posts(forum: Forum, discourse: Any) -> None:
    forum.add(1)
    cursor = (await discourse.fetch(None)).cursor
    forum.add(2)

    assert await discourse.fetch(cursor) == await discourse.fetch(cursor)


async def test_an_approved_reply_stands_below_its_post_and_is_found_there(forum: Forum, discourse: Any) -> None:
    forum.add(42)
    post = await first(discourse)
    before = await discourse.find_reply(target(post), "k-1", "Sorry!")

    receipt = await discourse.reply(target(post), "Sorry!", key="k-1")
    after = await discourse.find_reply(target(post), "k-1", "Sorry!")

    assert discourse.route(post).kind is RouteKind.API
    assert forum.posts[43]["reply_to_post_number"] == 42
    assert (before, after) == (Absent(), Found(receipt))
    assert await discourse.status(receipt) == Status(Visibility.VISIBLE)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, "slow down", ReplyDeferred),
        (403, "no", ReplyRefused),
        (422, "Body is too short", ReplyRefused),
        (422, "Body is too similar to what you recently posted", ReplyLost),
        (502, "bad gateway", ReplyLost),
        (200, "<html>", ReplyLost),
        (200, '{"action": "enqueued"}', ReplyLost),
    ],
)
async def test_a_reply_leaves_once_and_is_judged_by_what_may_be_public(
    forum: Forum, discourse: Any, status: int, body: str, expected: type[Exception]
) -> None:
    forum.add(42)
    post = await first(discourse)
    forum.wrong = status, body

    with pytest.raises(expected):
        await discourse.reply(target(post), "Sorry!", key="k-1")

    assert forum.received == 1


async def test_edits_and_deletions_are_noticed(forum: Forum, discourse: Any) -> None:
    forum.add(41)
    forum.add(42)["deleted_at"] = "2026-06-02T10:00:00.000Z"

    kept, *gone = await discourse.recheck(["41", "42", "43"])

    assert isinstance(kept, Post)
    assert gone == [Gone("discourse", "42"), Gone("discourse", "43")]


async def test_what_the_forum_says_otherwise_is_one_of_the_four_source_errors(
    forum: Forum, discourse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    forum.add(42)
    post = await first(discourse)
    forum.wrong = 200, '{"latest_posts": 7}'
    with pytest.raises(SourceChanged):
        await discourse.fetch(None)
    assert isinstance(await discourse.find_reply(target(post), "k-1", "Sorry!"), Unsure)

    monkeypatch.setitem(discourse._credentials, "Api-Key", "wrong")
    with pytest.raises(SourceDenied):
        await discourse.fetch(None)
