"""What the connectors' tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import start_server


@pytest.fixture(scope="session")
def mastodon_server(shared: Path) -> Iterator[dict[str, Any]]:
    """A Mastodon server with the accounts bakery, alice and bob: its `base_url`, and their `tokens`."""
    with start_server("mastodon") as ready:
        yield ready
