"""Small texts that a chat keeps over a restart."""

from __future__ import annotations

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.chats import ChatNote
from storage.database import Store
from storage.statements import insert_into

#: The note in which the core keeps what is wrong with a chat; a chat's own names cannot be empty.
FAULT = ""


async def get(session: AsyncSession, business_id: str, channel: str, name: str) -> str:
    """What was kept under `name`; empty where nothing was."""
    note = await session.get(ChatNote, (business_id, channel, name), populate_existing=True)
    return note.value if note else ""


async def put(session: AsyncSession, business_id: str, channel: str, name: str, value: str) -> None:
    """Keeps `value` under `name`."""
    row = {"business_id": business_id, "channel": channel, "name": name, "value": value}
    statement = insert_into(session, ChatNote).values(**row)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["business_id", "channel", "name"], set_={"value": value})
    )


async def faults(session: AsyncSession, business_id: str) -> dict[str, str]:
    """What is wrong with the chats of a business, by their names; chats without a fault are left out."""
    statement = select(ChatNote).where(col(ChatNote.business_id) == business_id, col(ChatNote.name) == FAULT)
    return {note.channel: note.value for note in (await session.exec(statement)).all() if note.value}


class Notes:
    """The memory of one chat, as its module sees it."""

    def __init__(self, store: Store, business_id: str, channel: str) -> None:
        self._store = store
        self._of = (business_id, channel)

    async def get(self, name: str) -> str:
        """What was kept under `name`; empty where nothing was."""
        async with self._store.read() as session:
            return await get(session, *self._of, name)

    async def put(self, name: str, value: str) -> None:
        """Keeps `value` under `name`."""
        async with self._store.work() as session:
            await put(session, *self._of, name, value)
