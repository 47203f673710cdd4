"""Bluesky against its own reference servers: the personal data server, the network's view, and a Jetstream."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Absent, Found, Gone, Page, Post, Surroundings, Target, Visibility
from connectors.bluesky import CONNECTOR
from connectors.bluesky.connector import BlueskyConnector
from connectors.bluesky.streaming import StreamingBluesky
from connectors.errors import ReplyRefused, ReplyTooLong, SourceDenied
from connectors.http import open_session
from tests.servers import SERVERS, free_port, start_server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

#: How often, and how long in all, the network is asked until it shows what was written.
PAUSE, PATIENCE = 0.2, 30.0


@pytest.fixture(scope="module")
def network(shared: Path) -> Iterator[dict[str, Any]]:
    """The servers with the accounts bakery, alice and bob."""
    with start_server("atproto") as ready:
        yield ready


@pytest.fixture(scope="module")
def jetstream(network: dict[str, Any]) -> Iterator[str]:
    """The address of a Jetstream that hears the network."""
    port = str(free_port())
    firehose = network["firehose"].partition("/xrpc")[0] + "/xrpc"
    process = subprocess.Popen([sys.executable, SERVERS / "atproto/jetstream.py", firehose, port])
    yield f"ws://127.0.0.1:{port}"
    process.kill()  # it waits for its listeners otherwise, and keeps nothing
    process.wait()


Open = Callable[..., BlueskyConnector]


@pytest.fixture
async def open_source(network: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Opens connectors to the bakery's account that are closed after the test."""
    opened: list[BlueskyConnector] = []
    async with open_session(["127.0.0.1"]) as session:

        def build(password: str = "", **options: Any) -> BlueskyConnector:
            monkeypatch.setenv("BLUESKY_PASSWORD", password or network["accounts"][0]["password"])
            table = {"handle": "bakery.test", "app_password": {"env": "BLUESKY_PASSWORD"}, "server": network["pds"]}
            around = Surroundings("sky", session, lambda: datetime.now(UTC), Path.cwd())
            source = CONNECTOR.build(CONNECTOR.settings.model_validate(table | options), around)
            assert isinstance(source, BlueskyConnector)
            opened.append(source)
            return source

        yield build
        for source in opened:
            await source.close()


@pytest.fixture
async def alice(network: dict[str, Any]) -> AsyncIterator[Any]:
    """A customer at her own client."""
    from atproto import AsyncClient

    client = AsyncClient(network["pds"])
    await client.login("alice.test", network["accounts"][1]["password"])
    yield client
    await client.request.close()


