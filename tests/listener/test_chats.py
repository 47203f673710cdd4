"""Chats in the daemon: each keeps going by itself, shows what is stored at once, and follows the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from config.settings import Installation, Settings
from connectors.registry import Connectors
from listener.chats import Chats
from listener.household import Household
from listener.operations import Operations
from responders.channels.base import Act, ChannelType, Press, Verb
from responders.channels.registry import Channels
from responders.errors import ChannelDenied
from storage.states import DraftState
from tests.builders import NOW, business
from tests.responders.channels.scenario import eventually
from tests.responders.channels.simulated import Server, SimulatedChannel
from tests.responders.inbox import household as inbox


class NoKeys(BaseModel):
    """A simulated chat has no keys of its own."""


@dataclass
class Entry:
    """An entry point that is not installed."""

    name: str
    kind: ChannelType
    dist: None = None

    def load(self) -> ChannelType:
        return self.kind


class Broken(SimulatedChannel):
    """A chat whose connection cannot be kept."""

    async def run(self, taker: Any) -> None:
        raise ChannelDenied("The token is no longer valid.")


@dataclass
class Home:
    """A household with two chats, one of which is broken."""

    household: Household
    chats: Chats
    servers: dict[str, Server]
    work: inbox.Household

    async def settled(self, look: Callable[[], Awaitable[Any]]) -> Any:
        return await eventually(look, within=5)


def installed(servers: dict[str, Server]) -> Channels:
    kinds = {"good": SimulatedChannel, "bad": Broken}
    return Channels(
        Entry(name, ChannelType(NoKeys, lambda _, around, name=name: kinds[name](servers[name], around), "Chats."))  # type: ignore[misc, arg-type]
        for name in kinds
    )


def settings(home: Path, *channels: dict[str, str]) -> Settings:
    return Settings(installation=Installation(), businesses={"crumb": business(channels=channels)}, home=home)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    (tmp_path / "data").mkdir()
    servers = {"good": Server(), "bad": Server(is_down=True)}
    configured = settings(tmp_path, {"type": "bad", "place": "room"}, {"type": "good", "place": "room"})
    async with Household(configured, Connectors(()), lambda: NOW) as household:
        work = inbox.Household(household.store, businesses=dict(household.businesses))
        await work.move_in()
        chats = Chats(household, installed(servers))
        await chats.open()
        yield Home(household, chats, servers, work)
        await chats.close()


async def test_a_chat_shows_what_is_stored_though_another_is_broken(home: Home) -> None:
    await home.work.draft()

    async def look() -> bool:
        return len(home.servers["good"].standing()) == 1

    assert await home.settled(look)


async def test_a_decision_in_the_chat_stands_in_the_store_and_one_in_the_inbox_on_the_card(home: Home) -> None:
    operations = Operations(home.household, lambda source: None)  # type: ignore[arg-type, return-value]
    code = await operations.link("Mia", "good")
    server = home.servers["good"]
    await server.act(Act("u1", Press(Verb.LINK), text=code))
    draft = await home.work.draft()

    async def shown() -> bool:
        return bool(server.standing())

    await home.settled(shown)
    await server.act(Act("u1", Press(Verb.APPROVE, draft, 1)))

    async def look() -> bool:
        (message,) = server.standing().values()
        return any("Approved by Mia" in line.text for line in message.card.lines)

    assert (await home.work.standing(draft)).state is DraftState.APPROVED
    assert await home.settled(look)


async def test_who_is_linked_and_what_is_wrong_can_be_asked(home: Home) -> None:
    operations = Operations(home.household, lambda source: None)  # type: ignore[arg-type, return-value]
    code = await operations.link("mia")
    await home.servers["good"].act(Act("u1", Press(Verb.LINK), text=code))
    await home.work.draft()

    async def look() -> bool:
        return bool((await operations.staff())["chats"][0]["fault"])

    await home.settled(look)
    staff = await operations.staff()
    assert [(each["name"], each["chats"]) for each in staff["people"]] == [("Jo", []), ("Mia", ["good"]), ("Jon", [])]
    assert [bool(each["fault"]) for each in staff["chats"]] == [True, False]
    assert await operations.unlink("Mia", "good") == 1


async def test_chats_follow_the_configuration(home: Home, tmp_path: Path) -> None:
    async with home.chats.paused():
        await home.household.apply(settings(tmp_path, {"type": "good", "place": "kitchen"}))

    await home.work.draft()

    async def look() -> bool:
        return [each.place for each in home.servers["good"].standing().values()] == ["kitchen"]

    assert await home.settled(look)
    assert home.servers["bad"].listener is None


async def test_letting_go_of_chats_ends_their_listening(home: Home) -> None:
    async def listens() -> bool:
        return home.servers["good"].listener is not None

    await home.settled(listens)

    await home.chats.close()

    assert not await listens()
    assert [task for task in asyncio.all_tasks() if "chat" in task.get_name()] == []
