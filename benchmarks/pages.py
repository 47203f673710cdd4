"""What people look at: the queue, the digest's counts, and a search, in a store that has grown."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.grounds import opened
from benchmarks.measuring import SHARES, Figure, Say, Scale, compared, cpu, percentile
from benchmarks.texts import NOW, texts
from storage import Session, Store, digests, drafts, mentions
from storage.assessment import Assessment, Emotion, Intent, Polarity, Severity
from storage.models import assessment_columns
from storage.search import search
from storage.states import DraftState

import sqlite3  # isort: skip – after `storage`, which puts a sound SQLite in its place

#: Mentions that are stored in one transaction.
BATCH = 1_000
#: Days over which the mentions lie, drafts that wait, and how often each page is read in a round.
DAYS, WAITING, READS = 100, 1_000, 100
#: A mention in so many holds the rare word.
RARE = 5_000

Read = Callable[[Session], Awaitable[object]]

_WEEK = (NOW - timedelta(days=7)).date(), NOW.date()
_PAGES: dict[str, tuple[Read, str]] = {
    "inbox, the first 50": (lambda session: drafts.queue(session, "crumb", now=NOW, limit=50), "p99 < 2 ms"),
    "digest, the week's counts": (lambda session: digests.rollups(session, "crumb", *_WEEK), "p99 < 5 ms"),
    "history, the newest 50": (lambda session: mentions.history(session, "crumb", limit=50), ""),
    "search, a rare word, newest 50": (lambda session: search(session, "crumb", "marzipan"), "p99 < 10 ms"),
    "search, a common word, newest 50": (lambda session: search(session, "crumb", "crumb"), "p99 < 10 ms"),
    "search, two words, newest 50": (lambda session: search(session, "crumb", "stale sourdough"), "p99 < 10 ms"),
}


async def measure(scale: Scale, say: Say) -> list[Figure]:
    """Each page from its session to its records, beside 50 rows that the raw driver reads by their keys.

    Everything lies in memory, so on a machine of its own the CPU time is the time that passes.
    """
    with tempfile.TemporaryDirectory(prefix="warmline-bench-") as folder:
        file = Path(folder) / "warmline.db"
        async with opened(f"sqlite+aiosqlite:///{file}") as store:
            await _fill(store, scale.mentions, say)
            taken: dict[str, list[list[float]]] = {what: [] for what in _PAGES}
            driver: list[list[float]] = []
            for number in range(scale.rounds):
                say(f"pages, round {number + 1} of {scale.rounds}")
                driver.append(_raw(file))
                for what, (read, _) in _PAGES.items():
                    taken[what].append(await _read(store, read))
    return [
        compared(
            "pages",
            f"{what}, p{share * 100:.0f}",
            "ms of CPU",
            [percentile(each, share) for each in rounds],
            "50 rows by their keys, raw driver, p50",
            [percentile(each, 0.5) for each in driver],
            _PAGES[what][1] if share > 0.5 else "",
        )
        for what, rounds in taken.items()
        for share in SHARES
    ]


async def _read(store: Store, read: Read) -> list[float]:
    taken = []
    for _ in range(READS):
        began = cpu()
        async with store.read() as session:
            await read(session)
        taken.append((cpu() - began) * 1e3)
    return taken


def _raw(file: Path) -> list[float]:
    connection: Any = sqlite3.connect(file)
    statement = f"select * from mention where id in ({', '.join(str(n * 7 + 1) for n in range(50))})"  # noqa: S608
    taken = []
    for _ in range(READS):
        began = cpu()
        connection.execute(statement).fetchall()
        taken.append((cpu() - began) * 1e3)
    connection.close()
    return taken


async def _fill(store: Store, count: int, say: Say) -> None:
    """So many mentions, and drafts for the newest of them."""
    said = texts(BATCH, seed=4)
    ids: list[int] = []
    for start in range(0, count, BATCH):
        if start % (BATCH * 10) == 0:
            say(f"pages: {start:,} of {count:,} mentions are stored")
        rows = [_row(number, said[number % BATCH]) for number in range(start, min(start + BATCH, count))]
        async with store.work() as session:
            ids += await mentions.insert(session, rows)
    async with store.work() as session:
        for number in ids[-WAITING:]:
            await drafts.propose(session, _draft(number))


def _row(number: int, text: str) -> dict[str, Any]:
    at = NOW - timedelta(days=number % DAYS, minutes=number % 1440)
    polarity = list(Polarity)[number % 3]
    judged = Assessment(
        "en", 0.1, polarity, 0.8, Emotion.NEUTRAL, Intent.OTHER, Severity(), ("product",), (), "benchmark"
    )
    author = {"external_id": str(number % 9_000), "handle": f"writer{number % 9_000}", "name": "", "url": ""}
    return {
        "business_id": "crumb",
        "source_id": 1,
        "author": author,
        "platform": "mastodon",
        "external_id": str(number),
        "text": f"{text} And marzipan!" if number % RARE == 0 else text,
        "posted_at": at,
        "day": at.date(),
        "heard_at": NOW,
        "checked_at": NOW,
        "route": "api",
        **assessment_columns(judged),
    }


def _draft(mention_id: int) -> dict[str, Any]:
    return {
        "business_id": "crumb",
        "mention_id": mention_id,
        "mention_revision": 1,
        "state": DraftState.PENDING,
        "text": "Thank you for your kind words. – Mia",
        "worst": mention_id % 30,
        "posted_at": NOW - timedelta(minutes=mention_id % 5_000),
        "created_at": NOW,
        "changed_at": NOW,
    }