async def mention(alice: Any, network: dict[str, Any], text: str) -> Any:
    from atproto import client_utils

    builder = client_utils.TextBuilder().mention("@bakery.test", network["accounts"][0]["did"]).text(f" {text}")
    return await alice.send_post(builder)


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    """What `look` finds once the network has caught up."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await look()):  # noqa: ASYNC110 – another program's progress can only be asked for
            await asyncio.sleep(PAUSE)
    return found


async def heard(source: BlueskyConnector, address: str) -> Post:
    """The post at `address`, once a poll brings it."""

    async def look() -> Any:
        cursor, more = None, True
        while more:
            page = await source.fetch(cursor)
            for post in page.posts:
                if post.external_id == address:
                    return post
            cursor, more = page.cursor, page.more
        return None

    found = await until(look)
    assert isinstance(found, Post)
    return found


async def streamed(pages: AsyncIterator[Page], address: str) -> Post | Gone:
    """What the stream tells next of the post at `address`; it also tells of what the other tests wrote."""
    async for page in pages:
        for post in page.posts:
            if post.external_id == address:
                return post
    raise AssertionError("the stream ended")


def target(post: Post) -> Target:
    return Target(post.platform, post.external_id, post.account, post.url, post.author, post.context)


async def test_a_mention_is_answered_once_and_its_deletion_is_noticed(
    network: dict[str, Any], open_source: Open, alice: Any
) -> None:
    source = open_source()
    written = await mention(alice, network, "my loaf was burnt 😞")
    post = await heard(source, written.uri)
    wanted = target(post)
    assert (post.summons, post.own, post.author.handle if post.author else "") == (True, False, "alice.test")
    assert await source.find_reply(wanted, "k-1", "Sorry!") == Absent()

    first = await source.reply(wanted, "So sorry 😞 @alice.test, see https://crumb.example #bread", key="k-1")
    again = await source.reply(wanted, "Another text", key="k-1")

    assert again.external_id == first.external_id
    own = await alice.app.bsky.feed.post.list(network["accounts"][0]["did"])
    answers = [record for record in own.records.values() if record.reply and record.reply.parent.uri == written.uri]
    assert [answer.text for answer in answers] == ["So sorry 😞 @alice.test, see https://crumb.example #bread"]
    assert len(answers[0].facets) == 3
    look = await source.find_reply(wanted, "k-1", "")
    assert isinstance(look, Found)
    assert look.receipt.external_id == first.external_id

    async def is_visible() -> bool:
        return (await source.status(first)).visibility is Visibility.VISIBLE

    assert await until(is_visible)
    assert isinstance(await source.find_reply(wanted, "another key", ""), Found)  # seen under the post

    await alice.delete_post(written.uri)

    async def is_gone() -> bool:
        return await source.recheck([written.uri]) == [Gone("bluesky", written.uri, "deleted or hidden from us")]

    assert await until(is_gone)
    with pytest.raises(ReplyRefused, match="gone"):
        await source.reply(wanted, "Too late", key="k-2")
    assert await source.find_reply(wanted, "k-2", "") == Absent()


async def test_a_reply_in_a_thread_keeps_the_root_and_a_deleted_reply_is_said(
    network: dict[str, Any], open_source: Open, alice: Any
) -> None:
    from atproto import models

    source = open_source()
    root = await alice.send_post("a thread about buns")
    ref = models.ComAtprotoRepoStrongRef.Main(uri=root.uri, cid=root.cid)
    facet = models.AppBskyRichtextFacet.Main(
        index=models.AppBskyRichtextFacet.ByteSlice(byte_start=0, byte_end=12),
        features=[models.AppBskyRichtextFacet.Mention(did=network["accounts"][0]["did"])],
    )
    reply = models.AppBskyFeedPost.ReplyRef(parent=ref, root=ref)
    written = await alice.send_post("@bakery.test any left?", reply_to=reply, facets=[facet])
    wanted = target(await heard(source, written.uri))

    receipt = await source.reply(wanted, "Two!", key="k-1")

    did, rkey = receipt.external_id.split("/")[2], receipt.external_id.rpartition("/")[2]
    record = (await alice.app.bsky.feed.post.get(did, rkey)).value
    assert (record.reply.root.uri, record.reply.parent.uri) == (root.uri, written.uri)

    await source._server._client.com.atproto.repo.delete_record(  # type: ignore[union-attr]
        {"repo": did, "collection": "app.bsky.feed.post", "rkey": rkey}
    )

    async def is_refused() -> bool:
        return (await source.status(receipt)).visibility is Visibility.REFUSED

    assert await until(is_refused)


@pytest.mark.parametrize("text", ["x" * 301, "👨‍👩‍👧‍👦" * 130])
async def test_the_server_counts_as_we_do(network: dict[str, Any], open_source: Open, alice: Any, text: str) -> None:
    source = open_source()
    wanted = target(await heard(source, (await mention(alice, network, "hello")).uri))

    with pytest.raises(ReplyTooLong):
        await source.reply(wanted, text, key="k-1")

    assert await source.find_reply(wanted, "k-1", text) == Absent()


async def test_words_and_hashtags_are_found_on_every_page(
    network: dict[str, Any], open_source: Open, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.bluesky.connector.PAGE", 9)
    source = open_source(search=["zopf"], hashtags=["laugen"])
    written = {(await alice.send_post(f"{'zopf' if n % 2 else '#laugen'} {n}")).uri for n in range(16)}

    async def all_heard() -> bool:
        page = await source.fetch(None)
        found = {post.external_id for post in page.posts}
        while page.more:
            page = await source.fetch(page.cursor)
            found |= {post.external_id for post in page.posts}
        return written <= found

    assert await until(all_heard)


async def test_a_wrong_password_is_refused(open_source: Open) -> None:
    with pytest.raises(SourceDenied):
        await open_source(password="hunter23").fetch(None)


async def test_the_stream_brings_posts_and_deletions_and_goes_on_where_it_was(
    network: dict[str, Any], jetstream: str, open_source: Open, alice: Any
) -> None:
    source = open_source(search=["brioche"], stream=True, jetstream=jetstream)
    assert isinstance(source, StreamingBluesky)

    async with asyncio.timeout(PATIENCE), aclosing(source.stream({"stream": {"seq": 1, "at": ""}})) as pages:  # type: ignore[type-var]
        await alice.send_post("trains")
        written = await alice.send_post("a Brioche to cry for")
        post = await streamed(pages, written.uri)
        await alice.delete_post(written.uri)
        gone = await streamed(pages, written.uri)

    assert isinstance(post, Post)
    assert (post.text, post.author.handle if post.author else "") == ("a Brioche to cry for", "alice.test")
    assert gone == Gone("bluesky", written.uri)

    page = await source.fetch(None)
    async with asyncio.timeout(PATIENCE), aclosing(source.stream(page.cursor)) as pages:  # type: ignore[type-var]
        again = [await anext(pages) for _ in range(2)]

    # Where it was is inclusive: the last stored event comes once more.
    assert [list(page.posts) for page in again] == [[post], [gone]]
