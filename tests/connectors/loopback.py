"""A real web server on this machine, and what a connector needs to ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestServer

from connectors.base import Surroundings
from connectors.http import TIMEOUT, open_session
from tests.conftest import NOW

LOOPBACK = ("127.0.0.0/8",)
#: Short enough for a test, long enough for a busy machine to answer what it means to answer.
HASTY = ClientTimeout(total=2, sock_read=0.2)


class Web(NamedTuple):
    """The server's address, what it was asked, and the surroundings of a source called "reviews"."""

    base: str
    asked: list[web.Request]
    around: Surroundings


@asynccontextmanager
async def serve(
    respond: Callable[[web.Request], Awaitable[web.StreamResponse]],
    *,
    allow_hosts: Collection[str] = LOOPBACK,
    patience: ClientTimeout = TIMEOUT,
) -> AsyncIterator[Web]:
    """Serves every address with `respond`."""
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        return await respond(request)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    async with TestServer(app, host="127.0.0.1") as server, open_session(allow_hosts, timeout=patience) as session:
        around = Surroundings("reviews", session, lambda: NOW, Path())
        yield Web(f"http://127.0.0.1:{server.port}", asked, around)


def says(
    body: bytes | str = b"", status: int = 200, **headers: str
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A server that always answers this; "_" in a header's name stands for "-"."""

    async def respond(request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=body, status=status, headers=named)

    return respond
