"""From rows to posts: which column is what, what a score means in stars, and what names an answer for good."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from connectors.base import Fault, Post
from connectors.survey.tables import SAMPLE, Row, Rows, read

PLATFORM = "survey"
EARLIEST = datetime.min.replace(tzinfo=UTC)


class Part(StrEnum):
    """What a column may hold for us; names and addresses of people are no part and never read."""

    ID = "id"
    DATE = "date"
    SCORE = "score"
    COMMENT = "comment"
    LINK = "link"


class Scale(StrEnum):
    """How a survey counts."""

    #: Net promoter score, 0 to 10.
    NPS = "nps"
    #: Customer satisfaction, 1 to 5.
    CSAT = "csat"
    #: 1 to 5.
    STARS = "stars"


#: Words in column names, in the languages of the tools we met (English, German, French, Spanish, Dutch, Italian).
_WORDS = {
    Part.DATE: "date datum submitted created completed timestamp time zeit zeitpunkt zeitstempel fecha",
    Part.SCORE: "score rating nps csat stars star sterne bewertung punkte cijfer punteggio puntuación",
    Part.COMMENT: "comment comments kommentar kommentare commentaire comentario commento opmerking feedback text "
    "reason why warum verbatim review answer antwort message remarks bemerkung",
    Part.LINK: "link url",
}
_KNOWN = {part: frozenset(words.split()) for part, words in _WORDS.items()}
#: Whole names only: a "customer id" does not name an answer.
_IDS = frozenset(
    {"id", "response id", "responseid", "answer id", "submission id", "entry id", "antwort id", "token", "uuid"}
)
#: Columns with these words are keys, or about a person, whatever else they say.
_PASSED = frozenset(
    [
        "id",
        "name",
        "vorname",
        "nachname",
        "surname",
        "firstname",
        "lastname",
        "nom",
        "email",
        "mail",
        "phone",
        "telefon",
        "ip",
    ]
)
_WORD = re.compile(r"[^\W_]+")

_NUMBER = re.compile(r"\s*(-?\d+(?:[.,]\d+)?)")
_DATE = re.compile(
    r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[ T,]+(\d{1,2}):(\d{2})(?::\d{2}(?:\.\d+)?)?\s*(?:([ap])\.?m\.?)?)?\s*",
    re.IGNORECASE,
)


class Reading(NamedTuple):
    """What a file says: posts oldest first, and what could not be read."""

    posts: list[Post]
    faults: list[Fault]


def parse(
    content: bytes, name: str, source: str, scale: Scale | None, columns: Mapping[Part, Sequence[str]]
) -> Reading:
    """The answers in an export; `name` is the file's in messages, `source` keeps ids of two surveys apart.

    `scale` None is told by the column's name and its highest score; `columns`
    are those that were named, the others are found by their names.
    """
    table = read(content, name)
    found = find_columns(table.columns, columns)
    missing = [column for named in found.values() for column in named if column not in table.columns]
    if table.rows and (missing or not (found[Part.COMMENT] or found[Part.SCORE])):
        what = f'no column "{missing[0]}"' if missing else "no column that we know for a score or a comment"
        reason = f"{name} has {what}; name the columns in the source's settings."
        return Reading([], [*table.faults, Fault(reason, sample=" | ".join(table.columns)[:SAMPLE])])
    return _answers(table, found, scale or _scale(table, found), source)


def find_columns(names: Sequence[str], named: Mapping[Part, Sequence[str]]) -> dict[Part, list[str]]:
    """Which columns hold what: those that were named, else those whose names have a known word.

    All that look like comments are comments, one after the other; of the other
    parts the one with the fewest words, as it says least besides.
    """
    found = {part: list(named.get(part, ())) for part in Part}
    for part in Part:
        taken = {name for columns in found.values() for name in columns}
        found[part] = found[part] or _find([name for name in names if name not in taken], part)
    return found


def _find(names: Sequence[str], part: Part) -> list[str]:
    if part is Part.ID:
        return [name for name in names if " ".join(_WORD.findall(name.casefold())) in _IDS][:1]
    words = {name: set(_WORD.findall(name.casefold())) for name in names}
    fitting = [name for name in names if words[name] & _KNOWN[part] and not words[name] & _PASSED]
    if part is Part.COMMENT:
        return fitting
    return sorted(fitting, key=lambda name: len(words[name]))[:1]


def _scale(table: Rows, found: Mapping[Part, Sequence[str]]) -> Scale:
    """NPS where the column says so or a score lies outside 1 to 5, stars otherwise."""
    name = " ".join(found[Part.SCORE]).casefold()
    if re.search(r"\bnps\b|\b0\s?[-–]\s?10\b", name):
        return Scale.NPS
    scores = [score for row in table.rows if (score := number(_cell(row, found, Part.SCORE))) is not None]
    return Scale.NPS if any(score == 0 or 5 < score <= 10 for score in scores) else Scale.STARS


def _cell(row: Row, found: Mapping[Part, Sequence[str]], part: Part) -> str:
    return "\n\n".join(filter(None, (row.cells.get(column, "") for column in found[part])))


def number(written: str) -> float | None:
    """A score as people and tools write it: "9", "4,5", "9/10", "5 - very good", "★★★★"; None where there is none."""
    if match := _NUMBER.match(written):
        return float(match[1].replace(",", "."))
    return float(drawn) if (drawn := written.count("★")) else None


def stars(score: float, scale: Scale) -> float | None:
    """A score in stars, None where it lies outside its scale.

    Net promoter scores keep their three groups: detractors (0-6) have one or
    two stars, passives (7-8) three, promoters (9-10) four or five.
    """
    if scale is not Scale.NPS:
        return score if 1 <= score <= 5 else None
    if not 0 <= score <= 10:
        return None
    return next(stars for above, stars in ((10, 5.0), (9, 4.0), (7, 3.0), (4, 2.0), (0, 1.0)) if score >= above)


def _answers(table: Rows, found: Mapping[Part, Sequence[str]], scale: Scale, source: str) -> Reading:
    faults = list(table.faults)
    posts: dict[str, Post] = {}
    names = _Names(source)
    day_first = _is_day_first([_cell(row, found, Part.DATE) for row in table.rows])
    for row in table.rows:
        cells = {part: _cell(row, found, part) for part in Part}
        if not cells[Part.COMMENT] and not cells[Part.SCORE]:
            faults.append(Fault(f"{row.where} has neither a score nor a comment.", cells[Part.ID], _sample(cells)))
            continue
        score = number(cells[Part.SCORE])
        rating = None if score is None else stars(score, scale)
        if cells[Part.SCORE] and rating is None:
            reason = f"{row.where} has a score that is none of its scale ({scale}); it was heard without it."
            faults.append(Fault(reason, cells[Part.ID], _sample(cells)))
        external_id = names.name(cells)
        posts[external_id] = _post(external_id, cells, rating, scale, day_first)
    return Reading(sorted(posts.values(), key=lambda post: post.posted_at or EARLIEST), faults)


class _Names:
    """What names an answer through every reading: its id, else its content and which of its equals it is.

    A second answer under one id, with other content, is an answer of its own.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._first: dict[str, str] = {}
        self._equals: Counter[str] = Counter()

    def name(self, cells: Mapping[Part, str]) -> str:
        """The external id of the next answer of the file."""
        content = json.dumps([cells[part] for part in (Part.COMMENT, Part.SCORE, Part.DATE)])
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        given = cells[Part.ID][:200]
        if not given:
            self._equals[digest] += 1
            return f"{self._source}/{digest}-{self._equals[digest]}"
        is_first = self._first.setdefault(given, digest) == digest
        return f"{self._source}/{given}" if is_first else f"{self._source}/{given}-{digest}"


