"""The parts used on their own: `warmline assess` and `warmline draft`, JSON lines in and out, in the same order."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.errors import ConfigError
from config.settings import BusinessSettings
from connectors.base import Limit
from connectors.lengths import Counter
from connectors.registry import installed
from listener import configuration
from listener.analysis.assessing import Assessor
from listener.analysis.reader import TextReader
from responders.drafting.base import Case, Finding, Proposal
from responders.drafting.engine import Engine
from storage.assessment import Assessment, Intent

#: The languages that are expected where nobody says which.
LANGUAGES = ("en", "de", "es", "fr", "it")

#: How long a reply may be, for posts that come without their source.
LIMITS = {
    "x": Limit(Counter.WEIGHTED, 280),
    "twitter": Limit(Counter.WEIGHTED, 280),
    "bluesky": Limit(Counter.GRAPHEMES, 300),
    "mastodon": Limit(Counter.CHARACTERS, 500),
    "google": Limit(Counter.BYTES, 4096),
    "google_business": Limit(Counter.BYTES, 4096),
    "play": Limit(Counter.CHARACTERS, 350),
    "google_play": Limit(Counter.CHARACTERS, 350),
    "appstore": Limit(Counter.CHARACTERS, 5970),
}


class ToAssess(BaseModel):
    """One line for `assess`; what else it holds is passed over."""

    model_config = ConfigDict(frozen=True)

    text: str
    id: Any = None
    language: str | None = None
    rating: float | None = Field(default=None, ge=0, le=10)
    platform: str | None = None


class ToDraft(BaseModel):
    """One line for `draft`; what else it holds is passed over."""

    model_config = ConfigDict(frozen=True)

    id: Any
    mention: str
    platform: str
    business_type: str | None = None
    rating: float | None = Field(default=None, ge=0, le=10)
    language: str | None = None
    author: str | None = None


def assess(source: Path, out: IO[str]) -> int:
    """Assesses each line of `source`; the exit status: 1 where a line could not be read."""
    assessor = Assessor(LANGUAGES)

    def answer(row: ToAssess) -> dict[str, Any]:
        judged = assessor.assess(row.text, rating=row.rating, language=row.language or "")
        return {"id": row.id, **as_json(judged)}

    return _each(source, ToAssess, answer, out)


def as_json(assessment: Assessment) -> dict[str, Any]:
    """An assessment as `warmline assess` prints it."""
    return {
        "language": assessment.language,
        "sentiment": round(assessment.sentiment, 4),
        "polarity": assessment.polarity.value,
        "confidence": round(assessment.confidence, 4),
        "emotion": assessment.emotion.value,
        "intent": assessment.intent.value,
        "severity": {
            "level": assessment.severity.level.word,
            "kinds": [kind.value for kind in assessment.severity.kinds],
        },
        "topics": list(assessment.topics),
        "reasons": [
            {"label": reason.label, "words": list(reason.words), "rule": reason.rule} for reason in assessment.reasons
        ],
        "model": assessment.model,
    }


def draft(source: Path, business_file: Path, out: IO[str]) -> int:
    """Drafts for each line of `source`; the exit status: 1 where a line could not be read.

    Raises:
        ConfigError: the business's file has faults, or holds several businesses.
    """
    settings = configuration.read(business_file, installed())
    if len(settings.businesses) != 1:
        raise ConfigError(f"{business_file} holds several businesses.", do="Name the file of one of them.")
    business = next(iter(settings.businesses.values()))
    reader = TextReader(LANGUAGES)
    drafter, assessor = Engine(reader), Assessor(LANGUAGES)
    with asyncio.Runner() as runner:

        def answer(row: ToDraft) -> dict[str, Any]:
            case = _case(row, business, assessor)
            return {"id": row.id, **runner.run(_draft(drafter, case))}

        return _each(source, ToDraft, answer, out)


def _case(row: ToDraft, business: BusinessSettings, assessor: Assessor) -> Case:
    if row.business_type:
        kind = business.business.model_copy(update={"kind": row.business_type})
        business = business.model_copy(update={"business": kind})
    limit = LIMITS.get(row.platform.casefold())
    return Case(
        business=business,
        mention=row.mention,
        platform=row.platform,
        assessment=assessor.assess(row.mention, rating=row.rating, language=row.language or ""),
        now=datetime.now(UTC),
        limits=(limit,) if limit else (),
        rating=row.rating,
        author=row.author or "",
        signer=business.voice.sign_off,
    )


async def _draft(drafter: Engine, case: Case) -> dict[str, Any]:
    answer = await drafter.draft(case)
    route = "owner" if answer.for_owner else "none" if case.assessment.intent is Intent.SPAM else "reply"
    if isinstance(answer, Proposal):
        findings: Sequence[Finding] = answer.findings
        promises = [{"what": each.what, "within": each.within.total_seconds()} for each in answer.commitments]
        text, skeleton, reasons = answer.text, None, list(answer.reasons)
    else:
        findings = drafter.check(answer.skeleton, case) if answer.skeleton else ()
        promises, text, skeleton, reasons = [], None, answer.skeleton or None, [answer.reason, *answer.reasons]
    return {
        "draft": None if route == "none" else text,
        "route": route,
        "reasons": reasons,
        "checks": [{"rule": each.rule, "level": each.level.value, "says": each.says} for each in findings],
        "promises": promises,
        "skeleton": skeleton,
    }


def _each(source: Path, model: type[Any], answer: Callable[[Any], dict[str, Any]], out: IO[str]) -> int:
    """Answers each line in order; a line that cannot be read gets its error in its place."""
    status = 0
    for number, line in enumerate(_lines(source), start=1):
        if not line.strip():
            continue
        try:
            said = answer(model.model_validate_json(line))
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, fault["loc"]))
            message = f"line {number}{f', {where}' if where else ''}: {fault['msg']}"
            print(message, file=sys.stderr)  # noqa: T201
            said, status = {"id": _id(line), "error": message}, 1
        print(json.dumps(said, ensure_ascii=False), file=out)
    return status


def _id(line: bytes) -> Any:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row.get("id") if isinstance(row, dict) else None


def _lines(source: Path) -> Iterator[bytes]:
    """Raises:
    ConfigError: the file cannot be read.
    """
    if str(source) == "-":
        yield from sys.stdin.buffer
        return
    try:
        with source.open("rb") as file:
            yield from file
    except OSError as error:
        raise ConfigError(f"{source} cannot be read ({error.strerror}).") from error
