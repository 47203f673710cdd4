"""Cards: which are wanted, which stand in a chat, and what they show.

Whoever posts or repaints a card claims it first, as a delivery is claimed: a
lease that others respect, and a fence that rises, so that of two daemons on
one PostgreSQL only one writes to the chat, and a late one overwrites nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, update
from sqlalchemy import select as columns_of
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.chats import Card, CardState, Subject
from storage.drafts import changed
from storage.models import Draft, Mention, Promise
from storage.statements import insert_into, is_id
from storage.states import UNDECIDED, DraftState, PromiseState

#: A card that shows one of these has nothing more to tell, unless the draft is opened again.
FINAL = frozenset({DraftState.VISIBLE, DraftState.REJECTED, DraftState.EXPIRED, DraftState.WITHDRAWN})
LIVE = (CardState.WANTED, CardState.POSTED)
_STANDING = (CardState.POSTED, CardState.CLOSED)


async def want(session: AsyncSession, card: Mapping[str, Any]) -> int:
    """Asks for a card; gives its id, or 0 where that draft has a live one for the same person there already."""
    values = Card(**card).model_dump(exclude={"id"})
    statement = insert_into(session, Card).values(**values).on_conflict_do_nothing().returning(col(Card.id))
    return (await session.execute(statement)).scalar() or 0


async def get(session: AsyncSession, business_id: str, card_id: int) -> Card | None:
    """A card of this business; None where there is none."""
    if not is_id(card_id):
        return None
    statement = select(Card).where(col(Card.id) == card_id, col(Card.business_id) == business_id)
    return (await session.exec(statement.execution_options(populate_existing=True))).first()


async def at(session: AsyncSession, business_id: str, channel: str, place: str, message: str) -> Card | None:
    """The card that stands there; None where the message is not known to us."""
    statement = select(Card).where(
        col(Card.business_id) == business_id,
        col(Card.channel) == channel,
        col(Card.place) == place,
        col(Card.message) == message,
    )
    return (await session.exec(statement)).first()


async def unasked(
    session: AsyncSession, business_id: str, channel: str, now: datetime, limit: int = 50
) -> list[tuple[Draft, Mention]]:
    """Drafts that wait for a decision and have no card in this chat, the worst first; put-off ones are left alone."""
    has_card = exists().where(
        col(Card.draft_id) == col(Draft.id),
        col(Card.channel) == channel,
        col(Card.state) != CardState.GONE,
    )
    statement = (
        select(Draft, Mention)
        .join(Mention, col(Mention.id) == col(Draft.mention_id))
        .where(
            col(Draft.business_id) == business_id,
            col(Draft.state).in_(list(UNDECIDED)),
            or_(col(Draft.until).is_(None), col(Draft.until) <= now),
            ~has_card,
        )
        .order_by(col(Draft.worst).desc(), col(Draft.posted_at), col(Draft.id))
        .limit(limit)
    )
    return [(draft, mention) for draft, mention in (await session.exec(statement)).all()]


async def batches(session: AsyncSession, business_id: str, channel: str) -> list[Card]:
    """The batches that are wanted or stand in this chat."""
    statement = select(Card).where(
        col(Card.business_id) == business_id,
        col(Card.channel) == channel,
        col(Card.subject) == Subject.BATCH,
        col(Card.state).in_(LIVE),
    )
    return list((await session.exec(statement.execution_options(populate_existing=True))).all())


async def promises_due(session: AsyncSession, business_id: str, channel: str, before: datetime) -> list[Promise]:
    """Open promises that fall due `before` and have no card in this chat."""
    has_card = exists().where(col(Card.promise_id) == col(Promise.id), col(Card.channel) == channel)
    statement = (
        select(Promise)
        .where(
            col(Promise.business_id) == business_id,
            col(Promise.state) == PromiseState.OPEN,
            col(Promise.due_at) <= before,
            ~has_card,
        )
        .order_by(col(Promise.due_at))
        .limit(20)
    )
    return list((await session.exec(statement)).all())


async def wanted(session: AsyncSession, business_id: str, channel: str, now: datetime) -> list[Card]:
    """Cards that are to be posted now, those of the worst drafts first."""
    statement = (
        select(Card)
        .outerjoin(Draft, col(Draft.id) == col(Card.draft_id))
        .where(
            col(Card.business_id) == business_id,
            col(Card.channel) == channel,
            col(Card.state) == CardState.WANTED,
            col(Card.next_at) <= now,
            _is_free(now),
        )
        .order_by(func.coalesce(col(Draft.worst), 0).desc(), col(Card.id))
    )
    return list((await session.exec(statement)).all())


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(col(Card.lease_until).is_(None), col(Card.lease_until) <= now)


class Standing(NamedTuple):
    """A card that stands in a chat, and what tells whether it may look different now."""

    id: int
    place: str
    next_at: datetime
    due_at: datetime | None
    until: datetime | None
    looks: tuple[Any, ...]


async def standing(session: AsyncSession, business_id: str, channel: str) -> list[Standing]:
    """What may have to be repainted in this chat, as plain rows.

    Cards that are closed are among them only where their draft was opened
    again or is no longer kept.
    """
    is_lost = and_(col(Card.subject) == Subject.DRAFT, col(Card.draft_id).is_(None))
    is_open_again = col(Draft.state).not_in(list(FINAL))
    columns = columns_of(
        col(Card.id),
        col(Card.place),
        col(Card.next_at),
        col(Draft.due_at),
        col(Draft.until),
        col(Card.shown),
        col(Card.state),
        col(Card.unveiled),
        col(Draft.state),
        col(Draft.revision),
        col(Draft.changed_at),
        col(Mention.revision),
        col(Mention.gone_at),
        col(Mention.polarity),
        col(Mention.severity_level),
        col(Promise.state),
    )
    statement = (
        columns.select_from(Card)
        .outerjoin(Draft, col(Draft.id) == col(Card.draft_id))
        .outerjoin(Mention, col(Mention.id) == col(Draft.mention_id))
        .outerjoin(Promise, col(Promise.id) == col(Card.promise_id))
        .where(
            col(Card.business_id) == business_id,
            col(Card.channel) == channel,
            or_(
                col(Card.state) == CardState.POSTED,
                and_(col(Card.state) == CardState.CLOSED, or_(is_lost, is_open_again)),
            ),
        )
        .order_by(col(Card.id))
    )
    rows = (await session.execute(statement)).all()
    members = await _looks_of_members(session, business_id, channel)
    return [Standing(row[0], row[1], row[2], row[3], row[4], (*row[5:], members.get(row[0]))) for row in rows]


async def _looks_of_members(session: AsyncSession, business_id: str, channel: str) -> dict[int, list[Any]]:
    """What tells whether a batch may look different, by the card's id."""
    found = await batches(session, business_id, channel)
    members = {int(draft) for batch in found for draft, _ in batch.members}
    if not members:
        return {}
    statement = columns_of(col(Draft.id), col(Draft.state), col(Draft.revision), col(Mention.gone_at))
    statement = statement.join(Mention, col(Mention.id) == col(Draft.mention_id)).where(col(Draft.id).in_(members))
    looks = {row[0]: tuple(row[1:]) for row in await session.execute(statement)}
    return {batch.id or 0: [looks.get(int(draft)) for draft, _ in batch.members] for batch in found}


