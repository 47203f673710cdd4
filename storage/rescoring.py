"""How far a business's history has been judged anew: kept, so that it goes on where it was interrupted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.models import Mention, Setting
from storage.statements import insert_into


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: `last` is the number of the last mention that was judged, `done` how many were, by `model`."""

    model: str
    last: int = 0
    done: int = 0
    changed: int = 0


def _name(business_id: str) -> str:
    return f"rescored {business_id}"


async def progress(session: AsyncSession, business_id: str, model: str) -> Progress:
    """Where to go on; at the beginning where nothing was begun, or another model had begun it."""
    kept = await session.get(Setting, _name(business_id), populate_existing=True)
    known = Progress(**json.loads(kept.value)) if kept else None
    return known if known and known.model == model else Progress(model)


async def keep(session: AsyncSession, business_id: str, reached: Progress) -> None:
    """Keeps how far it is."""
    value = json.dumps(asdict(reached))
    statement = insert_into(session, Setting).values(name=_name(business_id), value=value)
    await session.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


async def end(session: AsyncSession, business_id: str) -> None:
    """Forgets it: all is done."""
    await session.execute(delete(Setting).where(col(Setting.name) == _name(business_id)))


async def after(session: AsyncSession, business_id: str, last: int, limit: int) -> Sequence[Mention]:
    """The next mentions that still stand, in the order in which they were heard."""
    statement = (
        select(Mention)
        .where(col(Mention.business_id) == business_id, col(Mention.id) > last, col(Mention.gone_at).is_(None))
        .order_by(col(Mention.id))
        .limit(limit)
    )
    return (await session.exec(statement)).all()


async def left(session: AsyncSession, business_id: str, last: int) -> int:
    """How many are still to be judged."""
    statement = (
        select(func.count())
        .select_from(Mention)
        .where(col(Mention.business_id) == business_id, col(Mention.id) > last, col(Mention.gone_at).is_(None))
    )
    return (await session.exec(statement)).one()
