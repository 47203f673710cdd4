"""How the sources are doing: what they answer, what could not be heard, what they cost, and what they ask of us."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from decimal import Decimal

from aiohttp import web

from config.durations import say_duration
from connectors.base import Traits
from responders.inbox.pages import render, see
from responders.inbox.visits import Visit
from responders.inbox.words import SOURCES
from storage import Source, audit, sources

GAPS_OF = timedelta(days=14)

#: Where the application keeps what holds for the platforms of the sources that are open now, by source id.
TRAITS = web.AppKey[Callable[[], Mapping[int, Traits]]]("traits")


@dataclass(frozen=True, slots=True)
class Bill:
    """What a source took this month (UTC); `left` of its budget, in words, empty where it has none."""

    calls: int
    money: str
    left: str


async def show(visit: Visit) -> web.Response:
    """All sources of the business."""
    now = visit.inbox.now()
    traits = visit.request.app.get(TRAITS, dict)()
    async with visit.store.read() as session:
        listening = await sources.listing(session, visit.id)
        bills = await sources.bills(session, visit.id, now.astimezone(UTC).date().replace(day=1))
        gaps = await sources.gaps(session, visit.id, now - GAPS_OF, now)
        samples = await sources.samples(session, visit.id, limit=20)
    return render(
        visit,
        "sources.html",
        sources=listening,
        bills={source.id: _bill(visit, source, bills.get(source.id or 0)) for source in listening},
        resting={source.id for source in listening if sources.is_resting(source)},
        duties={source.id: _duties(visit, traits.get(source.id or 0)) for source in listening},
        gaps=gaps,
        samples=samples,
        states=SOURCES,
    )


def _bill(visit: Visit, source: Source, bill: tuple[int, int, str] | None) -> Bill:
    calls, micros, currency = bill or (0, 0, "")
    spent = Decimal(micros) / 1_000_000
    budget = next((table.budget for table in visit.business.sources if table.name == source.name), None)
    left = "" if budget is None else f"{max(budget - spent, Decimal(0)):.2f} of {budget:.2f} {currency}".strip()
    return Bill(calls, f"{spent:.2f} {currency}" if micros else "", left)


def _duties(visit: Visit, traits: Traits | None) -> list[str]:
    """What the platform asks of those who listen and answer there."""
    if traits is None:
        return []
    said = []
    if traits.retention == timedelta(0):
        said.append("Posts may not be kept: they are counted, and neither shown nor answered.")
    elif traits.retention is not None:
        said.append(f"Posts are kept for {say_duration(traits.retention)} at most.")
    if traits.disclosure:
        tells = "say" if visit.business.voice.disclose else "do not say"
        said += [traits.disclosure, f"Your drafts {tells} that software helped."]
    return said


async def ask_again(visit: Visit) -> web.Response:
    """Lets a source be asked at once."""
    async with visit.store.work() as session:
        names = {source.id: source.name for source in await sources.listing(session, visit.id)}
        if visit.number() not in names:
            raise web.HTTPNotFound
        await sources.ask_again(session, visit.number())
        subject = f"source {names[visit.number()]}"
        await audit.append(session, visit.id, visit.person.name, "ask again", subject, {}, visit.inbox.now())
    return see("/sources")
