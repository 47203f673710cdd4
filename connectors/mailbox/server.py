"""A mailbox behind one thread: it is opened to read, asked, and left as it was.

imap-tools blocks, so each source has a thread of its own. The folder is opened
read-only and mails are fetched without marking them, so that neither can
change by accident.
"""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from connectors.errors import SourceDenied, SourceError, SourceUnavailable

if TYPE_CHECKING:
    from imap_tools import BaseMailBox

#: Seconds without a sign of the server.
TIMEOUT = 20
#: Bytes of a mail that is fetched; an alert has a tenth of it, pictures and all.
LARGEST = 1_000_000

#: Answers to a sign-in that say nothing about the password (RFC 5530).
_PASSING = re.compile(r"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Account:
    """Which folder of which mailbox, and how to get there."""

    source: str
    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    username: str
    password: str
    folder: str


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail; `raw` is None where it is too large to be fetched."""

    uid: int
    raw: bytes | None


class Folder:
    """A folder that is open to be read.

    `validity` names the numbering of its mails (UIDVALIDITY); `last` is the
    highest number that was given out when it was opened.
    """

    def __init__(self, box: BaseMailBox, validity: int, last: int) -> None:
        self._box = box
        self.validity = validity
        self.last = last

    def after(self, uid: int, senders: Sequence[str], since: date | None) -> Iterator[Mail]:
        """The senders' mails with a higher number, lowest first, each fetched when it is asked for.

        `since` leaves out what arrived before that day (None: nothing). The
        server compares senders loosely: look again.
        """
        from imap_tools import AND, OR
        from imap_tools.query import UidRange

        asked: dict[str, Any] = {"uid": UidRange(str(uid + 1), "*")} | ({"date_gte": since} if since else {})
        small = self._numbers(AND(OR(from_=list(senders)), size_lt=LARGEST, **asked), uid)
        large = self._numbers(AND(OR(from_=list(senders)), size_gt=LARGEST - 1, **asked), uid)
        for number in sorted(small | large):
            if number in large:
                yield Mail(number, None)
                continue
            raw = self._fetch(number)
            if raw is not None:
                yield Mail(number, raw)

    def _fetch(self, uid: int) -> bytes | None:
        """One mail as it arrived, without marking it as read; None where it has just been deleted.

        The library would parse it at once, and one that cannot be parsed would hold up all that follow.
        """
        status, found = self._box.client.uid("fetch", str(uid), "(BODY.PEEK[])")
        if status != "OK":
            raise imaplib.IMAP4.error(status)
        return next((bytes(part[1]) for part in found if isinstance(part, tuple)), None)

    def _numbers(self, criteria: Any, above: int) -> set[int]:
        """The mails that fit; asked for "11:*", a server also names mail 10 where that is the last."""
        return {int(uid) for uid in self._box.uids(criteria) if int(uid) > above}


@contextmanager
def opened(account: Account) -> Iterator[Folder]:
    """The folder, open while the block runs.

    Raises:
        SourceDenied: the password is wrong, or there is no such folder.
        SourceUnavailable: the server cannot be reached, or stumbles.
    """
    from imap_tools.errors import ImapToolsError

    try:
        box = _connect(account)
        try:
            _sign_in(box, account)
            yield _open(box, account)
        finally:
            with suppress(ImapToolsError, imaplib.IMAP4.error, OSError):
                box.logout()
    except (ImapToolsError, imaplib.IMAP4.error, OSError, EOFError) as error:
        raise _unavailable(account, error) from error


def _connect(account: Account) -> BaseMailBox:
    from imap_tools import MailBox, MailBoxStartTls, MailBoxUnencrypted

    if account.security == "none":
        return MailBoxUnencrypted(account.host, account.port, timeout=TIMEOUT)
    # Left alone, imaplib would accept any certificate (3.11).
    trusted = ssl.create_default_context()
    kind = MailBox if account.security == "tls" else MailBoxStartTls
    return kind(account.host, account.port, timeout=TIMEOUT, ssl_context=trusted)


def _sign_in(box: BaseMailBox, account: Account) -> None:
    from imap_tools.errors import MailboxLoginError

    plain = (account.username + account.password).isascii()
    try:
        (box.login if plain else box.login_utf8)(account.username, account.password, initial_folder=None)
    except MailboxLoginError as error:
        if _PASSING.search(str(error)):
            raise
        raise _denied(account, "refused the name or the password") from error


def _open(box: BaseMailBox, account: Account) -> Folder:
    from imap_tools.errors import MailboxFolderSelectError, MailboxFolderStatusError

    try:
        numbers = box.folder.status(account.folder, ["UIDVALIDITY", "UIDNEXT"])
        box.folder.set(account.folder, readonly=True)
    except (MailboxFolderSelectError, MailboxFolderStatusError) as error:
        if _PASSING.search(str(error)):
            raise
        raise _denied(account, f'has no folder "{account.folder}" that may be read') from error
    return Folder(box, numbers.get("UIDVALIDITY", 0), numbers.get("UIDNEXT", 1) - 1)


def _denied(account: Account, why: str) -> SourceError:
    return SourceDenied(
        f'The mail server of "{account.source}" {why}.',
        "No mail was lost or changed.",
        "Correct its settings (many providers ask for an app password), then run warmline check.",
    )


def _unavailable(account: Account, error: Exception) -> SourceError:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = "shows a certificate that is not its own or has run out"
    elif isinstance(error, TimeoutError):
        why = f"did not answer within {TIMEOUT} seconds"
    else:
        why = f"cannot be read now ({type(error).__name__})"
    return SourceUnavailable(f'The mail server of "{account.source}" {why}.', "No mail was lost or changed.")
