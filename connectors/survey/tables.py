"""From the bytes of an export to rows of named cells, without a disk."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from connectors.base import Fault
from connectors.markup import tidy

#: What is kept of a row that cannot be read (`Fault`).
SAMPLE = 2000

#: UTF-32 begins like UTF-16, so the longer marks come first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SEPARATORS = ",;\t|"
#: Excel writes its separator into a line of its own.
_SEPARATOR_LINE = re.compile(r"sep=([,;\t|])\r?\n", re.IGNORECASE)
#: Under which key services put the list of answers.
_LISTS = ("items", "responses", "results", "answers", "data", "rows")
#: What a question in Typeform's style asks for.
_KINDS = {"opinion_scale": "score", "nps": "nps", "rating": "score", "long_text": "comment", "short_text": "comment"}
#: Kinds of answers in Typeform's style that hold who somebody is.
_PERSONAL = frozenset({"email", "phone_number", "contact_info"})


class Row(NamedTuple):
    """One answer of the export: its cells by the name of their column, and where it stands."""

    cells: Mapping[str, str]
    where: str


class Rows(NamedTuple):
    """All answers in the file's order, the columns in theirs, and what could not be read."""

    columns: Sequence[str]
    rows: list[Row]
    faults: list[Fault]


def read(content: bytes, name: str) -> Rows:
    """The rows of a file; its content, not its `name`, tells whether it is JSON, JSON lines or a table."""
    text = decode(content)
    if text.lstrip()[:1] in {"{", "["}:
        return _from_json(text, name)
    return _from_table(text, name)


def decode(content: bytes) -> str:
    """The text of a file: by its mark, else UTF-16 by its zeros, else UTF-8, else Windows-1252.

    Programs that write none of these are rare, and guessing by frequency errs
    on files as short as a week's answers.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.removeprefix(mark).decode(encoding, "replace")
    if b"\0" in content[:2000]:
        even, odd = content[:2000:2].count(0), content[1:2000:2].count(0)
        return content.decode("utf-16-le" if odd > even else "utf-16-be", "replace")
    for encoding in ("utf-8", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _from_table(text: str, name: str) -> Rows:
    separator, text = _separator(text)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    faults: list[Fault] = []
    rows: list[Row] = []
    header: list[str] = []
    for where, cells in _cells(lines, name, faults):
        if not header:
            header = _distinct(cells)
        elif len(cells) > len(header):
            reason = f"{where} has {len(cells)} cells where the first line has {len(header)}."
            faults.append(Fault(reason, sample=_shown(cells)))
        else:
            rows.append(Row(dict(zip(header, map(tidy, cells), strict=False)), where))
    if text.count('"') % 2:
        faults.append(Fault(f"A quotation mark in {name} is never closed, so one answer may hold several."))
    return Rows(header, rows, faults)


def _separator(text: str) -> tuple[str, str]:
    """The separator of a table, and its text without the line that only names it."""
    named = _SEPARATOR_LINE.match(text)
    if named:
        return named[1], text[named.end() :]
    return max(_SEPARATORS, key=lambda separator: _columns(text.lstrip("\r\n")[:10_000], separator)), text


def _columns(text: str, separator: str) -> int:
    try:
        return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), []))
    except csv.Error:
        return 0


def _cells(lines: Any, name: str, faults: list[Fault]) -> Iterator[tuple[str, list[str]]]:
    """Each line that is not blank with where it stands; what breaks the table off becomes a fault."""
    while True:
        try:
            cells = next(lines, None)
        except csv.Error as error:
            faults.append(Fault(f"Line {lines.line_num} of {name} cannot be read ({error})."))
            continue
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield f"Line {lines.line_num} of {name}", cells


def _distinct(names: Sequence[str]) -> list[str]:
    """Column names without blanks around them; of two equal ones, the second is numbered."""
    seen: Counter[str] = Counter()
    distinct = []
    for name in map(tidy, names):
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return distinct


def _shown(cells: Sequence[str]) -> str:
    """Cells as a sample; addresses are left out, as they are not imported."""
    return " | ".join(cell for cell in cells if "@" not in cell)[:SAMPLE]


def _from_json(text: str, name: str) -> Rows:
    try:
        answers = _listed(json.loads(text))
    except (ValueError, RecursionError):
        return _named(_from_lines(text, name))
    return _named((f"Answer {number} of {name}", answer) for number, answer in enumerate(answers, start=1))


def _from_lines(text: str, name: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        yield f"Line {number} of {name}", answer


def _listed(document: Any) -> Sequence[Any]:
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        found = next((document[key] for key in _LISTS if isinstance(document.get(key), list)), None)
        # One answer alone also has a list under "answers": that of its own questions.
        return [document] if found is None or found is document.get("answers") else found
    return [document]


def _named(answers: Iterator[tuple[str, Any]]) -> Rows:
    columns: dict[str, None] = {}
    rows: list[Row] = []
    faults: list[Fault] = []
    for where, answer in answers:
        if not isinstance(answer, dict):
            faults.append(Fault(f"{where} is not an answer with named parts."))
            continue
        cells = {tidy(key): tidy(value) for key, value in _flat(answer)}
        columns |= dict.fromkeys(cells)
        rows.append(Row(cells, where))
    return Rows(list(columns), rows, faults)


def _flat(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The parts of one answer that are a word or a number, and each of its `answers` under its question's name."""
    for key, value in answer.items():
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            yield key, str(value)
    questions = answer.get("answers")
    for question in questions if isinstance(questions, list) else []:
        if isinstance(question, dict) and question.get("type") not in _PERSONAL:
            yield from _question(question)


def _question(question: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """One question in Typeform's style; its column names what was asked and how."""
    field = question.get("field")
    field = field if isinstance(field, dict) else {}
    value = question.get(str(question.get("type")))
    if isinstance(value, dict):
        value = value.get("label")
    asked = field.get("ref") or field.get("title") or field.get("id") or ""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield f"{asked} ({_KINDS.get(str(field.get('type')), '')})", str(value)
