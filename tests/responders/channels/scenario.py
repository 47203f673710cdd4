"""One scenario for every chat: the same story, played by people's hands in each of them.

A chat's tests bring a `Hand`: what people see and do in that chat, over the
chat's real module and its real library, against a server on loopback (or a
simulated one). The steps of the story know only the hand:

```python
@pytest.fixture
async def hand(slack_server) -> AsyncIterator[Hand]:
    async with SlackHand(slack_server) as hand:
        yield hand

@pytest.mark.parametrize("step", SCENARIO, ids=lambda step: step.__name__)
async def test_the_story_in_slack(step: Step, hand: Hand, sqlite_store: Store) -> None:
    await play(step, hand, sqlite_store)
```

Each step begins in a room in which nothing stands yet (a new channel, group or
room on the same server will do), with people who are not linked yet. Nothing
sleeps: what takes a moment is waited for with `eventually`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol, TypeVar

import aiohttp

from responders.channels import linking
from responders.channels.base import Channel, Ref, Surroundings
from responders.channels.chat import Chat
from responders.channels.showing import REST, Showing
from responders.channels.taking import Taking
from responders.errors import ChannelError
from storage import Draft, Mention, Store, audit, drafts, mentions
from storage.chat_notes import Notes
from storage.states import Action, DraftState
from tests.responders.inbox.household import COMPLAINT, Household, bakery

T = TypeVar("T")

#: Who has a hand in the chat: Jo owns the bakery, Mia and Jon work there, Eve is a stranger who is in the room.
PEOPLE = ("Jo", "Mia", "Jon", "Eve")


@dataclass(frozen=True, slots=True)
class Seen:
    """A message of ours as somebody sees it in the chat.

    `text` is what one reads, without the chat's markup; `buttons` are the
    labels that can be pressed, in order (a chat without buttons gives the
    labels that its reactions stand for); `links` are the addresses that the
    card leads to.
    """

    ref: Ref
    text: str
    buttons: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What one person is being asked: the text that is filled in, the labels of ready answers, and what was wrong."""

    label: str
    text: str = ""
    options: tuple[str, ...] = ()
    problem: str = ""


class Hand(Protocol):
    """What people see and do in one chat."""

    @property
    def place(self) -> str:
        """The room, as `place` in the configuration names it."""

    @property
    def keeps_taps(self) -> bool:
        """Whether what is pressed while we are away arrives once we are back."""

    async def open(self, surroundings: Surroundings) -> Channel:
        """A fresh channel of the chat's own module, as after a start of the daemon; `run` has not been called."""

    def actor(self, person: str) -> str:
        """The chat's stable id of one of `PEOPLE`."""

    async def cards(self) -> list[Seen]:
        """Our messages in the room that have lines of a card, oldest first; deleted ones are not among them."""

    async def notices(self) -> list[str]:
        """What we have said beside the cards to everybody in the room or in its threads (nudges), oldest first."""

    async def tap(self, person: str, card: Seen, label: str) -> None:
        """Presses the button with this label (or gives the reaction that stands for it) on a card as it was `card`.

        Returns when the chat has taken the press; where nobody listens it is pressed all the same.
        """

    async def asked(self, person: str) -> Asked | None:
        """What this person is being asked now; None where nothing is asked."""

    async def answer(self, person: str, text: str) -> None:
        """Answers what is asked with a text: submits the window, or answers the prompt."""

    async def choose(self, person: str, label: str) -> None:
        """Answers what is asked with the ready answer of this label."""

    async def told(self, person: str) -> list[str]:
        """What we have answered this person, oldest first, however private the chat can be."""

    async def send_code(self, person: str, code: str) -> None:
        """Sends the code that ties an account to a member of staff, in the way that this chat takes it."""

    async def delete(self, card: Seen) -> None:
        """Somebody with the right to do so deletes the card's message."""

    async def limit(self, seconds: int) -> None:
        """The server refuses our next post or repaint, and asks to wait so long."""


async def eventually(look: Callable[[], Awaitable[T]], *, within: float = 15.0) -> T:
    """What `look` finds once it finds something; fails where it does not in time."""
    async with asyncio.timeout(within):
        while not (found := await look()):  # noqa: ASYNC110 – a real server tells nobody when it is done
            await asyncio.sleep(0.02)
    return found


