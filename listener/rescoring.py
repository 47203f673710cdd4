"""Judges a business's history anew: slice by slice, so that the daemon goes on with its work in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from config.settings import BusinessSettings
from listener.analysis.assessing import Asked
from listener.analysis.opinion import Opinion
from listener.digest.figures import wilson
from listener.pipeline import Understanding
from storage import Mention, Session, Store, corrections, mentions, rescoring
from storage.assessment import Assessment
from storage.models import assessment_columns
from storage.rescoring import Progress

#: Mentions in one slice: some milliseconds of work, one transaction.
SLICE = 50

_LATELY = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Rescored:
    """How far it is: mentions judged, how many of them are judged otherwise now, and how many are left."""

    done: int
    changed: int
    left: int


async def rescore(
    store: Store, business: BusinessSettings, understanding: Understanding, now: datetime, seconds: float
) -> Rescored:
    """Goes on for about so many `seconds`; what people have corrected stays as they said.

    Drafts, alerts and what is owed are left alone: only the judgement changes.
    """
    model, until = understanding.assessor.model, time.monotonic() + seconds
    while True:
        async with store.read() as session:
            reached = await rescoring.progress(session, business.id, model)
            batch = await rescoring.after(session, business.id, reached.last, SLICE)
            if not batch or time.monotonic() > until:
                left = await rescoring.left(session, business.id, reached.last)
                break
        await _slice(store, business, understanding, batch, reached, now)
        await asyncio.sleep(0)
    if not left:
        async with store.work() as session:
            await rescoring.end(session, business.id)
    return Rescored(reached.done, reached.changed, left)


async def _slice(
    store: Store,
    business: BusinessSettings,
    understanding: Understanding,
    batch: Sequence[Mention],
    reached: Progress,
    now: datetime,
) -> None:
    thoughts = await asyncio.to_thread(understanding.assessor.think, [_text(mention) for mention in batch])
    asked = [_asked(mention, thought) for mention, thought in zip(batch, thoughts, strict=True)]
    judged = understanding.assessor.assess_all(asked)
    async with store.work() as session:
        lesson = await understanding.lessons.of(session, business, now)
        said = await corrections.of_mentions(session, [mention.id for mention in batch if mention.id])
        changed = 0
        for mention, assessment in zip(batch, judged, strict=True):
            after = corrections.over(lesson.calibration.adjust(assessment), said.get(mention.id or 0, ()))
            changed += await _keep(session, mention, after)
        last = batch[-1].id or 0
        going_on = replace(reached, last=last, done=reached.done + len(batch), changed=reached.changed + changed)
        await rescoring.keep(session, business.id, going_on)


async def how_judged(store: Store, business_id: str, now: datetime) -> str:
    """How well the mentions of the last 90 days were judged, as far as staff said; empty where nobody dealt with one."""
    async with store.read() as session:
        found = await corrections.accuracy(session, business_id, now - _LATELY)
    if not found.judged:
        return ""
    low, high = wilson(found.right, found.judged)
    return (
        f"{found.right} of {found.judged} that staff dealt with in 90 days were judged right "
        f"({found.right / found.judged:.0%}; with 95 % confidence between {low:.0%} and {high:.0%})"
    )


def _text(mention: Mention) -> str:
    return "\n\n".join(part for part in (mention.title, mention.text) if part)


def _asked(mention: Mention, thought: Opinion | None) -> Asked:
    return Asked(_text(mention), mention.rating, "" if mention.language == "und" else mention.language, thought)


async def _keep(session: Session, read: Mention, after: Assessment) -> bool:
    """Stores it, unless the author has edited the post since it was read; whether it says anything else now."""
    mention = await mentions.get(session, read.business_id, read.id or 0)
    if mention is None or mention.revision != read.revision or mention.gone_at is not None:
        return False
    before = mention.assessment
    if after == before:
        return False
    await mentions.reassess(session, read.id or 0, assessment_columns(after))
    return replace(after, model="", reasons=()) != replace(before, model="", reasons=())
