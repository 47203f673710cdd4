"""Which cards should stand where, and what happens when nobody answers.

A room gets one card for everybody. Where people are asked alone, one person
is: whoever is on duty and has the least to do. Then, while nobody decides: a
reminder, the next person, an owner; in the end the draft expires and nothing
is posted. Rota, days off and quiet hours hold back everything but a crisis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from config.settings import Person
from responders import duty
from responders.channels.base import Limits
from responders.channels.cards import batch_fits
from responders.channels.care import is_abusive
from responders.channels.chat import Chat
from responders.channels.facts import Member
from responders.praise import MOST, is_plain_praise
from storage import Author, Card, Draft, Mention, Session, cards
from storage.assessment import SeverityLevel
from storage.chats import CardState, Subject
from storage.states import DraftState

#: Plain praise is not urgent: what comes within this time of the last is shown together.
GATHER = timedelta(minutes=10)
#: A promise is asked about so long before it falls due.
PROMISE_AHEAD = timedelta(hours=2)
#: The pauses between asking, reminding, the next person and an owner: a quarter of the time until an answer is due.
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=1)
#: The steps of asking that a card has behind it.
ASKED, REMINDED, PASSED_ON, WITH_OWNER = 0, 1, 2, 3


def is_critical(mention: Mention) -> bool:
    """Whether a mention breaks quiet hours."""
    return mention.severity_level >= SeverityLevel.CRITICAL


def pause(draft: Draft, since: datetime, *, critical: bool) -> timedelta:
    """How long to wait for an answer before asking goes on."""
    if critical or draft.due_at is None:
        return SHORTEST_PAUSE if critical else LONGEST_PAUSE
    return min(max((draft.due_at - since) / 4, SHORTEST_PAUSE), LONGEST_PAUSE)


@dataclass(slots=True)
class Queues:
    """What waits for whom in a chat where people are asked alone: so many drafts, and so many that are abusive."""

    load: Counter[str] = field(default_factory=Counter)
    abusive: Counter[str] = field(default_factory=Counter)

    def add(self, person: str, mention: Mention) -> None:
        """One more for this person."""
        self.load[person] += 1
        self.abusive[person] += is_abusive(mention)

    def choose(self, people: Sequence[Person], mention: Mention) -> Person:
        """Whose turn it is: nobody's queue holds only abuse while somebody else's could take it."""

        def strain(person: Person) -> tuple[Any, ...]:
            has_only_abuse = self.abusive[person.name] == self.load[person.name]
            if is_abusive(mention):
                return has_only_abuse, self.abusive[person.name], self.load[person.name]
            return not (has_only_abuse and self.load[person.name]), self.load[person.name]

        return min(people, key=strain)


async def ask_waiting(chat: Chat) -> int:
    """Wants a card for everything that nobody was asked about in this chat; gives how many."""
    now = chat.now()
    async with chat.store.read() as session:
        found = await cards.unasked(session, chat.business_id, chat.name, now, limit=200)
        together = await _in_batches(session, chat) if found else set()
        places = await chat.places(session) if chat.is_direct else {}
        owed = await cards.promises_due(session, chat.business_id, chat.name, now + PROMISE_AHEAD)
    waiting = [(draft, mention) for draft, mention in found if (draft.id, draft.revision) not in together]
    if not waiting and not owed:
        return 0
    async with chat.store.work() as session:
        wanted = await _ask_one_by_one(session, chat, waiting, places, now)
        wanted += await _ask_for_praise(session, chat, waiting, now)
        for promise in owed:
            wanted += await _ask_whether_kept(session, chat, promise, places, now)
    return wanted


async def _in_batches(session: Session, chat: Chat) -> set[tuple[int | None, int]]:
    """The drafts, in their wordings, that a batch shows."""
    batches = await cards.batches(session, chat.business_id, chat.name)
    return {(int(draft), int(revision)) for batch in batches for draft, revision in batch.members}


def _gathers(chat: Chat) -> bool:
    """Whether this chat shows praise together: in a room, where one can decide."""
    return not chat.is_direct and chat.channel.limits.decides


async def _ask_one_by_one(
    session: Session,
    chat: Chat,
    waiting: Sequence[tuple[Draft, Mention]],
    places: Mapping[str, str],
    now: datetime,
) -> int:
    queues = await _queues(session, chat) if chat.is_direct else Queues()
    wanted = 0
    for draft, mention in waiting:
        if _gathers(chat) and is_plain_praise(draft, mention):
            continue
        person, place = "", chat.place
        if chat.is_direct:
            chosen = choose(chat, queues, draft, mention, places, now)
            if chosen is None:
                continue
            person, place = chosen.name, places[chosen.name]
        elif not is_critical(mention) and not duty.on_duty(chat.business, now):
            continue
        step = PASSED_ON if draft.state is DraftState.ESCALATED else ASKED
        if await cards.want(session, row(chat, draft, now, place=place, person=person, step=step)):
            wanted += 1
            queues.add(person, mention)
    return wanted


async def _queues(session: Session, chat: Chat) -> Queues:
    queues = Queues()
    for card, _, mention in await cards.waiting_on(session, chat.business_id, chat.name):
        queues.add(card.person, mention)
    return queues


def choose(
    chat: Chat,
    queues: Queues,
    draft: Draft,
    mention: Mention,
    places: Mapping[str, str],
    now: datetime,
    *,
    owners: bool = False,
    but: Collection[str] = (),
) -> Person | None:
    """Who is asked alone about a draft now; None where nobody who can be reached may be asked."""
    owners = owners or draft.state is DraftState.ESCALATED
    people = duty.on_duty(chat.business, now, critical=is_critical(mention), owners=owners)
    people = [person for person in people if person.name in places and person.name not in but]
    fit = [person for person in people if (person in chat.business.owners) is owners]
    return queues.choose(fit or people, mention) if people else None


def is_silent(chat: Chat, mention: Mention) -> bool:
    """Whether a card comes without a sound, because somebody in the room is in their quiet hours."""
    now = chat.now()
    quiet = any(duty.is_quiet(chat.business, person, now) for person in chat.business.staff)
    return quiet and not chat.is_direct and not is_critical(mention)


def row(
    chat: Chat, draft: Draft, now: datetime, *, place: str, person: str = "", step: int = ASKED, handed_by: str = ""
) -> dict[str, Any]:
    """The columns of a card that is wanted for a draft."""
    return {
        "business_id": chat.business_id,
        "channel": chat.name,
        "subject": Subject.DRAFT,
        "draft_id": draft.id,
        "person": person,
        "place": place,
        "revision": draft.revision,
        "wanted_at": now,
        "next_at": now,
        "step": step,
        "handed_by": handed_by,
    }


async def _ask_for_praise(session: Session, chat: Chat, waiting: Sequence[tuple[Draft, Mention]], now: datetime) -> int:
    """The first answer to praise is asked about at once, those that come soon after it together."""
    praise = [pair for pair in waiting if is_plain_praise(*pair)] if _gathers(chat) else []
    if not praise or not duty.on_duty(chat.business, now):
        return 0
    if chat.praised_at is not None and now - chat.praised_at < GATHER:
        return 0
    chat.praised_at = now
    members = await _as_fit(session, chat, praise[:MOST])
    wanted = row(chat, praise[0][0], now, place=chat.place)
    if members:
        wanted |= {"subject": Subject.BATCH, "draft_id": None, "members": members, "revision": 1}
    return 1 if await cards.want(session, wanted) else 0


async def _as_fit(session: Session, chat: Chat, praise: Sequence[tuple[Draft, Mention]]) -> list[list[int]]:
    """As many of these drafts as one card can show whole, as its members; none where it is not more than one."""
    limits: Limits = chat.channel.limits
    chosen: list[Member] = []
    for draft, mention in praise:
        author = await session.get(Author, mention.author_id) if mention.author_id else None
        more = [*chosen, (draft, mention, author)]
        if batch_fits(more, chat.surface(), limits):
            chosen = more
    return [[draft.id or 0, draft.revision] for draft, _, _ in chosen] if len(chosen) > 1 else []


async def _ask_whether_kept(
    session: Session, chat: Chat, promise: Any, places: Mapping[str, str], now: datetime
) -> int:
    """Asks whoever gave a promise, or an owner where they cannot be asked."""
    place, person = chat.place, ""
    if chat.is_direct:
        on = [each.name for each in duty.on_duty(chat.business, now) if each.name in places]
        owners = [each.name for each in chat.business.owners if each.name in on]
        person = promise.person if promise.person in on else next(iter(owners), "")
        place = places.get(person, "")
    if not place or not duty.on_duty(chat.business, now):
        return 0
    wanted = {
        "business_id": chat.business_id,
        "channel": chat.name,
        "subject": Subject.PROMISE,
        "promise_id": promise.id,
        "person": person,
        "place": place,
        "wanted_at": now,
        "next_at": now,
    }
    return 1 if await cards.want(session, wanted) else 0


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next for a card that nobody has answered: people who are reminded, or new cards; and when to go on."""

    text: str = ""
    actors: tuple[str, ...] = ()
    new_cards: tuple[dict[str, Any], ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)


