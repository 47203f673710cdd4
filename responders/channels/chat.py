"""One configured chat at work: what asking, taking and showing share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from config.settings import BusinessSettings, Person, Settings
from responders.approvals import Desk
from responders.channels.base import Channel
from responders.channels.facts import Surface
from storage import Session, Store, identities


class Mailer(Protocol):
    """Who carries a notice where a chat cannot."""

    async def send(self, to: Sequence[str], subject: str, plain: str, html: str = "") -> None:
        """Sends one mail; raises `ChannelError` where the server does not take it."""


@dataclass(slots=True)
class Chat:
    """A chat of one business; `settings` and `mailer` are asked anew each time.

    `back_at` is since when somebody listens. `fault` says what is wrong with
    it in words, empty where nothing is; it is left alone until `rests_until`.
    """

    business_id: str
    name: str
    place: str
    channel: Channel
    store: Store
    desk: Desk
    settings: Callable[[], Settings]
    mailer: Callable[[], Mailer | None]
    now: Callable[[], datetime]
    back_at: datetime | None = None
    fault: str = ""
    rests_until: datetime | None = None
    #: When praise was last asked about, and before when no further notice is mailed.
    praised_at: datetime | None = None
    mails_after: datetime | None = None

    @property
    def business(self) -> BusinessSettings:
        """The business as it is configured now."""
        return self.settings().businesses[self.business_id]

    @property
    def is_direct(self) -> bool:
        """Whether everybody is asked alone, and not in a room."""
        return not self.place

    def surface(self) -> Surface:
        """What every card of this chat is drawn against."""
        back_at = None if self.channel.limits.keeps else self.back_at
        return Surface(self.business, self.settings().inbox_address, self.now(), back_at)

    async def actors(self, session: Session) -> dict[str, list[str]]:
        """The accounts of the people who are on the staff now, by their names.

        Where nothing can be decided nobody needs to be linked: a mail address in the configuration is enough.
        """
        if not self.channel.limits.decides:
            return {person.name: [person.mail] for person in self.business.staff if person.mail}
        found: dict[str, list[str]] = {}
        for identity in await identities.listing(session, self.business_id, self.name):
            person = self.business.person(identity.person)
            if person is not None:
                found.setdefault(person.name, []).append(identity.actor)
        return found

    async def places(self, session: Session) -> dict[str, str]:
        """Where each person who can be asked alone is asked, by their names."""
        actors = await self.actors(session)
        found = {person: self.channel.direct(theirs[-1]) for person, theirs in actors.items()}
        return {person: place for person, place in found.items() if place}

    async def person(self, session: Session, actor: str) -> Person | None:
        """The member of staff whose account this is; None for a stranger and for who has left."""
        name = await identities.person_of(session, self.business_id, self.name, actor)
        return self.business.person(name) if name else None
