"""The queue: what waits, the worst first, and what there is to know beside it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from responders.inbox.cards import Card, cards
from responders.inbox.pages import render
from responders.inbox.visits import Visit
from responders.inbox.words import whole
from responders.praise import is_plain_praise
from responders.voice import in_words
from storage import Session, alerts, drafts, promises, sources
from storage.acceptance import acceptance
from storage.states import UNDECIDED, DraftState, SourceState

_NOTHING = "Nothing waits for you. Everybody who wrote has been answered – well done."
#: The most urgent ones are shown; the others move up.
MOST = 100
RECENT_ALERTS = timedelta(days=1)
PROMISES_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the queue; `kind` names it, `empty` says what its emptiness means ("": it is left out)."""

    kind: str
    title: str
    hint: str
    cards: list[Card]
    number: int
    empty: str = ""


async def show(visit: Visit) -> web.Response:
    """The queue page; `?about=7` also says what has become of draft 7, with its undo."""
    now = visit.inbox.now()
    async with visit.store.read() as session:
        sections = await _sections(visit, session, now)
        about = await _about(visit, session)
        recent = [alert for alert in await alerts.recent(session, visit.id) if now - alert.made_at < RECENT_ALERTS]
        promised = [pair for pair in await promises.listing(session, visit.id) if pair[0].due_at < now + PROMISES_AHEAD]
        listening = await sources.listing(session, visit.id)
    deaf = [each for each in listening if each.state in (SourceState.FAULTY, SourceState.DENIED, SourceState.SILENT)]
    waits = {section.kind: section for section in sections}["waits"]
    praise = [card for card in waits.cards if is_plain_praise(card.draft, card.mention)]
    urgent = sum(section.number for section in sections if section.kind in ("waits", "owner")[: 1 + visit.is_owner])
    return render(
        visit,
        "queue.html",
        sections=sections,
        about=about,
        alerts=recent,
        promises=promised,
        deaf=deaf,
        praise=len(praise),
        waiting=urgent,
        listens=any(each.state is not SourceState.OFF for each in listening),
    )


async def _sections(visit: Visit, session: Session, now: datetime) -> list[Section]:
    counts = await drafts.counts(session, visit.id)

    async def section(
        kind: str, title: str, hint: str, states: Collection[DraftState], *, snoozed: bool = False, empty: str = ""
    ) -> Section:
        pairs = await drafts.queue(session, visit.id, now=now, states=states, snoozed=snoozed, limit=MOST)
        found = await cards(session, visit.business, visit.person, pairs)
        number = len(found) if len(found) < MOST else sum(counts.get(state, 0) for state in states)
        return Section(kind, title, hint, found, number, empty)

    waits = await section("waits", "Waits for you", "", {DraftState.PENDING}, empty=_NOTHING)
    hint = "Only you, as an owner, can decide about these." if visit.is_owner else "You can change the text meanwhile."
    for_owner = await section("owner", "Waits for an owner", hint, {DraftState.ESCALATED})
    return [
        *((for_owner, waits) if visit.is_owner else (waits, for_owner)),
        await section(
            "by-hand", "To post by hand", "Copy the text, open the post, paste it there.", {DraftState.HANDED_OFF}
        ),
        await section(
            "unconfirmed",
            "Unconfirmed",
            "The platform did not say whether these are posted. We look; you can look, too.",
            {DraftState.UNCONFIRMED},
        ),
        await _came_back(visit, session, now),
        await section("on-its-way", "On its way", "", {DraftState.APPROVED, DraftState.SENDING}),
        await section("snoozed", "Put off", "These come back by themselves.", UNDECIDED, snoozed=True),
        await _done(visit, session),
    ]


async def _came_back(visit: Visit, session: Session, now: datetime) -> Section:
    pairs = await drafts.latest(session, visit.id, {DraftState.REFUSED, DraftState.FAILED}, limit=20)
    fresh = [pair for pair in pairs if now - pair[0].changed_at < timedelta(days=7)]
    found = await cards(session, visit.business, visit.person, fresh)
    hint = "The platform did not take these, or does not show them."
    return Section("came-back", "Came back", hint, found, len(found))


async def _done(visit: Visit, session: Session) -> Section:
    states = {
        DraftState.SENT, DraftState.VISIBLE, DraftState.REJECTED, DraftState.EXPIRED, DraftState.WITHDRAWN
    }  # fmt: skip
    pairs = await drafts.latest(session, visit.id, states, limit=8)
    found = await cards(session, visit.business, visit.person, pairs)
    now = visit.inbox.now()
    fared = in_words(await acceptance(session, visit.id, now - timedelta(days=30), now), why=True)
    return Section("done", "Recently done", f"The last 30 days. {fared}" if fared else "", found, len(found))


async def _about(visit: Visit, session: Session) -> Card | None:
    """The draft that was just decided about."""
    found = await drafts.get(session, visit.id, whole(visit.request.query.get("about", "")) or 0)
    if found is None:
        return None
    return (await cards(session, visit.business, visit.person, [found]))[0]
