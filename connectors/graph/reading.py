"""From Meta's lists to posts, without a network: what both services have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from connectors.base import Fault, Gone, Post
from connectors.graph.walk import Parsed
from connectors.markup import tidy


def collect(payload: Any, read: Callable[[Any], Parsed]) -> Parsed:
    """One page of a list, item by item: what one of them holds is no reason to lose the others.

    Raises:
        ValueError: there is no list.
    """
    items = payload.get("data") if isinstance(payload, Mapping) else None
    if not isinstance(items, list):
        raise ValueError("there is no list")  # noqa: TRY004 – it is the value that is wrong
    found: list[Parsed] = []
    for item in items:
        try:
            found.append(read(item))
        except ValueError as error:
            fault = Fault(f"An item cannot be read ({_why(error)}).", sample=tidy(str(item)[:2000]))
            found.append(Parsed(faults=[fault]))
    return Parsed(
        addressed([post for each in found for post in each.posts]),
        [fault for each in found for fault in each.faults],
        [time for each in found for time in each.times],
        [talk for each in found for talk in each.talks],
    )


def _why(error: ValueError) -> str:
    """What is wrong with an item, in a few words and without the item's own."""
    if not isinstance(error, ValidationError):
        return str(error)[:200]
    wrong = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"


def addressed(posts: Sequence[Post | Gone]) -> list[Post | Gone]:
    """The same, oldest first, with our answers pointed at the comment whose author they call by name.

    Meta tells only in which conversation an answer stands, and what people
    write with its own buttons begins with the name.
    """
    ordered = sorted(posts, key=_moment)
    return [
        _pointed(post, ordered[:place]) if isinstance(post, Post) and post.own else post
        for place, post in enumerate(ordered)
    ]


def _moment(post: Post | Gone) -> float:
    return post.posted_at.timestamp() if isinstance(post, Post) and post.posted_at else 0


def _pointed(answer: Post, earlier: Sequence[Post | Gone]) -> Post:
    called = [
        post.external_id
        for post in earlier
        if isinstance(post, Post) and post.in_reply_to == answer.in_reply_to and _is_called(post, answer.text)
    ]
    return replace(answer, in_reply_to=called[-1]) if called else answer


def _is_called(post: Post, text: str) -> bool:
    """Whether `text` begins with the name of the post's author, who is not us."""
    names = [] if post.own or post.author is None else [post.author.handle, post.author.name]
    return any(re.match(rf"@?{re.escape(name)}(?!\w)", text, re.IGNORECASE) for name in names if name)
