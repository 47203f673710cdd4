"""The door: one-time links, the cookie they are traded for, and the way out.

A link is opened with a GET, which only shows a button: mail scanners and link
previews open links, too. The button's POST uses the link up.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlencode

import structlog
from aiohttp import web

from config.settings import BusinessSettings, Person, Settings
from responders.errors import ChannelError
from responders.inbox import security
from responders.inbox.pages import see
from responders.inbox.visits import INBOX, Inbox, Mailer, Visit, who
from storage import Store, signin

log = structlog.get_logger()

LINK_LASTS = timedelta(minutes=10)
#: A link in a mail about a draft is opened when its reader comes to it.
MAILED_LASTS = timedelta(days=1)
SESSION_LASTS = timedelta(days=30)

#: A path below our own root: nothing that a browser could take for a host or a scheme.
_LOCAL = re.compile(r"/(?:[A-Za-z0-9_-][A-Za-z0-9_./-]*)?(?:\?[A-Za-z0-9_.~%=&+-]*)?")


async def issue_link(
    store: Store,
    settings: Settings,
    business_id: str,
    person: str,
    now: datetime,
    *,
    lasts: timedelta = LINK_LASTS,
    leads_to: str = "/",
) -> str:
    """The address that signs `person` in, once, while it `lasts`, and leads to a page; only a hash of it is kept."""
    secret = secrets.token_urlsafe(32)
    async with store.work() as session:
        await signin.add_link(session, secret, business_id, person, now + lasts)
    return settings.inbox_address + with_next(f"/sign-in/{secret}", leads_to)


async def passage(store: Store, settings: Settings, business_id: str, mail: str, address: str, now: datetime) -> str:
    """An address of the inbox as a link for whoever of the staff has this mail address: it signs in, once, within a day.

    An address that leads elsewhere stays as it is, and so does one for a mail address of nobody.
    """
    inside = address.removeprefix(settings.inbox_address) if address.startswith(settings.inbox_address) else ""
    staff = settings.businesses[business_id].staff
    person = next((each for each in staff if each.mail and each.mail.casefold() == mail.casefold()), None)
    if person is None or local_path(inside) != inside:
        return address
    return await issue_link(store, settings, business_id, person.name, now, lasts=MAILED_LASTS, leads_to=inside)


def local_path(text: str) -> str:
    """A page of ours as a link may name it; "/" for anything else, so that no link leads to another site."""
    return text if _LOCAL.fullmatch(text) else "/"


def with_next(path: str, leads_to: str) -> str:
    """A path of the door that leads on to a page afterwards."""
    return path if leads_to == "/" else f"{path}?{urlencode({'next': leads_to})}"


async def ask(request: web.Request) -> web.Response:
    """Asks who wants to sign in."""
    inbox, leads_to = request.app[INBOX], _next(request)
    await security.read(request, inbox.settings())
    if await who(request) is not None:
        return see(leads_to)
    return _page(inbox, "sign_in.html", mails=inbox.mailer() is not None)


def _next(request: web.Request) -> str:
    """Where a request wants to get to."""
    return local_path(request.query.get("next", "/"))


async def send_link(request: web.Request) -> web.Response:
    """Sends links to whoever was named; the answer is the same, and as quick, for somebody we do not know."""
    inbox = request.app[INBOX]
    form = await security.read(request, inbox.settings())
    _count_try(request, inbox)
    mailer = inbox.mailer()
    if mailer is None:
        return _page(inbox, "sign_in.html", mails=False)
    task = asyncio.create_task(_mail_links(inbox, mailer, form.get("who", "").strip(), _next(request)))
    inbox.tasks.add(task)
    task.add_done_callback(inbox.tasks.discard)
    return _page(inbox, "link_sent.html")


def _count_try(request: web.Request, inbox: Inbox) -> None:
    if not inbox.tries.take(security.peer(request, inbox.settings()), inbox.now()):
        raise web.HTTPTooManyRequests(text="That were many tries. Please wait a minute.")


async def _mail_links(inbox: Inbox, mailer: Mailer, name: str, leads_to: str) -> None:
    settings = inbox.settings()
    for business, person in _people(settings, name):
        link = await issue_link(inbox.store, settings, business.id, person.name, inbox.now(), leads_to=leads_to)
        text = (
            f"Hello {person.name},\n\nopen this link to sign in to the inbox of {business.business.name}:\n\n{link}\n\n"
            "It works once, within ten minutes. If it was not you who asked, do nothing.\n"
        )
        try:
            await mailer.send([person.mail], f"Sign in to {business.business.name}", text)
        except ChannelError as error:
            log.warning("sign-in link not sent", business=business.id, kind=type(error).__name__)


def _people(settings: Settings, name: str) -> Iterator[tuple[BusinessSettings, Person]]:
    """Everybody with a mail address who goes by this name or address."""
    for business in settings.businesses.values():
        for person in business.staff:
            if person.mail and name.casefold() in (person.name.casefold(), person.mail.casefold()):
                yield business, person


async def show_link(request: web.Request) -> web.Response:
    """The page that a link opens: a button, which is what signs in."""
    inbox = request.app[INBOX]
    await security.read(request, inbox.settings())
    async with inbox.store.read() as session:
        link = await signin.link(session, request.match_info["secret"], inbox.now())
    business = inbox.settings().businesses.get(link.business_id) if link else None
    visitor = await who(request)
    if visitor is not None and (link is None or (visitor[1], visitor[2].name) == (business, link.person)):
        return see(_next(request))
    if link is None or business is None:
        return _link_over(request, inbox)
    return _page(inbox, "use_link.html", person=link.person, business=business.business.name)


async def sign_in(request: web.Request) -> web.Response:
    """Trades a link for a session of its own; a cookie that came along is never taken over."""
    inbox = request.app[INBOX]
    settings = inbox.settings()
    await security.read(request, settings)
    _count_try(request, inbox)
    now, cookie = inbox.now(), secrets.token_urlsafe(32)
    async with inbox.store.work() as session:
        link = await signin.use_link(session, request.match_info["secret"], now)
        business = settings.businesses.get(link.business_id) if link else None
        if link is None or business is None or business.person(link.person) is None:
            return _link_over(request, inbox)
        await signin.end_session(session, request.cookies.get(security.cookie_name(settings), ""))
        token, until = secrets.token_urlsafe(32), now + SESSION_LASTS
        await signin.begin_session(session, cookie, token, business.id, link.person, now, until)
    response = see(_next(request))
    response.set_cookie(
        security.cookie_name(settings),
        cookie,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=security.is_https(settings),
    )
    return response


def _link_over(request: web.Request, inbox: Inbox) -> web.Response:
    return _page(inbox, "link_over.html", 404, door=with_next("/sign-in", _next(request)))


async def sign_out(visit: Visit) -> web.Response:
    """Ends this browser's session."""
    settings = visit.inbox.settings()
    name = security.cookie_name(settings)
    async with visit.store.work() as session:
        await signin.end_session(session, visit.request.cookies.get(name, ""))
    response = see("/sign-in")
    response.del_cookie(name, httponly=True, samesite="Lax", secure=security.is_https(settings))
    return response


def _page(inbox: Inbox, template: str, status: int = 200, **content: object) -> web.Response:
    page = inbox.templates.get_template(template).render(**content)
    return web.Response(text=page, content_type="text/html", status=status)
