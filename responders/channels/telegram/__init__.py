"""Telegram: cards with buttons in a group or in private chats, and questions that are answered by replying to them."""

from __future__ import annotations

from importlib.util import find_spec

from pydantic import BaseModel, ConfigDict, Field

from config.secrets import Secret
from responders.channels.base import Channel, ChannelType, Surroundings

__all__ = ["CHANNEL"]


class TelegramSettings(BaseModel):
    """The keys of a `[[channels]]` table of type `telegram`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: As BotFather gives it. One Warmline is the only program that listens with it.
    token: Secret
    #: Telegram's interface; another one only for a Bot API server of your own.
    server: str = Field(
        default="https://api.telegram.org", pattern=r"^(https://|http://(localhost|127\.0\.0\.1)[:/])\S+$"
    )


def build(settings: TelegramSettings, surroundings: Surroundings) -> Channel:
    """The chat for one table.

    Raises:
        ImportError: python-telegram-bot or its rate limiter is not installed.
    """
    if find_spec("telegram") is None or find_spec("aiolimiter") is None:
        raise ImportError("python-telegram-bot with its rate limiter is not installed")
    from responders.channels.telegram.channel import TelegramChannel

    return TelegramChannel(settings, surroundings)


CHANNEL = ChannelType(
    settings=TelegramSettings,
    build=build,
    summary="Cards with buttons in a Telegram group; the text is changed by replying to a question.",
)
