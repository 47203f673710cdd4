"""The card that the pages of the documentation show in each chat, and the blocks of those pages."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from responders.channels.base import Button, Card, Kind, Line, Press, Style, Verb

DOCS = Path(__file__).resolve().parents[3] / "docs" / "chats"

CARD = Card(
    (
        Line(Kind.TITLE, "Ana on Google, Main Street · ★★☆☆☆", "https://maps.example/review/1"),
        Line(Kind.FACT, "Complaint, negative · high severity (health): “hair in her cake”"),
        Line(Kind.FACT, "Due today, 15:20."),
        Line(Kind.QUOTE, "My daughter found a hair in her cake."),
        Line(Kind.DRAFT, "I am so sorry about the hair, Ana. — Mia"),
        Line(Kind.NOTE, "✓ names what went wrong"),
        Line(Kind.NOTE, "It will be posted as Crumb & Co."),
    ),
    (
        (Button("Approve and post as Crumb & Co.", Press(Verb.APPROVE, 17, 1), style=Style.MAIN),),
        (
            Button("Edit", Press(Verb.EDIT, 17, 1)),
            Button("Reject", Press(Verb.REJECT, 17, 1), style=Style.DANGER),
            Button("Later", Press(Verb.SNOOZE, 17, 1)),
        ),
        (Button("Open in the inbox", url="https://inbox.crumb.example/drafts/17"),),
    ),
)

NOTICE = Card(
    (
        Line(Kind.TITLE, "Complaint on Google · 2★ · high severity"),
        Line(Kind.FACT, "An answer is due today, 15:20."),
        Line(Kind.STATUS, "A draft waits for your decision. Nothing is posted without it."),
    ),
    ((Button("Open in the inbox", url="https://inbox.crumb.example/drafts/17", style=Style.MAIN),),),
)


def block(page: str, kind: str) -> str:
    """The first block of a page that is marked as `kind`."""
    found = re.search(
        rf"^```{kind}\n(.*?)^```", (DOCS / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert found, f"no block of {kind} in {page}"
    return found[1]


def payload(page: str) -> Any:
    """What the page says that the chat is given for a card."""
    return json.loads(block(page, "json"))


def options(page: str) -> dict[str, Any]:
    """The chat's own keys in the table that the page shows."""
    (table,) = tomllib.loads(block(page, "toml"))["channels"]
    return {key: value for key, value in table.items() if key not in ("type", "name", "place")}