def _post(
    external_id: str, cells: Mapping[Part, str], rating: float | None, scale: Scale, day_first: bool | None
) -> Post:
    link = cells[Part.LINK]
    return Post(
        platform=PLATFORM,
        external_id=external_id,
        text=cells[Part.COMMENT],
        posted_at=moment(cells[Part.DATE], day_first),
        url=link if is_web(link) else "",
        rating=rating,
        context={"score": cells[Part.SCORE], "scale": scale.value},
    )


def is_web(link: str) -> bool:
    """Whether a cell holds the address of a page."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return parts.scheme in {"https", "http"} and bool(parts.netloc)


def _sample(cells: Mapping[Part, Any]) -> str:
    return json.dumps({part: value for part, value in cells.items() if value}, ensure_ascii=False)[:SAMPLE]


def moment(written: str, day_first: bool | None) -> datetime | None:
    """A date as exports write it, in UTC where it names no zone; None where it cannot be told."""
    try:
        at: datetime | None = datetime.fromisoformat(written)
    except ValueError:
        at = _european_or_american(written, day_first)
    if at is None:
        return None
    try:
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None


def _european_or_american(written: str, day_first: bool | None) -> datetime | None:
    match = _DATE.fullmatch(written)
    day_first = True if match and match[2] == "." else day_first
    if match is None or day_first is None:
        return None
    first, second = int(match[1]), int(match[3])
    day, month = (first, second) if day_first else (second, first)
    hour, half = int(match[5] or 0), (match[7] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return datetime(int(match[4]), month, day, hour, int(match[6] or 0), tzinfo=UTC)
    except ValueError:
        return None


def _is_day_first(dates: Iterable[str]) -> bool | None:
    """Whether 3/11/2026 is in November; None where no date of the file tells."""
    numbers = [(int(match[1]), int(match[3])) for date in dates if (match := _DATE.fullmatch(date))]
    if any(first > 12 for first, _ in numbers):
        return True
    return False if any(second > 12 for _, second in numbers) else None
