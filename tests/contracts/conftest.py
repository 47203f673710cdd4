"""What the contract suite shares."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Surroundings
from connectors.http import open_session
from tests.conftest import NOW
from tests.contracts.summary import REPLAYED
from tests.contracts.worlds import opened


@pytest.fixture
async def surroundings(tmp_path: Path) -> AsyncIterator[Surroundings]:
    """What a connector gets from the daemon, with nobody to reach."""
    async with open_session() as session:
        yield Surroundings("example", session, lambda: NOW, tmp_path)


@pytest.fixture
def open_world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Opens a connector in its world."""
    return lambda entry, **more: opened(entry, monkeypatch, tmp_path, **more)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Tells a platform's line for the end of the run."""
    return lambda platform, line: request.node.user_properties.append((REPLAYED, f"{platform:<18} {line}"))
