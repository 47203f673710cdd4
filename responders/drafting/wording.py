"""How a text, and what the rules say of it, are kept with a draft."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from responders.drafting.base import Commitment, Finding


def wording(text: str, needs: str, findings: Sequence[Finding], commitments: Sequence[Commitment]) -> dict[str, Any]:
    """The columns of a draft that change with its text."""
    return {
        "text": text,
        "needs": needs,
        "findings": [{"rule": f.rule, "level": f.level.value, "says": f.says} for f in findings],
        "promises": promised(commitments),
    }


def promised(commitments: Sequence[Commitment]) -> list[dict[str, Any]]:
    """What a text commits to, as it is kept with a draft; the time (seconds) counts from when it is posted."""
    return [{"what": each.what, "within": each.within.total_seconds()} for each in commitments]
