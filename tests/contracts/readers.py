"""How each type reads what its platform sends, without a network: which fixture, by which function, into what."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.base import Fault, Gone, Post
from storage.storable import storable
from tests.conftest import NOW
from tests.contracts.discovery import FIXTURES

TESTS = FIXTURES.parents[1]
Heard = Post | Gone | Fault


@dataclass(frozen=True)
class Reader:
    """One way in: `read` takes the fixture's JSON, or its bytes where the platform sends no JSON."""

    kind: str
    fixture: str
    read: Callable[[Any], Any]
    raw: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind} {self.fixture}"

    @property
    def path(self) -> Path:
        return (TESTS if "/" in self.fixture else FIXTURES / self.kind) / self.fixture

    def payload(self) -> Any:
        """What the fixture holds, fresh for every caller."""
        content = self.path.read_bytes()
        return content if self.raw else json.loads(content)

    def heard(self, payload: Any) -> list[Heard]:
        """Everything that the payload turns out to say; lists are read on, whatever they are called."""
        return heard_in(self.read(payload))


def heard_in(result: Any) -> list[Heard]:
    """The posts, deletions and faults in what a reader gives, in whatever form."""
    return list(_flat(result))


def _flat(result: Any) -> Iterator[Heard]:
    from connectors.replay import Deleted, Edited, Said

    if isinstance(result, Heard):
        yield result
    elif isinstance(result, Said):
        yield result.post(NOW)
    elif isinstance(result, Edited | Deleted):
        return
    elif isinstance(result, list):
        for each in result:
            yield from _flat(each)
    else:
        for part in ("posts", "gone", "faults"):
            yield from _flat(list(getattr(result, part, ())))


def faults_of(each: Heard) -> Iterator[str]:
    """What would keep one thing that was heard from being stored as it is meant; ingest itself cleans ids and links."""
    if isinstance(each, Fault):
        if not (each.reason and len(each.sample) <= 2_000):
            yield "it has no reason or too long a sample"
        return
    if not (each.platform and storable(each.external_id)):
        yield "it has no id"
    if isinstance(each, Post):
        yield from _faults_of_post(each)
    json.dumps(storable(asdict(each)), allow_nan=False, default=datetime.isoformat)


def _faults_of_post(post: Post) -> Iterator[str]:
    if storable(post.text) != post.text or storable(post.title) != post.title:
        yield "its text holds what no database keeps"
    if any(at is not None and at.utcoffset() is None for at in (post.posted_at, post.edited_at)):
        yield "it has a time without a zone"
    if post.rating is not None and not 1 <= post.rating <= 5:
        yield f"{post.rating} are no stars"


def items(payload: Any, *path: str) -> list[Any]:
    """The list that a shell takes out of its platform's answer; what is none, as the only item of one."""
    for name in path:
        payload = payload.get(name) if isinstance(payload, dict) else payload
    return payload if isinstance(payload, list) else [payload]


def _app_store(payload: Any) -> Any:
    from connectors.app_store import parse

    return parse(payload, "1234567890")


def _bluesky(payload: Any) -> Any:
    from connectors.bluesky.parsing import Us, parse

    return parse(items(payload, "notifications"), Us("did:plc:bakery", "bakery.example"))


def _facebook(edge: str) -> Callable[[Any], Any]:
    def read(payload: Any) -> Any:
        from connectors.facebook import parse

        return parse(payload, "100", edge, "100_900")

    return read


def _feed(payload: bytes) -> Any:
    from connectors.feed import parse

    return parse(payload, feed="https://harbour.example/feed")


def _google_business(payload: Any) -> Any:
    from connectors.google_business.locations import Location
    from connectors.google_business.parsing import parse

    return parse(payload, Location(name="accounts/7/locations/1", account="accounts/7", place="Main", url=""))


def _google_play(payload: Any) -> Any:
    from connectors.google_play import parse

    return parse(payload, "example.crumb.orders")


def _hackernews(payload: Any) -> Any:
    from connectors.hackernews import parse

    return parse(payload)


def _hackernews_item(payload: Any) -> Any:
    from connectors.hackernews import parse_item

    return [parse_item(each, "300") for each in items(payload, "hits")]


