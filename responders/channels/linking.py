"""Ties a chat account to a member of staff, by a code that is read in one place and typed in the other.

The code comes from the inbox, where its person is signed in, or from the
terminal; it works once, within a quarter of an hour. What is kept of an
account is the chat's own stable id, never a name.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from datetime import datetime, timedelta

from config.settings import BusinessSettings
from responders.errors import NotAllowed
from storage import Store, audit, identities

#: Without letters and digits that look alike; 32⁸ codes make guessing hopeless at the pace that is allowed.
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LENGTH = 8
CODE_LASTS = timedelta(minutes=15)
MOST_TRIES, TRIES_PER = 5, timedelta(minutes=10)
#: In one chat, whoever tries: strangers may have many accounts.
MOST_IN_ALL = 30


async def issue(store: Store, business: BusinessSettings, person: str, channel: str, now: datetime) -> str:
    """A code for this person, as "ABCD-EFGH"; only a hash of it is kept. `channel` empty: any of the chats takes it.

    Raises:
        NotAllowed: there is no such person or chat.
    """
    who = business.person(person)
    if who is None:
        raise NotAllowed(
            f"{person or 'Nobody'} is not on the staff of {business.business.name}.", "Nothing was linked."
        )
    known = [table.called for table in business.channels]
    if channel and channel not in known:
        told = f"The chats are {', '.join(known)}." if known else "Add [[channels]] to the configuration first."
        raise NotAllowed(f"There is no chat “{channel}”.", "Nothing was linked.", told)
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    async with store.work() as session:
        await identities.add_code(session, _hash(code), business.id, who.name, channel, now + CODE_LASTS)
    return f"{code[:4]}-{code[4:]}"


async def redeem(store: Store, business: BusinessSettings, channel: str, actor: str, typed: str, now: datetime) -> str:
    """Links an account by the code that was typed; gives the person's name, empty where the code does not hold."""
    async with store.work() as session:
        person = await identities.use_code(session, _hash(_plain(typed)), business.id, channel, now)
        who = business.person(person) if person else None
        if who is None:
            return ""
        await identities.link(session, business.id, channel, actor, who.name, now)
        await audit.append(session, business.id, who.name, "link", f"chat {channel}", {}, now)
    return who.name


async def unlink(store: Store, business: BusinessSettings, person: str, channel: str, by: str, now: datetime) -> int:
    """Forgets a person's accounts in one chat (empty: in all); gives how many there were."""
    async with store.work() as session:
        number = await identities.unlink(session, business.id, person, channel)
        if number:
            await audit.append(session, business.id, by, "unlink", f"chat {channel or 'all'}", {"person": person}, now)
    return number


def _plain(typed: str) -> str:
    return "".join(sign for sign in typed.upper() if sign in ALPHABET)


def _hash(code: str) -> str:
    """What is kept of a code. It lives for minutes, so that a plain hash is enough."""
    return hashlib.sha256(f"chat {code}".encode()).hexdigest()


class Guesses:
    """Counts codes that did not hold, for each account and for all of a chat."""

    def __init__(self) -> None:
        self._tries: dict[str, deque[datetime]] = {}

    def may(self, actor: str, now: datetime) -> bool:
        """Whether this account may try another code."""
        for who in [who for who, tries in self._tries.items() if tries[-1] <= now - TRIES_PER]:
            del self._tries[who]
        recent = [moment for tries in self._tries.values() for moment in tries if moment > now - TRIES_PER]
        own = [moment for moment in self._tries.get(actor, ()) if moment > now - TRIES_PER]
        return len(own) < MOST_TRIES and len(recent) < MOST_IN_ALL

    def failed(self, actor: str, now: datetime) -> None:
        """One more that did not hold."""
        self._tries.setdefault(actor, deque(maxlen=MOST_TRIES)).append(now)
