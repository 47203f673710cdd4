"""What all records share."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from sqlalchemy import JSON, MetaData
from sqlalchemy import Enum as Choice
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

#: For tables whose numbers stand in buttons, links and pages: the number of a deleted row is not given again. A tap on
#: an old card could approve what nobody saw. (SQLite's own default; PostgreSQL never gives one again.)
NEVER_AGAIN = {"sqlite_autoincrement": True}

Json = JSON().with_variant(JSONB(), "postgresql")


class Record(SQLModel):
    """What all records share: named constraints, so that both databases migrate alike."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


def choice(kind: type[Enum], name: str) -> Choice:
    """A column that stores an enumeration's values and refuses others, on both databases."""
    return Choice(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        values_callable=lambda members: [str(member.value) for member in members],
        length=24,
    )
