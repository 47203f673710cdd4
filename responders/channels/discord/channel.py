"""One Discord bot: shows cards, repaints them, asks and answers people."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import discord

from config.errors import ConfigError
from config.secrets import Secret
from connectors.base import Limit
from connectors.lengths import Counter
from responders.channels.base import Act, Card, Editor, Limits, Pace, Question, Ref, Taker
from responders.channels.discord import pieces
from responders.channels.discord.client import Listener, Turn
from responders.channels.discord.drawing import MOST_CONTENT, MOST_LABEL, cut, escape
from responders.channels.discord.faults import UNKNOWN_MESSAGE, explained
from responders.errors import ChannelDenied

LIMITS = Limits(
    # 4,000 as drawn; what remains is for the box around the reply and for escapes in the text around it.
    text=Limit(Counter.CHARACTERS, 3_600),
    label=Limit(Counter.CHARACTERS, MOST_LABEL),
    answer=Limit(Counter.CHARACTERS, pieces.MOST_ANSWER),
    # Discord closes a window with its answer, so what is wrong comes as a message with a button to go on.
    editor=Editor.REPLY,
    pace=Pace(5, timedelta(seconds=5)),
)


class DiscordChannel:
    """Cards in text channels (a place is the channel's id) and in direct messages ("@" and the person's id)."""

    limits = LIMITS

    def __init__(self, token: Secret, now: Callable[[], datetime]) -> None:
        self.client = Listener()
        self._token = token
        self._now = now
        self._door = asyncio.Lock()

    async def run(self, taker: Taker) -> None:
        """Connects and listens until it is cancelled."""
        with explained(self._now):
            await self._sign_in()
            self.client.taker = taker
            await self.client.connect()

    def direct(self, actor: str) -> str:
        """One person's direct messages."""
        return f"@{actor}"

    async def post(self, place: str, card: Card, key: str) -> Ref:
        """Shows a card; Discord answers a second message with the same `key` within minutes with the first."""
        view = pieces.card_view(card)
        with explained(self._now):
            target = await self._target(place)
            message = await target.send(view=view, silent=card.silent, nonce=_nonce(key))
        return Ref(place, str(message.id))

    async def show(self, ref: Ref, card: Card) -> bool:
        """Repaints a card."""
        view = pieces.card_view(card)
        with explained(self._now):
            target = await self._target(ref.place)
            try:
                await target.get_partial_message(int(ref.message)).edit(view=view)
            except discord.NotFound as error:
                if error.code == UNKNOWN_MESSAGE:
                    return False
                raise
        return True

    async def ask(self, act: Act, question: Question) -> None:
        """Opens a window, or shows the ready answers; where no window can open any more, a button that opens it."""
        turn: Turn = act.token
        with explained(self._now):
            if question.options:
                await self._answer(turn, view=pieces.choices(question))
                return
            async with turn.lock:
                opens = not turn.is_answered and turn.interaction.type is discord.InteractionType.component
                if opens:
                    await turn.interaction.response.send_modal(pieces.window(question))
            if not opens:
                await self._answer(turn, view=pieces.sent_back(question, self.client.send_back(question)))

    async def tell(self, act: Act, text: str) -> None:
        """Answers so that this person alone sees it."""
        said = cut(escape(text), MOST_CONTENT)
        with explained(self._now):
            if isinstance(act.token, discord.Message):
                reference = act.token.to_reference(fail_if_not_exists=False)
                await act.token.channel.send(said, reference=reference, mention_author=False)
            else:
                await self._answer(act.token, content=said)

    async def nudge(self, ref: Ref, text: str, actors: Sequence[str]) -> None:
        """Answers the card; a message of its own, because a repaint notifies nobody."""
        named = " ".join(f"<@{actor}>" for actor in actors)
        with explained(self._now):
            target = await self._target(ref.place)
            reference = discord.MessageReference(
                message_id=int(ref.message), channel_id=target.id, fail_if_not_exists=False
            )
            await target.send(
                cut(f"{named} {escape(text)}".strip(), MOST_CONTENT),
                reference=reference,
                allowed_mentions=discord.AllowedMentions(
                    everyone=False, roles=False, replied_user=False, users=[discord.Object(int(a)) for a in actors]
                ),
            )

    async def missed(self, refs: Sequence[Ref]) -> list[Act]:
        """Nothing: what is pressed while nobody listens fails before the eyes of whoever presses."""
        return []

    async def check(self) -> str:
        """The bot's name."""
        with explained(self._now):
            await self._sign_in()
        return str(self.client.user)

    async def close(self) -> None:
        """Leaves the gateway."""
        await self.client.close()

    async def _sign_in(self) -> None:
        """Makes the client ready to call the API, once."""
        async with self._door:
            if self.client.is_closed():
                self.client = Listener()  # the library's client keeps its closed connections
            if self.client.user is None:
                try:
                    token = self._token.read()
                except ConfigError as error:
                    raise ChannelDenied(error.happened, "Nothing was shown.", error.do) from error
                await self.client.login(token)

    async def _target(self, place: str) -> Any:
        """Where messages for a place go."""
        await self._sign_in()
        if not place.removeprefix("@").isdecimal():
            raise ChannelDenied(
                f"“{cut(place, 40)}” is no channel on Discord.",
                "Nothing was shown.",
                "Put the channel's id there; Discord copies it where developer mode is on.",
            )
        if place.startswith("@"):
            return await self.client.create_dm(discord.Object(int(place[1:])))
        return self.client.get_partial_messageable(int(place))

    async def _answer(self, turn: Turn, **message: Any) -> None:
        async with turn.lock:
            if not turn.is_answered:
                await turn.interaction.response.send_message(**message, ephemeral=True)
                return
        await turn.interaction.followup.send(**message, ephemeral=True, wait=True)


def _nonce(key: str) -> str:
    """A key as Discord takes it: at most 25 characters."""
    return hashlib.sha256(key.encode()).hexdigest()[:25]
