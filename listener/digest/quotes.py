"""Quotes that identify nobody: masked, short, and left out where that leaves no sense.

A reader masks what it knows to be personal; handles, links, addresses and long
numbers are masked here in any case, and a text that names its author, however
it is written, is not quoted at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Any

from config.settings import BusinessSettings
from listener.digest.rendering import calm, render
from responders.drafting.base import Reader
from storage import Session, digests
from storage.digests import Quotable

MASK = "[…]"
MOST_QUOTES = 3
#: A quote is read in one breath.
LONGEST = 180
#: More masks than this, or fewer letters, and what is left says nothing.
MOST_MASKS, FEWEST_LETTERS = 2, 10
#: No word of a review is longer; in scripts without spaces it is a sentence.
_HUGE_WORD = re.compile(r"[A-Za-z0-9+/=_~%-]{36,}")
#: Nobody reads markup or code aloud.
_MARKUP = re.compile(r"[<>{}|\\^`]|\]\(|\*\*")
_PERSONAL = re.compile(
    r"""
    (?:https?|ftp)://\S+ | \bwww\.\S+ |                  # links
    \S+@\S+ | (?<!\w)[@＠#/]?u/\w+ |                      # mail and Fediverse addresses, Reddit users
    [@＠]\s?[\w.\-]+ |                                    # handles
    \b[\w-]+(?:\.[\w-]+)*\.[a-zA-Z]{2,}(?:/\S*)?\b |      # bare domains
    [+(]?\d(?:[\s().\-/–—]*\d){4,}                        # phones, cards, orders, dates
    """,
    re.VERBOSE,
)
_SENTENCE_END = re.compile(r"[.!?…。！？]+(?=\s|$)")


def quote(text: str, names: Iterable[str], reader: Reader) -> str:
    """`text` as it may be read aloud; "" where it may not, or makes no sense any more.

    `names` are what its author is known by; they never pass.
    """
    words = _plain(text)
    if not words or _MARKUP.search(words) or _names_author(words, names):
        return ""
    masked = _mask(words, reader)
    short = _shorten(masked)
    letters = sum(c.isalpha() for c in short)
    if short.count(MASK) > MOST_MASKS or letters < FEWEST_LETTERS:
        return ""
    return short


def _plain(text: str) -> str:
    """`text` in ordinary letters: wide, circled and ornate ones would slip past every pattern."""
    return calm(unicodedata.normalize("NFKC", text))


def _mask(text: str, reader: Reader) -> str:
    spans = [(span.start, span.end) for span in reader.personal_data(text)]
    spans += [match.span() for pattern in (_PERSONAL, _HUGE_WORD) for match in pattern.finditer(text)]
    masked, position = [], 0
    for start, end in sorted(spans):
        if start >= position:
            masked += [text[position:start], MASK]
        position = max(position, end)
    return re.sub(rf"{re.escape(MASK)}(?:\s*{re.escape(MASK)})+", MASK, "".join([*masked, text[position:]]))


def _shorten(text: str) -> str:
    """The first sentences that fit, or as many words as do."""
    if len(text) <= LONGEST:
        return text
    ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, LONGEST)]
    if ends and ends[-1] >= LONGEST // 3:
        return text[: ends[-1]]
    head = text[: LONGEST - 1]
    cut = head.rfind(" ") if " " in head else len(head)
    return f"{head[:cut].rstrip(' ,;:[')}…"


def _names_author(text: str, names: Iterable[str]) -> bool:
    """Whether any name of the author stands in `text`: whole, run together, or one word of it."""
    folded = _fold(text)
    words = set(re.findall(r"[^\W_]+", folded))
    run_together = "".join(re.findall(r"[^\W_]+", folded))
    return any(_is_named(_fold(_plain(name)), folded, words, run_together) for name in names)


def _is_named(name: str, folded: str, words: set[str], run_together: str) -> bool:
    parts = re.findall(r"[^\W_]+", name)
    whole = "".join(parts)
    if not whole:  # a name made of signs alone
        return bool(name) and name in folded
    if whole in words or (len(whole) > 2 and whole in run_together):
        return True
    return any(len(part) > 2 and part in words for part in parts)


def _fold(text: str) -> str:
    """`text` without case and accents: José and JOSE are one person."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def choose(candidates: Iterable[Quotable], reader: Reader) -> list[dict[str, Any]]:
    """The first few candidates that may be quoted, one of each author, none twice."""
    chosen: list[dict[str, Any]] = []
    authors: set[int] = set()
    for candidate in candidates:
        said = quote(candidate.text, candidate.names, reader)
        is_new = candidate.author_id not in authors and all(said != each["text"] for each in chosen)
        if said and is_new:
            chosen.append({"mention": candidate.mention_id, "text": said})
            authors |= {candidate.author_id} if candidate.author_id is not None else set()
        if len(chosen) == MOST_QUOTES:
            break
    return chosen


async def forget_quotes(session: Session, business: BusinessSettings, mention_ids: Collection[int]) -> int:
    """Takes what these mentions said out of every digest of `business`; gives how many digests that changed.

    Mails that were sent stay where they are: nobody can call them back.
    """
    gone, rewritten = set(mention_ids), 0
    for digest in await digests.listing(session, business.id, limit=10_000) if gone else ():
        figures = _without(digest.figures, gone)
        if figures != digest.figures:
            html, plain = render(figures, business)
            await digests.rewrite(session, digest.id or 0, figures, html, plain)
            rewritten += 1
    return rewritten


def _without(figures: dict[str, Any], gone: set[int]) -> dict[str, Any]:
    quotes = {
        kind: [each for each in chosen if each["mention"] not in gone] for kind, chosen in figures["quotes"].items()
    }
    alerts = [each | {"mention": None} if each["mention"] in gone else each for each in figures["alerts"]]
    return figures | {"quotes": quotes, "alerts": alerts}
