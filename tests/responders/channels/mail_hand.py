"""What people see and do by mail: a real mailbox, and browsers that open its links in the real inbox."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import fields
from email.message import EmailMessage

import aiohttp

from responders.channels.base import Channel, Ref, Surroundings
from responders.channels.mail import CHANNEL, PostalSurroundings
from responders.inbox.signing_in import passage
from responders.mail import Mailer
from storage import Store
from tests.responders.channels.scenario import PEOPLE, Room, Seen
from tests.responders.inbox.conftest import House, Visitor, open_house, said
from tests.responders.inbox.household import Household, bakery
from tests.responders.test_mail import Postbox, mailer, serving

#: The story's people with their mail addresses.
STAFF = [
    {"name": "Jo", "role": "owner", "mail": "jo@crumb.example"},
    {"name": "Mia", "mail": "mia@crumb.example"},
    {"name": "Jon", "mail": "jon@crumb.example"},
]


def make_channel(household: Household, around: Surroundings, carrier: Mailer | None) -> Channel:
    """The chat as the daemon makes it."""

    async def lead(mail: str, address: str) -> str:
        return await passage(household.store, household.settings, "crumb", mail, address, household.now)

    shared = {each.name: getattr(around, each.name) for each in fields(around)}
    return CHANNEL.make({}, PostalSurroundings(**shared, mailer=lambda: carrier, passage=lead))


def find_button(page: str, begins: str) -> tuple[str, dict[str, str]]:
    """Where the button whose label begins so sends its form, and everything that a browser sends with it."""
    for head, form in re.findall(r"<form ([^>]*)>(.*?)</form>", page, re.DOTALL):
        for button, label in re.findall(r"<button([^>]*)>(.*?)</button>", form, re.DOTALL):
            if said(label).startswith(begins):
                filled = re.findall(r'<input [^>]*name="(\w+)" value="([^"]*)"', form)
                filled += re.findall(r'<textarea [^>]*name="(\w+)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL)
                filled += re.findall(r'name="(\w+)" value="([^"]*)"', button)
                action = re.findall(r'action="([^"]*)"', head)
                return "".join(action), {name: html.unescape(value) for name, value in filled}
    raise AssertionError(f"No button on this page begins with {begins!r}.")


class MailHand:
    """The bakery's mailboxes, and a browser for each person, in which a mail's link is opened.

    Nothing is pressed in a mail and nobody is asked anything there: a card has
    links and no buttons, and `press` presses those of the page that is open.
    """

    place = ""

    def __init__(self, household: Household, port: int, postbox: Postbox, stack: AsyncExitStack) -> None:
        self.household = household
        self.postbox = postbox
        self._carrier = mailer(port)
        self._stack = stack
        self._visitors: dict[str, Visitor] = {}
        self._pages: dict[str, tuple[str, str]] = {}
        self._told: dict[str, list[str]] = {person: [] for person in PEOPLE}

    async def open(self, surroundings: Surroundings) -> Channel:
        """A fresh channel, and a fresh inbox beside it, in which browsers keep their cookies."""
        house = await self._stack.enter_async_context(open_house(self.household))
        for visitor in self._visitors.values():
            visitor.house = house
        for person in PEOPLE:
            if person not in self._visitors:
                self._visitors[person] = await self._browser(house)
        return make_channel(self.household, surroundings, self._carrier)

    async def _browser(self, house: House) -> Visitor:
        jar = aiohttp.CookieJar(unsafe=True)
        return Visitor(house, await self._stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar)))

    def actor(self, person: str) -> str:
        return f"{person.lower()}@crumb.example"

    async def cards(self) -> list[Seen]:
        return [self.seen(mail) for mail in self.postbox.mails if not mail["Subject"].startswith("Reminder: ")]

    async def notices(self) -> list[str]:
        return [self.seen(mail).text for mail in self.postbox.mails if mail["Subject"].startswith("Reminder: ")]

    def seen(self, mail: EmailMessage) -> Seen:
        """A mail as it is read; its text alone tells where it leads."""
        body = mail.get_body(("plain",))
        assert body is not None
        text = body.get_content()
        return Seen(Ref(mail["To"], mail["Message-ID"]), text, links=tuple(re.findall(r"https?://\S+", text)))

    async def look(self, person: str, card: Seen) -> str:
        """Opens a mail's link without pressing anything, as a scanner does; gives what the page says."""
        path = card.links[0].removeprefix(self.household.settings.inbox_address)
        _, page = await self._visitors[person].get(path)
        self._pages[person] = path, page
        return said(page)

    async def read(self, person: str, card: Seen) -> str:
        """Opens a mail's link and goes through the door, where it stands in the way; gives what the page says."""
        shown = await self.look(person, card)
        if "Open the inbox" in shown:
            await self.press(person, "Open the inbox")
        return said(self._pages[person][1])

    async def press(self, person: str, begins: str) -> None:
        """Presses the button whose label begins so on the page that this person has open, however old it is."""
        path, page = self._pages[person]
        action, sent = find_button(page, begins)
        status, page = await self._visitors[person].post(action or path, sent)
        self._pages[person] = path, page
        alerts = re.findall(r'<div [^>]*role="alert">.*?</div>', page, re.DOTALL)
        self._told[person] += [said(page)] if status >= 400 else map(said, alerts)

    async def tap(self, person: str, card: Seen, label: str) -> None:
        """Opens a mail's link and decides on the page that it leads to."""
        await self.read(person, card)
        await self.press(person, label)

    async def told(self, person: str) -> list[str]:
        return self._told[person]


@asynccontextmanager
async def open_post_room(store: Store) -> AsyncIterator[Room]:
    """The bakery whose people are asked by mail."""
    household, postbox = Household(store), Postbox()
    household.businesses["crumb"] = bakery(staff=STAFF, channels=[{"type": "mail"}])
    await household.move_in()
    async with serving(postbox) as port, AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        # It has what the steps of mail ask for; a mail asks nothing, and nobody deletes one for another.
        hand = MailHand(household, port, postbox, stack)
        room = Room(household, hand, session, name="mail")  # type: ignore[arg-type]
        await room.start()
        try:
            yield room
        finally:
            await room.stop()


#: One step of mail's own story.
MailStep = Callable[[Room, MailHand], Awaitable[None]]


async def play_by_mail(step: MailStep, store: Store) -> None:
    """Plays one step among mailboxes of its own."""
    async with open_post_room(store) as room:
        assert isinstance(room.hand, MailHand)
        await step(room, room.hand)
