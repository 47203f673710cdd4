"""What people see and do on Matrix, over the real library and a real homeserver (with a wall before it that can refuse)."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from config.secrets import Secret
from responders.channels.base import Ref, Surroundings
from responders.channels.matrix.channel import MatrixChannel
from responders.channels.matrix.drawing import ANSWER_BELOW, NUMBERS, RETIRED, SIGNS
from tests.responders.channels.scenario import PEOPLE, Asked, Seen

LEGEND = (*SIGNS.values(), *NUMBERS, "↗")


class Wall:
    """Stands between our bot and the server; refuses the next message where it was told to."""

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session
        self.wait = 0

    async def pass_on(self, request: web.Request) -> web.Response:
        """One request, and its answer as it came."""
        if self.wait and "/send/m.room.message/" in request.path:
            wait, self.wait = self.wait, 0
            refusal = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": wait * 1000}
            return web.json_response(refusal, status=429)
        headers = {name: value for name, value in request.headers.items() if name in ("Authorization", "Content-Type")}
        async with self.session.request(
            request.method, self.server + request.raw_path, data=await request.read(), headers=headers
        ) as answer:
            return web.Response(body=await answer.read(), status=answer.status, content_type=answer.content_type)


class Person:
    """One account and what its client sends."""

    numbers = count()

    def __init__(self, server: str, session: aiohttp.ClientSession, name: str) -> None:
        self.id = f"@{name.lower()}:localhost"
        self.server = f"{server}/_matrix/client/v3"
        self.session = session
        self.token = ""
        self.reactions: dict[tuple[str, str], str] = {}

    async def call(self, method: str, path: str, content: Any = None) -> dict[str, Any]:
        """One call; gives what the server says, refusals too."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self.session.request(method, self.server + path, json=content, headers=headers) as answer:
            said: dict[str, Any] = await answer.json()
            return said

    async def sign_in(self) -> Person:
        """Signs in with the test server's password."""
        user = {"type": "m.id.user", "user": self.id}
        said = await self.call(
            "POST", "/login", {"type": "m.login.password", "identifier": user, "password": "hunter22"}
        )
        self.token = said["access_token"]
        return self

    async def send(self, room: str, kind: str, content: dict[str, Any]) -> str:
        """Sends an event; gives its id, empty where the server refuses."""
        said = await self.call("PUT", f"/rooms/{quote(room)}/send/{kind}/{uuid4().hex}", content)
        return str(said.get("event_id", ""))

    async def redact(self, room: str, event: str) -> None:
        """Takes an event away."""
        await self.call("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/{uuid4().hex}", {})

    async def react(self, room: str, event: str, sign: str) -> None:
        """Taps a sign; where it stands already it is taken away and put anew, as people do."""
        content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": sign}}
        made = await self.send(room, "m.reaction", content)
        if not made:
            await self.redact(room, self.reactions[event, sign])
            made = await self.send(room, "m.reaction", content)
        self.reactions[event, sign] = made


