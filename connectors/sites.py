"""Sites that people name and link to: what a mention of theirs is called here."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

#: Sites whose name is not the word before the ending of their addresses, or that use several.
_KNOWN = {
    "g.page": "google",
    "goo.gl": "google",
    "facebookmail.com": "facebook",
    "fb.com": "facebook",
    "fb.me": "facebook",
    "twitter.com": "x",
    "trustpilotmail.com": "trustpilot",
    "youtu.be": "youtube",
    "ycombinator.com": "hackernews",
}
#: Endings of two words, such as that of "tripadvisor.co.uk".
_SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gob", "gov", "ne", "net", "or", "org"})
#: Longer names are no names.
LONGEST_NAME = 40

_TRACKING = re.compile(r"(utm_\w+|mtm_\w+|mc_[ce]id|fbclid|gclid|dclid|msclkid|yclid|igshid|cmpid)", re.IGNORECASE)


def site_of(host: str) -> str:
    """What the site at `host` is called: "yelp" for m.yelp.co.uk; empty where it has no name."""
    parts = host.casefold().strip(".").split(".")
    if len(parts) < 2 or parts[-1].isdecimal():
        return ""
    short = len(parts[-1]) == 2 and parts[-2] in _SECOND_LEVEL and len(parts) > 2
    domain = ".".join(parts[-3:] if short else parts[-2:])
    return _KNOWN.get(domain) or name_of(domain.partition(".")[0])


def name_of(written: str) -> str:
    """A site's name as it is kept, from what a person or a program calls it: "google_maps" for "Google Maps"."""
    words = re.findall(r"\w+", written.lower())
    return "_".join(words)[:LONGEST_NAME]


def split(link: str) -> SplitResult:
    """The parts of a web address; all empty where it is none that a browser may open."""
    try:
        parts = urlsplit(link)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and link.isprintable() and " " not in link
    except ValueError:
        is_web = False
    return parts if is_web else urlsplit("")


def without_tracking(link: str) -> str:
    """`link` without the marks that newsletters and advertisements leave; empty where it is none."""
    parts = split(link)
    query = [(key, value) for key, value in parse_qsl(parts.query, True) if not _TRACKING.fullmatch(key)]
    return parts._replace(query=urlencode(query)).geturl()