#: What the chat is called in the story.
NAME = "chat"
STAFF = [{"name": "Jo", "role": "owner"}, {"name": "Mia"}, {"name": "Jon"}]


@dataclass
class Room:
    """The bakery's side of the story: its store and desk, and the core that keeps the cards of one chat true."""

    household: Household
    hand: Hand
    session: aiohttp.ClientSession
    name: str = NAME
    place: str | None = None
    _listening: asyncio.Task[None] | None = None
    _told_before: dict[str, int] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        """The store."""
        return self.household.store

    async def start(self) -> None:
        """As after a start of the daemon: a fresh channel, that listens."""
        household = self.household
        memory = Notes(self.store, "crumb", self.name)
        around = Surroundings(self.name, self.session, lambda: household.now, Path(), memory)
        self.channel = await self.hand.open(around)
        self.chat = Chat(
            "crumb",
            self.name,
            self.hand.place if self.place is None else self.place,
            self.channel,
            self.store,
            household.desk,
            lambda: household.settings,
            lambda: None,
            lambda: household.now,
            back_at=household.now,
        )
        self.taking = Taking(self.chat)
        self.showing = Showing(self.chat, self.taking)
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(ChannelError):
                await self.channel.run(self.taking)
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """As after an order to stop: nobody listens any more."""
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
            self._listening = None
            await self.channel.close()

    async def restart(self) -> None:
        """Stops, and starts a minute later."""
        await self.stop()
        self.household.now += timedelta(minutes=1)
        await self.start()

    async def settle(self) -> None:
        """Lets the core work until nothing is left to do."""
        for _ in range(200):
            version = self.store.version
            rest = await self.showing.round()
            if rest < REST:
                await asyncio.sleep(rest.total_seconds())
            elif self.store.version == version:
                return

    async def link(self, *people: str) -> None:
        """Ties people's accounts to them, each by a code of their own."""
        for person in people:
            business = self.household.businesses["crumb"]
            code = await linking.issue(self.store, business, person, self.name, self.household.now)
            await self.hand.send_code(person, code)
            await self.told(person, f"{person}'s now")

    async def draft(self, text: str = "We are sorry about the hair, Ana. — Mia", **changes: object) -> int:
        """A complaint was heard and drafted; gives the draft's id."""
        mention = await self.household.hear("I found a hair in her cake at Crumb & Co.", COMPLAINT, **changes)
        return await self.household.draft(text, mention=mention)

    async def card(self, holds: str, *, but: str = "\0") -> Seen:
        """The card in the room whose text holds `holds` and not `but`, once it is there."""

        async def look() -> Seen | None:
            await self.settle()
            found = [card for card in await self.hand.cards() if holds in card.text and but not in card.text]
            return found[-1] if found else None

        return await eventually(look)

    async def told(self, person: str, holds: str) -> str:
        """What this person was newly told that holds `holds`, once it is there."""

        async def look() -> str:
            told = await self.hand.told(person)
            new = [text for text in told[self._told_before.get(person, 0) :] if holds in text]
            return new[0] if new else ""

        found = await eventually(look)
        self._told_before[person] = len(await self.hand.told(person))
        return found

    async def asked(self, person: str, *, problem: bool = False) -> Asked:
        """What this person is asked, once they are (with what was wrong, where `problem` says so)."""

        async def look() -> Asked | None:
            found = await self.hand.asked(person)
            return found if found and bool(found.problem) is problem else None

        return await eventually(look)

    async def state(self, draft: int, state: DraftState) -> Draft:
        """The draft, once it stands so."""

        async def look() -> Draft | None:
            found = await self.household.standing(draft)
            return found if found.state is state else None

        return await eventually(look)

    async def tap(self, person: str, card: Seen, begins: str) -> None:
        """Presses the button whose label begins so."""
        (label,) = [label for label in card.buttons if label.startswith(begins)]
        await self.hand.tap(person, card, label)

    async def decisions(self, draft: int) -> list[tuple[str, str]]:
        """Who chose what about a draft, in order."""
        async with self.store.read() as session:
            return [(each.person, each.action) for each in await drafts.decisions(session, "crumb", draft)]


