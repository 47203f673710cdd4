"""Makes what a card says fit what a chat can show; a draft is never shortened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import regex

from connectors.base import Limit
from connectors.lengths import length
from responders.channels.base import Kind, Line

_GRAPHEME = regex.compile(r"\X")
#: A quote is not cut below so many characters while something else can go.
_SHORTEST_QUOTE = 80


def shortened(text: str, limit: Limit) -> str:
    """`text` as far as `limit` lets it stand, with "…" where something is missing; no character is cut in two."""
    if length(text, limit.counter) <= limit.at_most:
        return text
    pieces = _GRAPHEME.findall(text)
    low, high = 0, len(pieces)
    while low < high:
        middle = (low + high + 1) // 2
        kept = "".join(pieces[:middle]).rstrip() + "…"
        low, high = (middle, high) if length(kept, limit.counter) <= limit.at_most else (low, middle - 1)
    return "".join(pieces[:low]).rstrip() + "…" if low else ""


def fits(lines: Sequence[Line], limit: Limit) -> bool:
    """Whether all lines together can be shown."""
    return length("\n".join(line.text for line in lines), limit.counter) <= limit.at_most


def fitted(lines: Sequence[Line], limit: Limit, spare: Sequence[Line] = ()) -> list[Line] | None:
    """`lines` so that they fit: first quotes are shortened, then `spare` ones left out in order, then quotes dropped.

    None where even what must be told does not fit.
    """
    kept = [line for line in lines if line.text]
    steps: list[Callable[[list[Line]], list[Line]]] = [
        lambda now: _quotes_within(now, limit, least=_SHORTEST_QUOTE),
        *(lambda now, gone=each: [line for line in now if line is not gone] for each in spare),
        lambda now: _quotes_within(now, limit, least=0),
        lambda now: [line for line in now if line.kind is not Kind.QUOTE],
    ]
    for step in steps:
        if fits(kept, limit):
            return kept
        kept = step(kept)
    return kept if fits(kept, limit) else None


def _quotes_within(lines: list[Line], limit: Limit, least: int) -> list[Line]:
    """Takes what is too much out of the quotes, in equal shares."""
    quotes = [line for line in lines if line.kind is Kind.QUOTE]
    if not quotes:
        return lines
    others = "\n".join(line.text if line.kind is not Kind.QUOTE else "" for line in lines)
    each = max((limit.at_most - length(others, limit.counter)) // len(quotes), least)
    share = Limit(limit.counter, each)
    return [replace(line, text=shortened(line.text, share)) if line.kind is Kind.QUOTE else line for line in lines]
