"""Which question of ours asks what: a reply on Telegram names only the message that it answers."""

from __future__ import annotations

import asyncio
import json

from responders.channels.base import Memory, Press, Ref

#: Open questions that are remembered; the oldest is forgotten first.
_MOST = 200
_NAME = "prompts"


class Prompts:
    """Questions that wait for a reply, kept over a restart."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._turn = asyncio.Lock()

    async def keep(self, place: int, message: int, press: Press, ref: Ref) -> None:
        """Remembers what a message of ours asks."""
        async with self._turn:
            kept = await self._read()
            kept[f"{place}:{message}"] = [str(press), ref.place, ref.message]
            newest = dict(list(kept.items())[-_MOST:])
            await self._memory.put(_NAME, json.dumps(newest))

    async def find(self, place: int, message: int) -> tuple[Press, Ref] | None:
        """What a message of ours asked, and of which card; None where it asked nothing."""
        async with self._turn:
            kept = (await self._read()).get(f"{place}:{message}")
        press = Press.read(kept[0]) if kept else None
        return (press, Ref(kept[1], kept[2])) if kept and press else None

    async def _read(self) -> dict[str, list[str]]:
        kept = await self._memory.get(_NAME)
        return dict(json.loads(kept)) if kept else {}
