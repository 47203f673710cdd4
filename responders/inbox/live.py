"""Tells open pages that something has changed; they fetch what they show anew."""

from __future__ import annotations

import asyncio

from aiohttp import ClientConnectionResetError, web

from responders.inbox.visits import INBOX, Visit, who

#: A line this often shows proxies and browsers that we are still there.
HEARTBEAT_SECONDS = 20


async def events(visit: Visit) -> web.StreamResponse:
    """Server-sent events: "changed" after every commit, "signed-out" once this person may no longer look."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    await response.prepare(visit.request)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 – a handler runs in a task
    visit.inbox.tasks.add(task)
    try:
        await _tell(visit, response)
    except ClientConnectionResetError:
        pass  # the page was closed
    finally:
        visit.inbox.tasks.discard(task)
    return response


async def _tell(visit: Visit, response: web.StreamResponse) -> None:
    version = visit.store.version
    await response.write(b"retry: 2000\n\n")
    while True:
        line = b": still here\n\n"
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                version = await visit.store.changes(version)
            line = b"event: changed\ndata:\n\n"
        except TimeoutError:
            pass
        if await who(visit.request) is None:
            await response.write(b"event: signed-out\ndata:\n\n")
            return
        await response.write(line)


async def end(app: web.Application) -> None:
    """Ends what is still open, so that the daemon stops at once."""
    tasks = list(app[INBOX].tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
