"""Drafts, their wordings and the decisions about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, func, insert, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.models import Decision, Draft, Mention, Revision
from storage.statements import insert_into, is_id
from storage.states import OPEN, UNDECIDED, DraftState

#: What `by` says of a wording that no person wrote.
WARMLINE = "warmline"


async def propose(session: AsyncSession, draft: Mapping[str, Any]) -> Draft | None:
    """Stores a new draft with its first wording; None where the mention has an open one already."""
    statement = insert_into(session, Draft).values(**draft)
    row = (await session.execute(statement.on_conflict_do_nothing().returning(col(Draft.id)))).first()
    if row is None:
        return None
    await add_revision(session, draft["business_id"], row.id, 1, draft["text"], WARMLINE, draft["created_at"])
    return await session.get_one(Draft, row.id)


async def get(
    session: AsyncSession, business_id: str, draft_id: int, *, hold: bool = False
) -> tuple[Draft, Mention] | None:
    """A draft of this business and its mention; None where there is none.

    `hold` keeps other daemons on the same PostgreSQL from moving the draft until this work has ended.
    """
    if not is_id(draft_id):
        return None
    statement = (
        select(Draft, Mention)
        .join(Mention, col(Mention.id) == col(Draft.mention_id))
        .where(col(Draft.id) == draft_id, col(Draft.business_id) == business_id)
        .execution_options(populate_existing=True)
    )
    if hold:
        statement = statement.with_for_update(of=Draft)
    row = (await session.exec(statement)).first()
    return None if row is None else (row[0], row[1])


async def for_mention(session: AsyncSession, business_id: str, mention_id: int) -> list[Draft]:
    """All drafts for a mention, newest first."""
    statement = (
        select(Draft)
        .where(col(Draft.business_id) == business_id, col(Draft.mention_id) == mention_id)
        .order_by(col(Draft.id).desc())
    )
    return list((await session.exec(statement)).all())


async def queue(
    session: AsyncSession,
    business_id: str,
    *,
    now: datetime,
    states: Collection[DraftState] = UNDECIDED,
    snoozed: bool = False,
    limit: int = 200,
) -> list[tuple[Draft, Mention]]:
    """Drafts in `states`, the worst first, then the oldest; either those that wait now or those that are snoozed."""
    asleep = col(Draft.until) > now
    statement = (
        select(Draft, Mention)
        .join(Mention, col(Mention.id) == col(Draft.mention_id))
        .where(
            col(Draft.business_id) == business_id,
            col(Draft.state).in_(list(states)),
            asleep if snoozed else (col(Draft.until).is_(None) | ~asleep),
        )
        .order_by(col(Draft.worst).desc(), col(Draft.posted_at), col(Draft.id))
        .limit(limit)
    )
    return [(draft, mention) for draft, mention in (await session.exec(statement)).all()]


async def counts(session: AsyncSession, business_id: str) -> dict[DraftState, int]:
    """How many drafts stand in each state; states without any are left out."""
    statement = (
        select(Draft.state, func.count()).where(col(Draft.business_id) == business_id).group_by(col(Draft.state))
    )
    return {DraftState(state): number for state, number in (await session.exec(statement)).all()}


async def move(
    session: AsyncSession, draft: Draft, to: DraftState, now: datetime, changes: Mapping[str, Any] | None = None
) -> bool:
    """Moves a draft if it still stands as `draft` says (state and revision); False: it no longer does."""
    statement = (
        update(Draft)
        .where(
            col(Draft.id) == draft.id,
            col(Draft.business_id) == draft.business_id,
            col(Draft.state) == draft.state,
            col(Draft.revision) == draft.revision,
        )
        .values(state=to, changed_at=now, **(changes or {}))
        .execution_options(synchronize_session=False)
    )
    return await changed(session, statement) == 1


async def changed(session: AsyncSession, statement: Any) -> int:
    """Runs an update and counts its rows."""
    result = await session.execute(statement)
    assert isinstance(result, CursorResult)  # noqa: S101 – what an update gives
    return int(result.rowcount)


async def add_revision(
    session: AsyncSession, business_id: str, draft_id: int, number: int, text: str, by: str, at: datetime
) -> None:
    """Keeps one wording of a draft."""
    row = {"business_id": business_id, "draft_id": draft_id, "number": number, "text": text, "by": by, "at": at}
    await session.execute(insert(Revision).values(**row))


async def revisions(session: AsyncSession, business_id: str, draft_id: int) -> list[Revision]:
    """Every wording of a draft, oldest first."""
    statement = (
        select(Revision)
        .where(col(Revision.business_id) == business_id, col(Revision.draft_id) == draft_id)
        .order_by(col(Revision.number))
    )
    return list((await session.exec(statement)).all())


async def add_decision(session: AsyncSession, decision: Mapping[str, Any]) -> None:
    """Keeps one person's decision."""
    await session.execute(insert(Decision).values(**decision))


async def decisions(session: AsyncSession, business_id: str, draft_id: int) -> list[Decision]:
    """Every decision about a draft, oldest first."""
    statement = (
        select(Decision)
        .where(col(Decision.business_id) == business_id, col(Decision.draft_id) == draft_id)
        .order_by(col(Decision.id))
    )
    return list((await session.exec(statement)).all())


async def open_for(session: AsyncSession, mention_ids: Sequence[int]) -> list[Draft]:
    """The open drafts of these mentions."""
    statement = select(Draft).where(col(Draft.mention_id).in_(mention_ids), col(Draft.state).in_(list(OPEN)))
    return list((await session.exec(statement.execution_options(populate_existing=True))).all())


async def overdue(session: AsyncSession, now: datetime, limit: int = 100) -> list[Draft]:
    """Undecided drafts whose time is over."""
    statement = select(Draft).where(col(Draft.state).in_(list(UNDECIDED)), col(Draft.expires_at) <= now).limit(limit)
    return list((await session.exec(statement)).all())


async def recent_texts(session: AsyncSession, business_id: str, limit: int = 50) -> list[str]:
    """The last approved replies, newest first."""
    statement = (
        select(Draft.text)
        .where(col(Draft.business_id) == business_id, col(Draft.approved_hash) != "")
        .order_by(col(Draft.id).desc())
        .limit(limit)
    )
    return list((await session.exec(statement)).all())


async def latest(
    session: AsyncSession, business_id: str, states: Collection[DraftState], limit: int
) -> list[tuple[Draft, Mention]]:
    """Of the newest drafts in `states` the ones that changed last, the last change first."""
    statement = (
        select(Draft, Mention)
        .join(Mention, col(Mention.id) == col(Draft.mention_id))
        .where(col(Draft.business_id) == business_id, col(Draft.state).in_(list(states)))
        .order_by(col(Draft.id).desc())
        .limit(limit * 5)  # a draft is decided within days, so the last changes are among the newest
    )
    newest = [(draft, mention) for draft, mention in (await session.exec(statement)).all()]
    return sorted(newest, key=lambda pair: pair[0].changed_at, reverse=True)[:limit]


async def newest_for(session: AsyncSession, business_id: str, mention_ids: Sequence[int]) -> dict[int, Draft]:
    """The newest draft of each of these mentions that has one, by the mention's id."""
    statement = (
        select(Draft)
        .where(col(Draft.business_id) == business_id, col(Draft.mention_id).in_(mention_ids))
        .order_by(col(Draft.id))
    )
    return {draft.mention_id: draft for draft in (await session.exec(statement)).all()}
