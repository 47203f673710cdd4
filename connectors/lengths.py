"""How platforms count the length of a reply.

Characters are Unicode code points; graphemes are what a reader sees as one
sign (UAX #29, by the `regex` library, which agreed with Intl.Segmenter on
every probe); bytes are UTF-8. No count is ever below the platform's own for
a text that people write: where the exact rule needs a list that ages, such as
the domains of the day, we count the longer reading.
"""

from __future__ import annotations

import unicodedata
from enum import StrEnum

import regex


class Counter(StrEnum):
    """What a length limit counts."""

    CHARACTERS = "characters"
    GRAPHEMES = "graphemes"
    BYTES = "bytes"
    #: X: most European letters weigh one, everything else and each emoji two, a link 23.
    WEIGHTED = "weighted"
    #: The Fediverse: characters, and a link counts as 23 even where it is shorter.
    LINKED = "linked"


#: What X and Mastodon count for a link, because both shorten it on display.
LINK = 23

_GRAPHEME = regex.compile(r"\X")
_LINK_START = regex.compile(r"https?://", regex.IGNORECASE)
#: The shortest link there is, "http://a.co": what ends a link only the server knows, so none counts as shorter.
_SHORTEST_LINK = 11

#: The ranges of twitter-text's configuration v3 that weigh one; all else weighs two.
_LIGHT = (range(0x1100), range(8192, 8206), range(8208, 8224), range(8242, 8248))
_WEIGHTED = regex.compile(
    r"""
    (?P<link> (?<![A-Za-z0-9@＠$#＃])
        https?:// (?P<host>(?:[\p{L}\p{N}](?:[\p{L}\p{N}_-]*[\p{L}\p{N}])?\.)+[A-Za-z]{2,18}) (?![A-Za-z0-9@])
        (?: :[0-9]+ )?
        (?: /(?:[A-Za-z0-9!*';:=+,.$/%\#\[\]_~@|&-]*[A-Za-z0-9=_\#/+-])? )?
        (?: \?[A-Za-z0-9!?*'();:&=+$/%\#\[\]_.,~|@-]*[A-Za-z0-9_&=\#/-] )?
    )
    | (?P<bare> (?<![\p{L}\p{N}@＠$\#＃_.-]) (?:[\p{L}\p{N}](?:[\p{L}\p{N}_-]*[\p{L}\p{N}])?\.)+\p{L}{2,} )
    | (?P<emoji> \p{Regional_Indicator}{2}
        | [0-9\#*]\uFE0F?\u20E3
        | EMOJI (?: \u200D EMOJI )*
    )
    | (?P<sign> . )
    """.replace(
        "EMOJI",
        r"""(?: \p{Emoji_Modifier_Base}\p{Emoji_Modifier} | \p{Extended_Pictographic}\uFE0F? )
            (?: [\U000E0020-\U000E007E]+\U000E007F )?""",
    ),
    regex.VERBOSE | regex.DOTALL,
)


def length(text: str, counter: Counter) -> int:
    """The length of `text` as `counter` counts it."""
    if counter is Counter.CHARACTERS:
        return len(text)
    if counter is Counter.BYTES:
        return len(text.encode("utf-8", "surrogatepass"))
    if counter is Counter.GRAPHEMES:
        return len(_GRAPHEME.findall(text))
    if counter is Counter.LINKED:
        return len(text) + (LINK - _SHORTEST_LINK) * len(_LINK_START.findall(text))
    return sum(_weight(match) for match in _WEIGHTED.finditer(unicodedata.normalize("NFC", text)))


def _weight(match: regex.Match[str]) -> int:
    """What one piece of a text weighs on X (twitter-text, configuration v3)."""
    if match.lastgroup == "emoji":
        return 2
    if match["link"] and _is_host(match["host"]):
        return LINK
    plain = sum(1 if any(ord(sign) in light for light in _LIGHT) else 2 for sign in match.group())
    # X takes a bare "crumb.example" for a link only if its ending is a domain of the day.
    return max(LINK, plain) if match["bare"] else plain


def _is_host(host: str) -> bool:
    """Whether every label of a host is short enough for the domain name system."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True
