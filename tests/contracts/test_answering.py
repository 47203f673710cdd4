"""What every connector that answers promises: one publishing request at most, and no claim that it cannot prove."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from connectors.base import (
    Absent,
    Connector,
    Duplicates,
    Found,
    Post,
    Receipt,
    Replier,
    Route,
    RouteKind,
    Status,
    Surroundings,
    Target,
    Unsure,
)
from connectors.errors import ReplyDeferred, ReplyError, ReplyLost, SourceError
from connectors.http import TIMEOUT
from connectors.lengths import length
from tests.conftest import NOW
from tests.contracts.discovery import ENTRIES, SECRET, build, every_connector
from tests.contracts.test_hearing import TROUBLE, every_asker, walk
from tests.contracts.worlds import FILES

OpenWorld = Callable[..., Any]
LONGEST_REQUEST = timedelta(seconds=TIMEOUT.total or 0)


async def answerable(connector: Connector) -> Post | None:
    """A post of somebody else that the connector says may be answered by API; None where it answers none."""
    posts = [each for _, page in await walk(connector) for each in page.posts if isinstance(each, Post)]
    return next((post for post in posts if not post.own and connector.route(post).kind is RouteKind.API), None)


def target_of(post: Post) -> Target:
    return Target(post.platform, post.external_id, post.account, post.url, post.author, post.context)


def words(route: Route) -> str:
    return f"{route.opening}Thank you for telling us."


@every_connector
async def test_who_answers_declares_how_a_double_is_prevented_and_when_a_look_proves_something(
    entry: EntryPoint, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = build(entry, surroundings, monkeypatch)

    traits = connector.traits

    if isinstance(connector, Replier):
        assert traits.duplicates in Duplicates
        assert traits.settle > LONGEST_REQUEST or entry.name in FILES  # a file takes no time
    await connector.close()


@every_asker
async def test_who_says_api_answers_and_who_answers_says_api(entry: EntryPoint, open_world: OpenWorld) -> None:
    async with open_world(entry) as (connector, _):
        post = await answerable(connector)

        assert isinstance(connector, Replier) == (post is not None)
        if post is not None:
            route = connector.route(post)
            assert route.limits or entry.name in {"mastodon", "trustpilot"}  # the server, or nobody, tells a limit
            assert all(length(words(route), limit.counter) <= limit.at_most for limit in route.limits)


@every_asker
@pytest.mark.parametrize("trouble", TROUBLE)
async def test_looking_for_a_reply_in_trouble_proves_nothing(
    entry: EntryPoint, trouble: str, open_world: OpenWorld
) -> None:
    async with open_world(entry) as (connector, world):
        post = await answerable(connector)
        if not isinstance(connector, Replier) or post is None:
            return
        world.says = TROUBLE[trouble][0]

        found = await connector.find_reply(target_of(post), "key-1", "Thank you.")

    assert isinstance(found, Unsure)
    assert found.reason.strip()
    assert SECRET not in found.reason


@every_asker
async def test_looking_for_a_reply_finds_it_or_not_or_is_unsure(entry: EntryPoint, open_world: OpenWorld) -> None:
    async with open_world(entry) as (connector, _):
        post = await answerable(connector)
        if not isinstance(connector, Replier) or post is None:
            return

        found = await connector.find_reply(target_of(post), "key-1", "Thank you.")

    assert isinstance(found, Found | Absent | Unsure)


@every_asker
@pytest.mark.parametrize("trouble", TROUBLE)
async def test_a_reply_in_trouble_leaves_once_and_is_lost_where_it_may_be_public(
    entry: EntryPoint, trouble: str, open_world: OpenWorld
) -> None:
    async with open_world(entry) as (connector, world):
        post = await answerable(connector)
        if not isinstance(connector, Replier) or post is None:
            return
        world.asked.clear()
        world.says, world.says_to = TROUBLE[trouble][0], ("POST", "PUT")

        with pytest.raises(ReplyError) as caught:
            await connector.reply(target_of(post), words(connector.route(post)), key="key-1")

    sent = [asked for asked in world.asked if not asked.startswith("GET")]
    assert len(sent) == 1
    assert SECRET not in f"{caught.value} {caught.value!r}"
    if trouble.startswith("429"):
        assert isinstance(caught.value, ReplyDeferred)
    if trouble[0] in "25h":  # taken in whatever form, a fault behind the door, a connection that ended
        assert isinstance(caught.value, ReplyLost)


@every_asker
async def test_a_published_reply_is_asked_after_in_our_own_words(entry: EntryPoint, open_world: OpenWorld) -> None:
    async with open_world(entry) as (connector, _):
        post = await answerable(connector)
        if not isinstance(connector, Replier) or post is None:
            return
        try:
            status = await connector.status(Receipt(post.external_id, post.url, NOW))
        except SourceError:  # this world keeps no replies
            return

    assert isinstance(status, Status)


def test_somebody_answers() -> None:
    assert {"bluesky", "mastodon", "trustpilot", "x"} <= {entry.name for entry in ENTRIES}
