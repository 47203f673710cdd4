"""Survey exports in a folder: net promoter scores, satisfaction, stars, and what people wrote beside them."""

from __future__ import annotations

import asyncio
import glob
import hashlib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field

from config.settings import Table
from connectors.base import ConnectorType, Cursor, Fault, Gone, Page, Post, Route, RouteKind, Surroundings, Traits
from connectors.errors import SourceUnavailable
from connectors.survey.answers import EARLIEST, PLATFORM, Part, Reading, Scale, parse

#: What one page may hold (`Connector.fetch`).
PAGE = 100
#: Bytes of one file; a year of a busy shop's answers is a twentieth of it.
LARGEST = 20_000_000
#: Endings of the files that are read from a folder.
ENDINGS = frozenset({".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson"})


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class SurveySettings(Table):
    """Where the exports lie, and how they are read where their column names do not tell."""

    #: A file, a folder, or a pattern such as "exports/*.csv"; relative to the configuration file.
    path: str = Field(min_length=1)
    #: How the survey counts; left out: told by the column's name and the scores in it.
    scale: Scale | None = None
    #: Which columns hold what, for those that are not found by their names.
    columns: dict[Part, Annotated[tuple[str, ...], BeforeValidator(_as_list)]] = Field(default_factory=dict)


class Seen(NamedTuple):
    """How far one file was read: its size and time of change, the fingerprint of its content, and its answers."""

    size: int
    changed: int
    fingerprint: str
    read: int
    done: bool


class Survey:
    """The exports of one survey."""

    def __init__(self, settings: SurveySettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._source = surroundings.source
        self._home = surroundings.home
        self._last: tuple[str, Reading] | None = None

    @property
    def traits(self) -> Traits:
        """Looking costs nothing, and silence is normal between two exports."""
        return Traits(platform=PLATFORM, every=timedelta(minutes=5))

    async def fetch(self, cursor: Cursor | None) -> Page:
        """The next answers of the files that are new or have changed, oldest first in each file and in the page.

        A file that has changed is read again from its beginning: its answers
        keep their ids, so only new ones are news.

        Raises:
            SourceUnavailable: there is no such file or folder.
        """
        return await asyncio.to_thread(self._next, {} if cursor is None else dict(cursor))

    def _next(self, cursor: dict[str, Any]) -> Page:
        seen = {name: Seen(*entry) for name, entry in cursor.get("files", {}).items()}
        now: dict[str, Seen] = {}
        posts: list[Post] = []
        faults: list[Fault] = []
        more = False
        for file in self._files():
            name = str(file.relative_to(self._home)) if file.is_relative_to(self._home) else str(file)
            before, room = seen.get(name), PAGE - len(posts)
            if _is_known(file, before) or not room:
                more |= not _is_known(file, before)
                now |= {name: before} if before else {}
                continue
            reading, now[name] = self._read(file, before, room)
            posts += reading.posts
            faults += reading.faults
            more |= not now[name].done
        posts.sort(key=lambda post: post.posted_at or EARLIEST)
        return Page(posts, {"files": {name: list(entry) for name, entry in now.items()}}, more, faults)

    def _files(self) -> list[Path]:
        """The files to read, in the order of their names.

        Raises:
            SourceUnavailable: there is none where one was named.
        """
        where, pattern = self._home / self._settings.path, self._settings.path
        try:
            if where.is_dir():
                return sorted(file for file in where.iterdir() if file.suffix.lower() in ENDINGS and file.is_file())
            if glob.has_magic(pattern):
                found = glob.glob(pattern, root_dir=self._home)  # noqa: PTH207 – Path.glob takes no absolute pattern
                return sorted(file for name in found if (file := self._home / name).is_file())
            if where.is_file():
                return [where]
        except OSError as error:
            raise SourceUnavailable(f'The exports of "{self._source}" cannot be read ({error.strerror}).') from error
        raise SourceUnavailable(
            f'The exports of "{self._source}" are not there.',
            do=f'Put them at {pattern}, or correct "path" in its settings.',
        )

    def _read(self, file: Path, before: Seen | None, room: int) -> tuple[Reading, Seen]:
        """The next posts of one file, at most `room`; its faults come with the first ones."""
        try:
            about = file.stat()
            content = file.read_bytes() if about.st_size <= LARGEST else None
        except OSError as error:
            return Reading([], [Fault(f"{file.name} cannot be read ({error.strerror}).")]), Seen(0, 0, "", 0, done=True)
        if content is None:
            reason = f"{file.name} has {about.st_size:,} bytes, and at most {LARGEST:,} are read. Split it."
            return Reading([], [Fault(reason)]), Seen(about.st_size, about.st_mtime_ns, "", 0, done=True)
        fingerprint = hashlib.sha256(content).hexdigest()
        start = before.read if before and before.fingerprint == fingerprint else 0
        reading = self._parse(content, fingerprint, file.name)
        end = min(start + room, len(reading.posts))
        done = end == len(reading.posts)
        page = Reading(reading.posts[start:end], reading.faults if start == 0 else [])
        return page, Seen(about.st_size, about.st_mtime_ns, fingerprint, end, done)

    def _parse(self, content: bytes, fingerprint: str, name: str) -> Reading:
        """What a file says; kept until another is read, as a long one comes in many pages."""
        if self._last is None or self._last[0] != fingerprint:
            settings = self._settings
            self._last = fingerprint, parse(content, name, self._source, settings.scale, settings.columns)
        return self._last[1]

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Nothing: an export that is taken away takes back nothing."""
        return []

    def route(self, post: Post) -> Route:
        """By hand where the export names a page to answer on; an anonymous answer cannot be answered."""
        if post.url:
            return Route(RouteKind.HANDOFF, "The export names a page where a person can answer.")
        return Route(RouteKind.NONE, "An anonymous survey answer cannot be answered.")

    async def close(self) -> None:
        """Nothing is open between two calls."""


def _is_known(file: Path, seen: Seen | None) -> bool:
    """Whether a file was read to its end and looks as it did then."""
    if seen is None or not seen.done:
        return False
    try:
        about = file.stat()
    except OSError:
        return True
    return (about.st_size, about.st_mtime_ns) == (seen.size, seen.changed)


CONNECTOR = ConnectorType(
    settings=SurveySettings,
    build=Survey,
    summary="Answers in survey exports (CSV, JSON): NPS, satisfaction, stars and comments.",
)
