"""The chats in which the person who is signed in is asked, and the code that ties an account to them."""

from __future__ import annotations

from aiohttp import web

from responders.channels import linking
from responders.inbox.pages import render, see
from responders.inbox.visits import Visit
from storage import chat_notes, identities


async def show(visit: Visit) -> web.Response:
    """Which chats there are, and where this person is linked."""
    return await _page(visit)


async def issue(visit: Visit) -> web.Response:
    """Shows a code, once: only a hash of it is kept."""
    code = await linking.issue(
        visit.store, visit.business, visit.person.name, visit.form.get("chat", ""), visit.inbox.now()
    )
    return await _page(visit, code)


async def unlink(visit: Visit) -> web.Response:
    """Forgets this person's accounts in one chat."""
    chat, name = visit.form.get("chat", ""), visit.person.name
    if chat:
        await linking.unlink(visit.store, visit.business, name, chat, name, visit.inbox.now())
    return see("/chats")


async def _page(visit: Visit, code: str = "") -> web.Response:
    async with visit.store.read() as session:
        linked = await identities.listing(session, visit.id)
        faults = await chat_notes.faults(session, visit.id)
    mine = {each.channel: each for each in linked if each.person == visit.person.name}
    known = [table.called for table in visit.business.channels]
    left = [name for name in mine if name not in known]
    return render(
        visit,
        "chats.html",
        chats=[*known, *left],
        mine=mine,
        faults={name: faults.get(name, "") for name in (*known, *left)},
        code=code,
    )
