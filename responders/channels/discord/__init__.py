"""Discord: cards with buttons in one text channel or in direct messages, windows to write in, answers that one person sees."""

from __future__ import annotations

from importlib.util import find_spec

from pydantic import BaseModel, ConfigDict

from config.secrets import Secret
from responders.channels.base import Channel, ChannelType, Surroundings

__all__ = ["CHANNEL"]


class DiscordSettings(BaseModel):
    """The keys of a `[[channels]]` table of type `discord`; `place` there is the id of a text channel, not its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Secret


def build(settings: DiscordSettings, surroundings: Surroundings) -> Channel:
    """The chat for one table.

    Raises:
        ImportError: discord.py is not installed.
    """
    if find_spec("discord") is None:
        raise ImportError("discord.py is not installed")
    from responders.channels.discord.channel import DiscordChannel

    return DiscordChannel(settings.token, surroundings.now)


CHANNEL = ChannelType(
    settings=DiscordSettings,
    build=build,
    summary="Cards with buttons in a Discord channel; the text is changed in a window.",
)
