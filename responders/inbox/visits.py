"""Who visits: what all pages share, and one request of one signed-in person."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment
from multidict import MultiDict

from config.settings import BusinessSettings, Person, Role, Settings
from connectors.paste import PLATFORM, Pasted
from responders.approvals import Desk
from responders.inbox import security
from responders.inbox.words import Times
from storage import LoginSession, Store, signin


class Mailer(Protocol):
    """Who carries sign-in links."""

    async def send(self, to: Sequence[str], subject: str, plain: str, html: str = "") -> None:
        """Sends one mail; raises `ChannelError` where the server does not take it."""


#: Erases everything kept about an author (business id, author id, who asked); gives how many mentions it was.
Eraser = Callable[[str, int, str], Awaitable[int]]

#: Hears what was pasted for a business; gives the mention and whether it is new, None where it may not be kept.
Hearer = Callable[[str, Pasted], Awaitable[tuple[int, bool] | None]]


@dataclass(frozen=True, slots=True)
class Inbox:
    """What all pages share. `settings` and `mailer` are asked anew each time: the configuration may change."""

    desk: Desk
    store: Store
    settings: Callable[[], Settings]
    now: Callable[[], datetime]
    mailer: Callable[[], Mailer | None]
    eraser: Eraser | None
    hearer: Hearer | None
    templates: Environment
    tries: security.Tries = field(default_factory=security.Tries)
    #: Open event streams and mails under way; ended with the application.
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


INBOX = web.AppKey("inbox", Inbox)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of one signed-in person; `form` is what they sent (empty for a GET)."""

    request: web.Request
    inbox: Inbox
    business: BusinessSettings
    person: Person
    token: str
    form: MultiDict[str]

    @property
    def store(self) -> Store:
        """The store."""
        return self.inbox.store

    @property
    def id(self) -> str:
        """The business whose records this visit may see."""
        return self.business.id

    @property
    def is_owner(self) -> bool:
        """Whether an owner visits."""
        return self.person.role is Role.OWNER

    @property
    def may_paste(self) -> bool:
        """Whether the business has a source that takes what people paste."""
        is_on = any(table.type == PLATFORM and table.enabled for table in self.business.sources)
        return is_on and self.inbox.hearer is not None

    @property
    def times(self) -> Times:
        """Says times as they look now in the business's zone."""
        return Times(self.inbox.now(), self.business.business.zone)

    def number(self, name: str = "id") -> int:
        """A number of the address; the routes let nothing else through."""
        return int(self.request.match_info[name])


Page = Callable[[Visit], Awaitable[web.StreamResponse]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def signed_in(page: Page) -> Handler:
    """A page for signed-in people only; a form counts only with its session's token."""

    async def answer(request: web.Request) -> web.StreamResponse:
        inbox = request.app[INBOX]
        form = await security.read(request, inbox.settings())
        found = await who(request)
        if found is None:
            return _signed_out(request, inbox, form)
        session, business, person = found
        if request.method == "POST" and not hmac.compare_digest(
            form.get("token", "").encode("utf-8", "replace"), session.token.encode()
        ):
            raise web.HTTPForbidden(text="This form is too old. Go back, reload the page, and try again.")
        return await page(Visit(request, inbox, business, person, session.token, form))

    return answer


async def who(request: web.Request) -> tuple[LoginSession, BusinessSettings, Person] | None:
    """Whose browser this is, by its cookie and by the people in the configuration as it is now."""
    inbox = request.app[INBOX]
    settings = inbox.settings()
    secret = request.cookies.get(security.cookie_name(settings), "")
    if not secret:
        return None
    async with inbox.store.read() as session:
        found = await signin.session_of(session, secret, inbox.now())
    business = settings.businesses.get(found.business_id) if found else None
    person = business.person(found.person) if found and business else None
    return (found, business, person) if found and business and person else None


def _signed_out(request: web.Request, inbox: Inbox, form: MultiDict[str]) -> web.StreamResponse:
    """The way to the door; words that were typed are shown, so that they are not lost."""
    if request.method in ("GET", "HEAD"):
        raise web.HTTPSeeOther(
            f"/sign-in?{urlencode({'next': request.path_qs})}" if request.path != "/" else "/sign-in"
        )
    page = inbox.templates.get_template("signed_out.html").render(typed=form.get("text", ""))
    return web.Response(text=page, content_type="text/html", status=401)
