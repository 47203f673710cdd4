"""Mail: one message to a few of our own people, by the server that `[mail]` names.

A mail cannot be called back or looked for, so a failure says how far it came:
`MailLost` where it may have gone out, `MailPartlySent` where it did for some,
any other `ChannelError` where it certainly did not.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses, make_msgid, parseaddr

import aiosmtplib

from config.errors import ConfigError
from config.settings import MailTable
from responders.errors import ChannelError

#: One mail takes no longer than this, from the first byte to the last; loops that send are watched.
TIMEOUT = timedelta(seconds=20)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)


class MailLost(ChannelError):
    """The mail left and no answer was seen: it may have gone out."""


class MailPartlySent(ChannelError):
    """The mail went out, but the server refused some of its addresses."""


def pause_after(tries: int) -> timedelta:
    """How long to wait after so many tries: a minute, doubling, at most an hour."""
    doublings = min(max(tries - 1, 0), 10)
    return min(FIRST_PAUSE * int(2**doublings), LONGEST_PAUSE)


@dataclass(slots=True)
class _Call:
    """One connection; `has_left` once the mail itself may have reached the server."""

    client: aiosmtplib.SMTP
    has_left: bool = False


class Mailer:
    """Sends mail by the server of `table`; a whole send ends within `timeout`."""

    def __init__(self, table: MailTable, timeout: timedelta = TIMEOUT) -> None:
        self.table = table
        self.timeout = timeout

    async def send(self, to: Sequence[str], subject: str, plain: str, html: str = "") -> None:
        """Sends one mail to all of `to` ("jo@crumb.example" or "Jo <jo@crumb.example>").

        Raises:
            MailLost: it may have gone out.
            MailPartlySent: it went out, but not to everybody.
            ChannelError: it did not go out.
        """
        message = make_message(self.table.sender, to, subject, plain, html)
        sender, *receivers = [each.addr_spec for name in ("From", "To") for each in message[name].addresses]
        async with self._call() as call:
            await call.client.mail(sender)
            refused = await _refused(call.client, receivers)
            call.has_left = True
            await call.client.data(message.as_bytes(policy=SMTP))
        if refused:
            raise MailPartlySent(
                f"The mail server {self.table.host} refused {', '.join(refused)}.",
                "The others have the mail.",
                "Correct that address in the configuration.",
            )

    async def check(self) -> None:
        """Signs in to the server and hangs up again; nothing is sent.

        Raises:
            ChannelError: the server cannot be reached, or does not take us.
        """
        async with self._call():
            pass

    @contextlib.asynccontextmanager
    async def _call(self) -> AsyncIterator[_Call]:
        """A connection that is signed in; whatever goes wrong in it is raised in the user's words."""
        call = _Call(self._client())
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                await call.client.connect()
                yield call
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise self._explain(error, call.has_left) from error
        finally:
            await _hang_up(call.client)

    def _client(self) -> aiosmtplib.SMTP:
        table = self.table
        return aiosmtplib.SMTP(
            hostname=table.host,
            port=table.port,
            username=table.username or None,
            password=self._password(),
            # The library would look up this machine's own name, which may take long and says too much.
            local_hostname=parseaddr(table.sender)[1].rpartition("@")[2] or "localhost",
            timeout=self.timeout.total_seconds(),
            use_tls=table.security == "tls",
            start_tls=table.security == "starttls",
        )

    def _password(self) -> str | None:
        if not self.table.username:
            return None
        if self.table.password is None:
            raise ChannelError(
                "[mail] names a user, but no password.", "Nothing was sent.", 'Add password = { env = "NAME" } there.'
            )
        try:
            return self.table.password.read()
        except ConfigError as error:
            raise ChannelError(error.happened, "Nothing was sent.", error.do) from error

    def _explain(self, error: Exception, has_left: bool) -> ChannelError:
        """What went wrong in the user's words; what the server wrote is left out, it may hold anything."""
        server = f"The mail server {self.table.host}"
        no_answer = isinstance(error, TimeoutError | aiosmtplib.SMTPServerDisconnected)
        if has_left and no_answer:
            return MailLost(
                f"{server} did not say whether it took the mail.", "It may have gone out.", "See whether it arrived."
            )
        happened, do = _FAULTS[next(kind for kind in _FAULTS if isinstance(_root(error), kind))]
        code = getattr(error, "code", None)
        reply = f" (it answered {code})" if isinstance(code, int) and code > 0 else ""
        return ChannelError(f"{server} {happened}{reply}.", "Nothing was sent.", do)