@asynccontextmanager
async def open_room(store: Store, hand: Hand, *, place: str | None = None) -> AsyncIterator[Room]:
    """The bakery with a chat in which somebody listens; `place` empty: people are asked alone."""
    household = Household(store)
    household.businesses["crumb"] = bakery(staff=STAFF, channels=[{"type": NAME}])
    await household.move_in()
    async with aiohttp.ClientSession() as session:
        room = Room(household, hand, session, place=place)
        await room.start()
        try:
            yield room
        finally:
            await room.stop()


#: One step of the story.
Step = Callable[[Room], Awaitable[None]]


async def play(step: Step, hand: Hand, store: Store) -> None:
    """Plays one step in a room of its own."""
    async with open_room(store, hand) as room:
        await step(room)


async def an_account_is_linked_by_a_code_that_works_once(room: Room) -> None:
    business = room.household.businesses["crumb"]
    code = await linking.issue(room.store, business, "Mia", room.name, room.household.now)

    await room.hand.send_code("Mia", code.lower())
    await room.told("Mia", "Mia's now")
    await room.hand.send_code("Eve", code)

    await room.told("Eve", "does not hold")


async def a_card_tells_what_there_is_to_know_and_an_approval_is_of_what_it_shows(room: Room) -> None:
    await room.link("Mia")
    draft = await room.draft()
    card = await room.card("We are sorry about the hair")
    for told in ("Ana", "★★", "hair in her cake", "high severity", "Due", "Main Street"):
        assert told in card.text, told

    await room.tap("Mia", card, "Approve and post")

    approved = await room.state(draft, DraftState.APPROVED)
    await room.card("Approved by Mia")
    assert (approved.approved_by, approved.text) == ("Mia", "We are sorry about the hair, Ana. — Mia")
    assert await room.decisions(draft) == [("Mia", "approve")]


async def a_card_follows_a_reply_to_the_end(room: Room) -> None:
    await room.link("Mia")
    draft = await room.draft()
    await room.tap("Mia", await room.card("sorry about the hair"), "Approve and post")
    await room.state(draft, DraftState.APPROVED)

    for state, shown in (
        (DraftState.SENDING, "being posted"),
        (DraftState.SENT, "It is posted"),
        (DraftState.REFUSED, "not shown by the platform"),
    ):
        await room.household.put(draft, state, note="Promotional content." if state is DraftState.REFUSED else "")
        card = await room.card(shown)

    assert "Promotional content." in card.text


async def an_approval_is_taken_back_while_there_is_time(room: Room) -> None:
    await room.link("Mia", "Jon")
    draft = await room.draft()
    await room.tap("Mia", await room.card("sorry about the hair"), "Approve and post")
    approved = await room.card("Approved by Mia")

    await room.tap("Jon", approved, "Take it back")

    await room.state(draft, DraftState.PENDING)
    await room.card("sorry about the hair", but="Approved by")


async def of_two_who_tap_at_once_one_decides_and_the_other_is_told(room: Room) -> None:
    await room.link("Mia", "Jon")
    draft = await room.draft()
    card = await room.card("sorry about the hair")

    await asyncio.gather(room.tap("Mia", card, "Approve and post"), room.tap("Jon", card, "Approve and post"))

    approved = await room.state(draft, DraftState.APPROVED)
    other = "Jon" if approved.approved_by == "Mia" else "Mia"
    await room.told(other, f"{approved.approved_by} chose")
    assert await room.decisions(draft) == [(approved.approved_by, "approve")]


async def a_stranger_is_told_and_decides_nothing(room: Room) -> None:
    draft = await room.draft()

    await room.tap("Eve", await room.card("sorry about the hair"), "Approve and post")

    await room.told("Eve", "not linked")
    await room.state(draft, DraftState.PENDING)


async def who_has_left_the_staff_decides_nothing(room: Room) -> None:
    await room.link("Mia")
    draft = await room.draft()
    card = await room.card("sorry about the hair")
    room.household.businesses["crumb"] = bakery(staff=[STAFF[0]], channels=[{"type": NAME}])

    await room.tap("Mia", card, "Approve and post")

    await room.told("Mia", "not linked")
    await room.state(draft, DraftState.PENDING)


