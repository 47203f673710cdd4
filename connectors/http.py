"""Asks the web: one shared session that cannot be led inside, and one way to fetch.

What comes back is either an `Answer` or one of the four source errors; a
connector needs to know nothing else of the network. Messages name the source
by the name its owner chose, never by its address, which may hold a secret.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import aiohttp

from connectors.base import Surroundings
from connectors.errors import SourceChanged, SourceDenied, SourceError, SourceLimited, SourceUnavailable

#: No request takes longer than `total`; `sock_read` is the longest silence in between.
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10, sock_connect=10, sock_read=15)
#: Bytes of one answer, unpacked.
LARGEST = 5_000_000
REDIRECTS = 5
#: A platform may send us away for a day at most; a wait beyond it is a mistake.
LONGEST_REST = timedelta(days=1)

_KEPT = "Nothing is lost; it is asked again by itself."

#: The host that the request at hand names; the socket itself knows only an address.
_host: ContextVar[str] = ContextVar("host", default="")

#: All public unicast addresses of IPv6 lie here, …
_UNICAST = ip_network("2000::/3")
#: … but these carry an IPv4 address, which may be a private one (6to4).
_TUNNEL = ip_network("2002::/16")


class _NotPublic(PermissionError):
    """The address lies inside somebody's network."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether everybody on the internet reaches the same machine at `address`.

    `is_global` alone lets NAT64 (64:ff9b::/96), 6to4 and multicast through.
    """
    address = getattr(address, "ipv4_mapped", None) or address
    if isinstance(address, IPv6Address) and (address not in _UNICAST or address in _TUNNEL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class _Guard:
    """Lets sockets be opened to public addresses, and to what the owner allowed by name, address or network."""

    def __init__(self, allow_hosts: Collection[str]) -> None:
        self._names: set[str] = set()
        self._networks = []
        for entry in allow_hosts:
            try:
                self._networks.append(ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                self._names.add(_plain_name(entry))

    async def name(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Remembers for `open` which host is meant; runs for every redirect, too."""
        token = _host.set(_plain_name(request.url.host or ""))
        try:
            return await handler(request)
        finally:
            _host.reset(token)

    def open(self, found: aiohttp.AddrInfoType) -> socket.socket:
        """A socket to an address that a name led to, or that stood in the URL itself.

        Raises:
            _NotPublic: neither the address nor the name may be asked.
        """
        family, kind, protocol, _, where = found
        address = ip_address(str(where[0]).partition("%")[0])
        if not (is_public(address) or _host.get() in self._names or self._is_allowed(address)):
            raise _NotPublic("not a public address")
        return socket.socket(family, kind, protocol)

    def _is_allowed(self, address: IPv4Address | IPv6Address) -> bool:
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Lets what changes something leave once: aiohttp would send a PUT again by itself when a connection breaks."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method == "GET" or isinstance(error, aiohttp.ClientConnectorError):
            raise
        raise aiohttp.ClientConnectionError("the connection was lost") from error


def _plain_name(host: str) -> str:
    return host.strip().rstrip(".").lower()


