"""Lets us in at an account: exchanges its owner's consent for tokens, and keeps those.

Whoever works on the store does this (the daemon, or the terminal where none
runs), so that tokens never leave the process that keeps them.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

from config.errors import ConfigError
from config.settings import BusinessSettings, Settings, SourceTable
from connectors.base import Consent, Surroundings, TokenKeeper
from connectors.consent import Question, redeem
from connectors.registry import Connectors
from listener.household import Household
from storage import Source, Store, audit, sources, tokens
from storage.database import store_url
from storage.errors import StorageError
from storage.lock import DataLock
from storage.tokens import Keeper, Seal


def find(settings: Settings, business: str, source: str) -> tuple[BusinessSettings, SourceTable]:
    """The source of that name.

    Raises:
        ConfigError: there is none, or several businesses have one.
    """
    found = [
        (each, table)
        for each in settings.businesses.values()
        for table in each.sources
        if table.name == source and business in ("", each.id)
    ]
    if not found:
        raise ConfigError(f'There is no source "{source}".', do="Run warmline sources to see their names.")
    if len(found) > 1:
        names = ", ".join(each.id for each, _ in found)
        raise ConfigError(f'Several businesses have a source "{source}".', do=f"Choose one with --business: {names}.")
    return found[0]


def consent_of(connectors: Connectors, table: SourceTable) -> Consent:
    """What is asked of the account's owner.

    Raises:
        ConfigError: sources of this type are not connected in this way.
    """
    consent = connectors.consent(table.type, table.options)
    if consent is None:
        raise ConfigError(
            f'"{table.name}" needs no connecting.',
            do=f"All that a source of type {table.type} needs stands in the configuration: see docs/sources/.",
        )
    return consent


async def may_connect(household: Household, business: BusinessSettings, source: str) -> None:
    """Makes sure that access can be exchanged and kept, before anybody is asked for it.

    Raises:
        ConfigError: the source, the client's secret or the key for tokens is missing.
    """
    _, table = find(household.settings, business.id, source)
    consent_of(household.connectors, table).client_secret.read()
    _ = household.seal.keys


async def let_in(
    household: Household, business: BusinessSettings, source: str, *, code: str, proof: str, back: str, by: str
) -> None:
    """Exchanges the answer to our question for tokens, keeps those, and lets the source be asked at once.

    Raises:
        WarmlineError: the code is not taken, or the tokens cannot be kept.
    """
    _, table = find(household.settings, business.id, source)
    question = Question(consent_of(household.connectors, table), back, proof=proof)
    around = Surroundings(source, household.session, household.now, household.settings.home)
    token = await redeem(around, question, code)
    async with household.store.work() as session:
        record = await sources.get(session, business.id, source)
        if record is None:
            raise ConfigError(f'There is no source "{source}".', do="Run warmline sources to see their names.")
        given = tokens.Tokens(token.value, token.until, token.refresh)
        await tokens.keep(session, record, given, household.seal)
        await sources.ask_again(session, record.id or 0)
        await audit.append(session, business.id, by, "connect", f"source {source}", {}, household.now())


#: The keeper of a source's tokens; None while a daemon has them.
KeeperOf = Callable[[str, SourceTable], Awaitable[TokenKeeper | None]]


@contextlib.asynccontextmanager
async def keepers(settings: Settings, connectors: Connectors, now: Callable[[], datetime]) -> AsyncIterator[KeeperOf]:
    """The keepers of tokens for a look from the terminal; holds the data while it lasts, if any source has tokens."""
    tables = [table for business in settings.businesses.values() for table in business.sources]
    async with contextlib.AsyncExitStack() as stack:
        store: Store | None = None
        if any(connectors.consent(table.type, table.options) for table in tables):
            with contextlib.suppress(StorageError):
                stack.enter_context(DataLock(settings.directory))
                store = await Store.open(store_url(settings))
                stack.push_async_callback(store.close)
        seal = Seal(settings)

        async def keeper_of(business: str, table: SourceTable) -> TokenKeeper | None:
            if store is None:
                return None
            async with store.read() as session:
                record = await sources.get(session, business, table.name)
            unknown = Source(id=0, business_id=business, name=table.name, type=table.type)
            keeper = Keeper(store, record or unknown, seal, now)
            stack.push_async_callback(keeper.settle)
            return keeper

        yield keeper_of
