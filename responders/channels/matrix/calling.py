"""The calls to a homeserver, with its refusals in the words of whoever runs the business."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from nio import AsyncClient, AsyncClientConfig, ErrorResponse
from nio.exceptions import ProtocolError

from config.errors import ConfigError
from config.secrets import Secret
from responders.errors import ChannelDenied, ChannelError, ChannelLimited

_TIMEOUT = 20
#: Where the server does not say how long to wait.
_PAUSE_MS = 5_000

_UNKNOWN_TOKEN = ("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_USER_DEACTIVATED")


class Absent(ChannelError):
    """The server knows no such event, room or state."""


class Homeserver:
    """One account on one server; knows who it is after the first call."""

    def __init__(self, server: str, token: Secret, now: Callable[[], datetime]) -> None:
        # The library would wait out limits and time-outs by itself, for ever; the core knows better.
        config = AsyncClientConfig(
            max_limit_exceeded=0, max_timeouts=0, request_timeout=_TIMEOUT, encryption_enabled=False
        )
        self.client = AsyncClient(server, config=config)
        self._server = server
        self._token = token
        self._now = now
        self._door = asyncio.Lock()

    @property
    def me(self) -> str:
        """The account's own id; empty before it signed in."""
        return str(self.client.user_id or "")

    async def sign_in(self) -> None:
        """Asks the server who the token belongs to, once; nobody reads the room before we know who we are in it."""
        async with self._door:
            if self.me:
                return
            try:
                self.client.access_token = self._token.read()
            except ConfigError as error:
                raise ChannelDenied(error.happened, "Nothing was shown.", error.do) from error
            who = await self.answer(self.client.whoami())
            self.client.restore_login(who.user_id, who.device_id or "", self.client.access_token)

    async def answer(self, call: Awaitable[Any]) -> Any:
        """What a call of the library's gives; its errors as ours."""
        try:
            answer = await call
        except (aiohttp.ClientError, OSError, ProtocolError, ValueError) as error:
            raise self._unreachable() from error
        if isinstance(answer, ErrorResponse):
            raise self._refusal(answer)
        return answer

    def _refusal(self, answer: ErrorResponse) -> ChannelError:
        code = answer.status_code
        status = getattr(answer.transport_response, "status", 0)
        if code == "M_LIMIT_EXCEEDED" or status == 429:
            wait = timedelta(milliseconds=answer.retry_after_ms or _PAUSE_MS)
            return ChannelLimited(
                f"{self._server} asks for a pause.",
                "Nothing was shown.",
                "It is shown later.",
                retry_at=self._now() + wait,
            )
        if code in _UNKNOWN_TOKEN:
            return ChannelDenied(
                f"{self._server} refused the bot's access token.",
                "Nothing was shown.",
                "Renew it, then run warmline check.",
            )
        if code == "M_FORBIDDEN":
            return ChannelDenied(
                f"{self._server} does not let the bot into the room.",
                "Nothing was shown.",
                "Invite the bot, and let it send messages there.",
            )
        if code == "M_NOT_FOUND":
            return Absent(f"{self._server} does not know that.", "", "Correct place in the chat's table.")
        if not isinstance(code, str) or status >= 500:
            return self._unreachable()
        return ChannelError(f"{self._server} did not take a message ({code}).", "", "Look into the inbox.")

    def _unreachable(self) -> ChannelError:
        return ChannelError(
            f"{self._server} cannot be reached.", "Every draft waits in the inbox.", "It is tried again by itself."
        )
