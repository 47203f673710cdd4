"""`warmline connect` at the terminal: puts the question into a browser, and waits for its answer.

The answer comes to an address of this machine, or is pasted. Whoever works on
the store exchanges it for tokens (`listener.connecting`), so that those never
leave the process that keeps them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import sys
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs

import typer
from aiohttp import web

from connectors.consent import Question
from connectors.errors import SourceDenied
from listener import terminal
from listener.connecting import consent_of, find

#: What may stand in a platform's short reason for a no (RFC 6749, 4.1.2.1).
_REASON = re.compile(r"[a-z_]{1,40}")
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Warmline</title>
<p style="font: 1.2em/1.5 sans-serif; margin: 3em">{says} You can close this page.</p></html>"""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class NotTheAnswer(ValueError):
    """An address that does not answer our question; the message says why."""


async def connect(path: Path | None, business: str, source: str, person: str, typed: int | None = None) -> None:
    """Asks for access, waits for the answer, has it exchanged and stored, and says what comes next.

    `typed` is the open file from which pasted addresses are read (None: standard input).

    Raises:
        WarmlineError: there is nothing to connect, it could not be stored, or the answer was no.
    """
    settings, connectors = terminal.settings_of(path)
    found = find(settings, business, source)
    consent = consent_of(connectors, found[1])
    named = {"business": found[0].id, "source": source}
    await terminal.ask(path, "may connect", named)  # what is missing is said before the browser opens
    async with Landing(typed) as landing:
        question = Question(consent, landing.address)
        _introduce(question, source)
        code = await landing.answer(question)
    exchanged = {"code": code, "proof": question.proof, "back": question.back, "person": person}
    await terminal.ask(path, "connect", {**named, **exchanged})
    typer.echo(f'"{source}" is connected. Its access is kept encrypted, and renewed by itself.')
    typer.echo("Run warmline check to see what it hears.")


def _introduce(question: Question, source: str) -> None:
    typer.echo(f'Open this address in a browser, and sign in with the account that "{source}" is about:\n')
    typer.echo(f"  {question.address}\n")
    typer.echo("If the browser is on another machine, it will end on a page that cannot be shown: copy the whole")
    typer.echo("address of that page, paste it here, and press Enter. Ctrl-C stops; nothing is stored then.")


class Landing:
    """An address on this machine to which the browser brings the answer; it can be pasted, too."""

    def __init__(self, typed: int | None = None) -> None:
        self._typed = typed
        self._question: Question | None = None
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._line = b""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/", self._arrived)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop_reading()
        await self._runner.cleanup()

    @property
    def address(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def answer(self, question: Question) -> str:
        """The code that answers `question`, however it comes; anything else is told so, and waited on.

        Raises:
            SourceDenied: the account's owner or its platform says no.
        """
        self._question = question
        self._read_typed()
        return await self._answer

    async def _arrived(self, request: web.Request) -> web.Response:
        try:
            self._take(request.query_string)
        except NotTheAnswer as error:
            return web.Response(text=_PAGE.format(says=error), status=400, content_type="text/html", headers=_HEADERS)
        says = "Thank you. The terminal says what comes next."
        return web.Response(text=_PAGE.format(says=says), content_type="text/html", headers=_HEADERS)

    def _take(self, query: str) -> None:
        if self._question is None:
            raise NotTheAnswer("Nothing was asked yet.")
        try:
            code = read_answer(query, self._question)
        except SourceDenied as error:
            if not self._answer.done():
                self._answer.set_exception(error)
        else:
            if not self._answer.done():
                self._answer.set_result(code)

    def _read_typed(self) -> None:
        with contextlib.suppress(AttributeError, OSError, ValueError):  # no input, or one that cannot be waited on
            self._typed = sys.stdin.fileno() if self._typed is None else self._typed
            asyncio.get_running_loop().add_reader(self._typed, self._read)

    def _stop_reading(self) -> None:
        if self._typed is not None:
            asyncio.get_running_loop().remove_reader(self._typed)

    def _read(self) -> None:
        """Takes what was typed, line by line."""
        got = os.read(self._typed or 0, 65536)
        if not got:
            self._stop_reading()
        *lines, self._line = (self._line + got).split(b"\n")
        for line in filter(None, map(bytes.strip, lines)):
            try:
                self._take(line.decode(errors="replace").partition("?")[2].partition("#")[0])
            except NotTheAnswer as error:
                typer.echo(f"{error} Paste the whole address of the last page.")


def read_answer(query: str, question: Question) -> str:
    """The code in the answer's query ("state=…&code=…").

    Raises:
        NotTheAnswer: it is something else, or answers an earlier question.
        SourceDenied: it says no.
    """
    try:
        said = {name: values[0] for name, values in parse_qs(query, max_num_fields=50).items()}
    except ValueError as error:
        raise NotTheAnswer("That is not the answer.") from error
    if not secrets.compare_digest(said.get("state", "").encode(errors="replace"), question.state.encode()):
        raise NotTheAnswer("That does not answer the question that was asked last.")
    if "error" in said:
        reason = said["error"] if _REASON.fullmatch(said["error"]) else "without a reason that can be read"
        raise SourceDenied(
            f"{question.consent.platform} did not let us in ({reason}).",
            "Nothing was stored.",
            "Run the command again, and agree to what is asked.",
        )
    if not said.get("code"):
        raise NotTheAnswer("That is not the answer.")
    return said["code"]
