"""Telling owners what cannot wait, and noticing sources that went deaf.

An alert is told at least once: its next try is planned before the mail leaves,
so that a crash in between tells a crisis twice rather than never.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import structlog

from config.settings import BusinessSettings, Person
from listener.budget import next_month
from listener.digest.rendering import calm, when
from responders.errors import ChannelError
from responders.mail import Mailer, MailPartlySent, pause_after
from storage import Alert, Mention, Session, Source, Store, alerts, mentions, sources
from storage.states import SourceState

log = structlog.get_logger()

#: A source that fails for so long is no hiccup any more.
FAULTY_FOR = timedelta(hours=6)
#: The part of a month's budget at which owners hear that it runs out.
NEARLY_SPENT = Decimal("0.8")
#: When an alert that nobody can be told (no address, no such business) is looked at again.
_LATER = timedelta(hours=1)
#: What the keys of alerts about sources begin with.
_SOURCE = "source "


async def tell(
    store: Store,
    businesses: Mapping[str, BusinessSettings],
    mailer: Mailer | None,
    inbox_address: str,
    now: datetime,
) -> int:
    """Mails untold alerts to the owners, one mail for all of a business that are equally urgent; gives how many alerts.

    Critical ones go to everybody at once; the others spare who is away or
    quiet. Without a mailer they wait, where the inbox shows them.
    """
    if mailer is None:
        return 0
    async with store.read() as session:
        waiting = await alerts.untold(session, now)
    number = 0
    for urgent, business_id in dict.fromkeys((alert.critical, alert.business_id) for alert in waiting):
        together = [alert for alert in waiting if (alert.critical, alert.business_id) == (urgent, business_id)]
        to = reachable(businesses[business_id], now, critical=urgent) if business_id in businesses else []
        await _plan_next(store, together, now, reached=bool(to))
        if not to:
            continue
        if not await _tell(store, businesses[business_id], together, mailer, to, inbox_address, now):
            break  # the mail server does not work: not once more for every business
        number += len(together)
    return number


async def _plan_next(store: Store, together: Sequence[Alert], now: datetime, *, reached: bool) -> None:
    async with store.work() as session:
        for alert in together:
            pause = pause_after(alert.tries + 1) if reached else _LATER
            await alerts.put_off(session, alert.id or 0, now + pause)


async def _tell(
    store: Store,
    business: BusinessSettings,
    together: Sequence[Alert],
    mailer: Mailer,
    to: Sequence[str],
    inbox_address: str,
    now: datetime,
) -> bool:
    async with store.read() as session:
        plain = await _write(session, business, together, inbox_address)
    try:
        await mailer.send(to, _subject(business, together), plain)
    except MailPartlySent as error:
        log.warning("alert not told to all", business=business.id, fault=error.happened)
    except ChannelError as error:
        log.warning("alert not told", business=business.id, number=len(together), fault=error.happened)
        return False
    async with store.work() as session:
        for alert in together:
            await alerts.told(session, alert.id or 0, now)
    log.info("alert told", business=business.id, number=len(together))
    return True


def reachable(business: BusinessSettings, now: datetime, *, critical: bool) -> list[str]:
    """The addresses that an alert goes to: the owners', or their cover's while they are away.

    A crisis goes to both, whatever the hour. Where no owner has an address,
    those under `[digest]` stand in.
    """
    local = now.astimezone(business.business.zone)
    people: list[Person] = []
    for owner in business.owners:
        is_away = owner.away is not None and owner.away[0] <= local.date() <= owner.away[1]
        cover = business.person(owner.cover) if is_away and owner.cover else None
        people += [cover] if cover and not critical else [owner, cover] if cover else [owner]
    if not any(person.mail for person in people):
        return list(business.digest.to)
    awake = [each for each in people if critical or each.quiet is None or not each.quiet.covers(local.time())]
    return list(dict.fromkeys(person.mail for person in awake if person.mail))


def _subject(business: BusinessSettings, together: Sequence[Alert]) -> str:
    what = "please look now" if together[0].critical else "something needs you"
    number = f" ({len(together)})" if len(together) > 1 else ""
    return f"{calm(business.business.name)}: {what}{number}"


async def _write(session: Session, business: BusinessSettings, together: Sequence[Alert], inbox_address: str) -> str:
    """The mail: what, until when, where to look, and no word of a customer's."""
    parts = []
    for alert in together:
        mention = await mentions.get(session, business.id, alert.mention_id) if alert.mention_id else None
        parts.append("\n".join([calm(alert.text), *_details(alert, mention, business, inbox_address.rstrip("/"))]))
    parts.append("Nothing is posted without a person's yes.")
    return "\n\n".join(parts) + "\n"