def open_session(
    allow_hosts: Collection[str] = (), *, timeout: aiohttp.ClientTimeout = TIMEOUT
) -> aiohttp.ClientSession:
    """The session that all connectors share; call it inside the running loop, and close it at the end.

    It reaches public addresses only, checked where the socket is opened, so
    that no name, literal address or redirect leads into the owner's network.
    `allow_hosts` holds exceptions: host names, addresses, or networks such as
    "192.168.1.0/24". No cookies are kept.
    """
    guard = _Guard(allow_hosts)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(socket_factory=guard.open),
        middlewares=(guard.name, _once),
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"Warmline/{version('warmline')} (listens for mentions of a small business)"},
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said to `source`; `url` is where the answer came from in the end."""

    source: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def sample(self) -> str:
        """The beginning of the body, for repair."""
        return self.body[:2000].decode(errors="replace").replace("\0", "")

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            SourceChanged: it is something else, such as an error page for people.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise changed(self.source, "its answer is not JSON", self.sample) from error


def changed(source: str, why: str, sample: str) -> SourceChanged:
    """The error for an answer that has lost its documented shape; `why` continues a sentence."""
    return SourceChanged(
        f'"{source}" answered, but {why}.',
        "A sample of the answer is kept.",
        "Check its settings; if they are right, please report this with the sample.",
        sample=sample,
    )


async def fetch(
    around: Surroundings,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    credentials: Mapping[str, str] | None = None,
    accept: Collection[int] = (),
    at_most: int = LARGEST,
) -> Answer:
    """Gets `url`; a status of 200 to 299 or in `accept` is an answer.

    `credentials` are headers that prove who we are: with them no redirect is
    followed, so that they reach only the server they are meant for. `at_most`
    limits the unpacked body, in bytes.

    Raises:
        SourceUnavailable: no connection, no answer in time, or a fault on the other side.
        SourceLimited: 429, or 503 with a wait.
        SourceDenied: the credentials are refused, or the address is not public.
        SourceChanged: any other status, or a body that is too large.
    """
    try:
        async with around.session.get(
            url,
            params=params,
            headers={**(headers or {}), **(credentials or {})},
            allow_redirects=not credentials,
            max_redirects=REDIRECTS,
        ) as response:
            body = await _read(response, at_most)
            answer = Answer(around.source, response.status, response.headers, body, str(response.url))
    except (aiohttp.ClientError, OSError, ValueError) as error:  # yarl and idna raise ValueErrors of their own
        raise _unanswered(around.source, error) from error
    if not 200 <= answer.status < 300 and answer.status not in accept:
        raise _refused(answer, around.now())
    if len(body) > at_most:
        raise changed(around.source, f"it sent more than {at_most:,} bytes", answer.sample)
    return answer


async def _read(response: aiohttp.ClientResponse, at_most: int) -> bytes:
    """The unpacked body; longer than `at_most` where there was more, but never as long as a bomb would be."""
    body = bytearray()
    async for piece in response.content.iter_chunked(64 * 1024):
        body += piece
        if len(body) > at_most:
            break
    return bytes(body)


def _unanswered(source: str, error: Exception) -> SourceError:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, _NotPublic):
        return SourceDenied(
            f'"{source}" leads to {error.host}, which is not a public address.',
            "It was not asked, and polling it is paused.",
            f'If you trust it, add "{error.host}" to allow_hosts under [listener]; then run warmline check.',
        )
    return SourceUnavailable(f'"{source}" could not be read: {_why(error)}.', _KEPT)


def _why(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "it did not answer in time"
        case aiohttp.ClientConnectorDNSError():
            return "its address was not found"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "no trustworthy encrypted connection could be made"
        case aiohttp.TooManyRedirects():
            return "it sends us from one address to the next without end"
        case ValueError():
            return "it leads to something that is not a web address"
        case aiohttp.ClientPayloadError():
            return "its answer broke off or is damaged"
    return "the connection could not be made or was lost"


def _refused(answer: Answer, now: datetime) -> SourceError:
    """The error for a status that is no answer."""
    source, status = answer.source, answer.status
    retry_at = _retry_at(answer.headers.get("Retry-After", ""), now)
    if status in {401, 402, 403, 407}:
        return SourceDenied(
            f'"{source}" refused us ({status}).',
            "Polling it is paused; what was heard is kept.",
            "Check its address and credentials, then run warmline check.",
        )
    if status == 429 or (status == 503 and retry_at):
        return SourceLimited(f'"{source}" asks us to wait ({status}).', _KEPT, retry_at=retry_at)
    if status == 404:
        return SourceUnavailable(
            f'"{source}" was not found at its address (404).', _KEPT, "If this stays so, correct its settings."
        )
    if status >= 500 or status in {408, 425}:
        return SourceUnavailable(f'"{source}" is out of order on its own side ({status}).', _KEPT)
    return changed(source, f"not as expected ({status})", answer.sample)


def _retry_at(value: str, now: datetime) -> datetime | None:
    """When a `Retry-After` header, in seconds or as a date, lets us come back; None where it says nothing readable."""
    try:
        if value.strip().isdigit():
            return now + min(timedelta(seconds=min(int(value), 10**9)), LONGEST_REST)
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at, now), now + LONGEST_REST)
