"""Tokens of the accounts that `warmline connect` was let into."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "token",
        sa.Column("source_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("business_id", AutoString(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("lease_until", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["business_id"], ["business.id"], name="fk_token_business_id_business", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name="fk_token_source_id_source", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("source_id", name="pk_token"),
    )
