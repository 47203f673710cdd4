"""praw behind one thread, and what its errors mean to us.

praw blocks and is not made for several threads, so one thread per source
creates it and does all of its work. It is imported there, because it takes
half a second. Left alone it sends a comment three times when Reddit stumbles
(8.0.3), and sleeps for as long as ten minutes when Reddit's allowance is used
up; here nothing is sent twice, and a long wait is told instead of slept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from connectors.base import Surroundings
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
from connectors.http import LONGEST_REST
from connectors.reddit.parsing import MISSHAPEN, Refusal, refusal
from connectors.reddit.settings import RedditSettings

if TYPE_CHECKING:
    from praw import Reddit as Client
    from requests import Response

SITE, API = "https://www.reddit.com", "https://oauth.reddit.com"
#: Where the account signs in.
TOKEN = "/api/v1/access_token"  # noqa: S105 – an address
#: Seconds without a sign of Reddit.
TIMEOUT = 16
#: Seconds that a question may wait for its turn, and that may pass before a reply leaves: with the time-out
#: it ends before the outbox stops waiting for it.
PATIENCE = 10
#: Answers that mean: this reply was looked at and not taken.
REFUSALS = frozenset({400, 403, 404, 413, 414, 415})


class _Rest(Exception):
    """Reddit's allowance is used up for some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.0f} seconds")
        self.wait = timedelta(seconds=seconds)


