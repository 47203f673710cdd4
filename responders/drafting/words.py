"""How a text is cut into words and sentences, and which of its words name something; the language's own rules come from its pack."""

from __future__ import annotations

import re
from functools import lru_cache

from responders.drafting.base import Case
from responders.drafting.packs import Pack, compiled, packs

#: Further than this a mention is not searched: a point that comes later is not its point.
LONGEST = 5_000

_HANDLES = re.compile(r"^\s*(?:@\S+\s*)+")


def words(text: str, pack: Pack) -> list[str]:
    """The words of `text` in lower case, in order."""
    return list(_words(text, pack.speech.word))


@lru_cache(maxsize=512)
def _words(text: str, word: str) -> tuple[str, ...]:
    return tuple(found.lower() for found in compiled(word).findall(text))  # the rules ask for the same sentences


def sentences(text: str, pack: Pack) -> list[str]:
    """The sentences of `text`, roughly: cut at full stops and line ends."""
    return [part for part in compiled(pack.speech.sentence).split(text) if part and part.strip()]


def stem(word: str, pack: Pack) -> str:
    """`word` without its ending, so that "looking" and "look" meet; no word of any language, only a key."""
    return _stem(word, pack.speech.endings)


@lru_cache(maxsize=20_000)
def _stem(word: str, endings: tuple[str, ...]) -> str:
    word = re.sub(r"['’]s?$", "", word)
    for ending in endings:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def content(text: str, pack: Pack) -> set[str]:
    """The stems of those words of `text` that name something, and its numbers."""
    speech = pack.speech
    named = [word for word in words(text, pack) if word.isdigit() or (len(word) > 2 and word not in speech.ordinary)]
    return {stem(word, pack) for word in named}


def telling(text: str, pack: Pack) -> set[str]:
    """`content` without the words of service that fit any business ("customer", "apologies")."""
    return content(text, pack) - _stems(pack.speech.generic, pack.speech.endings)


@lru_cache(maxsize=64)
def _stems(generic: frozenset[str], endings: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_stem(word, endings) for word in generic)


def is_repeatable(text: str, case: Case, pack: Pack) -> bool:
    """Whether the owner wrote `text` in the language of the answer, told by its everyday words; in doubt, in their first."""
    return _is_written_in(text, pack.code, case.business.business.languages[0])


@lru_cache(maxsize=4096)
def _is_written_in(text: str, code: str, first: str) -> bool:
    everyday = {each.code: each.speech.ordinary | each.speech.small for each in packs().values()}
    held = {each: sum(word in known for word in words(text, packs()[each])) for each, known in everyday.items()}
    likely = [each for each, count in held.items() if count == max(held.values())]
    return code in likely and (len(likely) == 1 or code == first)


def plainly(text: str, pack: Pack) -> str:
    """The words of `text` without leading handles, for comparing replies."""
    return " ".join(words(_HANDLES.sub("", text), pack))


def capitalised(said: str) -> str:
    """`said` as the beginning of a sentence."""
    return said[:1].upper() + said[1:]


def listed(parts: list[str], pack: Pack) -> str:
    """One list, as the language joins it: "a, b and c"."""
    if not parts:
        return ""
    *first, last = parts
    return pack.speech.joined.join(part for part in (pack.speech.comma.join(first), last) if part)
