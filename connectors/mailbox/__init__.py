"""A mailbox: the alerts of sites that have no other way out, such as Yelp, Tripadvisor and Glassdoor.

Only mails of the senders that the owner names are fetched. The cursor is the
last mail's number and the folder's numbering; where the server has numbered
anew, the last weeks are read again, and mails that were heard are known by
their Message-ID.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from config.secrets import Secret
from config.settings import Table
from connectors.base import (
    ConnectorType,
    Cursor,
    Fault,
    Gone,
    Page,
    Post,
    Route,
    RouteKind,
    Surroundings,
    Traits,
)
from connectors.mailbox.letters import Letter, parse
from connectors.mailbox.server import LARGEST, Account, Folder, Mail, opened

PLATFORM = "mailbox"
#: How far the first poll looks back, and one after the server has numbered its mails anew.
LOOK_BACK = timedelta(days=30)
#: Mails and posts of one page.
MAILS, POSTS = 50, 50

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_SENDER = re.compile(r"([\w.+=-]{1,64}@)?([a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}", re.ASCII)


def _sender(value: str) -> str:
    value = value.casefold().removeprefix("@")
    if not _SENDER.fullmatch(value):
        raise ValueError(
            f'"{value}" is neither a mail address nor a domain: use "alerts@site.example" or "site.example"'
        )
    return value


class MailboxSettings(Table):
    """The keys of a source of type `mailbox`."""

    #: The IMAP server.
    host: str = Field(min_length=1)
    #: 993, and 143 where the connection does not begin encrypted.
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = "tls"
    username: str = Field(min_length=1)
    password: Secret
    folder: str = Field(default="INBOX", min_length=1)
    #: Whose mails are heard: addresses, or domains with all that is below them.
    senders: tuple[Annotated[str, AfterValidator(_sender)], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _fitting_port(self) -> Self:
        if self.security == "starttls" and self.port == 993:
            raise ValueError('port 993 is encrypted from the start: use security = "tls"')
        return self


class Mailbox:
    """One folder of one mailbox."""

    def __init__(self, settings: MailboxSettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._now = surroundings.now
        self._account = Account(
            surroundings.source,
            settings.host,
            settings.port or (993 if settings.security == "tls" else 143),
            settings.security,
            settings.username,
            settings.password.read(),
            settings.folder,
        )
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"mailbox {surroundings.source}")

    @property
    def traits(self) -> Traits:
        """Mails take minutes anyway, and silence is normal."""
        return Traits(platform=PLATFORM, every=timedelta(minutes=5))

    async def fetch(self, cursor: Cursor | None) -> Page:
        """The posts in the senders' next mails; the folder stays as it is, read marks and all."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._next, cursor or {})

    def _next(self, cursor: Cursor) -> Page:
        with opened(self._account) as folder:
            is_known = cursor.get("validity") == folder.validity
            uid = int(cursor.get("uid", 0)) if is_known else 0
            return self._read(folder, uid, None if is_known else (self._now() - LOOK_BACK).date())

    def _read(self, folder: Folder, uid: int, since: date | None) -> Page:
        posts: list[Post] = []
        faults: list[Fault] = []
        more = False
        for number, mail in enumerate(folder.after(uid, self._settings.senders, since)):
            if number == MAILS or len(posts) >= POSTS:
                more = True
                break
            letter = self._letter(folder, mail)
            posts += letter.posts
            faults += letter.faults
            uid = mail.uid
        if not more:
            uid = max(uid, folder.last)  # else the next poll would look at everything that is older, too
        posts.sort(key=lambda post: post.posted_at or _EARLIEST)
        return Page(posts, {"validity": folder.validity, "uid": uid}, more, faults)

    def _letter(self, folder: Folder, mail: Mail) -> Letter:
        if mail.raw is not None:
            return parse(mail.raw, self._settings.senders)
        reason = f"A mail has more than {LARGEST:,} bytes and was not fetched: look at it in your mailbox."
        return Letter([], [Fault(reason, f"mail {folder.validity}-{mail.uid}")])

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Nothing: a mail tells how a post stood when it was sent."""
        return []

    def route(self, post: Post) -> Route:
        """By hand: these sites take answers only on their own pages."""
        if post.url:
            return Route(RouteKind.HANDOFF, "It came as an alert by mail: copy the text and open the page.")
        return Route(RouteKind.NONE, "The alert names no page that it could be answered on.")

    async def close(self) -> None:
        """Lets the thread end; what it is doing is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)


CONNECTOR = ConnectorType(
    settings=MailboxSettings,
    build=Mailbox,
    summary="Hears the alert mails of review sites (Yelp, Tripadvisor, Glassdoor) and of Google Alerts.",
)