async def stepping(session: AsyncSession, business_id: str, channel: str, now: datetime) -> list[tuple[Card, Draft]]:
    """Cards whose next step of asking is due, of drafts that still wait."""
    statement = (
        select(Card, Draft)
        .join(Draft, col(Draft.id) == col(Card.draft_id))
        .where(
            col(Card.business_id) == business_id,
            col(Card.channel) == channel,
            col(Card.state) == CardState.POSTED,
            col(Card.step_at) <= now,
            col(Card.next_at) <= now,
            _is_free(now),
            col(Draft.state).in_(list(UNDECIDED)),
        )
        .order_by(col(Draft.worst).desc(), col(Card.id))
        .limit(50)
    )
    return [(card, draft) for card, draft in (await session.exec(statement)).all()]


async def waiting_on(session: AsyncSession, business_id: str, channel: str) -> list[tuple[Card, Draft, Mention]]:
    """Live cards of drafts that wait for a decision, with whom they ask."""
    statement = (
        select(Card, Draft, Mention)
        .join(Draft, col(Draft.id) == col(Card.draft_id))
        .join(Mention, col(Mention.id) == col(Draft.mention_id))
        .where(
            col(Card.business_id) == business_id,
            col(Card.channel) == channel,
            col(Card.state).in_(LIVE),
            col(Draft.state).in_(list(UNDECIDED)),
        )
        .order_by(col(Card.id))
    )
    return [(card, draft, mention) for card, draft, mention in (await session.exec(statement)).all()]


async def claim(session: AsyncSession, card: Card, now: datetime, until: datetime) -> int:
    """Takes a card to post or repaint it; gives the fence, or 0 where somebody else has it or it has moved on."""
    statement = (
        update(Card)
        .where(col(Card.id) == card.id, col(Card.state) == card.state, col(Card.fence) == card.fence, _is_free(now))
        .values(lease_until=until, fence=col(Card.fence) + 1, tries=col(Card.tries) + 1)
        .execution_options(synchronize_session=False)
    )
    return card.fence + 1 if await changed(session, statement) else 0


async def settle(session: AsyncSession, card_id: int, fence: int, changes: Mapping[str, Any]) -> bool:
    """Writes down what became of a claimed card and gives it back; False where the claim was over."""
    statement = (
        update(Card)
        .where(col(Card.id) == card_id, col(Card.fence) == fence)
        .values(lease_until=None, **changes)
        .execution_options(synchronize_session=False)
    )
    return await changed(session, statement) == 1


