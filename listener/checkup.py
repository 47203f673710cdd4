"""`warmline check`: tries everything once, says what works, and costs nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
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
from config.settings import BusinessSettings, Settings, SourceTable
from connectors.base import Connector, Replier, Surroundings
from connectors.http import open_session
from connectors.registry import Connectors, installed
from listener import configuration
from listener.looking import about
from listener.terminal import now
from responders.mail import Mailer
from storage import Store
from storage.database import SQLITE_VERSION, store_url
from storage.errors import StoreBusy
from storage.lock import DataLock
from storage.sqlite import is_sound

_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was tried, whether it works, and what there is to say."""

    what: str
    works: bool
    says: str


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
    mark, colour = ("✓", "green") if line.works else ("✗", "red")
    typer.echo(f"{typer.style(mark, fg=colour)} {line.what}: {line.says}")


async def lines(settings: Settings, connectors: Connectors, session: aiohttp.ClientSession) -> AsyncIterator[Line]:
    """Tries the database, the secrets, each source, mail and the people, one after the other."""
    yield await _database(settings)
    for line in _secrets(settings, connectors):
        yield line
    for business in settings.businesses.values():
        for table in business.sources:
            surroundings = Surroundings(table.name, session, now, settings.home)
            yield await _source(business, table, connectors, surroundings)
        yield _people(business, settings)
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


def _secrets(settings: Settings, connectors: Connectors) -> Iterator[Line]:
    """Every secret that the configuration names."""
    named = [*_named(settings.installation)]
    for business in settings.businesses.values():
        for table in business.sources:
            named += _named(connectors[table.type].model_validate(table.options))
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
) -> Line:
    what = f'source "{table.name}"'
    if not table.enabled:
        return Line(what, True, "switched off")
    try:
        connector = connectors.build(table.type, table.options, surroundings)
    except WarmlineError as error:
        return Line(what, False, str(error))
    try:
        return Line(what, True, await _tried(business, table, connector))
    except WarmlineError as error:
        return Line(what, False, str(error))
    finally:
        await connector.close()


async def _tried(business: BusinessSettings, table: SourceTable, connector: Connector) -> str:
    forecast = _forecast(table, connector)
    if connector.traits.cost_per_call:
        return f"not asked, because each call costs money; {forecast}"
    page = await connector.fetch(None)
    answers = "answers itself" if isinstance(connector, Replier) else "answered by hand"
    found = len(about(business, table, page))
    return f"{len(page.posts)} posts now, {found} about {business.business.name}; {answers}; {forecast}"


def _forecast(table: SourceTable, connector: Connector) -> str:
    every = table.every or connector.traits.every
    calls = int(_MONTH / every)
    cost = calls * connector.traits.cost_per_call
    money = f", about {cost.quantize(Decimal('0.01'))} {connector.traits.currency}" if cost else ", free of charge"
    return f"asked every {say_duration(every)}, about {calls} calls a month{money}"


def _people(business: BusinessSettings, settings: Settings) -> Line:
    """Somebody must be there to decide."""
    name = business.business.name
    if not business.owners:
        return Line("people", False, f'{name} has no owner: add [[staff]] with role = "owner".')
    if settings.installation.mail and not (business.digest.to or any(owner.mail for owner in business.owners)):
        return Line("people", False, f"Nobody at {name} has an address for the digest: set mail under [[staff]].")
    return Line("people", True, ", ".join(f"{person.name} ({person.role.value})" for person in business.staff))


async def _mail(mailer: Mailer) -> Line:
    try:
        await mailer.check()
    except WarmlineError as error:
        return Line("mail", False, str(error))
    return Line("mail", True, "the server takes our sign-in; nothing was sent")
