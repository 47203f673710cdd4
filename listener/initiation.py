"""`warmline init`: a few questions, a look at last week, and a configuration with helpful comments."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import typer
from jinja2 import Environment, PackageLoader, StrictUndefined

from config.errors import ConfigError, WarmlineError
from config.settings import Business, BusinessSettings, Settings
from connectors.base import Post, Surroundings
from connectors.http import open_session
from connectors.registry import Connectors, installed
from listener import configuration
from listener.looking import about, fetch_once, first_words
from listener.terminal import now

#: How many of the found posts are shown.
SHOWN = 5


@dataclass(slots=True)
class Answers:
    """What the owner said; every text as it was typed."""

    name: str
    kind: str = "business"
    time_zone: str = "UTC"
    languages: list[str] = field(default_factory=lambda: ["en"])
    other_names: list[str] = field(default_factory=list)
    owner: str = ""
    mail: str = ""
    feeds: list[str] = field(default_factory=list)
    hackernews: bool = False

    @property
    def match(self) -> str:
        """A query that finds the business under each of its names."""
        return " OR ".join(_term(name) for name in [self.name, *self.other_names])


def _term(name: str) -> str:
    """A name as the query language writes it: tags and handles as they are, all else in quotes."""
    if re.fullmatch(r"[#@]\w[\w.@-]*", name):
        return name
    return '"' + name.replace('"', " ").strip() + '"'


def initiate(to: Path) -> None:
    """Asks, looks at last week, and writes `to`.

    Raises:
        ConfigError: the file exists already, or cannot be written.
    """
    if to.exists():
        raise ConfigError(f"{to} exists already.", "It was not touched.", "Name another file, or move that one away.")
    answers = ask()
    connectors = installed()
    try:
        write(to, answers)
        settings = configuration.read(to, connectors)
    except WarmlineError:
        to.unlink(missing_ok=True)
        raise
    typer.echo(f"\n{to} is written.")
    asyncio.run(preview(settings, connectors))
    typer.echo(f"\nNext: warmline check -c {to}, then warmline run -c {to}.")


def ask() -> Answers:
    """Asks the questions; what is not a valid answer is asked again."""
    answers = Answers(name=_ask("What is your business called?", _is_name))
    answers.kind = typer.prompt("What kind of business is it?", default="business").strip()
    answers.time_zone = _ask("In which time zone?", _fault_of("time_zone"), default=_here())
    answers.languages = _list(_ask("Which languages do you answer in?", _fault_of("languages"), default="en"))
    answers.other_names = _list(_ask("Other names, handles or tags, with commas (@crumb, #crumbandco)", _is_names, ""))
    answers.owner = _ask("Your own name (you will be the owner)?", _is_name)
    answers.mail = typer.prompt("Your mail address, for the weekly digest (empty: none)", default="").strip()
    answers.feeds = _list(_ask("Addresses of feeds or Google Alerts, with commas (empty: none)", _are_links, ""))
    answers.hackernews = typer.confirm("Listen on Hacker News?", default=False)
    return answers


def _ask(question: str, fault: Callable[[str], str], default: str | None = None) -> str:
    while True:
        answer = str(typer.prompt(question, default=default, show_default=bool(default))).strip()
        wrong = fault(answer)
        if not wrong:
            return answer
        typer.secho(wrong, fg="red")


def _list(answer: str) -> list[str]:
    return [part for part in (part.strip() for part in answer.split(",")) if part]


def _is_name(answer: str) -> str:
    if not answer:
        return "Please give a name."
    return configuration.check_query(_term(answer))


def _is_names(answer: str) -> str:
    return next((fault for name in _list(answer) if (fault := configuration.check_query(_term(name)))), "")


def _are_links(answer: str) -> str:
    wrong = [link for link in _list(answer) if not re.fullmatch(r"https?://\S+", link)]
    return f"{wrong[0]} is not an address: it begins with https://" if wrong else ""


def _fault_of(key: str) -> Callable[[str], str]:
    """What `config.settings` would say of an answer."""

    def fault(answer: str) -> str:
        value: object = _list(answer) if key == "languages" else answer
        try:
            Business.model_validate({"name": "x", key: value})
        except ValueError as error:
            return str(error).splitlines()[2].strip().removeprefix("Value error, ").split(" [type=")[0]
        return ""

    return fault


def _here() -> str:
    """The time zone of this computer, where it can be told."""
    if os.environ.get("TZ"):
        return os.environ["TZ"]
    zone = Path("/etc/localtime")
    parts = zone.resolve().parts
    return "/".join(parts[parts.index("zoneinfo") + 1 :]) if zone.is_symlink() and "zoneinfo" in parts else "UTC"


def write(to: Path, answers: Answers) -> None:
    """Writes the configuration.

    Raises:
        ConfigError: the file cannot be written.
    """
    pages = Environment(  # noqa: S701 – it writes TOML, in which `quoted` escapes
        loader=PackageLoader("listener", "templates"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    pages.filters["quoted"] = quoted
    text = pages.get_template("warmline.toml.j2").render(answers=answers, hosts=_hosts(answers.feeds))
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{to} cannot be written ({error.strerror}).") from error


def quoted(value: object) -> str:
    """A string, or a list of strings, as TOML writes it (which JSON's escapes are a part of)."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _hosts(feeds: Iterable[str]) -> list[str]:
    """A name for each feed: its host, numbered where two share one."""
    names: list[str] = []
    for feed in feeds:
        host = re.sub(r"^https?://(www\.)?|[/:?#].*$", "", feed).replace(".", "-")[:50] or "feed"
        names.append(host if host not in names else f"{host}-{len(names) + 1}")
    return names


async def preview(settings: Settings, connectors: Connectors) -> None:
    """Shows which of last week's posts the query would have caught, in the sources that can be asked already."""
    (business,) = settings.businesses.values()
    async with open_session(settings.installation.listener.allow_hosts) as session:
        for table in business.sources:
            surroundings = Surroundings(table.name, session, now, settings.home)
            try:
                page = await fetch_once(table, connectors, surroundings)
            except WarmlineError as error:
                typer.echo(f"\n{table.name} could not be asked yet: {error.happened}")
                continue
            week_ago = now() - timedelta(days=7)
            last_week = [post for post in about(business, table, page) if (post.posted_at or now()) >= week_ago]
            _print_found(business, table.name, last_week)


def _print_found(business: BusinessSettings, source: str, posts: list[Post]) -> None:
    typer.echo(f"\n{source}: {len(posts)} posts of the last week speak of {business.business.name}.")
    for post in posts[:SHOWN]:
        typer.echo(f"  {first_words(post.title or post.text)}")
