"""From what a Mastodon server answers to posts, without a network."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors.base import Author, Fault, Post
from connectors.markup import plain, tidy

PLATFORM = "mastodon"
#: What is kept of an item that cannot be read (`Fault`).
SAMPLE = 2000

_SHOWN_MENTION = re.compile(r"(?<![\w@])@(\w+(?:[.-]\w+)*)(?![\w@])")


class Parsed(NamedTuple):
    """What could be read, in the order of the answer, and what could not."""

    posts: list[Post]
    faults: list[Fault]


def parse(items: Iterable[Any], own_id: str, account: str = "") -> Parsed:
    """The posts in a list of statuses or of notifications.

    Ids are strings of three shapes (numbers, ULIDs, hexadecimal) and never
    compared for order. `own_id` is our account's on that server, `account` its
    name for people. Older servers leave fields out; only id, text and author
    must be there.
    """
    posts, faults = [], []
    for item in items:
        try:
            status = item["status"] if "type" in item else item
            if not status.get("reblog"):  # a boost says nothing of its own
                posts.append(_post(status, own_id, account))
        except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
            faults.append(_fault(item, error))
    return Parsed(posts, faults)


def _post(status: Mapping[str, Any], own_id: str, account: str) -> Post:
    writer = status["account"]
    mentions = [mention for mention in status.get("mentions") or [] if isinstance(mention, Mapping)]
    named = any(identify(mention) == own_id for mention in mentions)
    own = identify(writer) == own_id
    return Post(
        platform=PLATFORM,
        external_id=identify(status),
        text=readable(status["content"], mentions),
        posted_at=moment(status.get("created_at")),
        url=str(status.get("url") or status.get("uri") or ""),
        author=Author(
            external_id=identify(writer),
            handle=str(writer.get("acct") or writer.get("username") or ""),
            name=tidy(str(writer.get("display_name") or "")),
            url=str(writer.get("url") or ""),
        ),
        title=tidy(str(status.get("spoiler_text") or "")),
        language=str(status.get("language") or ""),
        in_reply_to=str(status.get("in_reply_to_id") or ""),
        edited_at=moment(status.get("edited_at")),
        summons=not own and (named or str(status.get("in_reply_to_account_id") or "") == own_id),
        own=own,
        account=account,
        context={"visibility": str(status.get("visibility") or "")},
    )


def identify(entity: Mapping[str, Any]) -> str:
    """The id of a status or an account; Mastodon.py makes entities without one out of any answer.

    Raises:
        ValueError: it has none.
    """
    found = entity["id"]
    if not isinstance(found, (str, int)) or not str(found):
        raise ValueError("its id is missing")
    return str(found)


def moment(value: Any) -> datetime | None:
    """A time as the server writes it (ISO 8601, or already read by Mastodon.py) in UTC; None where there is none."""
    if not value:
        return None
    read = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)


class About(NamedTuple):
    """What a server says of itself: the characters a post may have (None: it does not say), and where it streams."""

    characters: int | None
    streaming: str


def about(instance: Mapping[str, Any]) -> About:
    """From the answer of `instance` in either version."""
    configuration = instance.get("configuration") or {}
    characters = (configuration.get("statuses") or {}).get("max_characters") or instance.get("max_toot_chars")
    streaming = (configuration.get("urls") or {}).get("streaming") or (instance.get("urls") or {}).get("streaming_api")
    return About(int(characters) if characters else None, str(streaming or ""))


def _fault(item: Any, error: Exception) -> Fault:
    external_id = str(item.get("id") or "") if isinstance(item, Mapping) else ""
    wrong = f"{type(error).__name__}: {error}"
    return Fault(f"A post cannot be read ({wrong[:200]}).", external_id, json.dumps(item, default=str)[:SAMPLE])


def readable(content: str, mentions: Iterable[Mapping[str, Any]] = ()) -> str:
    """A status's HTML as plain text, in which a mention of somebody elsewhere names the whole address.

    Servers show "@ana" and tell in `mentions` that it is ana@town.example; two
    of the same name stay as they are shown.
    """
    accounts = [str(mention.get("acct") or "") for mention in mentions]
    names = Counter(account.partition("@")[0] for account in accounts)
    whole = {name: account for account in accounts if names[name := account.partition("@")[0]] == 1}
    return _SHOWN_MENTION.sub(lambda shown: f"@{whole.get(shown[1], shown[1])}", plain(content))
