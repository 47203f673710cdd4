"""What an event of a room says to us: a reaction, a message, or nothing. Pure; anybody may have written it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from responders.channels.matrix.drawing import bare

LINK = re.compile(r"\s*!?link\s+(\S{1,64})\s*", re.IGNORECASE)
#: What older clients put before an answer: the quoted message, line by line.
_FALLBACK = re.compile(r"\A(?:> .*\n?)+\n?")


@dataclass(frozen=True, slots=True)
class Reaction:
    """`sender` put `sign` under the event `under`."""

    event: str
    sender: str
    under: str
    sign: str


@dataclass(frozen=True, slots=True)
class Message:
    """`sender` wrote `text`: in the thread of `under` or as an answer to it, or in place of their message `replaces`."""

    event: str
    sender: str
    text: str
    under: str = ""
    replaces: str = ""


Heard = Reaction | Message


def read(source: Mapping[str, Any]) -> Heard | None:
    """What an event says; None where it is nothing to us, taken back, or malformed."""
    content, event, sender = source.get("content"), source.get("event_id"), source.get("sender")
    if not isinstance(content, dict) or not isinstance(event, str) or not isinstance(sender, str):
        return None
    relation = content.get("m.relates_to")
    relation = relation if isinstance(relation, dict) else {}
    if source.get("type") == "m.reaction":
        return _reaction(event, sender, relation)
    if source.get("type") == "m.room.message" and content.get("msgtype") == "m.text":
        return _message(event, sender, content, relation)
    return None


def _reaction(event: str, sender: str, relation: Mapping[str, Any]) -> Reaction | None:
    under, sign = relation.get("event_id"), relation.get("key")
    if relation.get("rel_type") != "m.annotation" or not isinstance(under, str) or not isinstance(sign, str):
        return None
    return Reaction(event, sender, under, bare(sign))


def _message(event: str, sender: str, content: Mapping[str, Any], relation: Mapping[str, Any]) -> Message | None:
    if relation.get("rel_type") == "m.replace":
        replaced, content = relation.get("event_id"), content.get("m.new_content") or {}
        text = content.get("body") if isinstance(content, dict) else None
        good = isinstance(replaced, str) and isinstance(text, str)
        return Message(event, sender, _own_words(content), replaces=str(replaced)) if good else None
    if not isinstance(content.get("body"), str):
        return None
    answered = relation.get("m.in_reply_to")
    under = relation.get("event_id") if relation.get("rel_type") == "m.thread" else None
    under = under or (answered.get("event_id") if isinstance(answered, dict) else None)
    return Message(event, sender, _own_words(content), under if isinstance(under, str) else "")


def _own_words(content: Mapping[str, Any]) -> str:
    """What somebody wrote, without the message that their client quotes."""
    text = str(content["body"])
    quotes = str(content.get("formatted_body", "")).startswith("<mx-reply>")
    return (_FALLBACK.sub("", text) if quotes else text).strip()
