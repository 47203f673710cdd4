"""Every recorded exchange that a connector can meet is read by it; see also `test_replay_clients.py`.

What is expected is counted in the recordings themselves, by shape and not by
the connectors' own readers. Each test tells its platform's line for the end of
the run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from connectors.base import Fault, Post, Target
from tests.contracts.readers import heard_in
from tests.contracts.recordings import Exchange
from tests.contracts.tallies import Tally, as_recorded, entry, files_of, is_refused, loaded

OpenWorld = Callable[..., Any]
Tell = Callable[[str, str], None]

#: Which test reads which recordings; together with `NOT_MET` it covers the whole folder.
MET = {
    "appstore/made-by-us/*": "app_store",
    "bluesky/recorded-pds/*": "bluesky",
    "bluesky/jetstream/*": "bluesky",
    "feeds/*/**": "feed",
    "google/business-profile-made-by-us/*": "google_business",
    "hackernews/*/*": "hackernews",
    "mastodon/mastodonpy-*/*": "mastodon",
    "meta/python-facebook-testdata/**": "facebook and instagram",
    "reddit/*/*": "reddit",
    "surveys/made-by-us/*": "survey",
    "trustpilot/made-by-us/*": "trustpilot",
    "x/errors-made-by-us/*": "x",
    "x/playground-examples/*": "x",
    "x/tweepy-cassettes/*": "x",
    "youtube/python-youtube-testdata/**": "youtube",
}
#: What no connector can meet, and why.
NOT_MET = {
    "**/README.md": "says what lies beside it",
    "LICENSES/*": "licences",
    "bluesky/bsky-snapshots/*": "answers with placeholders for addresses, as a test runner prints them",
    "bluesky/firehose/*": "binary frames of a stream that the connector does not open: it listens to Jetstream",
    "bluesky/lexicons/**": "descriptions, not answers",
    "bluesky/lexicons-jetstream/**": "descriptions, not answers",
    "bluesky/marshalx-test-data/*": "single records as a library keeps them, which no server answers to our questions",
    "bluesky/syntax-interop/*": "lists of names; the keys among them are read by the connector's own tests",
    "discord/**": "a channel for staff, not a place to listen",
    "discourse/**": "heard by the example of a connector of one's own, and replayed by its tests",
    "google/discovery/*": "descriptions; the fields that we read are compared with them by the connectors' own tests",
    "mastodon/openapi/*": "a description, not an answer",
    "slack/**": "a channel for staff, not a place to listen",
    "stackexchange/**": "no connector: a feed brings its questions",
    "telegram/**": "a channel for staff, not a place to listen",
    "x/openapi/*": "a description, not an answer",
    "x/twitter-text/*": "rules for counting, all of which the tests of the lengths run",
    "yelp/**": "may not be stored beyond a day: Yelp's alerts by mail are heard instead",
}


def test_everything_that_was_recorded_is_replayed_or_is_named_with_its_reason(shared: Path) -> None:
    folder = shared / "platforms"
    files = {file for file in folder.rglob("*") if file.is_file()}
    named = {file for pattern in [*MET, *NOT_MET] for file in folder.glob(pattern)}
    named |= {file for pattern in [*MET, *NOT_MET] if pattern.endswith("**") for file in folder.glob(f"{pattern}/*")}

    assert sorted(str(file.relative_to(folder)) for file in files - named) == []


async def refuse_all(kind: str, files: Sequence[Path], open_world: OpenWorld, tally: Tally, **changes: Any) -> None:
    """Recorded refusals, met on a poll: each carries its status in its name or in itself."""
    async with open_world(entry(kind), **changes) as (source, world):
        for file in files:
            body = file.read_text(encoding="utf-8")
            told = re.search(r"error_(\d{3})", file.name) or re.search(r'"code": ?([45]\d\d)\b', body)
            status = int(told[1]) if told else 400
            world.says = as_recorded(Exchange(file.name, "GET", "", status, body))
            world.at_the_door = world.says if "invalid_grant" in file.name else None
            tally.refused += await is_refused(source, status)


def has_words(item: Any) -> bool:
    """Whether there is anything to read in an item; many of these feeds hold nothing but a date or a name."""
    said = [item.get("title"), item.get("summary"), *(each.get("value") for each in item.get("content", ()))]
    return bool(re.sub(r"<[^>]*>", "", " ".join(filter(None, said))).strip())


def test_feed(shared: Path, tell: Tell) -> None:
    import feedparser

    from connectors.feed import parse
    from connectors.feed.documents import Unreadable

    files = [file for file in files_of(shared / "platforms/feeds", "*/**/*", "*/*") if file.name != "README.md"]
    tally, missed = Tally(len(files)), []
    for file in files:
        body = file.read_bytes()
        try:
            heard = heard_in(parse(body, feed="https://harbour.example/feed"))
        except Unreadable:
            tally.refused += 1
            continue
        tally.take(heard)
        if not heard and any(map(has_words, feedparser.parse(body).entries)):
            missed.append(file.name)

    tell("feed", str(tally))
    assert len(files) > 200
    assert missed == ["atomsvgtitle.xml"]  # the name of a drawing, which nobody sees
    assert tally.refused < 10


async def test_hackernews(shared: Path, open_world: OpenWorld, tell: Tell) -> None:
    from connectors.hackernews import parse, parse_item

    folder = shared / "platforms/hackernews"
    files = files_of(folder, "*/*.json")
    tally = Tally(len(files))
    for file in files:
        if file.name.startswith("search"):
            payload = loaded(file)
            heard = heard_in(parse(payload))
            assert len(heard) == len(payload["hits"])
            tally.take(heard)
        elif file.name.startswith(("user", "updates")):
            tally.beside += 1  # who somebody is, and what changed of late: neither is asked for
        elif not file.name.startswith("error"):
            tally.take([parse_item(loaded(file), "5")])
    await refuse_all("hackernews", files_of(folder, "*/error*"), open_world, tally)

    tell("hackernews", str(tally))
    assert (tally.gone, tally.faults, tally.refused) == (2, [], 1)
    assert tally.heard == 9


async def test_app_store(shared: Path, open_world: OpenWorld, tell: Tell) -> None:
    from connectors.app_store import parse

    files = files_of(shared / "platforms/appstore/made-by-us", "*")
    tally = Tally(len(files))
    for file in files:
        if file.name.startswith("customer_reviews"):
            tally.take(heard_in(parse(loaded(file), "1")))
        elif not file.name.startswith("error"):
            # The public list is not asked for; the answer to a response is read by the connector's own test.
            tally.beside += 1
    await refuse_all("app_store", [file for file in files if "error" in file.name], open_world, tally)

    tell("app_store", str(tally))
    assert (tally.heard, tally.faults, tally.refused) == (1, [], 1)


async def test_trustpilot(shared: Path, open_world: OpenWorld, tell: Tell) -> None:
    from connectors.trustpilot import parse

    files = files_of(shared / "platforms/trustpilot/made-by-us", "*")
    tally = Tally(len(files))
    for file in files:
        if file.name.startswith("review"):
            payload = loaded(file)
            tally.take(heard_in(parse(payload if "reviews" in payload else {"reviews": [payload]}, "1")))
    await refuse_all("trustpilot", [file for file in files if "error" in file.name], open_world, tally)

    tell("trustpilot", str(tally))
    assert (tally.heard, tally.faults, tally.refused) == (3, [], 1)


async def test_google_business(shared: Path, open_world: OpenWorld, tell: Tell) -> None:
    from connectors.google_business.locations import Location
    from connectors.google_business.parsing import parse

    files = files_of(shared / "platforms/google/business-profile-made-by-us", "*")
    tally, reviews = Tally(len(files)), 0
    for file in files:
        if file.name.startswith("reviews"):
            payload = loaded(file)
            reviews += len(payload.get("reviews", ()))
            tally.take(heard_in(parse(payload, Location("accounts/7/locations/1", "Main", "Main", ""))))
    [vanished] = [file for file in files if "404" in file.name]
    missing = as_recorded(Exchange(vanished.name, "GET", "", 404, vanished.read_text(encoding="utf-8")))
    shown = as_recorded(Exchange("", "GET", "", 200, "{}"))
    async with open_world(entry("google_business")) as (source, world):
        world.says = lambda request: missing(request) if "/reviews/" in request.path else shown(request)
        tally.take(await source.recheck(["accounts/7/locations/1/reviews/R1"]))
    async with open_world(entry("google_business")) as (source, world):
        [taken] = [file for file in files if "put_response" in file.name]
        world.says, world.says_to = (
            as_recorded(Exchange("", "PUT", "", 200, taken.read_text(encoding="utf-8"))),
            ("PUT",),
        )
        receipt = await source.reply(
            Target("google_business", "accounts/7/locations/1/reviews/R2", ""), "Sorry!", key="k"
        )
        tally.heard += bool(receipt.external_id)
    errors = [file for file in files if file.name.startswith("error") and file != vanished]
    await refuse_all("google_business", errors, open_world, tally)

    tell("google_business", str(tally))
    assert tally.heard > reviews > 0
    assert (tally.gone, tally.faults, tally.refused) == (1, [], 2)


async def test_youtube(shared: Path, open_world: OpenWorld, tell: Tell) -> None:
    from connectors.youtube.parsing import Thread, parse, parse_replies, parse_videos

    folder = shared / "platforms/youtube/python-youtube-testdata"
    readers = {
        "comment_threads": lambda payload: parse(payload, "UC"),
        "comments": lambda payload: parse_replies(payload, Thread("Ugw"), "UC"),
        "videos": lambda payload: parse_videos(payload, "UC"),
        "search": lambda payload: parse_videos(payload, "UC"),
    }
    files = files_of(folder, "**/*.json")
    tally = Tally(len(files))
    for file in files:
        payload, read = loaded(file), readers.get(file.parent.name)
        items = payload.get("items", ()) if isinstance(payload, dict) else ()
        if read is None or not items:
            tally.beside += "error" not in file.name
            continue
        heard = heard_in(read(payload))
        # A search that was not for videos alone also brings channels and playlists, which we never ask for.
        others = [each for each in items if isinstance(each["id"], dict) and "videoId" not in each["id"]]
        tally.beside += len(others)
        tally.take([each for each in heard if isinstance(each, Post)])
        assert len(heard) == len(items), file.name
        assert sum(isinstance(each, Fault) for each in heard) == len(others), file.name
    await refuse_all("youtube", [file for file in files if "error" in file.name], open_world, tally)

    tell("youtube", str(tally))
    assert tally.heard > 50
    assert tally.refused == 2


async def test_facebook_and_instagram(shared: Path, open_world: OpenWorld, tell: Tell) -> None:
    from connectors import facebook, instagram

    folder = shared / "platforms/meta/python-facebook-testdata"
    readers: dict[str, Callable[[Any], Any]] = {
        "facebook/apidata/posts/*": lambda payload: facebook.parse(payload, "19292868552", "feed"),
        "facebook/apidata/comments/comment*": lambda payload: facebook.parse(payload, "19292868552"),
        "instagram/apidata/comments/*": lambda payload: instagram.parse(payload, "1", "@us"),
        "instagram/apidata/medias/comments*": lambda payload: instagram.parse(payload, "1", "@us"),
        "instagram/apidata/medias/media*": lambda payload: instagram.parse(payload, "1", "@us", "media"),
        "instagram/apidata/users/medias*": lambda payload: instagram.parse(payload, "1", "@us", "media"),
    }
    tallies = {"facebook": Tally(), "instagram": Tally()}
    for file in files_of(folder, "**/*.json"):
        tally = tallies["instagram" if "instagram" in str(file.relative_to(folder)) else "facebook"]
        read = next((read for pattern, read in readers.items() if file in folder.glob(pattern)), None)
        tally.files += 1
        if read is None:  # hashtags, stories, insights and what is published: none of it is asked for
            tally.beside += "error" not in file.name
            continue
        nodes = meta_nodes(loaded(file))
        parsed = read({"data": nodes})
        tally.take(heard_in(parsed))
        tally.beside += not parsed.posts and not parsed.faults  # pictures of our own only lead to their comments
        silent = [each for each in nodes if not (each.get("text") or each.get("message") or "media" in file.name)]
        assert len(parsed.posts) + len(parsed.faults) + len(parsed.talks) + len(silent) >= len(nodes), file.name
    await refuse_all("facebook", files_of(folder, "base/error*"), open_world, tallies["facebook"])

    for kind, tally in tallies.items():
        tell(kind, str(tally))
    assert tallies["facebook"].heard > 20
    assert len(tallies["facebook"].faults) == 10  # a page of comments that were recorded without their ids
    assert (tallies["instagram"].heard, tallies["instagram"].faults) == (5, [])
    assert tallies["facebook"].refused == 1


def meta_nodes(payload: Any) -> list[Any]:
    """The posts, comments or pictures in one of Meta's answers: a list, several by their ids, or one alone."""
    if "data" in payload:
        return payload["data"] if isinstance(payload["data"], list) else []
    if "id" in payload:
        return [payload] if payload.keys() & {"message", "text", "caption"} else []
    return [each for each in payload.values() if isinstance(each, dict) and "id" in each]


def test_survey(shared: Path, tell: Tell) -> None:
    from connectors.survey.answers import parse

    files = files_of(shared / "platforms/surveys/made-by-us", "*")
    tally = Tally(len(files))
    for file in files:
        tally.take(heard_in(parse(file.read_bytes(), file.name, "survey", None, {})))

    tell("survey", str(tally))
    assert tally.heard > 5
