"""What people decide in the inbox; every decision goes to the desk, bound to the revision they saw."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from responders import correcting
from responders.approvals import Choice
from responders.errors import DecisionError
from responders.inbox import case
from responders.inbox.pages import see
from responders.inbox.visits import Visit
from responders.inbox.words import snoozes, whole
from storage import Draft, drafts, mentions
from storage.states import MOVES, PEOPLE, Action

#: What a person may send; the rest is the system's.
_ACTIONS = {action.value: action for (_, action), move in MOVES.items() if move.roles & PEOPLE}


async def decide(visit: Visit) -> web.Response:
    """Takes one decision; where it is refused, the case is shown as it is now, with the reason and what was typed."""
    async with visit.store.read() as session:
        found = await drafts.get(session, visit.id, visit.number())
    if found is None:
        raise web.HTTPNotFound
    try:
        await _take(visit, found[0])
    except DecisionError as error:
        return await case.page(visit, error, typed=visit.form.get("text", ""))
    came_from_queue = visit.form.get("from") == "queue"
    return see(f"/?about={visit.number()}" if came_from_queue else f"/drafts/{visit.number()}")


async def _take(visit: Visit, draft: Draft) -> None:
    action = _ACTIONS.get(visit.form.get("action", ""))
    revision = whole(visit.form.get("revision", ""))
    if action is None or revision is None:
        raise DecisionError("The inbox does not know this decision.", "Nothing was changed.", "Please try again.")
    choice = Choice(
        visit.id,
        visit.number(),
        revision,
        action,
        visit.person.name,
        "inbox",
        text=visit.form.get("text", ""),
        reason=visit.form.get("reason", "").strip(),
        until=_until(visit) if action is Action.SNOOZE else None,
        link=visit.form.get("link", ""),
    )
    if action is Action.APPROVE and "text" in visit.form:
        choice = await _save_first(visit, draft, choice)
    await visit.inbox.desk.decide(choice)


async def _save_first(visit: Visit, draft: Draft, choice: Choice) -> Choice:
    """Where the text was changed before it was approved, two decisions in order: the edit, then yes to exactly that."""
    if draft.revision == choice.revision and draft.text.strip() == choice.text.strip():
        return choice
    edit = Choice(visit.id, choice.draft, choice.revision, Action.EDIT, choice.person, "inbox", text=choice.text)
    saved = await visit.inbox.desk.decide(edit)
    return Choice(visit.id, choice.draft, saved.revision, Action.APPROVE, choice.person, "inbox", reason=choice.reason)


def _until(visit: Visit) -> datetime | None:
    """The end of a snooze: one of the usual times, or a time of the person's own in the business's zone."""
    chosen = visit.form.get("until", "")
    usual = {key: moment for key, _, moment in snoozes(visit.times)}
    if chosen in usual:
        return usual[chosen].astimezone(UTC)
    try:
        own = datetime.fromisoformat(visit.form.get("at", ""))
        return own.replace(tzinfo=visit.business.business.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


async def correct(visit: Visit) -> web.Response:
    """Puts what a person says of a mention over what was thought of it."""
    mention_id = visit.number()
    said = visit.form.get("said", "")
    async with visit.store.read() as session:
        if await mentions.get(session, visit.id, mention_id) is None:
            raise web.HTTPNotFound
    if said not in correcting.SAYINGS:
        raise web.HTTPBadRequest(text="The inbox does not know this label.")
    await correcting.correct(visit.inbox.desk, visit.id, mention_id, said, visit.person.name, "inbox")
    return see(f"/mentions/{mention_id}")


async def not_us(visit: Visit) -> web.Response:
    """Marks a mention as not about the business."""
    mention_id = visit.number()
    async with visit.store.read() as session:
        if await mentions.get(session, visit.id, mention_id) is None:
            raise web.HTTPNotFound
    await visit.inbox.desk.not_us(visit.id, mention_id, visit.person.name, "inbox")
    return see(f"/mentions/{mention_id}")
