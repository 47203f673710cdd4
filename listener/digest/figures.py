"""The figures of one week, as JSON: what they count and how is explained in `docs/digest.md`.

Figures hold no names and no texts of customers but the chosen quotes, so that
a digest can be rendered again when one of those is erased. Times are ISO 8601
in UTC, days are the business's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from math import sqrt
from statistics import median
from typing import Any

from config.durations import say_duration
from config.settings import BusinessSettings
from listener.digest.quotes import choose
from listener.digest.week import Week
from responders.drafting.base import Reader
from responders.voice import in_words
from responders.writing import used
from storage import Gap, Rollup, Session, Source, digests, exposure, promises, reposts, sources
from storage.acceptance import acceptance
from storage.assessment import Polarity, Topic
from storage.outcomes import outcomes
from storage.states import DraftState, PromiseState, SourceState

#: With fewer mentions than this in either week, a share is not given and no change is claimed.
LEAST = 20
#: Two-sided 95 %.
_Z = 1.96
MOST_TOPICS, MOST_PROMISES, MOST_ALERTS = 5, 5, 10
#: Of the verdicts as sure as this, more than four in five are right; less sure praise is not read aloud.
SURE = 0.75
#: A source that was not asked for longer than this before the week's end was not heard.
PATIENCE = timedelta(hours=1)

Figures = dict[str, Any]


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The range in which a share lies with 95 % confidence, from 0 to 1.

    Wilson's score interval (Wilson, 1927), which Brown, Cai and DasGupta
    (2001) recommend for small numbers. `whole` is at least 1.
    """
    share, square = part / whole, _Z * _Z
    middle = share + square / (2 * whole)
    spread = _Z * sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    scale = 1 + square / whole
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)


def compare(part: int, whole: int, part_before: int, whole_before: int) -> Figures:
    """A share with its range, and its trend: "more" or "less" only where the ranges of both weeks are apart.

    Ranges that do not overlap are a stricter test than the usual one (Schenker
    and Gentleman, 2001): it claims too little rather than too much.
    """
    if whole < LEAST:
        return {"share": None, "low": None, "high": None, "trend": "too few"}
    low, high = wilson(part, whole)
    figures = {"share": part / whole, "low": low, "high": high}
    if whole_before < LEAST:
        return figures | {"trend": "too few before"}
    low_before, high_before = wilson(part_before, whole_before)
    trend = "more" if low > high_before else "less" if high < low_before else "no clear change"
    return figures | {"trend": trend}


async def gather(
    session: Session,
    business: BusinessSettings,
    week: Week,
    reader: Reader,
    inbox_address: str,
    now: datetime,
) -> Figures:
    """Everything the digest of `week` says, as it stands at `now`."""
    listing = await sources.listing(session, business.id)
    gaps = await sources.gaps(session, business.id, week.since, week.until)
    return {
        "inbox": inbox_address.rstrip("/"),
        "week": {"year": week.year, "number": week.number, "monday": week.monday.isoformat()},
        "composed_at": now.isoformat(),
        **await _mentions(session, business.id, week, listing),
        "reposts": await reposts.number(session, business.id, week.since, week.until),
        "topics": await _topics(session, business.id, week),
        "quotes": await _quotes(session, business.id, week, reader),
        "replies": await _replies(session, business, week),
        "outcomes": asdict(await outcomes(session, business.id, week.before.since, week.since)),
        "model": await _model(session, now),
        "accepted": in_words(await acceptance(session, business.id, week.since, week.until)),
        "waiting": await _waiting(session, business.id, now),
        "promises": await _promises(session, business.id, week, now),
        "alerts": await _alerts(session, business.id, week),
        "exposure": dict(await exposure.counts(session, business.id, week.since, week.until)),
        "listening": sum(source.state is not SourceState.OFF for source in listing),
        "unheard": unheard(listing, gaps, week.since, min(week.until, now)),
        "silent": [source.name for source in listing if source.state is SourceState.SILENT],
        "unread": [dict(row._mapping) for row in await digests.unread(session, business.id, week.since, week.until)],
        "money": await _money(session, business.id, week),
        "audit": await _audit(session, business.id),
    }


async def _mentions(session: Session, business_id: str, week: Week, listing: list[Source]) -> Figures:
    after = week.monday + timedelta(days=7)
    rollups = await digests.rollups(session, business_id, week.before.monday, after)
    this = [row for row in rollups if row.day >= week.monday]
    last = [row for row in rollups if row.day < week.monday]
    now, before = _count(this), _count(last)
    return {
        "now": now,
        "before": before,
        **{
            name: compare(now[polarity.value], now["total"], before[polarity.value], before["total"])
            for name, polarity in (("unhappy", Polarity.NEGATIVE), ("happy", Polarity.POSITIVE))
        },
        "days": [{"day": day.isoformat(), **_count(row for row in this if row.day == day)} for day in week.days],
        "sources": _by_source(this, last, listing),
    }


def _count(rollups: Iterable[Rollup]) -> dict[str, int]:
    counter = Counter[str]()
    for row in rollups:
        counter[row.polarity.value] += row.mentions
    return {polarity.value: counter[polarity.value] for polarity in Polarity} | {"total": counter.total()}


def _by_source(this: list[Rollup], last: list[Rollup], listing: list[Source]) -> list[Figures]:
    """Every source that listens or was heard in either week, the one with most mentions first."""
    rows: list[Figures] = []
    for source in listing:
        now = _count(row for row in this if row.source_id == source.id)
        before = _count(row for row in last if row.source_id == source.id)["total"]
        if source.state is not SourceState.OFF or now["total"] or before:
            rows.append({"name": source.name, **now, "before": before})
    return sorted(rows, key=lambda row: (-row["total"], row["name"]))