async def next_step(session: Session, chat: Chat, card: Card, draft: Draft, mention: Mention) -> Step:
    """What to do about a card whose time is over."""
    now = chat.now()
    later = now + pause(draft, card.posted_at or now, critical=is_critical(mention))
    if draft.until is not None and draft.until > now:
        return Step(changes={"step_at": draft.until})
    if not duty.on_duty(chat.business, now, critical=is_critical(mention)):
        return Step(changes={"step_at": now + SHORTEST_PAUSE})
    if chat.is_direct:
        return await _step_alone(session, chat, card, draft, mention, later)
    return await _step_in_room(session, chat, card, draft, mention, later)


def _says(chat: Chat, draft: Draft, before: str) -> str:
    left = "" if draft.due_at is None else _left(draft.due_at - chat.now())
    return f"{before}{left}"


def _left(left: timedelta) -> str:
    minutes = int(abs(left).total_seconds() // 60)
    span = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    return f" {span} are left until an answer is due." if left > timedelta(0) else f" It is {span} late."


async def _step_in_room(
    session: Session, chat: Chat, card: Card, draft: Draft, mention: Mention, later: datetime
) -> Step:
    """Calls people by name in the card's thread: first one, then the others, then owners."""
    actors = await chat.actors(session)
    to_owner = draft.state is DraftState.ESCALATED or card.step >= PASSED_ON
    people = duty.on_duty(chat.business, chat.now(), critical=is_critical(mention), owners=to_owner)
    linked = [person.name for person in people if person.name in actors]
    called = linked if to_owner else linked[:1] if card.step == ASKED else linked[1:] or linked
    text = "This waits for an owner." if to_owner else "This still waits for a decision."
    step = WITH_OWNER if to_owner else card.step + 1
    changes = {"step": step, "step_at": None if step == WITH_OWNER else later}
    return Step(_says(chat, draft, text), tuple(actors[name][-1] for name in called), changes=changes)


async def _step_alone(
    session: Session, chat: Chat, card: Card, draft: Draft, mention: Mention, later: datetime
) -> Step:
    """Reminds one person, then passes the draft on: to the next, and to an owner."""
    actors, places = await chat.actors(session), await chat.places(session)
    critical = is_critical(mention)
    person = chat.business.person(card.person)
    is_there = person is not None and duty.may_be_asked(chat.business, person, chat.now(), critical=critical)
    if card.step == ASKED and is_there and card.person in actors:
        text = _says(chat, draft, "This still waits for you.")
        return Step(text, (actors[card.person][-1],), changes={"step": REMINDED, "step_at": later})
    asked = {
        each.person
        for each, other, _ in await cards.waiting_on(session, chat.business_id, chat.name)
        if other.id == draft.id
    }
    queues = await _queues(session, chat)
    to_owner = card.step >= PASSED_ON
    chosen = choose(chat, queues, draft, mention, places, chat.now(), owners=to_owner, but=asked)
    if chosen is None and not to_owner:
        to_owner = True
        chosen = choose(chat, queues, draft, mention, places, chat.now(), owners=True, but=asked)
    if chosen is None:
        return Step(changes={"step": WITH_OWNER, "step_at": None} if is_there else {"step_at": later})
    step = WITH_OWNER if to_owner else PASSED_ON
    new = row(chat, draft, chat.now(), place=places[chosen.name], person=chosen.name, step=step, handed_by=card.person)
    return Step(new_cards=(new,), changes={"step": WITH_OWNER, "step_at": None})


async def pass_on_from_absent(chat: Chat) -> None:
    """Moves on at once what waits for somebody who is away or has left."""
    if not chat.is_direct:
        return
    now = chat.now()
    async with chat.store.read() as session:
        posted = [card for card in await cards.posted(session, chat.business_id, chat.name) if card.person]
    absent = [
        card for card in posted if card.step_at is not None and card.step_at > now and _is_absent(chat, card, now)
    ]
    if absent:
        async with chat.store.work() as session:
            for card in absent:
                await cards.change(session, card.id or 0, {"step": max(card.step, REMINDED), "step_at": now})


def _is_absent(chat: Chat, card: Card, now: datetime) -> bool:
    person = chat.business.person(card.person)
    return card.state is CardState.POSTED and (person is None or duty.is_away(chat.business, person, now))
