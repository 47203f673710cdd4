"""The reply cases beside the project, with a business that answers each, and their drafts.

The businesses stand in `businesses/`, one for each trade and one more where a
chain of that trade answers, written from what such a business knows of itself.
Forty cases, those whose id has the smallest hash, are left aside while drafts
are tuned to the others.
"""

from __future__ import annotations

import hashlib
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel

from benchmarks.texts import NOW
from config.settings import BusinessSettings
from listener.analysis.assessing import Assessor
from listener.batch import LIMITS
from responders.drafting.base import Abstention, Case, Proposal
from responders.drafting.engine import Engine

CASES = Path(__file__).resolve().parents[2] / "shared" / "data" / "replies" / "dev.jsonl"
BUSINESSES = Path(__file__).parent / "businesses"
UNTOUCHED = 40


class Row(BaseModel):
    """One reply case, as its README describes it."""

    id: str
    source: str
    real: bool
    platform: str
    business_type: str
    language: str
    rating: float | None
    kind: str
    mention: str
    reference_reply: str
    reference_complete: bool
    must_mention: list[str] | None


@dataclass(frozen=True, slots=True)
class Answered:
    """A row with its draft, and what the draft took (milliseconds of CPU, one thread)."""

    row: Row
    case: Case
    answer: Proposal | Abstention
    took: float

    @property
    def draft(self) -> str:
        """The text that a person would be shown to approve; empty: none."""
        return self.answer.text if isinstance(self.answer, Proposal) else ""


@lru_cache
def business(name: str) -> BusinessSettings:
    """The business file of this name."""
    told = tomllib.loads((BUSINESSES / f"{name}.toml").read_text("utf-8"))
    return BusinessSettings.model_validate(told | {"id": name})


def business_of(row: Row) -> BusinessSettings:
    """Who answers: a chain where the reply is real and there is one of the trade."""
    chain = f"{row.business_type}-chain"
    return business(chain if row.real and (BUSINESSES / f"{chain}.toml").exists() else row.business_type)


def halves(file: Path) -> tuple[list[Row], list[Row]]:
    """The working rows and the untouched ones."""
    rows = [Row.model_validate_json(line) for line in file.read_text("utf-8").splitlines()]
    rows.sort(key=lambda row: hashlib.sha256(row.id.encode()).hexdigest())
    return rows[UNTOUCHED:], rows[:UNTOUCHED]


def case_of(row: Row, assessor: Assessor) -> Case:
    """The row as the daemon would put it before the drafter; only the mention's language is not told."""
    who, limit = business_of(row), LIMITS.get(row.platform)
    judged = assessor.assess(row.mention, rating=row.rating)
    limits = (limit,) if limit else ()
    return Case(
        who, row.mention, row.platform, judged, NOW, limits=limits, rating=row.rating, signer=who.voice.sign_off
    )


async def answer(cases: Sequence[tuple[Row, Case]], engine: Engine) -> list[Answered]:
    """A draft for each."""
    answered = []
    for row, case in cases:
        began = time.thread_time()
        said = await engine.draft(case)
        answered.append(Answered(row, case, said, (time.thread_time() - began) * 1e3))
    return answered
