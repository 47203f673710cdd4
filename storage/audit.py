"""The audit trail: every line is hashed over the one before, so that none can be changed, dropped or moved unseen.

A trail that was cut off at its end still fits together: the weekly digest
prints the latest hash, and whoever keeps that mail can tell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.models import Business, Entry

#: What the first line of a business's trail is hashed over.
GENESIS = "0" * 64


async def append(
    session: AsyncSession,
    business_id: str,
    who: str,
    what: str,
    subject: str,
    detail: Mapping[str, Any],
    now: datetime,
) -> None:
    """Writes one line: `who` did `what` to `subject` ("draft 7"); no customer's words."""
    # Several daemons may write on PostgreSQL: they take turns, or the trail would fork.
    await session.exec(select(Business.id).where(col(Business.id) == business_id).with_for_update(key_share=True))
    entry = Entry(
        business_id=business_id,
        at=now,
        who=who,
        what=what,
        subject=subject,
        detail=dict(detail),
        previous=await head(session, business_id),
        hash="",
    )
    entry.hash = _hash(entry)
    session.add(entry)
    await session.flush()


async def head(session: AsyncSession, business_id: str) -> str:
    """The hash of the latest line."""
    statement = select(Entry.hash).where(col(Entry.business_id) == business_id).order_by(col(Entry.id).desc()).limit(1)
    return (await session.exec(statement)).first() or GENESIS


async def verify(session: AsyncSession, business_id: str) -> list[str]:
    """What is wrong with a business's trail, in words; empty: every line is as it was written."""
    faults, previous = [], GENESIS
    statement = select(Entry).where(col(Entry.business_id) == business_id).order_by(col(Entry.id))
    for entry in (await session.exec(statement)).all():
        if entry.previous != previous:
            faults.append(f"Before line {entry.id}, a line is missing or out of place.")
        if entry.hash != _hash(entry):
            faults.append(f"Line {entry.id} was changed after it was written.")
        previous = entry.hash
    return faults


async def recent(session: AsyncSession, business_id: str, subject: str = "", limit: int = 100) -> list[Entry]:
    """The latest lines (about `subject`, or all), newest first."""
    statement = select(Entry).where(col(Entry.business_id) == business_id)
    if subject:
        statement = statement.where(col(Entry.subject) == subject)
    return list((await session.exec(statement.order_by(col(Entry.id).desc()).limit(limit))).all())


def _hash(entry: Entry) -> str:
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    line = [entry.business_id, at, entry.who, entry.what, entry.subject, entry.detail, entry.previous]
    said = json.dumps(line, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
