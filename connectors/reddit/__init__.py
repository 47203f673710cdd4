"""Reddit: the inbox of one account, chosen subreddits, searches, and replies."""

from __future__ import annotations

from connectors.base import ConnectorType
from connectors.reddit.connector import Reddit
from connectors.reddit.parsing import parse
from connectors.reddit.settings import RedditSettings

__all__ = ["CONNECTOR", "parse"]

CONNECTOR = ConnectorType(
    settings=RedditSettings,
    build=Reddit,
    summary="Mentions of an account on Reddit, posts and comments in chosen subreddits, searches, and replies.",
)
