"""From a stored mention to its card, and from a tap to the platform, while a thousand other drafts are open."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.decisions import commits
from benchmarks.grounds import opened
from benchmarks.measuring import SHARES, Figure, Say, Scale, compared, percentile
from benchmarks.texts import NOW, bakery
from config.settings import BusinessSettings, Installation, Settings
from connectors.base import Absent, Limit, Receipt, Traits
from connectors.lengths import Counter
from listener.analysis.reader import TextReader
from responders.approvals import Desk
from responders.channels.base import Act, Card, Editor, Limits, Pace, Press, Ref, Verb
from responders.channels.chat import Chat
from responders.channels.showing import REST, Showing, keep_true
from responders.channels.taking import Taking
from responders.drafting.engine import Engine
from responders.proposing import draft_waiting
from responders.sending import Outbox, send_due
from storage import Store, drafts, identities, mentions, sources
from storage.assessment import Assessment, Emotion, Intent, Polarity, Reason, Severity
from storage.models import assessment_columns

#: Of so many texts of the scale, one draft is open, and one in ten of those is a new card.
EACH, NEW = 10, 10
COMPLAINT = Assessment(
    "en", -0.6, Polarity.NEGATIVE, 0.9, Emotion.DISAPPOINTED, Intent.COMPLAINT, Severity(), ("wait",),
    (Reason("complaint", ("Waited",), ""),), "by hand",
)  # fmt: skip


class Room:
    """A chat that shows at once and whose pace is never used up."""

    limits = Limits(
        text=Limit(Counter.CHARACTERS, 3000),
        label=Limit(Counter.CHARACTERS, 75),
        answer=Limit(Counter.CHARACTERS, 3000),
        editor=Editor.MODAL,
        pace=Pace(1_000_000, timedelta(seconds=1)),
    )

    def __init__(self) -> None:
        self.posted = asyncio.Queue[tuple[float, Card]]()

    async def post(self, place: str, card: Card, key: str) -> Ref:
        """Notes when a card came."""
        self.posted.put_nowait((time.perf_counter(), card))
        return Ref(place, key)

    async def show(self, ref: Ref, card: Card) -> bool:
        """Every message is there."""
        return True

    async def tell(self, act: Act, text: str) -> None:
        """Nobody listens."""

    async def nudge(self, ref: Ref, text: str, actors: Sequence[str]) -> None:
        """Nobody listens."""

    async def missed(self, refs: Sequence[Ref]) -> list[Act]:
        """Nobody was away."""
        return []


class Platform:
    """A platform that takes every reply, and notes when."""

    traits = Traits("mastodon")

    def __init__(self) -> None:
        self.handed = asyncio.Queue[float]()

    async def reply(self, target: Any, text: str, *, key: str) -> Receipt:
        """Notes when a reply came."""
        self.handed.put_nowait(time.perf_counter())
        return Receipt("")

    async def find_reply(self, target: Any, key: str, text: str) -> Absent:
        """Nobody has answered yet."""
        return Absent()


async def measure(scale: Scale, say: Say) -> list[Figure]:
    """Wall time of each, beside as many commits of the raw driver in a row."""
    ours: dict[tuple[str, float], list[float]] = {}
    theirs: dict[float, list[float]] = {share: [] for share in SHARES}
    for number in range(scale.rounds):
        say(f"chats, round {number + 1} of {scale.rounds}")
        with tempfile.TemporaryDirectory(prefix="warmline-bench-") as folder:
            taken = await _measure(Path(folder), max(scale.texts // EACH, 4))
            committing = commits(Path(folder), max(len(taken["tap to the platform"]) // 16, 1))
        for share in SHARES:
            theirs[share].append(percentile(committing, share))
            for what, values in taken.items():
                ours.setdefault((what, share), []).append(percentile(values, share))
    open_drafts = f"{max(scale.texts // EACH, 4):,} open"
    return [
        compared(
            "chats",
            f"{what}, {open_drafts}, p{share * 100:.0f}",
            "ms",
            rounds,
            "16 durable commits in a row",
            theirs[share],
            "< 1,000 ms" if share == SHARES[-1] else "",
        )
        for (what, share), rounds in ours.items()
    ]


async def _measure(folder: Path, number: int) -> dict[str, list[float]]:
    """Milliseconds of each new card and of each tap."""
    business = bakery().model_copy(update={"reply": bakery().reply.model_copy(update={"undo_for": timedelta(0)})})
    drafter, room, platform = Engine(TextReader(("de", "en"))), Room(), Platform()
    async with opened(f"sqlite+aiosqlite:///{folder / 'warmline.db'}") as store:
        async with store.work() as session:
            await sources.keep_business(session, business.id, business.business.name)
            source_id = (await sources.register(session, business.id, "town", "mastodon", enabled=True)).id or 0
        await _store(store, source_id, range(number))
        while await draft_waiting(store, {business.id: business}, drafter, NOW):
            pass
        desk = Desk(store, lambda: {business.id: business}, drafter, lambda: NOW)
        async with _at_work(store, business, desk, room, platform, folder) as taking:
            to_card = []
            for new in range(number, number + max(number // NEW, 2)):
                await _store(store, source_id, [new])
                began = time.perf_counter()
                await draft_waiting(store, {business.id: business}, drafter, NOW)
                to_card.append(((await room.posted.get())[0] - began) * 1e3)
            return {"stored to card": to_card, "tap to the platform": await _tap(store, taking, platform, len(to_card))}


async def _store(store: Store, source_id: int, numbers: Sequence[int]) -> None:
    """Complaints of as many people, as listening stores them."""
    rows = [
        {
            "business_id": "crumb",
            "source_id": source_id,
            "author": {"external_id": str(each), "handle": f"ana{each}", "name": "", "url": ""},
            "platform": "mastodon",
            "external_id": str(each),
            "text": f"Waited {each % 50 + 10} minutes for one rye loaf at Crumb & Co and nobody even said sorry.",
            "account": "crumb",
            "posted_at": NOW,
            "day": NOW.date(),
            "heard_at": NOW,
            "checked_at": NOW,
            "due_at": NOW + timedelta(hours=4),
            "route": "api",
            "owed": True,
            **assessment_columns(COMPLAINT),
        }
        for each in numbers
    ]
    async with store.work() as session:
        await mentions.insert(session, rows)


@contextlib.asynccontextmanager
async def _at_work(
    store: Store, business: BusinessSettings, desk: Desk, room: Room, platform: Platform, folder: Path
) -> AsyncIterator[Taking]:
    """The chat and the outbox, each in its loop, as the daemon has them."""
    settings = Settings(installation=Installation(), businesses={business.id: business}, home=folder)
    chat = Chat(
        business.id, "room", "room", room, store, desk, lambda: settings, lambda: None, lambda: NOW  # type: ignore[arg-type]
    )  # fmt: skip
    taking = Taking(chat)
    outbox = Outbox(store, lambda source: platform, lambda: NOW)  # type: ignore[arg-type, return-value]
    async with store.work() as session:
        await identities.link(session, business.id, "room", "u1", business.owners[0].name, NOW)
    showing = Showing(chat, taking)
    while await showing.round() < REST:  # every open draft has its card, and all is quiet
        pass
    while not room.posted.empty():
        room.posted.get_nowait()
    tasks = [
        asyncio.create_task(keep_true(showing, store)),
        asyncio.create_task(_send(store, outbox)),
    ]
    try:
        yield taking
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(store: Store, outbox: Outbox) -> None:
    while True:
        version = store.version
        await send_due(outbox)
        await store.changes(version)


async def _tap(store: Store, taking: Taking, platform: Platform, number: int) -> list[float]:
    async with store.read() as session:
        waiting = [draft for draft, _ in await drafts.queue(session, "crumb", now=NOW, limit=2 * number)]
    taken = []
    for draft in [draft for draft in waiting if not draft.needs][:number]:
        began = time.perf_counter()
        await taking.take(Act("u1", Press(Verb.APPROVE, draft.id or 0, draft.revision)))
        taken.append((await platform.handed.get() - began) * 1e3)
    return taken
