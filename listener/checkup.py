"""`warmline check`: tries everything once, says what works, and costs nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import typer
from pydantic import BaseModel

from config.durations import say_duration
from config.errors import ConfigError, WarmlineError
from config.load import find
from config.secrets import Secret
from config.settings import BusinessSettings, LlmTable, Settings, SourceTable
from connectors.base import Connector, Replier, Surroundings, Traits
from connectors.http import open_session
from connectors.registry import Connectors, installed
from listener import configuration, control
from listener.analysis import deep
from listener.budget import for_listening
from listener.connecting import keepers
from listener.looking import about
from listener.rescoring import how_judged
from listener.terminal import now
from responders.channels.mail import PostalSurroundings
from responders.channels.registry import installed as installed_channels
from responders.mail import Mailer
from responders.voice import how_drafts_fared
from storage import Store
from storage.database import store_url
from storage.engines import SQLITE_VERSION
from storage.errors import StoreBusy
from storage.lock import DataLock
from storage.sqlite import is_sound

_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was tried, whether it works, and what there is to say; `warns`: it works, but look at it."""

    what: str
    works: bool
    says: str
    warns: bool = False


async def check(path: Path | None) -> bool:
    """Prints a line for each thing as it is tried; False where something does not work.

    Raises:
        ConfigError: the configuration has faults, all of which it names.
    """
    connectors = installed()
    settings = configuration.read(path, connectors)
    print_line(Line("configuration", True, str(find(path))))
    works = True
    async with open_session(settings.installation.listener.allow_hosts) as session:
        async for line in lines(settings, connectors, session):
            print_line(line)
            works = works and line.works
    typer.echo("Everything works." if works else "Something needs you: see the lines marked ✗.")
    return works


def print_line(line: Line) -> None:
    """Prints one line."""
    mark, colour = ("✗", "red") if not line.works else ("!", "yellow") if line.warns else ("✓", "green")
    typer.echo(f"{typer.style(mark, fg=colour)} {line.what}: {line.says}")


async def lines(settings: Settings, connectors: Connectors, session: aiohttp.ClientSession) -> AsyncIterator[Line]:
    """Tries the database, the secrets, each source, the people, the language model and mail, one after the other."""
    yield await _database(settings)
    yield understanding()
    for line in _secrets(settings, connectors):
        yield line
    async with keepers(settings, connectors, now) as keeper_of:
        for business in settings.businesses.values():
            for table in business.sources:
                keeper = await keeper_of(business.id, table)
                if keeper is None and table.enabled and connectors.consent(table.type, table.options):
                    yield await _asked_by_daemon(business, table, settings)
                    continue
                surroundings = Surroundings(table.name, session, now, settings.home, keeper)
                for line in await _source(business, table, connectors, surroundings):
                    yield line
            async for line in _chats(business, settings, session):
                yield line
            yield _people(business, settings)
            yield await _drafts(business, settings)
            yield await _judgements(business, settings)
    if settings.installation.llm:
        yield await _language_model(settings.installation.llm)
    if settings.installation.mail:
        yield await _mail(Mailer(settings.installation.mail))


async def _database(settings: Settings) -> Line:
    url = store_url(settings)
    kind = "SQLite " + SQLITE_VERSION if url.startswith("sqlite") else "PostgreSQL"
    try:
        with DataLock(settings.directory):
            store = await Store.open(url)
            await store.close()
    except StoreBusy:
        return Line("database", True, f"{kind}, in use by the daemon that runs")
    except WarmlineError as error:
        return Line("database", False, str(error))
    except OSError as error:
        return Line("database", False, f"{kind} cannot be reached ({error.strerror or type(error).__name__}).")
    if url.startswith("sqlite") and not is_sound(tuple(map(int, SQLITE_VERSION.split(".")))):
        return Line("database", False, f"{kind} can damage its file: install a Python with 3.51.3 or newer.")
    return Line("database", True, kind)


def understanding() -> Line:
    """Which model reads the mentions."""
    lacking = deep.lacking()
    if not lacking:
        return Line("understanding", True, f"the tables and the deep extra ({deep.version()})")
    if deep.PACKAGE in lacking:
        return Line("understanding", True, "the tables; the deep extra is not installed")
    says = f"the tables; the deep extra is there, but it needs {' and '.join(lacking)}: install warmline[deep]"
    return Line("understanding", True, says, warns=True)


