"""Hears what a person pasted into the inbox, as if a connector had brought it."""

from __future__ import annotations

from connectors.base import Page
from connectors.errors import SourceUnavailable
from connectors.paste import PLATFORM, Pasted, parse
from listener.household import Household
from listener.pipeline import Listening
from listener.poll import hear_page
from storage import mentions


async def hear_pasted(household: Household, business_id: str, pasted: Pasted) -> tuple[int, bool] | None:
    """The mention it became, and whether it is new; None where it may not be kept (erased, or our own words).

    Raises:
        SourceUnavailable: the business has no source of type `paste` that is open.
        StorageError: it could not be stored.
    """
    post, listening = parse(pasted), _listening(household, business_id)
    page = Page([post], None, calls=0)
    heard = await hear_page(listening, page, household.store, household.understanding, household.now())
    async with household.store.read() as session:
        known = await mentions.known(session, business_id, post.platform, [post.external_id])
    found = known.get(post.external_id)
    return None if found is None else (found.id, found.id in heard.new)


def _listening(household: Household, business_id: str) -> Listening:
    for each in household.listening.values():
        if each.ear.business.id == business_id and each.ear.table.type == PLATFORM:
            return each
    raise SourceUnavailable(
        "Pasting is not possible at the moment.",
        "What you typed still stands in the form.",
        'Try again in a minute. If that does not help, an owner adds a source of type "paste" to the configuration.',
    )
