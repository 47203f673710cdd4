"""Language packs: everything a draft says, and everything that depends on a language, read from TOML beside this file.

A language is complete when `phrases.<code>.toml` and `frames.<code>.toml`
stand here; the code finds them by their names. `languages.toml` knows a
courteous beginning for some more. Packs are read once and checked in full:
a fault names its file and key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from importlib import resources
from string import Formatter
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from config.errors import ConfigError

#: The language whose rules judge what is written in a language without a pack.
FALLBACK = "en"

#: Slots that a frame may fill; each has its typed extractor in `slots`.
SLOTS = frozenset(
    {"thing", "ours", "over", "next", "after", "person", "word", "word2", "time", "span", "count", "money", "size", "size2", "since", "clock", "times"}
)  # fmt: skip
#: Those that name a thing.
THING_SLOTS = frozenset({"thing", "ours", "over", "next", "after"})
#: What a frame's named group may catch: words that the frame itself lists, or a number.
GROUPS = frozenset({"word", "word2", "count", "money", "size", "size2", "since", "times"})

_COMPLAINT = frozenset({"points", "Points", "feel", "Feel", "next", "hail"})
#: Every move that a pack must hold, and the slots that its wordings may use.
MOVES: Mapping[str, frozenset[str]] = {
    "complaint": _COMPLAINT,
    "complaint_short": _COMPLAINT,
    "complaint_brief": _COMPLAINT,
    "complaint_sarcasm": _COMPLAINT,
    "complaint_loss": _COMPLAINT,
    "complaint_again": _COMPLAINT,
    "mixed": _COMPLAINT | {"liked"},
    "feel": frozenset(),
    "skeleton_before": frozenset(),
    "skeleton_after": frozenset({"feel", "Feel", "next"}),
    "promise": frozenset({"promise"}),
    "way": frozenset({"contact"}),
    "way_send": frozenset({"contact", "send"}),
    "way_promise": frozenset({"contact", "send", "promise"}),
    "send_time": frozenset(),
    "hail": frozenset({"name"}),
    "way_page": frozenset(),
    "way_app": frozenset(),
    "way_direct": frozenset({"send"}),
    "privacy": frozenset(),
    "praise": frozenset({"thing", "Thing"}),
    "praise_person": frozenset({"person"}),
    "praise_both": frozenset({"person", "thing"}),
    "praise_plain": frozenset(),
    "praise_hail": frozenset({"name", "thing"}),
    "praise_closing": frozenset(),
    "praise_loss": frozenset(),
    "thanked": frozenset(),
    "raised": frozenset(),
    "answer_intro": frozenset(),
    "answer_closing": frozenset(),
    "unknown": frozenset({"promise"}),
    "unknown_thing": frozenset({"promise", "thing"}),
    "hours": frozenset({"place", "hours"}),
    "hours_closed": frozenset({"days"}),
    "suggestion": frozenset({"thing", "next"}),
    "suggestion_liked": frozenset({"thing", "next", "liked"}),
    "opportunity": frozenset({"way"}),
    "crisis": frozenset({"next"}),
    "crisis_loss": frozenset({"next"}),
    "crisis_way": frozenset({"contact"}),
    "crisis_page": frozenset(),
    "crisis_app": frozenset(),
    "crisis_direct": frozenset(),
    "regulated": frozenset({"next"}),
    "regulated_praise": frozenset(),
}

#: Expressions that a pack may leave out: the rule that asks it then finds nothing.
EXPRESSIONS = frozenset(
    [
        "first_person", "irony", "wishes_for", "denied", "loss", "hair", "hair_grave", "praises",
        "hours_asked", "feast", "calls", "finds_out", "passes_on", "informal", "thanked", "contrast",
        "asks_help", "turned", "non_apology", "apology", "feeling", "explains", "blames", "money",
        "review", "own_details", "asks", "data", "privately", "liability", "customer", "deed",
        "jargon", "thanks", "gladness", "cheer", "sells", "argues", "invites", "formal_address",
        "informal_address", "syllable", "pledge", "future", "unable", "time_named", "greets", "farewell",
        "narrows", "credits", "lost_one", "own_body",
    ]
)  # fmt: skip

Texts = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
Words = Annotated[frozenset[str], BeforeValidator(lambda value: value.split() if isinstance(value, str) else value)]


def _expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return value


Expression = Annotated[str, AfterValidator(_expression)]


class Part(BaseModel):
    """One table of a pack."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Speech(Part):
    """How the language is cut into words and put together again."""

    word: Expression = r"[^\W_]+(?:['’][^\W_]+)*"
    sentence: Expression = r"(?<=[.!?…])\s+|\n+"
    #: Endings that are cut off so that forms of one word meet; a word keeps three letters.
    endings: tuple[str, ...] = ()
    #: Words that name nothing, and words of service that fit any business.
    ordinary: Words = frozenset()
    generic: Words = frozenset()
    joined: str
    #: Names a thing with which something is wrong that no frame knows.
    trouble: str
    comma: str = ", "
    numbers: Mapping[str, str] = Field(default_factory=dict)
    #: By unit as it is found: one and many of it as they are said.
    units: Mapping[str, tuple[str, str]] = Field(default_factory=dict)
    time: str = "{n}-{one}"
    span: str = "{n} {unit}"
    #: Monday first.
    days: tuple[str, ...] = Field(min_length=7, max_length=7)
    months: tuple[str, ...] = Field(min_length=12, max_length=12)
    #: Other words that keep their capital, such as feasts.
    proper: tuple[str, ...] = ()
    range: str
    day_of_month: str
    #: Before a thing where a wording speaks of "the" thing.
    article: str = ""
    articles: Expression = "(?!)"
    #: Where a thing is said with its own article: by article, the names that take it; the first that fits.
    articles_of: Mapping[str, Expression] = Field(default_factory=dict)
    #: By article, the forms of a word that may stand beside such a thing.
    agrees: Mapping[str, Expression] = Field(default_factory=dict)
    plural: Expression = ""
    #: Words that may stand before a thing and tell which one it is: colours, materials, days.
    describes: Words = frozenset()
    #: Small words that may stand anywhere in a promise.
    small: Words = frozenset()
    #: Weekdays as a promise names them, Monday first.
    weekdays: tuple[str, ...] = ()
    #: Units of time as a promise names them, as durations are written in the business file.
    spans: Mapping[str, str] = Field(default_factory=dict)
    #: Flesch and Kincaid's weights (per sentence, per syllable, base) where there is a formula.
    grade: tuple[float, float, float] | None = None


