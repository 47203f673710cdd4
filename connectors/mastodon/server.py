"""Mastodon.py behind one thread, and what its errors mean to us.

Mastodon.py blocks and is not made for several threads, so one thread per
source creates it and does all of its work. It is imported there, because it
takes half a second.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

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
    from mastodon import Mastodon
    from requests import Response

Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")


class NotThere(SourceChanged):
    """The server has nothing under this address, or nothing that we may see."""


#: Seconds without a sign of the server; half of what one delivery may take.
TIMEOUT = 16
#: Mastodon.py casts every answer to its own types and falls over some that lack their shape. `search` even calls
#: itself without end (2.3.3) when the server does not tell its version.
STUMBLES = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
#: How Mastodon ("character limit of 500 exceeded") and others say it; there is no code for it.
_TOO_LONG = re.compile(r"\blimit\b|\btoo long\b", re.IGNORECASE)
#: Answers that mean: this reply was looked at and not taken.
REFUSALS = frozenset({400, 401, 403, 404, 410, 413, 422})


class Server:
    """One account on one server; `source` is its name in messages."""

    def __init__(self, address: str, token: str, source: str, now: Callable[[], datetime]) -> None:
        self.address = address
        self._token = token
        self._source = source
        self._now = now
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"mastodon {source}")
        self._client: Mastodon | None = None
        self._last: Response | None = None

    async def ask(
        self,
        question: Callable[Concatenate[Mastodon, Asked], Answer],
        *args: Asked.args,
        **kwargs: Asked.kwargs,
    ) -> Answer:
        """What the server answers to a question that changes nothing.

        Raises:
            NotThere: it answered 404.
            SourceError: as `Connector.fetch` names them.
        """
        return await self._run(lambda client: question(client, *args, **kwargs), self._source_error)

    async def publish(
        self,
        act: Callable[Concatenate[Mastodon, Asked], Answer],
        *args: Asked.args,
        **kwargs: Asked.kwargs,
    ) -> Answer:
        """What the server answers to a publication; `act` makes one request at most.

        It leaves on a connection of its own: a kept one may have been closed by
        the server meanwhile, and then nobody could say whether it arrived.

        Raises:
            ReplyError: as `Replier.reply` names them.
        """

        def fresh(client: Mastodon) -> Answer:
            client.session.close()
            return act(client, *args, **kwargs)

        return await self._run(fresh, self._reply_error)

    def close(self) -> None:
        """Lets the thread end and its connections go; what it is doing is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.session.close()

    async def _run(self, act: Callable[[Mastodon], Answer], explain: Callable[[Exception], Exception]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._act, act, explain)

    def _act(self, act: Callable[[Mastodon], Answer], explain: Callable[[Exception], Exception]) -> Answer:
        from mastodon.errors import MastodonError

        client = self._client = self._client or self._connect()
        self._last = None
        try:
            return act(client)
        except (MastodonError, *STUMBLES) as error:
            raise explain(error) from error

    def _connect(self) -> Mastodon:
        import requests
        from mastodon import Mastodon

        session = requests.Session()
        session.max_redirects = 0  # a redirected POST would leave twice, and a token should not travel on
        session.hooks["response"].append(self._keep)
        return Mastodon(
            api_base_url=self.address,
            access_token=self._token,
            session=session,
            request_timeout=TIMEOUT,
            ratelimit_method="throw",
            version_check_mode="none",
            user_agent="warmline",
        )

    def _keep(self, response: Response, *_: Any, **__: Any) -> None:
        """Remembers the last answer: Mastodon.py's errors do not always tell its status."""
        self._last = response

    @property
    def _status(self) -> int | None:
        return None if self._last is None else self._last.status_code

    def _retry_at(self) -> datetime | None:
        """When the server lets us ask again, as far as it said so."""
        after = "" if self._last is None else self._last.headers.get("Retry-After", "")
        if after.isdecimal():
            return self._now() + timedelta(seconds=min(int(after), 86400))
        reset = None if self._client is None else self._client.ratelimit_reset
        return None if reset is None else datetime.fromtimestamp(reset, UTC)

    def _source_error(self, error: Exception) -> SourceError:
        from mastodon.errors import MastodonNetworkError

        status, who = self._status, f'The server of "{self._source}"'
        if status is None:
            return SourceUnavailable(f"{who} could not be reached.", do=f"Check {self.address} if this lasts.")
        if status == 429:
            return SourceLimited(f"{who} asked us to wait.", retry_at=self._retry_at())
        if status in {401, 403}:
            return SourceDenied(
                f"{who} refused the token ({status}).",
                kept="What was heard is kept.",
                do="Renew the token with the permissions read and write:statuses, then run warmline check.",
            )
        if status in {404, 410}:
            return NotThere(f"{who} does not know what we asked for ({status}).")
        if status >= 500 or status == 408 or (status < 300 and isinstance(error, MastodonNetworkError)):
            return SourceUnavailable(f"{who} did not answer properly ({status}).")
        sample = self._last.text if self._last is not None and not isinstance(error, MastodonNetworkError) else ""
        return SourceChanged(f"{who} answered in a form that we do not know ({status}).", sample=sample)

    def _reply_error(self, error: Exception) -> ReplyError:
        status, who = self._status, f'The server of "{self._source}"'
        if status is None and _never_left(error):
            return ReplyDeferred(f"{who} could not be reached.")
        if status == 429:
            return ReplyDeferred(f"{who} asked us to wait.", retry_at=self._retry_at())
        if status in REFUSALS:
            if _TOO_LONG.search(" ".join(map(str, error.args))):
                return ReplyTooLong(f"{who} counts the reply as too long.", do="Shorten it.")
            if status in {404, 410}:
                return ReplyRefused(f"{who} no longer shows the post that this reply answers.")
            return ReplyRefused(f"{who} did not take the reply ({status}).", do="Check the token's permissions.")
        return ReplyLost(f"{who} did not confirm the reply.", do="Look whether it is there.")


def _never_left(error: BaseException) -> bool:
    """Whether a network error came before the first byte could leave."""
    from ssl import SSLCertVerificationError

    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    cause: Any = error.__context__  # what `requests` raised; its first argument is urllib3's error
    reason = getattr(cause.args[0] if cause is not None and cause.args else None, "reason", None)
    first = reason.args[0] if reason is not None and reason.args else None
    return isinstance(reason, (ConnectTimeoutError, NewConnectionError)) or isinstance(first, SSLCertVerificationError)
