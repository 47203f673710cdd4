"""What Telegram shows of a card and of a question: its HTML and its keyboards, without a network.

A message may hold 4,096 characters after its markup is read. Those who
measured it disagree whether a rare sign counts as one or two; we count UTF-16,
the longer reading, which is also how Telegram measures everything else.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import regex
from telegram import ForceReply, InlineKeyboardButton, InlineKeyboardMarkup

from responders.channels.base import Button, Card, Kind, Line, Press, Question, Style
from responders.errors import ChannelError

MOST_TEXT = 4_096
#: Of a button. Telegram names no limit; beyond this a phone shows dots.
MOST_LABEL = 64
#: What the answer to a pressed button may say.
MOST_TOAST = 200
#: Bytes that a button carries.
MOST_DATA = 64

_LINK = re.compile(r"https?://[^\s<>\"]+")
#: What Telegram would make a link, a command, a mention or a tag of.
_BEFORE_WORD = re.compile(r"(?<=[@/#$.])(?=\w)")
_NOTHING = "\u200b"
_STYLES = {Style.MAIN: "success", Style.DANGER: "danger"}

#: What may be cut where a card is too long, the first to go first. The reply is not among them.
_CUT_FIRST = (Kind.QUOTE, Kind.NOTE, Kind.FACT, Kind.TITLE, Kind.STATUS)


def size(text: str) -> int:
    """The length of `text` in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, most: int) -> str:
    """As many whole signs of `text` as fit into `most` units."""
    if size(text) <= most:
        return text
    kept, room = "", most - 1
    for sign in regex.findall(r"\X", text):
        room -= size(sign)
        if room < 0:
            break
        kept += sign
    return kept + "…"


def plain(text: str) -> str:
    """`text` in which Telegram finds nothing to link; what would begin a link is held apart by an invisible sign."""
    return _BEFORE_WORD.sub(_NOTHING, text)


def bare(text: str) -> str:
    """`text` as HTML that reads as it stands."""
    return html.escape(plain(text), quote=False)


def write(card: Card) -> str:
    """A card as HTML. Customers' words are cut where they do not fit, the reply never.

    Raises:
        ChannelError: the reply alone does not fit.
    """
    lines = [line for line in card.lines if line.text.strip()]
    lines += [
        Line(Kind.NOTE, f"{each.label}: {each.url}") for each in _buttons(card) if each.url and not _is_open(each)
    ]
    for kind in _CUT_FIRST:
        for at in reversed(range(len(lines))):
            over = _length(lines) - MOST_TEXT
            if over > 0 and lines[at].kind is kind:
                lines[at] = replace(lines[at], text=cut(lines[at].text, max(size(lines[at].text) - over, 1)))
    if _length(lines) > MOST_TEXT:
        raise ChannelError(
            "A reply is too long for a card on Telegram.", "It waits in the inbox.", "Decide about it there."
        )
    return "\n".join(_draw(line) for line in lines)


def _length(lines: Sequence[Line]) -> int:
    """Of all lines as they are shown; each ends in a break, and may have an arrow."""
    return sum(size(line.text if line.kind is Kind.DRAFT else plain(line.text)) + 3 for line in lines)


def _draw(line: Line) -> str:
    if line.kind is Kind.DRAFT:  # a box is copied with one touch, and nothing in it becomes a link
        return f"<pre>{html.escape(line.text, quote=False)}</pre>"
    text = bare(line.text)
    arrow = f' <a href="{html.escape(line.url)}">↗</a>' if _LINK.fullmatch(line.url) else ""
    match line.kind:
        case Kind.TITLE | Kind.STATUS:
            return f"<b>{text}</b>{arrow}"
        case Kind.QUOTE:
            return f"<blockquote>{text}</blockquote>{arrow}"
        case Kind.NOTE:
            return f"<i>{text}</i>{arrow}"
    return text + arrow


def keyboard(card: Card) -> InlineKeyboardMarkup | None:
    """A card's buttons; None where it has none."""
    rows = [[_key(button) for button in row if _is_open(button)] for row in card.buttons]
    kept = [row for row in rows if row]
    return InlineKeyboardMarkup(kept) if kept else None


def _buttons(card: Card) -> list[Button]:
    return [button for row in card.buttons for button in row]


def _is_open(button: Button) -> bool:
    """Whether Telegram takes it: an address without a dot in its host ("localhost") it refuses, with the whole card."""
    if button.press is not None:
        return True
    return bool(_LINK.fullmatch(button.url)) and "." in (urlsplit(button.url).hostname or "")


def _key(button: Button) -> InlineKeyboardButton:
    label = cut(button.label, MOST_LABEL)
    if button.press is None:
        return InlineKeyboardButton(label, url=button.url)
    return InlineKeyboardButton(label, callback_data=str(button.press), style=_STYLES.get(button.style))


def question_text(question: Question, whom: str = "") -> str:
    """What somebody is asked, as HTML; `whom` is HTML that names them in a group."""
    heads = [f"<b>{bare(cut(question.problem, 1_000))}</b>"] if question.problem else []
    heads += [f"{whom} {bare(cut(question.title, 500))}".strip()]
    heads += [bare(cut(question.label, 500))] if question.label != question.title else []
    text = f"\n<pre>{html.escape(question.text, quote=False)}</pre>" if question.text else ""
    asked = "\n".join(heads)
    return asked + text if size(html.unescape(asked + text)) <= MOST_TEXT else asked


def question_keys(question: Question) -> InlineKeyboardMarkup | ForceReply:
    """The ready answers, one below the other, or the request to reply."""
    if not question.options:
        return ForceReply(selective=True, input_field_placeholder=cut(question.label, 64) or None)
    keys = [
        InlineKeyboardButton(cut(each.label, MOST_LABEL), callback_data=chosen(question.press, each.value))
        for each in question.options
    ]
    return InlineKeyboardMarkup([[key] for key in keys])


def chosen(press: Press, value: str) -> str:
    """What the button of a ready answer carries.

    Raises:
        ChannelError: it is more than a button of Telegram's holds.
    """
    data = f"{press}={value}"
    if len(data.encode()) > MOST_DATA:
        raise ChannelError("A ready answer is too long for a button on Telegram.", "", "Answer in the inbox.")
    return data


def read(data: str) -> tuple[Press, str | None] | None:
    """What a button carried: the press, and the chosen answer (None: it is a card's own button). None: not ours."""
    about, is_answer, value = data.partition("=")
    press = Press.read(about)
    return (press, value if is_answer else None) if press else None
