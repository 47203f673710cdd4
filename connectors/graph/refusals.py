"""What Meta's error answers say, and what its headers say of the budget."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, Field

from connectors.http import LONGEST_REST, Answer

# The codes are those of Meta's error handling guide, unless a line says where else a code was seen.
#: The app, the user, the Page or this kind of call was asked too often.
_TOO_OFTEN = frozenset({4, 17, 32, 341, 613})
#: The same by kind of business use (80001 Pages, 80002 Instagram, …).
_BUSINESS = range(80_000, 80_100)
#: The token is expired, withdrawn or broken.
_TOKEN = frozenset({102, 190})
#: Something is not allowed; 200 to 299 name single permissions.
_PERMISSION = frozenset({3, 10, *range(200, 300)})
#: Their side is out of order; what was sent may have been done.
_OUT_OF_ORDER = frozenset({1, 2})
#: Meta blocks the account for a while, because of its rules.
_BLOCKED = 368
#: The same text was posted just before.
_DUPLICATE = 506
#: Nothing under this id: 100 with subcode 33, or 803 (both seen, not documented).
_UNKNOWN_ID, _NO_SUCH_OBJECT = 803, (100, 33)
#: What Meta does not offer any more, such as recommendations from v22.0 on.
_WITHDRAWN = 12

_NAMED_PERMISSION = re.compile(r"\b(?:pages|instagram|business|ads)_[a-z_]+[a-z]\b")
_TOO_LONG = re.compile(r"too[ _]long|exceeds? the (maximum|character)", re.IGNORECASE)


class Refusal(BaseModel):
    """The error in an answer of Meta's."""

    code: int = 0
    subcode: int = Field(default=0, alias="error_subcode")
    said: str = Field(default="", alias="message")
    passing: bool = Field(default=False, alias="is_transient")

    @classmethod
    def of(cls, answer: Answer) -> Refusal | None:
        """What Meta refused; None where the answer holds no error of its own."""
        try:
            return cls.model_validate(json.loads(answer.body)["error"])
        except (KeyError, RecursionError, TypeError, ValueError):
            return None

    @property
    def is_limit(self) -> bool:
        """Whether too much was asked."""
        return self.code in _TOO_OFTEN or self.code in _BUSINESS

    @property
    def is_not_there(self) -> bool:
        """Whether nothing is under the id that was asked for."""
        return self.code == _UNKNOWN_ID or (self.code, self.subcode) == _NO_SUCH_OBJECT

    @property
    def is_withdrawn(self) -> bool:
        """Whether Meta has given this up; as a field that does not exist, it looks the same."""
        return self.code == _WITHDRAWN or (self.code == 100 and "nonexisting field" in self.said)

    @property
    def is_uncertain(self) -> bool:
        """Whether it may have been done nevertheless."""
        return self.code in _OUT_OF_ORDER or self.passing

    @property
    def is_token(self) -> bool:
        """Whether the token is not good any more."""
        return self.code in _TOKEN

    @property
    def is_block(self) -> bool:
        """Whether Meta keeps the account from acting for a while, because of its rules."""
        return self.code == _BLOCKED

    @property
    def is_duplicate(self) -> bool:
        """Whether the same text was posted just before."""
        return self.code == _DUPLICATE

    @property
    def is_too_long(self) -> bool:
        """Whether the text is too long; there is no code for it."""
        return bool(_TOO_LONG.search(self.said))

    @property
    def missing(self) -> str:
        """The permissions that Meta says are missing, in words; "" where this is not the matter."""
        named = " and ".join(dict.fromkeys(_NAMED_PERMISSION.findall(self.said)))
        if self.code in _PERMISSION:
            return named or "a permission that it does not name"
        return named if self.code == 100 and "permission" in self.said else ""


def usage(headers: Mapping[str, str]) -> tuple[float, timedelta]:
    """The largest share of a budget that is used, in percent, and how long Meta wants us to stay away.

    Told by `x-app-usage` and `x-business-use-case-usage`; that the wait is in
    minutes is from Meta's guide to its limits.
    """
    used, minutes = 0.0, 0.0
    for name in ("x-app-usage", "x-business-use-case-usage"):
        for budget in _budgets(headers.get(name, "")):
            used = max([used, *(_number(budget.get(key)) for key in ("call_count", "total_cputime", "total_time"))])
            minutes = max(minutes, _number(budget.get("estimated_time_to_regain_access")))
    return used, min(timedelta(minutes=min(minutes, 10_000)), LONGEST_REST)


def _budgets(header: str) -> Iterator[Mapping[str, Any]]:
    """The objects in a header, which are one, or lists of some under the ids of the accounts."""
    try:
        told = json.loads(header or "{}")
    except (RecursionError, ValueError):
        return
    if isinstance(told, dict):
        yield told
        for each in told.values():
            yield from (budget for budget in each if isinstance(budget, dict)) if isinstance(each, list) else ()


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and 0 <= value < 1e9 else 0.0
