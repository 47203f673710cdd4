"""What replaying a platform's recordings needs, and how what became of them is counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connectors.base import Fault, Gone, Post
from connectors.errors import SourceDenied, SourceError, SourceLimited, SourceUnavailable
from tests.contracts.discovery import ENTRIES
from tests.contracts.readers import Heard, faults_of
from tests.contracts.recordings import Exchange


@dataclass
class Tally:
    """What became of a platform's recordings."""

    files: int = 0
    heard: int = 0
    gone: int = 0
    faults: list[str] = field(default_factory=list)
    refused: int = 0
    beside: int = 0

    def take(self, each: Sequence[Heard]) -> None:
        assert [wrong for one in each for wrong in faults_of(one)] == []
        self.heard += sum(isinstance(one, Post) for one in each)
        self.gone += sum(isinstance(one, Gone) for one in each)
        self.faults += [one.reason for one in each if isinstance(one, Fault)]

    def __str__(self) -> str:
        counts = f"{self.files:>4} files: {self.heard:>5} heard, {self.gone:>2} gone, {len(self.faults):>3} faults"
        return f"{counts}, {self.refused:>3} refused, {self.beside:>3} of no concern to it"


def entry(kind: str) -> EntryPoint:
    found = [each for each in ENTRIES if each.name == kind]
    if not found:
        pytest.skip(f"{kind} is not installed")
    return found[0]


def loaded(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def files_of(folder: Path, *patterns: str) -> list[Path]:
    return sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})


def as_recorded(exchange: Exchange) -> Any:
    """A server that answers as the recorded one did."""
    kept = {"location", "ratelimit-policy", "ratelimit-reset", "retry-after", "x-ratelimit-reset", "x-rate-limit-reset"}

    async def respond(request: web.Request) -> web.Response:
        headers = {name: value for name, value in exchange.headers.items() if name in kept}
        kind = exchange.headers.get("content-type", "application/json").partition(";")[0]
        return web.Response(status=exchange.status, body=exchange.body.encode(), content_type=kind, headers=headers)

    return respond


#: What a status means to the poller; any other may mean several things.
MEANS = {401: SourceDenied, 402: SourceDenied, 403: SourceDenied, 429: SourceLimited}


async def is_refused(connector: Any, status: int) -> bool:
    """Whether a poll ends in that of our errors which fits the status of a recorded answer."""
    expected = SourceUnavailable if status >= 500 else MEANS.get(status, SourceError)
    with pytest.raises(expected) as caught:
        await connector.fetch(None)
    return bool(str(caught.value))
