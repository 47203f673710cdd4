"""Who is signed in to the inbox: one-time links and sessions, kept as hashes."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import delete, insert, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.models import LoginLink, LoginSession


def fingerprint(secret: str) -> str:
    """What is kept of a link or a cookie (both are long and random, so one hash is enough)."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def add_link(session: AsyncSession, secret: str, business_id: str, person: str, expires_at: datetime) -> None:
    """Keeps a one-time link."""
    values = {
        "hash": fingerprint(secret), "business_id": business_id, "person": person, "expires_at": expires_at,
    }  # fmt: skip
    await session.execute(insert(LoginLink).values(**values))


async def link(session: AsyncSession, secret: str, now: datetime) -> LoginLink | None:
    """The link as it stands; None where it is unknown, used, or over."""
    statement = select(LoginLink).where(
        col(LoginLink.hash) == fingerprint(secret), col(LoginLink.used_at).is_(None), col(LoginLink.expires_at) > now
    )
    return (await session.exec(statement)).first()


async def use_link(session: AsyncSession, secret: str, now: datetime) -> LoginLink | None:
    """Uses a link up; None where it is unknown, used, or over. Of two who try at once, one gets it."""
    statement = (
        update(LoginLink)
        .where(
            col(LoginLink.hash) == fingerprint(secret),
            col(LoginLink.used_at).is_(None),
            col(LoginLink.expires_at) > now,
        )
        .values(used_at=now)
        .returning(col(LoginLink.hash))
        .execution_options(synchronize_session=False)
    )
    used = (await session.execute(statement)).scalar()
    return await session.get(LoginLink, used, populate_existing=True) if used else None


async def begin_session(
    session: AsyncSession,
    secret: str,
    token: str,
    business_id: str,
    person: str,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Keeps a signed-in browser; `token` is what its forms must carry."""
    await session.execute(
        insert(LoginSession).values(
            hash=fingerprint(secret),
            business_id=business_id,
            person=person,
            token=token,
            made_at=now,
            expires_at=expires_at,
        )
    )


async def session_of(session: AsyncSession, secret: str, now: datetime) -> LoginSession | None:
    """The session that a cookie belongs to; None where it is unknown or over."""
    statement = select(LoginSession).where(
        col(LoginSession.hash) == fingerprint(secret), col(LoginSession.expires_at) > now
    )
    return (await session.exec(statement)).first()


async def end_session(session: AsyncSession, secret: str) -> None:
    """Signs a browser out."""
    await session.execute(delete(LoginSession).where(col(LoginSession.hash) == fingerprint(secret)))


async def drop_expired(session: AsyncSession, now: datetime) -> None:
    """Deletes links and sessions that are over."""
    await session.execute(delete(LoginLink).where(col(LoginLink.expires_at) <= now))
    await session.execute(delete(LoginSession).where(col(LoginSession.expires_at) <= now))
