"""Counters that stop at a limit: what the installation has used of something in a month."""

from __future__ import annotations

from sqlalchemy import BigInteger, String, cast
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.models import Setting
from storage.statements import insert_into

#: More than this is never counted at once, whatever a server claims; the sum of a month stays a number.
_MOST = 10**9


async def take(session: AsyncSession, name: str, amount: int, at_most: int | None = None) -> bool:
    """Counts `amount` more under `name`; False, and nothing counted, where that would pass `at_most`.

    One statement, so that of two daemons neither overlooks the other. An
    `amount` below zero gives back.
    """
    amount = min(amount, _MOST)
    if at_most is not None and amount > at_most:
        return False
    sum_ = cast(col(Setting.value), BigInteger) + amount
    statement = insert_into(session, Setting).values(name=name, value=str(max(amount, 0)))
    statement = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"value": cast(sum_, String)},
        where=None if at_most is None else sum_ <= at_most,
    ).returning(col(Setting.name))
    return (await session.execute(statement)).first() is not None


async def taken(session: AsyncSession, name: str) -> int:
    """What was counted under `name`."""
    setting = await session.get(Setting, name, populate_existing=True)
    return int(setting.value) if setting else 0
