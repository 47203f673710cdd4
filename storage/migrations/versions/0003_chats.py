"""Cards in chats, who is who there, and what a chat keeps for itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
LIVE = sa.text("state in ('wanted', 'posted')")


def upgrade() -> None:
    """Makes the tables."""
    _card()
    op.create_table(
        "chat_identity",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("business_id", AutoString(), nullable=False),
        sa.Column("channel", AutoString(), nullable=False),
        sa.Column("actor", AutoString(), nullable=False),
        sa.Column("person", AutoString(), nullable=False),
        sa.Column("linked_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"], ["business.id"], name="fk_chat_identity_business_id_business", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_chat_identity"),
        sa.UniqueConstraint("business_id", "channel", "actor", name="uq_chat_identity_business_id"),
    )
    op.create_table(
        "link_code",
        sa.Column("hash", AutoString(), nullable=False),
        sa.Column("business_id", AutoString(), nullable=False),
        sa.Column("channel", AutoString(), nullable=False),
        sa.Column("person", AutoString(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("used_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["business_id"], ["business.id"], name="fk_link_code_business_id_business", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name="pk_link_code"),
    )
    op.create_table(
        "chat_note",
        sa.Column("business_id", AutoString(), nullable=False),
        sa.Column("channel", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"], ["business.id"], name="fk_chat_note_business_id_business", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("business_id", "channel", "name", name="pk_chat_note"),
    )
    op.create_table(
        "exposure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("business_id", AutoString(), nullable=False),
        sa.Column("person", AutoString(), nullable=False),
        sa.Column("draft_id", sa.Integer(), nullable=True),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"], ["business.id"], name="fk_exposure_business_id_business", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.id"], name="fk_exposure_draft_id_draft", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_exposure"),
        sa.UniqueConstraint("business_id", "person", "draft_id", name="uq_exposure_business_id"),
    )
    op.create_index("ix_exposure_at", "exposure", ["business_id", "at"], unique=False)


def _card() -> None:
    states, subjects = ("wanted", "posted", "closed", "gone"), ("draft", "batch", "promise")
    op.create_table(
        "card",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("business_id", AutoString(), nullable=False),
        sa.Column("channel", AutoString(), nullable=False),
        sa.Column("subject", _choice(subjects, "card_subject"), nullable=False),
        sa.Column("draft_id", sa.Integer(), nullable=True),
        sa.Column("promise_id", sa.Integer(), nullable=True),
        sa.Column("members", Json, nullable=False),
        sa.Column("person", AutoString(), nullable=False),
        sa.Column("place", AutoString(), nullable=False),
        sa.Column("message", AutoString(), nullable=False),
        sa.Column("state", _choice(states, "card_state"), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("shown", AutoString(), nullable=False),
        sa.Column("wanted_at", UTCDateTime(), nullable=False),
        sa.Column("posted_at", UTCDateTime(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("step_at", UTCDateTime(), nullable=True),
        sa.Column("handed_by", AutoString(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("mailed_at", UTCDateTime(), nullable=True),
        sa.Column("unveiled", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", UTCDateTime(), nullable=False),
        sa.Column("lease_until", UTCDateTime(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"], ["business.id"], name="fk_card_business_id_business", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.id"], name="fk_card_draft_id_draft", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["promise_id"], ["promise.id"], name="fk_card_promise_id_promise", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_card"),
    )
    op.create_index("ix_card_draft_id", "card", ["draft_id"], unique=False)
    op.create_index("ix_card_promise_id", "card", ["promise_id"], unique=False)
    op.create_index("ix_card_message", "card", ["business_id", "channel", "place", "message"], unique=False)
    op.create_index("ix_card_work", "card", ["business_id", "channel", "state", "next_at"], unique=False)
    op.create_index(
        "uq_card_live_draft",
        "card",
        ["business_id", "channel", "draft_id", "person"],
        unique=True,
        sqlite_where=LIVE,
        postgresql_where=LIVE,
    )


def _choice(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)
