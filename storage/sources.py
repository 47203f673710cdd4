"""Sources: how they are doing, where they stand, what they could not hear and what they cost."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, func, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.drafts import changed
from storage.models import Business, Gap, Sample, Setting, Source, Spending, Token
from storage.statements import insert_into
from storage.states import SourceState

#: Shorter words stand in too many samples to point at anybody.
_TELLING = 4


@dataclass(frozen=True, slots=True)
class Recovered:
    """A source answers again; `since` is when it began to fail."""

    since: datetime


async def keep_business(session: AsyncSession, business_id: str, name: str) -> None:
    """Makes sure that a business has its record."""
    statement = insert_into(session, Business).values(id=business_id, name=name)
    await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"name": name}))


async def register(session: AsyncSession, business_id: str, name: str, kind: str, *, enabled: bool) -> Source:
    """The record of a configured source, made where it is new; a source of another type starts anew.

    A source that a person switches on again, or whose credentials were
    refused, is asked again at once.
    """
    statement = insert_into(session, Source).values(business_id=business_id, name=name, type=kind, failures=0, fault="")
    await session.execute(statement.on_conflict_do_nothing())
    source = await get(session, business_id, name)
    assert source is not None  # noqa: S101 – it was stored above
    fresh: dict[str, Any] = {} if source.type == kind else {"type": kind, "cursor": None}
    if fresh:  # the tokens of another platform
        await session.execute(delete(Token).where(col(Token.source_id) == source.id))
    if not enabled:
        fresh |= {"state": SourceState.OFF}
    elif source.state in (SourceState.OFF, SourceState.DENIED) or fresh:
        fresh |= {"state": SourceState.ON, "failures": 0, "next_at": None, "fault": ""}
    if fresh:
        await session.execute(update(Source).where(col(Source.id) == source.id).values(**fresh))
        await session.refresh(source)
    return source


async def switch_off_others(session: AsyncSession, business_id: str, names: Collection[str]) -> None:
    """Switches off every source that the configuration no longer names."""
    statement = update(Source).where(col(Source.business_id) == business_id, col(Source.name).not_in(list(names)))
    await session.execute(statement.values(state=SourceState.OFF))


async def get(session: AsyncSession, business_id: str, name: str) -> Source | None:
    """The source of that name; None where there is none."""
    statement = (
        select(Source)
        .where(col(Source.business_id) == business_id, col(Source.name) == name)
        .execution_options(populate_existing=True)
    )
    return (await session.exec(statement)).first()


async def listing(session: AsyncSession, business_id: str) -> list[Source]:
    """All sources of a business, by name."""
    statement = select(Source).where(col(Source.business_id) == business_id).order_by(col(Source.name))
    return list((await session.exec(statement)).all())


async def move_cursor(session: AsyncSession, source_id: int, cursor: dict[str, Any]) -> None:
    """Remembers where the last fetch ended; only ever together with what it brought."""
    await session.execute(update(Source).where(col(Source.id) == source_id).values(cursor=cursor))


async def answered(session: AsyncSession, source_id: int, now: datetime, posts: int) -> Recovered | None:
    """Notes a proper answer with `posts` posts; says so where that ends a failure, and closes the gap of that or a rest."""
    source = await session.get_one(Source, source_id, populate_existing=True)
    since, was_deaf = source.failing_since, bool(source.fault)  # the update below changes the record in hand too
    values: dict[str, Any] = {"answered_at": now, "polled_at": now, "failures": 0, "fault": "", "next_at": None}
    values["failing_since"] = None
    if posts:
        values["heard_at"] = now
    if source.state is not SourceState.OFF and (posts or source.state is not SourceState.SILENT):
        values["state"] = SourceState.ON
    await session.execute(update(Source).where(col(Source.id) == source_id).values(**values))
    if was_deaf or since is not None:
        await session.execute(
            update(Gap).where(col(Gap.source_id) == source_id, col(Gap.until).is_(None)).values(until=now)
        )
    return None if since is None else Recovered(since)


async def failed(
    session: AsyncSession, source_id: int, state: SourceState, fault: str, next_at: datetime | None, now: datetime
) -> bool:
    """Notes a failure and opens a gap; True where it is news (the source did well, or fails in another way now)."""
    source = await session.get_one(Source, source_id, populate_existing=True)
    is_news = source.failing_since is None or (source.state is not state and state is SourceState.DENIED)
    if source.failing_since is None and not is_resting(source):
        await add_gap(session, source_id, source.answered_at or now, None, fault)
    values = {
        "state": state if source.state is not SourceState.OFF else SourceState.OFF,
        "failures": source.failures + 1,
        "fault": fault,
        "failing_since": source.failing_since or now,
        "next_at": next_at,
        "polled_at": now,
    }
    await session.execute(update(Source).where(col(Source.id) == source_id).values(**values))
    return is_news


async def rest(session: AsyncSession, source_id: int, why: str, until: datetime, now: datetime) -> bool:
    """Notes that a source costs nothing more until then, and opens a gap; True where it is news.

    It is no failure, so one that it was failing at is over.
    """
    source = await session.get_one(Source, source_id, populate_existing=True)
    if (source.fault, source.next_at) == (why, until):
        return False
    if not source.fault:
        await add_gap(session, source_id, source.answered_at or now, None, why)
    values: dict[str, Any] = {"fault": why, "next_at": until, "polled_at": now, "failures": 0, "failing_since": None}
    if source.state is SourceState.FAULTY:
        values["state"] = SourceState.ON
    await session.execute(update(Source).where(col(Source.id) == source_id).values(**values))
    return True


def is_resting(source: Source) -> bool:
    """Whether a source is not asked to stay within its budget, and for no other reason."""
    is_well = source.state in (SourceState.ON, SourceState.SILENT) and source.failing_since is None
    return is_well and bool(source.fault)


def may_be_asked(source: Source, now: datetime) -> bool:
    """Whether a source may be polled now: it is on, no person has to act first, and its pause is over.

    One that rests for its budget may: the poll knows what it may spend, the
    budget may have been raised, and what is kept is looked at again.
    """
    is_open = source.state not in (SourceState.OFF, SourceState.DENIED)
    return is_open and (source.next_at is None or source.next_at <= now or is_resting(source))


async def fell_silent(session: AsyncSession, source_id: int) -> bool:
    """Marks a source that answers but has been quiet for too long; False where it is not doing well anyway."""
    is_listening = (col(Source.state) == SourceState.ON, col(Source.fault) == "")  # not resting, that is
    statement = update(Source).where(col(Source.id) == source_id, *is_listening)
    return await changed(session, statement.values(state=SourceState.SILENT)) == 1


async def ask_again(session: AsyncSession, source_id: int) -> None:
    """Lets a paused or waiting source be asked at once."""
    statement = update(Source).where(col(Source.id) == source_id, col(Source.state) != SourceState.OFF)
    await session.execute(statement.values(state=SourceState.ON, next_at=None))


async def add_gap(session: AsyncSession, source_id: int, since: datetime, until: datetime | None, reason: str) -> None:
    """Writes down a stretch that could not be heard; `until` None: it still goes on."""
    source = await session.get_one(Source, source_id)
    session.add(Gap(business_id=source.business_id, source_id=source_id, since=since, until=until, reason=reason))
    await session.flush()


async def gaps(session: AsyncSession, business_id: str, since: datetime, until: datetime) -> list[tuple[Gap, Source]]:
    """What could not be heard in [since, until), oldest first."""
    statement = (
        select(Gap, Source)
        .join(Source, col(Source.id) == col(Gap.source_id))
        .where(
            col(Gap.business_id) == business_id,
            col(Gap.since) < until,
            or_(col(Gap.until).is_(None), col(Gap.until) > since),
        )
        .order_by(col(Gap.since), col(Gap.id))
    )
    return [(gap, source) for gap, source in (await session.exec(statement)).all()]


async def keep_sample(
    session: AsyncSession, source_id: int, external_id: str, reason: str, sample: str, now: datetime
) -> None:
    """Keeps an item that could not be read; the same item is kept once."""
    source = await session.get_one(Source, source_id)
    seen = f"{external_id}\0{reason}\0{sample}".encode("utf-8", "surrogatepass")
    values = {
        "business_id": source.business_id,
        "source_id": source_id,
        "fingerprint": hashlib.sha256(seen).hexdigest(),
        "external_id": external_id,
        "reason": reason,
        "sample": sample,
        "seen_at": now,
    }
    await session.execute(insert_into(session, Sample).values(values).on_conflict_do_nothing())


async def samples(session: AsyncSession, business_id: str, limit: int = 50) -> list[tuple[Sample, Source]]:
    """What could not be read, newest first."""
    statement = (
        select(Sample, Source)
        .join(Source, col(Source.id) == col(Sample.source_id))
        .where(col(Sample.business_id) == business_id)
        .order_by(col(Sample.id).desc())
        .limit(limit)
    )
    return [(sample, source) for sample, source in (await session.exec(statement)).all()]


async def drop_samples(session: AsyncSession, business_id: str, before: datetime) -> None:
    """Deletes samples that are kept no longer."""
    await session.execute(delete(Sample).where(col(Sample.business_id) == business_id, col(Sample.seen_at) < before))


async def empty_samples(session: AsyncSession, source_id: int) -> None:
    """Keeps of a source's samples only why they could not be read."""
    statement = update(Sample).where(col(Sample.source_id) == source_id)
    await session.execute(statement.values(sample="", external_id=""))


