"""One session on one server, and what its answers mean to us.

atproto takes seconds to import, so that happens in a thread when the source
first asks. Questions go through its raw calls: its models would refuse a whole
page for one post that is not as documented.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from yarl import URL

from connectors.base import Surroundings
from connectors.bluesky.parsing import COLLECTION, Us
from connectors.errors import (
    ReplyDeferred,
    ReplyError,
    ReplyLost,
    ReplyRefused,
    ReplyTooLong,
    SourceChanged,
    SourceDenied,
    SourceError,
    SourceLimited,
    SourceUnavailable,
)

if TYPE_CHECKING:
    from atproto import AsyncClient

#: Seconds without a sign of the server; half of what one delivery may take.
TIMEOUT = 15
#: A server may send us away for a day at most; a wait beyond it is a mistake.
LONGEST_REST = timedelta(days=1)
#: Names of the errors that a new session mends, and of those that only a person can.
STALE = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing"})
CLOSED = frozenset({"AccountDeactivated", "AccountSuspended", "AccountTakedown", "AuthFactorTokenRequired"})
#: Answers that mean: this reply was looked at and not taken.
REFUSALS = frozenset({400, 403, 404, 413, 422})
#: How the reference server says it ("string too big (maximum 3000…", "grapheme too big (maximum 300…").
_TOO_LONG = re.compile(r"\btoo (big|long)\b", re.IGNORECASE)


class NotTaken(SourceChanged):
    """The server understood the question and has no answer to it; `name` is its own word for why."""

    def __init__(self, happened: str, name: str, sample: str) -> None:
        super().__init__(happened, sample=sample)
        self.name = name


class Stale(SourceDenied):
    """The server no longer takes this session."""


class Taken(ReplyRefused):
    """There is a record under the reply's key already."""


