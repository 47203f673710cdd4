"""What staff say of mentions, which mentions repeat another, and which are perhaps not about the business."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table and the columns."""
    op.create_table(
        "correction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("business_id", AutoString(), nullable=False),
        sa.Column("mention_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("label", AutoString(), nullable=False),
        sa.Column("was", AutoString(), nullable=False),
        sa.Column("now", AutoString(), nullable=False),
        sa.Column("model", AutoString(), nullable=False),
        sa.Column("person", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"], ["business.id"], name="fk_correction_business_id_business", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["mention_id"], ["mention.id"], name="fk_correction_mention_id_mention", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_correction"),
        sa.UniqueConstraint("mention_id", "label", name="uq_correction_mention_id"),
    )
    op.create_index("ix_correction_at", "correction", ["business_id", "at"], unique=False)
    op.add_column("mention", sa.Column("doubt", AutoString(), nullable=False, server_default=""))
    op.add_column("mention", sa.Column("repost", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("mention", sa.Column("first_id", sa.Integer(), nullable=True))
    for name, columns, where in (
        ("ix_mention_not_us", ["business_id", "id"], "not_us"),
        ("ix_mention_first", ["first_id"], "repost"),
    ):
        op.create_index(
            name, "mention", columns, unique=False, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
