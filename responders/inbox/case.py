"""One case: the post, why it was judged so, what was said before, and the draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from config.settings import Role
from connectors.lengths import length
from responders import correcting
from responders.cases import limits
from responders.errors import DecisionError
from responders.escalation import escalation_words
from responders.inbox import words
from responders.inbox.cards import Card, cards
from responders.inbox.pages import render, say, status_of
from responders.inbox.visits import Visit
from storage import Draft, Mention, Session, audit, deliveries, drafts, mentions, promises
from storage.states import Action, DraftState


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to a draft, in words; `text` is the wording where it made a new one."""

    at: datetime
    who: str
    did: str
    where: str = ""
    reason: str = ""
    text: str = ""


async def show(visit: Visit) -> web.Response:
    """The page of one draft."""
    return await page(visit)


async def page(visit: Visit, error: DecisionError | None = None, typed: str = "") -> web.Response:
    """The page as the draft stands now; after a refusal with its reason, and with the words that were `typed`."""
    draft_id = visit.number()
    async with visit.store.read() as session:
        found = await drafts.get(session, visit.id, draft_id)
        if found is None:
            raise web.HTTPNotFound
        card = (await cards(session, visit.business, visit.person, [found]))[0]
        wordings = {each.number: each.text for each in await drafts.revisions(session, visit.id, draft_id)}
        content: dict[str, Any] = {
            "card": card,
            "history": await mentions.thread(session, card.mention),
            "replies": await _other_replies(session, card),
            "steps": await _story(session, visit.id, card, wordings),
            "promises": await promises.of_draft(session, visit.id, draft_id),
            "next_card": await _next(session, visit, draft_id),
        }
    typed = "" if typed.strip() in {wording.strip() for wording in wordings.values()} else typed
    text = typed or card.draft.text
    checks = await look_at(visit, card.draft, card.mention, text) if Action.EDIT in card.actions else {}
    return render(
        visit,
        "case.html",
        200 if error is None else status_of(error),
        error=say(error) if error else None,
        typed=typed,
        text=text,
        checks=checks,
        may_overrule=_may_overrule(visit, card, checks),
        escalation=escalation_words(visit.business, f"{card.mention.title} {card.mention.text}"),
        snoozes=words.snoozes(visit.times),
        sayings=correcting.SAYINGS,
        has_owner=any(person.role is Role.OWNER for person in visit.business.staff),
        **content,
    )


async def check(visit: Visit) -> web.Response:
    """What the rules say of a text while it is typed, and how long it is."""
    draft_id = visit.number()
    async with visit.store.read() as session:
        found = await drafts.get(session, visit.id, draft_id)
    if found is None:
        raise web.HTTPNotFound
    checks = await look_at(visit, *found, visit.form.get("text", ""))
    return render(visit, "_checks.html", checks=checks)


async def look_at(visit: Visit, draft: Draft, mention: Mention, text: str) -> Mapping[str, Any]:
    """The findings about `text`, and its length under each limit of the platform."""
    findings = await visit.inbox.desk.check(visit.id, draft.id or 0, text.strip())
    lengths = [
        {"length": length(text.strip(), each.counter), "at_most": each.at_most, "unit": words.UNITS[each.counter]}
        for each in limits(mention)
    ]
    lacks_a_line = bool(draft.needs) and text.strip() == draft.text.strip()
    return {"findings": findings, "lengths": lengths, "lacks_a_line": lacks_a_line}


def _may_overrule(visit: Visit, card: Card, checks: Mapping[str, Any]) -> bool:
    """Whether this person could approve in spite of what the rules say, with a reason."""
    blocks = [finding for finding in checks.get("findings", ()) if finding.level == "block"]
    return visit.is_owner and bool(blocks) and not any(finding.final for finding in blocks)


async def _other_replies(session: Session, card: Card) -> Sequence[deliveries.Public]:
    """What we have answered to this very post under other drafts: its author has changed it since, or it was reopened."""
    replies = (await deliveries.public(session, [card.mention.id or 0])).get(card.mention.id or 0, ())
    return [reply for reply in replies if reply.draft_id != card.draft.id]


async def _next(session: Session, visit: Visit, draft_id: int) -> Card | None:
    """The most urgent other draft that waits."""
    states = {DraftState.PENDING, DraftState.ESCALATED} if visit.is_owner else {DraftState.PENDING}
    waiting = await drafts.queue(session, visit.id, now=visit.inbox.now(), states=states, limit=2)
    others = [pair for pair in waiting if pair[0].id != draft_id][:1]
    return next(iter(await cards(session, visit.business, visit.person, others)), None)


def _stars(detail: Mapping[str, Any]) -> str:
    return f"{detail['before']:g} → {detail['after']:g}" if "after" in detail else ""


async def _story(session: Session, business_id: str, card: Card, wordings: Mapping[int, str]) -> Sequence[Step]:
    """What happened so far, oldest first: the audit trail with the reasons and wordings that belong to it."""
    draft_id = card.draft.id or 0
    reasons = {(each.action, each.at): each.reason for each in await drafts.decisions(session, business_id, draft_id)}
    lines = await audit.recent(session, business_id, f"draft {draft_id}")
    lines += await audit.recent(session, business_id, f"mention {card.mention.id}")
    steps = []
    for line in sorted(lines, key=lambda line: line.id or 0):
        made = {"draft": 1, "edit": int(line.detail.get("revision", 0)) + 1}.get(line.what, 0)
        steps.append(
            Step(
                line.at,
                "Warmline" if line.who == drafts.WARMLINE else line.who,
                words.DEEDS.get(line.what, line.what),
                str(line.detail.get("channel", "")),
                reasons.get((line.what, line.at), "") or _stars(line.detail),
                wordings.get(made, ""),
            )
        )
    return steps
