"""Digests: the numbers a week is made of, and the record that lets each be sent once.

Counts of mentions come from the daily rollups, so that they cost the same for
a thousand mentions as for millions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, or_, true, update
from sqlalchemy import select as columns_of
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.assessment import Intent, Polarity, SeverityLevel
from storage.drafts import changed
from storage.models import Alert, Author, Delivery, Digest, Draft, Entry, Gap, Mention, Rollup, Sample, Source, Spending
from storage.statements import insert_into
from storage.states import OPEN, UNDECIDED, DraftState

# The record


async def keep(session: AsyncSession, digest: Digest) -> Digest | None:
    """Stores a digest; None where that week has one already."""
    columns = digest.model_dump(exclude={"id"})
    statement = insert_into(session, Digest).values(columns).on_conflict_do_nothing().returning(col(Digest.id))
    row = (await session.execute(statement)).first()
    return None if row is None else await session.get_one(Digest, row.id)


async def get(session: AsyncSession, business_id: str, year: int, week: int) -> Digest | None:
    """The digest of an ISO week; None where none was composed."""
    statement = select(Digest).where(
        col(Digest.business_id) == business_id, col(Digest.year) == year, col(Digest.week) == week
    )
    return (await session.exec(statement.execution_options(populate_existing=True))).first()


async def listing(session: AsyncSession, business_id: str, limit: int = 60) -> list[Digest]:
    """The digests of a business, the latest week first."""
    statement = (
        select(Digest)
        .where(col(Digest.business_id) == business_id)
        .order_by(col(Digest.year).desc(), col(Digest.week).desc())
        .limit(limit)
    )
    return list((await session.exec(statement)).all())


async def waiting(session: AsyncSession, business_id: str, now: datetime) -> Digest | None:
    """The latest digest, if it has still to be mailed and its next try is due; older ones stay in the inbox."""
    latest = await listing(session, business_id, limit=1)
    for digest in latest:
        if digest.sent_at is None and digest.next_at is not None and digest.next_at <= now:
            return digest
    return None


async def claim(session: AsyncSession, digest: Digest, note: str) -> bool:
    """Takes a digest for sending; False where somebody else has, or it has gone out meanwhile.

    `note` is what stands there should nobody come back to say how it went.
    """
    statement = (
        update(Digest)
        .where(col(Digest.id) == digest.id, col(Digest.tries) == digest.tries, _same(digest))
        .values(tries=digest.tries + 1, next_at=None, note=note)
        .execution_options(synchronize_session=False)
    )
    return await changed(session, statement) == 1


def _same(digest: Digest) -> Any:
    sent = col(Digest.sent_at)
    return sent.is_(None) if digest.sent_at is None else sent == digest.sent_at


async def settle(session: AsyncSession, digest_id: int, values: Mapping[str, Any]) -> None:
    """Records how sending went: `sent_at`, or `next_at`, and a `note`."""
    await session.execute(update(Digest).where(col(Digest.id) == digest_id).values(**values))


async def rewrite(session: AsyncSession, digest_id: int, figures: Mapping[str, Any], html: str, plain: str) -> None:
    """Replaces what a digest says."""
    statement = update(Digest).where(col(Digest.id) == digest_id)
    await session.execute(statement.values(figures=dict(figures), html=html, plain=plain))


async def was_listening(session: AsyncSession, business_id: str, until: datetime) -> bool:
    """Whether any source was asked on a day (UTC) before that of `until`, or could not be before `until`."""
    asked = (
        select(Spending.id).where(col(Spending.business_id) == business_id, col(Spending.day) < until.date()).limit(1)
    )
    missed = select(Gap.id).where(col(Gap.business_id) == business_id, col(Gap.since) < until).limit(1)
    return (await session.exec(asked)).first() is not None or (await session.exec(missed)).first() is not None


# The numbers


async def rollups(session: AsyncSession, business_id: str, first: date, before: date) -> list[Rollup]:
    """The daily counts of [first, before)."""
    statement = select(Rollup).where(
        col(Rollup.business_id) == business_id, col(Rollup.day) >= first, col(Rollup.day) < before
    )
    return list((await session.exec(statement)).all())


async def topics(
    session: AsyncSession, business_id: str, since: datetime, until: datetime
) -> dict[str, tuple[int, int]]:
    """How many mentions posted in [since, until) were about each topic, and how many of those were negative."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    unnest = func.json_each if is_sqlite else func.jsonb_array_elements_text
    each = unnest(col(Mention.topics)).table_valued("value")
    negative = case((col(Mention.polarity) == Polarity.NEGATIVE, 1), else_=0)
    statement = (
        columns_of(each.c.value, func.count(), func.sum(negative))
        .select_from(Mention)
        .join(each, true())
        .where(_in_week(business_id, since, until), ~col(Mention.not_us), ~col(Mention.repost))
        .group_by(each.c.value)
    )
    rows = (await session.execute(statement)).all()
    return {str(row[0]): (int(row[1]), int(row[2])) for row in rows}


def _in_week(business_id: str, since: datetime, until: datetime) -> Any:
    posted = col(Mention.posted_at)
    return (col(Mention.business_id) == business_id) & (posted >= since) & (posted < until)


@dataclass(frozen=True, slots=True)
class Quotable:
    """A mention that may be quoted, with what its author must not be known by."""

    mention_id: int
    author_id: int | None
    text: str
    names: tuple[str, ...]


