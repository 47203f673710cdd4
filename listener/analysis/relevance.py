"""Whether a post that holds a business's name is about the business: for names that are words, or other people's too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from config.settings import Query
from listener.analysis.fewshot import FewShot
from listener.analysis.folding import Folded, haystack

#: Below this likelihood a post is perhaps not about the business; below the second it surely is not.
UNSURE, SURELY_NOT = 0.5, 0.15

_ADDRESSED = re.compile(r"(?:[@#]|://[\w.-]*|www\.)\Z")
_GOES_ON = re.compile(r"\.\w")


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a post is perhaps not about the business; `is_sure`: no reply to it need be drafted."""

    reason: str
    is_sure: bool = False


class Relevance:
    """Judges posts for one business, by the words its owner lists and by what its staff have marked (`head`)."""

    def __init__(self, query: Query, head: FewShot | None = None) -> None:
        self._likely = _Words(query.likely)
        self._unlikely = _Words(query.unlikely)
        self._head = head

    def doubt(self, text: str, spans: Sequence[Sequence[int]]) -> Doubt | None:
        """The reason for doubt; None: nothing speaks against it. `spans` are where the name stands in `text`.

        A handle, a tag or a domain of the business's leaves no doubt, and neither does a word that the owner lists
        as likely. Otherwise what staff have marked decides, before the mere lack of such a word.
        """
        if any(_is_address(text, start, end) for start, end in spans):
            return None
        if not (self._likely or self._unlikely or self._head):
            return None
        words = haystack(Folded(text).words)
        if self._likely.found(words):
            return None
        if said := self._unlikely.found(words):
            return Doubt(f"“{said}” stands in it")
        if self._head is not None:
            return _judged(float(self._head.predict([text])[0]))
        return Doubt("none of the words that usually go with your name stands in it") if self._likely else None


def _is_address(text: str, start: int, end: int) -> bool:
    return bool(_ADDRESSED.search(text, max(start - 60, 0), start) or _GOES_ON.match(text, end))


def _judged(likely: float) -> Doubt | None:
    if likely >= UNSURE:
        return None
    return Doubt("it reads like posts that were marked as not about you", is_sure=likely < SURELY_NOT)


class _Words:
    def __init__(self, words: Sequence[str]) -> None:
        self._written = {haystack(Folded(word).words): word for word in words if Folded(word).words}

    def __bool__(self) -> bool:
        return bool(self._written)

    def found(self, words: str) -> str:
        """The first of them that stands in `words`; "" where none does."""
        return next((word for written, word in self._written.items() if written in words), "")
