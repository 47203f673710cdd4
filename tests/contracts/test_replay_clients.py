"""Recorded exchanges of the platforms that are read through a client library, replayed through that library.

What is expected is counted in the recordings themselves, by shape and not by
the connectors' own readers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connectors.base import Post
from connectors.errors import ReplyError
from tests.contracts.readers import heard_in
from tests.contracts.recordings import Exchange, exchanges, inside
from tests.contracts.tallies import Tally, as_recorded, entry, files_of, is_refused, loaded
from tests.contracts.test_answering import target_of
from tests.contracts.worlds import LISTS, World

OpenWorld = Callable[..., Any]
Tell = Callable[[str, str], None]


def is_status(value: Any) -> bool:
    return {"id", "content", "visibility"} <= value.keys() and isinstance(value.get("account"), dict)


async def test_mastodon(shared: Path, open_world: OpenWorld, tell: Tell) -> None:
    from connectors.mastodon.parsing import parse

    files = files_of(shared / "platforms/mastodon", "mastodonpy-*/*.yaml")
    recorded, tally = exchanges(files), Tally(len(files))
    for exchange in recorded:
        statuses = list(inside(exchange.json(), is_status))
        words = [each for each in statuses if not each.get("reblog")]
        heard = heard_in(parse(statuses, "1"))
        tally.take(heard)
        tally.beside += not statuses and exchange.status < 400
        assert len(heard) == len(words), exchange.file
    async with open_world(entry("mastodon"), hashtags=["bread"], search=[], stream=False) as (source, world):
        for exchange in recorded:
            path, answer = urlsplit(exchange.url).path, exchange.json()
            if exchange.status >= 400:
                world.says = as_recorded(exchange)
                tally.refused += await is_refused(source, exchange.status)
                world.says = None
            elif (place := re.search(r"/(notifications|timelines/)", path)) and isinstance(answer, list):
                world.lists = {place[1]: answer, r"/": []}
                page = await source.fetch(None)
                told = [each for each in (one.get("status", one) for one in answer) if each]
                expected = {each["id"] for each in told if is_status(each) and not each.get("reblog")}
                assert {post.external_id for post in page.posts} == expected, exchange.file

    tell("mastodon", str(tally))
    assert tally.heard > 200
    assert tally.faults == []
    assert tally.refused == sum(exchange.status >= 400 for exchange in recorded)


def is_post_view(value: Any) -> bool:
    return {"uri", "cid", "author", "record"} <= value.keys() and "text" in value["record"]


async def hears(source: Any, world: World, exchange: Exchange, told: set[str], tally: Tally) -> None:
    """A list: everything in it that calls us is heard, through the client library."""
    world.lists = {
        exchange.question: exchange.json(),
        "listNotifications": {"notifications": []},
        "searchPosts": {"posts": []},
    }
    page = await source.fetch(None)
    tally.take([*page.posts, *page.faults])
    assert {post.external_id for post in page.posts} == told, exchange.file


async def looks_up(source: Any, world: World, exchange: Exchange, told: set[str], tally: Tally) -> None:
    """Posts by their addresses: what is not among the answer is gone."""
    world.lists = {"getPosts": exchange.json()}
    standing = await source.recheck([*sorted(told), "at://did:plc:x/app.bsky.feed.post/3lqk4aaaaaa2z"])
    tally.take(standing)
    assert {each.external_id for each in standing if isinstance(each, Post)} == told, exchange.file


async def replies(source: Any, world: World, exchange: Exchange, parent: Post, tally: Tally) -> None:
    """A reply: taken, or refused in our own words."""
    world.lists, world.says, world.says_to = LISTS["bluesky"], as_recorded(exchange), ("POST",)
    try:
        tally.heard += bool(await source.reply(target_of(parent), "Sorry!", key="k"))
    except ReplyError:
        tally.refused += 1
    world.says, world.says_to = None, ("GET", "POST")


async def test_bluesky(shared: Path, open_world: OpenWorld, tell: Tell) -> None:
    from connectors.bluesky.parsing import Us, parse

    files = files_of(shared / "platforms/bluesky/recorded-pds", "*.json")
    recorded, tally = exchanges(files), Tally(len(files))
    async with open_world(entry("bluesky"), hashtags=[], search=["bakery"]) as (source, world):
        [parent, *_] = [post for post in (await source.fetch(None)).posts if post.summons]
        for exchange in recorded:
            views = list(inside(exchange.json(), is_post_view))
            told = {view["uri"] for view in views if view.get("reason", "mention") in {"mention", "reply", "quote"}}
            match exchange.question.rpartition(".")[2], exchange.status:
                case "putRecord" | "createRecord", _:
                    await replies(source, world, exchange, parent, tally)
                case "createSession", 401 | 429:
                    async with open_world(entry("bluesky")) as (stranger, gate):
                        gate.at_the_door = as_recorded(exchange)
                        tally.refused += await is_refused(stranger, exchange.status)
                case _, 400:
                    world.says = as_recorded(exchange)
                    tally.refused += await is_refused(source, exchange.status)
                    world.says = None
                case "listNotifications" | "searchPosts", _:
                    await hears(source, world, exchange, told, tally)
                case "getPosts", _:
                    await looks_up(source, world, exchange, told, tally)
                case "getPostThread", _:
                    tally.take(heard_in(parse(views, Us("did:plc:x"))))
                case _:
                    tally.beside += 1

    tell("bluesky", str(tally))
    assert tally.heard > 80
    assert tally.faults == []
    assert tally.refused == sum(exchange.status >= 400 and "swap" not in exchange.file for exchange in recorded)


async def test_bluesky_streams(shared: Path, tell: Tell) -> None:
    from connectors.bluesky.parsing import Us, parse

    files = files_of(shared / "platforms/bluesky/jetstream", "*.jsonl")
    tally = Tally(len(files))
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            posts = list(inside(event, lambda value: value.get("$type") == "app.bsky.feed.post" and "text" in value))
            views = [
                {"uri": f"at://{event.get('did') or 'did:plc:x'}/app.bsky.feed.post/3lqk4aaaaaa2z", "cid": "bafy"}
                | {"author": {"did": "did:plc:x"}, "record": record}
                for record in posts
            ]
            tally.take(heard_in(parse(views, Us("did:plc:bakery"))))
            tally.beside += not posts

    tell("bluesky stream", str(tally))
    assert tally.heard > 4
    assert tally.faults == []


def is_tweet(value: Any) -> bool:
    return {"id", "text"} <= value.keys() and "event_type" not in value and value["id"].isdecimal()


def is_retweet(value: Any) -> bool:
    return any(each["type"] == "retweeted" for each in value.get("referenced_tweets", ()))


async def test_x(shared: Path, open_world: OpenWorld, tell: Tell) -> None:
    from connectors.x.parsing import parse

    folder = shared / "platforms/x"
    cassettes = files_of(folder / "tweepy-cassettes", "*.yaml", "*.json")
    examples = files_of(folder, "playground-examples/*.json")
    troubles = files_of(folder, "errors-made-by-us/*")
    recorded = exchanges(cassettes) + [
        Exchange(file.name, "GET", "", 200, file.read_text(encoding="utf-8")) for file in examples
    ]
    tally = Tally(len(cassettes) + len(examples) + len(troubles))
    async with open_world(entry("x"), query="") as (source, world):
        for exchange in recorded:
            tweets = list(inside(exchange.json(), is_tweet))
            tally.beside += not tweets
            heard = heard_in(parse({"data": tweets}, "42", "crumbandco"))
            tally.take(heard)
            assert len(heard) == sum(not is_retweet(tweet) for tweet in tweets), exchange.file
            answer = exchange.json()
            if tweets and isinstance(answer, dict) and isinstance(answer.get("data"), list):
                world.lists = {r"/mentions$": {"meta": {"result_count": len(answer["data"])}} | answer}
                page = await source.fetch(None)
                listed = [each for each in answer["data"] if is_tweet(each) and not is_retweet(each)]
                assert len(page.posts) == len(
                    {tuple(each.get("edit_history_tweet_ids", [each["id"]])) for each in listed}
                )
        for file in troubles:
            status = int(file.name[:3])
            trouble = Exchange(file.name, "GET", "", status, file.read_text(encoding="utf-8"))
            if status >= 400:
                world.says = as_recorded(trouble)
                tally.refused += await is_refused(source, status)
            else:
                tally.take(heard_in(parse(loaded(file), "42", "crumbandco")))

    tell("x", str(tally))
    assert tally.heard > 200
    assert tally.faults == []
    assert tally.refused == 4


def is_thing(value: Any) -> bool:
    return value.get("kind") in {"t1", "t3"} and isinstance(value.get("data"), dict) and "name" in value["data"]


async def test_reddit(shared: Path, open_world: OpenWorld, tell: Tell) -> None:
    from connectors.reddit.parsing import parse

    files = files_of(shared / "platforms/reddit", "*-cassettes/*.json")
    recorded, tally = exchanges(files), Tally(len(files))
    for exchange in recorded:
        things = list(inside(exchange.json(), is_thing))
        heard = heard_in(parse(things, "crumbandco"))
        tally.take(heard)
        tally.beside += not things and exchange.status < 400
        assert len(heard) == len(things), exchange.file
    whole = {"next": "inbox", "marks": {"inbox": {"until": "1980-01-01T00:00:00+00:00"}}}
    async with open_world(entry("reddit"), subreddits=[], own_subreddits=[], search=[]) as (source, world):
        for exchange in recorded:
            answer = exchange.json()
            is_token = exchange.url.endswith("access_token")
            if exchange.status >= 300 and not is_token:
                world.says = as_recorded(exchange)
                tally.refused += await is_refused(source, exchange.status)
                world.says = None
            elif isinstance(answer, dict) and answer.get("kind") == "Listing":
                world.lists = {r"/message/inbox/?$": answer}
                page = await source.fetch(whole)
                listed = {each["data"]["name"] for each in answer["data"]["children"] if is_thing(each)}
                assert {each.external_id for each in page.posts} == listed, exchange.file
            if is_token and exchange.status >= 400:
                async with open_world(entry("reddit")) as (stranger, gate):
                    gate.at_the_door = as_recorded(exchange)
                    tally.refused += await is_refused(stranger, exchange.status)

    tell("reddit", str(tally))
    assert tally.heard > 200
    assert tally.faults == []
    assert tally.refused == sum(exchange.status >= 300 for exchange in recorded)
