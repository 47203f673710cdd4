"""Keeps the cards of one chat true: posts what is wanted, repaints what has changed, reminds, and falls back to mail.

Every round finds its work in the store, so that a daemon which is killed
between any two steps goes on from there. A card is drawn at the moment it is
painted: however many changes came before, it is repainted once. What the
chat's pace does not allow yet waits for the next round.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from aiolimiter import AsyncLimiter

from responders.channels import asking, cards
from responders.channels.base import Card as Drawn
from responders.channels.base import Ref, Taker
from responders.channels.chat import Chat
from responders.channels.facts import Bundle, Matter, Word, read
from responders.channels.mailing import tell_by_mail
from responders.errors import ChannelDenied, ChannelError, ChannelLimited
from responders.mail import pause_after
from storage import Card, Store, alerts, chat_notes
from storage import cards as kept
from storage.chats import CardState, Subject
from storage.states import UNDECIDED, DraftState, PromiseState

log = structlog.get_logger()

T = TypeVar("T")

#: One call to a chat takes no longer than this; the lease on its card outlives it.
TIMEOUT, LEASE = timedelta(seconds=20), timedelta(seconds=30)
#: How long a chat that does not let us in is left alone.
DENIED_FOR = timedelta(minutes=5)
#: How often cards are looked through for people who have left and for what is over.
SWEEP = timedelta(minutes=1)
#: How often every card is drawn anew, in case something has changed that no row tells of.
LOOK_AGAIN = timedelta(hours=1)
#: How long a round may rest where nothing wakes it earlier.
REST = timedelta(seconds=20)
#: How long a chat may be down until its cards are late, and people are told by mail.
FALLBACK_AFTER, FALLBACK_AT_ONCE = timedelta(minutes=10), timedelta(minutes=1)
KEEP_CARDS = timedelta(days=90)
#: So many cards are looked at in one round; what is new is posted before the next ones.
LOOKS = 10


@dataclass(frozen=True, slots=True)
class _Painting:
    """A claimed card with how it looks now."""

    card: Card
    fence: int
    matter: Matter | Bundle | Word | None
    drawn: Drawn


class Showing:
    """The reconciler of one chat."""

    def __init__(self, chat: Chat, taker: Taker) -> None:
        self._chat = chat
        self._taker = taker
        self._paces: dict[str, AsyncLimiter] = {}
        self._blocked: dict[str, datetime] = {}
        #: What was looked at last of every card that stands, so that a round compares plain rows only.
        self._seen: dict[int, tuple[Any, ...]] = {}
        self._swept_at: datetime | None = None
        self._seen_since: datetime | None = None
        self._is_recovered = False
        self._is_behind = False
        self._has_more = False

    async def round(self) -> timedelta:
        """Does everything that can be done now; gives how long it may rest."""
        chat, self._is_behind, self._has_more = self._chat, False, False
        await asking.ask_waiting(chat)
        if chat.rests_until is None or chat.rests_until <= chat.now():
            await self._recover()
            await self._post_wanted()
            await self._go_on_asking()
            await self._repaint_changed()
        await self._sweep()
        await self._fall_back()
        if self._has_more:
            return timedelta(0)
        if self._is_behind:
            pace = chat.channel.limits.pace
            return min(max(pace.per / pace.number, timedelta(milliseconds=50)), REST)
        return REST

    # --- What was done while nobody listened ---------------------------------------------------

    async def _recover(self) -> None:
        """Takes what people did while we were away, once, before anything is repainted over it."""
        if self._is_recovered:
            return
        chat = self._chat
        async with chat.store.read() as session:
            standing = await kept.posted(session, chat.business_id, chat.name)
        refs = [Ref(card.place, card.message) for card in standing]
        acts = await self._call("", chat.channel.missed(refs)) if refs else []
        if acts is None:
            return
        for act in acts:
            await self._taker.take(act)
        async with chat.store.work() as session:
            await kept.repaint_all(session, chat.business_id, chat.name)
        self._is_recovered = True

    # --- Posting -----------------------------------------------------------------------------

    async def _post_wanted(self) -> None:
        chat = self._chat
        async with chat.store.read() as session:
            wanted = await kept.wanted(session, chat.business_id, chat.name, chat.now())
        for card in wanted:
            if self._may_call(card.place):
                await self._post(card)

    async def _post(self, card: Card) -> None:
        if await self._is_void(card):
            return
        painting = await self._claim(card)
        if painting is None:
            return
        key = f"{card.id:x}-{int(card.wanted_at.timestamp() * 1000):x}"
        posting = self._chat.channel.post(card.place, painting.drawn, key)
        ref = await self._call(card.place, posting, card=card, fence=painting.fence)
        if ref is None:
            return
        now = self._chat.now()
        # After a try whose answer was lost, the chat may show what it was given then.
        shown = "" if card.tries else cards.digest(painting.drawn)
        changes: dict[str, Any] = {"message": ref.message, "place": ref.place, "posted_at": now, "shown": shown}
        if isinstance(painting.matter, Matter) and card.step < asking.WITH_OWNER:
            critical = asking.is_critical(painting.matter.mention)
            changes["step_at"] = now + asking.pause(painting.matter.draft, now, critical=critical)
        await self._settle(painting, changes)

    async def _is_void(self, card: Card) -> bool:
        """Takes back what is no longer wanted and certainly stands nowhere: it was decided or put off meanwhile."""
        if card.tries or card.subject is not Subject.DRAFT:
            return False
        chat = self._chat
        async with chat.store.read() as session:
            matter = await read(session, card, chat.surface())
        is_void = not isinstance(matter, Matter) or matter.draft.state not in UNDECIDED or matter.is_asleep
        if is_void:
            async with chat.store.work() as session:
                fence = await kept.claim(session, card, chat.now(), chat.now())
                await kept.settle(session, card.id or 0, fence, {"state": CardState.GONE})
        return is_void

    # --- Repainting --------------------------------------------------------------------------

    async def _repaint_changed(self) -> None:
        chat, now = self._chat, self._chat.now()
        async with chat.store.read() as session:
            standing = await kept.standing(session, chat.business_id, chat.name)
        looks = 0
        for each in standing:
            over = [moment is not None and moment <= now for moment in (each.due_at, each.until)]
            seen = (each.looks, each.until, over)
            if self._seen.get(each.id) == seen or each.next_at > now or not self._may_call(each.place):
                continue
            if looks == LOOKS:
                self._has_more = True  # new cards go first
                break
            looks += 1
            if await self._repaint(each.id):
                self._seen[each.id] = seen
        self._seen = {each.id: self._seen[each.id] for each in standing if each.id in self._seen}

    async def _repaint(self, card_id: int) -> bool:
        """Looks at one card and paints it where it would look different; False where it has to be looked at again."""
        chat = self._chat
        async with chat.store.read() as session:
            card = await kept.get(session, chat.business_id, card_id)
            matter = await read(session, card, chat.surface()) if card else None
        if card is None or card.state not in (CardState.POSTED, CardState.CLOSED):
            return True
        await self._hurry(card, matter)
        is_true = cards.digest(self._draw(card, matter)) == card.shown
        if is_true and (card.state is CardState.CLOSED or not _is_over(matter)):
            return True
        painting = await self._claim(card)
        if painting is None:
            return False
        is_there = True
        if chat.channel.limits.repaints and cards.digest(painting.drawn) != card.shown:
            showing = chat.channel.show(Ref(card.place, card.message), painting.drawn)
            answer = await self._call(card.place, showing, card=card, fence=painting.fence)
            if answer is None:
                return False
            is_there = answer
        gone = not is_there or painting.matter is None or self._is_replaced(card, painting.matter)
        state = CardState.GONE if gone else CardState.CLOSED if _is_over(painting.matter) else CardState.POSTED
        await self._settle(painting, {"shown": cards.digest(painting.drawn), "state": state})
        return False

    async def _hurry(self, card: Card, matter: Matter | Bundle | Word | None) -> None:
        """An owner is asked at once when somebody passes a draft to them."""
        is_passed = isinstance(matter, Matter) and matter.draft.state is DraftState.ESCALATED
        if is_passed and card.state is CardState.POSTED and card.step < asking.PASSED_ON:
            async with self._chat.store.work() as session:
                changes = {"step": asking.PASSED_ON, "step_at": self._chat.now()}
                await kept.change(session, card.id or 0, changes)

    def _is_replaced(self, card: Card, matter: Matter | Bundle | Word | None) -> bool:
        """Whether the wording has changed where a press cannot say which one was seen: a new card takes its place."""
        if self._chat.channel.limits.wordings or not isinstance(matter, Matter):
            return False
        return matter.draft.revision != card.revision and matter.draft.state in UNDECIDED

    def _draw(self, card: Card, matter: Matter | Bundle | Word | None) -> Drawn:
        limits = self._chat.channel.limits
        if isinstance(matter, Matter) and self._is_replaced(card, matter):
            return cards.replaced(matter, limits)
        silent = isinstance(matter, Matter) and asking.is_silent(self._chat, matter.mention)
        return cards.draw(matter, limits, silent=silent and card.state is CardState.WANTED)

    # --- Asking again -------------------------------------------------------------------------

    async def _go_on_asking(self) -> None:
        chat = self._chat
        async with chat.store.read() as session:
            due = await kept.stepping(session, chat.business_id, chat.name, chat.now())
        for card, _ in due:
            if self._may_call(card.place):
                await self._take_step(card)

    async def _take_step(self, card: Card) -> None:
        chat = self._chat
        painting = await self._claim(card)
        if painting is None or not isinstance(painting.matter, Matter):
            return
        matter = painting.matter
        if matter.draft.state not in UNDECIDED:
            await self._settle(painting, {"step_at": None})
            return
        async with chat.store.read() as session:
            step = await asking.next_step(session, chat, card, matter.draft, matter.mention)
        if step.text:
            nudging = self._did(chat.channel.nudge(Ref(card.place, card.message), step.text, step.actors))
            if await self._call(card.place, nudging, card=card, fence=painting.fence) is None:
                return
        async with chat.store.work() as session:
            for new in step.new_cards:
                await kept.want(session, new)
            await kept.settle(session, card.id or 0, painting.fence, {"tries": 0, **step.changes})

    @staticmethod
    async def _did(call: Awaitable[None]) -> bool:
        await call
        return True

    # --- The clock ----------------------------------------------------------------------------

    async def _sweep(self) -> None:
        """Now and then: people who have left, cards that ended long ago, and what a round may have overlooked."""
        chat, now = self._chat, self._chat.now()
        if self._swept_at is not None and now - self._swept_at < SWEEP:
            return
        self._swept_at = now
        if self._seen_since is None or now - self._seen_since >= LOOK_AGAIN:
            self._seen_since = now
            self._seen.clear()
        await asking.pass_on_from_absent(chat)
        async with chat.store.work() as session:
            await kept.drop_old(session, chat.business_id, now - KEEP_CARDS)

    async def _fall_back(self) -> None:
        """Tells people by mail what a chat that is down should have shown; those cards will say that they are late."""
        chat, now = self._chat, self._chat.now()
        if chat.mails_after is not None and now < chat.mails_after:
            return
        async with chat.store.read() as session:
            late = await kept.unposted(session, chat.business_id, chat.name, now - FALLBACK_AT_ONCE)
        late = [
            (card, mention)
            for card, mention in late
            if now - card.wanted_at >= FALLBACK_AFTER or (mention is not None and asking.is_critical(mention))
        ]
        if not late:
            return
        told = await tell_by_mail(chat, late)
        chat.mails_after = None if told else now + FALLBACK_AFTER
        async with chat.store.work() as session:
            for card, _ in late:
                await kept.change(session, card.id or 0, {"late": True, "mailed_at": now if told else None})

    # --- One call at a time, at the chat's pace -----------------------------------------------

    def _may_call(self, place: str) -> bool:
        """Whether the chat takes another message or repaint in this place now."""
        chat = self._chat
        blocked = max((self._blocked.get(each, chat.now()) for each in (place, "")), default=chat.now())
        if blocked > chat.now() or (chat.rests_until is not None and chat.rests_until > chat.now()):
            return False
        pace = chat.channel.limits.pace
        limiter = self._paces.setdefault(place, AsyncLimiter(pace.number, pace.per.total_seconds()))
        if limiter.has_capacity():
            return True
        self._is_behind = True
        return False

    async def _claim(self, card: Card) -> _Painting | None:
        """Takes a card and draws it as it stands then; None where somebody else has it."""
        chat, now = self._chat, self._chat.now()
        async with chat.store.work() as session:
            fence = await kept.claim(session, card, now, now + LEASE)
        if not fence:
            return None
        async with chat.store.read() as session:
            matter = await read(session, card, chat.surface())
        return _Painting(card, fence, matter, self._draw(card, matter))

    async def _settle(self, painting: _Painting, changes: dict[str, Any]) -> None:
        card, matter = painting.card, painting.matter
        changes = {"state": CardState.POSTED, "tries": 0, "next_at": self._chat.now(), **changes}
        if isinstance(matter, Matter) and not self._is_replaced(card, matter):
            changes["revision"] = matter.draft.revision
        async with self._chat.store.work() as session:
            if "message" in changes:  # a tap may have made it known before its posting was confirmed
                await kept.drop_adopted(session, card, changes["place"], changes["message"])
            if changes["state"] is CardState.POSTED and await kept.has_live_twin(session, card):
                changes["state"] = CardState.CLOSED  # it is repainted all the same, and asks nobody
            await kept.settle(session, card.id or 0, painting.fence, changes)

    async def _call(self, place: str, call: Awaitable[T], *, card: Card | None = None, fence: int = 0) -> T | None:
        """What the chat answers; None where it did not, and then it is known when to try again."""
        if place in self._paces:
            await self._paces[place].acquire()
        try:
            async with asyncio.timeout(TIMEOUT.total_seconds()):
                answer = await call
        except ChannelError as error:
            await self._failed(place, error, card, fence)
        except TimeoutError:
            await self._failed(place, ChannelError("The chat did not answer in time."), card, fence)
        except Exception as error:  # around one call: a chat's bug must not hold up the other cards
            log.exception("chat broke", chat=self._chat.name)
            why = f"Something unexpected happened ({type(error).__name__})."
            await self._failed(place, ChannelError(why), card, fence)
        else:
            await self._say_fault("")
            return answer
        return None

    async def _failed(self, place: str, error: ChannelError, card: Card | None, fence: int) -> None:
        chat, now = self._chat, self._chat.now()
        again = now + pause_after(card.tries + 1 if card else 1) / 4
        if isinstance(error, ChannelLimited):
            again = max(error.retry_at, now + timedelta(milliseconds=100))
            self._blocked[place] = again
        elif isinstance(error, ChannelDenied):
            again = chat.rests_until = now + DENIED_FOR
        if card is not None:
            # What was refused before anything could be shown counts as no try at all.
            tries = card.tries if isinstance(error, ChannelLimited) else card.tries + 1
            async with chat.store.work() as session:
                await kept.settle(session, card.id or 0, fence, {"next_at": again, "tries": tries})
        if not isinstance(error, ChannelLimited):
            await self._say_fault(str(error), needs_person=isinstance(error, ChannelDenied))

    async def _say_fault(self, fault: str, *, needs_person: bool = False) -> None:
        """Keeps what is wrong for everybody to see; once when it begins, and once when it is over."""
        chat = self._chat
        if fault == chat.fault:
            return
        if bool(fault) != bool(chat.fault):
            log.warning("chat failed" if fault else "chat works again", chat=chat.name, fault=fault)
        chat.fault = fault
        async with chat.store.work() as session:
            await chat_notes.put(session, chat.business_id, chat.name, chat_notes.FAULT, fault)
            if needs_person:
                key = f"chat {chat.name} denied on {chat.now():%Y-%m-%d}"
                text = f"Nobody can be asked in the chat “{chat.name}”. {fault}"
                await alerts.raise_once(session, chat.business_id, key, text, chat.now())


async def keep_true(showing: Showing, store: Store) -> None:
    """Goes round whenever something was stored, and at the latest after a rest."""
    while True:
        version = store.version
        rest = await showing.round()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rest.total_seconds()):
                await store.changes(version)


def _is_over(matter: Matter | Bundle | Word | None) -> bool:
    """Whether a card that shows this has nothing more to tell."""
    match matter:
        case Matter():
            is_by_hand = matter.draft.state is DraftState.SENT and not (matter.delivery and matter.delivery.receipt_id)
            return matter.draft.state in kept.FINAL or is_by_hand
        case Bundle():
            return not matter.members
        case Word():
            return matter.promise.state is not PromiseState.OPEN
    return True
