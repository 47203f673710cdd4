"""What keeps strangers out: headers, addresses, forms from elsewhere, and too many tries."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web
from multidict import MultiDict

from config.settings import Settings

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" browsers send `Origin: null` with our own forms, and the check below would be blind.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

#: A form is a few hundred words; what is longer is not from our pages.
LONGEST_FORM = 512 * 1024

MOST_TRIES, TRIES_PER = 5, timedelta(minutes=1)


async def dress(request: web.Request, response: web.StreamResponse) -> None:
    """Puts the headers on every answer; a page that needs others has set them already."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def is_https(settings: Settings) -> bool:
    """Whether people reach the inbox by https."""
    return settings.inbox_address.lower().startswith("https://")


def cookie_name(settings: Settings) -> str:
    """The session cookie; over https its name keeps other hosts and paths from setting it."""
    return "__Host-warmline" if is_https(settings) else "warmline"


async def read(request: web.Request, settings: Settings) -> MultiDict[str]:
    """The form of a request that comes by our address and from our pages; empty for a GET.

    Raises:
        HTTPMisdirectedRequest: another address led here (DNS rebinding).
        HTTPForbidden: another site sent the form.
        HTTPBadRequest, HTTPUnsupportedMediaType: it is no form of ours.
    """
    _check_host(request, settings)
    if request.method != "POST":
        return MultiDict()
    _check_origin(request, settings)
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType(text="This is not a form of the inbox.")
    try:
        sent = parse_qsl((await request.read()).decode(), keep_blank_values=True, max_num_fields=500)
    except ValueError as error:
        raise web.HTTPBadRequest(text="This is not a form of the inbox.") from error
    return MultiDict((name, _clean(value)) for name, value in sent)


def _clean(value: str) -> str:
    """Browsers send line ends as CR LF; databases keep no NUL."""
    return value.replace("\r\n", "\n").replace("\0", "")


def _check_host(request: web.Request, settings: Settings) -> None:
    allowed = {"localhost", settings.installation.inbox.host, _host(settings.inbox_address)}
    name = _host(f"//{request.host}")
    if name not in allowed and not _is_loopback(name):
        raise web.HTTPMisdirectedRequest(
            text="The inbox does not answer at this address. An owner can set address under [inbox]."
        )


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _check_origin(request: web.Request, settings: Settings) -> None:
    """Lets a form pass only where the browser says that it stood on one of our own pages."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    ours = {settings.inbox_address.lower(), f"{request.scheme}://{request.host}".lower()}
    is_ours = origin.lower() in ours if origin is not None else site == "same-origin"
    if not is_ours or site not in (None, "same-origin"):
        raise web.HTTPForbidden(text="This form was sent from another site, so nothing was done.")


def peer(request: web.Request, settings: Settings) -> str:
    """Who asks: behind a reverse proxy of ours, the address that the proxy saw."""
    remote = request.remote or ""
    if settings.installation.inbox.address and _is_loopback(remote):
        return request.headers.get("X-Forwarded-For", remote).rpartition(",")[2].strip()
    return remote


class Tries:
    """Counts tries per address: at most five a minute."""

    def __init__(self) -> None:
        self._tries: dict[str, deque[datetime]] = {}

    def take(self, who: str, now: datetime) -> bool:
        """Whether `who` may try once more."""
        for address in [address for address, tries in self._tries.items() if tries[-1] <= now - TRIES_PER]:
            del self._tries[address]
        tries = self._tries.setdefault(who, deque(maxlen=MOST_TRIES))
        if len(tries) == MOST_TRIES and tries[0] > now - TRIES_PER:
            return False
        tries.append(now)
        return True
