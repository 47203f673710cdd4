"""Matrix: cards in a private room without encryption; reactions are the buttons, and threads hold what is said about a card."""

from __future__ import annotations

from importlib.util import find_spec

from pydantic import BaseModel, ConfigDict, Field

from config.secrets import Secret
from responders.channels.base import Channel, ChannelType, Surroundings

__all__ = ["CHANNEL"]


class MatrixSettings(BaseModel):
    """The keys of a `[[channels]]` table of type `matrix`; `place` there is a room's id or its alias."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Where the bot's account lives; plain http only for a server on this machine.
    server: str = Field(pattern=r"^(https://\S+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?/?)$")
    token: Secret


def build(settings: MatrixSettings, surroundings: Surroundings) -> Channel:
    """The chat for one table.

    Raises:
        ImportError: matrix-nio is not installed.
    """
    if find_spec("nio") is None:
        raise ImportError("matrix-nio is not installed")
    from responders.channels.matrix.channel import MatrixChannel

    return MatrixChannel(settings.server.rstrip("/"), settings.token, surroundings)


CHANNEL = ChannelType(
    settings=MatrixSettings,
    build=build,
    summary="Cards in a Matrix room; a reaction decides, and the text is changed by an answer in the card's thread.",
)