async def drop_adopted(session: AsyncSession, card: Card, place: str, message: str) -> None:
    """Forgets what a tap made known of the message in which `card` turned out to stand: one message is one card.

    What was adopted so has no moment of posting. Other cards may lead to the
    same page: a notice to each of two people.
    """
    adopted = delete(Card).where(
        col(Card.business_id) == card.business_id,
        col(Card.channel) == card.channel,
        col(Card.place) == place,
        col(Card.message) == message,
        col(Card.posted_at).is_(None),
        col(Card.id) != card.id,
    )
    await session.execute(adopted.execution_options(synchronize_session=False))


async def has_live_twin(session: AsyncSession, card: Card) -> bool:
    """Whether another card is live for the same draft and person in the same chat."""
    if card.draft_id is None:
        return False
    statement = select(Card.id).where(
        col(Card.business_id) == card.business_id,
        col(Card.channel) == card.channel,
        col(Card.draft_id) == card.draft_id,
        col(Card.person) == card.person,
        col(Card.id) != card.id,
        col(Card.state).in_(LIVE),
    )
    return (await session.exec(statement)).first() is not None


async def change(session: AsyncSession, card_id: int, changes: Mapping[str, Any]) -> None:
    """Changes a card beside whoever posts or repaints it."""
    statement = update(Card).where(col(Card.id) == card_id).values(**changes)
    await session.execute(statement.execution_options(synchronize_session=False))


async def repaint(session: AsyncSession, business_id: str, draft_id: int, channel: str) -> None:
    """Has the cards of a draft painted anew in one chat: somebody saw something there that is not so."""
    statement = update(Card).where(
        col(Card.business_id) == business_id,
        col(Card.channel) == channel,
        col(Card.draft_id) == draft_id,
        col(Card.state).in_(_STANDING),
    )
    await session.execute(statement.values(shown="").execution_options(synchronize_session=False))


async def repaint_all(session: AsyncSession, business_id: str, channel: str) -> None:
    """Has everything that still waits painted anew in one chat."""
    statement = update(Card).where(
        col(Card.business_id) == business_id, col(Card.channel) == channel, col(Card.state) == CardState.POSTED
    )
    await session.execute(statement.values(shown="").execution_options(synchronize_session=False))


async def unposted(
    session: AsyncSession, business_id: str, channel: str, before: datetime
) -> list[tuple[Card, Mention | None]]:
    """Cards that were wanted `before`, were tried, and stand nowhere yet, with what they are about."""
    statement = (
        select(Card, Mention)
        .outerjoin(Draft, col(Draft.id) == col(Card.draft_id))
        .outerjoin(Mention, col(Mention.id) == col(Draft.mention_id))
        .where(
            col(Card.business_id) == business_id,
            col(Card.channel) == channel,
            col(Card.state) == CardState.WANTED,
            col(Card.tries) > 0,
            col(Card.mailed_at).is_(None),
            col(Card.wanted_at) <= before,
        )
        .order_by(col(Card.id))
    )
    return [(card, mention) for card, mention in (await session.exec(statement)).all()]


async def posted(session: AsyncSession, business_id: str, channel: str) -> list[Card]:
    """Cards that stand in this chat and are not closed."""
    statement = (
        select(Card)
        .where(col(Card.business_id) == business_id, col(Card.channel) == channel, col(Card.state) == CardState.POSTED)
        .order_by(col(Card.id))
    )
    return list((await session.exec(statement)).all())


async def history(session: AsyncSession, mention: Mention) -> tuple[int, Mention | None]:
    """How often this author was heard before, and the last time of it."""
    if mention.author_id is None:
        return 0, None
    before = (
        col(Mention.business_id) == mention.business_id,
        col(Mention.author_id) == mention.author_id,
        col(Mention.id) != mention.id,
        col(Mention.posted_at) <= mention.posted_at,
    )
    number = (await session.exec(select(func.count()).select_from(Mention).where(*before))).one()
    last = select(Mention).where(*before).order_by(col(Mention.posted_at).desc(), col(Mention.id).desc()).limit(1)
    return number, (await session.exec(last)).first() if number else None


async def pairs(
    session: AsyncSession, business_id: str, draft_ids: Collection[int]
) -> dict[int, tuple[Draft, Mention]]:
    """These drafts of this business with their mentions, by the draft's id."""
    statement = (
        select(Draft, Mention)
        .join(Mention, col(Mention.id) == col(Draft.mention_id))
        .where(col(Draft.business_id) == business_id, col(Draft.id).in_(list(draft_ids)))
        .execution_options(populate_existing=True)
    )
    return {draft.id or 0: (draft, mention) for draft, mention in (await session.exec(statement)).all()}


async def drop_old(session: AsyncSession, business_id: str, before: datetime) -> None:
    """Deletes cards that ended long ago."""
    ended = (CardState.CLOSED, CardState.GONE)
    await session.execute(
        delete(Card).where(
            col(Card.business_id) == business_id, col(Card.state).in_(ended), col(Card.wanted_at) < before
        )
    )
