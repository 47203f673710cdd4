"""Whatever a platform sends: it is read, or named as a fault, or refused in our own words; nothing else comes out.

First by the pure readers alone, then by whole polls, client libraries included.
"""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.errors import WarmlineError
from connectors.base import Connector, Cursor
from connectors.errors import SourceError
from tests.contracts.discovery import OWN
from tests.contracts.mutations import anything, mutated, torn
from tests.contracts.readers import READERS, SIDE_DOORS, Reader, faults_of
from tests.contracts.test_hearing import answer, every_asker
from tests.contracts.worlds import opened

#: Examples for every type, shared out among its ways in: in an ordinary run, and in `make fuzz`.
A_FEW, MANY = 200, 10_000

WAYS_IN = [*READERS, *SIDE_DOORS]

every_way_in = pytest.mark.parametrize("reader", WAYS_IN, ids=lambda reader: reader.name)


def share(reader: Reader, examples: int) -> int:
    """How many of its type's examples one way in gets, rounded up."""
    return -(-examples // sum(each.kind == reader.kind for each in WAYS_IN))


def payloads(reader: Reader) -> st.SearchStrategy[Any]:
    """Mostly the shape that the platform documents, somewhat broken."""
    payload = reader.payload()
    if reader.raw:
        return torn(payload) | torn(payload) | st.binary(max_size=300)
    return mutated(payload) | mutated(payload) | anything


def check(reader: Reader, payload: Any) -> None:
    try:
        heard = reader.heard(payload)
    except WarmlineError:
        return
    except UnicodeError:
        raise
    except ValueError:  # what every `parse` promises for a shape that is lost, and its shell turns into SourceChanged
        return

    assert [wrong for each in heard for wrong in faults_of(each)] == []


def test_every_connector_of_ours_is_among_those_that_are_fuzzed() -> None:
    missing = {entry.name for entry in OWN} - {reader.kind for reader in READERS}

    assert missing == set()


@every_way_in
def test_whatever_comes_is_heard_named_or_refused(reader: Reader) -> None:
    @settings(max_examples=share(reader, A_FEW), deadline=None, suppress_health_check=list(HealthCheck))
    @given(payload=payloads(reader))
    def holds(payload: Any) -> None:
        check(reader, payload)

    holds()


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@every_way_in
def test_ten_thousand_times_whatever_comes_is_heard_named_or_refused(reader: Reader) -> None:
    @settings(max_examples=share(reader, MANY), deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(payload=payloads(reader))
    def holds(payload: Any) -> None:
        check(reader, payload)

    holds()


# --- whole polls


async def poll(connector: Connector) -> None:
    """Two polls, the second from where the first has ended."""
    cursor: Cursor | None = None
    for _ in range(2):
        try:
            page = await connector.fetch(cursor)
        except SourceError:
            return
        assert [wrong for each in [*page.posts, *page.faults] for wrong in faults_of(each)] == []
        cursor = json.loads(json.dumps(page.cursor)) or cursor


def poll_through(entry: EntryPoint, examples: int, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    ways_in = [reader for reader in READERS if reader.kind == entry.name]
    with asyncio.Runner() as runner:
        world_of = opened(entry, monkeypatch, home)
        connector, world = runner.run(world_of.__aenter__())

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(payload=st.one_of([payloads(reader) for reader in ways_in]))
        def holds(payload: Any) -> None:
            body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            world.says = answer(200, body)
            runner.run(poll(connector))

        try:
            holds()
        finally:
            runner.run(world_of.__aexit__(None, None, None))


@every_asker
def test_a_poll_hears_names_or_refuses_whatever_comes(
    entry: EntryPoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    poll_through(entry, 50, monkeypatch, tmp_path)


@pytest.mark.fuzz
@pytest.mark.timeout(1800)
@every_asker
def test_a_thousand_polls_hear_name_or_refuse_whatever_comes(
    entry: EntryPoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    poll_through(entry, 1_000, monkeypatch, tmp_path)
