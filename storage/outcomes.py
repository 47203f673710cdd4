"""What happened after a reply: the author wrote back, changed the stars, or stayed silent.

Each is a line of the audit trail ("mention 7: rated, 2 → 4"), because it is
part of a case's story and holds no words of the author's. A change before any
reply of ours is no outcome of one, and is not written down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select as columns_of
from sqlalchemy.orm import aliased
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from storage import audit, deliveries
from storage.models import Delivery, Draft, Entry, Mention

#: Who does it, in the trail: nobody is named.
AUTHOR = "the author"
RATED, REWORDED, ANSWERED = "rated", "reworded", "answered"
#: An author who writes within this time of our reply has answered it, where their platform does not say what they answer.
SOON = timedelta(days=30)


async def edited(
    session: AsyncSession, business_id: str, mention_id: int, ratings: tuple[float | None, float | None], now: datetime
) -> bool:
    """Notes that an author changed what we have answered (`ratings`: before and after); False: we have not."""
    replies = (await deliveries.public(session, [mention_id])).get(mention_id)
    if not replies:
        return False
    before, after = ratings
    what = RATED if before is not None and after is not None and before != after else REWORDED
    detail: dict[str, Any] = {"draft": replies[-1].draft_id}
    if what == RATED:
        detail |= {"before": before, "after": after}
    await audit.append(session, business_id, AUTHOR, what, f"mention {mention_id}", detail, now)
    return True


async def wrote_back(session: AsyncSession, business_id: str, mention_ids: Sequence[int], now: datetime) -> None:
    """Notes for each of these new mentions which reply of ours it answers, if any."""
    for mention_id, draft_id in (await _answered(session, business_id, mention_ids, now)).items():
        await audit.append(session, business_id, AUTHOR, ANSWERED, f"draft {draft_id}", {"mention": mention_id}, now)


async def _answered(
    session: AsyncSession, business_id: str, mention_ids: Sequence[int], now: datetime
) -> Mapping[int, int]:
    """By new mention: the latest reply to its author that had stood before it for no longer than `SOON`."""
    new = aliased(Mention)
    statement: Any = (
        columns_of(col(new.id), col(Delivery.draft_id))
        .join(Mention, (col(Mention.author_id) == col(new.author_id)) & (col(Mention.id) != col(new.id)))
        .join(Draft, col(Draft.mention_id) == col(Mention.id))
        .join(Delivery, col(Delivery.draft_id) == col(Draft.id))
        .where(
            col(new.business_id) == business_id,
            col(new.id).in_(mention_ids),
            col(Delivery.state).in_(deliveries.PUBLIC),
            col(Delivery.sent_at) <= col(new.posted_at),
            col(Delivery.sent_at) >= now - SOON,
        )
        .order_by(col(Delivery.sent_at))
    )
    return {row[0]: row[1] for row in (await session.execute(statement)).all()}


async def stars_before(session: AsyncSession, mention: Mention) -> float | None:
    """The stars that a mention had when we last answered it; None where they have not changed since."""
    replies = (await deliveries.public(session, [mention.id or 0])).get(mention.id or 0)
    lines = [
        line
        for line in await audit.recent(session, mention.business_id, f"mention {mention.id}")
        if line.what == RATED and replies and line.at >= replies[-1].at
    ]
    return lines[-1].detail["before"] if lines else None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What came of the replies of a time; one reply may be answered and bring other stars, and `silent` is the rest."""

    replies: int = 0
    answered: int = 0
    raised: int = 0
    lowered: int = 0
    silent: int = 0


async def outcomes(session: AsyncSession, business_id: str, since: datetime, until: datetime) -> Outcomes:
    """What has come of the replies that became public in [since, until)."""
    sent = columns_of(col(Delivery.draft_id)).where(
        col(Delivery.business_id) == business_id,
        col(Delivery.state).in_(deliveries.PUBLIC),
        col(Delivery.sent_at) >= since,
        col(Delivery.sent_at) < until,
    )
    replies = set((await session.execute(sent)).scalars())
    lines = columns_of(col(Entry.what), col(Entry.subject), col(Entry.detail)).where(
        col(Entry.business_id) == business_id, col(Entry.who) == AUTHOR, col(Entry.at) >= since
    )
    found: dict[str, set[int]] = {what: set() for what in (ANSWERED, REWORDED, "raised", "lowered")}
    for what, subject, detail in (await session.execute(lines.order_by(col(Entry.id)))).all():
        draft_id = int(subject.removeprefix("draft ")) if what == ANSWERED else detail["draft"]
        if draft_id not in replies:
            continue
        if what == RATED:
            found["raised"].discard(draft_id)
            found["lowered"].discard(draft_id)
            what = "raised" if detail["after"] > detail["before"] else "lowered"
        found[what].add(draft_id)
    return Outcomes(
        len(replies),
        len(found[ANSWERED] | found[REWORDED]),
        len(found["raised"]),
        len(found["lowered"]),
        len(replies - set().union(*found.values())),
    )
