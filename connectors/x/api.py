"""tweepy over the shared session, and what its errors mean to us.

tweepy is imported on another thread, because that takes half a second. It
names its host itself, has no time-outs of its own and falls over answers that
are not JSON, so each request gets a client and a line of its own, and the line
tells what really came.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import aiohttp

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
from connectors.http import LONGEST_REST, changed
from connectors.x.settings import XSettings

#: Answers that mean: this reply was looked at and not taken.
REFUSALS = frozenset({400, 401, 402, 403, 404, 413, 422})
#: Network errors, and what tweepy stumbles over: answers that are no JSON, or not of the shape it expects.
STUMBLES = (aiohttp.ClientError, OSError, AttributeError, KeyError, RecursionError, TypeError, ValueError)


class NotUnderstood(SourceChanged):
    """X found a fault in the question (400): a mark or a page that is too old, or the search itself."""


class Line:
    """One request over the shared session; remembers the answer that tweepy's errors may not tell of."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.response: aiohttp.ClientResponse | None = None
        self._body = b""

    @property
    def status(self) -> int | None:
        """The answer's status; None where none came."""
        return None if self.response is None else self.response.status

    @asynccontextmanager
    async def request(self, method: str, url: Any, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """What tweepy calls; no redirect is followed, as a redirected reply would leave twice."""
        async with self._session.request(method, url, allow_redirects=False, **more) as self.response:
            self._body = await self.response.read()
            yield self.response

    def retry_at(self, now: datetime) -> datetime | None:
        """When X lets us ask again, as far as it said so."""
        reset = "" if self.response is None else self.response.headers.get("x-rate-limit-reset", "")
        if not reset.isdecimal():
            return None
        seconds = int(reset[:12]) - now.timestamp()
        return now + min(max(timedelta(seconds=seconds), timedelta()), LONGEST_REST)

    @property
    def said(self) -> str:
        """What the answer says; "" where it broke off."""
        return self._body.decode(errors="replace").replace("\0", "")


class Api:
    """What one account asks and tells X."""

    def __init__(self, settings: XSettings, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._who = f'X ("{surroundings.source}")'
        self._credentials = {
            "consumer_key": settings.api_key.read(),
            "consumer_secret": settings.api_key_secret.read(),
            "access_token": settings.access_token.read(),
            "access_token_secret": settings.access_token_secret.read(),
        }

    @property
    def own_id(self) -> str:
        """The account's id, which is what X's access tokens begin with: asking for it would cost money.

        Raises:
            SourceDenied: the access token is something else.
        """
        own_id, dash, _ = self._credentials["access_token"].partition("-")
        if not (dash and own_id.isdecimal()):
            raise SourceDenied(
                f'The access token of "{self._around.source}" is not one that X gives to an account.',
                "Nothing was asked.",
                "Copy the account's access token and secret (OAuth 1.0a) again, then run warmline check.",
            )
        return own_id

    async def ask(self, method: str, *args: Any, **options: Any) -> dict[str, Any]:
        """What X answers to one of the client's methods that change nothing.

        Raises:
            NotUnderstood: it found a fault in the question.
            SourceError: as `Connector.fetch` names them.
        """
        line = Line(self._around.session)
        answer = await self._run(line, self._source_error, method, *args, **options)
        if not isinstance(answer, dict):
            raise changed(self._around.source, "not with an object", line.said[:2000])
        return answer

    async def publish(self, text: str, parent: str) -> Any:
        """What X answers to a reply; one request leaves.

        Raises:
            ReplyError: as `Replier.reply` names them.
        """
        line = Line(self._around.session)
        return await self._run(line, self._reply_error, "create_tweet", text=text, in_reply_to_tweet_id=parent)

    async def _run(
        self,
        line: Line,
        explain: Callable[[Line, Exception], Exception],
        method: str,
        *args: Any,
        **options: Any,
    ) -> Any:
        client = await asyncio.to_thread(self._client, line)
        from tweepy.errors import TweepyException

        try:
            return await getattr(client, method)(*args, user_auth=True, **options)
        except (TweepyException, *STUMBLES) as error:
            raise explain(line, error) from error

    def _client(self, line: Line) -> Any:
        from tweepy.asynchronous import AsyncClient

        # With wait_on_rate_limit it would ask again without a pause where X names no time.
        client = AsyncClient(**self._credentials, return_type=dict, wait_on_rate_limit=False)
        client.session = line
        return client

    def _source_error(self, line: Line, error: Exception) -> SourceError:
        status, who = line.status, self._who
        if status is None:
            return SourceUnavailable(f"{who} could not be reached.")
        if status == 429:
            return SourceLimited(f"{who} asked us to wait.", retry_at=line.retry_at(self._around.now()))
        if status in {401, 402, 403}:
            return SourceDenied(f"{who} refused us ({status}).", "What was heard is kept.", _remedy(status))
        broke_off = isinstance(error, (aiohttp.ClientError, OSError)) and not isinstance(
            error, aiohttp.ContentTypeError
        )
        if status >= 500 or status == 408 or broke_off:
            return SourceUnavailable(f"{who} did not answer properly ({status}).")
        if status == 400:
            return NotUnderstood(f"{who} did not understand the question.", do="Check its query.", sample=line.said)
        return SourceChanged(f"{who} answered in a form that we do not know ({status}).", sample=line.said)

    def _reply_error(self, line: Line, error: Exception) -> ReplyError:
        status, who = line.status, self._who
        if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
            return ReplyDeferred(f"{who} could not be reached.")
        if status == 429:
            return ReplyDeferred(f"{who} asked us to wait.", retry_at=line.retry_at(self._around.now()))
        if status not in REFUSALS:
            return ReplyLost(f"{who} did not confirm the reply.", do="Look whether it is there.")
        said = line.said.casefold()
        if status == 403 and "duplicate" in said:  # the first try may have arrived
            return ReplyLost(f"{who} says that this text is there already.", do="Look whether it is there.")
        if "too long" in said:
            return ReplyTooLong(f"{who} counts the reply as too long.", do="Shorten it.")
        if status in {401, 402}:
            return ReplyRefused(f"{who} refused us ({status}).", do=_remedy(status))
        return ReplyRefused(
            f"{who} does not take this reply ({status}): it lets programs answer only posts that call the account.",
            do="Open the post and answer by hand.",
        )


def _remedy(status: int) -> str:
    """What a person can do about a refusal."""
    if status == 402:
        return "Buy credits in X's developer console, then run warmline check."
    return "Check the app's permissions (read and write), keys and tokens at X, then run warmline check."
