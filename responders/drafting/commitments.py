"""What a text commits the business to, and by when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from config.durations import parse_duration
from responders.drafting.base import Case, Commitment
from responders.drafting.packs import Pack, pack_of
from responders.drafting.words import sentences, stem, words

#: A promise without a time is due after two days.
UNTIMED = timedelta(days=2)
#: "Today" is kept within a working day, and nobody is given less than an hour.
TODAY = timedelta(hours=8)
AT_LEAST = timedelta(hours=1)

#: What is promised stands within so many characters of "I'll", and its first word within so many words.
REACH = 300
SOON = 4


def commitments(text: str, case: Case, pack: Pack) -> list[Commitment]:
    """Which of the business's `may_promise` this text makes, and within what time from now.

    "I'm looking into it today" makes "look into it today"; a time that the
    text names wins over the one in the file.
    """
    said = sentences(text, pack)
    made = []
    for promise in case.business.voice.may_promise:
        sentence = next((sentence for sentence in said if _makes(sentence, promise, pack)), None)
        if sentence is not None:
            made.append(Commitment(promise, _within(sentence, case, pack) or _within(promise, case, pack) or UNTIMED))
    return made


def loose_pledges(text: str, case: Case, pack: Pack) -> Iterator[str]:
    """The sentences of `text` that pledge something ("I'll …") which the business file does not allow."""
    future = pack.find("future")
    for sentence in sentences(text, pack):
        if future.search(sentence) and not any(
            _makes(sentence, each, pack) for each in case.business.voice.may_promise
        ):
            yield sentence


def _makes(sentence: str, promise: str, pack: Pack) -> bool:
    key = _key(promise, pack)
    return bool(key) and _pledges(sentence, key, pack.code)


def _key(promise: str, pack: Pack) -> tuple[str, ...]:
    """The stems that make a promise, without its time and its small words."""
    return _key_of(promise, pack.code)


@lru_cache(maxsize=1024)
def _key_of(promise: str, code: str) -> tuple[str, ...]:
    pack = pack_of(code)
    bare = pack.find("time_named").sub(" ", promise)
    return tuple(stem(word, pack) for word in words(bare, pack) if word not in pack.speech.small)


@lru_cache(maxsize=2048)
def _pledges(sentence: str, key: tuple[str, ...], code: str) -> bool:
    return pledges(sentence, key, pack_of(code))  # several rules ask for each sentence of each candidate


def pledges(sentence: str, key: Sequence[str], pack: Pack) -> bool:
    """Whether `sentence` says "I'll", "we're" or the like, and then `key`, its first word soon."""
    for pledge in pack.find("pledge").finditer(sentence):
        rest = words(sentence[pledge.end() : pledge.end() + REACH], pack)
        stems = [stem(word, pack) for word in rest]
        at = stems.index(key[0]) if key[0] in stems[:SOON] else -1
        if at >= 0 and not pack.find("unable").search(" ".join(rest[:at])):
            later = iter(stems)
            if all(part in later for part in key):
                return True
    return False


def _within(said: str, case: Case, pack: Pack) -> timedelta | None:
    """How long the first time that `said` names gives us; None where it names none."""
    found = pack.find("time_named").search(said)
    if found is None:
        return None
    named = {name: value for name, value in found.groupdict().items() if value}
    local = case.now.astimezone(case.business.business.zone)
    if "today" in named:
        return max(AT_LEAST, min(TODAY, _until_the_end_of(local, 0)))
    if "tomorrow" in named:
        return _until_the_end_of(local, 1)
    if "week" in named:
        return max(AT_LEAST, _until_the_end_of(local, 6 - local.weekday()))
    if "day" in named:
        days = pack.speech.weekdays.index(named["day"].lower()) - local.weekday()
        return max(AT_LEAST, _until_the_end_of(local, days % 7))
    return max(AT_LEAST, timedelta(seconds=parse_duration(_in_english(named["span"], pack)).total_seconds()))


def _in_english(span: str, pack: Pack) -> str:
    """A span as durations are written in the business file: "1 hour", "3 days"."""
    number, _, unit = span.lower().partition(" ")
    return f"{number if number.isdigit() else 1} {pack.speech.spans.get(unit, unit)}"


def _until_the_end_of(local: datetime, days: int) -> timedelta:
    """From `local` to the midnight that ends the day so many days later."""
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + timedelta(days=days + 1)
    return midnight.astimezone(UTC) - local.astimezone(UTC)
