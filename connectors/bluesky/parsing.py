"""From what Bluesky answers to posts, without a network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors.base import Author, Fault, Post
from connectors.markup import tidy

PLATFORM = "bluesky"
COLLECTION = "app.bsky.feed.post"
SITE = "https://bsky.app"
#: What is kept of an item that cannot be read (`Fault`).
SAMPLE = 2000
#: The notifications that bring words of somebody.
REASONS = ("mention", "reply", "quote")
#: Labels by which moderators take a post out of sight (the protocol's reserved ones).
HIDING = frozenset({"!hide", "!takedown", "!suspend"})
#: How the network names an account whose handle it cannot prove.
UNPROVEN = "handle.invalid"

_ADDRESS = re.compile(rf"at://(did:[a-z]+:[\w.:%-]{{1,2000}})/{re.escape(COLLECTION)}/([\w.:~-]{{1,512}})", re.ASCII)


class Us(NamedTuple):
    """Our account on the network: its identity, and the name it has now."""

    did: str
    handle: str = ""


class Parsed(NamedTuple):
    """What could be read, in the order of the answer, and what could not."""

    posts: list[Post]
    faults: list[Fault]


def parse(items: Iterable[Any], us: Us) -> Parsed:
    """The posts in a list of post views or of notifications; notifications of other kinds say nothing."""
    posts, faults = [], []
    for item in items:
        try:
            if item.get("reason", REASONS[0]) in REASONS:
                posts.append(_post(item, us))
        except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
            faults.append(_fault(item, error))
    return Parsed(posts, faults)


def _post(view: Mapping[str, Any], us: Us) -> Post:
    record, writer = view["record"], view["author"]
    did, key = split(view["uri"])
    own = did == us.did
    languages = [str(language) for language in _list(record.get("langs"))]
    return Post(
        platform=PLATFORM,
        external_id=view["uri"],
        text=readable(record["text"], record.get("facets")),
        posted_at=written_at(view),
        url=link(did, key),
        author=Author(
            external_id=did,
            handle="" if writer.get("handle") in {None, UNPROVEN} else str(writer["handle"]),
            name=tidy(str(writer.get("displayName") or "")),
            url=f"{SITE}/profile/{did}",
        ),
        language=languages[0] if len(languages) == 1 else "",  # of several, the text itself has to tell
        in_reply_to=_inside(record, "reply", "parent", "uri"),
        edited_at=moment(view.get("editedAt")),
        summons=not own and calls(record, us.did),
        own=own,
        account=f"@{us.handle}",
        context={"cid": str(view["cid"]), "labels": labels(view)},
    )


def split(address: Any) -> tuple[str, str]:
    """Author and key of a post's address, "at://did:plc:…/app.bsky.feed.post/…".

    Raises:
        ValueError: it is the address of something else.
    """
    match = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if match is None:
        raise ValueError("it has no address of a post")
    return match[1], match[2]


def link(did: str, key: str) -> str:
    """Where people read a post; by the author's identity, which outlives their handle."""
    return f"{SITE}/profile/{did}/post/{key}"


def written_at(view: Mapping[str, Any]) -> datetime | None:
    """When a post was written: authors' programs may claim any time, so never after the network saw it.

    This is the protocol's `sortAt`, by which searches are sorted and cut.
    """
    times = (moment(view["record"].get("createdAt"), lenient=True), moment(view.get("indexedAt")))
    return min((time for time in times if time), default=None)


def moment(value: Any, *, lenient: bool = False) -> datetime | None:
    """A time in UTC; None where there is none, or where `lenient` lets an unreadable one pass."""
    try:
        read = datetime.fromisoformat(str(value)) if value else None
        return read and (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        if lenient:
            return None
        raise


def timestamp(at: datetime) -> str:
    """A time as the network writes it; `at` is in UTC."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def calls(record: Any, did: str) -> bool:
    """Whether a post mentions the account `did`, answers it or quotes it."""
    references = (
        _inside(record, "reply", "parent", "uri"),
        _inside(record, "embed", "record", "uri"),
        _inside(record, "embed", "record", "record", "uri"),
    )
    mentioned = any(_inside(feature, "did") == did for feature in features(record))
    return mentioned or any(address.startswith(f"at://{did}/") for address in references)


def features(record: Any) -> Iterator[Any]:
    """What the facets of a post stand for: mentions, links, hashtags."""
    for facet in _list(record.get("facets")):
        yield from _list(facet.get("features") if isinstance(facet, Mapping) else None)


def labels(view: Mapping[str, Any]) -> list[str]:
    """How moderators and the author have labelled a post."""
    own = view["record"].get("labels")
    put = [*_list(view.get("labels")), *_list(own.get("values") if isinstance(own, Mapping) else None)]
    return sorted(
        {_inside(label, "val") for label in put if isinstance(label, Mapping) and not label.get("neg")} - {""}
    )


def hidden(view: Mapping[str, Any]) -> str:
    """Why moderators hide a post that the server still gives, in words; empty where they do not."""
    found = HIDING.intersection(labels(view))
    return f"Moderators hide it ({', '.join(sorted(found))})." if found else ""


def readable(text: Any, facets: Any = None) -> str:
    """A post's text in which a link that was shortened for display stands whole.

    Facets point into the text by bytes of UTF-8; those that overlap or point
    beside it are ignored.
    """
    if not isinstance(text, str):
        raise TypeError("its text is missing")
    shown, whole, end = text.encode("utf-8", "replace"), b"", 0
    for start, stop, address in sorted(_links(facets)):
        if end <= start < stop <= len(shown) and shown[start:stop].endswith((b"...", "…".encode())):
            whole, end = whole + shown[end:start] + address.encode("utf-8", "replace"), stop
    return tidy((whole + shown[end:]).decode("utf-8", "replace"))


def _links(facets: Any) -> Iterator[tuple[int, int, str]]:
    for facet in _list(facets):
        index = facet.get("index") if isinstance(facet, Mapping) else None
        start, stop = (index.get("byteStart"), index.get("byteEnd")) if isinstance(index, Mapping) else (None, None)
        if isinstance(start, int) and isinstance(stop, int):
            for address in filter(None, (_inside(feature, "uri") for feature in _list(facet.get("features")))):
                yield start, stop, address


def _inside(value: Any, *path: str) -> str:
    """The text at the end of a path through objects; empty where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _fault(item: Any, error: Exception) -> Fault:
    external_id = str(item.get("uri") or "") if isinstance(item, Mapping) else ""
    wrong = f"{type(error).__name__}: {error}"
    return Fault(f"A post cannot be read ({wrong[:200]}).", external_id, json.dumps(item, default=str)[:SAMPLE])
