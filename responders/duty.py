"""Who may be asked at a moment: the rota, days off and quiet hours of the staff, and who covers for whom.

Days and hours are the person's own: counted in their time zone, or in the
business's where they name none.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from config.settings import BusinessSettings, Person, hours_on


def local(business: BusinessSettings, person: Person, now: datetime) -> datetime:
    """The time where this person is."""
    return now.astimezone(ZoneInfo(person.time_zone) if person.time_zone else business.business.zone)


def is_away(business: BusinessSettings, person: Person, now: datetime) -> bool:
    """Whether this is a day off, so that somebody else decides."""
    day = local(business, person, now).date()
    return day in person.holidays or (person.away is not None and person.away[0] <= day <= person.away[1])


def is_quiet(business: BusinessSettings, person: Person, now: datetime) -> bool:
    """Whether only a crisis may reach this person now."""
    return person.quiet is not None and person.quiet.covers(local(business, person, now).time())


def _works(business: BusinessSettings, person: Person, now: datetime) -> bool:
    """Whether the rota has this person at work; without one they always are."""
    here = local(business, person, now)
    hours = hours_on(person.works, here.date())
    return not person.works or (hours is not None and hours.covers(here.time()))


def may_be_asked(business: BusinessSettings, person: Person, now: datetime, *, critical: bool = False) -> bool:
    """Whether this person is on duty; for a crisis everybody is who has no day off."""
    if is_away(business, person, now):
        return False
    return critical or (_works(business, person, now) and not is_quiet(business, person, now))


def cover_of(business: BusinessSettings, person: Person, now: datetime) -> Person | None:
    """Who decides for somebody who is away, through covers of covers; None where nobody is named."""
    seen = {person.name}
    while is_away(business, person, now):
        cover = business.person(person.cover) if person.cover else None
        if cover is None or cover.name in seen:
            return None
        seen.add(cover.name)
        person = cover
    return person


def on_duty(business: BusinessSettings, now: datetime, *, critical: bool = False, owners: bool = False) -> list[Person]:
    """Who may be asked now, in the file's order; `owners` alone, or staff with owners last.

    Who is away is stood for by their cover: an owner's cover is asked in the
    owner's place, and still may decide only what their own role allows.
    """
    people = business.owners if owners else sorted(business.staff, key=lambda person: person in business.owners)
    found: dict[str, Person] = {}
    for person in people:
        stands_in = cover_of(business, person, now)
        if stands_in is not None and may_be_asked(business, stands_in, now, critical=critical):
            found.setdefault(stands_in.name, stands_in)
    return list(found.values())
