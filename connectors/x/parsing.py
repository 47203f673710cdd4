"""From what X answers to posts, without a network."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors.base import Author, Fault, Gone, Post
from connectors.markup import tidy

PLATFORM = "x"
SITE = "https://x.com"
#: What is kept of a post that cannot be read (`Fault`).
SAMPLE = 2000

#: What a reader may stumble over in JSON of the wrong shape.
MISSHAPEN = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError)

_POST_LINK = re.compile(r"https?://(?:\w+\.)?(?:twitter|x)\.com/(\w{1,15})/status/(\d{1,19})\b", re.ASCII)
_ID = re.compile(r"[0-9]{1,19}", re.ASCII)
#: Why X leaves a post out that we asked for by its id: for good, or for as long as its author hides it.
_GONE = {"resource-not-found": "deleted", "not-authorized-for-resource": "hidden by its author or suspended"}


class Parsed(NamedTuple):
    """What could be read, oldest first, and what could not."""

    posts: list[Post]
    faults: list[Fault]


class Turn(NamedTuple):
    """How a list goes on: its newest id on this page, and the token of the next page (both "" where there is none)."""

    newest: str
    token: str


def parse(payload: Mapping[str, Any], own_id: str, account: str) -> Parsed:
    """The posts in an answer, without those that only repeat another (retweets).

    An edited post has a new id and keeps its first as `external_id`; the
    context holds all its `versions`. Names are there only where they were
    asked for (and paid).

    Raises:
        ValueError: the answer itself has lost its documented shape.
    """
    shown = payload.get("data") or []
    if not isinstance(shown, list):
        raise ValueError("a list of posts was expected")  # noqa: TRY004 – it is the value that is wrong
    users = _users(payload)
    posts, faults = [], []
    for item in shown:
        try:
            if not _referred(item, "retweeted"):
                posts.append(_post(item, users, own_id, account))
        except MISSHAPEN as error:
            faults.append(_fault(item, error))
    posts.sort(key=lambda post: int(post.context["versions"][-1]))
    return Parsed(posts, faults)


def turn(payload: Mapping[str, Any]) -> Turn:
    """How a list goes on.

    Raises:
        ValueError: the answer does not say.
    """
    meta = payload.get("meta")
    if not isinstance(meta, Mapping) or not isinstance(meta.get("result_count"), int):
        raise ValueError("its meta is missing")  # noqa: TRY004 – it is the value that is wrong
    newest = str(meta.get("newest_id") or "")
    return Turn(newest if _ID.fullmatch(newest) else "", str(meta.get("next_token") or ""))


def gone(payload: Mapping[str, Any], asked: Sequence[str]) -> list[Gone]:
    """Which of the posts `asked` for X says it does not show any more."""
    found = []
    for error in _mappings(payload.get("errors")):
        external_id = str(error.get("resource_id") or error.get("value") or "")
        reason = _GONE.get(str(error.get("type") or "").rpartition("/")[2])
        if reason and external_id in asked:
            found.append(Gone(PLATFORM, external_id, reason))
    return found


def answers(payload: Mapping[str, Any], parents: Sequence[str]) -> str:
    """The id of the first post that answers one of `parents`; "" where there is none."""
    for item in _mappings(payload.get("data")):
        if _referred(item, "replied_to").intersection(parents):
            return identify(item)
    return ""


def identify(item: Mapping[str, Any]) -> str:
    """The id of a post.

    Raises:
        ValueError: it has none.
    """
    found = item["id"]
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise ValueError("its id is missing")
    return found


def _post(item: Mapping[str, Any], users: Mapping[str, Mapping[str, Any]], own_id: str, account: str) -> Post:
    versions = _versions(item)
    posted_at = _moment(item.get("created_at"))
    own = str(item.get("author_id") or "") == own_id
    parents = _referred(item, "replied_to")
    return Post(
        platform=PLATFORM,
        external_id=versions[0],
        text=_readable(item),
        posted_at=posted_at,
        url=f"{SITE}/i/web/status/{versions[-1]}",
        author=_author(item, users),
        language=_language(str(item.get("lang") or "")),
        in_reply_to=min(parents, default=""),
        edited_at=posted_at if len(versions) > 1 else None,
        summons=not own and (_mentions(item, own_id, account) or _quotes(item, account)),
        own=own,
        account=f"@{account}",
        context={"versions": versions},
    )


def _versions(item: Mapping[str, Any]) -> list[str]:
    """The ids of a post through its edits, oldest first."""
    known = {str(each) for each in item.get("edit_history_tweet_ids") or [] if _ID.fullmatch(str(each))}
    return sorted(known | {identify(item)}, key=int)


def _author(item: Mapping[str, Any], users: Mapping[str, Mapping[str, Any]]) -> Author | None:
    author_id = str(item.get("author_id") or "")
    if not author_id:
        return None
    user = users.get(author_id, {})
    handle, name = str(user.get("username") or ""), tidy(str(user.get("name") or ""))
    return Author(author_id, handle, name, f"{SITE}/{handle}" if handle else f"{SITE}/i/user/{author_id}")


def _users(payload: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    included = payload.get("includes")
    users = _mappings(included.get("users")) if isinstance(included, Mapping) else []
    return {str(user.get("id") or ""): user for user in users}


def _readable(item: Mapping[str, Any]) -> str:
    """The whole text, in which links lead where they lead and not to X's shortener."""
    long = item.get("note_tweet") or {}
    text = html.unescape(str(long.get("text") or item["text"]))
    for link in _links(long) or _links(item):
        text = text.replace(str(link.get("url") or "\0"), str(link.get("expanded_url") or link.get("url")))
    return tidy(text)


def _links(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _entities(item, "urls")


def _mentions(item: Mapping[str, Any], own_id: str, account: str) -> bool:
    """Whether the post calls our account by name."""
    named = [*_entities(item, "mentions"), *_entities(item.get("note_tweet") or {}, "mentions")]
    return any(
        str(each.get("id") or "") == own_id or str(each.get("username") or "").casefold() == account.casefold()
        for each in named
    )


def _quotes(item: Mapping[str, Any], account: str) -> bool:
    """Whether it quotes a post of ours: the quoted post's link, which tells whose it is, is part of the text."""
    quoted = _referred(item, "quoted")
    links = (_POST_LINK.match(str(link.get("expanded_url") or "")) for link in _links(item))
    return any(link and link[2] in quoted and link[1].casefold() == account.casefold() for link in links)


def _referred(item: Mapping[str, Any], how: str) -> set[str]:
    """The ids of the posts that this one refers to in this way."""
    return {str(each.get("id")) for each in _mappings(item.get("referenced_tweets")) if each.get("type") == how}


def _entities(item: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    entities = item.get("entities")
    return _mappings(entities.get(kind)) if isinstance(entities, Mapping) else []


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _language(code: str) -> str:
    """X's own codes for "no words", "only links" and the like say nothing."""
    return "" if code == "und" or (len(code) == 3 and code.startswith("q")) else code


def _moment(value: Any) -> datetime | None:
    if not value:
        return None
    read = datetime.fromisoformat(str(value))
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)


def _fault(item: Any, error: Exception) -> Fault:
    external_id = str(item.get("id") or "") if isinstance(item, Mapping) else ""
    wrong = f"{type(error).__name__}: {error}"
    return Fault(f"A post cannot be read ({wrong[:200]}).", external_id, json.dumps(item, default=str)[:SAMPLE])
