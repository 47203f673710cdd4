"""A real Mastodon server, a proxy that fails, and a bakery with a real daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.faulty_proxy import FaultyProxy, running
from tests.acceptance.house import House
from tests.servers import start_server


@pytest.fixture(scope="session")
def mastodon(shared: Path) -> Iterator[str]:
    """The address of a real Mastodon server."""
    with start_server("mastodon") as ready:
        yield str(ready["base_url"])


@pytest.fixture
def proxy(mastodon: str) -> Iterator[FaultyProxy]:
    with running(FaultyProxy(mastodon)) as proxy:
        yield proxy


@pytest.fixture
def house(proxy: FaultyProxy, tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, proxy.address)
    house.start()
    yield house
    house.stop()


@pytest.fixture
def alice(mastodon: str) -> Iterator[Any]:
    """Alice's own client; what she and the bakery have posted is gone after each test."""
    from mastodon import Mastodon

    alice, bakery = (
        Mastodon(api_base_url=mastodon, access_token=token, version_check_mode="none")
        for token in ("alice-token", "bakery-token")
    )
    yield alice
    for person in (bakery, alice):
        for status in person.account_statuses(person.me().id, limit=40):
            person.status_delete(status.id)
