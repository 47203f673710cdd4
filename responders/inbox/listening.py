"""How the sources are doing: what they answer, what could not be heard, and what they cost."""

from __future__ import annotations

from datetime import UTC, timedelta
from decimal import Decimal

from aiohttp import web

from responders.inbox.pages import render, see
from responders.inbox.visits import Visit
from responders.inbox.words import SOURCES
from storage import audit, sources

GAPS_OF = timedelta(days=14)


async def show(visit: Visit) -> web.Response:
    """All sources of the business."""
    now = visit.inbox.now()
    async with visit.store.read() as session:
        listening = await sources.listing(session, visit.id)
        bills = await sources.bills(session, visit.id, now.astimezone(UTC).date().replace(day=1))
        gaps = await sources.gaps(session, visit.id, now - GAPS_OF, now)
        samples = await sources.samples(session, visit.id, limit=20)
    return render(
        visit,
        "sources.html",
        sources=listening,
        bills={source: (calls, _money(micros, currency)) for source, (calls, micros, currency) in bills.items()},
        gaps=gaps,
        samples=samples,
        states=SOURCES,
    )


def _money(micros: int, currency: str) -> str:
    """As in "3.20 USD"; empty where it cost nothing."""
    return f"{Decimal(micros) / 1_000_000:.2f} {currency}" if micros else ""


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
