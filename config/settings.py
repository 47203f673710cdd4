"""The file's shape: one frozen model per table, unknown keys refused.

The tables `[storage]`, `[inbox]`, `[mail]`, `[listener]` and `[llm]` belong to the
installation; all others describe one business. In the usual form one
`warmline.toml` holds both; an installation that serves many keeps
`businesses/*.toml` beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.durations import Duration, Hours, Span
from config.secrets import Secret


class Table(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


#: A word or a few that are looked for in texts, and so must not be empty.
Word = Annotated[str, StringConstraints(min_length=1)]


#: A wording for replies; braces would look like a slot that is filled.
Phrase = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^{}]*$")]


class Day(StrEnum):
    """Days of the week; names, because numbers mean different days to different people."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


DAYS = tuple(Day)


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f'"{value}" is not a time zone: use a name like "Europe/Berlin"') from error
    return value


Zone = Annotated[str, AfterValidator(_known_zone)]


class Business(Table):
    """Whom we work for."""

    name: str = Field(min_length=1, max_length=120)
    kind: str = "business"
    time_zone: Zone = "UTC"
    languages: tuple[str, ...] = ("en",)
    products: tuple[Word, ...] = ()
    people: tuple[Word, ...] = ()
    #: Our own accounts, so that we are never taken for a customer.
    accounts: tuple[Word, ...] = ()
    #: Trades that may never confirm that somebody is a customer.
    regulated: Literal["", "health", "legal", "finance", "childcare"] = ""

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for code in value:
            if not re.fullmatch(r"[a-z]{2}", code):
                raise ValueError(f'"{code}" is not a language: use two letters, like "en" or "de"')
        if not value:
            raise ValueError("name at least one language")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which days, weeks and hours are counted."""
        return ZoneInfo(self.time_zone)


class Query(Table):
    """What counts as a mention; the language is described in `docs/queries.md`."""

    match: str = Field(min_length=1)
    unless: str = ""
    likely: tuple[Word, ...] = ()
    unlikely: tuple[Word, ...] = ()


class Offer(Table):
    """Something that may be offered, and by whom."""

    what: str
    by: Literal["staff", "owner"] = "owner"
    up_to: Decimal | None = None


class Voice(Table):
    """The tone guide."""

    sign_off: str = ""
    warmth: Literal["plain", "friendly", "warm"] = "friendly"
    formality: Literal["formal", "mirror", "informal"] = "mirror"
    never_say: tuple[Word, ...] = ()
    may_offer: tuple[Offer, ...] = ()
    may_promise: tuple[Word, ...] = ()
    disclose: bool = False


_DAY_KEY = re.compile(r"(mon|tue|wed|thu|fri|sat|sun)(?:-(mon|tue|wed|thu|fri|sat|sun))?")


def _known_days(value: dict[str, Any]) -> dict[str, Any]:
    for key in value:
        if not _DAY_KEY.fullmatch(key):
            raise ValueError(f'"{key}" is not a day or a range of days: use "mon" or "mon-fri"')
    return value


#: Hours by day or range of days.
Week = Annotated[dict[str, Hours], AfterValidator(_known_days)]


def hours_on(week: Mapping[str, Span], day: date) -> Span | None:
    """The hours of one day; None where it has none."""
    weekday = day.weekday()
    for key, hours in week.items():
        first, _, last = key.partition("-")
        start, end = DAYS.index(Day(first)), DAYS.index(Day(last or first))
        if (start <= weekday <= end) if start <= end else (weekday >= start or weekday <= end):
            return hours
    return None


class Place(Table):
    """One location of the business."""

    name: str
    address: str = ""
    contact: str = ""
    phone: str = ""
    #: By day or range of days: `{ mon-fri = "07:00-18:00", sat = "08:00-14:00" }`.
    hours: Week = Field(default_factory=dict)
    #: Days on which it is closed.
    holidays: tuple[date, ...] = ()


class Fact(Table):
    """What drafts may state."""

    about: str
    say: str


class Incident(Table):
    """Something that is going on, which drafts may explain until it ends."""

    about: str
    say: str
    until: date


class Frame(Table):
    """Something that often goes wrong here, or is praised, and how a reply names it."""

    about: Word
    #: Whole words or phrases that tell of it; "*" at the end stands for any ending.
    words: tuple[Word, ...]
    #: How it is said after "I'm sorry about", or in thanks: "the wobbly table by the window".
    says: tuple[Phrase, ...]
    of: Literal["complaint", "praise"] = "complaint"


class Phrases(Table):
    """Wordings of the business's own, said in turn with ours."""

    #: How a complaint's feeling is met, as a clause without a full stop: "that is no way to start a day".
    feel: tuple[Phrase, ...] = ()
    #: A whole answer to praise that names nothing: "You made our morning."
    praise_plain: tuple[Phrase, ...] = ()


