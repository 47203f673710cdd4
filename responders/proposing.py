"""Gives every mention that wants a reply a draft, for a person to decide about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from config.settings import BusinessSettings
from responders.cases import make_case
from responders.drafting.base import Abstention, Case, Drafter, Finding, Proposal
from responders.drafting.wording import wording
from responders.escalation import needs_owner
from storage import Mention, Store, audit, drafts, mentions
from storage.assessment import Polarity
from storage.states import DraftState

log = structlog.get_logger()

_ORDER = {Polarity.NEGATIVE: 2, Polarity.NEUTRAL: 1, Polarity.POSITIVE: 0}


def how_bad(mention: Mention) -> int:
    """The mention's place in the queue: severity first, then polarity; higher is more urgent."""
    return mention.severity_level * 10 + _ORDER[mention.polarity]


async def draft_waiting(
    store: Store, businesses: Mapping[str, BusinessSettings], drafter: Drafter, now: datetime
) -> int:
    """Drafts for the mentions that want a reply and have none, the worst first; gives how many."""
    async with store.read() as session:
        owed = await mentions.owed(session, businesses)
    made = 0
    for mention in owed:
        made += await _draft_one(store, businesses[mention.business_id], mention, drafter, now)
    return made


async def _draft_one(
    store: Store, business: BusinessSettings, mention: Mention, drafter: Drafter, now: datetime
) -> bool:
    async with store.read() as session:
        case = await make_case(session, business, mention, now)
    row = _row(business, mention, *await _draft(drafter, case, mention), now)
    async with store.work() as session:
        fresh = await mentions.get(session, mention.business_id, mention.id or 0)
        if fresh is None or fresh.revision != mention.revision or not fresh.owed:
            return False  # it changed while we wrote: the next round drafts for what it says now
        draft = await drafts.propose(session, row)
        await mentions.want_no_draft(session, [mention.id or 0])
        if draft is None:
            return False
        detail = {"mention": mention.id, "ready": not row["needs"]}
        await audit.append(session, business.id, drafts.WARMLINE, "draft", f"draft {draft.id}", detail, now)
    log.info("draft made", business=business.id, draft=draft.id, mention=mention.id, state=row["state"].value)
    return True


async def _draft(drafter: Drafter, case: Case, mention: Mention) -> tuple[Proposal | Abstention, Sequence[Finding]]:
    """What the drafter answers, and what the rules say of it."""
    try:
        answer = await drafter.draft(case)
        if isinstance(answer, Proposal):
            return answer, answer.findings
        return answer, drafter.check(answer.skeleton, case) if answer.skeleton else ()
    except Exception:  # around one draft: a mention that a drafter stumbles over still reaches a person
        log.exception("draft broke", mention=mention.id)
        reason = "No draft could be made for this one, so the words are yours."
        return Abstention(reason, case.assessment.language), ()


def _row(
    business: BusinessSettings,
    mention: Mention,
    answer: Proposal | Abstention,
    findings: Sequence[Finding],
    now: datetime,
) -> dict[str, Any]:
    for_owner = answer.for_owner or needs_owner(business, mention)
    row = {
        "business_id": business.id,
        "mention_id": mention.id,
        "mention_revision": mention.revision,
        "state": DraftState.ESCALATED if for_owner else DraftState.PENDING,
        "language": answer.language,
        "reasons": list(answer.reasons),
        "for_owner": for_owner,
        "worst": how_bad(mention),
        "posted_at": mention.posted_at,
        "created_at": now,
        "changed_at": now,
        "due_at": mention.due_at,
        "expires_at": now + business.reply.expire_after,
    }
    if isinstance(answer, Abstention):
        return row | wording(answer.skeleton, answer.reason, findings, ())
    return row | wording(answer.text, "", findings, answer.commitments)
