"""One click in the inbox erases what is kept about an author, everywhere, and the next poll brings nothing back."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from config.settings import Installation, Settings
from connectors.registry import GROUP, Connectors
from listener.digest.sending import compose
from listener.digest.week import Week
from listener.household import Household
from listener.poll import poll
from responders.approvals import Choice
from responders.inbox.app import make_app
from responders.inbox.signing_in import issue_link
from responders.proposing import draft_waiting
from responders.sending import send_due, verify_sent
from storage import Author, Draft, Mention, deliveries, digests, drafts, mentions, sources
from storage.search import search
from storage.states import Action
from tests.builders import Clock, business
from tests.servers import free_port

ANSWER = {"route": "api", "reason": "Our own profile.", "limits": {"bytes": 4096}}
ANA = {"external_id": "p-7-ana", "handle": "anaquist", "name": "Ana Quist", "url": "https://town.example/anaquist"}
BO = {"external_id": "p-8-bo", "handle": "bolind", "name": "Bo Lindgren", "url": ""}
RECORDING: tuple[dict[str, Any], ...] = (
    {
        "id": "r-1",
        "at": "mon 11:20",
        "rating": 2,
        "author": ANA,
        "text": "Wretched queue at Crumb & Co, forty minutes.",
    },
    {
        "id": "r-2",
        "at": "mon 12:20",
        "rating": 5,
        "author": ANA,
        "text": "Crumb & Co: marvellous sourdough, thank you!",
    },
    {"id": "r-3", "at": "mon 13:20", "rating": 5, "author": BO, "text": "Splendid rye at Crumb & Co, I love it!"},
    {"id": "r-4", "at": "never", "author": ANA, "text": "A line that cannot be read."},
)
#: Whatever tells of Ana or repeats her words; her public reply's address is the platform's.
ABOUT_ANA = ("p-7-ana", "anaquist", "Ana Quist", "Wretched", "wretched", "marvellous", "town.example")


@dataclass
class House:
    """A household with its inbox open on this machine, as the daemon runs both."""

    household: Household
    clock: Clock
    address: str
    client: aiohttp.ClientSession

    async def poll(self) -> int:
        """Polls the one source, from the very beginning; gives how many mentions are new."""
        household = self.household
        ((source_id, listening),) = household.listening.items()
        async with household.store.work() as session:
            await sources.move_cursor(session, source_id, None)  # type: ignore[arg-type]
        polled = await poll(listening, household.store, household.understanding, self.clock)
        return len(polled.heard.new)

    async def answer(self, external_id: str) -> None:
        """Has the draft for a post approved and published."""
        household = self.household
        answered = await self.mention(external_id)
        draft = next(each for each in await self.drafts() if each.mention_id == answered.id)
        choice = Choice(
            "crumb", draft.id or 0, draft.revision, Action.EDIT, "Jo", "inbox", text="Dear Ana Quist, sorry."
        )
        edited = await household.desk.decide(choice)
        await household.desk.decide(Choice("crumb", draft.id or 0, edited.revision, Action.APPROVE, "Jo", "inbox"))
        self.clock.move(timedelta(minutes=1))
        await send_due(household.outbox)
        self.clock.move(timedelta(minutes=1))
        await verify_sent(household.outbox)

    async def drafts(self) -> list[Draft]:
        async with self.household.store.read() as session:
            kept = await mentions.history(session, "crumb")
            return [each for mention in kept for each in await drafts.for_mention(session, "crumb", mention.id or 0)]

    async def mention(self, external_id: str) -> Mention:
        async with self.household.store.read() as session:
            return next(each for each in await mentions.history(session, "crumb") if each.external_id == external_id)

    async def author(self, name: str) -> Author | None:
        async with self.household.store.read() as session:
            return next(iter(await mentions.authors_named(session, "crumb", name)), None)

    async def post(self, path: str, page: str = "") -> str:
        """Sends the form of a page."""
        token = re.search(r'name="token" value="([^"]+)"', page)
        form, headers = {"token": token[1] if token else ""}, {"Origin": self.address}
        async with self.client.post(self.address + path, data=form, headers=headers) as answer:
            assert answer.status == 200
            return await answer.text()

    async def get(self, path: str) -> str:
        async with self.client.get(self.address + path) as answer:
            return await answer.text()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = Clock()
    lines = [json.dumps({"kind": "post", "platform": "google", "answer": ANSWER, **each}) for each in RECORDING]
    (tmp_path / "week.jsonl").write_text("\n".join(lines), encoding="utf-8")
    table = {"name": "reviews", "type": "replay", "file": "week.jsonl", "filter": False}
    crumb = business(sources=[table], reply={"undo_for": "1 second"})
    connectors = Connectors([EntryPoint("replay", "connectors.replay:CONNECTOR", GROUP)])
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    settings = Settings(
        installation=Installation(inbox={"address": address}), businesses={"crumb": crumb}, home=tmp_path
    )
    settings.directory.mkdir()
    async with Household(settings, connectors, clock) as household:
        app = make_app(household.desk, household.store, lambda: settings, clock, lambda: None, eraser=household.forget)
        jar = aiohttp.CookieJar(unsafe=True)
        async with TestServer(app, port=port), aiohttp.ClientSession(cookie_jar=jar) as client:
            link = await issue_link(household.store, settings, "crumb", "Jo", clock())
            house = House(household, clock, address, client)
            await house.post(link.removeprefix(address))
            yield house


async def live_a_week(house: House) -> None:
    """Ana is heard, answered, quoted in the digest, and stands in something that could not be read."""
    household = house.household
    assert await house.poll() == 3
    await draft_waiting(household.store, household.businesses, household.drafter, house.clock())
    await house.answer("r-1")
    crumb = household.businesses["crumb"]
    week = Week(2026, 23, crumb.business.zone)
    await compose(household.store, crumb, week, household.reader, house.address, house.clock())


async def test_one_click_erases_everything_about_an_author_and_nothing_of_others(house: House) -> None:
    await live_a_week(house)
    ana = await house.author("Ana Quist")
    assert ana is not None

    shown = await house.get(f"/authors/{ana.id}")
    question = await house.get(f"/authors/{ana.id}/erase")
    done = await house.post(f"/authors/{ana.id}/erase", question)

    assert all(word in shown for word in ("Ana Quist", "Wretched queue", "marvellous", "Dear Ana Quist, sorry."))
    assert "It is erased" in done
    async with house.household.store.read() as session:
        kept = await mentions.history(session, "crumb")
        waiting = [await search(session, "crumb", word) for word in ("wretched", "marvellous", "Crumb")]
        samples = [sample.sample for sample, _ in await sources.samples(session, "crumb")]
        outbox = await deliveries.of_drafts(session, "crumb", range(1, 99))
        digest = await digests.get(session, "crumb", 2026, 23)
    assert [mention.external_id for mention in kept] == ["r-3"]
    assert [len(found) for found in waiting] == [0, 0, 1]
    assert not [word for word in ABOUT_ANA if word in str(samples)]
    assert outbox == {}
    assert {draft.mention_id for draft in await house.drafts()} == {kept[0].id}
    assert digest is not None
    forms = digest.html + digest.plain + str(digest.figures)
    assert ([word for word in ABOUT_ANA if word in forms], "Splendid rye" in forms) == ([], True)
    assert await house.author("Ana Quist") is None


async def test_what_was_erased_does_not_come_back_with_the_next_poll(house: House) -> None:
    await live_a_week(house)
    ana = await house.author("Ana Quist")
    assert ana is not None
    await house.post(f"/authors/{ana.id}/erase", await house.get(f"/authors/{ana.id}/erase"))

    again = await house.poll()

    assert again == 0
    assert await house.author("Ana Quist") is None


async def test_no_byte_about_an_erased_author_stays_in_the_data_folder(house: House) -> None:
    await live_a_week(house)
    before = everything_in(house.household.settings.directory)
    ana = await house.author("Ana Quist")
    assert ana is not None

    await house.post(f"/authors/{ana.id}/erase", await house.get(f"/authors/{ana.id}/erase"))

    after = everything_in(house.household.settings.directory)
    assert [word for word in ABOUT_ANA if word.encode() not in before] == []
    assert [word for word in ABOUT_ANA if word.encode() in after] == []
    assert b"Splendid" in after


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file())
