"""Replays a recorded week from a file; replies go into a file beside it, and nothing leaves the machine.

It carries the demo, and lets a team rehearse with a week of its own. The lines
of a recording are described in `docs/sources/replay.md`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from config.settings import DAYS, Table
from connectors.base import (
    Absent,
    Author,
    ConnectorType,
    Cursor,
    Duplicates,
    Fault,
    Found,
    Gone,
    Limit,
    Page,
    Post,
    Receipt,
    Route,
    RouteKind,
    Status,
    Surroundings,
    Target,
    Traits,
    Unsure,
    Visibility,
)
from connectors.errors import ReplyDeferred, ReplyLost, ReplyTooLong, SourceUnavailable
from connectors.lengths import Counter, length

#: What one page may hold (`Connector.fetch`).
PAGE = 100
#: What is kept of a line that cannot be read (`Fault`).
SAMPLE = 2000


class ReplaySettings(Table):
    """Which recording is replayed, and how."""

    #: The recording: JSON lines, relative to the configuration file.
    file: Path
    #: Only the posts of this platform; empty: all of them.
    platform: str = ""
    #: The time zone of the days and times in the recording.
    zone: ZoneInfo = ZoneInfo("UTC")
    #: Posts per poll, so that the week can be watched as it passes; left out: all at once.
    pace: int | None = Field(default=None, ge=1, le=PAGE)
    #: Where posted replies are kept, relative to the configuration file.
    replies: Path = Path("replies.jsonl")


class Written(BaseModel):
    """What stands in a recording or in the file of replies: texts stay as they are, white space included."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(Written):
    """How a recorded post may be answered."""

    route: RouteKind = RouteKind.HANDOFF
    reason: str = "The recording names no way to answer."
    limits: dict[Counter, int] = Field(default_factory=dict)
    opening: str = ""

    def lengths(self) -> tuple[Limit, ...]:
        """The length limits as routes carry them."""
        return tuple(Limit(counter, at_most) for counter, at_most in self.limits.items())


class Line(Written):
    """What every line tells: which post, and when ("mon 08:15"; week 0 is the latest, -1 the one before)."""

    platform: str = Field(min_length=1, max_length=64)
    id: str = Field(min_length=1, max_length=200)
    at: str = Field(pattern=r"^(mon|tue|wed|thu|fri|sat|sun) ([01]\d|2[0-3]):[0-5]\d$")
    week: int = Field(default=0, ge=-52, le=0)

    @property
    def key(self) -> tuple[str, str]:
        """What names the post."""
        return self.platform, self.id

    def moment(self, anchor: datetime, zone: ZoneInfo) -> datetime:
        """The last such weekday and time in `zone` that is not after `anchor`, `week` weeks away; in UTC."""
        day, clock = self.at.split(" ")
        today = anchor.astimezone(zone).date()
        back = (today.weekday() - DAYS.index(day)) % 7
        at = datetime.combine(today - timedelta(days=back), time.fromisoformat(clock), zone)
        if at.astimezone(UTC) > anchor:
            at -= timedelta(weeks=1)
        return (at + timedelta(weeks=self.week)).astimezone(UTC)


class Said(Line):
    """Somebody posted something; the same line twice is a post that the platform gave twice."""

    kind: Literal["post"]
    text: str
    title: str = ""
    author: Author | None = None
    rating: float | None = Field(default=None, ge=1, le=5)
    url: str = ""
    language: str = ""
    place: str = ""
    account: str = ""
    in_reply_to: str = ""
    summons: bool = False
    own: bool = False
    answer: Answer = Answer()

    def post(self, at: datetime) -> Post:
        """The post as its platform would give it."""
        return Post(
            platform=self.platform,
            external_id=self.id,
            text=self.text,
            posted_at=at,
            url=self.url,
            author=self.author,
            title=self.title,
            rating=self.rating,
            language=self.language,
            in_reply_to=self.in_reply_to,
            summons=self.summons,
            own=self.own,
            account=self.account,
            place=self.place,
            context={"answer": self.answer.model_dump(mode="json")},
        )


class Edited(Line):
    """The author changed the text, the stars or both."""

    kind: Literal["edit"]
    text: str | None = None
    rating: float | None = Field(default=None, ge=1, le=5)

    def change(self, post: Post, at: datetime) -> Post:
        """`post` as it reads from now on."""
        text = post.text if self.text is None else self.text
        rating = post.rating if self.rating is None else self.rating
        return replace(post, text=text, rating=rating, edited_at=at)


