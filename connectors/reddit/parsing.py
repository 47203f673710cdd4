"""From what Reddit answers to posts, without a network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from connectors.base import Author, Fault, Gone, Post
from connectors.markup import tidy

PLATFORM = "reddit"
SITE = "https://www.reddit.com"
#: What is kept of an item that cannot be read (`Fault`).
SAMPLE = 2000

#: What a reader may stumble over in JSON of the wrong shape.
MISSHAPEN = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
#: Reddit's kinds that are public speech; private messages (t4) are none of ours.
COMMENT, SUBMISSION = "t1", "t3"

#: What stands where something was taken away.
_TAKEN = {"[deleted]": "deleted", "[removed]": "removed by moderators"}
_FULLNAME = re.compile(r"t[1-9]_[0-9a-z]{1,13}")
_WAIT = re.compile(r"(\d{1,5}) (second|minute|hour)")


class Parsed(NamedTuple):
    """What could be read, oldest first; what is gone, and what could not be read."""

    posts: list[Post]
    gone: list[Gone]
    faults: list[Fault]


class Listing(NamedTuple):
    """One page of a list, newest first, and the fullname after which it goes on ("" where it ends)."""

    items: Sequence[Any]
    after: str


def parse(items: Iterable[Any], account: str) -> Parsed:
    """The posts and comments among a listing's items; `account` is our own name.

    A fullname ("t1_abc") is the `external_id`. Reddit keeps the place of what
    was deleted or removed, so that is told as gone.
    """
    parsed = Parsed([], [], [])
    for item in items:
        try:
            if item["kind"] in {COMMENT, SUBMISSION}:
                thing = item["data"]
                reason = _taken(thing)
                if reason:
                    parsed.gone.append(Gone(PLATFORM, fullname(thing), reason))
                else:
                    parsed.posts.append(_post(thing, account))
        except MISSHAPEN as error:
            parsed.faults.append(_fault(item, error))
    parsed.posts.sort(key=lambda post: (post.posted_at, post.external_id))
    return parsed


def listing(payload: Any) -> Listing:
    """A page of a list.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    inner = payload["data"]
    if payload["kind"] != "Listing" or not isinstance(inner["children"], list):
        raise ValueError("a listing was expected")
    return Listing(inner["children"], str(inner.get("after") or ""))


def fullname(thing: Mapping[str, Any]) -> str:
    """Reddit's name for a thing, unique among all kinds.

    Raises:
        ValueError: it has none.
    """
    found = thing["name"]
    if not isinstance(found, str) or not _FULLNAME.fullmatch(found):
        raise ValueError("its name is missing")
    return found


def created(thing: Mapping[str, Any]) -> datetime:
    """When a thing was written."""
    return datetime.fromtimestamp(float(thing["created_utc"]), UTC)


def answer_of(children: Sequence[Any], account: str, parent: str) -> Mapping[str, Any] | None:
    """The first answer that `account` gave to `parent` directly; None where there is none."""
    for child in children:
        thing = child["data"]
        if child["kind"] == COMMENT and thing["parent_id"] == parent and _is(thing.get("author"), account):
            answer: Mapping[str, Any] = thing
            return answer
    return None


def answers_under(payload: Any, parent: str) -> Sequence[Any] | None:
    """What stands under `parent` in the page of its thread; None where the parent itself is not shown.

    Raises:
        IndexError, KeyError, TypeError, ValueError: it is no such page.
    """
    submission, comments = (listing(part).items for part in payload)
    if parent.startswith(SUBMISSION):
        return comments if any(fullname(item["data"]) == parent for item in submission) else None
    for item in comments:
        if item["kind"] == COMMENT and fullname(item["data"]) == parent:
            return listing(item["data"]["replies"]).items if item["data"]["replies"] else []
    return None


class Refusal(NamedTuple):
    """Why Reddit did not take a comment: its own code and words, and how long to wait if that is all."""

    code: str
    words: str
    wait: timedelta | None


