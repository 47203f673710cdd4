"""What goes by the clock: replies that nobody decided about, sources gone quiet, alerts, digests."""

from __future__ import annotations

from datetime import datetime

from listener import alerting
from listener.digest.sending import send_owed_digests
from listener.household import Household
from responders.approvals import expire
from storage import sources


async def keep_house(household: Household) -> None:
    """Does what is due now."""
    now = household.now()
    address = household.settings.inbox_address
    await expire(household.store, now)
    await notice_silence(household, now)
    await alerting.raise_for_sources(household.store, household.businesses, now)
    await alerting.tell(household.store, household.businesses, household.mailer, address, now)
    await send_owed_digests(household.store, household.businesses, household.mailer, address, household.reader, now)


async def notice_silence(household: Household, now: datetime) -> None:
    """Marks sources that answer, but have brought nothing for longer than is usual for them."""
    for source_id, listening in household.listening.items():
        patience = listening.connector.traits.expect_within
        if patience is None:
            continue
        async with household.store.work() as session:
            source = await sources.get(session, listening.ear.business.id, listening.ear.source.name)
            if source and source.heard_at and now - source.heard_at > patience:
                await sources.fell_silent(session, source_id)
