"""Google Business Profile: reviews of the business's own locations, and replies to them."""

from __future__ import annotations

from importlib.util import find_spec

from connectors.base import ConnectorType, Surroundings
from connectors.google_business.connector import GoogleBusiness
from connectors.google_business.interface import consent
from connectors.google_business.parsing import parse
from connectors.google_business.settings import GoogleBusinessSettings

__all__ = ["CONNECTOR", "parse"]


def build(settings: GoogleBusinessSettings, surroundings: Surroundings) -> GoogleBusiness:
    """The connector for one table.

    Raises:
        ImportError: the library that encrypts its tokens is not installed.
    """
    if find_spec("cryptography") is None:
        raise ImportError("cryptography is not installed")
    return GoogleBusiness(settings, surroundings)


CONNECTOR = ConnectorType(
    settings=GoogleBusinessSettings,
    build=build,
    summary="Reviews of your own locations on Google, and replies to them.",
    consent=consent,
)
