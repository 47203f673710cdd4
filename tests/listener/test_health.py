"""How the daemon is, as a monitor sees it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from listener.health import PATIENCE, Health, add_routes
from storage import Store
from storage.states import Action
from tests.builders import NOW, Clock, Shop


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock)


@pytest.fixture
async def client(health: Health, sqlite_store: Store) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application()
    add_routes(app, health, sqlite_store, lambda: ["crumb"])
    async with TestClient(TestServer(app)) as client:
        yield client


Client = TestClient[web.Request, web.Application]


async def test_a_daemon_whose_loops_tick_is_healthy(client: Client, health: Health) -> None:
    health.tick("outbox")

    answer = await client.get("/healthz")

    assert (answer.status, await answer.json()) == (200, {"ok": True, "hanging": []})


async def test_a_loop_that_hangs_makes_the_daemon_unhealthy(client: Client, health: Health, clock: Clock) -> None:
    health.tick("outbox")
    health.tick("drafting")
    clock.move(PATIENCE + timedelta(seconds=1))
    health.tick("drafting")

    answer = await client.get("/healthz")

    assert (answer.status, await answer.json()) == (503, {"ok": False, "hanging": ["outbox"]})


def test_the_watchdog_is_fed_only_while_every_loop_ticks(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        health = Health(clock)
        health.ready()
        health.tick("outbox")

        health.keep_alive()
        clock.move(PATIENCE + timedelta(seconds=1))
        health.keep_alive()
        health.stopping()

        assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
    health._notifier.socket.close()


def test_without_systemd_nobody_is_told(health: Health) -> None:
    health.ready()
    health.keep_alive()
    health.stopping()


async def test_a_store_that_answers_is_ready(client: Client) -> None:
    assert (await client.get("/readyz")).status == 200


async def test_a_store_that_is_lost_is_not_ready(client: Client, sqlite_store: Store) -> None:
    async with sqlite_store.work() as session:
        connection = await session.connection()
        await connection.exec_driver_sql("alter table delivery rename to elsewhere")

    answer = await client.get("/readyz")

    assert (answer.status, await answer.json()) == (503, {"ok": False})


async def figures(client: Client) -> dict[tuple[str, ...], float]:
    text = await (await client.get("/metrics")).text()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


async def test_the_metrics_count_what_is_in_the_store(client: Client, sqlite_store: Store, health: Health) -> None:
    shop = Shop(sqlite_store, Clock())
    await shop.draft()
    health.metrics.mentions.labels("town").inc(3)

    seen = await figures(client)

    assert seen["warmline_drafts", "crumb", "pending"] == 1
    assert seen["warmline_sources", "crumb", "on"] == 1
    assert seen["warmline_mentions_total", "town"] == 3


async def test_a_state_that_is_empty_again_is_counted_as_nought(client: Client, sqlite_store: Store) -> None:
    shop = Shop(sqlite_store, Clock())
    draft = await shop.draft()
    await figures(client)
    await shop.decide(draft, Action.REJECT)

    seen = await figures(client)

    assert seen["warmline_drafts", "crumb", "pending"] == 0
    assert seen["warmline_drafts", "crumb", "rejected"] == 1
