"""Rules about how a reply sounds: what it names, feels, owns and leaves out. Each gives the line staff read, or None."""

from __future__ import annotations

import re
from functools import lru_cache

from responders.drafting import house
from responders.drafting.base import Reader
from responders.drafting.commitments import commitments
from responders.drafting.knowledge import contact_of
from responders.drafting.looking import Looked
from responders.drafting.packs import beginnings, disclosure
from responders.drafting.ranking import usual
from responders.drafting.sameness import TOO_ALIKE
from responders.drafting.triage import OWNING, Kind
from responders.drafting.words import sentences, telling, words

#: A detector is believed from so sure on, and from so many letters; below, it takes one language for another.
SURE = 0.8
ENOUGH_LETTERS = 20
#: More apologies than this read as grovelling.
APOLOGIES = 2
#: Sentences with more words, and texts of a higher Flesch-Kincaid grade, are hard to read.
LONGEST_SENTENCE = 30
GRADE = 9.0
_PRAISED = (Kind.PRAISE, Kind.REGULATED_PRAISE, Kind.THANKED)


def names_nothing(looked: Looked) -> str | None:
    """A complaint is answered in its own words; two of them where two things went wrong."""
    if not looked.is_of(*OWNING):
        return None
    named = looked.reading.telling
    if not named or looked.case.assessment.language not in (looked.pack.code, "und"):
        return None
    points = telling(" ".join(point.says for point in looked.reading.points), looked.pack)
    wanted = (
        min(2, len(points & named)) if len(looked.reading.points) > 1 and looked.case.platform not in house.BRIEF else 1
    )
    held = telling(looked.body, looked.pack) & named
    if held and len(held) < wanted:
        return None if looked.reading.again else "It names only one of the things the author wrote about."
    return None if held else "It names nothing of what the author wrote."


def explains_first(looked: Looked) -> str | None:
    """The feeling is met before anything is explained; what the business file says of incidents counts as told."""
    if not looked.is_of(*OWNING):
        return None
    text = looked.body
    for told in looked.reading.told:
        text = text.replace(told, " ") if told else text
    explains, feels = looked.pack.find("explains").search(text), looked.pack.find("feeling").search(text)
    is_first = explains and (not feels or explains.start() < feels.start())
    return f"It explains (“{explains[0]}”) before it meets the feeling." if explains and is_first else None


def feels_nothing(looked: Looked) -> str | None:
    """A complaint is met with some feeling or an apology."""
    if not looked.is_of(*OWNING) or looked.reading.again or not looked.pack.expressions.get("feeling"):
        return None
    return None if looked.find("feeling") else "It neither meets the feeling nor says sorry."


def non_apology(looked: Looked) -> str | None:
    """No apology for what the author feels, nor for what may have been."""
    found = looked.find("non_apology")
    return f"“{found[0]}” reads as no apology. Say what went wrong instead." if found else None


def blames(looked: Looked) -> str | None:
    """No fault is put on the author, other guests or the rules."""
    found = looked.find("blames")
    return f"“{found[0]}” puts the fault on somebody else." if found else None


def thin_path(looked: Looked) -> str | None:
    """Whoever is asked to write must be told where."""
    if not looked.find("invites"):
        return None
    if looked.is_of(*_PRAISED):
        return "Praise needs no invitation to write."
    where = contact_of(looked.case)
    has_way = (
        "@" in looked.body
        or (where and where in looked.body)
        or looked.case.platform in (house.PRIVATE_MESSAGES | house.ON_PROFILE | house.APP_SHOPS)
    )
    return (
        None if has_way or re.search(r"\d{5}", looked.body) else "It asks the author to write, and does not say where."
    )


def wordy(looked: Looked) -> str | None:
    """No longer than is usual for this kind of answer."""
    count, most = len(words(looked.body, looked.pack)), usual(looked.reading).most
    return f"It has {count} words; {most} are enough here." if count > most else None


def unsigned(looked: Looked) -> str | None:
    """A person signs: with a name of ours, or initials behind a dash."""
    case = looked.case
    rest = looked.body.removesuffix(disclosure(case.assessment.language)).strip()
    names = [
        case.signer,
        case.business.business.name,
        *(who.name for who in case.business.staff),
        *case.business.business.people,
    ]
    signed = any(name and re.search(rf"(?<!\w){re.escape(name)}\W*$", rest) for name in names)
    return None if signed or re.search(r"[-–—/^]\s?[^\W\d_]{1,3}$", rest) else "Nobody signed it."


