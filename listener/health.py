"""How the daemon is: `/healthz`, `/readyz`, Prometheus metrics, and systemd's watchdog."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest
from sdnotify import SystemdNotifier

from storage import Store, deliveries, drafts, sources
from storage.errors import StorageError
from storage.states import DraftState, SourceState

#: A loop that has not ticked for so long hangs.
PATIENCE = timedelta(seconds=90)


class Metrics:
    """Counters for Prometheus; labels are names from the configuration, never customers'."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.mentions = self._counter("warmline_mentions_total", "Mentions stored", ["source"])
        self.polls = self._counter("warmline_polls_total", "Polls made", ["source", "outcome"])
        self.drafts_made = self._counter("warmline_drafts_made_total", "Drafts made", [])
        self.replies = self._counter("warmline_replies_total", "Replies that left the outbox", [])
        self.sources = self._gauge("warmline_sources", "Sources by state", ["business", "state"])
        self.drafts = self._gauge("warmline_drafts", "Drafts by state", ["business", "state"])
        self.last_answer = self._gauge(
            "warmline_source_last_answer_seconds", "When a source last answered (Unix time)", ["business", "source"]
        )

    def _counter(self, name: str, says: str, labels: list[str]) -> Counter:
        return Counter(name, says, labels, registry=self.registry)

    def _gauge(self, name: str, says: str, labels: list[str]) -> Gauge:
        return Gauge(name, says, labels, registry=self.registry)

    async def measure(self, store: Store, businesses: list[str]) -> None:
        """Reads the gauges from the store."""
        for gauge in (self.sources, self.drafts, self.last_answer):
            gauge.clear()  # of a business that is no longer configured, nothing is known
        async with store.read() as session:
            for business in businesses:
                listing = await sources.listing(session, business)
                for state in SourceState:
                    number = sum(source.state is state for source in listing)
                    self.sources.labels(business, state.value).set(number)
                for source in listing:
                    if source.answered_at is not None:
                        self.last_answer.labels(business, source.name).set(source.answered_at.timestamp())
                counts = await drafts.counts(session, business)
                for state_of_draft in DraftState:
                    self.drafts.labels(business, state_of_draft.value).set(counts.get(state_of_draft, 0))


def _systemd() -> SystemdNotifier | None:
    """Who tells systemd; None where it did not start us (the library would leave a socket open)."""
    return SystemdNotifier() if os.environ.get("NOTIFY_SOCKET") else None


@dataclass
class Health:
    """When each loop last ticked; a loop that hangs makes the daemon unhealthy, and systemd restarts it."""

    now: Callable[[], datetime]
    metrics: Metrics = field(default_factory=Metrics)
    ticks: dict[str, datetime] = field(default_factory=dict)
    _notifier: SystemdNotifier | None = field(default_factory=_systemd)

    def tick(self, loop: str) -> None:
        """Says that a loop is alive."""
        self.ticks[loop] = self.now()

    def hanging(self) -> list[str]:
        """The loops that have not ticked for too long."""
        return sorted(loop for loop, at in self.ticks.items() if self.now() - at > PATIENCE)

    def ready(self) -> None:
        """Tells systemd that the daemon has started."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """Tells systemd that the daemon is on its way out."""
        self._tell("STOPPING=1")

    def keep_alive(self) -> None:
        """Feeds systemd's watchdog, if every loop ticks."""
        if not self.hanging():
            self._tell("WATCHDOG=1")

    def _tell(self, news: str) -> None:
        if self._notifier is not None:
            self._notifier.notify(news)


def add_routes(app: web.Application, health: Health, store: Store, businesses: Callable[[], list[str]]) -> None:
    """Serves `/healthz` (alive), `/readyz` (the store answers) and `/metrics`."""

    async def healthz(request: web.Request) -> web.Response:
        hanging = health.hanging()
        return web.json_response({"ok": not hanging, "hanging": hanging}, status=503 if hanging else 200)

    async def readyz(request: web.Request) -> web.Response:
        try:
            async with store.read() as session:
                await deliveries.next_due(session)
        except StorageError:
            return web.json_response({"ok": False}, status=503)
        return web.json_response({"ok": True})

    async def metrics(request: web.Request) -> web.Response:
        await health.metrics.measure(store, businesses())
        return web.Response(
            body=generate_latest(health.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
