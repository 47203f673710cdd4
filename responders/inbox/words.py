"""What the pages say in words: times, states, feelings; and which words of a post to mark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from connectors.lengths import Counter
from storage import Mention
from storage.states import DraftState, SourceState

STATES = {
    DraftState.PENDING: "waits for a person",
    DraftState.ESCALATED: "waits for an owner",
    DraftState.APPROVED: "approved",
    DraftState.SENDING: "being posted",
    DraftState.UNCONFIRMED: "unconfirmed",
    DraftState.SENT: "posted",
    DraftState.VISIBLE: "posted and visible",
    DraftState.REFUSED: "not shown by the platform",
    DraftState.HANDED_OFF: "to post by hand",
    DraftState.REJECTED: "turned down",
    DraftState.EXPIRED: "not decided in time",
    DraftState.WITHDRAWN: "withdrawn",
    DraftState.FAILED: "not taken by the platform",
}

#: What a line of the audit trail says that somebody did.
DEEDS = {
    "draft": "wrote the first draft",
    "edit": "changed the text",
    "approve": "approved it",
    "reject": "turned it down",
    "snooze": "put it off",
    "escalate": "passed it to an owner",
    "recall": "took the approval back",
    "claim": "began to post it",
    "hand off": "handed it over to be posted by hand",
    "posted": "posted it by hand",
    "confirm": "saw that it is posted",
    "retry": "could not send it yet",
    "refuse": "was told that the platform does not take it",
    "lose": "got no answer from the platform",
    "release": "found that it is not there and sends it again",
    "show": "saw that everyone can see it",
    "moderate": "saw that the platform does not show it",
    "reopen": "opened it again",
    "expire": "let it lapse",
    "withdraw": "withdrew it",
    "not us": "said that it is not about us",
    "correct": "said what it is",
    "kept": "kept the promise",
    "broken": "said that the promise was broken",
    "paste": "pasted it",
    "answered": "wrote back",
    "rated": "changed the stars",
    "reworded": "changed what they wrote",
}

SOURCES = {
    SourceState.ON: "listening",
    SourceState.OFF: "switched off",
    SourceState.FAULTY: "failing; asked again by itself",
    SourceState.DENIED: "refused us; paused until you act",
    SourceState.SILENT: "answers, but has been quiet for unusually long",
}

UNITS = {
    Counter.CHARACTERS: "characters",
    Counter.GRAPHEMES: "characters",
    Counter.BYTES: "bytes",
    Counter.WEIGHTED: "characters as X counts them",
    Counter.LINKED: "characters",
}

_PLATFORMS = {"hackernews": "Hacker News", "x": "X", "youtube": "YouTube", "trustpilot": "Trustpilot"}


def platform(name: str) -> str:
    """A platform's name as people write it."""
    return _PLATFORMS.get(name, name.replace("_", " ").capitalize())


def link(url: str) -> str:
    """`url` where a browser may open it (http and https), else nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""


def whole(value: str) -> int | None:
    """An id or a revision as our links and forms carry it; None where they were tampered with.

    Nine digits stay below what PostgreSQL's integers hold.
    """
    return int(value) if re.fullmatch(r"[0-9]{1,9}", value) else None


def marked(text: str, spans: Sequence[Sequence[int]]) -> list[tuple[str, bool]]:
    """`text` in pieces, each with whether it is one of our words; spans that overlap or lie outside do no harm."""
    pieces, at = [], 0
    for start, end in sorted((int(span[0]), int(span[1])) for span in spans):
        start, end = max(start, at), min(end, len(text))
        if start >= end:
            continue
        pieces += [(text[at:start], False), (text[start:end], True)]
        at = end
    return [piece for piece in [*pieces, (text[at:], False)] if piece[0]]


def because(mention: Mention) -> list[dict[str, Any]]:
    """The reasons that matter most on a card: those of the severity, else those that quote the mention."""
    quoting = [reason for reason in mention.reasons if reason["words"]]
    kinds = {"severity", *mention.severity_kinds}
    severe = [reason for reason in quoting if kinds & set(re.split(r"\W+", reason["label"]))]
    return (severe or quoting)[:3]


def severe_in(mention: Mention) -> str:
    """The kinds of its severity; "perhaps" stands before one that no rule found and that therefore quotes no word."""
    suspected = {reason["label"].removeprefix("severity: ") for reason in mention.reasons if not reason["words"]}
    return ", ".join(f"perhaps {kind}" if kind in suspected else kind for kind in mention.severity_kinds)


@dataclass(frozen=True, slots=True)
class Times:
    """Says times in words, as seen from `now` in the business's `zone`."""

    now: datetime
    zone: ZoneInfo

    def at(self, moment: datetime) -> str:
        """As in "today 11:20", "yesterday 18:05", "Tue 2 Jun, 11:20"."""
        local, today = moment.astimezone(self.zone), self.now.astimezone(self.zone).date()
        near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get((local.date() - today).days)
        if near:
            return f"{near} {local:%H:%M}"
        year = "" if local.year == today.year else f" {local.year}"
        return f"{local:%a} {local.day} {local:%b}{year}, {local:%H:%M}"

    def due(self, moment: datetime) -> str:
        """As in "due in 2 h", "due now", "40 min late"."""
        if self.is_late(moment):
            return f"{_span(self.now - moment)} late"
        return f"due in {_span(moment - self.now)}" if moment - self.now >= timedelta(minutes=1) else "due now"

    def is_late(self, moment: datetime) -> bool:
        """Whether it is over by a minute or more."""
        return self.now - moment >= timedelta(minutes=1)

    def seconds_to(self, moment: datetime) -> int:
        """Whole seconds until `moment`, rounded up; 0 where it is over."""
        return max(0, -int((self.now - moment).total_seconds() // 1))

    def iso(self, moment: datetime) -> str:
        """For machines: the `datetime` attribute."""
        return moment.astimezone(UTC).isoformat(timespec="seconds")


def _span(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def snoozes(times: Times) -> list[tuple[str, str, datetime]]:
    """The usual times to put a draft off to: key, words, moment; this evening is offered until five."""
    local = times.now.astimezone(times.zone)
    tomorrow = local.date() + timedelta(days=1)
    offers = [("hour", "in 1 hour", times.now + timedelta(hours=1))]
    if local.hour < 17:
        offers.append(("evening", "this evening (18:00)", datetime.combine(local.date(), time(18), times.zone)))
    offers.append(("morning", "tomorrow morning (8:00)", datetime.combine(tomorrow, time(8), times.zone)))
    return offers
