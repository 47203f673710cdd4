"""REST interfaces that want to know who asks: read as often as needed, publish once.

What comes back is an `Answer` or one of the source and reply errors, as with
`connectors.http`, which does the reading. Beyond it, the reasons that
platforms give inside their answers count: some say with the same status that
the credentials are refused and that too much was asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import aiohttp

from connectors.base import Surroundings
from connectors.errors import (
    ReplyDeferred,
    ReplyError,
    ReplyLost,
    ReplyRefused,
    ReplyTooLong,
    SourceDenied,
    SourceError,
    SourceLimited,
)
from connectors.http import LARGEST, LONGEST_REST, Answer, changed, fetch

#: Errors of a request that certainly never left.
NEVER_LEFT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
#: What the network may raise; yarl and idna raise ValueErrors of their own.
STUMBLES = (aiohttp.ClientError, OSError, ValueError)

#: Where the platforms' error bodies hold a short name for what happened, and how deep.
_NAMES = frozenset({"code", "error", "reason", "status"})
_DEEPEST = 6
_TOO_LONG = re.compile(r"too[ _]?long|exceeds? the (maximum|character)", re.IGNORECASE)


class Credentials(Protocol):
    """What proves who we are."""

    async def headers(self) -> Mapping[str, str]:
        """The headers to send.

        Raises:
            SourceError: they cannot be had now (or ever, `SourceDenied`).
        """

    def forget(self) -> bool:
        """Drops what was refused; true where it had served before, so that new ones may help."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Credentials that stay as they are, such as a key."""

    proof: Mapping[str, str] = field(repr=False)

    async def headers(self) -> Mapping[str, str]:
        """Always the same."""
        return self.proof

    def forget(self) -> bool:
        """There are no others."""
        return False


def soon(now: datetime) -> datetime | None:
    """The rest where a platform does not say how long: the poller and the outbox back off by themselves."""
    return None


@dataclass(frozen=True, slots=True)
class Manners:
    """How a platform says no.

    `remedy` is what a person can do about refused credentials. `limits` maps
    the reasons that mean "too much was asked" to when we may come back;
    `denials` are those that mean refused credentials whatever the status.
    """

    platform: str
    remedy: str
    limits: Mapping[str, Callable[[datetime], datetime | None]] = field(default_factory=dict)
    denials: Collection[str] = ()


