"""The inbox as an application: which address leads to which page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from config.settings import Settings
from responders.approvals import Desk
from responders.inbox import (
    case,
    chats,
    decisions,
    digests,
    hearing,
    listening,
    live,
    pasting,
    praise,
    promised,
    queue,
    signing_in,
)
from responders.inbox.pages import in_words, make_environment, static
from responders.inbox.security import LONGEST_FORM, dress
from responders.inbox.visits import INBOX, Eraser, Hearer, Inbox, Mailer, signed_in
from storage import Store

#: Ids stay below what PostgreSQL's integers hold.
_ID = "{id:[0-9]{1,9}}"
_WEEK = "{year:[0-9]{4}}/{week:[0-9]{1,2}}"
_SECRET = "{secret:[A-Za-z0-9_-]{20,100}}"  # noqa: S105 – a pattern


def make_app(
    desk: Desk,
    store: Store,
    settings: Callable[[], Settings],
    now: Callable[[], datetime],
    mailer: Callable[[], Mailer | None],
    *,
    eraser: Eraser | None = None,
    hearer: Hearer | None = None,
) -> web.Application:
    """The inbox; `settings`, `now` and `mailer` are asked at every request.

    Without `eraser` nothing can be erased, without `hearer` nothing pasted.
    """
    app = web.Application(middlewares=[in_words], client_max_size=LONGEST_FORM)
    app[INBOX] = Inbox(desk, store, settings, now, mailer, eraser, hearer, make_environment())
    app.on_response_prepare.append(dress)
    app.on_shutdown.append(live.end)
    app.router.add_routes(_routes())
    return app


def _routes() -> list[web.AbstractRouteDef]:
    return [
        web.get("/static/{name}", static),
        web.get("/sign-in", signing_in.ask),
        web.post("/sign-in", signing_in.send_link),
        web.get(f"/sign-in/{_SECRET}", signing_in.show_link),
        web.post(f"/sign-in/{_SECRET}", signing_in.sign_in),
        web.post("/sign-out", signed_in(signing_in.sign_out)),
        web.get("/", signed_in(queue.show)),
        web.get("/events", signed_in(live.events)),
        web.get("/praise", signed_in(praise.show)),
        web.post("/praise", signed_in(praise.approve)),
        web.get(f"/drafts/{_ID}", signed_in(case.show)),
        web.post(f"/drafts/{_ID}/check", signed_in(case.check)),
        web.post(f"/drafts/{_ID}/decide", signed_in(decisions.decide)),
        web.get("/search", signed_in(hearing.search)),
        web.get("/mentions", signed_in(hearing.listing)),
        web.get(f"/mentions/{_ID}", signed_in(hearing.mention)),
        web.post(f"/mentions/{_ID}/not-us", signed_in(decisions.not_us)),
        web.post(f"/mentions/{_ID}/correct", signed_in(decisions.correct)),
        web.get(f"/authors/{_ID}", signed_in(hearing.author)),
        web.get(f"/authors/{_ID}/erase", signed_in(hearing.ask_to_erase)),
        web.post(f"/authors/{_ID}/erase", signed_in(hearing.erase)),
        web.get("/erased", signed_in(hearing.erased)),
        web.get("/sources", signed_in(listening.show)),
        web.post(f"/sources/{_ID}/ask-again", signed_in(listening.ask_again)),
        web.get("/paste", signed_in(pasting.show)),
        web.post("/paste", signed_in(pasting.take)),
        web.get("/promises", signed_in(promised.show)),
        web.post(f"/promises/{_ID}/close", signed_in(promised.keep)),
        web.get("/chats", signed_in(chats.show)),
        web.post("/chats/code", signed_in(chats.issue)),
        web.post("/chats/unlink", signed_in(chats.unlink)),
        web.get("/digests", signed_in(digests.listing)),
        web.get(f"/digests/{_WEEK}", signed_in(digests.show)),
        web.get(f"/digests/{_WEEK}/mail", signed_in(digests.mail)),
    ]