def _secrets(settings: Settings, connectors: Connectors) -> Iterator[Line]:
    """Every secret that the configuration names."""
    named = [*_named(settings.installation)]
    for business in settings.businesses.values():
        for table in business.sources:
            named += _named(connectors[table.type].model_validate(table.options))
        chats = installed_channels()
        for channel in business.channels:
            named += _named(chats[channel.type].model_validate(channel.options))
    for secret in named:
        try:
            secret.read()
        except ConfigError as error:
            yield Line("secret", False, str(error))
        else:
            yield Line("secret", True, f"found in {secret.where}")


def _named(value: Any) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _named(getattr(value, name))


async def _source(
    business: BusinessSettings, table: SourceTable, connectors: Connectors, surroundings: Surroundings
) -> list[Line]:
    """How a source does, what it will cost, and what its platform asks for."""
    what = f'source "{table.name}"'
    if not table.enabled:
        return [Line(what, True, "switched off")]
    try:
        connector = connectors.build(table.type, table.options, surroundings)
    except WarmlineError as error:
        return [Line(what, False, str(error))]
    try:
        found = Line(what, True, await _tried(business, table, connector))
    except WarmlineError as error:
        found = Line(what, False, str(error))
    finally:
        await connector.close()
    return [found, *forecast(table, connector.traits), *duties(business, table, connector.traits)]


async def _asked_by_daemon(business: BusinessSettings, table: SourceTable, settings: Settings) -> Line:
    """How a source does whose tokens the running daemon keeps to itself."""
    what = f'source "{table.name}"'
    try:
        listing = await control.ask(settings.directory, "sources", {"business": business.id})
    except (WarmlineError, ConnectionError):
        return Line(what, False, "Its tokens cannot be read now. Run warmline check again.")
    line = next((each for each in listing if each["name"] == table.name), None)
    if line is None:
        return Line(what, False, "The daemon that runs does not know it yet.")
    return Line(
        what,
        not line["fault"],
        line["fault"] or f"asked by the daemon that runs; last answer {line['answered'] or 'never'}",
    )


async def _tried(business: BusinessSettings, table: SourceTable, connector: Connector) -> str:
    every = table.every or connector.traits.every
    asked = f"asked every {say_duration(every)}, about {int(_MONTH / every)} calls a month"
    if connector.traits.cost_per_call:
        return f"not asked, because each call costs money; {asked}"
    page = await connector.fetch(None)
    answers = "answers itself" if isinstance(connector, Replier) else "answered by hand"
    found = len(about(business, table, page))
    return f"{len(page.posts)} posts now, {found} about {business.business.name}; {answers}; {asked}, free of charge"


def forecast(table: SourceTable, traits: Traits) -> Iterator[Line]:
    """What a month will cost where calls cost money, and whether the budget allows for it."""
    cost, what = int(_MONTH / (table.every or traits.every)) * traits.cost_per_call, f'cost of "{table.name}"'
    if not cost:
        return
    says = [f"about {_money(cost, traits)} a month if each call costs what one usually does"]
    if traits.recheck_every is not None:
        looks = 100 * (traits.cost_per_look or traits.cost_per_call) * Decimal(_MONTH / traits.recheck_every)
        says.append(f"about {_money(looks, traits)} more for every 100 posts that are kept and looked at again")
    if table.budget is None:
        yield Line(what, True, "; ".join([*says, "no budget is set, so nothing stops it"]), warns=True)
        return
    says.append(f"its budget of {_money(table.budget, traits)} allows {_money(table.budget / 30, traits)} a day")
    is_short = cost > for_listening(table.budget, traits)
    if is_short:
        says.append("that is too little for all calls: it rests whenever it has used the days' shares")
    yield Line(what, True, "; ".join(says), warns=is_short)


def _money(amount: Decimal, traits: Traits) -> str:
    return f"{amount:.2f} {traits.currency}"


def duties(business: BusinessSettings, table: SourceTable, traits: Traits) -> Iterator[Line]:
    """What the platform asks of those who listen and answer there."""
    says = []
    if traits.retention == timedelta(0):
        says.append("Its posts may not be kept: they are counted, and neither shown nor answered.")
    elif traits.retention is not None:
        says.append(f"Its posts are kept for {say_duration(traits.retention)} at most.")
    if traits.disclosure:
        tells = "say" if business.voice.disclose else "do not say"
        says += [traits.disclosure, f"Your drafts {tells} that software helped (disclose under [voice])."]
    if says:
        yield Line(f'duties of "{table.name}"', True, " ".join(says))


