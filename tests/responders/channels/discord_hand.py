"""What people see and do on Discord, over the real library and a Discord that runs in this process."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import discord
import simcord
from simcord.actors import _component_interaction
from simcord.components import walk_components
from simcord.results import InteractionResult, ResponseMessage

from config.secrets import Secret
from responders.channels.base import Ref, Surroundings, Taker
from responders.channels.discord.channel import DiscordChannel
from tests.responders.channels.scenario import PEOPLE, Asked, Seen

#: Kinds of component (Discord's numbers).
BUTTON, SELECT, TEXT, LABEL = 2, 3, 10, 18


class OfflineDiscord(DiscordChannel):
    """The channel with its client plugged into the simulated Discord instead of the gateway."""

    async def run(self, taker: Taker) -> None:
        """Listens until it is cancelled; the simulation feeds the client by itself."""
        self.client.taker = taker
        await asyncio.Event().wait()


def plain(markdown: str) -> str:
    """What somebody reads of Discord's markdown, as far as we write any."""
    said = list[str]()
    for at, part in enumerate(re.split(r"```\n(.*?)\n```", markdown, flags=re.DOTALL)):
        said.append(part.replace("`\u200b`", "``") if at % 2 else _without_markup(part))
    return "".join(said)


def _without_markup(text: str) -> str:
    text = re.sub(r" \[↗\]\([^)]*\)", "", text)
    text = re.sub(r"(?m)^(### |> |-# )", "", text)
    text = re.sub(r"(?<!\\)\*\*", "", text)
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", text)


def parts(components: list[dict[str, Any]], kind: int) -> Iterator[dict[str, Any]]:
    """The components of one kind, wherever they stand."""
    return (each for each in walk_components(components) if each["type"] == kind)


def text_of(components: list[dict[str, Any]]) -> str:
    """All texts of a message, without markup."""
    return "\n".join(plain(each["content"]) for each in parts(components, TEXT))


