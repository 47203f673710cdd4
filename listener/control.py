"""The daemon's socket: how the terminal reaches it.

A Unix socket in the data directory that only its owner can open; whoever can
open it could read the database as well, so it asks for no password.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from config.errors import WarmlineError
from listener.household import Household
from listener.operations import Operations, Poll
from storage.errors import StorageError

_SOCKET = "warmline.sock"
#: A poll of a slow source may take minutes.
_PATIENCE = aiohttp.ClientTimeout(total=600, connect=5)


def socket_path(directory: Path) -> Path:
    """Where the daemon that works on `directory` listens."""
    return directory / _SOCKET


async def serve(household: Household, poll: Poll, stack: contextlib.AsyncExitStack) -> None:
    """Listens until `stack` is closed.

    Raises:
        StorageError: the socket cannot be made (its path may be too long).
    """
    path = socket_path(household.settings.directory)
    app = web.Application()
    app.router.add_post("/", _Answers(Operations(household, poll)).answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    path.unlink(missing_ok=True)  # of a daemon that was killed: this one holds the lock
    try:
        await web.UnixSite(runner, str(path)).start()
        path.chmod(0o600)
    except OSError as error:
        raise StorageError(
            f"The terminal's way in, {path}, cannot be made ({error.strerror or error}).",
            do="Use a data directory with a shorter path, on a disk that takes sockets.",
        ) from error


class _Answers:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def answer(self, request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            answer = await self._operations.answer(asked["operation"], asked["arguments"])
        except WarmlineError as error:
            fault = {"happened": error.happened, "kept": error.kept, "do": error.do}
            return web.json_response({"fault": fault}, status=409)
        return web.json_response({"answer": answer})


async def ask(directory: Path, operation: str, arguments: Mapping[str, Any]) -> Any:
    """Asks the daemon that works on `directory`.

    Raises:
        WarmlineError: what the daemon says is wrong.
        ConnectionError: no daemon listens there.
    """
    path = socket_path(directory)
    if not await asyncio.to_thread(path.exists):
        raise ConnectionError
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)), timeout=_PATIENCE) as session,
            session.post("http://warmline/", data=json.dumps({"operation": operation, "arguments": arguments})) as got,
        ):
            told = await got.json()
    except aiohttp.ClientConnectorError as error:
        raise ConnectionError from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise WarmlineError(
            "The daemon did not answer.", "What it had stored is kept.", "Look at its log, and run the command again."
        ) from error
    if "fault" in told:
        raise WarmlineError(**told["fault"])
    return told["answer"]