class _NoNotes:
    """The memory of a chat that is only tried."""

    async def get(self, name: str) -> str:
        """Nothing is kept."""
        return ""

    async def put(self, name: str, value: str) -> None:
        """Nothing is kept."""


async def _nowhere(mail: str, address: str) -> str:
    """Nobody is mailed a link."""
    return address


async def _chats(business: BusinessSettings, settings: Settings, session: aiohttp.ClientSession) -> AsyncIterator[Line]:
    """Who we are in each chat; nothing is shown to anybody."""
    channels, mail = installed_channels(), settings.installation.mail
    mailer = Mailer(mail) if mail else None
    for table in business.channels:
        what = f'chat "{table.called}"'
        around = PostalSurroundings(
            table.called, session, now, settings.home, _NoNotes(), mailer=lambda: mailer, passage=_nowhere
        )
        try:
            channel = channels.build(table.type, table.options, around)
        except WarmlineError as error:
            yield Line(what, False, str(error))
            continue
        try:
            where = f"asks in {table.place}" if table.place else "asks everybody alone who is linked"
            yield Line(what, True, f"{await channel.check()}; {where}")
        except WarmlineError as error:
            yield Line(what, False, str(error))
        finally:
            await channel.close()


def _people(business: BusinessSettings, settings: Settings) -> Line:
    """Somebody must be there to decide."""
    name = business.business.name
    if not business.owners:
        return Line("people", False, f'{name} has no owner: add [[staff]] with role = "owner".')
    if settings.installation.mail and not (business.digest.to or any(owner.mail for owner in business.owners)):
        return Line("people", False, f"Nobody at {name} has an address for the digest: set mail under [[staff]].")
    return Line("people", True, ", ".join(f"{person.name} ({person.role.value})" for person in business.staff))


async def _drafts(business: BusinessSettings, settings: Settings) -> Line:
    """How the drafts of the last 30 days fared."""
    what = f"drafts for {business.business.name}"
    nobody = "nobody has decided about one in the last 30 days"
    return await _told(what, business, settings, "fared", how_drafts_fared, nobody)


async def _judgements(business: BusinessSettings, settings: Settings) -> Line:
    """How well mentions were judged, as far as staff said."""
    what = f"judgements for {business.business.name}"
    nobody = "staff have not dealt with a mention in the last 90 days"
    return await _told(what, business, settings, "judged", how_judged, nobody)


async def _told(
    what: str,
    business: BusinessSettings,
    settings: Settings,
    operation: str,
    tell: Callable[[Store, str, datetime], Awaitable[str]],
    nobody: str,
) -> Line:
    """What the store tells, asked here or through the daemon that holds it."""
    try:
        with DataLock(settings.directory):
            store = await Store.open(store_url(settings))
            try:
                told = await tell(store, business.id, now())
            finally:
                await store.close()
    except StoreBusy:
        try:
            told = await control.ask(settings.directory, operation, {"business": business.id})
        except (WarmlineError, ConnectionError):
            return Line(what, True, "how they fared cannot be told now", warns=True)
    except (WarmlineError, OSError):
        return Line(what, True, "how they fared cannot be told without the database", warns=True)
    return Line(what, True, told or nobody)


async def _language_model(table: LlmTable) -> Line:
    """Whether its server lets us in and has the model; nothing is drafted, so it costs nothing."""
    what = "language model"
    try:
        from responders.llm import models  # not everybody has it

        names = await models(table)
    except ImportError:
        return Line(what, False, "The library for it is missing: install warmline[llm].")
    except WarmlineError as error:
        return Line(what, False, str(error))
    if table.model in names:
        return Line(what, True, f"the server has “{table.model}”; nothing was asked of it, so nothing was spent")
    offers = f"it offers {', '.join(sorted(names)[:5])}" if names else "it does not tell which it has"
    return Line(what, True, f"the server answers, but does not list “{table.model}”: {offers}", warns=True)


async def _mail(mailer: Mailer) -> Line:
    try:
        await mailer.check()
    except WarmlineError as error:
        return Line("mail", False, str(error))
    return Line("mail", True, "the server takes our sign-in; nothing was sent")
