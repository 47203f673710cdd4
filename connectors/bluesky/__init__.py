"""Bluesky: mentions of one account, posts under hashtags and with words, the whole stream on request, and replies."""

from __future__ import annotations

from importlib.util import find_spec

from connectors.base import ConnectorType, Surroundings
from connectors.bluesky.connector import BlueskyConnector
from connectors.bluesky.parsing import parse
from connectors.bluesky.settings import BlueskySettings
from connectors.bluesky.streaming import StreamingBluesky

__all__ = ["CONNECTOR", "parse"]


def build(settings: BlueskySettings, surroundings: Surroundings) -> BlueskyConnector:
    """The connector for one table.

    Raises:
        ConfigError: the app password is missing.
        ImportError: atproto is not installed.
    """
    if find_spec("atproto") is None:
        raise ImportError("atproto is not installed")
    kind = StreamingBluesky if settings.stream else BlueskyConnector
    return kind(settings, surroundings)


CONNECTOR = ConnectorType(
    settings=BlueskySettings,
    build=build,
    summary="Mentions of an account on Bluesky, posts under hashtags or with words, and replies.",
)