async def drop_samples_of(session: AsyncSession, business_id: str, words: Collection[str]) -> None:
    """Deletes samples that hold one of these (an author's id, handle and name; of four letters or more)."""
    for word in (word for word in words if len(word) >= _TELLING):
        statement = delete(Sample).where(
            col(Sample.business_id) == business_id,
            or_(col(Sample.sample).contains(word, autoescape=True), col(Sample.external_id) == word),
        )
        await session.execute(statement)


async def spend(session: AsyncSession, source_id: int, day: date, *, calls: int, micros: int, currency: str) -> None:
    """Adds what calls cost, in millionths of the currency."""
    source = await session.get_one(Source, source_id)
    statement = insert_into(session, Spending).values(
        business_id=source.business_id, source_id=source_id, day=day, calls=calls, micros=micros, currency=currency
    )
    statement = statement.on_conflict_do_update(
        index_elements=["source_id", "day"],
        set_={
            "calls": col(Spending.calls) + statement.excluded.calls,
            "micros": col(Spending.micros) + statement.excluded.micros,
        },
    )
    await session.execute(statement)


async def spent(session: AsyncSession, source_id: int, since: date, *, hold: bool = False) -> tuple[int, int]:
    """Calls and millionths of the currency since a day, that day included; `hold` lets nobody else ask meanwhile."""
    if hold:
        await session.get_one(Source, source_id, with_for_update=True)
    statement = select(
        func.coalesce(func.sum(col(Spending.calls)), 0), func.coalesce(func.sum(col(Spending.micros)), 0)
    ).where(col(Spending.source_id) == source_id, col(Spending.day) >= since)
    calls, micros = (await session.execute(statement)).one()
    return int(calls), int(micros)


