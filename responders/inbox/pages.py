"""How a page is made: templates, what they all may use, and what is shown where something went wrong."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from config.errors import WarmlineError
from responders.errors import AlreadyDecided, DecisionError, NotAllowed, StaleRevision
from responders.inbox import words
from responders.inbox.visits import INBOX, Handler, Visit
from storage.assessment import SeverityLevel
from storage.errors import StorageError
from storage.states import Action, DraftState

log = structlog.get_logger()

FOLDER = Path(__file__).parent


def make_environment() -> Environment:
    """The templates; whatever they show is escaped."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"link": words.link, "platform": words.platform}
    environment.globals |= {
        "A": Action,
        "S": DraftState,
        "STATES": words.STATES,
        "SeverityLevel": SeverityLevel,
        "marked": words.marked,
        "because": words.because,
        "severe_in": words.severe_in,
        "static": _static,
    }
    return environment


#: Our style, script and icon, in memory: aiohttp's own file handler leaves a file open when a browser hangs up.
_FILES = {file.name: file.read_bytes() for file in (FOLDER / "static").iterdir()}
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def _static(name: str) -> str:
    """The address of a file of ours; it changes when the file does, so no browser shows an old one."""
    return f"/static/{name}?{hashlib.sha256(_FILES[name]).hexdigest()[:8]}"


async def static(request: web.Request) -> web.Response:
    """One of our files."""
    name = request.match_info["name"]
    if name not in _FILES:
        raise web.HTTPNotFound
    return web.Response(body=_FILES[name], content_type=_TYPES[Path(name).suffix], charset="utf-8")


def render(visit: Visit, template: str, status: int = 200, **content: Any) -> web.Response:
    """A page for this visit."""
    page = visit.inbox.templates.get_template(template).render(
        visit=visit, times=visit.times, is_owner=visit.is_owner, **content
    )
    return web.Response(text=page, content_type="text/html", status=status)


def see(address: str) -> web.Response:
    """After a form: go and look there (so that a reload sends nothing twice)."""
    return web.Response(status=303, headers={"Location": address})


def status_of(error: DecisionError) -> int:
    """The HTTP status that a refused decision answers with."""
    if isinstance(error, NotAllowed):
        return 403
    return 409 if isinstance(error, AlreadyDecided | StaleRevision) else 400


@web.middleware
async def in_words(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns what went wrong into a page that says so."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _notice(request, error.status, _SAY.get(error.status, "") or error.text or error.reason)
    except DecisionError as error:
        return _notice(request, status_of(error), error.happened, error.kept, error.do)
    except StorageError as error:
        log.warning("page not shown", kind=type(error).__name__)
        return _notice(request, 503, error.happened, error.kept, error.do)


_SAY = {
    404: "There is no such page here.",
    405: "This page does not take that.",
    413: "That is far too long for a reply, so nothing was saved.",
}


def _notice(request: web.Request, status: int, happened: str, kept: str = "", do: str = "") -> web.Response:
    page = request.config_dict[INBOX].templates.get_template("notice.html")
    text = page.render(happened=happened, kept=kept, do=do)
    return web.Response(text=text, content_type="text/html", status=status)


def say(error: WarmlineError) -> dict[str, str]:
    """An error as a page's strip shows it."""
    return {"happened": error.happened, "kept": error.kept, "do": error.do}
