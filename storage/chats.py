"""The records of chats: the cards in them, who is who there, and what a chat keeps for itself."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, Text, UniqueConstraint, text
from sqlmodel import Field

from storage.record import NEVER_AGAIN, Json, Record, choice


class CardState(StrEnum):
    """Where a card is on its way."""

    #: It is to be posted.
    WANTED = "wanted"
    #: It stands in the chat and is repainted as its subject changes.
    POSTED = "posted"
    #: It shows how its subject ended.
    CLOSED = "closed"
    #: Its message was deleted, or it has nothing left to show.
    GONE = "gone"


class Subject(StrEnum):
    """What a card is about."""

    DRAFT = "draft"
    #: Several drafts that answer plain praise.
    BATCH = "batch"
    PROMISE = "promise"


_IS_LIVE = text("state in ('wanted', 'posted')")


class Card(Record, table=True):
    """A message in a chat that shows a draft, a batch or a promise; never the truth about it.

    `person` is who is asked where the place is theirs alone (empty: a room).
    `revision` and `members` are what the card shows: the wording of its
    draft, or `[[draft, revision], …]` of a batch and the batch's own number.
    `shown` is a digest of what was painted last; empty asks for a repaint.
    `step` counts how far asking has gone, `step_at` says when it goes on.
    `late` says that the chat was down when it was wanted. Claims are leases
    with a rising fence, as with deliveries.
    """

    __table_args__ = (
        Index(
            "uq_card_live_draft",
            "business_id",
            "channel",
            "draft_id",
            "person",
            unique=True,
            sqlite_where=_IS_LIVE,
            postgresql_where=_IS_LIVE,
        ),
        Index("ix_card_work", "business_id", "channel", "state", "next_at"),
        Index("ix_card_message", "business_id", "channel", "place", "message"),
        NEVER_AGAIN,
    )

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    channel: str
    subject: Subject = Field(sa_type=choice(Subject, "card_subject"))
    draft_id: int | None = Field(default=None, foreign_key="draft.id", ondelete="SET NULL", index=True)
    promise_id: int | None = Field(default=None, foreign_key="promise.id", ondelete="SET NULL", index=True)
    members: list[list[int]] = Field(default_factory=list, sa_type=Json)
    person: str = ""
    place: str
    message: str = ""
    state: CardState = Field(default=CardState.WANTED, sa_type=choice(CardState, "card_state"))
    revision: int = 1
    shown: str = ""
    wanted_at: datetime
    posted_at: datetime | None = None
    step: int = 0
    step_at: datetime | None = None
    #: Whose turn it was before.
    handed_by: str = ""
    late: bool = False
    mailed_at: datetime | None = None
    unveiled: bool = False
    tries: int = 0
    next_at: datetime
    lease_until: datetime | None = None
    fence: int = 0


class ChatIdentity(Record, table=True):
    """An account in a chat that belongs to a member of staff, by the chat's own stable id."""

    __tablename__ = "chat_identity"
    __table_args__ = (UniqueConstraint("business_id", "channel", "actor"),)

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    channel: str
    actor: str
    person: str
    linked_at: datetime


class LinkCode(Record, table=True):
    """A one-time code that ties a chat account to a person; only a hash of it is kept.

    `channel` is the only chat that takes it (empty: any of the business's).
    """

    __tablename__ = "link_code"

    hash: str = Field(primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    channel: str = ""
    person: str
    expires_at: datetime
    used_at: datetime | None = None


class ChatNote(Record, table=True):
    """A small text that one chat keeps over a restart."""

    __tablename__ = "chat_note"

    business_id: str = Field(primary_key=True, foreign_key="business.id", ondelete="CASCADE")
    channel: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str = Field(sa_type=Text)


class Exposure(Record, table=True):
    """One time that a member of staff was shown abusive words; counted for the owner's digest."""

    __table_args__ = (
        UniqueConstraint("business_id", "person", "draft_id"),
        Index("ix_exposure_at", "business_id", "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    business_id: str = Field(foreign_key="business.id", ondelete="CASCADE")
    person: str
    draft_id: int | None = Field(default=None, foreign_key="draft.id", ondelete="SET NULL")
    at: datetime
