"""How platforms count the length of a reply.

Characters are Unicode code points; graphemes are what a reader sees as one
sign (UAX #29, by the `regex` library, which agreed with Intl.Segmenter on
every probe); bytes are UTF-8.
"""

from __future__ import annotations

from enum import StrEnum

import regex


class Counter(StrEnum):
    """What a length limit counts."""

    CHARACTERS = "characters"
    GRAPHEMES = "graphemes"
    BYTES = "bytes"


_GRAPHEME = regex.compile(r"\X")


def length(text: str, counter: Counter) -> int:
    """The length of `text` as `counter` counts it."""
    if counter is Counter.CHARACTERS:
        return len(text)
    if counter is Counter.BYTES:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(_GRAPHEME.findall(text))