class Role(StrEnum):
    """What a member of staff may decide."""

    STAFF = "staff"
    OWNER = "owner"


class Person(Table):
    """Somebody who works here and may decide."""

    name: str = Field(min_length=1, max_length=80)
    role: Role = Role.STAFF
    mail: str = ""
    #: Where they are, if not where the business is.
    time_zone: Zone | None = None
    #: The rota: when they are asked, by day or range of days; empty: always.
    works: Week = Field(default_factory=dict)
    #: When only a crisis may reach them.
    quiet: Hours | None = None
    away: tuple[date, date] | None = None
    #: Further days off.
    holidays: tuple[date, ...] = ()
    cover: str = ""


class Reply(Table):
    """How and when replies are made."""

    within: Duration = timedelta(hours=4)
    undo_for: Duration = timedelta(seconds=30)
    #: After this an undecided draft expires without a post.
    expire_after: Duration = timedelta(days=14)
    escalate_on: tuple[Word, ...] = ()

    @field_validator("within", "expire_after")
    @classmethod
    def _positive(cls, value: timedelta) -> timedelta:
        return _positive(value)


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return value


class DigestTable(Table):
    """When the owner reads about the week, and where."""

    day: Day = Day.MON
    at: time = time(8, 0)
    to: tuple[str, ...] = ()


class Retention(Table):
    """How long records are kept; a platform's shorter limit always wins."""

    mentions: Duration = timedelta(days=395)
    payloads: Duration = timedelta(days=90)

    @field_validator("mentions", "payloads")
    @classmethod
    def _positive(cls, value: timedelta) -> timedelta:
        return _positive(value)


class SourceTable(BaseModel):
    """One place to listen. The keys beside these belong to the connector named by `type`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(min_length=1, max_length=64)
    type: str
    every: Duration | None = None
    #: At most this much per month, in the connector's currency.
    budget: Decimal | None = None
    #: False: everything this source brings concerns us (our own reviews, say).
    filter: bool = True
    enabled: bool = True

    @property
    def options(self) -> dict[str, Any]:
        """The connector's own keys, as they stand in the file."""
        return dict(self.__pydantic_extra__ or {})


class ChannelTable(BaseModel):
    """One chat in which staff are asked. The keys beside these belong to its type."""

    model_config = ConfigDict(frozen=True, extra="allow", coerce_numbers_to_str=True)

    type: str
    #: What it is called in decisions and logs; its type, where it is left out.
    name: str = Field(default="", max_length=64)
    #: The room, by the chat's own id or name; empty: everybody is asked alone.
    place: str = ""

    @property
    def called(self) -> str:
        """The name under which its cards and its people's accounts are kept."""
        return self.name or self.type

    @property
    def options(self) -> dict[str, Any]:
        """The channel's own keys, as they stand in the file."""
        return dict(self.__pydantic_extra__ or {})