class Family(Part):
    """What frames of one kind share: how the trouble feels, what to send, which promises fit."""

    feels: Texts
    send: str = ""
    #: Whether it can only be settled where nobody reads along.
    private: bool = False
    promise: Words = frozenset()


class Frame(Part):
    """One thing that can go wrong, or be praised, and how it is named.

    `match` finds it; each of `says` fits after "sorry about" (or "so glad
    you liked"), the fullest first, and counts when all its slots are filled.
    A `weak` frame counts only where no other does; `owner` sends it to one.
    """

    name: str
    family: str = ""
    match: Annotated[
        tuple[Expression, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
    ]
    says: Texts
    weak: bool = False
    owner: bool = False

    @cached_property
    def searches(self) -> tuple[re.Pattern[str], ...]:
        """The expressions, compiled."""
        return tuple(compiled(expression) for expression in self.match)

    @cached_property
    def phrases(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each phrase with the slots it needs."""
        return tuple((says, tuple(slots_in(says))) for says in self.says)

    @model_validator(mode="after")
    def _is_closed(self) -> Frame:
        unknown = {slot for said in self.says for slot in slots_in(said)} - SLOTS
        if unknown:
            raise ValueError(f"{self.name}: no such slot: {', '.join(sorted(unknown))}")
        return self


class LeftOut(Part):
    """What a hasty author left out and a reply puts back: `says` (`many` behind a plural) where `where` ends."""

    where: str
    says: str
    many: str = ""


class Echo(Part):
    """Which clauses of an author's a reply may say back, and how: see `echo`.

    `words` are lists of words by class, a capital letter; `clause`,
    `question`, `parts` and `where` are expressions of classes, "{N}{V}".
    """

    words: Mapping[str, Words] = Field(default_factory=dict)
    parts: Mapping[str, str] = Field(default_factory=dict)
    clause: str = "(?!)"
    #: With the groups `first`, `who` and `rest`, which are said as who, first, rest; `dropped` of them is not.
    question: str = "(?P<first>(?!))(?P<who>)(?P<rest>)"
    dropped: Words = frozenset()
    #: Words behind which a clause may begin, and before which it may end; `inside`: the last word before one and its first.
    joins: Words = frozenset()
    inside: str = "(?!)"
    ends: Words = frozenset()
    #: How a clause begins of what the author, or somebody of theirs, did.
    author: str = "(?!)"
    #: What the first word of a clause becomes where we say it; behind a backslash it is not turned again.
    subject: Mapping[str, str] = Field(default_factory=dict)
    #: By expression, what it becomes where we say it.
    turned: Mapping[str, str] = Field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    #: Words behind which a clause tells of what was not so good.
    contrary: Words = frozenset()
    #: What no clause may hold, and what no question that wants an answer holds.
    unsaid: Expression = "(?!)"
    rhetorical: Expression = "(?!)"
    #: What a clause does not end with where another word follows it.
    dangling: Expression = "(?!)"
    #: Clauses that tell of trouble: by the family of the frames, and of no kind that is known; and of what was good.
    trouble: Mapping[str, Expression] = Field(default_factory=dict)
    bad: Expression = "(?!)"
    good: Expression = "(?!)"
    #: Wordings: a complaint with the slots of the frames and `about`; praise and questions with `said`.
    that: str = "that {said}"
    joined: str = "{points}, {that}"
    moves: Mapping[str, Texts] = Field(default_factory=dict)

    def said(self, move: str) -> tuple[str, ...]:
        """The wordings of a move that take a clause; those of a complaint where there are none of its own."""
        return self.moves.get(move) or self.moves["complaint"]


def _named(value: Any) -> Any:
    if isinstance(value, str):
        value = [line.strip() for line in re.split(r"[,\n]", value) if line.strip()]
    return {name: name for name in value} if isinstance(value, (list, tuple)) else value


class Pack(Part):
    """One language, complete."""

    code: str
    name: str
    thanks: str = ""
    disclosure: str
    speech: Speech
    moves: Mapping[str, Texts]
    #: Moves said otherwise to somebody who writes informally, where the language makes a difference.
    informal: Mapping[str, Texts] = Field(default_factory=dict)
    #: First lines of a holding reply by the list of `grave` that found the matter ("…_of_author": it befell the author
    #: themselves), and complaints beside which somebody lost `who`.
    crises: Mapping[str, Texts] = Field(default_factory=dict)
    losses: Mapping[str, Texts] = Field(default_factory=dict)
    #: Feelings by emotion ("angry"), for any kind of trouble.
    feelings: Mapping[str, Texts]
    expressions: Mapping[str, Expression]
    #: What only an owner may answer.
    grave: Mapping[str, Expression]
    #: Numbers and stretches, as groups `n`, `unit`, or whole.
    extractors: Mapping[str, Expression]
    #: Things by the word that names them, and how they are said.
    things: Annotated[Mapping[str, str], BeforeValidator(_named)]
    wishes: Annotated[Mapping[str, str], BeforeValidator(_named)] = Field(default_factory=dict)
    #: The language's rules for saying a clause back, where it has them.
    echo: Echo | None = None
    families: Mapping[str, Family]
    frames: tuple[Frame, ...]
    praises: tuple[Frame, ...]

    @model_validator(mode="after")
    def _is_complete(self) -> Pack:
        for moves, what in ((self.moves, "moves"), (self.informal, "informal")):
            _check_moves(moves, what)
        faults = [f"moves: {name} is missing" for name in MOVES.keys() - self.moves.keys()]
        faults += [f"expressions: no rule asks for {name}" for name in self.expressions.keys() - EXPRESSIONS]
        faults += [
            f"{frame.name}: no such family: {frame.family}"
            for frame in self.frames
            if frame.family not in self.families
        ]
        faults += [
            f"{frame.name}: a group catches what nobody listed"
            for frame in (*self.frames, *self.praises)
            if not _lists(frame)
        ]
        if faults:
            raise ValueError("; ".join(sorted(faults)))
        return self

    def find(self, name: str) -> re.Pattern[str]:
        """The pack's expression of this name, any case; one that finds nothing where the pack has none."""
        return self.searches.get(name) or _NOTHING

    @cached_property
    def searches(self) -> Mapping[str, re.Pattern[str]]:
        """The expressions, compiled."""
        return {name: compiled(expression) for name, expression in self.expressions.items() if expression}

    def said(self, move: str, *, informal: bool = False) -> tuple[str, ...]:
        """The wordings of a move."""
        return (self.informal.get(move) if informal else None) or self.moves[move]


def _check_moves(moves: Mapping[str, Iterable[str]], what: str) -> None:
    for name, wordings in moves.items():
        if name not in MOVES:
            raise ValueError(f"{what}: there is no move {name}")
        unknown = {slot for wording in wordings for slot in slots_in(wording)} - MOVES[name]
        if unknown:
            raise ValueError(f"{what}.{name}: no such slot here: {', '.join(sorted(unknown))}")


def slots_in(wording: str) -> list[str]:
    """The slots of a wording, in order; a brace without its partner is a fault of the file."""
    return [name for _, name, _, _ in Formatter().parse(wording) if name is not None]


_GROUP = re.compile(r"\(\?P<(\w+)>")


def _lists(frame: Frame) -> bool:
    """Whether each named group of the frame's expressions catches only words that it lists."""
    return all(
        name in GROUPS and not re.search(r"(?<!\\)\.|\\[wWSD]|\[\^", inside)
        for match in frame.match
        for name, inside in _groups(match)
    )


def _groups(match: str) -> Iterator[tuple[str, str]]:
    for opened in _GROUP.finditer(match):
        depth, at = 1, opened.end()
        while depth and at < len(match):
            depth += {"(": 1, ")": -1}.get(match[at], 0) if match[at - 1] != "\\" else 0
            at += 1
        yield opened[1], match[opened.end() : at - 1]


_NOTHING = re.compile("(?!)")


@lru_cache(maxsize=4096)
def compiled(expression: str) -> re.Pattern[str]:
    """An expression of a pack or of the business file, any case; compiled once."""
    return re.compile(expression, re.IGNORECASE)


@lru_cache(maxsize=1)
def packs() -> Mapping[str, Pack]:
    """Every complete language, by code.

    Raises:
        ConfigError: a pack has a fault; the message names file and key.
    """
    files = {file.name: file for file in resources.files("responders.drafting").iterdir()}
    codes = sorted(found[1] for name in files if (found := re.fullmatch(r"phrases\.([a-z]{2})\.toml", name)))
    return {
        code: read_pack(code, *(files[name].read_text("utf-8") for name in files_of(code) if name in files))
        for code in codes
    }


def files_of(code: str) -> tuple[str, ...]:
    """The names of a pack's files; only the last may be missing."""
    return (f"phrases.{code}.toml", f"frames.{code}.toml", f"echo.{code}.toml")


def read_pack(code: str, phrases: str, frames: str, echo: str = "") -> Pack:
    """A pack from the text of its files; `%NAME%` in an expression stands for a macro of the frames' file.

    Raises:
        ConfigError: a fault, by key.
    """
    try:
        tables = {"code": code} | tomllib.loads(phrases) | tomllib.loads(frames)
        if echo:
            tables["echo"] = tomllib.loads(echo)
        macros = tables.pop("macros", {})
        for _ in range(2):  # a macro may use another
            tables = _filled(tables, macros)
            macros = _filled(macros, macros)
        return Pack.model_validate(tables)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The language pack “{code}” is no TOML: {error}.", do="Correct the file.") from error
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_input=False)
        )
        raise ConfigError(f"The language pack “{code}” has faults: {said}", do="Correct the file.") from error