async def quotable(
    session: AsyncSession,
    business_id: str,
    since: datetime,
    until: datetime,
    *,
    praise: bool,
    sure: float,
    limit: int = 40,
) -> list[Quotable]:
    """What still stands and is about the business: unmixed praise (the happiest first), or complaints (the gravest first).

    Praise counts where the verdict is at least as `sure` as that (0 to 1): irony must not be read aloud.
    """
    wanted: ColumnElement[bool]
    order: tuple[Any, ...]
    if praise:
        wanted = (
            (col(Mention.polarity) == Polarity.POSITIVE)
            & (col(Mention.intent) == Intent.PRAISE)
            & (col(Mention.severity_level) == int(SeverityLevel.NONE))
            & (col(Mention.confidence) >= sure)
        )
        order = (col(Mention.sentiment).desc(), col(Mention.id))
    else:
        wanted = or_(col(Mention.polarity) == Polarity.NEGATIVE, col(Mention.intent) == Intent.COMPLAINT)
        order = (col(Mention.severity_level).desc(), col(Mention.sentiment), col(Mention.id))
    statement = (
        select(Mention, Author)
        .outerjoin(Author, col(Author.id) == col(Mention.author_id))
        .where(
            _in_week(business_id, since, until),
            wanted,
            ~col(Mention.not_us),
            ~col(Mention.repost),
            ~col(Mention.sarcasm),
            col(Mention.gone_at).is_(None),
            col(Mention.intent) != Intent.SPAM,
        )
        .order_by(*order)
        .limit(limit)
    )
    return [_quotable(mention, author) for mention, author in (await session.exec(statement)).all()]


def _quotable(mention: Mention, author: Author | None) -> Quotable:
    names = (author.handle, author.name, author.external_id) if author else ()
    return Quotable(mention.id or 0, mention.author_id, mention.text or mention.title, tuple(filter(None, names)))


async def replied(
    session: AsyncSession, business_id: str, since: datetime, until: datetime
) -> list[tuple[datetime, datetime, datetime | None]]:
    """For each reply that became public in [since, until): when its post was written, when it was sent, when due."""
    statement = (
        columns_of(col(Mention.posted_at), col(Delivery.sent_at), col(Mention.due_at))
        .select_from(Delivery)
        .join(Draft, col(Draft.id) == col(Delivery.draft_id))
        .join(Mention, col(Mention.id) == col(Draft.mention_id))
        .where(
            col(Delivery.business_id) == business_id,
            col(Delivery.state).in_([DraftState.SENT, DraftState.VISIBLE, DraftState.REFUSED]),
            col(Delivery.sent_at) >= since,
            col(Delivery.sent_at) < until,
        )
    )
    return [(row[0], row[1], row[2]) for row in (await session.execute(statement)).all()]


async def waiting_drafts(session: AsyncSession, business_id: str, now: datetime) -> Sequence[Row[Any]]:
    """By open state: how many drafts, how many of them are snoozed, and how many undecided ones are overdue."""
    is_late = (col(Draft.due_at) < now) & col(Draft.state).in_(list(UNDECIDED))
    statement = (
        columns_of(
            col(Draft.state),
            func.count().label("number"),
            func.sum(case((col(Draft.until) > now, 1), else_=0)).label("snoozed"),
            func.sum(case((is_late, 1), else_=0)).label("overdue"),
        )
        .where(col(Draft.business_id) == business_id, col(Draft.state).in_(list(OPEN)))
        .group_by(col(Draft.state))
    )
    return (await session.execute(statement)).all()


async def alerts_made(session: AsyncSession, business_id: str, since: datetime, until: datetime) -> list[Alert]:
    """What could not wait: raised in [since, until), or about a post of that time; oldest first."""
    made, posted = col(Alert.made_at), col(Mention.posted_at)
    statement = (
        select(Alert)
        .outerjoin(Mention, col(Mention.id) == col(Alert.mention_id))
        .where(
            col(Alert.business_id) == business_id,
            or_((made >= since) & (made < until), (posted >= since) & (posted < until)),
        )
    )
    return list((await session.exec(statement.order_by(col(Alert.made_at), col(Alert.id)))).all())


async def unread(session: AsyncSession, business_id: str, since: datetime, until: datetime) -> Sequence[Row[Any]]:
    """By source: how many items arrived in [since, until) that could not be read."""
    statement: Any = (
        columns_of(col(Source.name).label("name"), func.count().label("number"))
        .join(Sample, col(Sample.source_id) == col(Source.id))
        .where(col(Sample.business_id) == business_id, col(Sample.seen_at) >= since, col(Sample.seen_at) < until)
        .group_by(col(Source.name))
        .order_by(col(Source.name))
    )
    return list((await session.execute(statement)).all())


async def money(session: AsyncSession, business_id: str, first: date, before: date) -> Sequence[Row[Any]]:
    """By source: calls, and millionths of a currency, spent in [first, before) (days in UTC)."""
    statement: Any = (
        columns_of(
            col(Source.name).label("name"),
            col(Spending.currency).label("currency"),
            func.sum(col(Spending.calls)).label("calls"),
            func.sum(col(Spending.micros)).label("micros"),
        )
        .join(Spending, col(Spending.source_id) == col(Source.id))
        .where(col(Spending.business_id) == business_id, col(Spending.day) >= first, col(Spending.day) < before)
        .group_by(col(Source.name), col(Spending.currency))
        .order_by(col(Source.name))
    )
    return list((await session.execute(statement)).all())


async def last_line(session: AsyncSession, business_id: str) -> tuple[int, str] | None:
    """The number and hash of the latest line of the audit trail; None where nothing was written yet."""
    statement = columns_of(col(Entry.id), col(Entry.hash)).where(col(Entry.business_id) == business_id)
    row = (await session.execute(statement.order_by(col(Entry.id).desc()).limit(1))).first()
    return None if row is None else (row[0], row[1])
