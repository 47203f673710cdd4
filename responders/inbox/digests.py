"""The stored digests: the owner's weeks, each in a frame that nothing can leave."""

from __future__ import annotations

from datetime import date

from aiohttp import web

from responders.inbox.pages import render
from responders.inbox.security import CONTENT_POLICY
from responders.inbox.visits import Visit
from storage import Digest
from storage import digests as stored

#: A mail carries its styles with it; it may do nothing else, and stand only in our own page.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self';"
    " sandbox allow-popups allow-popups-to-escape-sandbox"  # its links open the inbox in a tab of their own
)


async def listing(visit: Visit) -> web.Response:
    """All weeks, the latest first."""
    _owners_only(visit)
    async with visit.store.read() as session:
        weeks = [(each, _monday(each)) for each in await stored.listing(session, visit.id)]
    return render(visit, "digests.html", weeks=weeks)


async def show(visit: Visit) -> web.Response:
    """One week."""
    digest = await _digest(visit)
    response = render(visit, "digest.html", digest=digest, monday=_monday(digest))
    response.headers["Content-Security-Policy"] = f"{CONTENT_POLICY}; frame-src 'self'"
    return response


async def mail(visit: Visit) -> web.Response:
    """The mail of a week, as it was composed."""
    digest = await _digest(visit)
    return web.Response(text=digest.html, content_type="text/html", headers={"Content-Security-Policy": MAIL_POLICY})


async def _digest(visit: Visit) -> Digest:
    _owners_only(visit)
    async with visit.store.read() as session:
        found = await stored.get(session, visit.id, visit.number("year"), visit.number("week"))
    if found is None:
        raise web.HTTPNotFound
    return found


def _monday(digest: Digest) -> date:
    return date.fromisocalendar(digest.year, digest.week, 1)


def _owners_only(visit: Visit) -> None:
    if not visit.is_owner:
        raise web.HTTPForbidden(text="The weekly digest is for owners. Ask one of them to show it to you.")
