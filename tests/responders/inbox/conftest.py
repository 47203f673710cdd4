"""The inbox over a real store and a real loopback server, and people who visit it."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from connectors.paste import Pasted
from responders.inbox.app import make_app
from responders.inbox.signing_in import issue_link
from storage import Store
from tests.responders.inbox.household import Household


@dataclass
class Letters:
    """A mail server's place: keeps what is sent."""

    sent: asyncio.Queue[tuple[list[str], str, str]] = field(default_factory=asyncio.Queue)

    async def send(self, to: list[str], subject: str, plain: str, html: str = "") -> None:
        """Keeps one mail."""
        await self.sent.put((list(to), subject, plain))


@dataclass
class House:
    """A running inbox: the household behind it, its server, and what is mailed and erased."""

    household: Household
    server: TestServer
    letters: Letters | None
    erased: list[tuple[str, int, str]]

    @property
    def address(self) -> str:
        """Where the server answers."""
        return str(self.server.make_url("")).rstrip("/")

    async def link(self, person: str, business: str = "crumb") -> str:
        """The path of a sign-in link."""
        household = self.household
        link = await issue_link(household.store, household.settings, business, person, household.now)
        return "/sign-in/" + link.rpartition("/")[2]


@dataclass
class Visitor:
    """A browser without JavaScript."""

    house: House
    session: aiohttp.ClientSession
    token: str = ""

    async def sign_in(self, person: str, business: str = "crumb") -> Visitor:
        """Signs in with a link of their own."""
        status, _ = await self.post(await self.house.link(person, business))
        assert status == 200
        return self

    async def get(self, path: str, **options: object) -> tuple[int, str]:
        """Opens a page; gives its status and text, and remembers its form token."""
        async with self.session.get(self.house.address + path, **options) as answer:  # type: ignore[arg-type]
            return await self._read(answer)

    async def post(
        self, path: str, form: Mapping[str, str] | None = None, *, token: str | None = None, **headers: str
    ) -> tuple[int, str]:
        """Sends a form of ours as a browser would, and follows where it leads."""
        sent = {"token": self.token if token is None else token, **(form or {})}
        origin = {"Origin": self.house.address, **headers}
        async with self.session.post(self.house.address + path, data=sent, headers=origin) as answer:
            return await self._read(answer)

    async def decide(self, draft: int, revision: int, action: str, **form: str) -> tuple[int, str]:
        """Takes a decision by the form of a draft's page."""
        return await self.post(f"/drafts/{draft}/decide", {"revision": str(revision), "action": action, **form})

    async def _read(self, answer: aiohttp.ClientResponse) -> tuple[int, str]:
        text = await answer.text()
        found = re.search(r'name="token" value="([^"]+)"', text)
        self.token = found[1] if found else self.token
        return answer.status, text


def said(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", page)).split())


@pytest.fixture
async def household(sqlite_store: Store) -> Household:
    """Two businesses, each with one source."""
    household = Household(sqlite_store)
    await household.move_in()
    return household


@asynccontextmanager
async def open_house(household: Household) -> AsyncIterator[House]:
    """A running inbox that can send mail, erase authors and hear what is pasted."""
    erased = list[tuple[str, int, str]]()

    async def eraser(business: str, author: int, by: str) -> int:
        erased.append((business, author, by))
        return 1

    async def hearer(business: str, pasted: Pasted) -> tuple[int, bool]:
        return await household.hear(pasted.text, business=business, url=pasted.url), True

    app = make_app(
        household.desk,
        household.store,
        lambda: household.settings,
        lambda: household.now,
        lambda: house.letters,
        eraser=eraser,
        hearer=hearer,
    )
    async with TestServer(app) as server:
        house = House(household, server, Letters(), erased)
        yield house


@pytest.fixture
async def house(household: Household) -> AsyncIterator[House]:
    """The household's inbox."""
    async with open_house(household) as house:
        yield house


@pytest.fixture
async def stranger(house: House) -> AsyncIterator[Visitor]:
    """Somebody who is not signed in."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Visitor(house, session)


@pytest.fixture
async def mia(house: House) -> AsyncIterator[Visitor]:
    """Mia, of the staff, signed in."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield await Visitor(house, session).sign_in("Mia")


@pytest.fixture
async def jo(house: House) -> AsyncIterator[Visitor]:
    """Jo, the owner, signed in."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield await Visitor(house, session).sign_in("Jo")
