"""What the platforms' own rules allow in a reply."""

from __future__ import annotations

import re
from collections.abc import Iterable

from connectors.base import Limit
from connectors.lengths import LINK, Counter, length

#: Tripadvisor removes replies with gifts or money, Apple those with incentives.
NO_OFFERS = frozenset({"tripadvisor", "app_store", "appstore", "google_play", "play"})
#: Tripadvisor and the app shops remove replies that hold an address, a number or a link.
NO_CONTACT = frozenset({"tripadvisor", "app_store", "appstore", "google_play", "play"})
#: Google often refuses replies with contact data, which stand beside them on the profile anyway.
ON_PROFILE = frozenset({"google", "google_business"})
#: The shops of apps show a support link of the maker's.
APP_SHOPS = frozenset({"app_store", "appstore", "google_play", "play"})
#: Where everyone can write a private message to the account that answers.
PRIVATE_MESSAGES = frozenset({"x", "twitter", "facebook", "instagram", "mastodon", "bluesky", "reddit"})
#: Where replies are a few words.
BRIEF = frozenset({"x", "twitter", "bluesky", "threads"})
#: Where people write under the name by which a shop would call them.
FIRST_NAMES = frozenset({"google", "google_business", "facebook", "trustpilot", "yelp", "tripadvisor", "survey"})


#: Signs that every platform counts as one: most letters of Europe, and the usual dashes and quotation marks.
_LIGHT = re.compile("[^\\u0000-\\u10ff\\u2000-\\u200d\\u2010-\\u201f]")
#: What may be a link, and so be counted longer than it is.
_LINKS = re.compile(r"\w\.\w|//")


def fits(text: str, limits: Iterable[Limit]) -> bool:
    """Whether `text` keeps every limit, each by its own count; what is plain from its length is not counted out."""
    return all(
        _at_most(text, limit) <= limit.at_most or length(text, limit.counter) <= limit.at_most for limit in limits
    )


def _at_most(text: str, limit: Limit) -> int:
    """More than any count of `text`, found quickly."""
    if limit.counter is Counter.BYTES:
        return 4 * len(text)
    return len(text) + len(_LIGHT.findall(text)) + LINK * len(_LINKS.findall(text))
