"""Mail as a chat, into a real mailbox and through the inbox's real door."""

# ruff: noqa: F811 – fixtures are imported by their names

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import timedelta

import pytest

from responders.channels.base import Button, Card, Kind, Line, Ref
from responders.channels.chat import Chat
from responders.channels.mail import CHANNEL, MailChannel, PostalSurroundings, plain, rich
from responders.channels.showing import Showing
from responders.channels.taking import Taking
from responders.errors import ChannelDenied, ChannelError
from responders.inbox.signing_in import passage
from responders.mail import Mailer
from storage.states import DraftState
from tests.responders.channels import documented
from tests.responders.channels.taker import surroundings
from tests.responders.inbox.conftest import House, Visitor, house, household, said, stranger  # noqa: F401 – fixtures
from tests.responders.inbox.household import COMPLAINT, bakery
from tests.responders.test_mail import Postbox, mailer, port, postbox  # noqa: F401 – fixtures

MIA = "mia@crumb.example"


@asynccontextmanager
async def mail_for(house: House, carrier: Mailer | None) -> AsyncIterator[MailChannel]:
    """The chat as the daemon makes it."""
    household = house.household

    async def lead(mail: str, address: str) -> str:
        return await passage(household.store, household.settings, "crumb", mail, address, household.now)

    async with surroundings() as around:
        shared = {field.name: getattr(around, field.name) for field in fields(around)}
        channel = CHANNEL.make({}, PostalSurroundings(**shared, mailer=lambda: carrier, passage=lead))
        assert isinstance(channel, MailChannel)
        yield channel


def card(house: House, page: str = "/promises") -> Card:
    """A notice that leads to a page of the inbox."""
    inbox = house.household.settings.inbox_address
    return Card(
        (Line(Kind.TITLE, "Complaint on Google · 2★"), Line(Kind.STATUS, "A draft waits for your decision.")),
        ((Button("Open in the inbox", url=f"{inbox}{page}"),),),
    )


def link_in(postbox: Postbox, house: House) -> str:
    """The path of the link in the last mail."""
    body = postbox.mails[-1].get_body(("plain",))
    assert body is not None
    found = re.search(rf"{re.escape(house.household.settings.inbox_address)}(\S+)", body.get_content())
    assert found is not None
    return found[1]


async def test_a_card_comes_as_a_mail_whose_link_leads_through_the_door_to_the_page(
    house: House,
    stranger: Visitor,
    postbox: Postbox,
    port: int,
) -> None:
    async with mail_for(house, mailer(port)) as channel:
        ref = await channel.post(channel.direct(MIA), card(house), "card-17-3")

    (mail,) = postbox.mails
    opened = await stranger.get(link_in(postbox, house))
    status, page = await stranger.post(link_in(postbox, house))

    assert (mail["To"], mail["Subject"]) == (MIA, "Complaint on Google · 2★")
    assert ref == Ref(MIA, f"{house.household.settings.inbox_address}/promises")
    assert "Hello Mia" in said(opened[1])  # the page with the button: opening it has signed nobody in
    assert (status, "<title>Promises" in page) == (200, True)


async def test_a_scanner_that_opens_every_link_uses_none_up_and_decides_nothing(
    house: House,
    stranger: Visitor,
    postbox: Postbox,
    port: int,
) -> None:
    async with mail_for(house, mailer(port)) as channel:
        await channel.post(MIA, card(house), "card-17-3")

    for _ in range(3):
        await stranger.get(link_in(postbox, house))

    assert (await stranger.post(link_in(postbox, house)))[0] == 200


async def test_a_reminder_has_a_fresh_link_for_each_reader(
    house: House,
    stranger: Visitor,
    postbox: Postbox,
    port: int,
) -> None:
    async with mail_for(house, mailer(port)) as channel:
        ref = await channel.post(MIA, card(house), "card-17-3")
        first = link_in(postbox, house)
        await channel.nudge(ref, "This still waits.", [MIA, "jo@crumb.example"])

    _, to_mia, to_jo = postbox.mails
    assert [to_mia["To"], to_jo["To"], to_jo["Subject"]] == [MIA, "jo@crumb.example", "Reminder: This still waits."]
    assert first not in to_mia.as_string()
    assert "Hello Jo" in (await stranger.get(link_in(postbox, house)))[1]


