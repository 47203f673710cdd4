"""What people see and do on Telegram: the shared Bot API server in this process, with our own staff in its group."""

from __future__ import annotations

import asyncio
import importlib.util
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from responders.channels.base import Channel, Ref, Surroundings
from responders.channels.telegram import CHANNEL
from tests.responders.channels.scenario import PEOPLE, Asked, Seen
from tests.servers import free_port

#: Shaped as Telegram shapes them: 35 signs behind the colon.
TOKEN = "123456789:" + "t" * 35
IDS = {"Jo": 2001, "Mia": 2002, "Jon": 2003, "Eve": 2004}
UNSEEN = "\u200b"


def _bot_api(shared: Path) -> Any:
    spec = importlib.util.spec_from_file_location("bot_api", shared / "servers" / "telegram" / "bot_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.STAFF.update(
        {
            name.lower(): {"id": IDS[name], "is_bot": False, "first_name": name, "username": name.lower()}
            for name in PEOPLE
        }
    )
    return module


class TelegramHand:
    """One group with everybody in it; each person also has a private chat with the bot."""

    keeps_taps = True

    def __init__(self, shared: Path) -> None:
        module = _bot_api(shared)
        self.telegram = module.BotAPI(enforce_rates=False)
        self.group: int = module.GROUP["id"]
        self.bot: int = module.BOT["id"]
        self.port = free_port()
        self.raw: dict[int, dict[str, Any]] = {}
        self.toasts: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self.presses: dict[str, list[asyncio.Task[None]]] = defaultdict(list)
        self.drawn: dict[Seen, dict[str, str]] = {}
        self._answered: set[int] = set()
        self._runner: web.AppRunner | None = None
        self._keep_markup()

    @property
    def address(self) -> str:
        """Where the server stands."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Opens Telegram's door, at the same address each time."""
        self._runner = web.AppRunner(self.telegram.app(), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        """Telegram is gone; it remembers."""
        assert self._runner is not None
        await self._runner.cleanup()

    async def close(self) -> None:
        """Ends what waits for an answer that does not come."""
        presses = [each for theirs in self.presses.values() for each in theirs]
        for press in presses:
            press.cancel()
        await asyncio.gather(*presses, return_exceptions=True)
        await self.stop()

    @property
    def place(self) -> str:
        return str(self.group)

    async def open(self, surroundings: Surroundings) -> Channel:
        return CHANNEL.make({"token": {"env": "TELEGRAM_TOKEN"}, "server": self.address}, surroundings)

    def actor(self, person: str) -> str:
        return str(IDS[person])

    def messages(self, chat: int) -> list[dict[str, Any]]:
        """All messages of a chat, oldest first."""
        return [each for (place, _), each in sorted(self.telegram.messages.items()) if place == chat]

    async def cards(self) -> list[Seen]:
        ours = [each for each in self.messages(self.group) if each["from"]["id"] == self.bot]
        return [self.seen(each) for each in ours if "reply_to_message" not in each]

    def seen(self, message: dict[str, Any]) -> Seen:
        """A card as it is read."""
        markup = message.get("reply_markup") or {}
        keys = [key for row in markup.get("inline_keyboard", []) for key in row]
        buttons = {key["text"]: key["callback_data"] for key in keys if "callback_data" in key}
        links = [*self.raw[message["message_id"]]["links"], *(key["url"] for key in keys if "url" in key)]
        ref = Ref(str(message["chat"]["id"]), str(message["message_id"]))
        card = Seen(ref, readable(message["text"]), tuple(buttons), tuple(links))
        self.drawn[card] = buttons
        return card

    async def notices(self) -> list[str]:
        ours = [each for each in self.messages(self.group) if each["from"]["id"] == self.bot]
        return [readable(each["text"]) for each in ours if "reply_to_message" in each and not each.get("reply_markup")]

    async def tap(self, person: str, card: Seen, label: str) -> None:
        await self.press(person, int(card.ref.place), int(card.ref.message), self.drawn[card][label])

    async def press(self, person: str, chat: int, message: int, data: str) -> None:
        """Presses a button as it once stood on a message; what is answered is noted when it comes."""
        url = f"{self.address}/_staff/press"
        want = {"user": person.lower(), "chat": chat, "message_id": message, "data": data}

        async def press() -> None:
            async with aiohttp.ClientSession() as session, session.post(url, json=want) as response:
                answer = await response.json()
            if answer.get("text"):
                newest = max((number for _, number in self.telegram.messages), default=0)
                self.toasts[person].append((newest + 0.5, answer["text"]))

        self.presses[person].append(asyncio.create_task(press()))
        await asyncio.sleep(0)

    async def pressed(self, person: str) -> None:
        """Waits until everything that this person pressed is answered."""
        await asyncio.gather(*self.presses[person])

    def question(self, person: str) -> dict[str, Any] | None:
        """The newest message that asks this person something, and was not answered yet."""
        for message in reversed(self.messages(self.group) + self.messages(IDS[person])):
            markup = message.get("reply_markup") or {}
            keys = [key for row in markup.get("inline_keyboard", []) for key in row]
            asks = markup.get("force_reply") or any("=" in key.get("callback_data", "") for key in keys)
            if asks and message["message_id"] not in self._answered and self._is_for(message, person):
                return message
        return None

    def _is_for(self, message: dict[str, Any], person: str) -> bool:
        return message["chat"]["id"] > 0 or f"tg://user?id={IDS[person]}" in self.raw[message["message_id"]]["html"]

    async def asked(self, person: str) -> Asked | None:
        message = self.question(person)
        if message is None:
            return None
        raw = self.raw[message["message_id"]]
        keys = [key for row in message["reply_markup"].get("inline_keyboard", []) for key in row]
        lines = (
            readable(message["text"].partition(raw["box"])[0] if raw["box"] else message["text"]).strip().split("\n")
        )
        return Asked(lines[-1], raw["box"], tuple(key["text"] for key in keys), raw["bold"])

    async def answer(self, person: str, text: str) -> None:
        message = self.question(person)
        assert message is not None
        self._answered.add(message["message_id"])
        await self.say(person, message["chat"]["id"], text, message["message_id"])

    async def choose(self, person: str, label: str) -> None:
        message = self.question(person)
        assert message is not None
        keys = [key for row in message["reply_markup"]["inline_keyboard"] for key in row]
        data = next(key["callback_data"] for key in keys if key["text"] == label)
        await self.press(person, message["chat"]["id"], message["message_id"], data)

    async def say(self, person: str, chat: int, text: str, reply_to: int = 0) -> int:
        """Somebody writes a message; gives its number."""
        want = {"user": person.lower(), "chat": chat, "text": text, "reply_to": reply_to}
        async with aiohttp.ClientSession() as session, session.post(f"{self.address}/_staff/say", json=want) as said:
            return int((await said.json())["message_id"])

    async def told(self, person: str) -> list[str]:
        said = [
            (each["message_id"], readable(each["text"]))
            for each in self.messages(self.group) + self.messages(IDS[person])
            if each["from"]["id"] == self.bot
            and (
                each["chat"]["id"] > 0 or (each.get("reply_to_message") or {}).get("from", {}).get("id") == IDS[person]
            )
            and not each.get("reply_markup")
        ]
        return [text for _, text in sorted(self.toasts[person] + said, key=lambda each: each[0])]

    async def send_code(self, person: str, code: str) -> None:
        await self.say(person, IDS[person], f"/start {code}")

    async def delete(self, card: Seen) -> None:
        del self.telegram.messages[int(card.ref.place), int(card.ref.message)]

    async def limit(self, seconds: int) -> None:
        for method in ("sendMessage", "editMessageText"):
            self.telegram.faults[method] = {"times": 1, "status": 429, "retry_after": seconds}

    def _keep_markup(self) -> None:
        """Notes the markup of our messages, of which the server keeps only the words."""
        send, edit = self.telegram.sendMessage, self.telegram.editMessageText

        async def sending(p: dict[str, Any]) -> Any:
            sent = await send(p)
            self.raw[sent["message_id"]] = look(p.get("text", ""))
            self.raw[sent["message_id"]]["silent"] = p.get("disable_notification") in (True, "true", "True")
            return sent

        async def editing(p: dict[str, Any]) -> Any:
            sent = await edit(p)
            self.raw[sent["message_id"]] |= look(p.get("text", ""))
            return sent

        self.telegram.sendMessage, self.telegram.editMessageText = sending, editing


class _Look(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.inside: dict[str, list[str]] = defaultdict(list)
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href" and (value or "").startswith("http")]

    def handle_endtag(self, tag: str) -> None:
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for tag in self.open[-1:]:
            self.inside[tag].append(data)


def look(markup: str) -> dict[str, Any]:
    """What our HTML marks: its links, what stands in a box, and what is bold."""
    parser = _Look()
    parser.feed(markup)
    parser.close()
    box, bold = "".join(parser.inside["pre"]), readable("".join(parser.inside["b"]))
    return {"html": markup, "links": parser.links, "box": box, "bold": bold}


def readable(text: str) -> str:
    """What one reads of a message's text."""
    return text.replace(UNSEEN, "").replace(" ↗", "")


@asynccontextmanager
async def telegram_hand(shared: Path) -> AsyncIterator[TelegramHand]:
    """The people in a fresh group."""
    hand = TelegramHand(shared)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELEGRAM_TOKEN", TOKEN)
        await hand.start()
        yield hand
        await hand.close()
