"""Mentions: written a page at a time, read newest first."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, tuple_, update
from sqlalchemy import select as columns_of
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.assessment import Polarity, SeverityLevel
from storage.deliveries import Public, public
from storage.drafts import changed
from storage.models import Author, Draft, Mention, Rollup, Setting, Tombstone
from storage.record import Record
from storage.reposts import let_go
from storage.statements import insert_into, is_id
from storage.states import OPEN

#: Pages of rows are written without the ORM, which would take each row into its hands.
_MENTION, _AUTHOR = Record.metadata.tables["mention"], Record.metadata.tables["author"]


@dataclass(frozen=True, slots=True)
class Known:
    """What we keep of a post that we have heard before."""

    id: int
    title: str
    text: str
    rating: float | None
    gone: bool


async def known(
    session: AsyncSession, business_id: str, platform: str, external_ids: Sequence[str]
) -> dict[str, Known]:
    """Those of these posts that we have, by external id."""
    columns = (Mention.external_id, Mention.id, Mention.title, Mention.text, Mention.rating, Mention.gone_at)
    statement = columns_of(*(col(each) for each in columns)).where(
        col(Mention.business_id) == business_id,
        col(Mention.platform) == platform,
        col(Mention.external_id).in_(external_ids),
    )
    rows = (await session.execute(statement)).all()
    return {row[0]: Known(row[1], row[2], row[3], row[4], gone=row[5] is not None) for row in rows}


async def insert(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Stores new mentions and counts them; gives the ids of those that were not there yet.

    Each row holds the columns of a mention, and `author` (a mapping, or None)
    in place of `author_id`.
    """
    if not rows:
        return []
    authors = await _keep_authors(session, rows)
    complete = [
        {key: value for key, value in row.items() if key != "author"}
        | {"author_id": authors.get(row["author"]["external_id"]) if row["author"] else None}
        for row in rows
    ]
    statement = (
        insert_into(session, _MENTION)
        .on_conflict_do_nothing()
        .returning(*(_MENTION.c[name] for name in ("id", "day", "source_id", "polarity", "sentiment", "repost")))
    )
    new = (await session.execute(statement, complete)).all()
    business_id = rows[0]["business_id"]
    await _count(session, business_id, [(row[1], row[2], row[3], 1, row[4]) for row in new if not row[5]])
    return [row[0] for row in new]


