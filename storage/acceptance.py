"""What became of drafts when people decided: the figures that tell whether drafts are any good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select as columns_of
from sqlalchemy.orm import aliased
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.models import Decision, Draft, Entry, Revision
from storage.states import Action, DraftState


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How people decided in a time: approved as drafted, after an edit, in their own words (no draft was ready), rejected.

    `reasons` are those given for rejections, the most frequent first, with their numbers.
    """

    unedited: int = 0
    edited: int = 0
    abstained: int = 0
    rejected: int = 0
    reasons: tuple[tuple[str, int], ...] = ()

    @property
    def decided(self) -> int:
        """All of them."""
        return self.unedited + self.edited + self.abstained + self.rejected


async def acceptance(session: AsyncSession, business_id: str, since: datetime, until: datetime) -> Acceptance:
    """How the drafts that were decided about in [since, until) fared; an approval that was recalled does not count."""
    statement = (
        columns_of(
            col(Decision.draft_id), col(Decision.action), col(Decision.revision), col(Decision.reason), col(Draft.state)
        )
        .join(Draft, col(Draft.id) == col(Decision.draft_id))
        .where(
            col(Decision.business_id) == business_id,
            col(Decision.action).in_([Action.APPROVE.value, Action.REJECT.value]),
            col(Decision.at) >= since,
            col(Decision.at) < until,
            (col(Draft.state) == DraftState.REJECTED) | (col(Draft.approved_hash) != ""),
        )
        .order_by(col(Decision.id))
    )
    last = {row.draft_id: row for row in (await session.execute(statement)).all()}
    unready = await _unready(session, business_id, list(last))
    counted: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for draft_id, row in last.items():
        if row.state is DraftState.REJECTED:
            counted["rejected"] += 1
            reasons[row.reason.strip()] += 1
        elif draft_id in unready:
            counted["abstained"] += 1
        else:
            counted["unedited" if row.revision == 1 else "edited"] += 1
    given = tuple((reason, number) for reason, number in reasons.most_common() if reason)
    return Acceptance(**counted, reasons=given)


async def _unready(session: AsyncSession, business_id: str, draft_ids: Sequence[int]) -> set[int]:
    """Those of these drafts that asked for a person's line when they were made, as the audit trail tells."""
    subjects = {f"draft {draft_id}": draft_id for draft_id in draft_ids}
    statement = columns_of(col(Entry.subject), col(Entry.detail)).where(
        col(Entry.business_id) == business_id, col(Entry.what) == "draft", col(Entry.subject).in_(list(subjects))
    )
    return {subjects[row.subject] for row in await session.execute(statement) if row.detail.get("ready") is False}


@dataclass(frozen=True, slots=True)
class Wording:
    """A reply as it was drafted ("" where it asked for a person's line), and as a person approved it."""

    drafted: str
    approved: str


async def approved(session: AsyncSession, business_id: str, language: str, limit: int = 50) -> list[Wording]:
    """The last approved replies in a language with their drafts, newest first."""
    first = aliased(Revision)
    statement: Any = (
        columns_of(col(first.text).label("drafted"), col(Draft.text).label("approved"))
        .join(first, (col(first.draft_id) == col(Draft.id)) & (col(first.number) == 1))
        .where(col(Draft.business_id) == business_id, col(Draft.language) == language, col(Draft.approved_hash) != "")
        .order_by(col(Draft.id).desc())
        .limit(limit)
    )
    return [Wording(row.drafted, row.approved) for row in (await session.execute(statement)).all()]
