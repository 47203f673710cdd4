"""YouTube: the comments on one channel and its videos, and videos of others that match a search."""

from __future__ import annotations

from connectors.base import ConnectorType
from connectors.youtube.connector import YouTube
from connectors.youtube.parsing import parse
from connectors.youtube.settings import YouTubeSettings

__all__ = ["CONNECTOR", "parse"]

CONNECTOR = ConnectorType(
    settings=YouTubeSettings,
    build=YouTube,
    summary="Hears comments on your YouTube channel and videos that name you, and answers comments.",
)
