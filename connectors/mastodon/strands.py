"""The lists on a server that one source listens to: mentions, hashtags, searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.mastodon.settings import MastodonSettings

if TYPE_CHECKING:
    from mastodon import Mastodon

#: What a mark says of a list that was empty: it is then heard from its very first post.
BEGINNING = "0"


class Strand(NamedTuple):
    """One list; `read(client, after, limit)` gives it newest first.

    `after` is the mark, the id up to which it was heard; None at the first
    look. `forward` tells that pages follow the mark without holes; searches
    give their newest posts only.
    """

    name: str
    read: Callable[[Mastodon, str | None, int], Any]
    forward: bool = True


class Stretch(NamedTuple):
    """What one look at a strand brought: items oldest first, its new mark, and whether the server gave all it could."""

    items: Sequence[Any]
    mark: str
    full: bool


def strands(settings: MastodonSettings) -> list[Strand]:
    """All that one source listens to."""
    tagged = [Strand(f"#{tag}", _hashtag(tag)) for tag in settings.hashtags]
    found = [Strand(f"search {term}", _search(term), forward=False) for term in settings.search]
    return [Strand("mentions", _mentions), *tagged, *found]


def look(client: Mastodon, strand: Strand, after: str | None, limit: int) -> Stretch:
    """The posts next to the mark; ids are compared for being the same only, and the server's order is kept."""
    items = strand.read(client, after, limit)
    ids = [str(item.get("id") or "") if isinstance(item, Mapping) else "" for item in items]
    if not isinstance(items, list) or (items and not any(ids)):
        raise TypeError("a list of posts was expected")  # Mastodon.py makes a list out of any answer
    if after in ids:  # a server that ignores the mark gives its newest page again
        items = items[: ids.index(after)]
    mark = next(filter(None, ids), after or BEGINNING)
    return Stretch(items[::-1], mark, after is not None and len(items) >= limit)


def _mentions(client: Mastodon, after: str | None, limit: int) -> Any:
    return client.notifications(types=["mention"], min_id=after, limit=limit)


def _hashtag(tag: str) -> Callable[[Mastodon, str | None, int], Any]:
    return lambda client, after, limit: client.timeline_hashtag(tag, min_id=after, limit=limit)


def _search(term: str) -> Callable[[Mastodon, str | None, int], Any]:
    def read(client: Mastodon, after: str | None, limit: int) -> Any:
        # Neither the mark nor `exclude_unreviewed` is named: both make Mastodon.py ask for the server's version first.
        found = client.search_v2(term, resolve=False, result_type="statuses", exclude_unreviewed=False, limit=limit)
        return found["statuses"]

    return read
