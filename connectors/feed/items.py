"""From an item to a post: who it is, where it leads, and what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlencode, urlsplit

from connectors.base import Author, Fault, Post
from connectors.feed.documents import Item, read

#: Items that are read of one document, the newest; a feed is no archive, and the cursor names each of them.
MOST = 1_000
#: Ids and addresses that are longer are shortened to a hash, or left out.
LONGEST = 500

_WORLDWIDE = re.compile(r"(https?://|tag:|urn:)", re.IGNORECASE)
_TRACKING = re.compile(r"(utm_\w+|mtm_\w+|mc_[ce]id|fbclid|gclid|dclid|msclkid|yclid|igshid|cmpid)", re.IGNORECASE)
_DAWN = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Document:
    """What a feed says at one moment: posts oldest first; `is_cut` where it broke off."""

    posts: Sequence[Post]
    faults: Sequence[Fault]
    is_cut: bool = False


def parse(body: bytes, *, feed: str, base: str = "", content_type: str = "") -> Document:
    """The posts in a feed's `body`; `feed` is its address, `base` where it came from after redirects.

    Raises:
        Unreadable: it is no feed.
    """
    items, is_cut = read(body, base or feed, content_type)
    posts = [_post(item, feed) for item in items if isinstance(item, Item) and (item.title or item.text)]
    faults = [item for item in items if isinstance(item, Fault)]
    posts.reverse()  # most feeds are written newest first, and sorting keeps this order where dates say nothing
    posts.sort(key=lambda post: (post.posted_at is None, post.posted_at or _DAWN))
    if len(posts) > MOST:
        faults.append(Fault(f"The feed holds more than {MOST:,} items; only the newest are heard."))
    return Document(posts[-MOST:], faults, is_cut)


def scope_of(feed: str) -> str:
    """A short name for the feed at this address, which tells nothing of the address."""
    return _digest(feed)


def fingerprint(each: Post | Fault) -> str:
    """What changes when an item says something else."""
    words = (each.title, each.text) if isinstance(each, Post) else (each.reason, each.sample)
    return _digest("\0".join((each.external_id, *words)))


def _digest(text: str) -> str:
    return blake2b(text.encode(errors="replace"), digest_size=6).hexdigest()


def _post(item: Item, feed: str) -> Post:
    link = _target(item.link)
    published = item.published or item.updated
    return Post(
        platform="feed",
        external_id=_external_id(item, link, feed),
        text=item.text or item.title,  # so that an item of a title only has words, and an edit of it shows
        posted_at=published,
        url=link if len(link) <= LONGEST * 4 else "",
        author=_author(item, feed),
        title=item.title if item.text else "",
        edited_at=item.updated if item.updated and published and item.updated > published else None,
    )


def _external_id(item: Item, link: str, feed: str) -> str:
    """See the package's own words on ids."""
    guid = item.guid
    if not guid or _is_alert(feed):
        guid = _without_tracking(link) or guid
    if _WORLDWIDE.match(guid):
        scope = _split(feed).hostname or ""
    else:
        scope = scope_of(feed)
        guid = guid or _digest(f"{item.title or item.text}\0{item.published}")
    if len(guid) > LONGEST or not guid.isprintable():
        guid = blake2b(guid.encode(errors="replace"), digest_size=16).hexdigest()
    return f"{scope} {guid}"


def _author(item: Item, feed: str) -> Author | None:
    if not item.author:
        return None
    name = item.author[:200]
    url = item.author_url if _is_web(item.author_url) and len(item.author_url) <= LONGEST else ""
    return Author(f"{_split(feed).hostname} {url or name}", name=name, url=url)


def _is_alert(feed: str) -> bool:
    address = _split(feed)
    return _is_google(address) and address.path.startswith("/alerts/feeds/")


def _is_google(address: SplitResult) -> bool:
    host = address.hostname or ""
    return host == "google.com" or host.endswith(".google.com")


def _target(link: str) -> str:
    """Where `link` leads a reader: through Google's redirect, and only into the web."""
    address = _split(link)
    if _is_google(address) and address.path == "/url":
        link = parse_qs(address.query).get("url", [link])[0]
    return link if _is_web(link) and link.isprintable() else ""


def _is_web(link: str) -> bool:
    address = _split(link)
    return address.scheme in {"http", "https"} and bool(address.hostname)


def _without_tracking(link: str) -> str:
    address = _split(link)
    query = [(key, value) for key, value in parse_qsl(address.query, True) if not _TRACKING.fullmatch(key)]
    return address._replace(query=urlencode(query)).geturl()


def _split(link: str) -> SplitResult:
    """The parts of an address; all empty where it is none."""
    try:
        parts = urlsplit(link)
        _ = parts.hostname
    except ValueError:
        return urlsplit("")
    return parts
