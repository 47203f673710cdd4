"""Mastodon and what speaks its language: mentions, hashtags and searches of one account on one server."""

from __future__ import annotations

from importlib.util import find_spec

from connectors.base import ConnectorType, Surroundings
from connectors.mastodon.connector import MastodonConnector
from connectors.mastodon.parsing import parse
from connectors.mastodon.settings import MastodonSettings
from connectors.mastodon.streaming import StreamingMastodon

__all__ = ["CONNECTOR", "parse"]


def build(settings: MastodonSettings, surroundings: Surroundings) -> MastodonConnector:
    """The connector for one table.

    Raises:
        ConfigError: the token is missing.
        ImportError: Mastodon.py is not installed.
    """
    if find_spec("mastodon") is None:
        raise ImportError("Mastodon.py is not installed")
    kind = StreamingMastodon if settings.stream else MastodonConnector
    return kind(settings, surroundings)


CONNECTOR = ConnectorType(
    settings=MastodonSettings,
    build=build,
    summary="Mentions of an account on Mastodon and its kin, posts under hashtags, and replies.",
)