def _filled(value: Any, macros: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"%([A-Z]+)%", lambda found: macros.get(found[1], found[0]), value) if "%" in value else value
    if isinstance(value, list):
        return [_filled(each, macros) for each in value]
    return {key: _filled(each, macros) for key, each in value.items()} if isinstance(value, dict) else value


@lru_cache(maxsize=1)
def given_names() -> frozenset[str]:
    """First names by which people are known to be called."""
    text = resources.files("responders.drafting").joinpath("names.toml").read_text("utf-8")
    return frozenset(tomllib.loads(text)["given"].split())


@lru_cache(maxsize=1)
def beginnings() -> Mapping[str, Mapping[str, str]]:
    """By language: its name, a courteous word that fits any mention, and the line that `disclose = true` adds."""
    text = resources.files("responders.drafting").joinpath("languages.toml").read_text("utf-8")
    told: dict[str, Mapping[str, str]] = dict(tomllib.loads(text))
    return told | {
        code: {"name": pack.name, "thanks": pack.thanks, "disclosure": pack.disclosure}
        for code, pack in packs().items()
    }


def pack_of(language: str) -> Pack:
    """The pack of a language, and English where it has none."""
    known = packs()
    return known.get(language) or known[FALLBACK]


def disclosure(language: str) -> str:
    """The line that says how a draft came about, in `language`, else in English."""
    told = beginnings()
    return told.get(language, told[FALLBACK])["disclosure"]
