"""How a card, a question and an answer are written for Matrix: plain text and HTML, everything from outside as text.

A reaction is a sign and nothing else, so a card says what each sign does.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from responders.channels.base import Button, Card, Kind, Line, Question, Verb

#: The sign for each verb; none of them comes in skin tones, which would make it another sign.
SIGNS = {
    Verb.APPROVE: "✅", Verb.EDIT: "✏️", Verb.REJECT: "❌", Verb.SNOOZE: "⏰", Verb.ESCALATE: "⏫",
    Verb.NOT_US: "🚫", Verb.RECALL: "↩️", Verb.POSTED: "📮", Verb.RELEASE: "🔁", Verb.REOPEN: "🔓",
    Verb.UNVEIL: "👀", Verb.APPROVE_ALL: "☑️", Verb.KEPT: "💚", Verb.BROKEN: "💔",
}  # fmt: skip
#: For ready answers, and for a second button of one verb.
NUMBERS = tuple(f"{number}\ufe0f\u20e3" for number in range(1, 10))
ANSWER_BELOW = "Answer in this thread; your next message here is taken as it stands."
RETIRED = "The text has changed; the card stands anew further down."

_LINK = re.compile(r"https?://[^\s\"<>]+")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A message: as plain text, as HTML, and what each sign under it means (a press, and an answer's text)."""

    body: str
    html: str
    signs: dict[str, tuple[str, str | None]]


def bare(sign: str) -> str:
    """A sign as we compare it: clients send it with and without the mark that asks for a picture."""
    return sign.replace("\ufe0f", "")


def card(shown: Card) -> Drawn:
    """A card with the legend of its signs."""
    buttons = [button for row in shown.buttons for button in row]
    signs = dict(_signs(buttons))
    by_button = {button: sign for sign, button in signs.items()}
    legend = [(by_button.get(button, "↗"), button) for button in buttons]
    plain = [_plain(line) for line in shown.lines]
    plain += [f"{sign} {button.label}{f': {button.url}' if button.url else ''}" for sign, button in legend]
    rich = [_line(line) for line in shown.lines]
    rich += [f"<p>{'<br>'.join(f'{sign} {_label(button)}' for sign, button in legend)}</p>"] if legend else []
    presses = {bare(sign): (str(button.press), None) for sign, button in signs.items()}
    return Drawn(_sound("\n".join(plain)), _sound("".join(rich)), dict(presses))


def first_signs(shown: Card) -> list[str]:
    """The signs of the first row: the bot reacts with them itself, so that one tap is enough."""
    return [sign for sign, _ in _signs(shown.buttons[0])] if shown.buttons else []


def _signs(buttons: Iterable[Button]) -> Iterator[tuple[str, Button]]:
    """Each button that can be pressed with a sign of its own."""
    spare, used = iter(NUMBERS), set[str]()
    for button in buttons:
        if button.press is None:
            continue
        sign = SIGNS.get(button.press.verb, "")
        if not sign or sign in used:
            sign = next(spare, "")
        if sign:
            used.add(sign)
            yield sign, button


def question(asked: Question, actor: str) -> Drawn:
    """What one person is asked, in the card's thread."""
    signs = dict(zip(NUMBERS, asked.options, strict=False))
    ways = [f"{sign} {option.label}" for sign, option in signs.items()] or [ANSWER_BELOW]
    plain = [f"{actor}: {asked.title}", asked.problem, asked.label, asked.text, *ways]
    rich = [
        f"<p>{_pill(actor)}: {_text(asked.title)}</p>",
        f"<p><strong>{_text(asked.problem)}</strong></p>" if asked.problem else "",
        f"<p><em>{_text(asked.label)}</em></p>",
        f"<blockquote>{_text(asked.text)}</blockquote>" if asked.text else "",
        f"<p>{'<br>'.join(map(_text, ways))}</p>",
    ]
    presses = {bare(sign): (str(asked.press), option.value) for sign, option in signs.items()}
    return Drawn(_sound("\n".join(filter(None, plain))), _sound("".join(rich)), dict(presses))


def said(text: str, actors: Sequence[str]) -> Drawn:
    """Some words for some people; nobody else is notified."""
    plain, rich = " ".join([*actors, text]), " ".join([*map(_pill, actors), _text(text)])
    return Drawn(_sound(plain), _sound(rich), {})


def content(drawn: Drawn, *, silent: bool = False, actors: Sequence[str] = ()) -> dict[str, Any]:
    """The event for a message; it mentions `actors` and, whatever stands in its text, nobody else."""
    return {
        "msgtype": "m.notice" if silent else "m.text",
        "body": drawn.body,
        "format": "org.matrix.custom.html",
        "formatted_body": drawn.html,
        "m.mentions": {"user_ids": list(actors)} if actors else {},
    }


def in_thread(made: dict[str, Any], root: str) -> dict[str, Any]:
    """The same message in a thread; clients without threads show it as an answer."""
    relation = {
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": root},
    }
    return made | {"m.relates_to": relation}


def instead_of(made: dict[str, Any], event: str) -> dict[str, Any]:
    """The same message in place of an older one. Its text stands once: an event may have 64 KiB."""
    shell = {"msgtype": made["msgtype"], "body": f"* {made['body'][:80]}", "m.mentions": {}}
    return shell | {"m.new_content": made, "m.relates_to": {"rel_type": "m.replace", "event_id": event}}


def _plain(line: Line) -> str:
    if line.kind is Kind.QUOTE:
        return "\n".join(f"> {each}" for each in line.text.split("\n"))
    return f"\n{line.text}\n" if line.kind is Kind.DRAFT else line.text


def _line(line: Line) -> str:
    text = _text(line.text)
    link = f' <a href="{html.escape(line.url)}">↗</a>' if _LINK.fullmatch(line.url) else ""
    if line.kind is Kind.QUOTE:
        return f"<blockquote>{text}{link}</blockquote>"
    if line.kind is Kind.DRAFT:
        return f"<hr><p>{text}</p><hr>"
    tag = {Kind.TITLE: "strong", Kind.STATUS: "strong", Kind.NOTE: "em"}.get(line.kind)
    return f"<p><{tag}>{text}</{tag}>{link}</p>" if tag else f"<p>{text}{link}</p>"


def _label(button: Button) -> str:
    label = _text(button.label)
    return f'<a href="{html.escape(button.url)}">{label}</a>' if _LINK.fullmatch(button.url) else label


def _text(text: str) -> str:
    # Quotes need no escape between tags; with them the longest card would not fit into an event.
    return html.escape(text, quote=False).replace("\n", "<br>")


def _pill(actor: str) -> str:
    return f'<a href="https://matrix.to/#/{html.escape(actor)}">{html.escape(actor)}</a>'


def _sound(text: str) -> str:
    """`text` without what an event cannot carry: NUL, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