class MatrixHand:
    """A room with our bot and the people."""

    keeps_taps = True

    def __init__(
        self, wall: Wall, address: str, bot: Person, people: dict[str, Person], room: str, secret: Secret
    ) -> None:
        self.wall = wall
        self.address = address
        self.bot = bot
        self.people = people
        self.room = room
        self.secret = secret

    @property
    def place(self) -> str:
        return self.room

    async def open(self, surroundings: Surroundings) -> MatrixChannel:
        return MatrixChannel(self.address, self.secret, surroundings)

    def actor(self, person: str) -> str:
        return self.people[person].id

    async def events(self) -> list[dict[str, Any]]:
        """Everything in the room, oldest first."""
        said = await self.people["Jo"].call("GET", f"/rooms/{quote(self.room)}/messages?dir=b&limit=900")
        return list(reversed(said["chunk"]))

    async def messages(self) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
        """The bot's messages that stand: event, content as it reads now, and relation; oldest first."""
        found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        for event in await self.events():
            content = event["content"]
            if event["type"] != "m.room.message" or event["sender"] != self.bot.id or not content:
                continue
            relation = content.get("m.relates_to", {})
            if relation.get("rel_type") == "m.replace":
                if relation["event_id"] in found:
                    found[relation["event_id"]] = (content["m.new_content"], {})
            else:
                found[event["event_id"]] = (content, relation)
        return [(event, content, relation) for event, (content, relation) in found.items()]

    async def cards(self) -> list[Seen]:
        return [
            self.seen(event, content)
            for event, content, relation in await self.messages()
            if not relation and content["body"] != RETIRED
        ]

    def seen(self, event: str, content: dict[str, Any]) -> Seen:
        """A card as it is read: its lines, and the legend as buttons."""
        lines, legend = content["body"].split("\n"), []
        while lines and lines[-1].startswith(tuple(f"{sign} " for sign in LEGEND)):
            legend.insert(0, lines.pop())
        pressed = [line for line in legend if not line.startswith("↗ ")]
        links = re.findall(r'href="([^"]*)"', content["formatted_body"])
        return Seen(
            Ref(self.room, event),
            "\n".join(lines),
            tuple(line.partition(" ")[2] for line in pressed),
            tuple(map(html.unescape, links)),
        )

    async def threads(self) -> list[tuple[str, dict[str, Any], str]]:
        """The bot's messages in threads: event, content, root."""
        return [
            (event, content, relation["event_id"])
            for event, content, relation in await self.messages()
            if relation.get("rel_type") == "m.thread"
        ]

    async def notices(self) -> list[str]:
        return [
            content["body"]
            for _, content, _ in await self.threads()
            if content["msgtype"] == "m.text" and "</em></p>" not in content["formatted_body"]
        ]

    async def told(self, person: str) -> list[str]:
        mine = self.actor(person)
        return [
            content["body"].removeprefix(f"{mine} ")
            for _, content, _ in await self.threads()
            if content["msgtype"] == "m.notice" and mine in content["m.mentions"].get("user_ids", [])
        ]

    async def tap(self, person: str, card: Seen, label: str) -> None:
        content = next(
            content for event, content in await self.history(card.ref.message) if self.seen(event, content) == card
        )
        line = next(line for line in content["body"].split("\n") if line.endswith(f" {label}"))
        await self.people[person].react(self.room, card.ref.message, line.partition(" ")[0])

    async def history(self, event: str) -> list[tuple[str, dict[str, Any]]]:
        """How one message read at any time."""
        found = []
        for each in await self.events():
            content = each["content"]
            relation = content.get("m.relates_to", {})
            if each["event_id"] == event and content:
                found.append((event, content))
            elif relation.get("rel_type") == "m.replace" and relation["event_id"] == event:
                found.append((event, content["m.new_content"]))
        return found

    async def question(self, person: str) -> tuple[str, dict[str, Any], str] | None:
        """The last question to somebody that they have not answered: its event, content and thread."""
        mine, waiting = self.actor(person), None
        questions = {
            event: (event, content, root)
            for event, content, root in await self.threads()
            if "</em></p>" in content["formatted_body"] and mine in content["m.mentions"].get("user_ids", [])
        }
        for each in await self.events():
            relation = each["content"].get("m.relates_to", {})
            waiting = questions.get(each["event_id"], waiting)
            if waiting and each["sender"] == mine and relation.get("event_id") in waiting[::2]:
                waiting = None
        return waiting

    async def asked(self, person: str) -> Asked | None:
        found = await self.question(person)
        if found is None:
            return None
        rich = found[1]["formatted_body"]
        options = [line.partition(" ")[2] for line in found[1]["body"].split("\n") if line.startswith(NUMBERS)]

        def between(tag: str) -> str:
            part = re.search(rf"<{tag}>(.*?)</{tag}>", rich)
            return html.unescape(part[1].replace("<br>", "\n")) if part else ""

        return Asked(between("em"), between("blockquote"), tuple(options), between("strong"))

    async def answer(self, person: str, text: str) -> None:
        found = await self.question(person)
        assert found is not None
        assert ANSWER_BELOW in found[1]["body"]
        await self.write(person, text, found[2])

    async def write(self, person: str, text: str, root: str = "", replaces: str = "") -> str:
        """Writes in the room or a thread, or in place of an older message."""
        content: dict[str, Any] = {"msgtype": "m.text", "body": text}
        if root:
            content["m.relates_to"] = {"rel_type": "m.thread", "event_id": root, "is_falling_back": True}
        if replaces:
            content["m.new_content"] = {"msgtype": "m.text", "body": text}
            content["m.relates_to"] = {"rel_type": "m.replace", "event_id": replaces}
        return await self.people[person].send(self.room, "m.room.message", content)

    async def choose(self, person: str, label: str) -> None:
        found = await self.question(person)
        assert found is not None
        line = next(line for line in found[1]["body"].split("\n") if line.endswith(f" {label}"))
        await self.people[person].react(self.room, found[0], line.partition(" ")[0])

    async def send_code(self, person: str, code: str) -> None:
        await self.write(person, f"link {code}")

    async def delete(self, card: Seen) -> None:
        await self.people["Jo"].redact(self.room, card.ref.message)

    async def limit(self, seconds: int) -> None:
        self.wall.wait = seconds


async def make_room(bot: Person, people: dict[str, Person], **extra: Any) -> str:
    """A private room that Jo has made, with everybody in it."""
    invited = [bot.id, *(person.id for name, person in people.items() if name != "Jo")]
    said = await people["Jo"].call("POST", "/createRoom", {"preset": "private_chat", "invite": invited, **extra})
    for name, person in people.items():
        if name != "Jo":
            await person.call("POST", f"/join/{quote(said['room_id'])}", {})
    return str(said["room_id"])


@asynccontextmanager
async def matrix_hand(server: str) -> AsyncIterator[MatrixHand]:
    """The people in a fresh room."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        wall = Wall(server, session)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", wall.pass_on)
        front = await stack.enter_async_context(TestServer(app))
        people = {name: await Person(server, session, name).sign_in() for name in PEOPLE}
        bot = await Person(server, session, "warmline").sign_in()
        secret = Path(stack.enter_context(TemporaryDirectory())) / "token"
        secret.write_text(bot.token)
        address, room = str(front.make_url("")).rstrip("/"), await make_room(bot, people)
        yield MatrixHand(wall, address, bot, people, room, Secret(file=secret))