def refusal(payload: Any) -> Refusal | None:
    """The first error in an answer that looks like a success (200)."""
    errors = payload["json"].get("errors")
    if not errors:
        return None
    code, words = str(errors[0][0]), str(errors[0][1] or "")
    seconds = payload["json"].get("ratelimit")
    if code != "RATELIMIT":
        return Refusal(code, words, None)
    return Refusal(code, words, timedelta(seconds=min(float(seconds), 86_400)) if seconds else _said_wait(words))


def _said_wait(words: str) -> timedelta:
    """The wait in "try again in 6 minutes", a minute where none is told."""
    told = _WAIT.search(words)
    return timedelta(**{f"{told[2]}s": int(told[1])}) if told else timedelta(minutes=1)


def _post(thing: Mapping[str, Any], account: str) -> Post:
    title = tidy(str(thing.get("title") or ""))
    text = tidy(str(thing["body"] if "body" in thing else thing.get("selftext") or ""))
    own = _is(thing.get("author"), account)
    edited = thing.get("edited")
    return Post(
        platform=PLATFORM,
        external_id=fullname(thing),
        text=text or title,  # so that a post of a title and a link has words
        title=title if text else "",
        posted_at=created(thing),
        url=_link(thing),
        author=_author(thing),
        in_reply_to=str(thing.get("parent_id") or ""),
        edited_at=datetime.fromtimestamp(float(edited), UTC) if edited and edited is not True else None,
        summons=not own and _speaks_to(thing, f"{title} {text}", account),
        own=own,
        account=f"u/{account}",
        context={
            "subreddit": str(thing.get("subreddit") or ""),
            "thread": _thread(thing),
            "closed": bool(thing.get("locked") or thing.get("archived")),
        },
    )


def _author(thing: Mapping[str, Any]) -> Author | None:
    """Nobody where the account was deleted and its words were left."""
    name = str(thing.get("author") or "")
    if not name or name in _TAKEN:
        return None
    return Author(str(thing.get("author_fullname") or name), handle=name, url=f"{SITE}/user/{name}")


def _link(thing: Mapping[str, Any]) -> str:
    path = str(thing.get("permalink") or thing.get("context") or "").partition("?")[0]
    return f"{SITE}{path}" if path.startswith("/") else ""


def _thread(thing: Mapping[str, Any]) -> str:
    """The id of the submission that a thing belongs to; the inbox tells it only within a link."""
    link = str(thing.get("link_id") or thing["name"])
    if link.startswith(SUBMISSION):
        return link.partition("_")[2]
    _, _, rest = str(thing.get("context") or thing.get("permalink") or "").partition("/comments/")
    return rest.partition("/")[0]


def _speaks_to(thing: Mapping[str, Any], words: str, account: str) -> bool:
    """Whether its author calls our account by name or answers it, as far as the list tells."""
    if thing.get("type") in {"username_mention", "comment_reply", "post_reply"}:
        return True
    if _is(thing.get("link_author"), account) and str(thing.get("parent_id") or "").startswith(SUBMISSION):
        return True
    return re.search(rf"(?<![\w/-])/?u/{re.escape(account)}(?![\w-])", words, re.IGNORECASE) is not None


def _taken(thing: Mapping[str, Any]) -> str:
    """Why the words of a thing are not there any more; "" where they are."""
    by = thing.get("removed_by_category")
    if by:
        return "deleted" if by in {"deleted", "author"} else "removed by moderators"
    words = str(thing.get("body") or thing.get("selftext") or "").strip()
    nobody = str(thing.get("author") or "") in _TAKEN
    if words in _TAKEN:
        return _TAKEN[words]
    return "deleted" if nobody and not words else ""


def _is(name: Any, account: str) -> bool:
    return str(name or "").casefold() == account.casefold()


def _fault(item: Any, error: Exception) -> Fault:
    thing = item.get("data") if isinstance(item, Mapping) else None
    external_id = str(thing.get("name") or "") if isinstance(thing, Mapping) else ""
    wrong = f"{type(error).__name__}: {error}"
    return Fault(f"A post cannot be read ({wrong[:200]}).", external_id, json.dumps(item, default=str)[:SAMPLE])
