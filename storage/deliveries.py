"""The outbox: what is to be published, is being published, and was.

Claims are leases: one compare-and-set statement, the same on both databases
(`FOR UPDATE SKIP LOCKED` compiles to nothing on SQLite, where there is one
writer), with a fence that rises at every claim.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, insert, or_, update
from sqlalchemy import select as columns_of
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.drafts import changed
from storage.models import Delivery, Draft, Source
from storage.states import OPEN, DraftState


async def enqueue(session: AsyncSession, delivery: Mapping[str, Any]) -> None:
    """Puts an approved reply into the outbox."""
    await session.execute(insert(Delivery).values(**delivery))


async def of_draft(session: AsyncSession, business_id: str, draft_id: int) -> Delivery | None:
    """The latest delivery of a draft; None where it was never approved."""
    statement = (
        select(Delivery)
        .where(col(Delivery.business_id) == business_id, col(Delivery.draft_id) == draft_id)
        .order_by(col(Delivery.id).desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return (await session.exec(statement)).first()


#: Where everyone can read a reply, as far as is known.
PUBLIC = (DraftState.SENT, DraftState.VISIBLE)


class Public(NamedTuple):
    """A reply of ours that stands under a mention, and since when."""

    draft_id: int
    text: str
    at: datetime


async def public(session: AsyncSession, mention_ids: Collection[int]) -> dict[int, list[Public]]:
    """Our public replies to each of these mentions that has any, oldest first."""
    since = func.coalesce(
        col(Delivery.sent_at), col(Delivery.not_before)
    )  # one posted by hand may have no time of its own
    statement = (
        columns_of(col(Draft.mention_id), col(Delivery.draft_id), col(Delivery.text), since)
        .join(Draft, col(Draft.id) == col(Delivery.draft_id))
        .where(col(Draft.mention_id).in_(mention_ids), col(Delivery.state).in_(PUBLIC))
        .order_by(since, col(Delivery.id))
    )
    found: dict[int, list[Public]] = {}
    for mention_id, draft_id, text, at in (await session.execute(statement)).all():
        found.setdefault(mention_id, []).append(Public(draft_id, text, at))
    return found


async def due(session: AsyncSession, state: DraftState, now: datetime, limit: int = 50) -> list[Delivery]:
    """Deliveries in `state` whose time has come, in the order they became due."""
    statement = (
        select(Delivery)
        .where(col(Delivery.state) == state, col(Delivery.not_before) <= now, _can_move())
        .order_by(col(Delivery.not_before), col(Delivery.id))
        .limit(limit)
    )
    return list((await session.exec(statement)).all())


async def next_due(session: AsyncSession) -> datetime | None:
    """When the outbox has something to do next; None: nothing waits."""
    waiting = (DraftState.APPROVED, DraftState.UNCONFIRMED, DraftState.SENT)
    statement = select(func.min(col(Delivery.not_before))).where(col(Delivery.state).in_(waiting), _can_move())
    return (await session.exec(statement)).first()


def _can_move() -> ColumnElement[bool]:
    """What was posted by hand has no receipt, so nobody can ask the platform about it."""
    return or_(col(Delivery.state) != DraftState.SENT, col(Delivery.receipt_id) != "")


async def claim(session: AsyncSession, delivery: Delivery, owner: str, lease_until: datetime, now: datetime) -> int:
    """Takes an approved delivery for publishing; gives the fence, or 0 where somebody else has it."""
    statement = (
        update(Delivery)
        .where(
            col(Delivery.id) == delivery.id,
            col(Delivery.state) == DraftState.APPROVED,
            col(Delivery.fence) == delivery.fence,
        )
        .values(
            state=DraftState.SENDING,
            owner=owner,
            lease_until=lease_until,
            fence=col(Delivery.fence) + 1,
            tries=col(Delivery.tries) + 1,
            first_claimed_at=func.coalesce(col(Delivery.first_claimed_at), now),
        )
        .execution_options(synchronize_session=False)
    )
    return delivery.fence + 1 if await changed(session, statement) else 0


async def settle(
    session: AsyncSession,
    delivery_id: int,
    *,
    state: DraftState,
    fence: int,
    to: DraftState,
    changes: Mapping[str, Any] | None = None,
) -> bool:
    """Records what became of a delivery if it is still in `state` under `fence`; False: it is not."""
    statement = (
        update(Delivery)
        .where(col(Delivery.id) == delivery_id, col(Delivery.state) == state, col(Delivery.fence) == fence)
        .values(state=to, **(changes or {}))
        .execution_options(synchronize_session=False)
    )
    return await changed(session, statement) == 1


async def stranded(session: AsyncSession, now: datetime | None) -> list[Delivery]:
    """Deliveries whose worker is gone: being sent, and their lease is over (`now` None: whatever it says)."""
    statement = select(Delivery).where(col(Delivery.state) == DraftState.SENDING)
    if now is not None:
        statement = statement.where(col(Delivery.lease_until) <= now)
    return list((await session.exec(statement)).all())


async def cancel(session: AsyncSession, draft_id: int) -> bool:
    """Takes a draft's delivery out of the outbox if nobody has claimed it yet."""
    statement = (
        update(Delivery)
        .where(col(Delivery.draft_id) == draft_id, col(Delivery.state) == DraftState.APPROVED)
        .values(state=DraftState.WITHDRAWN)
        .execution_options(synchronize_session=False)
    )
    return await changed(session, statement) == 1


async def source_of(session: AsyncSession, delivery: Delivery) -> tuple[Source, Draft]:
    """The source that speaks for a delivery, and its draft."""
    return await session.get_one(Source, delivery.source_id), await session.get_one(
        Draft, delivery.draft_id, populate_existing=True
    )


async def is_under_way(session: AsyncSession, draft_id: int) -> bool:
    """Whether a draft has a delivery that is neither done nor cancelled."""
    statement = select(Delivery.id).where(col(Delivery.draft_id) == draft_id, col(Delivery.state).in_(list(OPEN)))
    return (await session.exec(statement)).first() is not None


async def of_drafts(session: AsyncSession, business_id: str, draft_ids: Sequence[int]) -> dict[int, Delivery]:
    """The latest delivery of each of these drafts that has one, by the draft's id."""
    statement = (
        select(Delivery)
        .where(col(Delivery.business_id) == business_id, col(Delivery.draft_id).in_(draft_ids))
        .order_by(col(Delivery.id))
    )
    return {delivery.draft_id: delivery for delivery in (await session.exec(statement)).all()}