async def dearest_page(session: AsyncSession, source_id: int, day: date) -> int:
    """What the dearest page of the day's month cost, in millionths of the currency; 0 before the first."""
    setting = await session.get(Setting, _dearest_of(source_id), populate_existing=True)
    month, _, micros = setting.value.partition(" ") if setting else ("", "", "")
    return int(micros) if month == f"{day:%Y-%m}" else 0


async def note_page(session: AsyncSession, source_id: int, day: date, micros: int) -> None:
    """Remembers what a page cost, if none of the month was dearer."""
    if micros > await dearest_page(session, source_id, day):
        value = f"{day:%Y-%m} {micros}"
        statement = insert_into(session, Setting).values(name=_dearest_of(source_id), value=value)
        await session.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def _dearest_of(source_id: int) -> str:
    return f"dearest page of source {source_id}"


async def bills(session: AsyncSession, business_id: str, since: date) -> dict[int, tuple[int, int, str]]:
    """Calls, millionths of the currency, and the currency since a day, by source; what was never called is left out."""
    statement = (
        select(
            Spending.source_id,
            func.sum(col(Spending.calls)),
            func.sum(col(Spending.micros)),
            func.max(col(Spending.currency)),
        )
        .where(col(Spending.business_id) == business_id, col(Spending.day) >= since)
        .group_by(col(Spending.source_id))
    )
    return {row[0]: (int(row[1]), int(row[2]), str(row[3])) for row in (await session.execute(statement)).all()}
