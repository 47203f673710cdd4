"""A small proxy before a platform: it forwards everything, and fails replies in the ways that platforms fail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

import aiohttp
from aiohttp import web

from tests.servers import free_port


class Failure(Enum):
    """What happens to the next reply that is posted."""

    #: 429, and nothing was posted.
    LIMITED = "429 before"
    #: 503, and nothing was posted.
    REFUSED = "503 before"
    #: It was posted, and then answered with 503.
    AFTERWARDS = "503 after"
    #: It was posted, and the connection breaks.
    DROPPED = "dropped after"
    #: It was posted, and the answer never comes.
    HANGING = "hangs after"
    #: The connection hangs, and nothing was posted.
    SWALLOWED = "hangs before"


class FaultyProxy:
    """Forwards to `target`; `failures` are spent on replies (POSTs to `reply_path`) in their order."""

    def __init__(self, target: str, reply_path: str = "/api/v1/statuses") -> None:
        self.target = target
        self.reply_path = reply_path
        self.port = free_port()
        self.failures: list[Failure] = []
        self.replies = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def forward(self, request: web.Request) -> web.StreamResponse:
        is_reply = request.method == "POST" and request.path == self.reply_path
        self.replies += is_reply
        failure = self.failures.pop(0) if is_reply and self.failures else None
        if failure is Failure.LIMITED:
            return web.json_response({"error": "RateLimitExceeded", "message": "Too many requests"}, status=429)
        if failure is Failure.REFUSED:
            return web.Response(status=503, text="<html>Service Unavailable</html>", content_type="text/html")
        if failure is Failure.SWALLOWED:
            await asyncio.sleep(3600)
        answer = await self._pass_on(request)
        if failure is Failure.AFTERWARDS:
            return web.Response(status=503, text="<html>Service Unavailable</html>", content_type="text/html")
        if failure is Failure.DROPPED:
            assert request.transport is not None
            request.transport.abort()
        if failure is Failure.HANGING:
            await asyncio.sleep(3600)
        return answer

    async def _pass_on(self, request: web.Request) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                self.target + request.raw_path,
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
            ) as got,
        ):
            kept = {
                name: value
                for name, value in got.headers.items()
                if name.lower() not in {"transfer-encoding", "content-length", "connection"}
            }
            return web.Response(status=got.status, headers=kept, body=await got.read())


@contextmanager
def running(proxy: FaultyProxy) -> Iterator[FaultyProxy]:
    """The proxy on a thread of its own, for as long as the block lasts."""
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def serve() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", proxy.forward)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", proxy.port).start()
        return runner

    def work() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(serve())
        started.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        hanging = asyncio.all_tasks(loop)
        for task in hanging:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*hanging, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
