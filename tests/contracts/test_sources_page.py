"""The table of all sources agrees with what their connectors declare, so that it cannot lag behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from connectors.base import Replier
from tests.contracts.discovery import OWN, ROOT
from tests.contracts.worlds import opened

OpenWorld = Callable[..., Any]
HEAD = ("place", "hears", "how fast", "costs", "you need", "who answers", "kept for")
#: Types that ask nobody: posts come to them.
SENT = {"paste", "webhook"}

every_own = pytest.mark.parametrize("entry", OWN, ids=lambda entry: entry.name)


def table() -> list[list[str]]:
    text = (ROOT / "docs/sources.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def row(entry: EntryPoint) -> list[str]:
    [found] = [cells for cells in table()[2:] if f"(`{entry.name}`)" in cells[0]]
    return found


def spell(span: timedelta) -> str:
    """A stretch of time as the table writes it: "every hour", "every 12 hours"."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        number, rest = divmod(span.total_seconds(), size)
        if number and not rest:
            return f"every {unit}" if number == 1 else f"every {int(number)} {unit}s"
    raise AssertionError(f"{span} has no words")


def test_every_registered_type_has_its_row_and_no_other_has() -> None:
    named = {kind for cells in table()[2:] for kind in re.findall(r"\(`(\w+)`\)", cells[0])}

    missing = {entry.name for entry in OWN} - named
    without_code = {kind for kind in named if not list((ROOT / "connectors").glob(f"{kind}*"))}

    assert (missing, without_code) == (set(), set())


def test_every_row_answers_every_question() -> None:
    head, _, *rows = table()

    assert all(said.startswith(asked) for said, asked in zip(head, HEAD, strict=True))
    assert all(len(cells) == len(HEAD) and all(cells) for cells in rows)


@every_own
async def test_the_row_agrees_with_what_the_connector_declares(
    entry: EntryPoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    _, _, pace, cost, _, answer, kept = row(entry)
    async with opened(entry, monkeypatch, tmp_path) as (connector, _):
        traits = connector.traits

    limit = f"{traits.retention.days} days" if traits.retention else "as long as you like"
    again = f"looked at again {spell(traits.recheck_every)}" if traits.recheck_every else "not looked at again"
    assert re.match(r"at once$" if entry.name in SENT else rf"{spell(traits.every)}(,|$)", pace)
    assert answer.startswith("Warmline posts" if isinstance(connector, Replier) else "by hand")
    assert kept == f"{limit}; {again}"
    assert ("dollars" in cost) == bool(traits.cost_per_call)


@every_own
def test_the_row_leads_to_the_types_own_page(entry: EntryPoint) -> None:
    assert f"(sources/{entry.name}.md)" in row(entry)[0]
