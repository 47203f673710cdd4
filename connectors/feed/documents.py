"""From the bytes of a feed to its items, whatever the format."""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from connectors.base import Fault
from connectors.markup import plain, tidy

#: "<" signs in one document: twice as many as a large feed has. Memory and time grow with every tag that is left open
#: (200,000 cost 120 MB for 3 seconds).
MOST_TAGS = 400_000

#: What feedparser was seen to raise on documents that are damaged enough, and what odd items raise in our own hands.
_ODD = (AssertionError, AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError)
_REFERENCE = re.compile(rb"&#(x[0-9a-f]+|[0-9]+);", re.IGNORECASE)


class Unreadable(ValueError):
    """The document is no feed; the message continues "it answered, but"."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item as its feed gives it, in plain text; empty where it does not tell."""

    guid: str = ""
    link: str = ""
    title: str = ""
    text: str = ""
    author: str = ""
    author_url: str = ""
    published: datetime | None = None
    updated: datetime | None = None


def read(body: bytes, base: str, content_type: str) -> tuple[list[Item | Fault], bool]:
    """The items in the document's order, and whether it was cut off in the middle of its last one.

    Raises:
        Unreadable: it is no feed.
    """
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if not start:
        raise Unreadable("it sent nothing")
    if body.count(b"<") > MOST_TAGS:
        raise Unreadable("its feed is built in a way that cannot be read safely (too many tags)")
    if start == b"{":
        return list(_read_json(body, base)), False
    return _read_xml(body, base, content_type)


def _read_xml(body: bytes, base: str, content_type: str) -> tuple[list[Item | Fault], bool]:
    import feedparser

    try:
        # Bytes only: a str may be taken for an address or a path. What it would sanitise becomes plain text anyway.
        feed = feedparser.parse(
            _REFERENCE.sub(_sound, body),
            response_headers={"content-type": content_type},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except _ODD as error:
        raise Unreadable("what it sent is too damaged to be read") from error
    if not feed.get("version"):
        raise Unreadable("what it sent is not a feed, perhaps a page for people")
    items = [_guarded(_item_of_entry, entry, base) for entry in feed.entries]
    is_cut = _is_cut(body) and bool(items)
    if is_cut:
        items[-1] = Fault(
            "The feed breaks off in the middle of this item; it is read again.", sample=_sample(items[-1])
        )
    return items, is_cut


def _sound(reference: re.Match[bytes]) -> bytes:
    """Nothing for a reference to what is no character, such as half an emoji; it would spoil the whole feed."""
    digits = reference[1].lower()
    number = int(digits[1:], 16) if digits.startswith(b"x") else int(digits[:9])
    return reference[0] if 0 < number < 0xD800 or 0xE000 <= number < 0x110000 else b""


def _is_cut(body: bytes) -> bool:
    """Whether the last item was opened and not closed."""
    return any(body.rfind(b"<" + tag) > body.rfind(b"</" + tag) for tag in (b"item>", b"entry>"))


def _guarded(read_one: Any, raw: Any, base: str) -> Item | Fault:
    """One item; whatever is wrong with it stays its own fault."""
    try:
        item: Item = read_one(raw, base)
    except _ODD as error:
        return Fault(f"An item of the feed cannot be read ({type(error).__name__}).", sample=_sample(raw))
    return item


def _sample(raw: Any) -> str:
    return tidy(str(raw)[:2000])


def _item_of_entry(entry: Mapping[str, Any], base: str) -> Item:
    # dict.get, because feedparser's own answers for keys that are not there, and warns.
    own = dict(entry)
    contents = [each for each in own.get("content", ()) if each.get("value")]
    body = contents[0] if contents else own.get("summary_detail") or {}
    author = own.get("author_detail") or {}
    return Item(
        guid=str(own.get("id") or ""),
        link=_absolute(base, own.get("link")),
        title=_words(own.get("title_detail") or {}),
        text=_words(body),
        author=tidy(author.get("name") or own.get("author") or ""),
        author_url=str(author.get("href") or ""),
        published=_moment(own.get("published_parsed")),
        updated=_moment(own.get("updated_parsed")),
    )


def _absolute(base: str, link: Any) -> str:
    try:
        return urljoin(base, link) if isinstance(link, str) and link else ""
    except ValueError:  # an address that is none costs the item only its link
        return ""


def _words(detail: Mapping[str, Any]) -> str:
    value = str(detail.get("value") or "")
    return tidy(value) if detail.get("type") == "text/plain" else plain(value)


def _moment(parsed: Any) -> datetime | None:
    """A date that feedparser understood; None where it is nonsense, such as year 1 for "never"."""
    try:
        moment = datetime.fromtimestamp(calendar.timegm(parsed), UTC)
    except (OverflowError, OSError, TypeError, ValueError):
        return None
    return _sane(moment)


def _sane(moment: datetime) -> datetime | None:
    """None outside the years in which a calendar of any time zone can still count."""
    return moment if 1970 <= moment.year <= 9998 else None


def _read_json(body: bytes, base: str) -> Iterator[Item | Fault]:
    try:
        feed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("what it sent is not complete JSON") from error
    version, items = feed.get("version"), feed.get("items")
    if not str(version).startswith("https://jsonfeed.org/version/1") or not isinstance(items, list):
        raise Unreadable("what it sent is JSON, but not a JSON Feed of version 1")
    return (_guarded(_item_of_json, item, base) for item in items)


def _item_of_json(item: Mapping[str, Any], base: str) -> Item:
    authors = item.get("authors") or [item.get("author")]
    author = authors[0] if isinstance(authors, list) and isinstance(authors[0], dict) else {}
    guid = item.get("id")
    return Item(
        guid=str(guid) if isinstance(guid, str | int | float) else "",
        link=_absolute(base, item.get("url") or item.get("external_url")),
        title=tidy(_string(item.get("title"))),
        text=tidy(_string(item.get("content_text"))) or plain(_string(item.get("content_html") or item.get("summary"))),
        author=tidy(_string(author.get("name"))),
        author_url=_string(author.get("url")),
        published=_written(_string(item.get("date_published"))),
        updated=_written(_string(item.get("date_modified"))),
    )


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _written(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return _sane((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC))
    except (OverflowError, ValueError):
        return None
