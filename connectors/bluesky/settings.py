"""What a `[[sources]]` table of type `bluesky` says."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field
from yarl import URL

from config.secrets import Secret
from config.settings import Table


def _https(value: str) -> str:
    return _origin(value, "https", "http")


def _wss(value: str) -> str:
    return _origin(value, "wss", "ws")


def _origin(value: str, safe: str, plain: str) -> str:
    """A server's address without path and slash; the plain scheme only for this machine itself."""
    url = URL(value)
    if url.host is None or url.user or url.query or url.path not in {"", "/"}:
        raise ValueError(f"give the server's address alone, like {safe}://bluesky.example")
    if url.scheme != safe and not (url.scheme == plain and is_here(url.host)):
        raise ValueError(f"the address begins with {safe}://")
    return str(url.origin())


def is_here(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


#: A handle is a domain name (the protocol's rule); people write it with and without "@".
Handle = Annotated[
    str,
    AfterValidator(lambda handle: handle.removeprefix("@").lower()),
    Field(pattern=r"^@?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"),
]
Hashtag = Annotated[str, AfterValidator(lambda tag: tag.removeprefix("#")), Field(pattern=r"^#?\w{1,64}$")]
Term = Annotated[str, Field(min_length=2, max_length=200)]


class BlueskySettings(Table):
    """Which account listens, and for what besides its mentions."""

    #: The account's name, like "crumbandco.bsky.social".
    handle: Handle
    #: An app password of the account, not its main password.
    app_password: Secret
    #: The server that keeps the account.
    server: Annotated[str, AfterValidator(_https)] = "https://bsky.social"
    #: Posts under these hashtags.
    hashtags: tuple[Hashtag, ...] = Field(default=(), max_length=20)
    #: Posts with all words of a term; "double quotes" keep words together.
    search: tuple[Term, ...] = Field(default=(), max_length=5)
    #: Listen to every post of the network as it is written, besides the polls.
    stream: bool = False
    #: The Jetstream (version 2) that sends them.
    jetstream: Annotated[str, AfterValidator(_wss)] = "wss://jetstream.us-east.bsky.network"
