"""What Discord's refusals mean, in the words of whoever runs the business."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import aiohttp
import discord

from responders.errors import ChannelDenied, ChannelError, ChannelLimited

#: Codes of the API (discord.com/developers/docs/topics/opcodes-and-status-codes).
UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, CLOSED_DOOR = 10003, 10008, 50007
#: Of the gateway: the token is wrong; an intent is not switched on.
_REFUSED_AT_THE_GATE = (4004, 4013, 4014)
#: How long to wait where Discord names no time; its limit on editing old messages is counted by the minute or so.
_PAUSE = timedelta(minutes=1)


@contextmanager
def explained(now: Callable[[], datetime]) -> Iterator[None]:
    """Turns what the library raises into the errors of the protocol."""
    try:
        yield
    except discord.RateLimited as error:
        raise _limited(now() + timedelta(seconds=error.retry_after)) from error
    except discord.HTTPException as error:
        raise _refusal(error, now()) from error
    except discord.LoginFailure as error:
        raise _denied() from error
    except discord.ConnectionClosed as error:
        raise _denied() if error.code in _REFUSED_AT_THE_GATE else _unreachable() from error
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        raise _unreachable() from error


def _refusal(error: discord.HTTPException, now: datetime) -> ChannelError:
    if error.status == 429:
        return _limited(now + _wait(error))
    if error.status == 401:
        return _denied()
    if error.code == CLOSED_DOOR:
        return ChannelDenied(
            "Discord does not let the bot write to this person.",
            "Nothing was shown.",
            "They must share a server with the bot and allow direct messages from it.",
        )
    if error.status == 403 or error.code == UNKNOWN_CHANNEL:
        return ChannelDenied(
            "Discord does not let the bot into this channel.",
            "Nothing was shown.",
            "Let it view the channel and send messages there, or correct room.",
        )
    if error.status >= 500:
        return _unreachable()
    return ChannelError(
        f"Discord did not take a message (it answered {error.status}, code {error.code}).", "", "Look into the inbox."
    )


def _wait(error: discord.HTTPException) -> timedelta:
    try:
        return timedelta(seconds=min(float(error.response.headers["Retry-After"]), 86_400))
    except (AttributeError, KeyError, ValueError):
        return _PAUSE


def _limited(retry_at: datetime) -> ChannelLimited:
    return ChannelLimited("Discord asks for a pause.", "Nothing was shown.", "It is shown later.", retry_at=retry_at)


def _denied() -> ChannelDenied:
    return ChannelDenied(
        "Discord refused the bot's token.", "Nothing was shown.", "Renew the token, then run warmline check."
    )


def _unreachable() -> ChannelError:
    return ChannelError("Discord cannot be reached.", "Every draft waits in the inbox.", "It is tried again by itself.")
