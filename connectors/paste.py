"""Pasted posts: what a person found on a page that no connector reads, and put into the inbox by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.settings import Table
from connectors.base import (
    Author,
    ConnectorType,
    Cursor,
    Gone,
    Page,
    Post,
    Route,
    RouteKind,
    Surroundings,
    Traits,
)
from connectors.markup import tidy
from connectors.sites import name_of, site_of, split, without_tracking

PLATFORM = "paste"


class PasteSettings(Table):
    """A source of type `paste` has no keys of its own."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """A post as a person copied it.

    `url` is empty or a web address, `rating` is in stars, 1 to 5, `site` is
    what the person calls the place (empty: it is told by the address), and
    `posted_at` is aware (None: just now).
    """

    text: str
    url: str = ""
    rating: float | None = None
    author: str = ""
    site: str = ""
    posted_at: datetime | None = None


def parse(pasted: Pasted) -> Post:
    """The post that was copied; the same text from the same page is the same post.

    A page is not enough to tell two posts apart: review sites show many on one.
    """
    text, author = tidy(pasted.text), tidy(pasted.author)
    site = name_of(pasted.site) or site_of(split(pasted.url).hostname or "") or PLATFORM
    said = "\0".join((without_tracking(pasted.url), " ".join(text.split()), author if not text else ""))
    return Post(
        platform=site,
        external_id=f"pasted {hashlib.sha256(said.encode(errors='replace')).hexdigest()[:32]}",
        text=text,
        posted_at=pasted.posted_at,
        url=pasted.url,
        author=Author(f"pasted {author.casefold()}", name=author) if author else None,
        rating=pasted.rating,
        summons=True,  # a person says that it concerns the business, whatever words it holds
    )


class Paste:
    """The inbox's form."""

    @property
    def traits(self) -> Traits:
        """Nothing is asked for, and silence is normal."""
        return Traits(platform=PLATFORM, every=timedelta(days=1))

    async def fetch(self, cursor: Cursor | None) -> Page:
        """Nothing: what there is, people paste."""
        return Page((), None, calls=0)

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Nothing: no machine can look at these pages."""
        return []

    def route(self, post: Post) -> Route:
        """By hand, as it came."""
        if post.url:
            return Route(RouteKind.HANDOFF, "It was pasted by hand: copy the text and open the page.")
        return Route(RouteKind.NONE, "It was pasted without a link, so there is no page to answer on.")

    async def close(self) -> None:
        """Nothing is open."""


def build(settings: PasteSettings, surroundings: Surroundings) -> Paste:
    """The form needs no settings."""
    return Paste()


CONNECTOR = ConnectorType(
    settings=PasteSettings,
    build=build,
    summary="Takes what people paste into the inbox from pages that cannot be read by a machine.",
)
