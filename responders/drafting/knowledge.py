"""What the business file knows and a draft may say: places, contacts, hours, facts, incidents, promises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from config.durations import say_span
from config.settings import Fact, Incident, Place
from responders.drafting import house
from responders.drafting.base import Case
from responders.drafting.commitments import commitments
from responders.drafting.packs import Family, Pack
from responders.drafting.words import LONGEST, content, is_repeatable, listed, sentences, stem, words

#: Holidays this near are told with the opening hours.
SOON = timedelta(days=14)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def place_of(case: Case) -> Place | None:
    """The place it is about, where that is certain."""
    places = case.business.places
    named = next((place for place in places if place.name == case.place), None)
    return named or (places[0] if len(places) == 1 else None)


def contact_of(case: Case) -> str:
    """Where people may write or call, as far as this platform lets a reply say it; empty: nothing may be given."""
    place = place_of(case)
    if place is None or case.platform in house.NO_CONTACT | house.ON_PROFILE:
        return ""
    return place.contact or place.phone


def promises(case: Case, pack: Pack) -> list[str]:
    """What may be promised in this language, in words that fit after "I'll" and are recognised there again."""
    pledged = "|".join(re.escape(wording.split("{promise}")[0]) for wording in pack.said("promise"))
    said = [
        re.sub(rf"^(?:{pledged}|(?:(?:i|we)(?:['’]ll| will)|to)\s+)", "", promise.strip(), flags=re.IGNORECASE)
        for promise in case.business.voice.may_promise
        if is_repeatable(promise, case, pack)
    ]
    said = [promise[0].lower() + promise[1:].rstrip(". ") for promise in said if promise.strip(". ")]
    return [
        promise
        for promise in said
        if any(commitments(w.format(promise=promise), case, pack) for w in pack.said("promise"))
    ]


def promise_for(case: Case, pack: Pack, family: Family | None) -> str:
    """The promise that fits this kind of trouble, never one to call; empty: none."""
    calls = pack.find("calls")
    able = [promise for promise in promises(case, pack) if not calls.search(promise)]
    wanted = {stem(word, pack) for word in (family.promise if family else ())}
    fitting = [promise for promise in able if wanted & {stem(word, pack) for word in words(promise, pack)}]
    plain = [promise for promise in able if not pack.find("finds_out").search(promise)]
    return next(iter((*fitting, *plain, *able)), "")


def promise_to(case: Case, pack: Pack, how: str) -> str:
    """The first promise that the pack's expression `how` fits ("finds_out"), never one to call; empty: none."""
    calls = pack.find("calls")
    return next((p for p in promises(case, pack) if pack.find(how).search(p) and not calls.search(p)), "")


def promise_to_call(case: Case, pack: Pack) -> str:
    """The first promise to call; empty: none."""
    return next((promise for promise in promises(case, pack) if pack.find("calls").search(promise)), "")


def told(case: Case, pack: Pack) -> list[Fact | Incident]:
    """Facts and incidents in this language of which the mention holds every word of `about`, the closest first."""
    held = content(case.mention[:LONGEST], pack)
    today = case.now.astimezone(case.business.business.zone).date()
    going_on = [incident for incident in case.business.incidents if incident.until >= today]
    known: list[Fact | Incident] = [*going_on, *case.business.facts]
    fitting = [one for one in known if one.say and (about := content(one.about, pack)) and about <= held]
    repeatable = [one for one in fitting if is_repeatable(one.say, case, pack)]
    return sorted(repeatable, key=lambda one: -len(content(one.about, pack)))


def answers(case: Case, pack: Pack) -> list[Fact | Incident]:
    """What is told of a question: of its own sentence and the one before, where there is a question mark."""
    said = sentences(case.mention[:LONGEST], pack)
    asking = next((at for at, sentence in enumerate(said) if "?" in sentence), None)
    held = content(case.mention[:LONGEST] if asking is None else " ".join(said[max(asking - 1, 0) : asking + 1]), pack)
    return [one for one in told(case, pack) if content(one.about, pack) <= held]


def explanation(case: Case, pack: Pack) -> str:
    """What an incident on the board explains of this mention; nothing else may be given as a cause."""
    return next((one.say for one in told(case, pack) if isinstance(one, Incident)), "")


def opening_hours(case: Case, pack: Pack) -> str:
    """The hours of the place that is asked about; empty where it is not certain which, or a feast day is meant."""
    place, text = place_of(case), case.mention[:LONGEST]
    if place is None or not place.hours or not pack.find("hours_asked").search(text) or pack.find("feast").search(text):
        return ""
    said = pack.said("hours")[0].format(place=place.name, hours=hours_of(place, pack))
    closed = _closed_soon(place, case, pack)
    return said + (pack.said("hours_closed")[0].format(days=listed(closed, pack)) if closed else "")


def hours_of(place: Place, pack: Pack) -> str:
    """A place's hours in words."""
    return listed([f"{_days(days, pack)} {say_span(span)}" for days, span in place.hours.items()], pack)


def _closed_soon(place: Place, case: Case, pack: Pack) -> list[str]:
    today = case.now.astimezone(case.business.business.zone).date()
    soon = [day for day in sorted(place.holidays) if today <= day <= today + SOON]
    return [pack.speech.day_of_month.format(day=day.day, month=pack.speech.months[day.month - 1]) for day in soon]


def _days(days: str, pack: Pack) -> str:
    first, _, last = days.partition("-")
    names = [pack.speech.days[_DAYS.index(day)] for day in (first, last) if day]
    return pack.speech.range.format(first=names[0], last=names[-1]) if len(names) > 1 else names[0]


def everything_told(case: Case, pack: Pack) -> Iterator[str]:
    """Every text of the business file that a reply may repeat."""
    business = case.business
    yield from (fact.say for fact in business.facts)
    yield from (incident.say for incident in business.incidents)
    yield from business.voice.may_promise
    yield from (business.business.name, *business.business.products, *business.business.people)
    for place in business.places:
        yield from (place.name, place.contact, place.phone, place.address, hours_of(place, pack))
        yield from (f"{day.day}" for day in place.holidays)


def first_name(case: Case) -> str:
    """The author's first name where the platform shows names by which a shop would call people; empty: none."""
    name = case.author.split()[0] if case.author.strip() else ""
    is_name = re.fullmatch(r"[^\W\d_][^\W\d_'’-]{1,19}", name) and name[0].isupper() and not name.isupper()
    return name if is_name and case.platform in house.FIRST_NAMES else ""
