"""Polls one source: fetches, hears, moves the cursor, keeps book of failures and gaps, and looks at kept posts again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from connectors.base import Gap, Page
from connectors.errors import (
    SourceChanged,
    SourceDenied,
    SourceError,
    SourceLimited,
    SourceUnavailable,
)
from listener import budget
from listener.budget import Reserved
from listener.pipeline import Heard, Listening, Understanding, hear, think
from storage import Session, Source, Store, alerts, mentions, sources
from storage.states import SourceState
from storage.storable import storable

log = structlog.get_logger()

#: Waits after failures in a row: a minute, doubling, at most an hour.
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
#: Pages in one poll, and slices of kept posts that are looked at again after it; what is left comes with the next.
PAGES = 50
#: Kept posts in one slice.
SLICE = 100


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
        reserved = await budget.reserve(listening, store, now())
        if reserved.refused:
            return Polled(source.name, total, fault=reserved.refused)
        try:
            page = await listening.connector.fetch(await stored_cursor(store, source))
        except SourceError as error:
            return Polled(source.name, total, fault=await _failed(listening, store, error, reserved, now()))
        except Exception as error:  # around one poll: a connector's bug must not stop the others
            log.exception("poll broke", source=source.name)
            broken = SourceUnavailable(f'"{source.name}" could not be read ({type(error).__name__}).')
            return Polled(source.name, total, fault=await _failed(listening, store, broken, reserved, now()))
        heard = await hear_page(listening, page, store, understanding, now(), reserved)
        _add(total, heard)
        if not page.more:
            return Polled(source.name, total)
    return Polled(source.name, total, more=True)


async def hear_page(
    listening: Listening,
    page: Page,
    store: Store,
    understanding: Understanding,
    now: datetime,
    reserved: Reserved | None = None,
) -> Heard:
    """Stores one page, its cursor, its gaps and its cost, all or nothing; None was reserved for what is pushed."""
    source = listening.ear.source
    thoughts = await think(page, listening.ear, understanding)
    async with store.work() as session:
        heard = await hear(session, page, listening.ear, understanding, now, thoughts)
        if page.cursor is not None:
            await sources.move_cursor(session, source.id or 0, storable(page.cursor))
        for gap in page.gaps:
            await _keep_gap(session, source, gap)
        await budget.settle(session, listening, page, reserved or Reserved(now.astimezone(UTC).date()))
        recovered = await sources.answered(session, source.id or 0, now, len(page.posts))
        if listening.connector.traits.retention == timedelta(0):
            await _keep_numbers(session, source, heard, now)
    if recovered is not None:
        log.info("source recovered", source=source.name, silent_for=str(now - recovered.since))
    if heard.new or heard.edited or heard.gone:
        log.info(
            "mentions heard", source=source.name, new=len(heard.new), edited=len(heard.edited), gone=len(heard.gone)
        )
    return heard


async def _keep_numbers(session: Session, source: Source, heard: Heard, now: datetime) -> None:
    """Leaves only the counts, and hashes that keep a post from counting twice: its platform allows to store no more."""
    if await mentions.critical(session, heard.new):
        text = f"A post that “{source.name}” heard may be a crisis. It may not be kept here: please look there now."
        key = f"critical post of source {source.id} at {now.isoformat()}"
        await alerts.raise_once(session, source.business_id, key, text, now, critical=True)
    await mentions.erase(session, source.business_id, heard.new, now)
    await mentions.drop_lonely_authors(session, source.business_id)
    await sources.empty_samples(session, source.id or 0)


async def stored_cursor(store: Store, source: Source) -> dict[str, object] | None:
    """Where the last stored page of a source ended; None before the first."""
    async with store.read() as session:
        record = await sources.get(session, source.business_id, source.name)
    return record.cursor if record else None


async def _keep_gap(session: Session, source: Source, gap: Gap) -> None:
    await sources.add_gap(session, source.id or 0, gap.since or gap.until, gap.until, gap.reason)


async def _failed(listening: Listening, store: Store, error: SourceError, reserved: Reserved, now: datetime) -> str:
    """Writes a failure down, plans the next try, and logs it if it is news; gives it in words."""
    source = listening.ear.source
    async with store.work() as session:
        await budget.release(session, listening, reserved, may_be_billed=isinstance(error, SourceUnavailable))
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
    """Looks at all kept posts that are due again for edits and deletions, slice by slice, the longest ago first.

    It goes on while polling rests for its budget; `budget.book_looks` says how far.
    """
    total = Heard()
    for _ in range(PAGES):
        again = await _recheck_slice(listening, store, understanding, now())
        if again is None:
            break
        _add(total, again)
    return total


async def _recheck_slice(
    listening: Listening, store: Store, understanding: Understanding, now: datetime
) -> Heard | None:
    """What became of the next posts that are due; None where none is, or none can be looked at now."""
    source, every = listening.ear.source, listening.connector.traits.recheck_every
    if every is None:
        return None
    async with store.read() as session:
        due = await mentions.to_recheck(session, source.id or 0, now - every, SLICE)
    ids = due[: await budget.book_looks(listening, store, len(due), now)]
    if not ids:
        return None
    try:
        posts = await listening.connector.recheck(ids)
    except SourceError as error:
        log.info("recheck put off", source=source.name, kind=type(error).__name__)
        return None
    page = Page(posts=posts, cursor=None)
    thoughts = await think(page, listening.ear, understanding)
    async with store.work() as session:
        heard = await hear(session, page, listening.ear, understanding, now, thoughts)
        await mentions.rechecked(session, source.id or 0, ids, now)
    return heard