async def an_edit_is_checked_before_it_counts_and_makes_a_wording_of_its_own(room: Room) -> None:
    await room.link("Mia")
    draft = await room.draft()
    card = await room.card("sorry about the hair")

    await room.tap("Mia", card, "Edit")
    asked = await room.asked("Mia")
    await room.hand.answer("Mia", "We are so sorry. " * 20)
    too_long = await room.asked("Mia", problem=True)
    await room.hand.answer("Mia", "We are very sorry, Ana, and call you today. — Mia")

    fresh = await room.card("very sorry, Ana")
    edited = await room.household.standing(draft)
    assert asked.text == "We are sorry about the hair, Ana. — Mia"
    assert "too long" in too_long.problem
    assert (edited.state, edited.revision) == (DraftState.PENDING, 2)
    await room.tap("Mia", fresh, "Approve and post")
    assert (await room.state(draft, DraftState.APPROVED)).text.startswith("We are very sorry")


async def a_press_on_a_wording_that_has_changed_decides_nothing(room: Room) -> None:
    await room.link("Mia")
    draft = await room.draft()
    card = await room.card("sorry about the hair")
    await room.household.decide(draft, Action.EDIT, "Jon", text="Something else entirely. — Jon")

    await room.tap("Mia", card, "Approve and post")

    await room.told("Mia", "changed")
    await room.card("Something else entirely")
    await room.state(draft, DraftState.PENDING)


async def a_rejection_asks_why(room: Room) -> None:
    await room.link("Mia")
    draft = await room.draft()
    await room.tap("Mia", await room.card("sorry about the hair"), "Reject")
    asked = await room.asked("Mia")

    await room.hand.choose("Mia", "It needs no answer")

    rejected = await room.state(draft, DraftState.REJECTED)
    await room.card("Turned down by Mia")
    assert "The tone is wrong" in asked.options
    assert rejected.note == "It needs no answer"


async def putting_off_asks_until_when(room: Room) -> None:
    await room.link("Mia")
    draft = await room.draft()
    await room.tap("Mia", await room.card("sorry about the hair"), "Later")
    await room.asked("Mia")

    await room.hand.choose("Mia", "in 1 hour")

    await room.card("Put off until")
    assert (await room.household.standing(draft)).until == room.household.now + timedelta(hours=1)


async def an_owner_alone_decides_what_was_passed_to_them(room: Room) -> None:
    await room.link("Mia", "Jo")
    draft = await room.draft()
    await room.tap("Mia", await room.card("sorry about the hair"), "To the owner")
    passed_on = await room.card("Waits for an owner")

    await room.tap("Mia", passed_on, "Approve and post")
    await room.told("Mia", "Only an owner")
    await room.tap("Jo", passed_on, "Approve and post")

    assert (await room.state(draft, DraftState.APPROVED)).approved_by == "Jo"


async def what_is_not_about_us_is_withdrawn(room: Room) -> None:
    await room.link("Mia")
    draft = await room.draft()

    await room.tap("Mia", await room.card("sorry about the hair"), "Not about us")

    await room.state(draft, DraftState.WITHDRAWN)
    card = await room.card("not about us")
    assert "hair" not in card.text


async def a_decision_in_the_inbox_shows_on_the_card(room: Room) -> None:
    draft = await room.draft()
    await room.card("sorry about the hair")

    await room.household.decide(draft, Action.APPROVE, "Jon")

    card = await room.card("Approved by Jon")
    assert not any(label.startswith("Approve") for label in card.buttons)


async def buttons_survive_a_restart(room: Room) -> None:
    await room.link("Mia")
    draft = await room.draft()
    await room.card("sorry about the hair")

    await room.restart()
    await room.tap("Mia", await room.card("sorry about the hair"), "Approve and post")

    await room.state(draft, DraftState.APPROVED)
    await room.card("Approved by Mia")
    assert len(await room.hand.cards()) == 1


async def a_tap_while_nobody_listened_is_taken_or_the_card_says_that_it_may_be_lost(room: Room) -> None:
    await room.link("Mia")
    draft = await room.draft()
    card = await room.card("sorry about the hair")
    await room.stop()

    await room.tap("Mia", card, "Approve and post")
    room.household.now += timedelta(minutes=1)
    await room.start()

    if room.hand.keeps_taps:
        await room.card("Approved by Mia")
        assert await room.decisions(draft) == [("Mia", "approve")]
    else:
        await room.card("tap again")
        await room.state(draft, DraftState.PENDING)


async def a_card_that_somebody_deleted_stands_again_while_it_waits(room: Room) -> None:
    await room.link("Mia")
    draft = await room.draft()
    await room.hand.delete(await room.card("sorry about the hair"))

    await room.household.decide(draft, Action.EDIT, "Jon", text="A new wording. — Jon")

    await room.tap("Mia", await room.card("A new wording"), "Approve and post")
    await room.state(draft, DraftState.APPROVED)


