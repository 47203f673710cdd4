"""Mail as a chat, into a real mailbox and through the inbox's real door."""

# ruff: noqa: F811 – fixtures are imported by their names

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from responders.channels.base import Button, Card, Kind, Line, Ref
from responders.channels.mail import CHANNEL, MailChannel, plain, rich
from responders.errors import ChannelDenied, ChannelError
from responders.mail import Mailer
from storage import Store, audit
from storage.states import Action, DraftState
from tests.responders.channels import documented
from tests.responders.channels.mail_hand import STAFF, MailHand, MailStep, make_channel, play_by_mail
from tests.responders.channels.scenario import HOSTILE, Room
from tests.responders.channels.taker import surroundings
from tests.responders.inbox.conftest import House, Visitor, house, household, said, stranger  # noqa: F401 – fixtures
from tests.responders.inbox.household import COMPLAINT, bakery
from tests.responders.test_mail import Postbox, mailer, port, postbox  # noqa: F401 – fixtures

MIA = "mia@crumb.example"


@asynccontextmanager
async def mail_for(house: House, carrier: Mailer | None) -> AsyncIterator[MailChannel]:
    """The chat as the daemon makes it."""
    async with surroundings() as around:
        channel = make_channel(house.household, around, carrier)
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


# --- The story, by mail --------------------------------------------------------------------------

#: What a mail of a card says; and what the inbox calls its button.
WAITS, APPROVE = "A draft waits for your decision", "Approve and post"


async def a_mail_tells_that_there_is_something_to_decide_and_an_approval_is_of_what_its_link_shows(
    room: Room, hand: MailHand
) -> None:
    draft = await room.draft()
    card = await room.card(WAITS)

    shown = await hand.read("Mia", card)
    await hand.press("Mia", APPROVE)

    approved = await room.state(draft, DraftState.APPROVED)
    for told in ("Complaint on Google", "high severity", "An answer is due"):
        assert told in card.text, told
    for told in ("Ana", "hair in her cake", "We are sorry about the hair"):
        assert (told in shown, told in card.text) == (True, False), told
    assert (approved.approved_by, approved.text) == ("Mia", "We are sorry about the hair, Ana. — Mia")
    assert await room.decisions(draft) == [("Mia", "approve")]
    async with room.store.read() as session:
        (line,) = [each for each in await audit.recent(session, "crumb", f"draft {draft}") if each.what == "approve"]
    assert (line.who, line.detail["channel"], line.detail["revision"]) == ("Mia", "inbox", 1)


async def opening_a_link_decides_nothing_and_signs_nobody_in(room: Room, hand: MailHand) -> None:
    draft = await room.draft()
    card = await room.card(WAITS)

    opened = [await hand.look(person, card) for person in ("Eve", "Eve", "Mia")]

    assert all("Hello Mia" in page and "hair" not in page for page in opened)
    assert await room.decisions(draft) == []
    await hand.tap("Mia", card, APPROVE)
    await room.state(draft, DraftState.APPROVED)


async def nobody_who_answers_is_reminded_by_mail_then_the_next_is_asked_then_an_owner(
    room: Room, hand: MailHand
) -> None:
    await room.draft()
    await room.card(WAITS)

    for _ in range(4):
        room.household.now += timedelta(minutes=31)
        await room.settle()

    assert [card.ref.place for card in await hand.cards()] == [hand.actor(each) for each in ("Mia", "Jon", "Jo")]
    (reminder,) = await hand.notices()
    assert "still waits" in reminder


async def of_two_who_use_their_links_at_once_one_decides_and_the_other_is_told(room: Room, hand: MailHand) -> None:
    draft = await room.draft()
    await room.card(WAITS)
    for _ in range(2):
        room.household.now += timedelta(minutes=31)
        await room.settle()
    mias, jons = await hand.cards()
    await hand.read("Mia", mias)
    await hand.read("Jon", jons)

    await asyncio.gather(hand.press("Mia", APPROVE), hand.press("Jon", APPROVE))

    approved = await room.state(draft, DraftState.APPROVED)
    other = "Jon" if approved.approved_by == "Mia" else "Mia"
    await room.told(other, f"{approved.approved_by} chose")
    assert await room.decisions(draft) == [(approved.approved_by, "approve")]


