"""The batch of plain praise: every text in full, one tap for all of them."""

from __future__ import annotations

from aiohttp import web

from responders.approvals import Desk
from responders.errors import DecisionError
from responders.inbox.cards import cards
from responders.inbox.pages import render, say
from responders.inbox.visits import Visit
from responders.inbox.words import whole
from responders.praise import MOST, is_plain_praise
from storage import drafts
from storage.states import DraftState


async def show(visit: Visit) -> web.Response:
    """What can be approved together."""
    async with visit.store.read() as session:
        waiting = await drafts.queue(session, visit.id, now=visit.inbox.now(), states={DraftState.PENDING}, limit=1000)
        chosen = [pair for pair in waiting if is_plain_praise(*pair)]
        found = await cards(session, visit.business, visit.person, chosen[:MOST])
    return render(visit, "praise.html", cards=found, more=len(chosen) - len(found))


async def approve(visit: Visit) -> web.Response:
    """Approves what was ticked, each text on its own, and lists what became of each."""
    chosen = [pair for pair in map(_pair, visit.form.getall("chosen", [])) if pair][:MOST]
    desk: Desk = visit.inbox.desk
    answers = await desk.approve_many(visit.id, chosen, visit.person.name, "inbox")
    outcomes = []
    async with visit.store.read() as session:
        for (draft_id, _), answer in zip(chosen, answers, strict=True):
            found = await drafts.get(session, visit.id, draft_id)
            if found is None:
                continue
            card = (await cards(session, visit.business, visit.person, [found]))[0]
            outcomes.append((card, say(answer) if isinstance(answer, DecisionError) else None))
    return render(visit, "praised.html", outcomes=outcomes)


def _pair(value: str) -> tuple[int, int] | None:
    """A draft and its revision from "7:2"; None where the form was tampered with."""
    draft, _, revision = value.partition(":")
    numbers = whole(draft), whole(revision)
    return (numbers[0], numbers[1]) if numbers[0] is not None and numbers[1] is not None else None