async def _keep_authors(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Stores who wrote these rows (all of one business and platform); their ids by external id."""
    authors = {row["author"]["external_id"]: row for row in rows if row["author"]}
    if not authors:
        return {}
    values = [
        {"business_id": row["business_id"], "platform": row["platform"], **row["author"]} for row in authors.values()
    ]
    statement = insert_into(session, _AUTHOR)
    statement = statement.on_conflict_do_update(
        index_elements=["business_id", "platform", "external_id"],
        set_={name: statement.excluded[name] for name in ("handle", "name", "url")},
    ).returning(_AUTHOR.c.external_id, _AUTHOR.c.id)
    kept = await session.execute(statement, values)
    return {row.external_id: row.id for row in kept}


#: One step of a rollup: day, source, polarity, how many more (or fewer), and their sentiment.
_Step = tuple[date, int, Polarity, int, float]


async def _count(session: AsyncSession, business_id: str, steps: Iterable[_Step]) -> None:
    """Adds to the daily rollups, in the transaction that changes the mentions."""
    totals: dict[tuple[date, int, Polarity], tuple[int, float]] = {}
    for day, source_id, polarity, number, sentiment in steps:
        mentions, total = totals.get((day, source_id, polarity), (0, 0.0))
        totals[day, source_id, polarity] = (mentions + number, total + sentiment * number)
    if not totals:
        return
    values = [
        {
            "business_id": business_id,
            "day": day,
            "source_id": source_id,
            "polarity": polarity,
            "mentions": n,
            "sentiment": s,
        }
        for (day, source_id, polarity), (n, s) in totals.items()
    ]
    statement = insert_into(session, Rollup)
    statement = statement.on_conflict_do_update(
        index_elements=["business_id", "day", "source_id", "polarity"],
        set_={
            "mentions": col(Rollup.mentions) + statement.excluded.mentions,
            "sentiment": col(Rollup.sentiment) + statement.excluded.sentiment,
        },
    )
    await session.execute(statement, values)


async def edit(session: AsyncSession, mention_id: int, columns: Mapping[str, Any], edited_at: datetime) -> None:
    """Keeps what the author now says, as the next revision; what is not about the business stays so."""
    revised = {**columns, "edited_at": edited_at, "revision": col(Mention.revision) + 1}
    await reassess(session, mention_id, revised)


async def reassess(session: AsyncSession, mention_id: int, columns: Mapping[str, Any]) -> None:
    """Changes columns of a mention, those of its assessment among them, and the counts with them."""
    mention = await session.get_one(Mention, mention_id, populate_existing=True)
    if mention.not_us:
        columns = {**columns, "owed": False}
    steps: list[_Step] = []
    if not mention.repost:
        steps.append((mention.day, mention.source_id, mention.polarity, -1, mention.sentiment))
    if not columns.get("repost", mention.repost):
        steps.append((mention.day, mention.source_id, columns["polarity"], 1, columns["sentiment"]))
    statement = update(Mention).where(col(Mention.id) == mention_id).values(**columns)
    await session.execute(statement.execution_options(synchronize_session=False))
    if not mention.not_us:
        await _count(session, mention.business_id, steps)


async def gone(
    session: AsyncSession, business_id: str, platform: str, external_ids: Sequence[str], now: datetime
) -> list[int]:
    """Marks posts that their platform no longer shows, and forgets what they said; gives the ids of those we had."""
    statement = (
        update(Mention)
        .where(
            col(Mention.business_id) == business_id,
            col(Mention.platform) == platform,
            col(Mention.external_id).in_(external_ids),
            col(Mention.gone_at).is_(None),
        )
        .values(gone_at=now, owed=False, text="", title="", matched=[], reasons=[])
        .returning(col(Mention.id))
        .execution_options(synchronize_session=False)
    )
    return list((await session.execute(statement)).scalars())


async def get(session: AsyncSession, business_id: str, mention_id: int) -> Mention | None:
    """A mention of this business; None where there is none."""
    if not is_id(mention_id):
        return None
    statement = (
        select(Mention)
        .where(col(Mention.id) == mention_id, col(Mention.business_id) == business_id)
        .execution_options(populate_existing=True)
    )
    return (await session.exec(statement)).first()


async def newest_at(session: AsyncSession, business_id: str, urls: Collection[str]) -> Mention | None:
    """The latest mention that stands at one of these addresses; None where there is none."""
    statement = (
        select(Mention)
        .where(col(Mention.business_id) == business_id, col(Mention.url).in_(urls), col(Mention.gone_at).is_(None))
        .order_by(col(Mention.posted_at).desc(), col(Mention.id).desc())
        .limit(1)
    )
    return (await session.exec(statement)).first()


async def count(session: AsyncSession, business_id: str) -> int:
    """How many mentions of a business are kept."""
    statement = select(func.count()).select_from(Mention).where(col(Mention.business_id) == business_id)
    return (await session.exec(statement)).one()


async def critical(session: AsyncSession, mention_ids: Sequence[int]) -> list[Mention]:
    """Those of these mentions that are a crisis which nobody spoke of before."""
    statement = select(Mention).where(
        col(Mention.id).in_(mention_ids),
        col(Mention.severity_level) >= int(SeverityLevel.CRITICAL),
        ~col(Mention.repost),
    )
    return list((await session.exec(statement)).all())


async def owed(session: AsyncSession, business_ids: Collection[str] | None = None, limit: int = 100) -> list[Mention]:
    """Mentions of these businesses (None: of all) that want a draft and have none open, the worst first."""
    open_draft = exists().where(col(Draft.mention_id) == col(Mention.id), col(Draft.state).in_(list(OPEN)))
    statement = (
        select(Mention)
        .where(col(Mention.owed), ~open_draft)
        .order_by(col(Mention.severity_level).desc(), col(Mention.id))
        .limit(limit)
    )
    if business_ids is not None:
        statement = statement.where(col(Mention.business_id).in_(list(business_ids)))
    return list((await session.exec(statement)).all())


async def want_draft(session: AsyncSession, mention_id: int) -> None:
    """Says that this one wants a draft again."""
    statement = update(Mention).where(col(Mention.id) == mention_id, ~col(Mention.not_us))
    await session.execute(statement.values(owed=True).execution_options(synchronize_session=False))


async def want_no_draft(session: AsyncSession, mention_ids: Sequence[int]) -> None:
    """Says that these have got their draft, or need none any more."""
    statement = update(Mention).where(col(Mention.id).in_(mention_ids), col(Mention.owed)).values(owed=False)
    await session.execute(statement.execution_options(synchronize_session=False))


async def set_not_us(session: AsyncSession, business_id: str, mention_id: int) -> bool:
    """Marks a mention and its reposts as not about the business and takes it out of the counts; False: there is none."""
    mention = await get(session, business_id, mention_id)
    if mention is None:
        return False
    statement = update(Mention).where(col(Mention.id) == mention_id, ~col(Mention.not_us))
    if await changed(session, statement.values(not_us=True, owed=False)) and not mention.repost:
        await _count(session, business_id, [(mention.day, mention.source_id, mention.polarity, -1, mention.sentiment)])
        await session.execute(update(Mention).where(_repeats(mention_id)).values(not_us=True, owed=False))
    return True


def _repeats(mention_id: int) -> ColumnElement[bool]:
    return col(Mention.repost) & (col(Mention.first_id) == mention_id)


async def to_recheck(session: AsyncSession, source_id: int, before: datetime, limit: int) -> list[str]:
    """External ids of what was last checked `before`, the longest ago first."""
    statement = (
        select(Mention.external_id)
        .where(col(Mention.source_id) == source_id, col(Mention.checked_at) <= before, col(Mention.gone_at).is_(None))
        .order_by(col(Mention.checked_at))
        .limit(limit)
    )
    return list((await session.exec(statement)).all())


async def rechecked(session: AsyncSession, source_id: int, external_ids: Sequence[str], now: datetime) -> None:
    """Notes that these have been looked at."""
    statement = update(Mention).where(col(Mention.source_id) == source_id, col(Mention.external_id).in_(external_ids))
    await session.execute(statement.values(checked_at=now).execution_options(synchronize_session=False))


async def thread(session: AsyncSession, mention: Mention, limit: int = 20) -> list[tuple[Mention, str, datetime]]:
    """What this author wrote before, oldest first, with our latest public reply ("" where there is none) and its time."""
    if mention.author_id is None:
        return []
    statement = (
        select(Mention)
        .where(
            col(Mention.business_id) == mention.business_id,
            col(Mention.author_id) == mention.author_id,
            col(Mention.id) != mention.id,
            col(Mention.posted_at) <= mention.posted_at,
        )
        .order_by(col(Mention.posted_at).desc(), col(Mention.id).desc())
        .limit(limit)
    )
    earlier = list(reversed((await session.exec(statement)).all()))
    replies = await public(session, [each.id or 0 for each in earlier])
    answers = [replies.get(each.id or 0, [Public(0, "", each.posted_at)])[-1] for each in earlier]
    return [(each, answer.text, answer.at) for each, answer in zip(earlier, answers, strict=True)]


async def of_author(session: AsyncSession, business_id: str, author_id: int, limit: int = 50) -> list[Mention]:
    """What one author wrote, newest first."""
    statement = (
        select(Mention)
        .where(col(Mention.business_id) == business_id, col(Mention.author_id) == author_id)
        .order_by(col(Mention.posted_at).desc(), col(Mention.id).desc())
        .limit(limit)
    )
    return list((await session.exec(statement)).all())


async def author(session: AsyncSession, business_id: str, author_id: int) -> Author | None:
    """An author of this business; None where there is none."""
    if not is_id(author_id):
        return None
    statement = select(Author).where(col(Author.id) == author_id, col(Author.business_id) == business_id)
    return (await session.exec(statement)).first()


async def authors_named(session: AsyncSession, business_id: str, name: str) -> list[Author]:
    """Authors whose handle, name or external id is `name` ("@" and case do not matter)."""
    wanted = name.lstrip("@").casefold()
    columns = columns_of(col(Author.id), col(Author.handle), col(Author.name), col(Author.external_id))
    ids = [
        row[0]  # compared here: SQLite knows upper and lower case of English letters only
        for row in await session.execute(columns.where(col(Author.business_id) == business_id))
        if wanted in (row[1].lstrip("@").casefold(), row[2].casefold()) or row[3] == name
    ]
    return list((await session.exec(select(Author).where(col(Author.id).in_(ids)).order_by(col(Author.id)))).all())


async def history(
    session: AsyncSession, business_id: str, *, before: tuple[datetime, int] | None = None, limit: int = 50
) -> list[Mention]:
    """All mentions, newest first; `before` is (posted_at, id) of the last one of the page before."""
    statement = select(Mention).where(col(Mention.business_id) == business_id)
    if before is not None:
        statement = statement.where(tuple_(col(Mention.posted_at), col(Mention.id)) < before)
    statement = statement.order_by(col(Mention.posted_at).desc(), col(Mention.id).desc()).limit(limit)
    return list((await session.exec(statement)).all())


async def erased(session: AsyncSession, business_id: str, platform: str, external_ids: Sequence[str]) -> set[str]:
    """Those of these posts that were erased and must not come back."""
    if (await session.exec(select(Tombstone.id).where(col(Tombstone.business_id) == business_id).limit(1))).first():
        key = await _tombstone_key(session)
        hashes = {tombstone(key, platform, external_id): external_id for external_id in external_ids}
        statement = select(Tombstone.hash).where(
            col(Tombstone.business_id) == business_id, col(Tombstone.hash).in_(list(hashes))
        )
        return {hashes[each] for each in (await session.exec(statement)).all()}
    return set()


def tombstone(key: str, platform: str, external_id: str) -> str:
    """What is kept of an erased post: enough to know it again, nothing to read."""
    return hmac.new(key.encode(), f"{platform}\0{external_id}".encode(), hashlib.sha256).hexdigest()


async def _tombstone_key(session: AsyncSession) -> str:
    name = "tombstone key"
    setting = await session.get(Setting, name)
    if setting is None:
        values = {"name": name, "value": secrets.token_hex(32)}
        await session.execute(insert_into(session, Setting).values(values).on_conflict_do_nothing())
        setting = await session.get_one(Setting, name)
    return setting.value


async def erase(session: AsyncSession, business_id: str, mention_ids: Sequence[int], now: datetime) -> int:
    """Deletes mentions with everything that was written about them; they cannot come back. Gives how many."""
    statement = select(Mention.id, Mention.platform, Mention.external_id).where(
        col(Mention.business_id) == business_id, col(Mention.id).in_(mention_ids)
    )
    rows = (await session.execute(statement)).all()
    if not rows:
        return 0
    key = await _tombstone_key(session)
    values = [
        {"business_id": business_id, "hash": tombstone(key, platform, external_id), "at": now}
        for _, platform, external_id in rows
    ]
    await session.execute(insert_into(session, Tombstone).on_conflict_do_nothing(), values)
    await let_go(session, [row[0] for row in rows])
    await session.execute(delete(Mention).where(col(Mention.id).in_([row[0] for row in rows])))
    return len(rows)


async def erase_author(session: AsyncSession, author_id: int) -> None:
    """Deletes an author; their mentions must be erased before."""
    await session.execute(delete(Author).where(col(Author.id) == author_id))


async def older_than(
    session: AsyncSession, business_id: str, before: datetime, source_id: int | None = None, limit: int = 500
) -> list[int]:
    """Ids of mentions heard `before` (of one source, or of all) that are kept no longer."""
    statement = select(Mention.id).where(col(Mention.business_id) == business_id, col(Mention.heard_at) < before)
    if source_id is not None:
        statement = statement.where(col(Mention.source_id) == source_id)
    return [each for each in (await session.exec(statement.limit(limit))).all() if each is not None]


async def drop_lonely_authors(session: AsyncSession, business_id: str) -> None:
    """Deletes authors of whom no mention is kept."""
    written = exists().where(col(Mention.author_id) == col(Author.id))
    await session.execute(delete(Author).where(col(Author.business_id) == business_id, ~written))


async def authors(session: AsyncSession, business_id: str, author_ids: Sequence[int]) -> dict[int, Author]:
    """These authors of this business, by id."""
    statement = select(Author).where(col(Author.business_id) == business_id, col(Author.id).in_(author_ids))
    return {each.id: each for each in (await session.exec(statement)).all() if each.id is not None}
