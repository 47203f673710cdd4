"""From figures to a mail: the same words as HTML and as plain text, and nothing in them that could act.

`render` is pure: the same figures give the same mail, so that a stored digest
can be written anew after an erasure.
"""

from __future__ import annotations

import functools
import textwrap
import unicodedata
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from config.settings import BusinessSettings
from storage import Digest

_WIDTH = 72
#: A line of a platform's or a draft's own words is cut here.
_LONGEST = 240


def render(figures: dict[str, Any], business: BusinessSettings) -> tuple[str, str]:
    """The digest as HTML and as plain text."""
    shown = _calm_all(figures)
    zone = business.business.zone
    words = {
        "business": calm(business.business.name),
        "span": span(date.fromisoformat(figures["week"]["monday"])),
        "lead": lead(shown),
        "feelings": feelings(shown["now"]),
        "shares": " ".join(filter(None, (shares(shown), repeated(shown.get("reposts"))))),
        "missing": missing(shown),
        "speed": [
            *speed(shown["replies"]),
            *filter(None, (shown.get("accepted"), came_of(shown.get("outcomes")), exposed(shown.get("exposure")))),
            *filter(None, (worded(shown.get("model")),)),
        ],
        "kept": kept(shown["promises"]),
        "waits": waits(shown["waiting"]),
        "bars": bars(shown["days"]),
    }
    page, text = _templates(zone)
    return page.render(**shown, **words), text.render(**shown, **words).strip() + "\n"


def subject(digest: Digest, business: BusinessSettings) -> str:
    """What stands above the mail."""
    monday = date.fromisocalendar(digest.year, digest.week, 1)
    return f"{calm(business.business.name)}: your week, {span(monday)}"


def calm(text: str) -> str:
    """`text` on one line, without anything that steers a screen: control, format and private characters."""
    spaced = (" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    return " ".join("".join(c for c in spaced if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn")).split())


