"""What is kept no longer: by age, by a platform's rules, or because its author asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from config.settings import BusinessSettings
from listener.digest.quotes import forget_quotes
from responders.errors import NotAllowed
from storage import Store, audit, drafts, identities, mentions, signin, sources
from storage.states import DraftState

log = structlog.get_logger()


async def retain(
    store: Store,
    businesses: Mapping[str, BusinessSettings],
    platform_limits: Mapping[int, timedelta],
    now: datetime,
) -> int:
    """Erases what is older than its business keeps it, or its platform allows (by source id); gives how many."""
    erased = 0
    for business in businesses.values():
        erased += await _erase_older(store, business, now - business.retention.mentions, None, now)
        async with store.read() as session:
            ids = [source.id or 0 for source in await sources.listing(session, business.id)]
        for source_id in ids:
            if source_id in platform_limits:
                erased += await _erase_older(store, business, now - platform_limits[source_id], source_id, now)
        async with store.work() as session:
            await sources.drop_samples(session, business.id, now - business.retention.payloads)
            await mentions.drop_lonely_authors(session, business.id)
            await signin.drop_expired(session, now)
            await identities.drop_expired(session, now)
    await store.scrub()
    if erased:
        log.info("mentions erased by age", number=erased)
    return erased


async def _erase_older(
    store: Store, business: BusinessSettings, before: datetime, source_id: int | None, now: datetime
) -> int:
    erased = 0
    while True:
        async with store.work() as session:
            ids = await mentions.older_than(session, business.id, before, source_id)
            erased += await mentions.erase(session, business.id, ids, now)
            await forget_quotes(session, business, ids)
        if not ids:
            return erased


async def forget(store: Store, business: BusinessSettings, author_id: int, by: str, now: datetime) -> int:
    """Erases everything that is kept about an author, so that it cannot come back; gives how many mentions it was.

    Raises:
        NotAllowed: there is no such author, or a reply to them is on its way at this moment.
    """
    async with store.work() as session:
        author = await mentions.author(session, business.id, author_id)
        if author is None:
            raise NotAllowed("There is no such author here.", "Nothing was erased.")
        ids = [each.id or 0 for each in await mentions.of_author(session, business.id, author_id, limit=100_000)]
        for draft in await drafts.open_for(session, ids):
            if draft.state in (DraftState.SENDING, DraftState.UNCONFIRMED):
                raise NotAllowed(
                    "A reply to this author is on its way, and nobody knows yet whether it is public.",
                    "Nothing was erased.",
                    "Settle that reply first, then erase.",
                )
        erased = await mentions.erase(session, business.id, ids, now)
        await sources.drop_samples_of(session, business.id, [author.external_id, author.handle, author.name])
        await forget_quotes(session, business, ids)
        await mentions.erase_author(session, author_id)
        await audit.append(session, business.id, by, "forget", f"author {author_id}", {"mentions": erased}, now)
    await store.scrub()
    return erased
