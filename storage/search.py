"""Finding mentions by their words, newest first.

SQLite keeps an FTS5 index beside the table (triggers of the migration feed
it), PostgreSQL a generated `tsvector`. Results come by age, never by rank: to
rank a common word, every mention that holds it would have to be read. The
index itself gives them by age, so that it is read no further than the page.
"""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy import column, table, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.models import Mention

_WORD = re.compile(r"\w+")
_ACCENT = re.compile("[\u0300-\u036f]")
_MOST_WORDS = 12
_INDEX = table("mention_search", column("rowid"))


async def search(
    session: AsyncSession, business_id: str, words: str, *, before: int | None = None, limit: int = 50
) -> list[Mention]:
    """Mentions that hold every word of `words` (the last one may be unfinished), newest first.

    Upper and lower case are alike, and so are letters with and without accents.
    `before` is the id of the last one of the page before. No words: nothing.
    """
    wanted = _WORD.findall(_ACCENT.sub("", unicodedata.normalize("NFKD", words)))[:_MOST_WORDS]
    if not wanted:
        return []
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    number = _INDEX.c.rowid if is_sqlite else col(Mention.id)
    condition, value = _in_sqlite(wanted) if is_sqlite else _in_postgresql(wanted)
    statement = (
        select(Mention)
        .where(col(Mention.business_id) == business_id, text(condition).bindparams(words=value))
        .order_by(number.desc())
        .limit(limit)
    )
    if is_sqlite:
        statement = statement.where(col(Mention.id) == _INDEX.c.rowid)
    if before is not None:
        statement = statement.where(number < before)
    return list((await session.exec(statement)).all())


def _in_sqlite(words: list[str]) -> tuple[str, str]:
    return "mention_search match :words", " ".join(f'"{word}"' for word in words) + "*"


def _in_postgresql(words: list[str]) -> tuple[str, str]:
    return "mention.searchable @@ to_tsquery('simple', :words)", " & ".join(f"'{word}'" for word in words) + ":*"
