"""How a card is written in Discord's markdown: everything as text, nothing that pings, never a cut reply."""

from __future__ import annotations

import re
from collections.abc import Sequence

import regex

from responders.channels.base import Card, Kind, Line
from responders.errors import ChannelError

#: All texts of one message in components together (Discord: 50035 beyond it).
MOST_TEXT = 4_000
MOST_CONTENT = 2_000
MOST_LABEL = 80
MOST_TITLE = 45
#: Of a component's id.
MOST_ID = 100

#: What begins markup anywhere, and what begins it at the start of a line or makes a link of plain words.
_SIGNS = re.compile(r"[\\`*_~|<>@\[\]]|:(?=//)|(?m:^[ \t]*(?:[#+-]|\d+\.))")
_LINK = re.compile(r"https?://[^\s<>()\[\]\\]+")

#: What may be cut where a card has grown too long by its escapes, the first to go first. The reply is not among them.
_CUT_FIRST = (Kind.QUOTE, Kind.NOTE, Kind.FACT, Kind.TITLE, Kind.STATUS)


def escape(text: str) -> str:
    """`text` so that it reads on Discord as it stands: no markup, no mention, no link."""
    return _SIGNS.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", text)


def boxed(text: str) -> str:
    """`text` letter for letter in a box that knows no markup; what would end the box is held apart by an invisible sign."""
    return "```\n" + text.replace("``", "`\u200b`") + "\n```"


def write(card: Card) -> str:
    """The card's text, at most 4,000 characters: customers' words are cut where their escapes do not fit, the reply never.

    Raises:
        ChannelError: the reply alone does not fit.
    """
    lines = list(card.lines)
    for kind in _CUT_FIRST:
        for at in reversed(range(len(lines))):
            over = len(_join(lines)) - MOST_TEXT
            if over > 0 and lines[at].kind is kind:
                lines[at] = _shorter(lines[at], len(_draw(lines[at])) - over)
    text = _join(lines)
    if len(text) > MOST_TEXT:
        raise ChannelError(
            "A reply is too long for a card on Discord.", "It waits in the inbox.", "Decide about it there."
        )
    return text


def _join(lines: Sequence[Line]) -> str:
    return "\n".join(_draw(line) for line in lines)


def _draw(line: Line) -> str:
    if line.kind is Kind.DRAFT:
        return boxed(line.text)
    text = escape(line.text) + (f" [↗]({line.url})" if _LINK.fullmatch(line.url) else "")
    if line.kind is Kind.TITLE:
        return "### " + " ".join(text.split())
    if line.kind is Kind.STATUS:
        return f"**{text}**" if text else ""
    before = {Kind.QUOTE: "> ", Kind.NOTE: "-# "}.get(line.kind, "")
    return "\n".join(before + each for each in text.split("\n"))


def _shorter(line: Line, most: int) -> Line:
    """As many whole signs of a line as fit into `most` drawn characters."""
    kept, signs = "", regex.findall(r"\X", line.text)
    for sign in signs:
        if len(_draw(Line(line.kind, f"{kept}{sign}…", line.url))) > most:
            break
        kept += sign
    return Line(line.kind, f"{kept}…" if kept else "…", line.url)


def cut(text: str, most: int) -> str:
    """As many whole signs of `text` as fit into `most` characters."""
    if len(text) <= most:
        return text
    kept = ""
    for sign in regex.findall(r"\X", text):
        if len(kept) + len(sign) >= most:
            break
        kept += sign
    return kept + "…"


def component_id(text: str) -> str:
    """An id for a button; Discord's library does not check its length, the server does.

    Raises:
        ValueError: it is longer than 100 characters.
    """
    if len(text) > MOST_ID:
        raise ValueError(f"a component's id has {len(text)} characters")
    return text
