"""Keeps every configured chat going: its connection, and the cards in it.

Each chat has tasks of its own, so that one which fails, hangs or is down
never holds up another.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from config.errors import ConfigError, WarmlineError
from config.settings import BusinessSettings, ChannelTable
from listener.household import Household
from responders.channels.chat import Chat
from responders.channels.mail import PostalSurroundings
from responders.channels.registry import Channels
from responders.channels.showing import Showing, keep_true
from responders.channels.taking import Taking
from responders.errors import ChannelError
from responders.inbox import signing_in
from storage import chat_notes
from storage.chat_notes import Notes

log = structlog.get_logger()

#: Pauses before a connection is tried again: a second, doubling, at most five minutes.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=5)


@dataclass(slots=True)
class _Open:
    """A chat at work."""

    chat: Chat
    taking: Taking
    showing: Showing
    tasks: tuple[asyncio.Task[None], ...] = ()


class Chats:
    """The chats of all businesses of a household."""

    def __init__(self, household: Household, channels: Channels) -> None:
        self._household = household
        self._channels = channels
        self._open: list[_Open] = []
        self._since: dict[tuple[str, str], datetime] = {}

    async def open(self) -> None:
        """Opens every chat as it is configured now; one that cannot be opened does not stop the others."""
        for business in self._household.businesses.values():
            for table in business.channels:
                await self._begin(business, table)

    async def close(self) -> None:
        """Lets go of every chat; what was half done is found again by whoever opens it next."""
        tasks = [task for each in self._open for task in each.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in self._open:
            with contextlib.suppress(ChannelError):
                await each.chat.channel.close()
        self._open.clear()

    @contextlib.asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """While the block runs no chat is open; then they are as they are configured by then."""
        await self.close()
        try:
            yield
        finally:
            await self.open()

    async def _begin(self, business: BusinessSettings, table: ChannelTable) -> None:
        household, name = self._household, table.called
        try:
            channel = self._channels.build(table.type, table.options, self._around(business.id, name))
        except ConfigError as error:
            log.warning("chat not opened", chat=name, kind=type(error).__name__)
            async with household.store.work() as session:
                await chat_notes.put(session, business.id, name, chat_notes.FAULT, str(error))
            return
        async with household.store.read() as session:
            fault = await chat_notes.get(session, business.id, name, chat_notes.FAULT)
        chat = Chat(
            business.id,
            name,
            table.place,
            channel,
            household.store,
            household.desk,
            lambda: household.settings,
            lambda: household.mailer,
            household.now,
            back_at=self._since.setdefault((business.id, name), household.now()),
            fault=fault,
        )
        taking = Taking(chat)
        opened = _Open(chat, taking, Showing(chat, taking))
        opened.tasks = (
            asyncio.create_task(_keep_on(chat, lambda: channel.run(taking)), name=f"chat {name}"),
            asyncio.create_task(
                _keep_on(chat, lambda: keep_true(opened.showing, household.store)), name=f"cards of {name}"
            ),
        )
        self._open.append(opened)

    def _around(self, business_id: str, name: str) -> PostalSurroundings:
        household = self._household

        async def passage(mail: str, address: str) -> str:
            now = household.now()
            return await signing_in.passage(household.store, household.settings, business_id, mail, address, now)

        return PostalSurroundings(
            name,
            household.session,
            household.now,
            household.settings.home,
            Notes(household.store, business_id, name),
            mailer=lambda: household.mailer,
            passage=passage,
        )


async def _keep_on(chat: Chat, work: Callable[[], Awaitable[None]]) -> None:
    """Does a chat's work again whenever it ends, with a pause that grows while it fails at once."""
    loop = asyncio.get_running_loop()
    pause = FIRST_PAUSE
    while True:
        began = loop.time()
        try:
            await work()
        except WarmlineError as error:
            log.warning("chat interrupted", chat=chat.name, kind=type(error).__name__, fault=error.happened)
        except Exception:  # around one chat: a bug in its module must not stop the daemon
            log.exception("chat broke", chat=chat.name)
        if loop.time() - began > LONGEST_PAUSE.total_seconds():
            pause = FIRST_PAUSE
        await asyncio.sleep(pause.total_seconds())
        pause = min(pause * 2, LONGEST_PAUSE)
