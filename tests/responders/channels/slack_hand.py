"""What people see and do on Slack: the shared workspace server, with our own staff in it, and its socket in this process."""

from __future__ import annotations

import importlib.util
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from aiohttp import web

from responders.channels.base import Channel, Ref, Surroundings
from responders.channels.slack import CHANNEL
from tests import servers
from tests.responders.channels.scenario import PEOPLE, Asked, Seen, eventually

BOT = "warmline"
SEED = f"""
slack:
  team: {{name: Crumb & Co., domain: crumb}}
  users:
{
    "".join(
        f'''    - {{name: {name}, real_name: {name.title()}, email: {name}@crumb.example}}
'''
        for name in (BOT, *map(str.lower, PEOPLE))
    )
}
  tokens:
    - {{token: xoxb-warmline, user: {BOT}}}
{
    "".join(
        f'''    - {{token: xoxp-{name}, user: {name}}}
'''
        for name in map(str.lower, PEOPLE)
    )
}
"""


@contextmanager
def workspace_server(shared: Path, folder: Path) -> Iterator[str]:
    """The address of a workspace in which our staff have accounts: the shared server, seeded by us."""
    theirs, ours = shared / "servers" / "slack", folder / "slack"
    ours.mkdir()
    for name in ("start", "loopback.cjs", "socket_mode.py"):
        (ours / name).symlink_to(theirs / name)
    (ours / "workspace.yaml").write_text(SEED, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(servers, "SERVERS", folder)
        with servers.start_server("slack") as ready:
            yield f"http://127.0.0.1:{urlsplit(ready['base_url']).port + 1}"


def _socket_mode(shared: Path) -> Any:
    spec = importlib.util.spec_from_file_location("socket_mode", shared / "servers" / "slack" / "socket_mode.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class SlackHand:
    """A channel of its own in the workspace, and Slack's socket, which tests can take away."""

    keeps_taps = False

    def __init__(self, shared: Path, upstream: str) -> None:
        self.port = servers.free_port()
        self.slack = _socket_mode(shared).Workspace(self.port, upstream)
        self.slack.proxy = self._overhear(self.slack.proxy)
        self.members: dict[str, dict[str, Any]] = {}
        self.room = ""
        self.begins = 0.0
        self.windows: dict[str, dict[str, Any]] = {}
        self.whispers: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.drawn: dict[Seen, dict[str, str]] = {}
        self.acked: list[dict[str, Any]] = []
        self._is_coming = False
        self._triggers: dict[str, str] = {}
        self._problems: dict[str, tuple[str, str]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Opens Slack's door, at the same address each time."""
        self._runner = web.AppRunner(self.slack.app(), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        """Slack is gone, with every socket; the workspace remembers."""
        for socket in list(self.slack.sockets):
            await socket.close()
        assert self._runner is not None
        await self._runner.cleanup()

    async def settle(self) -> None:
        """Makes the channel and lets everybody in."""
        found = (await self.slack.call("users.list"))["members"]
        self.members = {each["name"]: each for each in found}
        made = await self.slack.call("conversations.create", name=f"room-{uuid4().hex[:12]}")
        self.room = made["channel"]["id"]
        await self.slack.call(
            "conversations.invite", channel=self.room, users=",".join(self.actor(person) for person in PEOPLE)
        )
        first = await self.slack.call("chat.postMessage", channel=self.room, text="The time at which it begins.")
        self.begins = float(first["ts"])
        await self.slack.call("chat.delete", channel=self.room, ts=first["ts"])

    @property
    def place(self) -> str:
        return self.room

    async def open(self, surroundings: Surroundings) -> Channel:
        options = {
            "bot_token": {"env": "SLACK_BOT_TOKEN"},
            "app_token": {"env": "SLACK_APP_TOKEN"},
            "server": f"http://127.0.0.1:{self.port}/api/",
        }
        self._is_coming = True
        return CHANNEL.make(options, surroundings)

    def actor(self, person: str) -> str:
        return str(self.members[person.lower()]["id"])

    async def history(self, channel: str) -> list[dict[str, Any]]:
        """All messages of a conversation, oldest first."""
        found = await self.slack.call("conversations.history", channel=channel, limit=500)
        recent = [each for each in found.get("messages", []) if float(each["ts"]) > self.begins]
        return sorted(recent, key=lambda each: float(each["ts"]))

    async def cards(self) -> list[Seen]:
        ours = self.members[BOT]["id"]
        messages = [each for each in await self.history(self.room) if each["user"] == ours and "thread_ts" not in each]
        return [self.seen(each) for each in messages]

    def seen(self, message: dict[str, Any]) -> Seen:
        """A card as it is read."""
        elements = [each for block in message["blocks"] if block["type"] == "actions" for each in block["elements"]]
        buttons = {each["text"]["text"]: each["action_id"] for each in elements if "url" not in each}
        links = [*_links(message["blocks"]), *(each["url"] for each in elements if "url" in each)]
        card = Seen(Ref(self.room, message["ts"]), read(message["blocks"]), tuple(buttons), tuple(links))
        self.drawn[card] = buttons
        return card

    async def notices(self) -> list[str]:
        said = []
        for card in await self.history(self.room):
            thread = (await self.slack.call("conversations.replies", channel=self.room, ts=card["ts"]))["messages"]
            said += [(float(each["ts"]), each["text"]) for each in thread if each["ts"] != card["ts"]]
        return [text for _, text in sorted(said)]

    async def tap(self, person: str, card: Seen, label: str) -> None:
        await self._until_heard()
        action = {"type": "button", "action_id": self.drawn[card][label], "action_ts": f"{time.time():.6f}"}
        await self.press(person, card.ref.message, action)

    async def press(self, person: str, ts: str, action: dict[str, Any]) -> dict[str, Any]:
        """Presses a button as it once stood on a message, though it may have been repainted away."""
        payload = await self._interaction(
            person,
            type="block_actions",
            channel={"id": self.room, "name": "room"},
            container={"type": "message", "message_ts": ts, "channel_id": self.room, "is_ephemeral": False},
            actions=[action],
        )
        answer: dict[str, Any] = await self.slack.deliver("interactive", payload)
        self.acked.append(answer)
        return answer

    async def asked(self, person: str) -> Asked | None:
        view = self.windows.get(self.actor(person))
        if view is None:
            return None
        field = next(block for block in view["blocks"] if block["type"] == "input")
        problem, typed = self._problems.get(view["id"], ("", ""))
        shown = [block["text"]["text"] for block in view["blocks"] if block["type"] == "section"]
        return Asked(
            field["label"]["text"],
            typed or field["element"].get("initial_value", ""),
            tuple(each["text"]["text"] for each in field["element"].get("options", ())),
            problem or "".join(shown[:1]),
        )

    async def answer(self, person: str, text: str) -> None:
        await self._submit(person, {"type": "plain_text_input", "value": text or None}, text)

    async def choose(self, person: str, label: str) -> None:
        view = self.windows[self.actor(person)]
        options = next(block for block in view["blocks"] if block["type"] == "input")["element"]["options"]
        chosen = next(each for each in options if each["text"]["text"] == label)
        await self._submit(person, {"type": "radio_buttons", "selected_option": chosen}, label)

    async def _until_heard(self) -> None:
        """Whoever has just started is on their way to the socket: people take longer to reach for a button."""
        if self._is_coming:
            await eventually(self._is_heard)
            self._is_coming = False

    async def _is_heard(self) -> bool:
        return bool(self.slack.sockets)

    async def _submit(self, person: str, field: dict[str, Any], typed: str) -> None:
        view = self.windows[self.actor(person)]
        state = {"values": {"answer": {"answer": field}}}
        payload = await self._interaction(person, type="view_submission", view={**view, "state": state})
        answer = await self.slack.deliver("interactive", payload)
        self.acked.append(answer)
        if not answer["acked"]:
            return
        errors = (answer.get("payload") or {}).get("errors", {})
        if errors:
            self._problems[view["id"]] = (errors["answer"], typed)
        elif self.windows.get(self.actor(person)) is view:
            del self.windows[self.actor(person)]

    async def told(self, person: str) -> list[str]:
        said = list(self.whispers[self.actor(person)])
        direct = (await self.slack.call("conversations.open", users=self.actor(person)))["channel"]["id"]
        ours = self.members[BOT]["id"]
        said += [(each["ts"], read(each["blocks"])) for each in await self.history(direct) if each["user"] == ours]
        return [text for _, text in sorted(said, key=lambda each: float(each[0]))]

    async def send_code(self, person: str, code: str) -> None:
        await self._until_heard()
        direct = (await self.slack.call("conversations.open", users=self.actor(person)))["channel"]["id"]
        await self.write(person, direct, f"link {code}")

    async def write(self, person: str, channel: str, text: str) -> dict[str, Any]:
        """Somebody writes a message, which is delivered as an event."""
        post = {"channel": channel, "text": text}
        sent = await self.slack.call("chat.postMessage", token=f"xoxp-{person.lower()}", **post)
        event = {"type": "message", "user": self.actor(person), "channel_type": "im", "ts": sent["ts"], **post}
        wrapped = {"token": "-", "team_id": "T1", "api_app_id": "A1", "type": "event_callback", "event_id": uuid4().hex}
        answer: dict[str, Any] = await self.slack.deliver("events_api", {**wrapped, "event_time": 1, "event": event})
        return answer

    async def delete(self, card: Seen) -> None:
        await self.slack.call("chat.delete", channel=card.ref.place, ts=card.ref.message)

    async def limit(self, seconds: int) -> None:
        for method in ("chat.postMessage", "chat.update"):
            self.slack.faults[method] = {"times": 1, "retry_after": seconds}

    async def refresh(self) -> None:
        """Slack closes every socket, as it does from time to time."""
        old = list(self.slack.sockets)
        for socket in old:
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})
            await socket.close()

        async def are_gone() -> bool:
            return not any(socket in self.slack.sockets for socket in old)

        await eventually(are_gone)

    async def _interaction(self, person: str, **more: Any) -> dict[str, Any]:
        payload: dict[str, Any] = await self.slack.interaction(self.members[person.lower()], **more)
        self._triggers[payload["trigger_id"]] = self.actor(person)
        return payload

    def _overhear(self, proxy: Any) -> Any:
        """Notes what single people are shown, which no method of Slack tells afterwards."""

        async def overhearing(request: web.Request) -> web.Response:
            asked = await request.read()
            response: web.Response = await proxy(request)
            answer = json.loads(bytes(response.body or b"{}"))  # type: ignore[arg-type]
            method = request.match_info["method"]
            if answer.get("ok") and method == "chat.postEphemeral":
                body = json.loads(asked)
                self.whispers[body["user"]].append((answer["message_ts"], read(body["blocks"])))
            if answer.get("ok") and method == "views.open":
                self.windows[self._triggers[json.loads(asked)["trigger_id"]]] = answer["view"]
            return response

        return overhearing


def read(blocks: list[dict[str, Any]]) -> str:
    """What somebody reads of rich text."""
    elements = [each for block in blocks if block["type"] == "rich_text" for each in block["elements"]]
    return "\n".join(
        "".join(part["text"] for part in each["elements"] if part["type"] == "text").rstrip(" ") for each in elements
    ).replace(" \n", "\n")


def _links(blocks: list[dict[str, Any]]) -> Iterator[str]:
    elements = [each for block in blocks if block["type"] == "rich_text" for each in block["elements"]]
    return (part["url"] for each in elements for part in each["elements"] if part["type"] == "link")


@asynccontextmanager
async def slack_hand(shared: Path, upstream: str) -> AsyncIterator[SlackHand]:
    """The people in a fresh channel."""
    hand = SlackHand(shared, upstream)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLACK_BOT_TOKEN", "xoxb-warmline")
        patch.setenv("SLACK_APP_TOKEN", "xapp-local")
        await hand.start()
        await hand.settle()
        yield hand
        await hand.stop()