class Server:
    """Reddit, as one account sees it."""

    def __init__(self, settings: RedditSettings, surroundings: Surroundings, site: str = SITE, api: str = API) -> None:
        self._source = surroundings.source
        self._now = surroundings.now
        self._addresses = {"reddit_url": site, "oauth_url": api}
        self._account = settings.account
        self._credentials = {
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.read(),
            "username": settings.account if settings.password else None,
            "password": settings.password.read() if settings.password else None,
            "refresh_token": settings.refresh_token.read() if settings.refresh_token else None,
        }
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"reddit {surroundings.source}")
        self._client: Client | None = None
        self._last: Response | None = None
        self._has_left = False

    async def ask(self, path: str, params: Mapping[str, str | int | None], *, as_stranger: bool = False) -> Any:
        """What Reddit answers to a question; `as_stranger` shows what people without an account see.

        Parameters that are None are left out.

        Raises:
            SourceError: as `Connector.fetch` names them.
        """
        return await self._run(lambda client: self._get(client, path, params, as_stranger), self._source_error)

    async def publish(self, parent: str, text: str) -> Any:
        """What Reddit answers to a comment under `parent`, which is sent once.

        Raises:
            ReplyError: as `Replier.reply` names them.
        """
        called = time.monotonic()
        answer = await self._run(lambda client: self._comment(client, parent, text, called), self._reply_error)
        try:
            refused = refusal(answer)
        except MISSHAPEN as error:
            raise self._lost() from error
        if refused is not None:
            raise self._refusal_error(refused)
        return answer

    def close(self) -> None:
        """Lets the thread end; what it is doing is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, act: Callable[[Client], Any], explain: Callable[[Exception], Exception]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._act, act, explain)

    def _act(self, act: Callable[[Client], Any], explain: Callable[[Exception], Exception]) -> Any:
        from praw.exceptions import PRAWException
        from prawcore.exceptions import PrawcoreException

        client = self._client = self._client or self._connect()
        self._last = None
        try:
            return act(client)
        except (PRAWException, PrawcoreException, AssertionError, _Rest, *MISSHAPEN) as error:
            raise explain(error) from error

    def _connect(self) -> Client:
        import praw
        import requests
        from prawcore.sessions import FiniteRetryStrategy

        class Once(FiniteRetryStrategy):
            """No request is sent again; with zero retries the library would sleep before the first one instead."""

            def should_retry_on_failure(self) -> bool:
                return False

        session = requests.Session()
        session.max_redirects = 0  # credentials should not travel on
        session.hooks["response"].append(self._keep)
        settings: dict[str, Any] = {**self._addresses, **self._credentials}
        client: Any = praw.Reddit(
            **settings,
            check_for_updates=False,
            user_agent=f"python:warmline:v{version('warmline')} (by /u/{self._account})",
            requestor_kwargs={"session": session},
        )
        for core in (client._core, client._read_only_core):
            core._retry_strategy_class = Once
        connected: Client = client
        return connected

    def _keep(self, response: Response, *_: Any, **__: Any) -> None:
        """Remembers the last answer: the libraries' errors do not always tell its status."""
        self._last = response

    def _get(self, client: Client, path: str, params: Mapping[str, str | int | None], as_stranger: bool) -> Any:
        from prawcore.exceptions import ResponseException

        client.read_only = as_stranger
        self._mind_allowance(client, PATIENCE)
        try:
            return self._request(client, "GET", path, params=params)
        except (ResponseException, KeyError):  # prawcore knows no name for a bare 401
            if self._last is None or self._last.status_code != 401:
                raise
            return self._request(client, "GET", path, params=params)  # an hour's token has ended; praw forgot it

    def _comment(self, client: Client, parent: str, text: str, called: float) -> Any:
        """Sends a comment after all that may take time: its turn, a fresh token, a fresh connection.

        A kept connection may have been closed by Reddit meanwhile, and then
        nobody could say whether the comment arrived.
        """
        self._has_left = False
        client.read_only = False
        core: Any = client._core
        if not core.authorizer.is_valid():
            core.authorizer.refresh()
        core.requestor.close()
        self._mind_allowance(client, PATIENCE - (time.monotonic() - called))
        self._has_left = True
        return self._request(client, "POST", "api/comment/", data={"thing_id": parent, "text": text})

    def _request(self, client: Client, method: str, path: str, **more: Any) -> Any:
        """Past praw's own objects and its repetitions after a RATELIMIT."""
        core: Any = client._core
        return core.request(method=method, path=path, timeout=TIMEOUT, **more)

    def _mind_allowance(self, client: Client, patience: float) -> None:
        """Lets the library wait for its turn, but not longer than `patience` seconds."""
        core: Any = client._core
        turn = core.rate_limiter.next_request_timestamp_ns or 0
        seconds = max(turn - time.monotonic_ns(), 0) / 1e9
        if seconds > patience:
            raise _Rest(max(seconds, 1))

    def _answered(self, error: Exception) -> int | None:
        """The status of Reddit's answer; None where the connection failed."""
        from prawcore.exceptions import RequestException
        from requests.exceptions import TooManyRedirects

        cause = error.original_exception if isinstance(error, RequestException) else None
        if self._last is None or not (cause is None or isinstance(cause, TooManyRedirects)):
            return None
        return self._last.status_code

    def _retry_at(self, error: Exception) -> datetime | None:
        """When Reddit lets us ask again, as far as it said so."""
        if isinstance(error, _Rest):
            return self._now() + error.wait
        headers = {} if self._last is None else self._last.headers
        told = headers.get("Retry-After") or headers.get("x-ratelimit-reset") or ""
        if not told.isdecimal():
            return None
        return self._now() + min(timedelta(seconds=int(told[:9])), LONGEST_REST)

    def _source_error(self, error: Exception) -> SourceError:
        from prawcore.exceptions import BadJSON, OAuthException

        status, who = self._answered(error), f'Reddit ("{self._source}")'
        if isinstance(error, _Rest) or status == 429:
            return SourceLimited(f"{who} asked us to wait.", retry_at=self._retry_at(error))
        if status is None:
            return SourceUnavailable(f"{who} could not be reached.")
        if isinstance(error, OAuthException) or status in {401, 403} or self._is_sign_in(status):
            return SourceDenied(
                f"{who} refused us ({status}).",
                kept="What was heard is kept.",
                do="Check that Reddit approved the app, its id and secret, the account's sign-in, "
                "and that the account may read the subreddits; then run warmline check.",
            )
        if status >= 500 or status == 408:
            return SourceUnavailable(f"{who} did not answer properly ({status}).")
        hint = "Check that the subreddits exist." if status in {301, 302, 404} else ""
        sample = self._last.text if self._last is not None and (status >= 300 or isinstance(error, BadJSON)) else ""
        return SourceChanged(f"{who} answered in a form that we do not know ({status}).", do=hint, sample=sample)

    def _is_sign_in(self, status: int) -> bool:
        """Whether the last answer refused the credentials themselves, which Reddit does with a 400, too."""
        return status == 400 and self._last is not None and TOKEN in self._last.url

    def _unsent_error(self, error: Exception) -> ReplyError:
        """What went wrong before the comment left."""
        explained = self._source_error(error)
        if isinstance(explained, SourceDenied):
            return ReplyRefused(explained.happened, do=explained.do)
        return ReplyDeferred(explained.happened, retry_at=getattr(explained, "retry_at", None))

    def _reply_error(self, error: Exception) -> ReplyError:
        if not self._has_left:
            return self._unsent_error(error)
        status, who = self._answered(error), f'Reddit ("{self._source}")'
        if status is None and _never_left(error):
            return ReplyDeferred(f"{who} could not be reached.")
        if status == 429:
            return ReplyDeferred(f"{who} asked us to wait.", retry_at=self._retry_at(error))
        if status == 401:
            return ReplyDeferred(f"{who} wants a new sign-in; it is renewed.")
        if status in REFUSALS:
            return ReplyRefused(f"{who} did not take the reply ({status}).", do="Open the post and answer by hand.")
        return self._lost()

    def _lost(self) -> ReplyLost:
        return ReplyLost(f'Reddit ("{self._source}") did not confirm the reply.', do="Look whether it is there.")

    def _refusal_error(self, refused: Refusal) -> ReplyError:
        who = f'Reddit ("{self._source}")'
        if refused.wait is not None:
            return ReplyDeferred(f"{who} wants a pause between replies.", retry_at=self._now() + refused.wait)
        if refused.code == "TOO_LONG":
            return ReplyTooLong(f"{who} counts the reply as too long.", do="Shorten it.")
        said = f": {refused.words}" if refused.words else ""
        return ReplyRefused(f"{who} did not take the reply ({refused.code}{said[:200]}).")


def _never_left(error: Any) -> bool:
    """Whether a network error came before the first byte could leave."""
    from ssl import SSLCertVerificationError

    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    cause = getattr(error, "original_exception", None)  # what `requests` raised; its first argument is urllib3's error
    reason = getattr(cause.args[0] if cause is not None and cause.args else None, "reason", None)
    first = reason.args[0] if reason is not None and reason.args else None
    return isinstance(reason, (ConnectTimeoutError, NewConnectionError)) or isinstance(first, SSLCertVerificationError)
