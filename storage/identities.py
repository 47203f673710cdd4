"""Who is who in a chat: accounts by the chat's stable ids, and the codes that tie them to people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.chats import ChatIdentity, LinkCode
from storage.drafts import changed
from storage.statements import insert_into


async def add_code(
    session: AsyncSession, code_hash: str, business_id: str, person: str, channel: str, expires_at: datetime
) -> None:
    """Keeps the hash of a code in place of those that this person had not used yet."""
    await session.execute(
        delete(LinkCode).where(
            col(LinkCode.business_id) == business_id,
            col(LinkCode.person) == person,
            col(LinkCode.channel) == channel,
            col(LinkCode.used_at).is_(None),
        )
    )
    values = {
        "hash": code_hash, "business_id": business_id, "person": person, "channel": channel, "expires_at": expires_at,
    }  # fmt: skip
    await session.execute(insert(LinkCode).values(**values))


async def use_code(session: AsyncSession, code_hash: str, business_id: str, channel: str, now: datetime) -> str:
    """Uses a code up and gives whose it was; empty where it is unknown, used, over, or of another chat."""
    statement = (
        update(LinkCode)
        .where(
            col(LinkCode.hash) == code_hash,
            col(LinkCode.business_id) == business_id,
            or_(col(LinkCode.channel) == "", col(LinkCode.channel) == channel),
            col(LinkCode.used_at).is_(None),
            col(LinkCode.expires_at) > now,
        )
        .values(used_at=now)
        .returning(col(LinkCode.person))
        .execution_options(synchronize_session=False)
    )
    return (await session.execute(statement)).scalar() or ""


async def link(session: AsyncSession, business_id: str, channel: str, actor: str, person: str, now: datetime) -> None:
    """Says that an account is this person's from now on."""
    values = {"business_id": business_id, "channel": channel, "actor": actor, "person": person, "linked_at": now}
    statement = insert_into(session, ChatIdentity).values(**values)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["business_id", "channel", "actor"], set_={"person": person, "linked_at": now}
        )
    )


async def unlink(session: AsyncSession, business_id: str, person: str, channel: str = "") -> int:
    """Forgets a person's accounts in one chat (empty: in all); gives how many there were."""
    statement = delete(ChatIdentity).where(
        col(ChatIdentity.business_id) == business_id, col(ChatIdentity.person) == person
    )
    if channel:
        statement = statement.where(col(ChatIdentity.channel) == channel)
    return await changed(session, statement)


async def person_of(session: AsyncSession, business_id: str, channel: str, actor: str) -> str:
    """Whose account it is; empty where nobody has linked it."""
    statement = select(ChatIdentity.person).where(
        col(ChatIdentity.business_id) == business_id,
        col(ChatIdentity.channel) == channel,
        col(ChatIdentity.actor) == actor,
    )
    return (await session.exec(statement)).first() or ""


async def listing(session: AsyncSession, business_id: str, channel: str = "") -> Sequence[ChatIdentity]:
    """Every account that is linked (in one chat, or in all), in the order of linking."""
    statement = select(ChatIdentity).where(col(ChatIdentity.business_id) == business_id).order_by(col(ChatIdentity.id))
    if channel:
        statement = statement.where(col(ChatIdentity.channel) == channel)
    return (await session.exec(statement)).all()


async def drop_expired(session: AsyncSession, now: datetime) -> None:
    """Deletes codes that are over."""
    await session.execute(delete(LinkCode).where(col(LinkCode.expires_at) <= now))