def _details(alert: Alert, mention: Mention | None, business: BusinessSettings, inbox: str) -> list[str]:
    zone = business.business.zone
    heard = f"Noticed: {when(alert.made_at.isoformat(), zone)}"
    if mention is None:
        return [heard, f"Look at it: {inbox}/{'sources' if alert.key.startswith(_SOURCE) else ''}"]
    due = [f"An answer is due: {when(mention.due_at.isoformat(), zone)}"] if mention.due_at else []
    return [
        heard,
        *due,
        f"Look at it: {inbox}/mentions/{mention.id}",
        "Read the post, then approve, change or reject the draft, or mark it as not about you.",
    ]


async def raise_for_sources(store: Store, businesses: Mapping[str, BusinessSettings], now: datetime) -> int:
    """Raises one alert for each episode in which a source went deaf, or for a budget; gives how many are new.

    Refused credentials count at once, for only a person can renew them;
    failures after `FAULTY_FOR`; silence when it has lasted longer than the
    source's connector expects. A budget is told of twice in a month at most:
    when it is nearly spent, and when it is.
    """
    number = 0
    for business in businesses.values():
        async with store.read() as session:
            listing = await sources.listing(session, business.id)
            bills = await sources.bills(session, business.id, now.astimezone(UTC).date().replace(day=1))
        told = [found for source in listing if (found := _deaf(source, business, now)) is not None]
        budgets = {table.name: table.budget for table in business.sources if table.enabled and table.budget}
        for source in listing:
            if source.name in budgets and source.id in bills:
                told += _spent(source, budgets[source.name], bills[source.id], now.astimezone(UTC))
        if told:
            async with store.work() as session:
                for key, text in told:
                    number += await alerts.raise_once(session, business.id, key, text, now)
    return number


def _deaf(source: Source, business: BusinessSettings, now: datetime) -> tuple[str, str] | None:
    """The key of this episode and what to say; None where all is well, or not yet worth a mail."""
    zone = business.business.zone
    since = source.failing_since
    if source.state in (SourceState.DENIED, SourceState.FAULTY) and since is not None:
        if source.state is SourceState.FAULTY and now - since < FAULTY_FOR:
            return None
        text = f"“{source.name}” has not been heard since {when(since.isoformat(), zone)}. {source.fault}"
        return f"{_SOURCE}{source.id} {source.state.value} since {since.isoformat()}", text
    if source.state is SourceState.SILENT and source.heard_at is not None:
        heard = source.heard_at
        text = (
            f"“{source.name}” answers, but has brought nothing since {when(heard.isoformat(), zone)}, which is longer"
            " than is usual for it. Please check whether it still shows what people write."
        )
        return f"{_SOURCE}{source.id} silent since {heard.isoformat()}", text
    return None


def _spent(source: Source, budget: Decimal, bill: tuple[int, int, str], now: datetime) -> list[tuple[str, str]]:
    """The keys of what is to be told of a month's budget, and what to say."""
    _, micros, currency = bill
    spent, opens = Decimal(micros) / 1_000_000, next_month(now)
    so_far = f"{spent:.2f} of {budget:.2f} {currency} for {now:%B} are spent"
    rests = f"rests until {opens.day} {opens:%B} (UTC) and then goes on by itself"
    found = []
    if spent >= budget * NEARLY_SPENT:
        text = f"“{source.name}” has used 80 % of its budget: {so_far}. Once the rest is spent, it {rests}."
        found.append((f"{_SOURCE}{source.id} budget nearly spent {now:%Y-%m}", text))
    if sources.is_resting(source) and source.next_at == opens:
        text = (
            f"“{source.name}” {rests}, because another page could pass its budget: {so_far}."
            " Raise the budget in the configuration if it should listen before."
        )
        found.append((f"{_SOURCE}{source.id} budget spent {now:%Y-%m}", text))
    return found
