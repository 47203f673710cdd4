"""A core's place in the tests of single chats: writes down what arrives, and asks and tells what it was given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from responders.channels.base import Act, Channel, Question, Surroundings

#: A Tuesday at 11:20 in Berlin.
NOW = datetime(2026, 6, 2, 9, 20, tzinfo=UTC)


@dataclass
class Recorder:
    """Writes acts down; `asks` and `tells` are answered to each, once `until` has passed."""

    asks: Question | None = None
    tells: str = ""
    until: Callable[[Act], Awaitable[None]] | None = None
    acts: list[Act] = field(default_factory=list)
    channel: Channel | None = None

    async def take(self, act: Act) -> None:
        """Keeps the act, then asks and tells."""
        self.acts.append(act)
        if self.until:
            await self.until(act)
        if self.asks and self.channel:
            await self.channel.ask(act, self.asks)
        if self.tells and self.channel:
            await self.channel.tell(act, self.tells)

    async def problem(self, act: Act) -> str:
        """Nothing speaks against anything."""
        return ""


@dataclass
class Notes:
    """A chat's memory that lasts as long as the test."""

    kept: dict[str, str] = field(default_factory=dict)

    async def get(self, name: str) -> str:
        """What was kept."""
        return self.kept.get(name, "")

    async def put(self, name: str, value: str) -> None:
        """Keeps it."""
        self.kept[name] = value


@asynccontextmanager
async def surroundings(memory: Notes | None = None) -> AsyncIterator[Surroundings]:
    """What the daemon gives a chat."""
    async with aiohttp.ClientSession() as session:
        yield Surroundings("staff", session, lambda: NOW, Path(), memory or Notes())
