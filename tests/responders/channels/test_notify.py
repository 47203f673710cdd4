"""Notices by the real apprise to a service on the loopback: a line, a link, no customer's word, no key in any log."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from config.secrets import Secret
from responders.channels.base import Button, Card, Kind, Line, Ref
from responders.channels.notify import CHANNEL, NotifyChannel
from responders.errors import ChannelDenied, ChannelError
from tests.responders.channels import documented
from tests.responders.channels.taker import surroundings

#: What apprise itself imports for a service that is not used here.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

CARD = Card(
    (
        Line(Kind.TITLE, "Complaint on Google · 2★ · high severity"),
        Line(Kind.FACT, "An answer is due today, 15:00."),
        Line(Kind.QUOTE, "A hair in her cake."),
        Line(Kind.DRAFT, "I am so sorry, Ana."),
        Line(Kind.STATUS, "A draft waits for your decision. Nothing is posted without it."),
    ),
    ((Button("Open in the inbox", url="https://inbox.example/drafts/17"),),),
)


@dataclass
class Service:
    """Takes notices, or answers with a fault."""

    status: int = 200
    taken: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """One notice."""
        self.taken.append(await request.json())
        return web.Response(status=self.status)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def notify(service: Service, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NotifyChannel]:
    app = web.Application()
    app.router.add_post("/s3cret-key", service.take)
    async with TestServer(app) as server, surroundings() as around:
        monkeypatch.setenv("NOTIFY_URL", f"json://127.0.0.1:{server.port}/s3cret-key")
        channel = CHANNEL.make({"url": {"env": "NOTIFY_URL"}}, around)
        assert isinstance(channel, NotifyChannel)
        yield channel


async def test_a_card_becomes_a_line_and_a_link_without_a_customers_word(
    notify: NotifyChannel, service: Service
) -> None:
    ref = await notify.post("everybody", CARD, "card-17-3")

    (taken,) = service.taken
    assert (taken["title"], taken["message"].split("\n")) == (
        "Complaint on Google · 2★ · high severity",
        [
            "An answer is due today, 15:00.",
            "A draft waits for your decision. Nothing is posted without it.",
            "Open in the inbox: https://inbox.example/drafts/17",
        ],
    )
    assert ref == Ref("everybody", "https://inbox.example/drafts/17")


async def test_a_reminder_has_the_same_link(notify: NotifyChannel, service: Service) -> None:
    await notify.nudge(Ref("everybody", "https://inbox.example/drafts/17"), "This still waits.", [])

    assert service.taken[0]["message"] == "This still waits.\nhttps://inbox.example/drafts/17"


async def test_a_service_that_refuses_says_so_and_its_key_stays_out_of_the_log(
    notify: NotifyChannel, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.status = 500

    with caplog.at_level(logging.INFO), pytest.raises(ChannelError, match="did not take a notice") as caught:
        await notify.post("everybody", CARD, "card-17-3")

    assert "s3cret" not in str(caught.value)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("apprise")] == []


async def test_checking_sends_nothing(notify: NotifyChannel, service: Service) -> None:
    assert await notify.check() == "1 service named"
    assert service.taken == []


@pytest.mark.parametrize(("address", "says"), [("nosuch://s3cret", "no address that apprise knows"), ("", "missing")])
async def test_an_address_that_is_none_is_named_by_where_it_stands(
    monkeypatch: pytest.MonkeyPatch, address: str, says: str
) -> None:
    monkeypatch.setenv("NOTIFY_URL", address)

    with pytest.raises(ChannelDenied, match="NOTIFY_URL") as caught:
        await NotifyChannel(Secret(env="NOTIFY_URL")).check()

    assert says in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_a_notice_can_neither_be_changed_nor_decide_anything(notify: NotifyChannel) -> None:
    ref = Ref("everybody", "https://inbox.example/drafts/17")

    assert (await notify.show(ref, CARD), await notify.missed([ref])) == (True, [])
    assert (notify.limits.decides, notify.limits.repaints) == (False, False)


async def test_the_page_shows_what_a_service_is_given_and_a_table_that_works(
    notify: NotifyChannel, service: Service
) -> None:
    await notify.post("everybody", documented.NOTICE, "card-17-1")

    assert {key: service.taken[0][key] for key in ("title", "message")} == documented.payload("notify")
    assert CHANNEL.settings.model_validate(documented.options("notify"))
