"""What one must know of an event of ours to understand what people do with it, kept over a restart.

An event on Matrix carries no data of ours back, so its meaning stands here:
what each sign under it presses, who was asked in its thread, which reactions
and answers were taken already.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field

from responders.channels.base import Memory


@dataclass(slots=True)
class Note:
    """What is known of one event.

    `place` is where the core put the card. `signs` maps each sign to a press
    and, where it answers a question, a text. `asked` maps a person to the
    press and the event of the question that waits for their words. `taken`
    are the events that were handed on. `root` is the card to which a question
    belongs. `answer` is, for somebody's answer, its press and its writer.
    """

    place: str = ""
    signs: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    asked: dict[str, tuple[str, str]] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    root: str = ""
    answer: tuple[str, str] | None = None


class Notes:
    """The notes by event id; changes to one never overtake each other."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._pen = asyncio.Lock()

    async def read(self, event: str) -> Note | None:
        """What is known of an event; None for events that are not about us."""
        kept = await self._memory.get(f"event {event}")
        return Note(**json.loads(kept)) if kept else None

    @asynccontextmanager
    async def change(self, event: str) -> AsyncIterator[Note]:
        """The note of an event, to be changed within the block; begun where there is none."""
        async with self._pen:
            note = await self.read(event) or Note()
            yield note
            await self._memory.put(f"event {event}", json.dumps(asdict(note), ensure_ascii=False))