def wrong_language(looked: Looked) -> str | None:
    """The reply is in the mention's language, where both can be told."""
    theirs, ours = (_sure_language(text, looked.reader) for text in (looked.mention, looked.body))
    if not theirs or not ours or theirs == ours:
        return None
    names = [beginnings().get(code, {}).get("name", f"“{code}”") for code in (theirs, ours)]
    return f"The mention is written in {names[0]}, the reply in {names[1]}."


@lru_cache(maxsize=64)
def _sure_language(text: str, reader: Reader) -> str:
    """The language of `text`; empty where it is too short to tell or the reader is not sure. Asked for each candidate."""
    if sum(char.isalpha() for char in text) < ENOUGH_LETTERS:
        return ""
    language = reader.language(text)
    return language.code if language.confidence >= SURE and language.code != "und" else ""


def wrong_formality(looked: Looked) -> str | None:
    """The form of address is the author's, and the formal one in doubt."""
    reading = looked.reading
    found = looked.find("formal_address" if reading.informal else "informal_address")
    if found is None or (reading.informal and reading.kind in OWNING):  # formal to somebody informal is only stiff
        return None
    return f"“{found[0]}” is too {'formal' if reading.informal else 'familiar'} for this author."


def copied(looked: Looked) -> str | None:
    """It is no copy of a recent reply; in a crisis it may be."""
    if looked.is_of(Kind.CRISIS) or looked.recent.likeness(looked.body) < TOO_ALIKE:
        return None
    return "It reads like a copy of a recent reply."


def jargon(looked: Looked) -> str | None:
    """No stock phrase."""
    found = looked.find("jargon")
    return f"“{found[0]}” is a stock phrase. Say it as you would at the counter." if found else None


def apologises_much(looked: Looked) -> str | None:
    """One apology to a complaint, none where nobody complained."""
    count = len(looked.pack.find("apology").findall(looked.body))
    if looked.is_of(*_PRAISED, Kind.QUESTION) and count:
        return "Nobody complained, so there is nothing to be sorry for."
    return f"It says sorry {count} times; once is enough." if count > APOLOGIES else None


def says_again(looked: Looked) -> str | None:
    """In a conversation about the same thing, thanks, sorrow and a promise are said once."""
    said = " ".join(turn.text for turn in looked.case.thread if turn.ours) if looked.reading.again else ""
    for name, what in (("apology", "said sorry"), ("thanks", "thanked")):
        is_new = name == "thanks" and looked.reading.raised  # other stars deserve thanks of their own
        if said and not is_new and looked.find(name) and looked.pack.find(name).search(said):
            return f"You have {what} before in this conversation. Say what comes next."
    promised = [each.what for each in commitments(said, looked.case, looked.pack)] if said else []
    again = [each.what for each in commitments(looked.body, looked.case, looked.pack) if each.what in promised]
    return f"You have promised before to {again[0]}. Say what has come of it." if again else None


def sells(looked: Looked) -> str | None:
    """Praise gets thanks, and no advertising."""
    if not looked.is_of(*_PRAISED):
        return None
    found = looked.find("sells")
    if found:
        return f"“{found[0]}” sells something to somebody who only praised."
    has_list = bool(looked.pack.expressions.get("gladness"))
    return None if looked.find("gladness") or not has_list else "It neither thanks nor is glad."


def hard_words(looked: Looked) -> str | None:
    """Sentences of at most thirty words, and plain ones by Flesch and Kincaid's grade."""
    said = looked.sentences
    lengths = [len(words(sentence, looked.pack)) for sentence in said]
    if max(lengths, default=0) > LONGEST_SENTENCE:
        return f"One sentence has {max(lengths)} words; cut it in two."
    grade = looked.pack.speech.grade
    if grade is None or sum(lengths) < LONGEST_SENTENCE:
        return None
    plain = re.sub(r"\S+@\S+", " ", looked.body)
    syllables = sum(max(1, len(looked.pack.find("syllable").findall(word))) for word in words(plain, looked.pack))
    level = grade[0] * sum(lengths) / len(said) + grade[1] * syllables / sum(lengths) + grade[2]
    return "It is hard to read. Use shorter words and sentences." if level > GRADE else None


def thanks_sarcasm(looked: Looked) -> str | None:
    """What may be meant the other way round is not thanked for."""
    if not looked.reading.sarcasm:
        return None
    first = sentences(looked.body, looked.pack)[:1]
    glad = first and looked.pack.find("cheer").search(first[0])
    return "The author may mean it the other way round; this takes it as praise." if glad else None


def undisclosed(looked: Looked) -> str | None:
    """The disclosure line stands in it where the tone guide wants it."""
    lines = [told["disclosure"] for told in beginnings().values()]
    if not looked.case.business.voice.disclose or any(line in looked.body for line in lines):
        return None
    return f"Your tone guide wants this line in it: {disclosure(looked.case.assessment.language)}"
