"""What cannot wait: told once, however often it is noticed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.models import Alert
from storage.statements import insert_into


async def raise_once(
    session: AsyncSession,
    business_id: str,
    key: str,
    text: str,
    now: datetime,
    *,
    critical: bool = False,
    mention_id: int | None = None,
) -> bool:
    """Keeps an alert under `key`; False where that key was raised before."""
    statement = insert_into(session, Alert).values(
        business_id=business_id,
        key=key,
        text=text,
        made_at=now,
        critical=critical,
        mention_id=mention_id,
        next_at=now,
        tries=0,
    )
    row = (await session.execute(statement.on_conflict_do_nothing().returning(col(Alert.id)))).first()
    return row is not None


async def untold(session: AsyncSession, now: datetime) -> list[Alert]:
    """Alerts that nobody has been told, critical ones first, whose next try is due."""
    statement = (
        select(Alert)
        .where(col(Alert.told_at).is_(None), col(Alert.next_at) <= now)
        .order_by(col(Alert.critical).desc(), col(Alert.id))
        .limit(50)
    )
    return list((await session.exec(statement)).all())


async def told(session: AsyncSession, alert_id: int, now: datetime) -> None:
    """Marks an alert as told."""
    await session.execute(update(Alert).where(col(Alert.id) == alert_id).values(told_at=now))


async def put_off(session: AsyncSession, alert_id: int, until: datetime) -> None:
    """Plans the next try of an alert that did not get through."""
    statement = update(Alert).where(col(Alert.id) == alert_id).values(tries=col(Alert.tries) + 1, next_at=until)
    await session.execute(statement)


async def recent(session: AsyncSession, business_id: str, limit: int = 20) -> list[Alert]:
    """The latest alerts of a business, newest first."""
    statement = select(Alert).where(col(Alert.business_id) == business_id).order_by(col(Alert.id).desc()).limit(limit)
    return list((await session.exec(statement)).all())