def _calm_all(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _calm_all(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_calm_all(each) for each in value]
    return textwrap.shorten(calm(value), _LONGEST, placeholder="…") if isinstance(value, str) else value


# Sentences that both forms share


def lead(figures: dict[str, Any]) -> str:
    """The week in one sentence."""
    now, before = figures["now"], figures["before"]["total"]
    if not figures["listening"] and not now["total"]:
        return "Warmline listens nowhere yet: add a place to listen under [[sources]] in the configuration."
    if not now["total"]:
        return _quiet(figures, before)
    return f"You were mentioned {_times(now['total'])}; the week before {_times(before)}."


_FEELINGS = {"positive": "happy", "neutral": "neutral", "negative": "unhappy"}


def _quiet(figures: dict[str, Any], before: int) -> str:
    if figures["unheard"]:
        return "No mention was heard this week. That may not mean that nobody spoke."
    places = count(figures["listening"], "place")
    earlier = f" The week before, {count(before, 'mention')} came in." if before else ""
    return f"A quiet week: nobody mentioned you in the {places} where Warmline listens.{earlier}"


def feelings(now: dict[str, int]) -> str:
    """How many mentions were happy, neutral and unhappy; "" where there were none."""
    parts = [f"{now[kind]} {word}" for kind, word in _FEELINGS.items()]
    return f"{', '.join(parts)}." if now["total"] else ""


def shares(figures: dict[str, Any]) -> str:
    """The shares of happy and unhappy mentions and how they moved, or that there are too few to say."""
    if not figures["now"]["total"]:
        return ""
    if figures["unhappy"]["share"] is None:
        return "Too few to say how the mood moves: that takes at least 20 mentions a week."
    said = ", ".join(f"{_share(figures[word], word)}" for word in ("happy", "unhappy"))
    return f"Of all mentions, {said}. {_trend(figures['happy']['trend'], figures['unhappy']['trend'])}"


def _share(share: dict[str, Any], word: str) -> str:
    low, high = round(share["low"] * 100), round(share["high"] * 100)
    return f"{share['share'] * 100:.0f} % were {word} (likely {low} to {high} %)"


def _trend(happy: str, unhappy: str) -> str:
    if happy == "too few before":
        return "The week before had too few to compare."
    moved = [f"{trend} {word}" for word, trend in (("happy", happy), ("unhappy", unhappy)) if trend in ("more", "less")]
    return f"Clearly {' and '.join(moved)} than the week before." if moved else "No clear change from the week before."


def missing(figures: dict[str, Any]) -> str:
    """A warning that the counts are not complete; "" where they are."""
    rows = figures["unheard"]
    if not rows:
        return ""
    names = ", ".join(f"{row['name']} for {hours(row['hours'])}" for row in rows[:3])
    more = f", and {len(rows) - 3} more" if len(rows) > 3 else ""
    return f"These numbers are not complete. Warmline could not hear {names}{more}."


def speed(replies: dict[str, Any]) -> list[str]:
    """How fast replies were, against the target."""
    if not replies["sent"]:
        return ["No reply went out this week."]
    sent = f"{count(replies['sent'], 'reply', 'replies')} went out this week"
    middle = "Half of them came" if replies["sent"] > 1 else "It came"
    lines = [f"{sent}. {middle} within {minutes(replies['median_minutes'])} of the post."]
    if replies["aimed"]:
        lines.append(f"{replies['in_time']} of {replies['aimed']} met the target ({replies['within']}).")
    return lines


def came_of(outcomes: dict[str, int] | None) -> str:
    """What came of the replies of the week before; "" where there were none, or a digest is older than this."""
    if not outcomes or not outcomes["replies"]:
        return ""
    parts = [
        (outcomes["answered"], "answered by their authors"),
        (outcomes["raised"], "followed by more stars"),
        (outcomes["lowered"], "followed by fewer stars"),
        (outcomes["silent"], "met with silence"),
    ]
    said = ", ".join(f"{number} {what}" for number, what in parts if number)
    return f"Of {count(outcomes['replies'], 'reply', 'replies')} of the week before: {said}."


def worded(model: dict[str, float] | None) -> str:
    """What a language model has used this month; "" where there is none, or a digest is older than this."""
    if not model or not model["tokens"]:
        return ""
    cost = f", for {money(model['money'])}" if model["money"] else ""
    return f"The language model has used {model['tokens']:,} tokens this month{cost}."


def repeated(reposts: int | None) -> str:
    """How far mentions were carried on; "" where they were not, or a digest is older than this."""
    return f"They were repeated {_times(reposts)} elsewhere, which counts as reach." if reposts else ""


def exposed(exposure: dict[str, int] | None) -> str:
    """How often staff had to read abuse; "" where nobody had to, or a digest is older than this."""
    if not exposure:
        return ""
    people = ", ".join(f"{person} {_times(number)}" for person, number in exposure.items())
    return f"Abusive posts were read by {people}. Please see how they are."


def kept(promises: dict[str, Any]) -> str:
    """What became of promises."""
    parts = [
        f"{promises[key]} {word}"
        for key, word in (("kept", "kept"), ("broken", "broken"), ("late", "past their time"), ("open", "still open"))
        if promises[key]
    ]
    return f"Promises: {', '.join(parts)}." if parts else "No promise fell due this week and none is open."


def waits(waiting: dict[str, int]) -> list[str]:
    """What waits for people now, a line each; empty: nothing."""
    snoozed = f" ({waiting['snoozed']} snoozed)" if waiting["snoozed"] else ""
    lines = {
        "pending": f"{count(waiting['pending'], 'draft')} to decide{snoozed}",
        "for_owner": f"{count(waiting['for_owner'], 'draft')} only an owner can decide",
        "overdue": f"{waiting['overdue']} of them past the target",
        "unconfirmed": f"{count(waiting['unconfirmed'], 'reply', 'replies')} that may or may not be public: please look",
        "by_hand": f"{count(waiting['by_hand'], 'reply', 'replies')} to post by hand",
    }
    return [line for key, line in lines.items() if waiting[key]]


def bars(days: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One bar a day: its label, its count, and its parts as (feeling, whole per cent of the widest)."""
    widest = max((day["total"] for day in days), default=0) or 1
    rows = []
    for day in days:
        parts = [(word, max(day[kind] * 100 // widest, 1)) for kind, word in _FEELINGS.items() if day[kind]]
        label = f"{date.fromisoformat(day['day']):%a}"
        rows.append({"label": label, "total": day["total"], "unhappy": day["negative"], "parts": parts})
    return rows


# Words for numbers


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 mention", "2 mentions"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _times(number: int) -> str:
    return {0: "not at all", 1: "once", 2: "twice"}.get(number, f"{number} times")


def hours(number: float) -> str:
    """Like "37 hours"; less than one in minutes."""
    if number < 1:
        return count(max(round(number * 60), 1), "minute")
    return count(round(number), "hour")


def minutes(number: int) -> str:
    """Like "2 h 10 min" or "3 days"."""
    if number < 60:
        return f"{number} min"
    if number < 48 * 60:
        return f"{number // 60} h {number % 60} min" if number % 60 else f"{number // 60} h"
    return f"{round(number / 1440)} days"


def span(monday: date) -> str:
    """Like "1–7 June 2026" or "29 June – 5 July 2026"."""
    sunday = monday + timedelta(days=6)
    if monday.month == sunday.month:
        return f"{monday.day}–{sunday.day} {sunday:%B %Y}"
    year = f" {monday.year}" if monday.year != sunday.year else ""
    return f"{monday.day} {monday:%B}{year} – {sunday.day} {sunday:%B %Y}"


def money(amount: float) -> str:
    """Two places; what is less than a hundredth says so."""
    return f"{amount:.2f}" if amount >= 0.01 else "less than 0.01"


def when(moment: str, zone: ZoneInfo) -> str:
    """A moment (ISO 8601) as the clocks of `zone` show it: "Tue 2 June, 14:05"."""
    local = datetime.fromisoformat(moment).astimezone(zone)
    return f"{local:%a} {local.day} {local:%B, %H:%M}"


def _fill(text: str, first: str = "", rest: str = "") -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=first, subsequent_indent=rest or " " * len(first))


@functools.cache
def _environment(autoescape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=autoescape,  # noqa: S701 – off for plain text only
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"count": count, "hours": hours, "money": money, "fill": _fill}
    return environment


def _templates(zone: ZoneInfo) -> tuple[Any, Any]:
    extra = {"when": functools.partial(when, zone=zone)}
    page = _environment(autoescape=True).get_template("digest.html", globals=extra)
    text = _environment(autoescape=False).get_template("digest.txt", globals=extra)
    return page, text