async def test_a_shared_mailbox_gets_a_link_that_asks_who_reads_it(
    house: House,
    postbox: Postbox,
    port: int,
) -> None:
    async with mail_for(house, mailer(port)) as channel:
        await channel.post("team@crumb.example", card(house), "card-17-3")

    assert link_in(postbox, house) == "/promises"


async def test_text_stays_text_in_a_mail(house: House, postbox: Postbox, port: int) -> None:
    hostile = 'Ana\r\nBcc: eve@evil.example <img src="https://evil.example/seen"> & co'
    async with mail_for(house, mailer(port)) as channel:
        await channel.post(MIA, Card((Line(Kind.TITLE, hostile), Line(Kind.QUOTE, hostile))), "card-17-3")

    (mail,) = postbox.mails
    html = mail.get_body(("html",))
    assert html is not None
    assert (mail["Bcc"], "<img" in html.get_content()) == (None, False)
    assert "&lt;img src=&quot;https://evil.example/seen&quot;&gt; &amp; co" in rich(
        Card((Line(Kind.QUOTE, hostile),)), []
    )


async def test_without_a_mail_table_the_chat_says_what_to_add(house: House) -> None:
    async with mail_for(house, None) as channel:
        with pytest.raises(ChannelDenied, match=r"\[mail\]"):
            await channel.post(MIA, card(house), "card-17-3")


async def test_a_server_that_refuses_is_a_fault_of_the_chat(house: House, port: int) -> None:
    async with mail_for(house, mailer(port)) as channel:
        with pytest.raises(ChannelError, match="refused every address"):
            await channel.post("no-body@crumb.example", card(house), "card-17-3")


async def test_checking_signs_in_and_mails_nothing(house: House, postbox: Postbox, port: int) -> None:
    async with mail_for(house, mailer(port)) as channel:
        says = await channel.check()

    assert (says, postbox.mails) == ("the mail server takes our mail", [])


def test_the_page_shows_what_is_mailed_and_a_table_that_works() -> None:
    links = [(button.label, button.url) for row in documented.NOTICE.buttons for button in row]

    assert plain(documented.NOTICE, links) == documented.block("mail", "text")
    assert CHANNEL.settings.model_validate(documented.options("mail"))


async def test_from_a_draft_to_its_approval_by_mail(
    house: House, stranger: Visitor, postbox: Postbox, port: int
) -> None:
    home = house.household
    home.businesses["crumb"] = bakery(channels=[{"type": "mail"}])
    mention = await home.hear("I found a hair in her cake at Crumb & Co.", COMPLAINT)
    draft = await home.draft("We are sorry about the hair, Ana. — Mia", mention=mention)
    async with mail_for(house, mailer(port)) as channel:
        chat = Chat(
            "crumb", "mail", "", channel, home.store, home.desk, lambda: home.settings, lambda: None, lambda: home.now
        )
        showing = Showing(chat, Taking(chat))

        await showing.round()
        link = link_in(postbox, house)
        read = await stranger.post(link)
        await stranger.decide(draft, 1, "approve")
        home.now += timedelta(hours=1)
        await showing.round()

    assert f"drafts%2F{draft}" in link
    assert "We are sorry about the hair" in read[1]
    assert (await home.standing(draft)).state is DraftState.APPROVED
    assert len(postbox.mails) == 1
    assert "hair" not in postbox.mails[0].as_string()


async def test_who_does_not_answer_a_mail_is_reminded_by_another(house: House, postbox: Postbox, port: int) -> None:
    home = house.household
    home.businesses["crumb"] = bakery(channels=[{"type": "mail"}])
    mention = await home.hear("I found a hair in her cake at Crumb & Co.", COMPLAINT)
    await home.draft("We are sorry about the hair, Ana. — Mia", mention=mention)
    async with mail_for(house, mailer(port)) as channel:
        chat = Chat(
            "crumb", "mail", "", channel, home.store, home.desk, lambda: home.settings, lambda: None, lambda: home.now
        )
        showing = Showing(chat, Taking(chat))

        await showing.round()
        home.now += timedelta(hours=1)
        await showing.round()

    first, second = postbox.mails
    assert (second["To"], second["Subject"].startswith("Reminder: ")) == (first["To"], True)
