"""What the terminal shows of the queue, of a draft, and of sources that are tried without storing anything."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from config.errors import ConfigError, WarmlineError
from config.settings import BusinessSettings, SourceTable
from connectors.base import Page, Post, Surroundings
from connectors.http import open_session
from connectors.registry import Connectors
from listener.analysis.matching import Matcher
from listener.connecting import keepers
from listener.terminal import now, settings_of


def harmless(text: str) -> str:
    """A customer's text for a terminal: without control characters, which could move its cursor or fake its output."""
    return "".join(sign if sign == "\n" or unicodedata.category(sign)[0] != "C" else " " for sign in text)


def first_words(text: str, longest: int = 90) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(harmless(text).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def print_queue(lines: Sequence[Mapping[str, Any]]) -> None:
    """Prints what waits, one draft after the other."""
    if not lines:
        typer.echo("Nothing waits.")
    for line in lines:
        stars = f" {line['rating']:g}★" if line["rating"] else ""
        severity = "" if line["severity"] == "none" else f" [{line['severity']}]"
        typer.secho(f"{line['id']}  {line['state']}  {line['platform']}{stars}{severity}", bold=True)
        typer.echo(f"  they:  {first_words(line['says'])}")
        typer.echo(f"  draft: {first_words(line['draft']) or '–'}")
        if line["needs"]:
            typer.echo(f"  needs: {line['needs']}")


def print_draft(line: Mapping[str, Any]) -> None:
    """Prints one draft with all that is known about it."""
    print_queue([{**line, "says": "", "draft": "", "needs": ""}])
    sections = (
        ("They wrote", [line["title"], line["says"]]),
        ("Why it was judged so", line["why"]),
        ("The draft", [line["draft"], line["needs"]]),
        ("Its reasons", line["reasons"]),
        ("What the checks say", line["findings"]),
        ("Where it goes", [f"{line['route']}: {line['route_reason']}", line["account"], line["link"]]),
        ("What happened", [*line["decisions"], line["note"], line["reply_link"]]),
    )
    for title, texts in sections:
        told = [harmless(text) for text in texts if text]
        if told:
            typer.secho(f"\n{title}", bold=True)
            for text in told:
                typer.echo(f"  {text}")


async def try_sources(path: Path | None, business: str, source: str) -> None:
    """Asks sources once and prints what would be heard; nothing is stored.

    Raises:
        ConfigError: there is no such business or source.
    """
    settings, connectors = settings_of(path)
    tried = 0
    async with (
        open_session(settings.installation.listener.allow_hosts) as session,
        keepers(settings, connectors, now) as keeper_of,
    ):
        for each in settings.businesses.values():
            for table in each.sources:
                if business in ("", each.id) and source in ("", table.name):
                    keeper = await keeper_of(each.id, table)
                    surroundings = Surroundings(table.name, session, now, settings.home, keeper)
                    await _try(each, table, connectors, surroundings)
                    tried += 1
    if not tried:
        raise ConfigError("There is no such source.", do="Run warmline sources to see their names.")


async def _try(
    business: BusinessSettings, table: SourceTable, connectors: Connectors, surroundings: Surroundings
) -> None:
    try:
        page = await fetch_once(table, connectors, surroundings)
    except WarmlineError as error:
        typer.secho(f"{table.name}: {error}", fg="red")
        return
    found = about(business, table, page)
    typer.echo(f"{table.name}: {len(page.posts)} posts, {len(found)} about {business.business.name}")
    for post in found:
        typer.echo(f"  {first_words(post.text)}")


async def fetch_once(table: SourceTable, connectors: Connectors, surroundings: Surroundings) -> Page:
    """One page of a source, from its look-back on.

    Raises:
        WarmlineError: it cannot be opened, or does not answer properly.
    """
    connector = connectors.build(table.type, table.options, surroundings)
    try:
        return await connector.fetch(None)
    finally:
        await connector.close()


def one_business(path: Path | None, business: str) -> BusinessSettings:
    """The business named `business`; the only one where that is empty.

    Raises:
        ConfigError: there is none of that name, or there are several.
    """
    businesses = settings_of(path)[0].businesses
    if business in businesses or (not business and len(businesses) == 1):
        return businesses[business or next(iter(businesses))]
    raise ConfigError("There is no such business.", do=f"Choose one with --business: {', '.join(sorted(businesses))}.")


def about(business: BusinessSettings, table: SourceTable, page: Page) -> list[Post]:
    """The posts of a page that concern the business."""
    matcher = Matcher({business.id: business})
    posts = [post for post in page.posts if isinstance(post, Post)]
    return [
        post
        for post in posts
        if post.summons
        or not table.filter
        or matcher.match(
            post.text,
            title=post.title,
            platform=post.platform,
            author=post.author.handle if post.author else "",
            language=post.language,
            place=post.place,
        )
    ]
