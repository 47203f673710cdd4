"""Whatever happens in whatever order, in two chats and beside them: one decision, the approved text, and true cards."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections import deque
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlmodel import col, select

from responders.approvals import Choice, expire, withdraw
from responders.channels import cards as drawing
from responders.channels import showing
from responders.channels.base import Editor
from responders.channels.facts import read
from responders.errors import DecisionError
from responders.sending import Outbox, look_for_lost, recover, send_due, verify_sent
from storage import Card, Store, drafts, mentions
from storage.chats import CardState
from storage.states import UNDECIDED, Action, DraftState
from tests.builders import Answer, Platform
from tests.responders.channels.scenario import STAFF, Room
from tests.responders.channels.simulated import LIMITS, Server, SimulatedHand
from tests.responders.inbox.household import COMPLAINT, PRAISE, Household, bakery

PEOPLE = ("Jo", "Mia", "Jon", "Eve")
#: One loses what is pressed while we are away; the other keeps it, has no keys against double posts, and no revisions.
SERVERS = {
    "slack": Server(LIMITS),
    "matrix": Server(replace(LIMITS, editor=Editor.REPLY, keeps=True, wordings=False)),
}
TEXTS = (
    "Sorry, Ana! — Mia",
    "We call you today, Ana. — Jon",
    "You get a refund. — Mia",
    "See our lawyer.",
    "",
    "x" * 400,
)
ACTIONS = (Action.APPROVE, Action.EDIT, Action.REJECT, Action.ESCALATE, Action.RECALL, Action.REOPEN, Action.POSTED)
_CHAT = st.sampled_from(list(SERVERS))
_WHO = st.sampled_from(PEOPLE)
_PICK = st.integers(0, 40)


class Interleavings(RuleBasedStateMachine):
    """Two chats over one store, the inbox beside them, and a platform that is slow, strict or broken."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="warmline-"))
        self.runner.run(self._open())

    async def _open(self) -> None:
        shutil.copy(self.template, self.folder / "warmline.db")
        self.store = await Store.open(f"sqlite+aiosqlite:///{self.folder / 'warmline.db'}")
        self.household = Household(self.store)
        self.household.businesses["crumb"] = bakery(staff=STAFF, channels=[{"type": name} for name in SERVERS])
        await self.household.move_in()
        self.platform = Platform(lambda: self.household.now)  # type: ignore[arg-type] – a clock to read only
        self.outbox = Outbox(self.store, self.platform.speaker, lambda: self.household.now)
        self.session = aiohttp.ClientSession()
        self.rooms: dict[str, Room] = {}
        self.seen: dict[str, list[Any]] = {name: [] for name in SERVERS}
        for name, server in SERVERS.items():
            fresh = Server(server.limits)
            self.rooms[name] = Room(self.household, SimulatedHand(fresh), self.session, name=name)
            await self.rooms[name].start()
            await asyncio.sleep(0)
            await self.rooms[name].link("Jo", "Mia", "Jon")

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def server(self, chat: str) -> Server:
        hand = self.rooms[chat].hand
        assert isinstance(hand, SimulatedHand)
        return hand.server

    # --- What happens -------------------------------------------------------------------------

    @rule(praise=st.booleans(), abuse=st.booleans())
    def somebody_writes(self, praise: bool, abuse: bool) -> None:
        async def write() -> None:
            text = "I love the buns" if praise else "You fucking idiots" if abuse else "A hair in my cake"
            mention = await self.household.hear(text, PRAISE if praise else COMPLAINT)
            await self.household.draft(mention=mention)

        self.run(write())

    @rule(chat=_CHAT)
    def a_round_goes_by(self, chat: str) -> None:
        self.run(self._round(chat))

    async def _round(self, chat: str) -> None:
        await self.rooms[chat].showing.round()
        self.seen[chat] += await self.rooms[chat].hand.cards()
        del self.seen[chat][:-40]

    @rule(chat=_CHAT, who=st.lists(_WHO, min_size=1, max_size=2), card=_PICK, button=_PICK)
    def people_tap(self, chat: str, who: list[str], card: int, button: int) -> None:
        """On cards as they are, or as they once were; two at once."""
        if not self.seen[chat]:
            return
        seen = self.seen[chat][-1 - card % len(self.seen[chat])]
        if not seen.buttons:
            return
        label = seen.buttons[button % len(seen.buttons)]

        async def tap() -> None:
            await asyncio.gather(*(self.rooms[chat].hand.tap(person, seen, label) for person in who))

        self.run(tap())

    @rule(chat=_CHAT, who=_WHO, text=st.sampled_from(TEXTS), pick=_PICK)
    def somebody_answers(self, chat: str, who: str, text: str, pick: int) -> None:
        async def answer() -> None:
            hand = self.rooms[chat].hand
            asked = await hand.asked(who)
            if asked is None:
                return
            if asked.options:
                await hand.choose(who, asked.options[pick % len(asked.options)])
            else:
                await hand.answer(who, text)

        self.run(answer())

    @rule(who=st.sampled_from(PEOPLE[:3]), pick=_PICK, action=st.sampled_from(ACTIONS))
    def somebody_decides_in_the_inbox(self, who: str, pick: int, action: Action) -> None:
        async def decide() -> None:
            async with self.store.read() as session:
                found = await drafts.latest(session, "crumb", list(DraftState), 100)
            if not found:
                return
            draft, _ = found[pick % len(found)]
            choice = Choice("crumb", draft.id or 0, draft.revision, action, who, "inbox", text="From the inbox. — Jo")
            with contextlib.suppress(DecisionError):
                await self.household.desk.decide(choice)

        self.run(decide())

    @rule(chat=_CHAT, fault=st.sampled_from(["after", "before", "limited", "denied", "bug"]))
    def a_call_fails(self, chat: str, fault: str) -> None:
        self.server(chat).faults.append(fault)

    @rule(chat=_CHAT)
    def the_chat_goes_down_or_comes_back(self, chat: str) -> None:
        self.server(chat).is_down = not self.server(chat).is_down

    @rule(chat=_CHAT)
    def answers_are_lost_or_heard_again(self, chat: str) -> None:
        self.server(chat).tells = not self.server(chat).tells

    @rule(chat=_CHAT)
    def we_stop_or_start(self, chat: str) -> None:
        async def turn() -> None:
            room = self.rooms[chat]
            if room._listening is None:
                await room.start()
                await asyncio.sleep(0)
            else:
                await room.stop()

        self.run(turn())

    @rule(chat=_CHAT, pick=_PICK)
    def somebody_deletes_a_card(self, chat: str, pick: int) -> None:
        standing = list(self.server(chat).standing().values())
        if standing:
            standing[pick % len(standing)].is_deleted = True

    @rule(minutes=st.sampled_from([1, 7, 40, 300, 6000]))
    def time_passes(self, minutes: int) -> None:
        self.household.now += timedelta(minutes=minutes)
        self.run(expire(self.store, self.household.now))

    @rule(answer=st.sampled_from([Answer.OK, Answer.OK, Answer.LIMITED, Answer.REFUSED, Answer.BROKEN_AFTER]))
    def replies_go_out(self, answer: Answer) -> None:
        async def send() -> None:
            self.platform.answers = deque([answer])
            await recover(self.outbox)
            await send_due(self.outbox)
            self.platform.answers.clear()
            await look_for_lost(self.outbox)
            await verify_sent(self.outbox)

        self.run(send())

    @rule(staff=st.sampled_from([STAFF, STAFF[:1], STAFF[:2], STAFF[1:]]))
    def people_come_and_go(self, staff: list[dict[str, str]]) -> None:
        self.household.businesses["crumb"] = bakery(staff=staff, channels=[{"type": name} for name in SERVERS])

    @rule(pick=_PICK, erased=st.booleans())
    def a_post_disappears(self, pick: int, erased: bool) -> None:
        async def disappear() -> None:
            async with self.store.work() as session:
                found = await drafts.latest(session, "crumb", list(DraftState), 100)
                if not found:
                    return
                draft, mention = found[pick % len(found)]
                if erased and draft.state not in (DraftState.SENDING, DraftState.UNCONFIRMED, DraftState.APPROVED):
                    await mentions.erase(session, "crumb", [mention.id or 0], self.household.now)
                elif not erased:
                    ids = await mentions.gone(session, "crumb", "google", [mention.external_id], self.household.now)
                    await withdraw(session, ids, "The post is gone from its platform.", self.household.now)

        self.run(disappear())

    # --- What must always hold ----------------------------------------------------------------

    @invariant()
    def nothing_is_decided_twice_nor_by_a_stranger(self) -> None:
        async def look() -> list[list[tuple[str, str]]]:
            async with self.store.read() as session:
                found = await drafts.latest(session, "crumb", list(DraftState), 100)
                return [
                    [(each.action, each.person) for each in await drafts.decisions(session, "crumb", draft.id or 0)]
                    for draft, _ in found
                ]

        for taken in self.run(look()):
            standing = 0
            for action, person in taken:
                assert person in PEOPLE[:3]
                standing += {"approve": 1, "recall": -1, "reopen": -standing}.get(action, 0)
                assert standing in (0, 1), taken

    @invariant()
    def only_approved_texts_are_public_and_each_once(self) -> None:
        async def look() -> set[str]:
            async with self.store.read() as session:
                found = await drafts.latest(session, "crumb", list(DraftState), 100)
                texts = set()
                for draft, _ in found:
                    wordings = {w.number: w.text for w in await drafts.revisions(session, "crumb", draft.id or 0)}
                    for each in await drafts.decisions(session, "crumb", draft.id or 0):
                        if each.action == "approve":
                            texts.add(wordings[each.revision])
            return texts

        self.approved = getattr(self, "approved", set()) | self.run(look())
        targets = [each.target for each in self.platform.published]
        assert {each.text for each in self.platform.published} <= self.approved
        assert len(targets) == len(set(targets))

    def teardown(self) -> None:
        try:
            self.run(self._end())
        finally:
            self.run(self._close())
            self.runner.close()
            shutil.rmtree(self.folder)

    async def _end(self) -> None:
        """Everything works again, and all is quiet: then every card must be true."""
        self.household.now += timedelta(hours=2)
        for name, room in self.rooms.items():
            server = self.server(name)
            server.is_down, server.tells = False, True
            server.faults.clear()
            if room._listening is None:
                await room.start()
        for _ in range(3):
            await asyncio.sleep(0)
            self.household.now += timedelta(minutes=11)
            for room in self.rooms.values():
                await room.settle()
        for name in self.rooms:
            await self._check(name)

    async def _check(self, name: str) -> None:
        room, server = self.rooms[name], self.server(name)
        tracked: dict[str, Card] = {}
        async with self.store.read() as session:
            for card in (await session.exec(select(Card).where(col(Card.channel) == name))).all():
                if card.message:
                    tracked[card.message] = card
            for number, message in server.standing().items():
                card = tracked.get(number)
                assert card is not None, f"a card in {name} is not known: {message.card}"
                if card.state is CardState.GONE:
                    assert not any(button.press for row in message.card.buttons for button in row), message.card
                    continue
                matter = await read(session, card, room.chat.surface())
                now = drawing.draw(matter, server.limits)
                assert drawing.digest(now) == drawing.digest(message.card), (message.card, now)
            waiting = await drafts.queue(session, "crumb", now=self.household.now, states=UNDECIDED)
            shown = {
                card.draft_id
                for number, card in tracked.items()
                if number in server.standing() and card.state is CardState.POSTED
            }
            shown |= {int(d) for card in tracked.values() if card.state is CardState.POSTED for d, _ in card.members}
        assert {draft.id for draft, _ in waiting} <= shown

    async def _close(self) -> None:
        for room in self.rooms.values():
            await room.stop()
        await self.session.close()
        await self.store.close()


def _run(template: Path, examples: int, steps: int) -> None:
    machine = type("Interleavings", (Interleavings,), {"template": template})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(showing, "LOOK_AGAIN", timedelta(days=1000))  # rows alone must tell what has changed
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )


def test_no_interleaving_decides_twice_posts_what_nobody_approved_or_ends_untrue(sqlite_template: Path) -> None:
    _run(sqlite_template, 12, 25)


@pytest.mark.fuzz
@pytest.mark.timeout(6 * 3600)
def test_no_interleaving_of_ten_thousand_does(sqlite_template: Path) -> None:
    _run(sqlite_template, 10_000, 30)
