"""Mentions that say what another one said before: they are reach, and count neither as mentions nor as work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, tuple_, update
from sqlalchemy import select as columns_of
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.assessment import Polarity, SeverityLevel
from storage.models import Mention


@dataclass(frozen=True, slots=True)
class First:
    """The mention that said something first."""

    id: int
    polarity: Polarity
    severity: SeverityLevel


async def recent(session: AsyncSession, business_id: str, limit: int) -> list[tuple[tuple[str, str], str]]:
    """The latest mentions that a new one may repeat, the oldest first: platform and id there, and what they say."""
    statement = (
        columns_of(col(Mention.platform), col(Mention.external_id), col(Mention.title), col(Mention.text))
        .where(
            col(Mention.business_id) == business_id,
            ~col(Mention.repost),
            col(Mention.gone_at).is_(None),
            col(Mention.rating).is_(None),
        )
        .order_by(col(Mention.id).desc())
        .limit(limit)
    )
    rows = (await session.execute(statement)).all()
    return [((row.platform, row.external_id), f"{row.title}\n{row.text}") for row in reversed(rows)]


async def firsts(
    session: AsyncSession, business_id: str, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], First]:
    """Those of these posts that are kept, by platform and id there."""
    statement = columns_of(
        col(Mention.platform),
        col(Mention.external_id),
        col(Mention.id),
        col(Mention.polarity),
        col(Mention.severity_level),
    ).where(
        col(Mention.business_id) == business_id,
        tuple_(col(Mention.platform), col(Mention.external_id)).in_(list(keys)),
        ~col(Mention.repost),
    )
    return {
        (row.platform, row.external_id): First(row.id, row.polarity, SeverityLevel(row.severity_level))
        for row in await session.execute(statement)
    }


async def seen_again(session: AsyncSession, mention_ids: Sequence[int]) -> dict[int, int]:
    """How often each of these mentions was repeated, where it was."""
    statement = (
        columns_of(col(Mention.first_id), func.count())
        .where(col(Mention.repost), col(Mention.first_id).in_(mention_ids))
        .group_by(col(Mention.first_id))
    )
    return {row[0]: row[1] for row in await session.execute(statement)}


async def number(session: AsyncSession, business_id: str, since: datetime, until: datetime) -> int:
    """How many reposts were posted in [since, until)."""
    statement = (
        columns_of(func.count())
        .select_from(Mention)
        .where(
            col(Mention.business_id) == business_id,
            col(Mention.repost),
            ~col(Mention.not_us),
            col(Mention.posted_at) >= since,
            col(Mention.posted_at) < until,
        )
    )
    return await session.scalar(statement) or 0


async def let_go(session: AsyncSession, mention_ids: Sequence[int]) -> None:
    """Unties the reposts of mentions that are no longer kept: their numbers may be given again."""
    statement = update(Mention).where(col(Mention.repost), col(Mention.first_id).in_(mention_ids))
    await session.execute(statement.values(first_id=None).execution_options(synchronize_session=False))