async def _topics(session: Session, business_id: str, week: Week) -> list[Figures]:
    this = await digests.topics(session, business_id, week.since, week.until)
    last = await digests.topics(session, business_id, week.before.since, week.before.until)
    rows: list[Figures] = [
        {"topic": topic, "number": number, "unhappy": negative, "before": last.get(topic, (0, 0))[0]}
        for topic, (number, negative) in this.items()
        if topic != Topic.OTHER
    ]
    return sorted(rows, key=lambda row: (-row["number"], row["topic"]))[:MOST_TOPICS]


async def _quotes(session: Session, business_id: str, week: Week, reader: Reader) -> Figures:
    found = {
        name: await digests.quotable(session, business_id, week.since, week.until, praise=is_praise, sure=SURE)
        for name, is_praise in (("praise", True), ("complaints", False))
    }
    return {name: choose(candidates, reader) for name, candidates in found.items()}


async def _replies(session: Session, business: BusinessSettings, week: Week) -> Figures:
    rows = await digests.replied(session, business.id, week.since, week.until)
    minutes = [max((sent - posted).total_seconds(), 0) / 60 for posted, sent, _ in rows]
    aimed = [sent <= due for _, sent, due in rows if due is not None]
    hours = ", counted in opening hours" if any(place.hours for place in business.places) else ""
    return {
        "sent": len(rows),
        "median_minutes": round(median(minutes)) if minutes else None,
        "in_time": sum(aimed),
        "aimed": len(aimed),
        "within": f"{say_duration(business.reply.within)}{hours}",
    }


async def _model(session: Session, now: datetime) -> Figures:
    """What the installation's language model has used in the month that runs."""
    tokens, money = await used(session, now)
    return {"tokens": tokens, "money": float(money)}


async def _waiting(session: Session, business_id: str, now: datetime) -> dict[str, int]:
    rows = {row.state: row for row in await digests.waiting_drafts(session, business_id, now)}
    number = {state: int(row.number) for state, row in rows.items()}
    return {
        "pending": number.get(DraftState.PENDING, 0),
        "for_owner": number.get(DraftState.ESCALATED, 0),
        "overdue": sum(int(row.overdue) for row in rows.values()),
        "snoozed": sum(int(row.snoozed) for row in rows.values()),
        "unconfirmed": number.get(DraftState.UNCONFIRMED, 0),
        "by_hand": number.get(DraftState.HANDED_OFF, 0),
    }


async def _promises(session: Session, business_id: str, week: Week, now: datetime) -> Figures:
    """What fell due in the week and was settled, and what is open now; an open one past its time was not kept."""
    settled = await promises.closed_between(session, business_id, week.since, week.until)
    waiting = [promise for promise, _ in await promises.listing(session, business_id)]
    late = sum(promise.due_at < now for promise in waiting)
    items = [
        {"what": each.what, "person": each.person, "due_at": each.due_at.isoformat(), "late": each.due_at < now}
        for each in waiting[:MOST_PROMISES]
    ]
    return {
        "kept": settled[PromiseState.KEPT],
        "broken": settled[PromiseState.BROKEN],
        "late": late,
        "open": len(waiting) - late,
        "items": items,
    }


async def _alerts(session: Session, business_id: str, week: Week) -> list[Figures]:
    made = await digests.alerts_made(session, business_id, week.since, week.until)
    worst_first = sorted(made, key=lambda alert: not alert.critical)[:MOST_ALERTS]
    return [
        {"text": each.text, "at": each.made_at.isoformat(), "critical": each.critical, "mention": each.mention_id}
        for each in worst_first
    ]


def unheard(listing: list[Source], gaps: list[tuple[Gap, Source]], begin: datetime, end: datetime) -> list[Figures]:
    """By source: how many hours of [begin, end) could not be heard, and why; overlapping stretches count once."""
    stretches: dict[str, list[tuple[datetime, datetime, str, bool]]] = {}
    for gap, source in gaps:
        row = (max(gap.since, begin), min(gap.until or end, end), gap.reason, gap.until is None)
        stretches.setdefault(source.name, []).append(row)
    for source in listing:
        since = max(source.answered_at or begin, begin)
        if source.state is not SourceState.OFF and end - since > PATIENCE:
            reason = source.fault or "Warmline has not asked it since."
            stretches.setdefault(source.name, []).append((since, end, reason, True))
    return [_stretch(name, rows) for name, rows in sorted(stretches.items())]


def _stretch(name: str, rows: list[tuple[datetime, datetime, str, bool]]) -> Figures:
    missed, reached = timedelta(), None
    for since, until, _, _ in sorted(rows, key=lambda row: row[:2]):
        missed += max(until - max(since, reached or since), timedelta())
        reached = max(until, reached or until)
    hours = missed.total_seconds() / 3600
    return {"name": name, "hours": round(hours, 1), "reason": rows[-1][2], "still": any(row[3] for row in rows)}


async def _money(session: Session, business_id: str, week: Week) -> list[Figures]:
    rows = await digests.money(session, business_id, week.monday, week.monday + timedelta(days=7))
    return [
        {"name": row.name, "calls": int(row.calls), "amount": int(row.micros) / 1_000_000, "currency": row.currency}
        for row in rows
        if row.micros
    ]


async def _audit(session: Session, business_id: str) -> Figures | None:
    line = await digests.last_line(session, business_id)
    return None if line is None else {"line": line[0], "hash": line[1]}
