"""Mail as a chat: a notice of each card to one person, with links that sign in; decisions are taken in the inbox.

Nothing is ever decided by opening a link. It opens a page with a button, for
mail scanners and previews follow links, too; the button signs in and leads to
the draft.
"""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from config.errors import ConfigError
from connectors.base import Limit
from connectors.lengths import Counter
from responders.channels.base import (
    Card,
    Channel,
    ChannelType,
    Editor,
    Kind,
    Limits,
    Line,
    Pace,
    Ref,
    Surroundings,
)
from responders.channels.notices import Notices, links, title
from responders.errors import ChannelDenied

LIMITS = Limits(
    text=Limit(Counter.CHARACTERS, 20_000),
    label=Limit(Counter.CHARACTERS, 200),
    answer=Limit(Counter.CHARACTERS, 0),
    editor=Editor.NONE,
    # A person wants no more than this, and a mail server takes no more from an unknown sender.
    pace=Pace(20, timedelta(minutes=1)),
    decides=False,
    repaints=False,
)


class Carrier(Protocol):
    """Who carries mail."""

    async def send(self, to: Sequence[str], subject: str, plain: str, html: str = "") -> None:
        """Sends one mail; raises `ChannelError` where the server does not take it."""

    async def check(self) -> None:
        """Signs in and hangs up; raises `ChannelError` where that does not work."""


@dataclass(frozen=True, slots=True)
class PostalSurroundings(Surroundings):
    """What mail needs of the daemon beside what every chat does.

    `mailer` gives None where there is no `[mail]` table. `passage` makes, for
    a mail address and an address of the inbox, the link that signs its
    person in and leads there.
    """

    mailer: Callable[[], Carrier | None]
    passage: Callable[[str, str], Awaitable[str]]


class MailSettings(BaseModel):
    """A `[[channels]]` table of type `mail` has no keys of its own: `[mail]` says who carries it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MailChannel(Notices):
    """Mails to one person each; a place is a mail address, and a card's message is the page that it leads to."""

    limits = LIMITS

    def __init__(self, mailer: Callable[[], Carrier | None], passage: Callable[[str, str], Awaitable[str]]) -> None:
        self._mailer = mailer
        self._passage = passage

    async def post(self, place: str, card: Card, key: str) -> Ref:
        """Mails a card; a mail that was lost on its way is mailed again, for a second one does no harm."""
        passages = [(label, await self._passage(place, address)) for label, address in links(card)]
        await self._carrier().send([place], title(card), plain(card, passages), rich(card, passages))
        return Ref(place, next((address for _, address in links(card)), key))

    async def nudge(self, ref: Ref, text: str, actors: Sequence[str]) -> None:
        """Mails a reminder, to each with a link of their own."""
        for to in actors or [ref.place]:
            passages = [("Open it", await self._passage(to, ref.message))] if "://" in ref.message else []
            said = Card((Line(Kind.STATUS, text),))
            await self._carrier().send([to], f"Reminder: {text}", plain(said, passages), rich(said, passages))

    async def check(self) -> str:
        """Signs in to the mail server."""
        await self._carrier().check()
        return "the mail server takes our mail"

    def _carrier(self) -> Carrier:
        mailer = self._mailer()
        if mailer is None:
            raise ChannelDenied(
                "There is no [mail] table, so nobody carries mail.", "Nothing was sent.", "Add [mail] to the file."
            )
        return mailer


#: What every mail ends with.
_FOOT = (
    "The link signs you in, once, within a day; after that the inbox sends you a new one. "
    "Opening it decides nothing, and nothing is posted without a person's yes."
)


def plain(card: Card, passages: Sequence[tuple[str, str]]) -> str:
    """A card as plain text, with its links (label and address) below."""
    lines = [line.text for line in card.lines if line.text]
    return "\n\n".join([*lines, *(f"{label}: {address}" for label, address in passages), _FOOT]) + "\n"


def rich(card: Card, passages: Sequence[tuple[str, str]]) -> str:
    """The same as HTML that loads nothing from anywhere."""
    parts = [f"<p>{_STYLED.get(line.kind, '{}').format(_text(line.text))}</p>" for line in card.lines if line.text]
    parts += [f'<p><a href="{html.escape(address)}">{_text(label)}</a></p>' for label, address in passages]
    return "\n".join(["<!doctype html>", *parts, f"<p><small>{_text(_FOOT)}</small></p>", ""])


_STYLED = {Kind.TITLE: "<strong>{}</strong>", Kind.STATUS: "<strong>{}</strong>", Kind.NOTE: "<small>{}</small>"}


def _text(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


def build(settings: MailSettings, surroundings: Surroundings) -> Channel:
    """The chat for one table.

    Raises:
        ConfigError: nobody here carries mail.
    """
    if not isinstance(surroundings, PostalSurroundings):
        raise ConfigError("Nobody here carries mail.", do="Add [mail] to the file.")
    return MailChannel(surroundings.mailer, surroundings.passage)


CHANNEL = ChannelType(
    settings=MailSettings,
    build=build,
    summary="A mail to whoever should decide, with a link into the inbox; decisions are taken there.",
)
