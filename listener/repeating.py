"""Parts what is said for the first time from what was said before: a repost is reach, and not one more mention."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from listener.analysis.duplicates import WINDOW, Key, Window, Windows
from storage import Session, reposts
from storage.assessment import Polarity
from storage.reposts import First

Row = dict[str, Any]


async def first_and_again(
    session: Session, business_id: str, rows: Sequence[Row], windows: Windows
) -> AsyncIterator[list[Row]]:
    """`rows` in two batches, neither empty: what is new, and then the reposts, tied to the mention that said it first.

    The first batch must be stored before the second is asked for: a repost may
    repeat a post of the same page.
    """
    if not rows:
        return
    window = windows.get(business_id)
    if window is None:
        window = windows.fill(business_id, await reposts.recent(session, business_id, WINDOW))
    suspects = [(row, key) for row in rows if (key := _first(row, window)) is not None]
    again = {id(row) for row, _ in suspects}
    new = [row for row in rows if id(row) not in again]
    if new:
        yield new
    if suspects:
        firsts = await reposts.firsts(session, business_id, {key for _, key in suspects})
        yield [_tied(row, firsts.get(key)) for row, key in suspects]


def _first(row: Row, window: Window) -> Key | None:
    """What said it before. A review with stars counts on its platform, so it is never a repost."""
    if row["rating"] is not None:
        return None
    return window.first_of((row["platform"], row["external_id"]), f"{row['title']}\n{row['text']}")


def _tied(row: Row, first: First | None) -> Row:
    """`row` as a repost of `first`; as it is where that is not kept, felt otherwise, or was less severe."""
    if first is None or row["severity_level"] > first.severity or {row["polarity"], first.polarity} == _OPPOSITE:
        return row
    return row | {"repost": True, "first_id": first.id, "owed": False}


_OPPOSITE = {Polarity.POSITIVE, Polarity.NEGATIVE}
