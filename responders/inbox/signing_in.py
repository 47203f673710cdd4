"""The door: one-time links, the cookie they are traded for, and the way out.

A link is opened with a GET, which only shows a button: mail scanners and link
previews open links, too. The button's POST uses the link up.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

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
SESSION_LASTS = timedelta(days=30)


async def issue_link(store: Store, settings: Settings, business_id: str, person: str, now: datetime) -> str:
    """The address that signs `person` in, once, within ten minutes; only a hash of it is kept."""
    secret = secrets.token_urlsafe(32)
    async with store.work() as session:
        await signin.add_link(session, secret, business_id, person, now + LINK_LASTS)
    return f"{settings.inbox_address}/sign-in/{secret}"


async def ask(request: web.Request) -> web.Response:
    """Asks who wants to sign in."""
    inbox = request.app[INBOX]
    await security.read(request, inbox.settings())
    if await who(request) is not None:
        return see("/")
    return _page(inbox, "sign_in.html", mails=inbox.mailer() is not None)


async def send_link(request: web.Request) -> web.Response:
    """Sends links to whoever was named; the answer is the same, and as quick, for somebody we do not know."""
    inbox = request.app[INBOX]
    form = await security.read(request, inbox.settings())
    _count_try(request, inbox)
    mailer = inbox.mailer()
    if mailer is None:
        return _page(inbox, "sign_in.html", mails=False)
    task = asyncio.create_task(_mail_links(inbox, mailer, form.get("who", "").strip()))
    inbox.tasks.add(task)
    task.add_done_callback(inbox.tasks.discard)
    return _page(inbox, "link_sent.html")


def _count_try(request: web.Request, inbox: Inbox) -> None:
    if not inbox.tries.take(security.peer(request, inbox.settings()), inbox.now()):
        raise web.HTTPTooManyRequests(text="That were many tries. Please wait a minute.")


async def _mail_links(inbox: Inbox, mailer: Mailer, name: str) -> None:
    settings = inbox.settings()
    for business, person in _people(settings, name):
        link = await issue_link(inbox.store, settings, business.id, person.name, inbox.now())
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
    if link is None or business is None:
        return _page(inbox, "link_over.html", 404)
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
            return _page(inbox, "link_over.html", 404)
        await signin.end_session(session, request.cookies.get(security.cookie_name(settings), ""))
        token, until = secrets.token_urlsafe(32), now + SESSION_LASTS
        await signin.begin_session(session, cookie, token, business.id, link.person, now, until)
    response = see("/")
    response.set_cookie(
        security.cookie_name(settings),
        cookie,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=security.is_https(settings),
    )
    return response


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