class Server:
    """One account on one server; the session is kept in memory and renewed when it must be.

    A server allows 30 log-ins in five minutes and 300 a day (measured and documented).
    """

    def __init__(self, address: str, handle: str, password: str, around: Surroundings) -> None:
        self._address = address
        self._handle = handle
        self._password = password
        self._around = around
        self._client: AsyncClient | None = None
        self._us = Us("")
        self._sessions = 0
        self._entering = asyncio.Lock()

    async def us(self) -> Us:
        """Who we are here.

        Raises:
            SourceError: as `Connector.fetch` names them.
        """
        await self._enter()
        return self._us

    async def ask(self, question: str, **asked: Any) -> Mapping[str, Any]:
        """What the server answers to a question that changes nothing; None among what is asked is left out.

        Raises:
            NotTaken: it has no answer to it.
            SourceError: as `Connector.fetch` names them.
        """
        await self._enter()
        session = self._sessions
        try:
            return await self._ask(question, asked)
        except Stale:
            await self._enter(instead_of=session)
            return await self._ask(question, asked)

    async def publish(self, key: str, record: Mapping[str, Any]) -> None:
        """Writes a post of ours under `key`, only if there is none yet; one request that publishes leaves at most.

        `createRecord` would not do: with a key that exists it answers 500, which says nothing.

        Raises:
            Taken: there is one already.
            ReplyError: as `Replier.reply` names them.
        """
        client = await self._enter()
        body = {"repo": self._us.did, "collection": COLLECTION, "rkey": key, "record": record, "swapRecord": None}
        content = json.dumps(body).encode()
        try:
            answer = await client.invoke_procedure(
                "com.atproto.repo.putRecord", content=content, input_encoding="application/json"
            )
        except _stumbles() as error:
            raise self._reply_error(error) from error
        if not isinstance(answer.content, dict):  # a page for people, perhaps of something on the way
            raise self._lost()

    async def close(self) -> None:
        """Lets the connections go."""
        if self._client is not None:
            await self._client.request.close()

    async def _ask(self, question: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        from atproto_client.models.dot_dict import DotDict

        client = await self._enter()
        params = DotDict({name: value for name, value in asked.items() if value is not None})
        try:
            answer = (await client.invoke_query(question, params=params)).content
        except _stumbles() as error:
            raise self._source_error(error) from error
        if not isinstance(answer, dict):
            raise self.changed("its answer is not JSON", str(answer))
        return answer

    async def _enter(self, *, instead_of: int = 0) -> AsyncClient:
        """The client in a session: the one there is, unless it is session number `instead_of`."""
        async with self._entering:
            client: AsyncClient = self._client or await asyncio.to_thread(self._open)
            self._client = client
            if self._sessions == instead_of:
                try:
                    client.update_base_url(self._address)  # the account may have moved since
                    await client.login(self._handle, self._password, fetch_bsky_profile=False)
                except _stumbles() as error:
                    raise self._source_error(error, entering=True) from error
                self._sessions += 1
            return client

    def _open(self) -> AsyncClient:
        import_module("atproto")
        from atproto import AsyncClient, AsyncRequest

        at_home = URL(self._address)

        class Client(AsyncClient):  # type: ignore[misc]  # atproto brings no types
            def update_base_url(self, base_url: str | None = None) -> None:
                """Goes to the server that keeps the account only where the session is as safe as here."""
                found = URL(base_url or "")
                if found.scheme == "https" or (found.host and found.origin() == at_home):
                    super().update_base_url(base_url)

        # A redirected POST would leave twice, and a session should not travel on.
        request = AsyncRequest(timeout=TIMEOUT, max_redirects=0)
        request.add_additional_header("User-Agent", f"Warmline/{version('warmline')}")
        client = Client(self._address, request=request)
        client.on_session_change(self._keep_us)
        return client

    def _keep_us(self, event: Any, session: Any) -> None:
        self._us = Us(session.did, session.handle)

    def changed(self, why: str, sample: str) -> SourceChanged:
        """The error for an answer that has lost its documented shape; `why` continues a sentence."""
        return SourceChanged(
            f'The server of "{self._around.source}" answered, but {why}.',
            "A sample of the answer is kept.",
            "Check its settings; if they are right, please report this with the sample.",
            sample=sample,
        )

    def _source_error(self, error: Exception, *, entering: bool = False) -> SourceError:
        who = f'The server of "{self._around.source}"'
        status, name, sample = _told(error)
        if status is None and _is_of_the_network(error):
            return SourceUnavailable(f"{who} could not be reached.", do=f"Check {self._address} if this lasts.")
        if status == 429:
            return SourceLimited(f"{who} asked us to wait.", retry_at=self._retry_at(error))
        if status in {401, 403} or name in CLOSED | STALE:
            kind = SourceDenied if entering or name in CLOSED or status == 403 else Stale
            return kind(
                f"{who} refused the account or its app password ({name or status}).",
                kept="What was heard is kept.",
                do="Make a new app password, put it where app_password says, then run warmline check.",
            )
        if status in {400, 404} and not entering and name:
            return NotTaken(f"{who} has no answer to what we asked for ({name}).", name, sample)
        if status is not None and (status >= 500 or status == 408):
            return SourceUnavailable(f"{who} did not answer properly ({status}).")
        return self.changed(f"in a form that we do not know ({status or type(error).__name__})", sample)

    def _reply_error(self, error: Exception) -> ReplyError:
        who = f'The server of "{self._around.source}"'
        status, name, sample = _told(error)
        if status is None and _never_left(error):
            return ReplyDeferred(f"{who} could not be reached.")
        if status == 429:
            return ReplyDeferred(f"{who} asked us to wait.", retry_at=self._retry_at(error))
        if status == 401 or name in STALE:
            return ReplyDeferred(f"{who} wants us to log in again.")
        if status == 400 and name == "InvalidSwap":
            return Taken("A reply under this key is there already.")
        if status in REFUSALS:
            if _TOO_LONG.search(sample):
                return ReplyTooLong(f"{who} counts the reply as too long.", do="Shorten it.")
            return ReplyRefused(f"{who} did not take the reply ({name or status}).", do="Look at the account there.")
        return self._lost()

    def _lost(self) -> ReplyLost:
        who = f'The server of "{self._around.source}"'
        return ReplyLost(f"{who} did not confirm the reply.", do="Look whether it is there.")

    def _retry_at(self, error: Any) -> datetime | None:
        """When the server lets us ask again, as far as it said so: it gives `ratelimit-reset`, proxies `Retry-After`."""
        now = self._around.now()
        try:
            wait = error.retry_after
            at = error.reset_at if wait is None else now + timedelta(seconds=min(wait, 10**6))
            return at and min(max(at.astimezone(UTC), now), now + LONGEST_REST)
        except (OverflowError, OSError, ValueError):
            return None


def _stumbles() -> tuple[type[Exception], ...]:
    """What atproto and the HTTP library below it raise; a server's broken JSON or token is a ValueError."""
    from atproto.exceptions import AtProtocolError
    from httpx import HTTPError

    return AtProtocolError, HTTPError, AttributeError, KeyError, TypeError, ValueError


def _told(error: Exception) -> tuple[int | None, str, str]:
    """Status, error name and a sample of the answer behind an error; None where none came."""
    response = getattr(error, "response", None)
    if response is None:
        return None, "", str(error)
    content = response.content
    name, message = getattr(content, "error", ""), getattr(content, "message", "")
    return response.status_code, str(name or ""), f"{name}: {message}" if name else str(content)


def _is_of_the_network(error: BaseException) -> bool:
    from atproto.exceptions import NetworkError
    from httpx import HTTPError

    return isinstance(error, NetworkError | HTTPError)


def _never_left(error: BaseException) -> bool:
    """Whether a network error came before the first byte could leave."""
    from httpx import ConnectError, ConnectTimeout, PoolTimeout

    return isinstance(error.__cause__, ConnectError | ConnectTimeout | PoolTimeout)
