"""The records: what one row of each table is.

Every record belongs to a business. Times are aware and in UTC (SQLModel's
plain `datetime` column refuses naive ones on both databases). Table models do
not validate: what comes from outside is validated before it gets here.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, text
from sqlmodel import Field

from storage.assessment import (
    Assessment,
    Emotion,
    Intent,
    Polarity,
    Reason,
    Severity,
    SeverityKind,
    SeverityLevel,
)
from storage.record import NEVER_AGAIN, Json, Record, choice
from storage.states import OPEN, DraftState, PromiseState, SourceState


class Business(Record, table=True):
    """A business we work for; `id` is the name of its file."""

    id: str = Field(primary_key=True, max_length=64)
    name: str


class Source(Record, table=True):
    """One configured place to listen, where its last fetch ended, and how it is doing."""

    __table_args__ = (UniqueConstraint("business_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    name: str
    type: str
    state: SourceState = Field(default=SourceState.ON, sa_type=choice(SourceState, "source_state"))
    #: The connector's own JSON; None before the first fetch.
    cursor: dict[str, Any] | None = Field(default=None, sa_type=Json)
    #: Failures in a row, and what the last one said in the user's words.
    failures: int = 0
    fault: str = Field(default="", sa_type=Text)
    failing_since: datetime | None = None
    next_at: datetime | None = None
    polled_at: datetime | None = None
    #: When it last answered properly, and when it last brought a post.
    answered_at: datetime | None = None
    heard_at: datetime | None = None


class Token(Record, table=True):
    """What `warmline connect` obtained for one source, encrypted; renewed by whoever holds the lease.

    `version` rises with every change, so that of two who write only one does.
    """

    source_id: int = Field(
        primary_key=True, foreign_key="source.id", ondelete="CASCADE", sa_column_kwargs={"autoincrement": False}
    )
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    sealed: str = Field(sa_type=Text)
    version: int = 1
    lease_until: datetime | None = None


class Author(Record, table=True):
    """Who wrote a mention, as far as the platform tells; erasable."""

    __table_args__ = (UniqueConstraint("business_id", "platform", "external_id"), NEVER_AGAIN)

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    platform: str
    external_id: str
    handle: str = ""
    name: str = ""
    url: str = ""


class Mention(Record, table=True):
    """A post that concerns a business, with what we think it is.

    `external_id` is the platform's own and unique per business and platform;
    `revision` counts the author's edits. `posted_at` falls back to `heard_at`
    where the platform does not tell. `owed` is true while it wants a reply and
    has none; `due_at` is the target for that.
    """

    __table_args__ = (
        UniqueConstraint("business_id", "platform", "external_id"),
        CheckConstraint("route in ('api', 'handoff', 'none')", name="route"),
        Index("ix_mention_history", "business_id", "posted_at", "id"),
        Index("ix_mention_author", "author_id", "posted_at"),
        Index("ix_mention_check", "source_id", "checked_at"),
        Index("ix_mention_owed", "business_id", "id", sqlite_where=text("owed"), postgresql_where=text("owed")),
        Index("ix_mention_not_us", "business_id", "id", sqlite_where=text("not_us"), postgresql_where=text("not_us")),
        Index("ix_mention_first", "first_id", sqlite_where=text("repost"), postgresql_where=text("repost")),
        NEVER_AGAIN,
    )

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    source_id: int = Field(foreign_key="source.id", ondelete="CASCADE")
    author_id: int | None = Field(default=None, foreign_key="author.id", ondelete="SET NULL")
    platform: str
    external_id: str
    revision: int = 1
    text: str = Field(sa_type=Text)
    title: str = ""
    url: str = ""
    rating: float | None = None
    in_reply_to: str = ""
    place: str = ""
    #: The account of ours that would answer.
    account: str = ""
    #: JSON that the connector wants back when it answers.
    context: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    posted_at: datetime
    #: The day it was posted, in the business's time zone; what the daily counts go by.
    day: date
    heard_at: datetime
    edited_at: datetime | None = None
    gone_at: datetime | None = None
    #: When its platform was last asked whether it still stands as we keep it.
    checked_at: datetime
    #: How it may be answered, why so, and `[[counter, at_most], …]`.
    route: str = "none"
    route_reason: str = ""
    limits: list[list[Any]] = Field(default_factory=list, sa_type=Json)
    #: What the platform wants a reply to begin with ("@ana@town.example "); part of every draft.
    opening: str = ""
    #: The words of ours that were found in it, as `[[start, end], …]` in `text`.
    matched: list[list[int]] = Field(default_factory=list, sa_type=Json)
    owed: bool = False
    not_us: bool = False
    #: Why it is perhaps not about the business (empty: no doubt).
    doubt: str = ""
    #: Whether it says what another mention said before, and which (None: that one is not kept any more).
    repost: bool = False
    first_id: int | None = None
    due_at: datetime | None = None
    #: The assessment (see `storage.assessment.Assessment`).
    language: str = "und"
    sentiment: float = 0.0
    polarity: Polarity = Field(default=Polarity.NEUTRAL, sa_type=choice(Polarity, "polarity"))
    confidence: float = 0.0
    emotion: Emotion = Field(default=Emotion.UNSURE, sa_type=choice(Emotion, "emotion"))
    intent: Intent = Field(default=Intent.OTHER, sa_type=choice(Intent, "intent"))
    severity_level: int = 0
    severity_kinds: list[str] = Field(default_factory=list, sa_type=Json)
    topics: list[str] = Field(default_factory=list, sa_type=Json)
    reasons: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    sarcasm: bool = False
    model: str = ""

    @property
    def assessment(self) -> Assessment:
        """What we think of it, as one value."""
        return Assessment(
            language=self.language,
            sentiment=self.sentiment,
            polarity=self.polarity,
            confidence=self.confidence,
            emotion=self.emotion,
            intent=self.intent,
            severity=Severity(
                SeverityLevel(self.severity_level), tuple(SeverityKind(kind) for kind in self.severity_kinds)
            ),
            topics=tuple(self.topics),
            reasons=tuple(Reason(r["label"], tuple(r["words"]), r["rule"]) for r in self.reasons),
            model=self.model,
            sarcasm=self.sarcasm,
        )


def assessment_columns(assessment: Assessment) -> dict[str, Any]:
    """The columns of a mention that hold `assessment`; `Mention.assessment` reads them back."""
    return {
        "language": assessment.language,
        "sentiment": assessment.sentiment,
        "polarity": assessment.polarity,
        "confidence": assessment.confidence,
        "emotion": assessment.emotion,
        "intent": assessment.intent,
        "severity_level": int(assessment.severity.level),
        "severity_kinds": [kind.value for kind in assessment.severity.kinds],
        "topics": list(assessment.topics),
        "reasons": [{"label": r.label, "words": list(r.words), "rule": r.rule} for r in assessment.reasons],
        "sarcasm": assessment.sarcasm,
        "model": assessment.model,
    }


_OPEN_STATES = ", ".join(f"'{state.value}'" for state in sorted(OPEN))
_IS_OPEN = text(f"state in ({_OPEN_STATES})")


class Draft(Record, table=True):
    """A proposed reply on its way through `storage.states.MOVES`.

    `text` is that of `revision`. `needs` says why a person must write
    something before it can be approved (empty: ready). `worst` orders the
    queue: severity level, then polarity. `until` is when a snooze ends.
    """

    __table_args__ = (
        Index(
            "uq_draft_open",
            "mention_id",
            unique=True,
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
        Index(
            "ix_draft_queue",
            "business_id",
            "worst",
            "posted_at",
            "id",
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
        NEVER_AGAIN,
    )

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    mention_id: int = Field(foreign_key="mention.id", ondelete="CASCADE", index=True)
    mention_revision: int
    state: DraftState = Field(default=DraftState.PENDING, sa_type=choice(DraftState, "draft_state"), index=True)
    revision: int = 1
    text: str = Field(sa_type=Text)
    language: str = "und"
    needs: str = ""
    reasons: list[str] = Field(default_factory=list, sa_type=Json)
    findings: list[dict[str, str]] = Field(default_factory=list, sa_type=Json)
    promises: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    worst: int = 0
    posted_at: datetime
    created_at: datetime
    changed_at: datetime
    due_at: datetime | None = None
    expires_at: datetime | None = None
    until: datetime | None = None
    #: Only an owner decides about it, even when it was recalled or opened again.
    for_owner: bool = False
    #: Why it stands where it stands, in the user's words (refused because…, rejected because…).
    note: str = Field(default="", sa_type=Text)
    #: Set by approval: who, and the hash that binds text, target, mention revision and account.
    approved_by: str = ""
    approved_hash: str = ""


class Revision(Record, table=True):
    """One wording of a draft; `by` is a person's name, or "warmline"."""

    __table_args__ = (UniqueConstraint("draft_id", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    draft_id: int = Field(foreign_key="draft.id", ondelete="CASCADE")
    number: int
    text: str = Field(sa_type=Text)
    by: str
    at: datetime


class Decision(Record, table=True):
    """One person's choice about exactly one revision of one draft."""

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    draft_id: int = Field(foreign_key="draft.id", ondelete="CASCADE", index=True)
    revision: int
    action: str
    person: str
    #: Where it was made: inbox, terminal, or a chat's name.
    channel: str
    reason: str = Field(default="", sa_type=Text)
    at: datetime


class Delivery(Record, table=True):
    """The attempt to publish one approved draft: the outbox.

    `text` and `target` are frozen at approval; `key` names this publication on
    platforms that take one. `not_before` is the end of the undo window, a
    retry's time, or when a read-back proves something. `fence` rises with
    every claim, so a late worker cannot write over a newer one's record.
    While unconfirmed, `misses` counts looks that proved it is not there, and
    `unsure` those that proved nothing.
    """

    __table_args__ = (
        Index("ix_delivery_due", "state", "not_before"),
        Index("uq_delivery_open", "draft_id", unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
    )

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    draft_id: int = Field(foreign_key="draft.id", ondelete="CASCADE")
    source_id: int = Field(foreign_key="source.id", ondelete="CASCADE")
    revision: int
    text: str = Field(sa_type=Text)
    target: dict[str, Any] = Field(sa_type=Json)
    key: str
    hash: str
    state: DraftState = Field(default=DraftState.APPROVED, sa_type=choice(DraftState, "delivery_state"))
    not_before: datetime
    lease_until: datetime | None = None
    owner: str = ""
    fence: int = 0
    tries: int = 0
    misses: int = 0
    unsure: int = 0
    first_claimed_at: datetime | None = None
    sent_at: datetime | None = None
    receipt_id: str = ""
    receipt_url: str = ""
    note: str = Field(default="", sa_type=Text)


class Promise(Record, table=True):
    """Something an approved reply committed the business to."""

    __table_args__ = (Index("ix_promise_due", "business_id", "state", "due_at"), NEVER_AGAIN)

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    draft_id: int = Field(foreign_key="draft.id", ondelete="CASCADE")
    what: str
    person: str
    due_at: datetime
    state: PromiseState = Field(default=PromiseState.OPEN, sa_type=choice(PromiseState, "promise_state"))
    closed_at: datetime | None = None


class Alert(Record, table=True):
    """Something that cannot wait, told once; `key` keeps it from being told twice."""

    __table_args__ = (UniqueConstraint("business_id", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    key: str
    mention_id: int | None = Field(default=None, foreign_key="mention.id", ondelete="CASCADE")
    critical: bool = False
    text: str = Field(sa_type=Text)
    made_at: datetime
    told_at: datetime | None = None
    tries: int = 0
    next_at: datetime | None = None


class Digest(Record, table=True):
    """An owner's week, composed once per ISO week in the business's time zone."""

    __table_args__ = (UniqueConstraint("business_id", "year", "week"),)

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    year: int
    week: int
    composed_at: datetime
    html: str = Field(sa_type=Text)
    plain: str = Field(sa_type=Text)
    figures: dict[str, Any] = Field(sa_type=Json)
    sent_at: datetime | None = None
    tries: int = 0
    next_at: datetime | None = None
    note: str = Field(default="", sa_type=Text)


class Gap(Record, table=True):
    """A stretch of time in which a source could not be heard; open while `until` is None."""

    __table_args__ = (Index("ix_gap_source", "source_id", "since"),)

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    source_id: int = Field(foreign_key="source.id", ondelete="CASCADE")
    since: datetime
    until: datetime | None = None
    reason: str = Field(sa_type=Text)


class Spending(Record, table=True):
    """What a source's calls cost on one day (UTC), in millionths of the currency."""

    __table_args__ = (UniqueConstraint("source_id", "day"),)

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    source_id: int = Field(foreign_key="source.id", ondelete="CASCADE")
    day: date
    calls: int = 0
    micros: int = 0
    currency: str = "USD"


class Sample(Record, table=True):
    """An item that could not be read, kept so that nothing is lost in silence."""

    __table_args__ = (UniqueConstraint("source_id", "fingerprint"),)

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    source_id: int = Field(foreign_key="source.id", ondelete="CASCADE")
    fingerprint: str
    external_id: str = ""
    reason: str = Field(sa_type=Text)
    sample: str = Field(sa_type=Text)
    seen_at: datetime


class Rollup(Record, table=True):
    """One day's mentions of one source and polarity, counted as they are stored (day in the business's time zone)."""

    __table_args__ = (UniqueConstraint("business_id", "day", "source_id", "polarity"),)

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    source_id: int = Field(foreign_key="source.id", ondelete="CASCADE")
    day: date
    polarity: Polarity = Field(sa_type=choice(Polarity, "rollup_polarity"))
    mentions: int = 0
    sentiment: float = 0.0


class Tombstone(Record, table=True):
    """A keyed hash of something erased, so that the next poll cannot bring it back."""

    __table_args__ = (UniqueConstraint("business_id", "hash"),)

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    hash: str
    at: datetime


class Entry(Record, table=True):
    """One line of the audit trail: append-only, each hashed over the one before."""

    __tablename__ = "audit"

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE", index=True)
    at: datetime
    who: str
    what: str
    subject: str
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    previous: str
    hash: str


class LoginLink(Record, table=True):
    """A one-time way into the inbox for one person; only a hash of it is kept."""

    __tablename__ = "login_link"

    hash: str = Field(primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    person: str
    expires_at: datetime
    used_at: datetime | None = None


class LoginSession(Record, table=True):
    """A browser that is signed in; only a hash of its cookie is kept."""

    __tablename__ = "login_session"

    hash: str = Field(primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    person: str
    token: str
    made_at: datetime
    expires_at: datetime


class Setting(Record, table=True):
    """Small facts the installation keeps about itself (the tombstones' key, the version that last ran)."""

    name: str = Field(primary_key=True)
    value: str = Field(sa_type=Text)
