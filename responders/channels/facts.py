"""Everything that a card tells, read at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from config.settings import BusinessSettings
from connectors.base import RouteKind
from responders.channels.care import is_abusive
from storage import (
    Author,
    Card,
    Decision,
    Delivery,
    Draft,
    Mention,
    Promise,
    Session,
    cards,
    deliveries,
    drafts,
    promises,
    reposts,
)
from storage.chats import Subject
from storage.states import MOVES, Action, DraftState, Role


@dataclass(frozen=True, slots=True)
class Surface:
    """Where a card stands: the business, the inbox's address, and the moment.

    `back_at` is since when somebody listens, where taps from before may be lost.
    """

    business: BusinessSettings
    inbox: str
    now: datetime
    back_at: datetime | None = None

    def at(self, moment: datetime) -> str:
        """As in "Tue 2 Jun, 13:20"; not "today", for a card is read on other days, too."""
        local = moment.astimezone(self.business.business.zone)
        return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"


@dataclass(frozen=True, slots=True)
class Matter:
    """A draft as a card shows it, with all that there is to know beside it."""

    card: Card
    draft: Draft
    mention: Mention
    author: Author | None
    delivery: Delivery | None
    last: Decision | None
    #: How often the author was heard before, and the last time.
    before: tuple[int, Mention | None]
    surface: Surface
    #: How often others have said the same.
    again: int = 0

    @property
    def who(self) -> str:
        """Who wrote the mention."""
        name = (self.author.name or self.author.handle) if self.author else ""
        return " ".join(name.split()) or "Somebody"

    @property
    def account(self) -> str:
        """The account of ours that answers."""
        return self.mention.account or self.surface.business.business.name

    @property
    def is_by_hand(self) -> bool:
        """Whether a person will have to post the reply."""
        return self.mention.route == RouteKind.HANDOFF

    @property
    def is_ready(self) -> bool:
        """Whether nothing but a person's yes is missing."""
        return not self.draft.needs and not any(finding["level"] == "block" for finding in self.draft.findings)

    @property
    def is_veiled(self) -> bool:
        """Whether its words are shown only to those who ask for them."""
        return not self.card.unveiled and is_abusive(self.mention)

    @property
    def is_asleep(self) -> bool:
        """Whether it was put off and its time has not come."""
        return self.draft.until is not None and self.draft.until > self.surface.now

    def may(self, action: Action) -> bool:
        """Whether somebody who sees this card may do this to the draft as it stands."""
        move = MOVES.get((self.draft.state, action))
        return move is not None and bool(move.roles & self._roles())

    def _roles(self) -> set[Role]:
        if not self.card.person:
            return {Role.STAFF, Role.OWNER}
        person = self.surface.business.person(self.card.person)
        return {Role(person.role.value)} if person else set()


#: A draft of a batch, what it answers, and who wrote that.
Member = tuple[Draft, Mention, Author | None]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A batch as a card shows it: those of its drafts that still wait in the wording that was shown."""

    card: Card
    members: tuple[Member, ...]
    surface: Surface


@dataclass(frozen=True, slots=True)
class Word:
    """A promise as a card shows it, with the reply that made it."""

    card: Card
    promise: Promise
    draft: Draft | None
    surface: Surface


async def read(session: Session, card: Card, surface: Surface) -> Matter | Bundle | Word | None:
    """What a card is about, as it stands; None where nothing of it is kept any more."""
    if card.subject is Subject.BATCH:
        return await _bundle(session, card, surface)
    if card.subject is Subject.PROMISE:
        return await _word(session, card, surface)
    found = await drafts.get(session, card.business_id, card.draft_id or 0)
    if found is None:
        return None
    draft, mention = found
    author = await session.get(Author, mention.author_id) if mention.author_id else None
    delivery = await deliveries.of_draft(session, card.business_id, draft.id or 0) if draft.approved_by else None
    taken = (
        [] if draft.state is DraftState.PENDING else await drafts.decisions(session, card.business_id, draft.id or 0)
    )
    before = await cards.history(session, mention)
    again = (await reposts.seen_again(session, [mention.id or 0])).get(mention.id or 0, 0)
    return Matter(card, draft, mention, author, delivery, taken[-1] if taken else None, before, surface, again)


async def _bundle(session: Session, card: Card, surface: Surface) -> Bundle:
    shown = {int(draft): int(revision) for draft, revision in card.members}
    found = await cards.pairs(session, card.business_id, shown)
    members = []
    for draft_id, revision in shown.items():
        draft, mention = found.get(draft_id, (None, None))
        if draft is None or mention is None or mention.gone_at is not None:
            continue
        if draft.state is DraftState.PENDING and draft.revision == revision:
            author = await session.get(Author, mention.author_id) if mention.author_id else None
            members.append((draft, mention, author))
    return Bundle(card, tuple(members), surface)


async def _word(session: Session, card: Card, surface: Surface) -> Word | None:
    promise = await promises.get(session, card.business_id, card.promise_id or 0)
    if promise is None:
        return None
    return Word(card, promise, await session.get(Draft, promise.draft_id), surface)