class BusinessSettings(Table):
    """One business: everything it told us."""

    #: The name of its file; letters, digits, "-" and "_".
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    business: Business
    query: Query
    voice: Voice = Voice()
    places: tuple[Place, ...] = ()
    facts: tuple[Fact, ...] = ()
    incidents: tuple[Incident, ...] = ()
    frames: tuple[Frame, ...] = ()
    phrases: Phrases = Phrases()
    staff: tuple[Person, ...] = ()
    reply: Reply = Reply()
    digest: DigestTable = DigestTable()
    retention: Retention = Retention()
    sources: tuple[SourceTable, ...] = ()
    channels: tuple[ChannelTable, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> BusinessSettings:
        for table, names in (
            ("sources", [source.name for source in self.sources]),
            ("staff", [person.name.casefold() for person in self.staff]),
            ("places", [place.name for place in self.places]),
            ("channels", [channel.called for channel in self.channels]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{table}: the name {', '.join(twice)} stands there twice")
        return self

    @property
    def owners(self) -> tuple[Person, ...]:
        """Those who may decide everything, in the file's order."""
        return tuple(person for person in self.staff if person.role is Role.OWNER)

    def person(self, name: str) -> Person | None:
        """The member of staff with this name, upper and lower case alike; None where there is none now."""
        return next((person for person in self.staff if person.name.casefold() == name.casefold()), None)


class StorageTable(Table):
    """Where everything is kept."""

    #: SQLite, the lock and the socket live here; relative to the configuration file.
    directory: Path = Path("data")
    #: A PostgreSQL address without its password; None: SQLite in the directory.
    url: str | None = None
    password: Secret | None = None
    #: What the tokens of `warmline connect` are encrypted with; several keys separated by commas, the newest first.
    token_key: Secret | None = None


class InboxTable(Table):
    """The inbox in the browser."""

    host: str = "127.0.0.1"
    port: int = Field(default=8750, ge=1, le=65535)
    #: The address people reach it by, where it is not `http://host:port`.
    address: str = ""


class MailTable(Table):
    """The mail server that carries digests, alerts and sign-in links."""

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: Secret | None = None
    sender: str


class ListenerTable(Table):
    """How the daemon behaves."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    #: Feeds at private addresses are refused unless they stand here.
    allow_hosts: tuple[str, ...] = ()


class LlmTable(Table):
    """A language model that may word replies; without this table none is asked."""

    #: Of any server that speaks as OpenAI's does: `http://127.0.0.1:11434/v1` for Ollama on this machine.
    #: The key has a place of its own, so no name and password stand in it.
    endpoint: str = Field(pattern=r"^https?://[^\s@]+$")
    model: Word
    key: Secret | None = None
    #: For one draft, all tries together; then the engine's draft stands.
    within: Duration = timedelta(seconds=8)
    #: At most so many tokens, and so much money, a month (UTC); prices are for a million tokens.
    allowance: int = Field(default=1_000_000, ge=1)
    budget: Decimal | None = Field(default=None, ge=0)
    price_in: Decimal = Field(default=Decimal(0), ge=0)
    price_out: Decimal = Field(default=Decimal(0), ge=0)
    #: Whose mentions may be shown to it, by id; empty: everybody's.
    businesses: tuple[Word, ...] = ()

    @field_validator("within")
    @classmethod
    def _positive(cls, value: timedelta) -> timedelta:
        return _positive(value)

    @model_validator(mode="after")
    def _money_can_be_counted(self) -> LlmTable:
        if self.budget is not None and not (self.price_in or self.price_out):
            raise ValueError("a budget can only be kept with price_in and price_out")
        return self


class Installation(BaseSettings):
    """What all businesses of this installation share; the environment (`WARMLINE_INBOX__PORT`) wins over the file."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="WARMLINE_", env_nested_delimiter="__", env_ignore_empty=True
    )

    storage: StorageTable = StorageTable()
    inbox: InboxTable = InboxTable()
    mail: MailTable | None = None
    listener: ListenerTable = ListenerTable()
    llm: LlmTable | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first; in the library's own order the file would silently win."""
        return env_settings, init_settings


class Settings(Table):
    """Everything the files say: the installation, and each business by its id."""

    installation: Installation
    businesses: dict[str, BusinessSettings]
    #: The folder that relative paths start from.
    home: Path

    @property
    def languages(self) -> tuple[str, ...]:
        """Every language that one of the businesses speaks, by code."""
        return tuple(sorted({code for each in self.businesses.values() for code in each.business.languages}))

    @property
    def directory(self) -> Path:
        """The data directory, absolute."""
        return (self.home / self.installation.storage.directory).resolve()

    @property
    def inbox_address(self) -> str:
        """Where people open the inbox, without a slash at the end."""
        inbox = self.installation.inbox
        return (inbox.address or f"http://{inbox.host}:{inbox.port}").rstrip("/")
