"""X (once Twitter): mentions of one account, a search, and replies to those who called it."""

from __future__ import annotations

from connectors.base import ConnectorType
from connectors.x.connector import X
from connectors.x.parsing import parse
from connectors.x.settings import XSettings

__all__ = ["CONNECTOR", "parse"]

CONNECTOR = ConnectorType(
    settings=XSettings,
    build=X,
    summary="Mentions of an account on X, posts that match a search, and replies to those who called it.",
)
