"""What the digest's tests share: a bakery with one source, and a reader."""

from __future__ import annotations

import pytest

from storage import Store
from tests.listener.digest.town import PlainReader, Town, settings


@pytest.fixture
async def town(sqlite_store: Store) -> Town:
    """A bakery with one source, on SQLite."""
    town = Town(sqlite_store, settings())
    await town.open("reviews")
    return town


@pytest.fixture
def reader() -> PlainReader:
    """Knows few names."""
    return PlainReader()
