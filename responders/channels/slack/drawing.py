"""What Slack shows of a card and of a question: blocks and windows, without a network.

Whatever may come from a stranger stands in rich text, which Slack shows as it
is: it knows neither markup nor mentions. Only the line for notifications is
markup, and is escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import regex
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    InputBlock,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    RadioButtonsElement,
    RichTextBlock,
    RichTextElement,
    RichTextElementParts,
    RichTextPreformattedElement,
    RichTextQuoteElement,
    RichTextSectionElement,
    SectionBlock,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from responders.channels.base import Button, Card, Kind, Line, Press, Question, Ref, Style
from responders.errors import ChannelError

#: All texts of a card together. Slack refuses a message whose blocks pass about 13,200 (msg_blocks_too_long).
MOST_TEXT = 8_000
#: What a text field of a window takes.
MOST_ANSWER = 3_000
MOST_LABEL = 75
_MOST_TITLE, _MOST_SECTION, _MOST_NOTICE, _MOST_URL, _MOST_RADIO = 24, 3_000, 200, 3_000, 10
#: The one block of a window that is answered, and what names our windows among others.
ANSWER = "answer"

_LINK = re.compile(r"https?://[^\s<>|]+")
_PERSON = re.compile(r"[A-Z0-9]{2,20}")
_STYLES = {Style.MAIN: "primary", Style.DANGER: "danger"}
#: How lines that are neither quoted nor boxed look.
_LOOKS: dict[Kind, dict[str, bool]] = {
    Kind.TITLE: {"bold": True},
    Kind.STATUS: {"bold": True},
    Kind.NOTE: {"italic": True},
}
#: What may be cut where a card is too long, the first to go first. The reply is not among them.
_CUT_FIRST = (Kind.QUOTE, Kind.NOTE, Kind.FACT, Kind.TITLE, Kind.STATUS)


def message(card: Card) -> dict[str, Any]:
    """The arguments of a message that shows a card.

    Raises:
        ChannelError: its reply alone is longer than a card may be.
    """
    lines = _fitted([line for line in card.lines if line.text.strip()])
    blocks: list[Block] = [RichTextBlock(elements=list(_elements(lines)))]
    numbers = iter(range(1_000))
    blocks += [ActionsBlock(elements=[_button(each, next(numbers)) for each in row]) for row in card.buttons if row]
    return {"text": _notice(lines), "blocks": [block.to_dict() for block in blocks]}


def said(text: str, mentions: Sequence[str] = ()) -> dict[str, Any]:
    """The arguments of a message that says one text, to these people."""
    named = " ".join(f"<@{person}>" for person in mentions if _PERSON.fullmatch(person))
    blocks: list[Block] = [SectionBlock(text={"type": "mrkdwn", "text": named})] if named else []
    blocks.append(RichTextBlock(elements=[RichTextSectionElement(elements=[_text(cut(text, MOST_TEXT))])]))
    notice = escape(cut(text, _MOST_SECTION - len(named)))
    return {"text": f"{named} {notice}".strip(), "blocks": [block.to_dict() for block in blocks]}


def window(question: Question, ref: Ref | None) -> dict[str, Any]:
    """The window in which a question is answered. What it is about stands in it, so it outlives a restart.

    Raises:
        ChannelError: the text to change is longer than a field takes.
    """
    if len(question.text) > MOST_ANSWER:
        raise ChannelError("The text is too long for a window on Slack.", "It is kept.", "Change it in the inbox.")
    blocks: list[Block] = [
        SectionBlock(text=_plain(cut(each, _MOST_SECTION))) for each in (question.problem, _rest(question)) if each
    ]
    blocks.append(
        InputBlock(
            block_id=ANSWER,
            label=_plain(cut(question.label, 150)),
            element=_field(question),
        )
    )
    return View(
        type="modal",
        callback_id=ANSWER,
        title=_plain(cut(question.title, _MOST_TITLE)),
        submit=_plain("OK"),
        close=_plain("Cancel"),
        private_metadata=json.dumps([str(question.press), *([ref.place, ref.message] if ref else [])]),
        blocks=blocks,
    ).to_dict()


def answered(view: Any) -> tuple[Press, Ref | None, str] | None:
    """What a window that was sent asked, of which card, and what was answered; None where it is none of ours."""
    try:
        about, *where = json.loads(view["private_metadata"])
        ((field, *_),) = (block.values() for at, block in view["state"]["values"].items() if at == ANSWER)
        press = Press.read(about)
        text = (field.get("selected_option") or field).get("value") or ""
        return (press, Ref(*where) if where else None, str(text)) if press else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def escape(text: str) -> str:
    """`text` so that Slack's markup holds no mention and no link of it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, most: int) -> str:
    """As many whole signs of `text` as fit into `most` characters."""
    if len(text) <= most:
        return text
    kept = ""
    for sign in regex.findall(r"\X", text[:most]):
        if len(kept) + len(sign) >= most:
            break
        kept += sign
    return kept + "…"


