"""The bot's ear on Discord: what people press, choose, write and send becomes acts."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
import discord
import structlog

from responders.channels.base import Act, Press, Question, Ref, Taker, Verb
from responders.channels.discord import pieces

log = structlog.get_logger()

#: Discord shows an error to whoever pressed after three seconds without an answer.
ANSWER_WITHIN = 2.0
#: So many answers that were sent back are kept for their windows.
_MOST_KEPT = 200
_LINK = re.compile(r"\s*/?link\s+(\S{1,64})\s*", re.IGNORECASE)


@dataclass(slots=True)
class Turn:
    """What one person did, and the one chance to answer it; `lock` keeps two from taking that chance."""

    interaction: discord.Interaction[Any]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_answered(self) -> bool:
        """Whether Discord knows that we heard."""
        return self.interaction.response.is_done()

    async def acknowledge(self) -> None:
        """Tells Discord that we heard, where nothing else has told it; a failure never loses what was done."""
        async with self.lock:
            if not self.is_answered:
                with suppress(discord.DiscordException, aiohttp.ClientError, OSError):
                    await self.interaction.response.defer()


class Listener(discord.Client):
    """Our side of the gateway; `taker` is whom it tells."""

    taker: Taker

    def __init__(self) -> None:
        intents = discord.Intents.none()
        intents.guilds = intents.dm_messages = True
        # 30 seconds is the least the library takes; it waits out shorter pauses by itself.
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=30,
            max_messages=None,
        )
        self._numbers = count(1)
        self._sent_back: OrderedDict[int, Question] = OrderedDict()

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Somebody pressed, chose, or sent a window off.

        Read from the ids alone: the library's own dispatch drops presses of
        buttons that were repainted away meanwhile, and forgets its windows
        with a restart.
        """
        kinds = (discord.InteractionType.component, discord.InteractionType.modal_submit)
        used = pieces.read(interaction.data) if interaction.type in kinds else None
        if used is None:
            return
        question = self._sent_back.get(used.number)
        if question is not None and question.press == used.press:
            await interaction.response.send_modal(pieces.window(question))
        else:
            await self._take(interaction, used)

    async def on_message(self, message: discord.Message) -> None:
        """Somebody wrote to the bot: "link CODE" ties their account to a member of staff."""
        code = _LINK.fullmatch(message.content) if message.guild is None and not message.author.bot else None
        if code is not None:
            await self.taker.take(Act(str(message.author.id), Press(Verb.LINK), code[1], token=message))

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """Something of ours failed while an event was heard; the event's texts stay out of the log."""
        log.warning("chat event not heard", event_kind=event_method, kind=getattr(sys.exc_info()[0], "__name__", ""))

    def send_back(self, question: Question) -> int:
        """Keeps a text that was sent back for its window; gives the number by which the button finds it."""
        number = next(self._numbers)
        self._sent_back[number] = question
        if len(self._sent_back) > _MOST_KEPT:
            self._sent_back.popitem(last=False)
        return number

    async def _take(self, interaction: discord.Interaction[Any], used: pieces.Used) -> None:
        """Hands an act on. A window can only be opened as the first answer, so we acknowledge late: within two seconds."""
        turn = Turn(interaction)
        act = Act(str(interaction.user.id), used.press, used.text, used.answers, _ref(interaction), turn)
        late = asyncio.create_task(_acknowledge_late(turn))
        try:
            await self.taker.take(act)
        finally:
            late.cancel()
            await turn.acknowledge()


async def _acknowledge_late(turn: Turn) -> None:
    await asyncio.sleep(ANSWER_WITHIN)
    await turn.acknowledge()


def place_of(interaction: discord.Interaction[Any]) -> str:
    """Where something was done: a channel's id, or "@" and the person's for their direct messages."""
    return f"@{interaction.user.id}" if interaction.guild_id is None else str(interaction.channel_id)


def _ref(interaction: discord.Interaction[Any]) -> Ref | None:
    """The card on which something was done; None for what only one person sees."""
    message = interaction.message
    if message is None or message.flags.ephemeral:
        return None
    return Ref(place_of(interaction), str(message.id))
