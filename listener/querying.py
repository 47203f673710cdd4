"""`warmline query test`: what a query would hear, among what is stored or in a file, and how often it would be right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel, ConfigDict, ValidationError

from config.errors import ConfigError
from config.settings import BusinessSettings
from listener.analysis.matching import Found, Matcher
from listener.digest.figures import wilson
from listener.looking import harmless
from storage import Mention, Store, corrections, mentions

#: How many of the latest mentions are looked at, how many of them are shown, and how much of each.
MOST, SHOWN, AROUND = 5_000, 20, 60

_PAGE = 200


class ToTry(BaseModel):
    """One line of a file; `ours` says whether it is about the business, where somebody has marked it."""

    model_config = ConfigDict(frozen=True)

    text: str
    title: str = ""
    platform: str = ""
    author: str = ""
    language: str = ""
    place: str = ""
    ours: bool | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """One post with what was known of it: whether it was heard before, and whether it is about the business."""

    post: ToTry
    was_heard: bool


@dataclass(slots=True)
class Tally:
    """What a query made of posts. `right` and `wrong` count those heard of which somebody has said so."""

    looked: int = 0
    heard: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0
    gained: list[dict[str, Any]] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    number: dict[str, int] = field(default_factory=lambda: {"gained": 0, "lost": 0})

    def add(self, tried: Tried, found: Found | None) -> None:
        """Counts one post."""
        self.looked += 1
        post, shown = tried.post, _shown(tried.post, found)
        if found is None:
            self.missed += post.ours is True
            if tried.was_heard:
                self._note("lost", self.lost, shown)
            return
        self.heard += 1
        self.right += post.ours is True
        self.wrong += post.ours is False
        if len(self.samples) < SHOWN:
            self.samples.append(shown)
        if not tried.was_heard:
            self._note("gained", self.gained, shown)

    def _note(self, what: str, kept: list[dict[str, Any]], shown: dict[str, Any]) -> None:
        self.number[what] += 1
        if len(kept) < SHOWN:
            kept.append(shown)

    def as_json(self) -> dict[str, Any]:
        """For the terminal."""
        names = ("looked", "heard", "right", "wrong", "missed", "gained", "lost", "samples", "number")
        return {name: getattr(self, name) for name in names}


def _shown(post: ToTry, found: Found | None) -> dict[str, Any]:
    return {"text": post.text if post.text.strip() else post.title, "spans": list(found.spans) if found else []}


def matcher_of(business: BusinessSettings, query: str) -> Matcher:
    """Hears by `query` (empty: by the business's own) for one business.

    Raises:
        ConfigError: it cannot be understood; the message names the column.
    """
    asked = business.query.model_copy(update={"match": query}) if query else business.query
    try:
        return Matcher({business.id: business.model_copy(update={"query": asked})})
    except ConfigError as error:
        told = "; ".join(fault.partition("query.match: ")[2] or fault for fault in error.faults)
        raise ConfigError(f"The query cannot be understood: {told}.", do="See docs/queries.md.") from error


def _hear(matcher: Matcher, post: ToTry) -> Found | None:
    fields = post.model_dump(include={"title", "platform", "author", "language", "place"})
    return next(iter(matcher.match(post.text, **fields).values()), None)


async def over_stored(store: Store, business: BusinessSettings, query: str) -> Tally:
    """What `query` makes of the latest stored mentions; "was heard" is what the query in force then, or now, says."""
    asked, own, tally = matcher_of(business, query), matcher_of(business, ""), Tally()
    async for mention, author, is_confirmed in _stored(store, business.id):
        ours = False if mention.not_us else True if is_confirmed else None
        post = ToTry(
            text=mention.text,
            title=mention.title,
            platform=mention.platform,
            author=author,
            language=mention.language,
            place=mention.place,
            ours=ours,
        )
        was_heard = bool(mention.matched) or _hear(own, post) is not None
        tally.add(Tried(post, was_heard), _hear(asked, post))
    return tally


async def _stored(store: Store, business_id: str) -> AsyncIterator[tuple[Mention, str, bool]]:
    before = None
    for _ in range(MOST // _PAGE):
        async with store.read() as session:
            page = await mentions.history(session, business_id, before=before, limit=_PAGE)
            confirmed = await corrections.confirmed(session, [each.id for each in page if each.id])
            authors = await mentions.authors(session, business_id, [each.author_id for each in page if each.author_id])
        for mention in page:
            if mention.gone_at is None:
                author = authors.get(mention.author_id or 0)
                yield mention, author.handle if author else "", mention.id in confirmed
        if len(page) < _PAGE:
            return
        before = (page[-1].posted_at, page[-1].id or 0)
        await asyncio.sleep(0)


def over_file(lines: Iterable[bytes], business: BusinessSettings, query: str) -> Tally:
    """What `query` makes of JSON lines, against the query in the business's file.

    Raises:
        ConfigError: a line cannot be read; the message says which and why.
    """
    asked, own, tally = matcher_of(business, query), matcher_of(business, ""), Tally()
    for post in _posts(lines):
        tally.add(Tried(post, _hear(own, post) is not None), _hear(asked, post))
    return tally


def _posts(lines: Iterable[bytes]) -> Iterator[ToTry]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield ToTry.model_validate_json(line)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, fault["loc"]))
            raise ConfigError(
                f"line {number}{f', {where}' if where else ''}: {fault['msg']}",
                do='Write each post as {"text": "…"} on a line of its own.',
            ) from error


def read_lines(path: Path) -> list[bytes]:
    """Raises:
    ConfigError: the file cannot be read.
    """
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}).") from error


def show(tally: dict[str, Any]) -> None:
    """Prints what a query would hear, its words marked."""
    typer.echo(f"{tally['heard']} of {tally['looked']} posts would be heard.")
    for each in tally["samples"]:
        typer.echo(f"  {marked(each['text'], each['spans'])}")
    for name, says in (("gained", "would be heard now"), ("lost", "would be heard no longer")):
        if number := tally["number"][name]:
            typer.secho(f"{number} {says}:", bold=True)
            for each in tally[name]:
                typer.echo(f"  {marked(each['text'], each['spans'])}")
    typer.echo(precision(tally["right"], tally["wrong"]))
    if tally["missed"]:
        typer.echo(f"{tally['missed']} that are about you would be missed.")


def precision(right: int, wrong: int) -> str:
    """How often the query is right, as far as people have said."""
    if not right + wrong:
        return "Nobody has said yet which of these are about you, so its precision cannot be told."
    low, high = wilson(right, right + wrong)
    return (
        f"Of {right + wrong} that people dealt with, {right} are about you: {right / (right + wrong):.0%} "
        f"(with 95 % confidence between {low:.0%} and {high:.0%})."
    )


def marked(text: str, spans: list[Any]) -> str:
    """The stretch of `text` around the first of `spans`, on one line, with all of them in bold."""
    start = max(spans[0][0] - AROUND, 0) if spans else 0
    end = min((spans[0][1] if spans else 0) + 2 * AROUND, len(text))
    pieces, at = ["…" if start else ""], start
    for first, last in spans:
        if first >= at and last <= end:
            pieces += [_line(text[at:first]), typer.style(_line(text[first:last]), bold=True, underline=True)]
            at = last
    return "".join([*pieces, _line(text[at:end]), "…" if end < len(text) else ""])


def _line(text: str) -> str:
    return harmless(text).replace("\n", " ")
