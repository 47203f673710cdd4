"""The way in for what others send: `/webhooks/BUSINESS/SOURCE`, beside the inbox.

A request is answered with success only after what it says has been stored.
Its own connector looks at its signature before anything else is done with it.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Sequence

import structlog
from aiohttp import web

from connectors.base import Fault, Receiver
from connectors.errors import NotTaken, SourceLimited
from listener.household import Household
from listener.pipeline import Listening
from listener.poll import hear_page
from storage import sources
from storage.errors import StorageError

log = structlog.get_logger()

#: Seconds in which a request must have arrived whole.
PATIENCE = 20
#: A sender that names no time is told to come back after this many seconds.
PAUSE = 60


def add_routes(app: web.Application, household: Household) -> None:
    """Serves the addresses of all sources that take webhooks, those of a later configuration, too."""
    app.router.add_post("/webhooks/{business}/{source}", _Door(household).open)


class _Door:
    """Lets one request per source in at a time, so that of two equal ones the second is seen to be one."""

    def __init__(self, household: Household) -> None:
        self._household = household
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def open(self, request: web.Request) -> web.Response:
        """Answers one request."""
        business, source = request.match_info["business"], request.match_info["source"]
        listening = self._listening(business, source)
        if listening is None and self._is_configured(business, source):
            return _answer(503, "This source is not open now. Nothing was stored. Send it again.", PAUSE)
        if listening is None or not isinstance(listening.connector, Receiver):
            return _answer(404, "There is no such address here.")
        try:
            async with asyncio.timeout(PATIENCE):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _answer(413, "The request is too large. Nothing was stored. Send fewer posts at once.")
        except TimeoutError:
            return _answer(408, "The request did not arrive in time. Nothing was stored. Send it again.")
        async with self._turns[listening.ear.source.id or 0]:
            return await self._take(listening, listening.connector, request, body)

    def _listening(self, business: str, source: str) -> Listening | None:
        """The source of that name; None while it is not open."""
        for each in self._household.listening.values():
            if (each.ear.business.id, each.ear.source.name) == (business, source):
                return each
        return None

    def _is_configured(self, business: str, source: str) -> bool:
        """Whether there is such a source; it may be about to be opened anew, or its secret may be missing."""
        settings = self._household.businesses.get(business)
        return any(table.name == source and table.enabled for table in (settings.sources if settings else ()))

    async def _take(self, listening: Listening, receiver: Receiver, request: web.Request, body: bytes) -> web.Response:
        household, source = self._household, listening.ear.source
        try:
            async with household.store.read() as session:
                record = await sources.get(session, source.business_id, source.name)
            page = receiver.receive(request.headers, body, record.cursor if record else None)
            heard = await hear_page(listening, page, household.store, household.understanding, household.now())
        except NotTaken as error:
            log.debug("webhook not taken", source=source.name, status=error.status)
            return _answer(error.status, str(error))
        except SourceLimited as error:
            wait = (error.retry_at - household.now()).total_seconds() if error.retry_at else PAUSE
            return _answer(429, str(error), max(1, math.ceil(wait)))
        except StorageError as error:
            log.warning("webhook put off", source=source.name, fault=error.happened)
            return _answer(503, f"{error.happened} Nothing was stored. Send it again.", PAUSE)
        told = {"new": len(heard.new), "edited": len(heard.edited), "gone": len(heard.gone)}
        return _with_faults(told, page.faults) if page.faults else web.json_response(told)


def _with_faults(told: dict[str, int], faults: Sequence[Fault]) -> web.Response:
    """What could be read was heard; what could not is named, and kept as a sample."""
    said = [fault.reason for fault in faults]
    return web.json_response({**told, "faults": said}, status=422)


def _answer(status: int, says: str, wait: int | None = None) -> web.Response:
    headers = {} if wait is None else {"Retry-After": str(wait)}
    return web.json_response({"fault": says}, status=status, headers=headers)
