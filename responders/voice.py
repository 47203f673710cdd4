"""How a business words its replies, learned from what its people approve and how they edit.

Style only: how a reply begins and is signed, how long and how lively it is,
which of our words are taken out again and again. Never a sentence, a fact or
a name: whatever is learned is a greeting or a farewell of a closed list, a
number, or a word of our own phrases. It counts in the language in which it
was learned, and is forgotten when people go back to the old way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from statistics import median

from responders.drafting.base import Style
from responders.drafting.packs import Pack, packs, slots_in
from responders.drafting.words import capitalised, words
from storage import Store
from storage.acceptance import Acceptance, Wording, acceptance

#: Fewer replies than this make no habit, nor does a smaller share of them.
LEAST = 5
SHARE = 0.6
#: A word of ours is avoided when it was taken out so often, and never left in.
TAKEN_OUT = 3
#: From so much shorter, or longer, on it is a habit.
SHORTER, LONGER = 0.8, 1.25

_MARK = r"(?P<mark>\s*[,!:.]|\s+[–—-])"


def learn(replies: Sequence[Wording], language: str) -> Style:
    """The style of `replies` (of one language, newest first)."""
    pack = packs().get(language)
    if pack is None or len(replies) < LEAST:
        return Style()
    edited = [(each.drafted, each.approved) for each in replies if each.drafted.strip() != each.approved.strip()]
    said = [each.approved for each in replies]
    return Style(
        greeting=_habit([_greeting(text, pack) for text in said]),
        farewell=_habit([_farewell(text, pack) for text in said]),
        length=_length(edited, pack),
        cheer=_cheer(edited),
        avoids=_avoided([(each.drafted, each.approved) for each in replies], pack),
        learned_from=len(replies),
    )


def _habit(seen: Sequence[str]) -> str:
    """What most of them do alike; empty: nothing."""
    ((habit, number),) = Counter(seen).most_common(1)
    return habit if number >= max(LEAST, SHARE * len(seen)) else ""


def _greeting(text: str, pack: Pack) -> str:
    """The greeting that `text` begins with, a name in it masked; empty: none."""
    hello = pack.expressions.get("greets")
    body = re.sub(r"^\s*(?:@\S+\s+)*", "", text)
    found = re.match(rf"(?P<hello>{hello})(?P<name>\s+[^\W\d_]+)?{_MARK}", body, re.IGNORECASE) if hello else None
    if found is None:
        return ""
    name = " {name}" if found["name"] else ""
    return f"{capitalised(found['hello'])}{name}{'!' if found['mark'].strip() == '!' else ','}"


def _farewell(text: str, pack: Pack) -> str:
    """What stands between the last sentence and the name of who signs; empty: only a dash, or nothing known."""
    farewell = pack.expressions.get("farewell")
    pattern = rf"(?:^|[.!?…)]|\n)\s*[-–—]?\s*(?P<said>{farewell})\s*(?P<mark>[,!]?)\s+[^\W\d_][\w'’-]*\W*$"
    found = re.search(pattern, text.strip(), re.IGNORECASE) if farewell else None
    return f"{capitalised(found['said'])}{found['mark']}" if found else ""


def _length(edited: Sequence[tuple[str, str]], pack: Pack) -> float:
    """How long people leave our drafts, on the whole; 1.0: as they are."""
    shares = [len(words(after, pack)) / counted for before, after in edited if (counted := len(words(before, pack)))]
    share = median(shares) if len(shares) >= LEAST else 1.0
    return round(share, 1) if share <= SHORTER or share >= LONGER else 1.0


def _cheer(edited: Sequence[tuple[str, str]]) -> int:
    """-1 where exclamation marks are taken out, 1 where they are put in, else 0."""
    taken = sum("!" in before and "!" not in after for before, after in edited)
    kept = sum("!" in before and "!" in after for before, after in edited)
    put = sum("!" not in before and "!" in after for before, after in edited)
    if taken >= TAKEN_OUT and not kept:
        return -1
    return int(put >= max(LEAST, SHARE * len(edited)))


def _avoided(replies: Iterable[tuple[str, str]], pack: Pack) -> frozenset[str]:
    """Words of our phrases that people took out every time."""
    ours, taken, kept = _ours(pack.code), Counter[str](), set[str]()
    for before, after in replies:
        left = set(words(after, pack))
        for word in ours.intersection(words(before, pack)):
            if word in left:
                kept.add(word)
            else:
                taken[word] += 1
    return frozenset(word for word, times in taken.items() if times >= TAKEN_OUT and word not in kept)


@lru_cache(maxsize=16)
def _ours(code: str) -> frozenset[str]:
    """The telling words of our phrases in a language; a small word that is taken out says nothing."""
    pack = packs()[code]
    phrases = [wording for wordings in (*pack.moves.values(), *pack.informal.values()) for wording in wordings]
    said = {word for phrase in phrases for word in words(_unfilled(phrase), pack)}
    return frozenset(word for word in said if len(word) > 2 and word not in pack.speech.small)


def _unfilled(phrase: str) -> str:
    for slot in slots_in(phrase):
        phrase = phrase.replace(f"{{{slot}}}", " ")
    return phrase


async def how_drafts_fared(store: Store, business_id: str, now: datetime) -> str:
    """How the drafts of the last 30 days fared, with the reasons for a no; empty where nobody decided."""
    async with store.read() as session:
        figures = await acceptance(session, business_id, now - timedelta(days=30), now)
    return in_words(figures, why=True)


def in_words(figures: Acceptance, *, why: bool = False) -> str:
    """How drafts fared, in a sentence, empty where nobody decided; `why` adds the reasons that staff gave for a no."""
    parts = [
        (figures.unedited, "approved as drafted"),
        (figures.edited, "edited first"),
        (figures.abstained, "written by you"),
        (figures.rejected, "turned down"),
    ]
    said = ", ".join(f"{number} {how}" for number, how in parts if number)
    reasons = ", ".join(f"“{reason}” ({number})" for reason, number in figures.reasons[:3]) if why else ""
    drafts = f"{figures.decided} draft{'' if figures.decided == 1 else 's'}"
    return f"Of {drafts}: {said}{f', because {reasons}' if reasons else ''}." if figures.decided else ""
