"""Notices by apprise: a line and a link into the inbox, to any of the services it knows. Decisions are taken there.

What a service sees is the card's title and how it stands, never a customer's
words. The address of a service holds its key, so it is a secret as a whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

from pydantic import BaseModel, ConfigDict

from config.errors import ConfigError
from config.secrets import Secret
from connectors.base import Limit
from connectors.lengths import Counter
from responders.channels.base import (
    Card,
    Channel,
    ChannelType,
    Editor,
    Kind,
    Limits,
    Pace,
    Ref,
    Surroundings,
)
from responders.channels.notices import Notices, links, title
from responders.errors import ChannelDenied, ChannelError

LIMITS = Limits(
    # The shortest services cut at about a thousand characters.
    text=Limit(Counter.CHARACTERS, 1_000),
    label=Limit(Counter.CHARACTERS, 80),
    answer=Limit(Counter.CHARACTERS, 0),
    editor=Editor.NONE,
    # Free services allow a few messages a minute.
    pace=Pace(6, timedelta(minutes=1)),
    decides=False,
    repaints=False,
)


class NotifySettings(BaseModel):
    """The keys of a `[[channels]]` table of type `notify`; `url` is where the service's address in apprise's form is found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Secret


class NotifyChannel(Notices):
    """Notices to whatever `url` names; a place is only a label, and a card's message is the page that it leads to."""

    limits = LIMITS

    def __init__(self, url: Secret) -> None:
        self._url = url
        self._services: Any = None
        self._door = asyncio.Lock()

    async def post(self, place: str, card: Card, key: str) -> Ref:
        """Sends a card as a notice."""
        says = [line.text for line in card.lines if line.kind in (Kind.FACT, Kind.STATUS) and line.text]
        await self._notify(title(card), [*says, *(f"{label}: {address}" for label, address in links(card))])
        return Ref(place, next((address for _, address in links(card)), key))

    async def nudge(self, ref: Ref, text: str, actors: Sequence[str]) -> None:
        """Sends a reminder with the same link."""
        await self._notify("Reminder", [text, *([ref.message] if "://" in ref.message else [])])

    async def check(self) -> str:
        """Reads the addresses; nothing is sent."""
        services = await self._loaded()
        return f"{len(services)} service{'s' if len(services) != 1 else ''} named"

    async def _notify(self, headline: str, lines: Sequence[str]) -> None:
        services = await self._loaded()
        if not await services.async_notify(title=headline, body="\n".join(lines), body_format="text"):
            raise ChannelError(
                "A service did not take a notice.",
                "The draft waits in the inbox.",
                "Check its address and its limits; it is tried again by itself.",
            )

    async def _loaded(self) -> Any:
        """The services, loaded once and away from the loop: apprise reads a module for each of the two hundred it knows."""
        async with self._door:
            if self._services is None:
                self._services = await asyncio.to_thread(_load, self._url)
        return self._services


def _load(url: Secret) -> Any:
    import apprise

    # On failures the library writes parts of addresses into the log, and addresses are secrets.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    try:
        address = url.read()
    except ConfigError as error:
        raise ChannelDenied(error.happened, "Nothing was sent.", error.do) from error
    services = apprise.Apprise(asset=apprise.AppriseAsset(app_id="Warmline", app_desc="", app_url=""))
    if not services.add(address) or not len(services):
        raise ChannelDenied(
            f"What stands in {url.where} is no address that apprise knows.",
            "Nothing was sent.",
            "Correct it; apprise lists the forms for every service.",
        )
    return services


def build(settings: NotifySettings, surroundings: Surroundings) -> Channel:
    """The chat for one table.

    Raises:
        ImportError: apprise is not installed.
    """
    if find_spec("apprise") is None:
        raise ImportError("apprise is not installed")
    return NotifyChannel(settings.url)


CHANNEL = ChannelType(
    settings=NotifySettings,
    build=build,
    summary="A notice with a link into the inbox by any service that apprise knows; decisions are taken there.",
)
