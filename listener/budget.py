"""What listening may cost: set aside before each call, spread over the month, never more than the budget.

Hours and months are counted in UTC, as platforms bill. Every hour adds its
share to what may be spent, and what it leaves over goes to the hours that
follow: a busy morning does not leave the afternoon deaf. A source that has
used its shares rests until an hour brings a new one; one whose
next page could pass the month's budget rests until the first of the next
month. Either goes on by itself, and what it rests is written down as a gap.

How much a page may cost is not known beforehand: it is taken to cost what the
dearest one of the month did, and at least what the connector declares. Where
looking again at kept posts is a duty and costs money, listening leaves a tenth
of every share to it. Replies count as soon as the next page tells what they
cost, and are never held back: a person wants them.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import structlog

from connectors.base import Page, Traits
from listener.pipeline import Listening
from storage import Session, Store, sources

log = structlog.get_logger()

#: What listening leaves to looking again at kept posts, where that is a duty and costs money.
FOR_DUTIES = Decimal("0.1")
#: A platform whose posts are looked at again as often as this wants deleted ones gone within a day.
DUTY = timedelta(hours=24)
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Reserved:
    """What was set aside for the next page, and on which day; `refused` says why that page must wait (empty: it may)."""

    day: date
    amount: Decimal = Decimal(0)
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be spent in a month, and what of it is."""

    budget: Decimal
    spent: Decimal

    def left_now(self, now: datetime) -> Decimal:
        """What the hours of the month so far allow to spend yet; below zero where a page cost more than an hour's share."""
        return self.budget * _hour(now) / _hours(now) - self.spent

    def rests_until(self, page: Decimal, now: datetime) -> datetime | None:
        """When a page that may cost `page` can be asked for; None: now."""
        if self.spent + page > self.budget:
            return next_month(now)
        if not self.spent or self.left_now(now) > 0:
            return None
        used = int(self.spent * _hours(now) / self.budget)  # whole hours' shares
        this_hour = now.replace(minute=0, second=0, microsecond=0)
        return this_hour + timedelta(hours=max(used + 1 - _hour(now), 1))


def next_month(now: datetime) -> datetime:
    """When the next month's budget opens."""
    return _midnight(now) + timedelta(days=_days(now) + 1 - now.day)


def for_listening(budget: Decimal, traits: Traits) -> Decimal:
    """The part of a budget that listening may spend."""
    return budget * (1 - FOR_DUTIES) if owes_looks(traits) else budget


def owes_looks(traits: Traits) -> bool:
    """Whether looking again at kept posts is a duty that costs money."""
    return bool(traits.cost_per_call) and traits.recheck_every is not None and traits.recheck_every <= DUTY


async def reserve(listening: Listening, store: Store, now: datetime) -> Reserved:
    """Sets aside what the next page may cost, or sends the source to rest."""
    source, table, traits = listening.ear.source, listening.ear.table, listening.connector.traits
    now = now.astimezone(UTC)
    if table.budget is None:
        return Reserved(now.date())
    async with store.work() as session:
        allowance = Allowance(for_listening(table.budget, traits), await _spent(session, listening, now))
        dearest = Decimal(await sources.dearest_page(session, source.id or 0, now.date())) / _MICROS
        page = max(traits.cost_per_call, traits.cost_per_page, dearest)
        until = allowance.rests_until(page, now)
        if until is None:
            await _book(session, listening, now.date(), 0, page)
            return Reserved(now.date(), page)
        why = _why(f"{table.budget} {traits.currency}", until, now)
        is_news = await sources.rest(session, source.id or 0, why, until, now)
    if is_news:
        log.info("source rests", source=source.name, until=until.isoformat())
    return Reserved(now.date(), refused=why)


def _why(budget: str, until: datetime, now: datetime) -> str:
    when = f"it is asked again on {until.day} {until:%B} at {until:%H:%M} (UTC)"
    if until == next_month(now):
        return f"Its budget of {budget} for {now:%B} does not allow for another page; {when}."
    return f"The month so far has used its share of its budget of {budget} for {now:%B}; {when}."


async def settle(session: Session, listening: Listening, page: Page, reserved: Reserved) -> None:
    """Books what a page cost in place of what was set aside for it."""
    traits, source_id = listening.connector.traits, listening.ear.source.id or 0
    cost = traits.cost_per_call * page.calls
    if page.cost is not None:  # a bill, on which stand also the looks that are booked already
        cost, listening.booked = max(page.cost - listening.booked, Decimal(0)), Decimal(0)
    await _book(session, listening, reserved.day, page.calls, cost - reserved.amount)
    if cost:
        await sources.note_page(session, source_id, reserved.day, int(cost * _MICROS))


async def release(session: Session, listening: Listening, reserved: Reserved, *, may_be_billed: bool) -> None:
    """Books a call that failed; one whose answer was lost may be billed all the same, at what a call costs."""
    cost = listening.connector.traits.cost_per_call if may_be_billed else Decimal(0)
    await _book(session, listening, reserved.day, 1, cost - reserved.amount)


async def book_looks(listening: Listening, store: Store, number: int, now: datetime) -> int:
    """Books looking again at `number` kept posts, at most; gives for how many there is money.

    They may use whatever the month so
    far allows, for nothing may be kept that cannot be looked after.
    """
    traits, budget = listening.connector.traits, listening.ear.table.budget
    price = traits.cost_per_look or traits.cost_per_call
    if not price or budget is None or not number:
        return number
    now = now.astimezone(UTC)
    async with store.work() as session:
        left = Allowance(budget, await _spent(session, listening, now)).left_now(now)
        number = max(min(number, int(left / price)), 0)
        if number:
            await _book(session, listening, now.date(), 0, price * number)
    listening.booked += price * number
    return number


async def _spent(session: Session, listening: Listening, now: datetime) -> Decimal:
    _, micros = await sources.spent(session, listening.ear.source.id or 0, now.date().replace(day=1), hold=True)
    return Decimal(micros) / _MICROS


async def _book(session: Session, listening: Listening, day: date, calls: int, amount: Decimal) -> None:
    source_id, currency = listening.ear.source.id or 0, listening.connector.traits.currency
    await sources.spend(session, source_id, day, calls=calls, micros=int(amount * _MICROS), currency=currency)


def _days(now: datetime) -> int:
    return monthrange(now.year, now.month)[1]


def _hours(now: datetime) -> int:
    """How many hours the month has."""
    return _days(now) * 24


def _hour(now: datetime) -> int:
    """Which hour of the month it is; the first one is 1."""
    return (now.day - 1) * 24 + now.hour + 1


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
