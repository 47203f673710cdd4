"""How often staff were shown abusive words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.chats import Exposure
from storage.statements import insert_into


async def note(session: AsyncSession, business_id: str, person: str, draft_id: int, now: datetime) -> None:
    """Counts that a person was shown the words behind a draft; twice counts once."""
    row = {"business_id": business_id, "person": person, "draft_id": draft_id, "at": now}
    await session.execute(insert_into(session, Exposure).values(**row).on_conflict_do_nothing())


async def counts(session: AsyncSession, business_id: str, since: datetime, until: datetime) -> Mapping[str, int]:
    """How often each person was shown abusive words in [since, until); who was not is left out."""
    statement = (
        select(Exposure.person, func.count())
        .where(col(Exposure.business_id) == business_id, col(Exposure.at) >= since, col(Exposure.at) < until)
        .group_by(col(Exposure.person))
        .order_by(col(Exposure.person))
    )
    return dict((await session.exec(statement)).all())
