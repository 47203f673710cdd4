"""What Discord shows of a card and of a question: messages made of components, and windows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import discord
from discord import ui

from responders.channels.base import Button, Card, Press, Question, Style
from responders.channels.discord.drawing import (
    MOST_LABEL,
    MOST_TEXT,
    MOST_TITLE,
    boxed,
    component_id,
    cut,
    escape,
    write,
)

#: What one window takes (Discord's own limit for a text field).
MOST_ANSWER = 4_000
_MOST_IN_ROW, _MOST_OPTIONS, _MOST_OPTION = 5, 25, 100
#: What an id begins with beside the press: a window's, a list's, a button's that opens a window again.
ASK, PICK, AGAIN = "ask:", "pick:", "again:"
_ID = re.compile(r"(?P<kind>ask:|pick:|again:(?P<number>[0-9]{1,15}):)?(?P<press>.{1,60})")
_FIELD = "answer"

_STYLES = {
    Style.PLAIN: discord.ButtonStyle.secondary,
    Style.MAIN: discord.ButtonStyle.success,
    Style.DANGER: discord.ButtonStyle.danger,
}


def card_view(card: Card) -> ui.LayoutView:
    """A card as a message; raises `ChannelError` where its reply does not fit."""
    return _view(ui.Container(ui.TextDisplay(write(card)), *_rows(card.buttons)))


def _view(*items: ui.Item[Any]) -> ui.LayoutView:
    view = ui.LayoutView(timeout=None)
    for item in items:
        view.add_item(item)
    # All that a component does stands in its id; a view that has ended is sent, but not kept by the library.
    view.stop()
    return view


def _rows(buttons: tuple[tuple[Button, ...], ...]) -> Iterator[ui.ActionRow[Any]]:
    for row in buttons:
        for at in range(0, len(row), _MOST_IN_ROW):
            yield ui.ActionRow(*(_button(each) for each in row[at : at + _MOST_IN_ROW]))


def _button(button: Button) -> ui.Item[Any]:
    label = cut(button.label, MOST_LABEL)
    if button.press is None:
        return ui.Button(label=label, url=button.url)
    return ui.Button(label=label, style=_STYLES[button.style], custom_id=component_id(str(button.press)))


def window(question: Question) -> ui.Modal:
    """The window to write an answer in; its id carries what is answered, over a restart, too."""
    modal = ui.Modal(title=cut(question.title, MOST_TITLE), custom_id=component_id(f"{ASK}{question.press}"))
    if question.problem:
        modal.add_item(ui.TextDisplay(escape(cut(question.problem, MOST_TEXT // 2))))
    field = ui.TextInput[Any](
        style=discord.TextStyle.paragraph, default=question.text, max_length=MOST_ANSWER, custom_id=_FIELD
    )
    modal.add_item(ui.Label(text=cut(question.label, MOST_TITLE), component=field))
    modal.stop()
    return modal


def choices(question: Question) -> ui.LayoutView:
    """The ready answers to a question, as a list."""
    options = [
        discord.SelectOption(label=cut(each.label, _MOST_OPTION), value=each.value)
        for each in question.options[:_MOST_OPTIONS]
    ]
    select = ui.Select[Any](
        custom_id=component_id(f"{PICK}{question.press}"),
        placeholder=cut(question.label, _MOST_OPTION),
        options=options,
    )
    head = "\n".join(escape(each) for each in (question.problem, question.title) if each)
    return _view(ui.TextDisplay(head), ui.ActionRow(select))


def sent_back(question: Question, number: int) -> ui.LayoutView:
    """What is to be changed, the text as it was typed, and a button that opens the window again."""
    head = escape(cut(question.problem or question.title, 500))
    texts = [head, cut(boxed(question.text), MOST_TEXT - len(head))] if question.text else [head]
    button = ui.Button[Any](label="Open the editor", custom_id=component_id(f"{AGAIN}{number}:{question.press}"))
    return _view(*(ui.TextDisplay(text) for text in texts), ui.ActionRow(button))


@dataclass(frozen=True, slots=True)
class Used:
    """What somebody used: a press, and what it brings (`text` where it `answers`, `number` of a text sent back)."""

    press: Press
    text: str = ""
    answers: bool = False
    number: int = 0


def read(data: Any) -> Used | None:
    """What an interaction's data says; None where it is none of ours, for it may be forged."""
    given = str(data.get("custom_id", ""))
    kind, found = _ID.fullmatch(given), None
    press = Press.read(kind["press"]) if kind else None
    if kind is None or press is None:
        return None
    if kind["kind"] == ASK:
        found = next(_fields(data), None)
    elif kind["kind"] == PICK:
        found = next(iter(data.get("values", ())), None)
    else:
        return Used(press, number=int(kind["number"] or 0))
    return None if found is None else Used(press, str(found), answers=True)


def _fields(data: Any) -> Iterator[str]:
    """What was written in a window."""
    for each in data.get("components", ()):
        field = each.get("component") or {}
        if field.get("custom_id") == _FIELD:
            yield field.get("value", "")
