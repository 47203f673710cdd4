"""What a reply on Bluesky is: a record of our own, under a key that we choose before it leaves."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.base import Author
from connectors.bluesky.parsing import COLLECTION, split, timestamp

#: The alphabet of the protocol's record keys: base 32, in the order of ASCII.
ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
#: A record key ("TID"): 53 bits of microseconds and 10 of a clock's number, in 13 signs.
_TID = re.compile(r"[234567a-j][234567a-z]{12}")
#: Bits of a record key that are drawn from the delivery's key: 2.4 hours and the clock's number.
DRAWN = 43


def record_key(key: str, parent: str) -> str:
    """The record key of a reply, the same whenever the delivery's `key` and the post's address are.

    It reads as a moment shortly after the post was written; in one account's
    replies to one evening, two deliveries get the same one as rarely as two
    random numbers of 43 bits are equal.
    """
    after = split(parent)[1]
    moment = sum(ALPHABET.index(sign) << 5 * place for place, sign in enumerate(after[::-1])) if _is_tid(after) else 0
    drawn = int.from_bytes(hashlib.sha256(key.encode()).digest()) % (1 << DRAWN)
    number = (moment + drawn) % (1 << 64)
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(13)))


def _is_tid(key: str) -> bool:
    return _TID.fullmatch(key) is not None


def reply_record(text: str, parent: Mapping[str, Any], author: Author | None, now: datetime) -> dict[str, Any]:
    """The record of a reply to `parent`, a post as the server shows it."""
    reference = {"uri": parent["uri"], "cid": parent["cid"]}
    answers, languages = parent["record"].get("reply"), parent["record"].get("langs")
    record = {
        "$type": COLLECTION,
        "text": text,
        "createdAt": timestamp(now),
        "reply": {"root": answers["root"] if isinstance(answers, Mapping) else reference, "parent": reference},
        "langs": languages if isinstance(languages, list) and len(languages) == 1 else None,
        "facets": facets(text, author),
    }
    return {name: value for name, value in record.items() if value}


def facets(text: str, author: Author | None) -> list[dict[str, Any]]:
    """What makes links, hashtags and the name of the post's author in `text` live; needs no network."""
    from atproto import client_utils

    found = [facet.model_dump(by_alias=True, exclude_none=True) for facet in client_utils.detect_facets(text)]
    if author is None or not author.handle:
        return found
    called = rf"(?<![\w.@/-])@{re.escape(author.handle)}(?![\w-]|\.\w)"
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": author.external_id}
    for match in re.finditer(called, text, re.IGNORECASE):
        start, end = (len(text[:index].encode()) for index in match.span())
        found.append({"index": {"byteStart": start, "byteEnd": end}, "features": [feature]})
    return found