def _instagram(edge: str) -> Callable[[Any], Any]:
    def read(payload: Any) -> Any:
        from connectors.instagram import parse

        return parse(payload, "9001", "@crumbandco", edge, "1800")

    return read


def _mailbox(payload: bytes) -> Any:
    from connectors.mailbox.letters import parse

    return parse(payload, ("google.com", "sterne.example", "tripadvisor.co.uk", "yelp.com"))


def _mastodon(payload: Any) -> Any:
    from connectors.mastodon.parsing import parse

    return parse(items(payload), "01BAKERY", "@crumbandco@town.example")


def _paste(payload: Any) -> Any:
    from connectors.paste import Pasted, parse

    return [parse(Pasted(str(each), str(each), author=str(each), site=str(each))) for each in items(payload, "posts")]


def _reddit(payload: Any) -> Any:
    from connectors.reddit.parsing import MISSHAPEN, listing, parse

    try:
        return parse(listing(payload).items, "crumbandco")
    except MISSHAPEN as error:  # what the shell asks of a list before it reads it
        raise ValueError("not a list") from error


def _replay(payload: bytes) -> Any:
    from connectors.replay import parse

    return parse(payload)


def _survey(payload: bytes) -> Any:
    from connectors.survey.answers import parse

    return parse(payload, "week.csv", "survey", None, {})


def _trustpilot(payload: Any) -> Any:
    from connectors.trustpilot import parse

    return parse(payload, "507f191e810c19729de860ea")


def _webhook(payload: bytes) -> Any:
    from connectors.webhook import parse

    return parse(payload, "shop")


def _x(payload: Any) -> Any:
    from connectors.x.parsing import MISSHAPEN, parse

    try:
        return parse(payload, "42", "crumbandco")
    except MISSHAPEN as error:
        raise ValueError("not with posts") from error


def _youtube(payload: Any) -> Any:
    from connectors.youtube.parsing import parse

    return parse(payload, "UCcrumbcrumbcrumbcrumb00")


def _youtube_replies(payload: Any) -> Any:
    from connectors.youtube.parsing import Thread, parse_replies

    return parse_replies(payload, Thread("Ugy-one"), "UCcrumbcrumbcrumbcrumb00")


def _youtube_videos(payload: Any) -> Any:
    from connectors.youtube.parsing import parse_videos

    return parse_videos(payload, "UCcrumbcrumbcrumbcrumb00")


READERS = (
    Reader("app_store", "reviews.json", _app_store),
    Reader("bluesky", "notifications.json", _bluesky),
    *(Reader("facebook", f"{edge}.json", _facebook(edge)) for edge in ("comments", "feed", "ratings", "tagged")),
    *(Reader("feed", name, _feed, raw=True) for name in ("blog.rss", "news.json")),
    Reader("google_business", "reviews.json", _google_business),
    Reader("google_play", "reviews.json", _google_play),
    Reader("hackernews", "search.json", _hackernews),
    *(Reader("instagram", f"{edge}.json", _instagram(edge)) for edge in ("comments", "media", "tags")),
    *(Reader("mailbox", f"{name}.eml", _mailbox, raw=True) for name in ("alert", "shopvote", "tripadvisor", "yelp")),
    Reader("mastodon", "mention.json", _mastodon),
    Reader("paste", "connectors/fixtures/webhook/several.json", _paste),
    Reader("reddit", "inbox.json", _reddit),
    Reader("replay", "contracts/fixtures/replay.jsonl", _replay, raw=True),
    *(Reader("survey", f"week.{kind}", _survey, raw=True) for kind in ("csv", "jsonl")),
    Reader("trustpilot", "reviews.json", _trustpilot),
    *(Reader("webhook", f"{name}.json", _webhook, raw=True) for name in ("full", "order", "several")),
    Reader("x", "mentions.json", _x),
    Reader("youtube", "threads.json", _youtube),
)
#: Ways in that read something else than their fixture holds, for the mutations only.
SIDE_DOORS = (
    Reader("hackernews", "search.json", _hackernews_item),
    Reader("youtube", "threads.json", _youtube_replies),
    Reader("youtube", "threads.json", _youtube_videos),
)
