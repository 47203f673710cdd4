"""Everything that works for the configured businesses, put together: the daemon and the terminal both start here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Self, cast

import structlog

from config.errors import ConfigError, WarmlineError
from config.settings import BusinessSettings, Settings, SourceTable
from connectors.base import Connector, Replier, Surroundings
from connectors.http import open_session
from connectors.registry import Connectors
from listener import retention
from listener.analysis.assessing import Assessor
from listener.analysis.deep import Encoder
from listener.analysis.matching import Matcher
from listener.analysis.reader import TextReader
from listener.pipeline import Ear, Listening, Understanding
from responders.approvals import Desk
from responders.drafting.base import Drafter
from responders.drafting.engine import Engine
from responders.mail import Mailer
from responders.sending import Outbox, Speaker
from responders.writing import Writer
from storage import Source, Store, sources, tokens
from storage.database import store_url
from storage.states import SourceState
from storage.tokens import Keeper, Seal

log = structlog.get_logger()


class Household:
    """The store, the desk, the outbox and the ears of all businesses; open it with `async with Household(…)`."""

    def __init__(self, settings: Settings, connectors: Connectors, now: Callable[[], datetime]) -> None:
        self.settings = settings
        self.connectors = connectors
        self.now = now
        time_zones = [each.business.time_zone for each in settings.businesses.values()]
        self.reader = TextReader(settings.languages, time_zones)
        self.drafter = Engine(self.reader)
        self.listening: dict[int, Listening] = {}
        self._keepers: list[Keeper] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.store = await Store.open(store_url(self.settings))
        self._stack.push_async_callback(self.store.close)
        self.session = await self._stack.enter_async_context(
            open_session(self.settings.installation.listener.allow_hosts)
        )
        self.writer: Drafter = self.drafter
        self.desk = Desk(self.store, lambda: self.businesses, self.drafter, self.now)
        self.outbox = Outbox(self.store, self.speaker, self.now)
        await self.apply(self.settings)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._hang_up()
        await self._stack.aclose()

    @property
    def businesses(self) -> Mapping[str, BusinessSettings]:
        """The businesses as they are configured now, by id."""
        return self.settings.businesses

    @property
    def mailer(self) -> Mailer | None:
        """Who sends mail; None where no mail server is configured."""
        mail = self.settings.installation.mail
        return Mailer(mail) if mail else None

    @property
    def platform_limits(self) -> dict[int, timedelta]:
        """How long a platform allows to keep what its sources bring, by source id."""
        kept = {source_id: each.connector.traits.retention for source_id, each in self.listening.items()}
        return {source_id: limit for source_id, limit in kept.items() if limit is not None}

    async def forget(self, business_id: str, author_id: int, by: str) -> int:
        """Erases everything that is kept about an author; gives how many mentions it was."""
        return await retention.forget(self.store, self.businesses[business_id], author_id, by, self.now())

    async def retain(self) -> None:
        """Erases what is kept no longer."""
        await retention.retain(self.store, self.businesses, self.platform_limits, self.now())

    def speaker(self, source_id: int) -> Speaker | None:
        """Who answers on the platform of a source; None where nobody can at the moment."""
        listening = self.listening.get(source_id)
        if listening is None or not isinstance(listening.connector, Replier):
            return None
        return cast("Speaker", listening.connector)  # a connector and a replier in one

    async def apply(self, settings: Settings) -> None:
        """Works by `settings` from here on: other queries, other people, other sources."""
        await self._hang_up()
        self.settings = settings
        self.seal = Seal(settings)
        llm = settings.installation.llm
        self.writer = Writer(self.drafter, llm, self.store, self.now) if llm else self.drafter
        self.understanding = Understanding(Matcher(settings.businesses), Assessor(settings.languages, Encoder.found()))
        await self._rotate_keys()
        for business in settings.businesses.values():
            async with self.store.work() as session:
                await sources.keep_business(session, business.id, business.business.name)
                records = {
                    table.name: await sources.register(
                        session, business.id, table.name, table.type, enabled=table.enabled
                    )
                    for table in business.sources
                }
                await sources.switch_off_others(session, business.id, list(records))
            for table in business.sources:
                if table.enabled:
                    await self._listen(business, table, records[table.name])

    async def _rotate_keys(self) -> None:
        """Brings all tokens under the newest key; a key that cannot be used fails the sources that need it, alone."""
        if self.settings.installation.storage.token_key is None:
            return
        try:
            async with self.store.work() as session:
                await tokens.rotate(session, self.seal)
        except ConfigError as error:
            log.warning("tokens not rotated", fault=error.happened)

    async def _listen(self, business: BusinessSettings, table: SourceTable, source: Source) -> None:
        """Opens one source; one that cannot be opened is written down and does not stop the others."""
        keeper = Keeper(self.store, source, self.seal, self.now)
        self._keepers.append(keeper)
        surroundings = Surroundings(table.name, self.session, self.now, self.settings.home, keeper)
        try:
            connector: Connector = self.connectors.build(table.type, table.options, surroundings)
        except WarmlineError as error:
            log.warning("source not opened", source=table.name, kind=type(error).__name__)
            async with self.store.work() as session:
                await sources.failed(session, source.id or 0, SourceState.DENIED, str(error), None, self.now())
            return
        ear = Ear(source, table, business, connector.route)
        self.listening[source.id or 0] = Listening(ear, connector)

    async def _hang_up(self) -> None:
        for each in self.listening.values():
            await each.connector.close()
        self.listening.clear()
        for keeper in self._keepers:
            await keeper.settle()
        self._keepers.clear()