class Deleted(Line):
    """The platform no longer shows the post."""

    kind: Literal["gone"]
    reason: str = "deleted"


Recorded: TypeAlias = Said | Edited | Deleted

#: An escaped NUL, which neither database takes, behind whole pairs of backslashes.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_LINE: TypeAdapter[Recorded] = TypeAdapter(Annotated[Recorded, Field(discriminator="kind")])


class Event(NamedTuple):
    """One line of the recording, set into the calendar."""

    platform: str
    at: datetime
    what: Post | Gone | Fault


def parse(recording: bytes) -> list[Recorded | Fault]:
    """The lines in the file's order; one that cannot be read stands as a fault in its place."""
    lines: list[Recorded | Fault] = []
    said: set[tuple[str, str]] = set()
    for number, raw in enumerate(recording.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if not raw.strip():
            continue
        line = _read(number, raw)
        if isinstance(line, Said):
            said.add(line.key)
        elif not isinstance(line, Fault) and line.key not in said:
            line = _fault(number, raw, f"it speaks of {line.platform} {line.id}, which no line before it holds")
        lines.append(line)
    return lines


def _read(number: int, raw: bytes) -> Recorded | Fault:
    try:
        return _LINE.validate_json(_NUL.sub(rb"\1", raw))
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        if wrong["type"] == "json_invalid":
            return _fault(number, raw, "it is not complete JSON")
        where = ".".join(str(part) for part in wrong["loc"][1:])  # the first part names the kind of line
        return _fault(number, raw, f"{where}: {wrong['msg']}" if where else wrong["msg"])


def _fault(number: int, raw: bytes, wrong: str) -> Fault:
    return Fault(
        f"Line {number} of the recording cannot be used: {wrong}.", sample=raw.decode(errors="replace")[:SAMPLE]
    )


def play(lines: Sequence[Recorded | Fault], anchor: datetime, zone: ZoneInfo) -> list[Event]:
    """The recorded week as the seven days before `anchor`, oldest first.

    Weekdays and times stay true, so a recording that is played on a Wednesday
    begins with its Wednesday. What follows a post (an edit, a deletion, an
    answer) never comes before it; a fault stands behind the line before it.
    """
    events: list[Event] = []
    posts: dict[tuple[str, str], Post] = {}
    since: dict[tuple[str, str], datetime] = {}
    platform, at = "", datetime.min.replace(tzinfo=UTC)
    for line in lines:
        if isinstance(line, Fault):
            events.append(Event(platform, at, line))
            continue
        answered = (line.platform, line.in_reply_to if isinstance(line, Said) else "")
        at = line.moment(anchor, zone)
        at = max(at, since.get(line.key, at), since.get(answered, at))
        platform = line.platform
        since[line.key] = at
        if isinstance(line, Deleted):
            events.append(Event(platform, at, Gone(platform, line.id, line.reason)))
            continue
        posts[line.key] = line.post(at) if isinstance(line, Said) else line.change(posts[line.key], at)
        events.append(Event(platform, at, posts[line.key]))
    return sorted(events, key=lambda event: event.at)


class Kept(Written):
    """A posted reply, as it stands in the file of replies."""

    key: str
    platform: str
    to: str
    account: str
    text: str
    url: str
    at: datetime

    @property
    def receipt(self) -> Receipt:
        """What the platform would have said of it."""
        return Receipt(self.key, self.url, self.at)


class Replay:
    """One recording, or one platform's share of it."""

    def __init__(self, settings: ReplaySettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._source = surroundings.source
        self._now = surroundings.now
        self._file = surroundings.home / settings.file
        self._replies = surroundings.home / settings.replies
        self._lines: list[Recorded | Fault] | None = None

    @property
    def traits(self) -> Traits:
        """Polled every second, so that the week can be watched; a reply is kept once per key."""
        return Traits(
            platform=self._settings.platform or "replay",
            every=timedelta(seconds=1),
            duplicates=Duplicates.KEY,
            settle=timedelta(seconds=1),
        )

    async def fetch(self, cursor: Cursor | None) -> Page:
        """The next lines of the recording; the first fetch decides in which week it is set.

        Raises:
            SourceUnavailable: the file cannot be read.
        """
        match cursor:
            case {"anchor": str(written), "position": int(position)}:
                anchor = datetime.fromisoformat(written)
            case _:
                anchor, position = self._now(), 0
        platform = self._settings.platform
        wanted = ("", platform)  # a fault above the first post belongs to no platform: every source tells it
        played = play(self._recording(), anchor, self._settings.zone)
        events = [event.what for event in played if not platform or event.platform in wanted]
        page = events[position : position + (self._settings.pace or PAGE)]
        end = position + len(page)
        return Page(
            posts=[what for what in page if not isinstance(what, Fault)],
            cursor={"anchor": anchor.isoformat(), "position": end},
            more=self._settings.pace is None and end < len(events),
            faults=[what for what in page if isinstance(what, Fault)],
        )

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Nothing: edits and deletions are lines of the recording."""
        return []

    def route(self, post: Post) -> Route:
        """As the recording says of this post."""
        answer = Answer.model_validate(post.context.get("answer", {}))
        return Route(answer.route, answer.reason, answer.lengths(), answer.opening)

    async def close(self) -> None:
        """Nothing is open between two calls."""

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        """Keeps the reply in the file of replies, once per key.

        Raises:
            ReplyTooLong: by the limits that the recording names.
            ReplyDeferred: the file of replies cannot be read.
            ReplyLost: it could not be written, in whole or in part.
        """
        answer = Answer.model_validate(target.context.get("answer", {}))
        for limit in answer.lengths():
            if length(text, limit.counter) > limit.at_most:
                raise ReplyTooLong(f"The reply is longer than {limit.at_most} {limit.counter}.", do="Shorten it.")
        try:
            kept = self._kept().get(key)
        except OSError as error:
            raise ReplyDeferred(self._unwritten(error)) from error
        if kept is not None:
            return kept.receipt
        kept = Kept(
            key=key,
            platform=target.platform,
            to=target.external_id,
            account=target.account,
            text=text,
            url=target.url,
            at=self._now(),
        )
        try:
            self._keep(kept)
        except OSError as error:
            raise ReplyLost(self._unwritten(error)) from error
        return kept.receipt

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        """Looks for the key among the kept replies, then for an answer of our own in the recording."""
        try:
            kept = self._kept().get(key)
        except OSError as error:
            return Unsure(self._unwritten(error))
        if kept is not None:
            return Found(kept.receipt)
        answered = (target.platform, target.external_id)
        for line in self._recording():
            if isinstance(line, Said) and line.own and (line.platform, line.in_reply_to) == answered:
                return Found(Receipt(line.id, line.url))
        return Absent()

    async def status(self, receipt: Receipt) -> Status:
        """What is kept is visible; there is nobody to refuse it."""
        return Status(Visibility.VISIBLE)

    def _recording(self) -> list[Recorded | Fault]:
        """The lines of the file, which is read when they are first needed."""
        if self._lines is None:
            try:
                self._lines = parse(self._file.read_bytes())
            except OSError as error:
                raise SourceUnavailable(
                    f'The recording {self._file.name} of "{self._source}" cannot be read ({error.strerror}).',
                    do="Put it beside the configuration, or correct `file` in its [[sources]] table.",
                ) from error
        return self._lines

    def _kept(self) -> dict[str, Kept]:
        """The replies by their keys; a line that a crash tore was never confirmed, so it does not count."""
        replies: dict[str, Kept] = {}
        for raw in self._written().splitlines():
            try:
                kept = Kept.model_validate_json(raw)
            except ValidationError:
                continue
            replies.setdefault(kept.key, kept)
        return replies

    def _written(self) -> bytes:
        try:
            return self._replies.read_bytes()
        except FileNotFoundError:
            return b""

    def _keep(self, kept: Kept) -> None:
        """Adds one line, on the disk when it returns; a torn line before it is ended first."""
        self._replies.parent.mkdir(parents=True, exist_ok=True)
        written = self._written()
        torn = bool(written) and not written.endswith(b"\n")
        with self._replies.open("ab") as file:
            file.write(b"\n" * torn + kept.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _unwritten(self, error: OSError) -> str:
        return f'The file of replies {self._replies.name} of "{self._source}" failed ({error.strerror}).'


CONNECTOR = ConnectorType(ReplaySettings, Replay, "A recorded week, for the demo and for rehearsals.")
