"""What replies have promised."""

from __future__ import annotations

from aiohttp import web

from responders.inbox.pages import render, see
from responders.inbox.visits import Visit
from storage import promises
from storage.states import PromiseState


async def show(visit: Visit) -> web.Response:
    """Open promises, the most urgent first, and the last ones that were closed."""
    async with visit.store.read() as session:
        opened = await promises.listing(session, visit.id)
        closed = await promises.listing(session, visit.id, states=(PromiseState.KEPT, PromiseState.BROKEN))
    return render(visit, "promises.html", opened=opened, closed=closed[-10:][::-1])


async def keep(visit: Visit) -> web.Response:
    """Marks a promise as kept or broken."""
    async with visit.store.read() as session:
        if await promises.get(session, visit.id, visit.number()) is None:
            raise web.HTTPNotFound
    await visit.inbox.desk.keep(visit.id, visit.number(), visit.person.name, visit.form.get("kept") == "yes")
    return see("/promises")
