"""What staff say that a mention is: kept, put over whatever a model thinks, and learned from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import UniqueConstraint, exists, func
from sqlalchemy import select as columns_of
from sqlmodel import Field, Index, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.assessment import Assessment, Intent, Polarity, Reason, Severity, SeverityLevel
from storage.models import Draft, Mention
from storage.record import Record
from storage.statements import insert_into

POLARITY, INTENT, SEVERITY, TOPIC = "polarity", "intent", "severity", "topic"

#: What feeling goes with what somebody wants, where one does.
FEELING = {Intent.COMPLAINT: Polarity.NEGATIVE, Intent.PRAISE: Polarity.POSITIVE}


class Correction(Record, table=True):
    """What one label of a mention was, and what a person says it is; a later one takes the place of an earlier one."""

    __table_args__ = (UniqueConstraint("mention_id", "label"), Index("ix_correction_at", "business_id", "at"))

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    mention_id: int = Field(foreign_key="mention.id", ondelete="CASCADE")
    #: Which wording of the post it is about; what its author changes must be judged anew.
    revision: int
    label: str
    #: What the model said, and which model that was.
    was: str
    now: str
    model: str
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """One label that a person gives, as it is written in a correction."""

    label: str
    value: str


def value_of(assessment: Assessment, label: str) -> str:
    """What `assessment` says under `label`, as it is written in a correction."""
    said = {
        POLARITY: assessment.polarity.value,
        INTENT: assessment.intent.value,
        SEVERITY: assessment.severity.level.word,
        TOPIC: ", ".join(assessment.topics),
    }
    return said[label]


def corrected(assessment: Assessment, claims: Sequence[Claim], by: str) -> Assessment:
    """`assessment` with what a person says in the place of what was thought; its reasons say who."""
    for claim in claims:
        assessment = _corrected(assessment, claim)
    reasons = tuple(each for each in assessment.reasons if each.rule != _rule(by))
    said = tuple(Reason(f"{claim.label}: {claim.value}", (), _rule(by)) for claim in claims)
    return replace(assessment, reasons=(*said, *reasons)) if claims else assessment


def _rule(by: str) -> str:
    return f"{by} said so"


def _corrected(assessment: Assessment, claim: Claim) -> Assessment:
    if claim.label == POLARITY:
        side = Polarity(claim.value)
        strength = {Polarity.POSITIVE: 0.5, Polarity.NEUTRAL: 0.0, Polarity.NEGATIVE: -0.5}[side]
        feels = assessment.sentiment if assessment.polarity is side else strength
        return replace(assessment, polarity=side, sentiment=feels, confidence=1.0, sarcasm=False)
    if claim.label == INTENT:
        return replace(assessment, intent=Intent(claim.value))
    if claim.label == SEVERITY:
        level = SeverityLevel[claim.value.upper()]
        kinds = assessment.severity.kinds if level else ()
        return replace(assessment, severity=Severity(level, kinds))
    return replace(assessment, topics=tuple(filter(None, claim.value.split(", "))))


async def keep(
    session: AsyncSession, mention: Mention, claims: Sequence[Claim], person: str, now: datetime
) -> Assessment:
    """Stores what a person says of a mention; gives what it is from here on."""
    before = mention.assessment
    values = [
        {
            "business_id": mention.business_id,
            "mention_id": mention.id,
            "revision": mention.revision,
            "label": claim.label,
            "was": value_of(before, claim.label),
            "now": claim.value,
            "model": before.model,
            "person": person,
            "at": now,
        }
        for claim in claims
    ]
    statement = insert_into(session, Correction)
    statement = statement.on_conflict_do_update(
        index_elements=["mention_id", "label"],
        set_={name: statement.excluded[name] for name in ("revision", "now", "person", "at")},
    )
    await session.execute(statement, values)
    return corrected(before, claims, person)


async def of_mentions(session: AsyncSession, mention_ids: Sequence[int]) -> dict[int, list[Correction]]:
    """What people said of these mentions as they are worded now, by mention."""
    statement = (
        select(Correction)
        .join(Mention, col(Mention.id) == col(Correction.mention_id))
        .where(col(Correction.mention_id).in_(mention_ids), col(Correction.revision) == col(Mention.revision))
        .order_by(col(Correction.id))
    )
    found: dict[int, list[Correction]] = defaultdict(list)
    for each in (await session.exec(statement)).all():
        found[each.mention_id].append(each)
    return found


def over(assessment: Assessment, said: Sequence[Correction]) -> Assessment:
    """`assessment` with these corrections over it."""
    for each in said:
        assessment = corrected(assessment, [Claim(each.label, each.now)], each.person)
    return assessment


async def polarities(session: AsyncSession, business_id: str, limit: int = 500) -> Counter[tuple[Polarity, Polarity]]:
    """How often which polarity was corrected to which, in the last `limit` corrections."""
    statement = (
        columns_of(col(Correction.was), col(Correction.now))
        .where(col(Correction.business_id) == business_id, col(Correction.label) == POLARITY)
        .order_by(col(Correction.at).desc())
        .limit(limit)
    )
    return Counter((Polarity(row.was), Polarity(row.now)) for row in await session.execute(statement))


async def marked(session: AsyncSession, business_id: str, limit: int = 150) -> list[tuple[str, bool]]:
    """Mentions that people have dealt with, as their texts and whether they are about the business; oldest first.

    At most `limit` of each: "not about us", and those whose reply was approved or whose labels were corrected.
    """
    approved = exists().where(col(Draft.mention_id) == col(Mention.id), col(Draft.approved_hash) != "")
    spoken_of = exists().where(col(Correction.mention_id) == col(Mention.id))
    told: list[tuple[int, str, bool]] = []
    for is_ours, wanted in ((True, ~col(Mention.not_us) & (approved | spoken_of)), (False, col(Mention.not_us))):
        statement = (
            columns_of(col(Mention.id), col(Mention.title), col(Mention.text))
            .where(col(Mention.business_id) == business_id, wanted, col(Mention.gone_at).is_(None))
            .order_by(col(Mention.id).desc())
            .limit(limit)
        )
        told += [(row.id, f"{row.title}\n{row.text}", is_ours) for row in await session.execute(statement)]
    return [(text, is_ours) for _, text, is_ours in sorted(told)]


async def confirmed(session: AsyncSession, mention_ids: Sequence[int]) -> set[int]:
    """Those of these mentions that people dealt with as being about the business."""
    approved = exists().where(col(Draft.mention_id) == col(Mention.id), col(Draft.approved_hash) != "")
    spoken_of = exists().where(col(Correction.mention_id) == col(Mention.id))
    statement = columns_of(col(Mention.id)).where(
        col(Mention.id).in_(mention_ids), ~col(Mention.not_us), approved | spoken_of
    )
    return {row[0] for row in await session.execute(statement)}


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Of the mentions that people dealt with, how many were judged as they see it."""

    right: int
    judged: int


async def accuracy(session: AsyncSession, business_id: str, since: datetime) -> Accuracy:
    """How mentions heard since then were judged; one whose reply was approved without a correction counts as right."""
    wrong = exists().where(col(Correction.mention_id) == col(Mention.id), col(Correction.now) != col(Correction.was))
    spoken_of = exists().where(col(Correction.mention_id) == col(Mention.id))
    approved = exists().where(col(Draft.mention_id) == col(Mention.id), col(Draft.approved_hash) != "")
    of_business = (col(Mention.business_id) == business_id, col(Mention.heard_at) >= since, ~col(Mention.not_us))
    counted = columns_of(func.count()).select_from(Mention)
    judged = await session.scalar(counted.where(*of_business, approved | spoken_of))
    mistaken = await session.scalar(counted.where(*of_business, wrong))
    return Accuracy((judged or 0) - (mistaken or 0), judged or 0)