#: What a failure means and what to do, the narrowest first.
_FAULTS: dict[type[BaseException], tuple[str, str]] = {
    aiosmtplib.SMTPAuthenticationError: (
        "refused the user name or the password",
        "Renew them under [mail], then run warmline check.",
    ),
    aiosmtplib.SMTPSenderRefused: ("does not take mail from our sender", "Change sender under [mail]."),
    aiosmtplib.SMTPRecipientsRefused: ("refused every address", "Correct the mail addresses in the configuration."),
    aiosmtplib.SMTPDataError: ("did not take the mail", "Ask whoever runs it why."),
    ssl.SSLCertVerificationError: (
        "has a certificate that cannot be trusted",
        "Check host under [mail], or have its certificate renewed.",
    ),
    ssl.SSLError: ("does not speak TLS the way [mail] says", "Check port and security under [mail]."),
    TimeoutError: ("did not answer in time", "Check host and port under [mail], and whether it is up."),
    OSError: ("cannot be reached", "Check host and port under [mail], and whether it is up."),
    Exception: ("does not work the way [mail] says", "Check host, port and security under [mail]."),
}


def _root(error: BaseException) -> BaseException:
    """What lies behind a failed connection: the library wraps TLS faults and time-outs alike."""
    while isinstance(error, aiosmtplib.SMTPConnectError) and isinstance(error.__cause__, OSError):
        error = error.__cause__
    return error


async def _refused(client: aiosmtplib.SMTP, receivers: Sequence[str]) -> list[str]:
    """Names the receivers to the server; gives those it refuses, unless it refuses all."""
    refused = []
    for receiver in receivers:
        try:
            await client.rcpt(receiver)
        except aiosmtplib.SMTPRecipientRefused as error:
            refused.append(error)
    if len(refused) == len(receivers):
        raise aiosmtplib.SMTPRecipientsRefused(refused)
    return [error.recipient for error in refused]


async def _hang_up(client: aiosmtplib.SMTP) -> None:
    """Says goodbye where that is still possible; the mail is on its way or is not, whatever comes back."""
    if client.is_connected:
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=2)
    client.close()


def make_message(sender: str, to: Sequence[str], subject: str, plain: str, html: str = "") -> EmailMessage:
    """The mail itself; nothing in `subject` or the texts can add a header or another receiver.

    Raises:
        ChannelError: there is no receiver, or an address is not one.
    """
    if not to:
        raise ChannelError("The mail has no receiver.", "Nothing was sent.", "Add a mail address to an owner.")
    message = EmailMessage()
    message["From"] = _address(sender)
    message["To"] = [_address(each) for each in to]
    message["Subject"] = " ".join("".join(c if c.isprintable() else " " for c in subject).split())[:200]
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=message["From"].addresses[0].domain)
    message["Auto-Submitted"] = "auto-generated"  # no holiday notice should answer it (RFC 3834)
    message.set_content(_sound(plain))
    if html:
        message.add_alternative(_sound(html), subtype="html")
    return message


def _address(written: str) -> Address:
    try:
        ((name, address),) = getaddresses([written])
        parsed = Address(display_name=name, addr_spec=address)
        if parsed.username and parsed.domain and written.isprintable() and address.isascii():
            return parsed
    except (ValueError, MessageError, IndexError):
        pass
    raise ChannelError(
        f"“{' '.join(written.split())[:80]}” is not a mail address.",
        "Nothing was sent.",
        "Correct it in the configuration.",
    )


def _sound(text: str) -> str:
    """`text` without halves of characters, which no mail can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
