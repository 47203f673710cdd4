"""Polls one source: fetches, hears, moves the cursor, and keeps book of failures, gaps and costs."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from connectors.base import Connector, Gap, Page
from connectors.errors import (
    SourceChanged,
    SourceDenied,
    SourceError,
    SourceLimited,
    SourceUnavailable,
)
from listener.pipeline import Ear, Heard, Understanding, hear
from storage import Session, Source, Store, mentions, sources
from storage.states import SourceState
from storage.storable import storable

log = structlog.get_logger()

#: Waits after failures in a row: a minute, doubling, at most an hour.
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
#: Pages in one poll; what is left comes with the next.
PAGES = 50


@dataclass(frozen=True, slots=True)
class Listening:
    """One source with the connector that reads it."""

    ear: Ear
    connector: Connector


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll brought; `fault` says in words why it ended early (empty: it did not), `more` that it was cut short."""

    source: str
    heard: Heard
    fault: str = ""
    more: bool = False


async def poll(listening: Listening, store: Store, understanding: Understanding, now: Callable[[], datetime]) -> Polled:
    """Polls once: page after page until the source has no more; a cursor moves only together with its posts.

    Never raises for what a source does: failures are written down, the source
    backs off, and the next poll starts from the last stored cursor.
    """
    source, total = listening.ear.source, Heard()
    for _ in range(PAGES):
        if await _is_over_budget(listening, store, now()):
            return Polled(source.name, total, fault="its budget for this month is spent")
        try:
            page = await listening.connector.fetch(await stored_cursor(store, source))
        except SourceError as error:
            return Polled(source.name, total, fault=await _failed(listening, store, error, now()))
        except Exception as error:  # around one poll: a connector's bug must not stop the others
            log.exception("poll broke", source=source.name)
            broken = SourceUnavailable(f'"{source.name}" could not be read ({type(error).__name__}).')
            return Polled(source.name, total, fault=await _failed(listening, store, broken, now()))
        heard = await hear_page(listening, page, store, understanding, now())
        _add(total, heard)
        if not page.more:
            return Polled(source.name, total)
    return Polled(source.name, total, more=True)


async def hear_page(
    listening: Listening, page: Page, store: Store, understanding: Understanding, now: datetime
) -> Heard:
    """Stores one page, its cursor, its gaps and its cost, all or nothing."""
    source = listening.ear.source
    async with store.work() as session:
        heard = await hear(session, page, listening.ear, understanding, now)
        if page.cursor is not None:
            await sources.move_cursor(session, source.id or 0, storable(page.cursor))
        for gap in page.gaps:
            await _keep_gap(session, source, gap)
        await _pay(session, listening, page, now)
        recovered = await sources.answered(session, source.id or 0, now, len(page.posts))
    if recovered is not None:
        log.info("source recovered", source=source.name, silent_for=str(now - recovered.since))
    if heard.new or heard.edited or heard.gone:
        log.info(
            "mentions heard", source=source.name, new=len(heard.new), edited=len(heard.edited), gone=len(heard.gone)
        )
    return heard


async def stored_cursor(store: Store, source: Source) -> dict[str, object] | None:
    """Where the last stored page of a source ended; None before the first."""
    async with store.read() as session:
        record = await sources.get(session, source.business_id, source.name)
    return record.cursor if record else None


async def _keep_gap(session: Session, source: Source, gap: Gap) -> None:
    await sources.add_gap(session, source.id or 0, gap.since or gap.until, gap.until, gap.reason)


async def _pay(session: Session, listening: Listening, page: Page, now: datetime) -> None:
    traits = listening.connector.traits
    cost = traits.cost_per_call * page.calls if page.cost is None else page.cost
    await sources.spend(
        session,
        listening.ear.source.id or 0,
        now.date(),
        calls=page.calls,
        micros=int(cost * 1_000_000),
        currency=traits.currency,
    )


async def _is_over_budget(listening: Listening, store: Store, now: datetime) -> bool:
    """Whether one more call would pass the month's budget; if so the gap is written down."""
    budget = listening.ear.table.budget
    if budget is None:
        return False
    source = listening.ear.source
    async with store.read() as session:
        _, micros = await sources.spent(session, source.id or 0, now.date().replace(day=1))
    if Decimal(micros) / 1_000_000 + listening.connector.traits.cost_per_call <= budget:
        return False
    fault = f"The budget of {budget} {listening.connector.traits.currency} for this month is spent."
    first_of_next_month = (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=5)
    async with store.work() as session:
        await sources.failed(session, source.id or 0, SourceState.FAULTY, fault, first_of_next_month, now)
    return True


async def _failed(listening: Listening, store: Store, error: SourceError, now: datetime) -> str:
    """Writes a failure down, plans the next try, and logs it if it is news; gives it in words."""
    source = listening.ear.source
    async with store.work() as session:
        record = await sources.get(session, source.business_id, source.name)
        failures = record.failures if record else 0
        state = SourceState.DENIED if isinstance(error, SourceDenied) else SourceState.FAULTY
        fault, next_at = storable(str(error)), _next_try(error, failures, now)
        is_news = await sources.failed(session, source.id or 0, state, fault, next_at, now)
        if isinstance(error, SourceChanged) and error.sample:
            happened, sample = storable([error.happened, error.sample])
            await sources.keep_sample(session, source.id or 0, "", happened, sample, now)
    if is_news:
        log.warning("source failed", source=source.name, kind=type(error).__name__, fault=error.happened)
    return str(error)


def _next_try(error: SourceError, failures: int, now: datetime) -> datetime | None:
    """When to ask again; None: not before a person has acted."""
    if isinstance(error, SourceDenied):
        return None
    if isinstance(error, SourceLimited) and error.retry_at is not None:
        return max(error.retry_at, now + timedelta(seconds=1))
    wait = min(FIRST_WAIT * (1 << min(failures, 10)), LONGEST_WAIT)
    return now + wait * random.uniform(0.8, 1.2)  # noqa: S311 – spreads retries, hides nothing


def _add(total: Heard, heard: Heard) -> None:
    total.new += heard.new
    total.edited += heard.edited
    total.gone += heard.gone
    total.passed += heard.passed


async def recheck(
    listening: Listening, store: Store, understanding: Understanding, now: Callable[[], datetime]
) -> Heard:
    """Looks at kept posts again for edits and deletions; those that vanished are withdrawn."""
    every = listening.connector.traits.recheck_every
    source, total = listening.ear.source, Heard()
    if every is None:
        return total
    async with store.read() as session:
        ids = await mentions.to_recheck(session, source.id or 0, now() - every, 100)
    if not ids:
        return total
    try:
        posts = await listening.connector.recheck(ids)
    except SourceError as error:
        log.info("recheck put off", source=source.name, kind=type(error).__name__)
        return total
    async with store.work() as session:
        page = Page(posts=posts, cursor=None)
        total = await hear(session, page, listening.ear, understanding, now())
        await mentions.rechecked(session, source.id or 0, ids, now())
    return total