async def a_repaint_that_comes_too_fast_is_made_up_for(room: Room) -> None:
    draft = await room.draft()
    await room.card("sorry about the hair")
    await room.hand.limit(1)

    await room.household.decide(draft, Action.APPROVE, "Jon")

    async def look() -> bool:
        room.household.now += timedelta(seconds=1)
        await room.settle()
        return any("Approved by Jon" in card.text for card in await room.hand.cards())

    await eventually(look)


#: Every character and phrase that means something to one of the chats, or to a terminal or a browser.
HOSTILE = (
    "<!channel> <@U123> @everyone @here *bold* _it_ ~no~ `code` ```fence``` > quote # head [a](https://evil.example)"
    " <b>html</b> &amp; I <3 you \\ \u202egnip || spoiler || {slot} $(rm) %s"
)


async def a_customers_markup_is_shown_as_text(room: Room) -> None:
    mention = await room.household.hear(HOSTILE, COMPLAINT)
    await room.household.draft("We are sorry, Ana. — Mia", mention=mention)

    card = await room.card("We are sorry, Ana.")

    for piece in ("<!channel>", "@everyone", "*bold*", "[a](https://evil.example)", "<b>html</b>", "&amp;", "I <3 you"):
        assert piece in card.text, piece


async def a_post_that_is_gone_leaves_no_word_on_its_card(room: Room) -> None:
    draft = await room.draft()
    await room.card("hair in her cake")

    async with room.store.work() as session:
        mention: Mention = (await drafts.get(session, "crumb", draft) or (None, None))[1]  # type: ignore[assignment]
        await mentions.erase(session, "crumb", [mention.id or 0], room.household.now)

    card = await room.card("no longer kept")
    assert "hair" not in card.text


async def nobody_who_answers_is_reminded_in_the_cards_thread(room: Room) -> None:
    await room.link("Mia", "Jo")
    await room.draft()
    await room.card("sorry about the hair")

    for says in ("still waits", "still waits", "waits for an owner"):
        room.household.now += timedelta(minutes=31)
        await room.settle()
        notices = await eventually(room.hand.notices)
        assert says in notices[-1]
    assert len(notices) == 3


async def every_decision_stands_in_the_audit_trail_with_its_chat(room: Room) -> None:
    await room.link("Mia")
    draft = await room.draft()

    await room.tap("Mia", await room.card("sorry about the hair"), "Approve and post")
    await room.state(draft, DraftState.APPROVED)

    async with room.store.read() as session:
        (line,) = [each for each in await audit.recent(session, "crumb", f"draft {draft}") if each.what == "approve"]
    assert (line.who, line.detail["channel"], line.detail["revision"]) == ("Mia", NAME, 1)


#: The story, step by step.
SCENARIO: tuple[Step, ...] = (
    an_account_is_linked_by_a_code_that_works_once,
    a_card_tells_what_there_is_to_know_and_an_approval_is_of_what_it_shows,
    a_card_follows_a_reply_to_the_end,
    an_approval_is_taken_back_while_there_is_time,
    of_two_who_tap_at_once_one_decides_and_the_other_is_told,
    a_stranger_is_told_and_decides_nothing,
    who_has_left_the_staff_decides_nothing,
    an_edit_is_checked_before_it_counts_and_makes_a_wording_of_its_own,
    a_press_on_a_wording_that_has_changed_decides_nothing,
    a_rejection_asks_why,
    putting_off_asks_until_when,
    an_owner_alone_decides_what_was_passed_to_them,
    what_is_not_about_us_is_withdrawn,
    a_decision_in_the_inbox_shows_on_the_card,
    buttons_survive_a_restart,
    a_tap_while_nobody_listened_is_taken_or_the_card_says_that_it_may_be_lost,
    a_card_that_somebody_deleted_stands_again_while_it_waits,
    a_repaint_that_comes_too_fast_is_made_up_for,
    a_customers_markup_is_shown_as_text,
    a_post_that_is_gone_leaves_no_word_on_its_card,
    nobody_who_answers_is_reminded_in_the_cards_thread,
    every_decision_stands_in_the_audit_trail_with_its_chat,
)