async def what_was_decided_is_mailed_about_no_more(room: Room, hand: MailHand) -> None:
    draft = await room.draft()
    await hand.tap("Mia", await room.card(WAITS), APPROVE)
    await room.state(draft, DraftState.APPROVED)

    room.household.now += timedelta(hours=1)
    await room.settle()

    assert len(hand.postbox.mails) == 1


async def links_survive_a_restart(room: Room, hand: MailHand) -> None:
    draft = await room.draft()
    card = await room.card(WAITS)

    await room.restart()
    await room.settle()
    await hand.tap("Mia", card, APPROVE)

    await room.state(draft, DraftState.APPROVED)
    assert len(hand.postbox.mails) == 1


async def a_customers_markup_is_in_no_mail_and_is_text_where_its_link_leads(room: Room, hand: MailHand) -> None:
    mention = await room.household.hear(HOSTILE, COMPLAINT)
    await room.household.draft("We are sorry, Ana. — Mia", mention=mention)

    card = await room.card(WAITS)
    shown = await hand.read("Mia", card)

    (mail,) = hand.postbox.mails
    whole = str(mail["Subject"]) + "".join(part.get_content() for part in mail.iter_parts())
    for piece in ("<!channel>", "@everyone", "*bold*", "[a](https://evil.example)", "<b>html</b>", "&amp;", "I <3 you"):
        assert (piece in whole, piece in shown) == (False, True), piece


async def who_has_left_the_staff_decides_nothing(room: Room, hand: MailHand) -> None:
    draft = await room.draft()
    card = await room.card(WAITS)
    await hand.read("Mia", card)
    room.household.businesses["crumb"] = bakery(staff=[STAFF[0]], channels=[{"type": "mail"}])

    await hand.press("Mia", APPROVE)

    await room.told("Mia", "You are signed out")
    await room.state(draft, DraftState.PENDING)


async def a_link_of_who_has_left_the_staff_lets_nobody_in(room: Room, hand: MailHand) -> None:
    draft = await room.draft()
    card = await room.card(WAITS)
    room.household.businesses["crumb"] = bakery(staff=[STAFF[0]], channels=[{"type": "mail"}])

    shown = await hand.read("Mia", card)

    assert "This link is over" in shown
    assert await room.decisions(draft) == []


async def a_press_on_a_wording_that_has_changed_decides_nothing(room: Room, hand: MailHand) -> None:
    draft = await room.draft()
    await hand.read("Mia", await room.card(WAITS))
    await room.household.decide(draft, Action.EDIT, "Jon", text="Something else entirely. — Jon")

    await hand.press("Mia", APPROVE)

    await room.told("Mia", "changed since you read it")
    assert (await room.state(draft, DraftState.PENDING)).text == "Something else entirely. — Jon"


#: What of the chats' story can be told by mail, as mail tells it. The rest cannot be: a mail holds no word of the
#: customer's and is never repainted, nothing is pressed or asked in it, nobody links an account or deletes a card.
MAILED: tuple[MailStep, ...] = (
    a_mail_tells_that_there_is_something_to_decide_and_an_approval_is_of_what_its_link_shows,
    opening_a_link_decides_nothing_and_signs_nobody_in,
    nobody_who_answers_is_reminded_by_mail_then_the_next_is_asked_then_an_owner,
    of_two_who_use_their_links_at_once_one_decides_and_the_other_is_told,
    what_was_decided_is_mailed_about_no_more,
    links_survive_a_restart,
    a_customers_markup_is_in_no_mail_and_is_text_where_its_link_leads,
    who_has_left_the_staff_decides_nothing,
    a_link_of_who_has_left_the_staff_lets_nobody_in,
    a_press_on_a_wording_that_has_changed_decides_nothing,
)


@pytest.mark.parametrize("step", MAILED, ids=lambda step: step.__name__)
async def test_the_story_by_mail(step: MailStep, sqlite_store: Store) -> None:
    await play_by_mail(step, sqlite_store)
