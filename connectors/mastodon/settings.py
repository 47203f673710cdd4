"""What a `[[sources]]` table of type `mastodon` says."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field
from yarl import URL

from config.secrets import Secret
from config.settings import Table


def _address(value: str) -> str:
    """A server's address without path and slash; http only for this machine itself."""
    url = URL(value)
    if url.host is None or url.user or url.query or url.path not in {"", "/"}:
        raise ValueError("give the server's address alone, like https://mastodon.example")
    if url.scheme != "https" and not (url.scheme == "http" and is_here(url.host)):
        raise ValueError("the address begins with https://")
    return str(url.origin())


def is_here(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Hashtag = Annotated[str, AfterValidator(lambda tag: tag.removeprefix("#")), Field(pattern=r"^#?\w{1,100}$")]
Term = Annotated[str, Field(min_length=2, max_length=200)]


class MastodonSettings(Table):
    """Which account listens, and for what besides its mentions."""

    #: The server on which the account lives.
    server: Annotated[str, AfterValidator(_address)]
    #: The account's access token.
    token: Secret
    #: Posts under these hashtags.
    hashtags: tuple[Hashtag, ...] = Field(default=(), max_length=20)
    #: Posts with these words, where the server searches posts.
    search: tuple[Term, ...] = Field(default=(), max_length=5)
    #: Hear mentions at once instead of with the next poll.
    stream: bool = False
