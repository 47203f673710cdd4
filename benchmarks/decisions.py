"""From a tap to the disk: sixteen people approve at the same moment."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.grounds import opened
from benchmarks.measuring import SHARES, Figure, Say, Scale, compared, cpu, percentile
from benchmarks.texts import NOW, bakery
from connectors.base import Author, Page, Post
from listener.analysis.assessing import Assessor
from listener.analysis.matching import Matcher
from listener.analysis.reader import TextReader
from listener.pipeline import Understanding
from listener.poll import hear_page
from responders.approvals import Choice, Desk
from responders.drafting.engine import Engine
from responders.proposing import draft_waiting
from storage import Draft, Store, drafts
from storage.states import Action

import sqlite3  # isort: skip – after `storage`, which puts a sound SQLite in its place

from benchmarks.ingest import listening_to

#: Who approves at once.
PEOPLE = 16
#: Of so many texts of the scale, one stands for a time that they do.
EACH = 1_000


async def measure(scale: Scale, say: Say) -> list[Figure]:
    """Wall time from the tap until it is durable, beside as many commits of the raw driver in a row."""
    ours: dict[float, list[float]] = {share: [] for share in SHARES}
    theirs: dict[float, list[float]] = {share: [] for share in SHARES}
    costs: list[float] = []
    cheap: list[float] = []
    times = max(scale.texts // EACH, 1)
    for number in range(scale.rounds):
        say(f"decisions, round {number + 1} of {scale.rounds}")
        with tempfile.TemporaryDirectory(prefix="warmline-bench-") as folder:
            approving, cost = await _approve(Path(folder), times)
            costs.append(cost)
            began = cpu()
            committing = commits(Path(folder), times)
            cheap.append((cpu() - began) / len(committing) * 1e3)
        for share in SHARES:
            ours[share].append(percentile(approving, share))
            theirs[share].append(percentile(committing, share))
    baseline = f"{PEOPLE} durable commits in a row"
    one = compared("decisions", "one approval", "ms of CPU", costs, "a durable commit of the raw driver", cheap)
    return [one] + [
        compared(
            "decisions",
            f"approve, {PEOPLE} at once, p{share * 100:.0f}",
            "ms",
            ours[share],
            baseline,
            theirs[share],
            target,
        )
        for share, target in zip(SHARES, ("", "< 50 ms"), strict=True)
    ]


async def _approve(folder: Path, times: int) -> tuple[list[float], float]:
    """Milliseconds of each approval, and of the CPU for one."""
    business = bakery()
    drafter = Engine(TextReader(("de", "en")))
    async with opened(f"sqlite+aiosqlite:///{folder / 'warmline.db'}") as store:
        waiting = await _wait_for_approval(store, drafter, PEOPLE * times)
        desk = Desk(store, lambda: {business.id: business}, drafter, lambda: NOW)
        taken: list[float] = []
        began = cpu()
        for start in range(0, len(waiting), PEOPLE):
            taken += await asyncio.gather(*(_tap(desk, draft) for draft in waiting[start : start + PEOPLE]))
        return taken, (cpu() - began) / len(taken) * 1e3


async def _tap(desk: Desk, draft: Draft) -> float:
    began = time.perf_counter()
    choice = Choice("crumb", draft.id or 0, draft.revision, Action.APPROVE, "Jo", "inbox", reason="It fits.")
    await desk.decide(choice)
    return (time.perf_counter() - began) * 1e3


async def _wait_for_approval(store: Store, drafter: Engine, count: int) -> list[Draft]:
    """So many drafts that are ready."""
    understanding = Understanding(Matcher({"crumb": bakery()}), Assessor(["de", "en"]))
    posts = [
        Post(
            "mastodon", str(number), "The rye loaf of Crumb & Co was wonderful!", NOW, author=Author(str(number), "ana")
        )
        for number in range(count)
    ]
    await hear_page(await listening_to(store), Page(posts, None), store, understanding, NOW)
    while await draft_waiting(store, {"crumb": bakery()}, drafter, NOW):
        pass
    async with store.read() as session:
        rows = await drafts.queue(session, "crumb", now=NOW, limit=count)
    return [draft for draft, _ in rows if not draft.needs]


def commits(folder: Path, times: int) -> list[float]:
    """Milliseconds until each of sixteen that came at once has its own commit, one after the other."""
    connection: Any = sqlite3.connect(folder / "baseline.db", isolation_level=None)
    connection.execute("pragma journal_mode=wal")
    connection.execute("pragma synchronous=full")
    connection.execute("create table decision (id integer primary key, text)")
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        for _ in range(PEOPLE):
            connection.execute("begin immediate")
            connection.execute("insert into decision (text) values (?)", ("approve" * 20,))
            connection.execute("commit")
            taken.append((time.perf_counter() - began) * 1e3)
    connection.close()
    return taken
