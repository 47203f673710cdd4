"""What replies committed the business to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.drafts import changed
from storage.models import Draft, Promise
from storage.statements import is_id
from storage.states import PromiseState


async def add(session: AsyncSession, promises: Sequence[dict[str, Any]]) -> None:
    """Keeps promises that have become public."""
    if promises:
        await session.execute(insert(Promise), list(promises))


async def listing(
    session: AsyncSession, business_id: str, *, states: Sequence[PromiseState] = (PromiseState.OPEN,)
) -> list[tuple[Promise, Draft]]:
    """Promises in `states` with the replies that made them, the most urgent first."""
    statement = (
        select(Promise, Draft)
        .join(Draft, col(Draft.id) == col(Promise.draft_id))
        .where(col(Promise.business_id) == business_id, col(Promise.state).in_(list(states)))
        .order_by(col(Promise.due_at), col(Promise.id))
    )
    return [(promise, draft) for promise, draft in (await session.exec(statement)).all()]


async def of_draft(session: AsyncSession, business_id: str, draft_id: int) -> list[Promise]:
    """The promises that one reply made."""
    statement = select(Promise).where(col(Promise.business_id) == business_id, col(Promise.draft_id) == draft_id)
    return list((await session.exec(statement.order_by(col(Promise.id)))).all())


async def close(session: AsyncSession, business_id: str, promise_id: int, state: PromiseState, now: datetime) -> bool:
    """Marks an open promise as kept or broken; False where it is not open, or not this business's."""
    if not is_id(promise_id):
        return False
    statement = (
        update(Promise)
        .where(
            col(Promise.id) == promise_id,
            col(Promise.business_id) == business_id,
            col(Promise.state) == PromiseState.OPEN,
        )
        .values(state=state, closed_at=now)
        .execution_options(synchronize_session=False)
    )
    return await changed(session, statement) == 1


async def closed_between(
    session: AsyncSession, business_id: str, since: datetime, until: datetime
) -> dict[PromiseState, int]:
    """How many promises fell due in [since, until), by what became of them."""
    statement = select(Promise.state).where(
        col(Promise.business_id) == business_id, col(Promise.due_at) >= since, col(Promise.due_at) < until
    )
    states = (await session.exec(statement)).all()
    return {state: states.count(state) for state in PromiseState}


async def get(session: AsyncSession, business_id: str, promise_id: int) -> Promise | None:
    """A promise of this business; None where there is none."""
    if not is_id(promise_id):
        return None
    statement = select(Promise).where(col(Promise.id) == promise_id, col(Promise.business_id) == business_id)
    return (await session.exec(statement)).first()