class DiscordHand:
    """A server with one channel, our bot, and the people."""

    keeps_taps = False

    def __init__(self, env: simcord.Env) -> None:
        self.env = env
        self.guild = env.create_guild()
        self.room = self.guild.create_text_channel("reviews")
        self.people = {name: self.guild.add_member(env.create_user(name.lower())) for name in PEOPLE}
        self.results: dict[str, list[InteractionResult]] = defaultdict(list)
        self.drawn: dict[Seen, list[dict[str, Any]]] = {}
        self.turn = asyncio.Lock()
        self.channel: OfflineDiscord | None = None

    @property
    def place(self) -> str:
        return str(self.room.id)

    async def open(self, surroundings: Surroundings) -> OfflineDiscord:
        self.channel = OfflineDiscord(Secret(env="DISCORD_TOKEN"), surroundings.now)
        await self.env.restart_bot(self.channel.client)
        return self.channel

    def actor(self, person: str) -> str:
        return str(self.people[person].id)

    def stored(self) -> list[Any]:
        """The bot's messages in the room that everybody sees, oldest first."""
        kept = self.env.backend.messages.get(self.room.id, {}).values()
        return sorted((each for each in kept if each.visible_to(None)), key=lambda each: each.id)

    async def cards(self) -> list[Seen]:
        found = [(self.seen(each), list(parts(each.components, BUTTON))) for each in self.stored() if each.components]
        self.drawn |= {card: [each for each in buttons if "custom_id" in each] for card, buttons in found}
        return [card for card, _ in found]

    def seen(self, message: Any) -> Seen:
        """A card as it is read."""
        buttons = list(parts(message.components, BUTTON))
        texts = "".join(each["content"] for each in parts(message.components, TEXT))
        return Seen(
            Ref(self.place, str(message.id)),
            text_of(message.components),
            tuple(each["label"] for each in buttons if "custom_id" in each),
            tuple(re.findall(r"\[↗\]\(([^)]*)\)", texts)) + tuple(each["url"] for each in buttons if "url" in each),
        )

    async def notices(self) -> list[str]:
        return [plain(each.content) for each in self.stored() if each.content and not each.components]

    @property
    def is_heard(self) -> bool:
        """Whether our bot is there; what is pressed without it fails, and Discord forgets it."""
        return self.channel is not None and not self.channel.client.is_closed()

    async def tap(self, person: str, card: Seen, label: str) -> None:
        (custom_id,) = (each["custom_id"] for each in self.drawn[card] if each["label"] == label)
        await self.use(person, card.ref.message, {"custom_id": custom_id, "component_type": BUTTON})

    async def use(self, person: str, message: str | int, data: dict[str, Any]) -> None:
        """Uses a component of a message, though it may have been repainted away meanwhile."""
        if not self.is_heard:
            return
        who, stored = self.people[person], self.env.backend.get_message(self.room.id, int(message))
        async with self.turn:  # the simulation knows one click at a time; races are left to the core's own tests
            self.env._begin_operation("click")
            try:
                self.results[person].append(await _component_interaction(who, stored, data))
            finally:
                self.env._end_operation()

    def shown(self, person: str) -> list[ResponseMessage]:
        """What only this person sees, oldest first."""
        results = self.results[person]
        found = [each for result in results for each in (result.response, *result.followups) if each and each.ephemeral]
        return sorted({each.id: each for each in found}.values(), key=lambda each: each.id)

    async def asked(self, person: str) -> Asked | None:
        last = self.results[person][-1] if self.results[person] else None
        if last is None:
            return None
        if last.modal:
            label = next(parts(last.modal["components"], LABEL))
            return Asked(label["label"], label["component"].get("value", ""), (), text_of(last.modal["components"]))
        return next(map(self._asked_by, self._questions(last)), None)

    def _questions(self, result: InteractionResult) -> Iterator[ResponseMessage]:
        """The messages to one person alone in which something can be chosen or pressed."""
        return (each for each in (result.response, *result.followups) if each and each.ephemeral and each.components)

    def _asked_by(self, message: ResponseMessage) -> Asked:
        options = [each["label"] for select in parts(message.components, SELECT) for each in select["options"]]
        head, *typed = (plain(each["content"]) for each in parts(message.components, TEXT))
        return Asked(head, "".join(typed), tuple(options), "" if options else head)

    async def answer(self, person: str, text: str) -> None:
        last = self.results[person][-1]
        if not last.modal:
            again = next(self._questions(last))
            (button,) = parts(again.components, BUTTON)
            await self.use(person, again.id, {"custom_id": button["custom_id"], "component_type": BUTTON})
            last = self.results[person][-1]
        self.results[person].append(await self.people[person].submit_modal(last, {"answer": text}))

    async def choose(self, person: str, label: str) -> None:
        last = self.results[person][-1]
        message = next(self._questions(last))
        (select,) = parts(message.components, SELECT)
        (value,) = (each["value"] for each in select["options"] if each["label"] == label)
        await self.use(
            person, message.id, {"custom_id": select["custom_id"], "component_type": SELECT, "values": [value]}
        )

    async def told(self, person: str) -> list[str]:
        who = self.people[person]
        direct = self.env.backend.messages.get(self.env.backend.get_dm_channel(who.id).id, {}).values()
        said = [(each.id, each.content) for each in direct if each.author_id != who.id]
        said += [(each.id, each.content) for each in self.shown(person)]
        return [plain(content) for _, content in sorted(said) if content]

    async def send_code(self, person: str, code: str) -> None:
        await self.people[person].send_dm(f"link {code}")

    async def delete(self, card: Seen) -> None:
        self.env.backend.delete_message(self.room.id, int(card.ref.message))
        await self.env.settle()

    async def limit(self, seconds: int) -> None:
        for method, path in (("POST", "/channels/*/messages"), ("PATCH", "/channels/*/messages/*")):
            self.env.inject_error(method, path, status=429, message="You are being rate limited.")


@asynccontextmanager
async def discord_hand() -> AsyncIterator[DiscordHand]:
    """The people on a fresh server."""
    env = simcord.Env(discord.Client(intents=discord.Intents(guilds=True)))
    await env.start()
    try:
        yield DiscordHand(env)
    finally:
        await env.shutdown()
