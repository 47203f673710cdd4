"""The history of the tables."""

from __future__ import annotations

from sqlalchemy.engine import URL

from storage.models import Record


async def upgrade(url: URL) -> None:
    """Brings the database at `url` to this version's tables."""
    from storage.database import writing_engine

    engine = writing_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(Record.metadata.create_all)
    await engine.dispose()
