"""Rules for what no person and no phrase of ours has worded: nothing in it that we cannot account for.

A language model may say what the mention says, what the business file tells
and what stands in the language's own phrases, in any order it likes. Another
word might be a fact, and nobody has told it one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from responders.drafting import knowledge
from responders.drafting.packs import Pack, pack_of
from responders.drafting.triage import OWNING, Reading
from responders.drafting.words import content, stem, words

#: So many words in a row are the author's own sentence, and not an echo of its point.
PARROTED = 9

_SLOT = re.compile(r"\{\w+\}")


def faults(body: str, reading: Reading) -> Iterator[str]:
    """What stands in `body` (without opening and signature) that nobody has told us, a line each."""
    strange = strange_words(body, reading)
    if strange:
        yield f"Nobody told us of: {', '.join(strange[:8])}. Say it with the words of the mention, or leave it out."
    explained = reading.pack.find("explains").search(_untold(body, reading))
    if explained and reading.kind in OWNING:
        yield f"“{explained[0]}” gives a cause that nobody told us."
    if _parrots(body, reading):
        yield "It repeats a whole sentence of the mention. Name the point in a few words."


def strange_words(body: str, reading: Reading) -> list[str]:
    """The words of `body` that neither the mention, nor the business file, nor the language's phrases hold, in order."""
    pack, case = reading.pack, reading.case
    said = " ".join((case.mention, *reading.told, *knowledge.promises(case, pack), *(p.says for p in reading.points)))
    known = content(said, pack) | _everyday(pack.code)
    strange = (word for word in words(body, pack) if content(word, pack) - known and not _feels(word, pack))
    return list(dict.fromkeys(strange))


def _feels(word: str, pack: Pack) -> bool:
    """Whether it is a word of feeling, which states no fact."""
    return any(pack.find(name).fullmatch(word) for name in ("feeling", "gladness"))


@lru_cache(maxsize=16)
def _everyday(code: str) -> frozenset[str]:
    """The stems of the words in which replies of this language are put, without the things they may name."""
    pack = pack_of(code)
    phrases = (_SLOT.sub(" ", wording) for wording in _phrases(pack))
    spoken = {stem(word, pack) for word in pack.speech.ordinary | pack.speech.generic | pack.speech.small}
    return frozenset(spoken.union(*(content(phrase, pack) for phrase in phrases)))


def _phrases(pack: Pack) -> Iterator[str]:
    for wordings in (*pack.moves.values(), *pack.informal.values(), *pack.feelings.values()):
        yield from wordings
    for family in pack.families.values():
        yield from (*family.feels, family.send)


def _untold(body: str, reading: Reading) -> str:
    for told in reading.told:
        body = body.replace(told, " ") if told else body
    return body


def _parrots(body: str, reading: Reading) -> bool:
    """Whether it says `PARROTED` words as they stand in the mention; what is told there, a mention may dictate."""
    theirs = f" {' '.join(words(reading.case.mention, reading.pack))} "
    said = words(body, reading.pack)
    return any(f" {' '.join(said[at : at + PARROTED])} " in theirs for at in range(max(len(said) - PARROTED + 1, 0)))