class Api:
    """One platform's interface, asked for one source."""

    def __init__(self, around: Surroundings, credentials: Credentials, manners: Manners) -> None:
        self._around = around
        self._credentials = credentials
        self._manners = manners
        self._calls = 0

    def count(self) -> int:
        """The requests that left since the last count."""
        calls, self._calls = self._calls, 0
        return calls

    async def get(self, url: str, *, params: Mapping[str, str] | None = None, accept: Collection[int] = ()) -> Answer:
        """What the platform answers; a status in `accept` is an answer, too.

        Raises:
            SourceError: as `Connector.fetch` names them.
        """
        answer = await self._get(url, params, accept)
        if answer.status == 401 and self._credentials.forget():
            answer = await self._get(url, params, accept)
        if 200 <= answer.status < 300:
            return answer
        refusal = self._refusal(answer)
        if refusal is not None:
            raise refusal
        if answer.status not in accept:
            raise changed(answer.source, f"not as expected ({answer.status})", answer.sample)
        return answer

    async def _get(self, url: str, params: Mapping[str, str] | None, accept: Collection[int]) -> Answer:
        proof = await self._credentials.headers()
        self._calls += 1
        return await fetch(self._around, url, params=params, credentials=proof, accept={400, 401, 403, *accept})

    def _refusal(self, answer: Answer) -> SourceError | None:
        """What a status in the four hundreds means for the source; None: it is about the question."""
        names, who = reasons(answer), self._manners.platform
        limited = self._limited(answer, names)
        if limited is not None:
            return limited
        if answer.status in {401, 403} or names & set(self._manners.denials):
            why = ", ".join([str(answer.status), *sorted(names - {str(answer.status)})])
            return SourceDenied(
                f'{who} refused "{answer.source}" ({why}).',
                "Polling it is paused; what was heard is kept.",
                self._manners.remedy,
            )
        return None

    def _limited(self, answer: Answer, names: frozenset[str]) -> SourceLimited | None:
        now = self._around.now()
        rests = [rest for name, rest in self._manners.limits.items() if name in names]
        if not rests and answer.status != 429:
            return None
        retry_at = rests[0](now) if rests else retry_after(answer, now)
        return SourceLimited(
            f'{self._manners.platform} asks "{answer.source}" to wait ({answer.status}).',
            "Nothing is lost; it is asked again by itself.",
            retry_at=retry_at,
        )

    async def publish(
        self,
        url: str,
        body: Mapping[str, Any],
        *,
        method: str = "POST",
        params: Mapping[str, str] | None = None,
        explain: Callable[[int, frozenset[str]], ReplyError | None] = lambda status, names: None,
    ) -> Answer:
        """Sends `body` in one request, whatever comes; `explain` names refusals that are the platform's own.

        Raises:
            ReplyError: as `Replier.reply` names them.
        """
        who = f'{self._manners.platform} ("{self._around.source}")'
        try:
            proof = await self._credentials.headers()
        except SourceError as error:
            raise not_sent(error) from error
        self._calls += 1
        try:
            answer = await post(self._around, url, method=method, headers=proof, params=params, json=body)
        except NEVER_LEFT as error:
            raise ReplyDeferred(f"{who} could not be reached.") from error
        except STUMBLES as error:
            raise ReplyLost(f"{who} did not confirm the reply.", do="Look whether it is there.") from error
        if 200 <= answer.status < 300:
            return answer
        raise self._reply_error(who, answer, explain)

    def _reply_error(
        self, who: str, answer: Answer, explain: Callable[[int, frozenset[str]], ReplyError | None]
    ) -> ReplyError:
        status, names = answer.status, reasons(answer)
        limited = self._limited(answer, names)
        if limited is not None:
            return not_sent(limited)
        if not 400 <= status < 500 or status == 408:
            return ReplyLost(f"{who} did not confirm the reply ({status}).", do="Look whether it is there.")
        if status == 401 and self._credentials.forget():
            return ReplyDeferred(f"{who} wants a new access token.")
        own = explain(status, names)
        if own is not None:
            return own
        if _TOO_LONG.search(answer.sample):
            return ReplyTooLong(f"{who} counts the reply as too long.", do="Shorten it.")
        why = ", ".join([str(status), *sorted(names - {str(status)})])
        remedy = self._manners.remedy if status in {401, 403} else "Look at the post there."
        return ReplyRefused(f"{who} did not take the reply ({why}).", do=remedy)


def not_sent(error: SourceError) -> ReplyError:
    """What it means for a reply that something before its publication failed."""
    if isinstance(error, SourceDenied):
        return ReplyRefused(error.happened, do=error.do)
    return ReplyDeferred(error.happened, retry_at=error.retry_at if isinstance(error, SourceLimited) else None)


async def post(around: Surroundings, url: str, *, method: str = "POST", **more: Any) -> Answer:
    """One request that changes something; no redirect is followed, and the network's own errors pass (`STUMBLES`)."""
    async with around.session.request(method, url, allow_redirects=False, **more) as response:
        body = bytearray()
        async for piece in response.content.iter_chunked(64 * 1024):
            body += piece
            if len(body) > LARGEST:
                break
        return Answer(around.source, response.status, response.headers, bytes(body), str(response.url))


def reasons(answer: Answer) -> frozenset[str]:
    """The short names that an error body gives for what happened; none where it is no JSON."""
    try:
        body = answer.json()
    except SourceError:
        return frozenset()
    return frozenset(name for name in _named(body) if len(name) <= 100)


def _named(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for each in value[:20]:
            yield from _named(each, depth + 1)
    elif isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, str):
                yield from [each] if key in _NAMES else []
            else:
                yield from _named(each, depth + 1)


def retry_after(answer: Answer, now: datetime) -> datetime | None:
    """When a `Retry-After` in seconds lets us come back; None where there is none."""
    said = answer.headers.get("Retry-After", "").strip()
    return now + min(timedelta(seconds=int(said[:9])), LONGEST_REST) if said.isdecimal() else None
