"""Where SQLite and PostgreSQL would differ if nobody took care."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

#: The largest number that a row can have.
_LAST_ID = 2**31 - 1


def is_id(number: int) -> bool:
    """Whether a row can have this number; PostgreSQL refuses to look for any other."""
    return 0 < number <= _LAST_ID


def insert_into(session: AsyncSession, record: type[SQLModel] | Table) -> Any:
    """An insert that knows `on_conflict_…`, for the database at hand."""
    dialect = session.get_bind().dialect.name
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(record)
