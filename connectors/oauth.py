"""Access tokens: obtained when needed, used until they run out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.base import Surroundings
from connectors.errors import SourceDenied, SourceError, SourceLimited, SourceUnavailable
from connectors.http import Answer, changed
from connectors.rest import STUMBLES, Manners, post, reasons, retry_after

#: A token is renewed this long before it runs out, so that it holds for the request that it goes with.
MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, until when to use it, and what renews it ("": nothing, or what renewed it before)."""

    value: str = field(repr=False)
    until: datetime
    refresh: str = field(default="", repr=False)


class Tokens:
    """The access token of one account, obtained again by `obtain` when it has run out or was refused."""

    def __init__(self, obtain: Callable[[], Awaitable[Token]], now: Callable[[], datetime]) -> None:
        self._obtain = obtain
        self._now = now
        self._token: Token | None = None
        self._uses = 0
        self._obtaining = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """The token as a header.

        Raises:
            SourceError: no token could be obtained.
        """
        async with self._obtaining:
            if self._token is None or self._now() >= self._token.until:
                self._token, self._uses = await self._obtain(), 0
            self._uses += 1
            return {"Authorization": f"Bearer {self._token.value}"}

    def forget(self) -> bool:
        """Drops the token; true where it had served before."""
        had_served, self._token = self._uses > 1, None
        return had_served


class Granted(BaseModel):
    """What a token endpoint gives; the life time in seconds is a text with some."""

    model_config = ConfigDict(hide_input_in_errors=True)

    access_token: str = Field(min_length=1, max_length=20_000)
    refresh_token: str = Field(default="", max_length=20_000)
    expires_in: int = Field(default=300, ge=0, le=10**8)


async def exchange(
    around: Surroundings,
    url: str,
    form: Mapping[str, str],
    manners: Manners,
    *,
    headers: Mapping[str, str] | None = None,
) -> Token:
    """The access token that a token endpoint gives for `form` (RFC 6749).

    Raises:
        SourceDenied: what the owner named is not, or no longer, accepted.
        SourceError: any other way of not getting one.
    """
    try:
        answer = await post(around, url, data=dict(form), headers=headers)
    except STUMBLES as error:
        raise SourceUnavailable(
            f'{manners.platform} could not be reached for an access token of "{around.source}".',
            "Nothing is lost; it is asked again by itself.",
        ) from error
    if answer.status != 200:
        raise _not_granted(answer, around.now(), manners)
    try:
        granted = Granted.model_validate(answer.json())
    except ValidationError as error:
        raise changed(around.source, "without an access token", "") from error  # a sample might hold another token
    until = around.now() + timedelta(seconds=granted.expires_in) - MARGIN
    return Token(granted.access_token, until, granted.refresh_token)


def _not_granted(answer: Answer, now: datetime, manners: Manners) -> SourceError:
    what = f'{manners.platform} gave no access token for "{answer.source}"'
    if answer.status == 429:
        return SourceLimited(f"{what}: it asks us to wait.", retry_at=retry_after(answer, now))
    if answer.status >= 500 or answer.status == 408:
        return SourceUnavailable(f"{what} ({answer.status}).", "Nothing is lost; it is asked again by itself.")
    if answer.status in {400, 401, 403}:
        why = ", ".join([str(answer.status), *sorted(reasons(answer) - {str(answer.status)})])
        return SourceDenied(
            f"{what} ({why}).",
            "Polling it is paused; what was heard is kept.",
            manners.remedy,
        )
    return changed(answer.source, f"not with an access token ({answer.status})", "")


def check_can_sign() -> None:
    """Whether the library that signs is there.

    Raises:
        ImportError: it is not installed.
    """
    if find_spec("jwt") is None or find_spec("cryptography") is None:
        raise ImportError("PyJWT with its extra crypto is not installed")


def signed(claims: Mapping[str, Any], key: str, *, algorithm: str, key_id: str) -> str:
    """`claims` as a JSON Web Token, signed with a private key in PEM form, whose line ends may be written as escapes.

    Raises:
        ValueError: the key is none, or of another kind than `algorithm` needs.
    """
    import jwt
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return jwt.encode(dict(claims), key.replace("\\n", "\n"), algorithm=algorithm, headers={"kid": key_id})
    except (jwt.PyJWTError, UnsupportedAlgorithm, TypeError, ValueError) as error:
        raise ValueError(f"it is not a private key for {algorithm}") from error