def _fitted(lines: list[Line]) -> list[Line]:
    for kind in _CUT_FIRST:
        for at in reversed(range(len(lines))):
            over = sum(len(line.text) + 1 for line in lines) - MOST_TEXT
            if over > 0 and lines[at].kind is kind:
                lines[at] = Line(kind, cut(lines[at].text, max(len(lines[at].text) - over, 1)), lines[at].url)
    if sum(len(line.text) + 1 for line in lines) > MOST_TEXT:
        raise ChannelError(
            "A reply is too long for a card on Slack.", "It waits in the inbox.", "Decide about it there."
        )
    return lines


def _elements(lines: Iterable[Line]) -> Iterator[RichTextElement]:
    """One element for each quote and each reply, and one for all lines between two of them."""
    for kind, group in groupby(lines, lambda line: line.kind if line.kind in (Kind.QUOTE, Kind.DRAFT) else None):
        if kind is None:
            yield RichTextSectionElement(elements=list(_section(list(group))))
        else:
            wrap = RichTextQuoteElement if kind is Kind.QUOTE else RichTextPreformattedElement
            yield from (wrap(elements=[_text(line.text), *_arrow(line)]) for line in group)


def _section(lines: Sequence[Line]) -> Iterator[RichTextElement]:
    for number, line in enumerate(lines):
        if number:
            yield _text("\n")
        yield _text(line.text, **_LOOKS.get(line.kind, {}))
        yield from _arrow(line)


def _arrow(line: Line) -> Iterator[RichTextElement]:
    if len(line.url) <= _MOST_URL and _LINK.fullmatch(line.url):
        yield _text(" ")
        yield RichTextElementParts.Link(url=line.url, text="↗")


def _text(text: str, **look: bool) -> RichTextElement:
    return RichTextElementParts.Text(text=text, style=RichTextElementParts.TextStyle(**look) if look else None)


def _plain(text: str) -> PlainTextObject:
    """Text in which not even `:smile:` means anything."""
    return PlainTextObject(text=text, emoji=False)


def _notice(lines: Sequence[Line]) -> str:
    """What a phone shows before the card is opened."""
    heads = [line.text for line in lines if line.kind in (Kind.TITLE, Kind.STATUS)]
    return escape(cut(" · ".join(heads or [lines[0].text if lines else "…"]), _MOST_NOTICE))


def _button(button: Button, number: int) -> ButtonElement:
    label = _plain(cut(button.label, MOST_LABEL))
    if button.press is None:
        return ButtonElement(text=label, action_id=f"link:{number}", url=button.url)
    return ButtonElement(text=label, action_id=str(button.press), style=_STYLES.get(button.style))


def _field(question: Question) -> Any:
    if not question.options:
        return PlainTextInputElement(
            action_id=ANSWER, multiline=True, max_length=MOST_ANSWER, initial_value=question.text or None
        )
    options = [Option(text=_plain(cut(each.label, MOST_LABEL)), value=each.value) for each in question.options]
    kind = RadioButtonsElement if len(options) <= _MOST_RADIO else StaticSelectElement
    return kind(action_id=ANSWER, options=options)


def _rest(question: Question) -> str:
    """The title, where the window's head is too narrow for it."""
    return question.title if len(question.title) > _MOST_TITLE else ""
