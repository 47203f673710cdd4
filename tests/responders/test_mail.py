"""Mail against real servers on the loopback: what arrives, and what each kind of failure says."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from config.secrets import Secret
from config.settings import MailTable
from responders.errors import ChannelError
from responders.mail import Mailer, MailLost, MailPartlySent, make_message, pause_after

JO = "jo@crumb.example"


class Postbox:
    """Takes every mail, but for receivers that begin with "no-"."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_RCPT(  # noqa: N802 – the server's name for it
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("no-"):
            return "550 5.1.1 nobody of that name: <script>"
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 taken"

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(each.content or b"", policy=default) for each in self.envelopes]  # type: ignore[arg-type,misc]


@asynccontextmanager
async def serving(postbox: Postbox, encrypted: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """A mail server in front of `postbox`; `encrypted` from the first byte where that is given. Yields its port."""
    loop = asyncio.get_running_loop()

    def talk() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library warns of passwords in the clear
            return SMTP(postbox, hostname="localhost", loop=loop, **options)

    server = await loop.create_server(talk, "127.0.0.1", 0, ssl=encrypted)
    async with server:
        yield server.sockets[0].getsockname()[1]


def mailer(port: int, seconds: float = 20, **options: Any) -> Mailer:
    table = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "Warmline <warmline@crumb.example>"}
    return Mailer(MailTable.model_validate(table | options), timeout=timedelta(seconds=seconds))


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
async def port(postbox: Postbox) -> AsyncIterator[int]:
    async with serving(postbox) as port:
        yield port


@asynccontextmanager
async def server_that(talks: Any) -> AsyncIterator[int]:
    """A server that says what `talks(reader, writer)` says."""
    server = await asyncio.start_server(talks, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_mail_arrives_as_plain_text_and_as_html(port: int, postbox: Postbox) -> None:
    await mailer(port).send([JO, "Mia <mia@crumb.example>"], "Your week – 1–7 June", "plain ümlaut", "<p>html</p>")

    mail = postbox.mails[0]
    assert postbox.envelopes[0].rcpt_tos == [JO, "mia@crumb.example"]
    assert mail["Subject"] == "Your week – 1–7 June"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"]
    assert str(mail["Message-ID"]).endswith("@crumb.example>")
    plain, html = mail.iter_parts()
    assert mail.get_content_type() == "multipart/alternative"
    assert plain.get_content().strip() == "plain ümlaut"
    assert html.get_content().strip() == "<p>html</p>"


async def test_a_mail_of_plain_text_alone_has_one_part(port: int, postbox: Postbox) -> None:
    await mailer(port).send([JO], "Alert", "Look now.\n.\nReally.")

    assert postbox.mails[0].get_content_type() == "text/plain"
    assert postbox.mails[0].get_content().split() == ["Look", "now.", ".", "Really."]


async def test_a_subject_cannot_add_a_header(port: int, postbox: Postbox) -> None:
    await mailer(port).send([JO], "Hello\r\nBcc: eve@evil.example\r\n\r\nBody", "text \ud83d")

    assert postbox.envelopes[0].rcpt_tos == [JO]
    assert postbox.mails[0]["Bcc"] is None
    assert postbox.mails[0]["Subject"] == "Hello Bcc: eve@evil.example Body"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "jo",
        "jo@",
        "@crumb.example",
        "jo@crumb.example\r\nBcc: eve@evil.example",
        "a@b.example, c@d.example",
        "é@b.c",
    ],
)
def test_what_is_no_address_is_refused_in_words(address: str) -> None:
    with pytest.raises(ChannelError, match=r"is not a mail address"):
        make_message("warmline@crumb.example", [address], "s", "p")


def test_a_mail_to_nobody_is_refused() -> None:
    with pytest.raises(ChannelError, match="no receiver"):
        make_message("warmline@crumb.example", [], "s", "p")


async def test_refused_receivers_are_an_error_and_nothing_is_sent(port: int, postbox: Postbox) -> None:
    with pytest.raises(ChannelError, match="refused every address") as caught:
        await mailer(port).send(["no-one@crumb.example"], "s", "p")

    assert postbox.envelopes == []
    assert caught.value.kept == "Nothing was sent."
    assert "<script>" not in str(caught.value)


async def test_a_mail_that_some_receivers_get_says_who_did_not(port: int, postbox: Postbox) -> None:
    with pytest.raises(MailPartlySent, match=r"no-one@crumb\.example"):
        await mailer(port).send(["no-one@crumb.example", JO], "s", "p")

    assert postbox.envelopes[0].rcpt_tos == [JO]


class _SignIn:
    """A server's check of names and passwords: only warmline with "right" may enter."""

    def __call__(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=(data.login, data.password) == (b"warmline", b"right"), handled=False)


@pytest.fixture
async def guarded_port(postbox: Postbox) -> AsyncIterator[int]:
    async with serving(postbox, authenticator=_SignIn(), auth_required=True, auth_require_tls=False) as port:
        yield port


async def test_the_password_is_read_when_a_mail_is_sent(
    guarded_port: int, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = mailer(guarded_port, username="warmline", password=Secret(env="MAIL_PASSWORD"))

    monkeypatch.setenv("MAIL_PASSWORD", "right")
    await sender.send([JO], "s", "p")

    assert len(postbox.envelopes) == 1


async def test_a_wrong_password_is_said_and_not_shown(guarded_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "wr0ng-s3cret")
    sender = mailer(guarded_port, username="warmline", password=Secret(env="MAIL_PASSWORD"))

    with pytest.raises(ChannelError, match="refused the user name or the password") as caught:
        await sender.send([JO], "s", "p")

    assert "wr0ng-s3cret" not in str(caught.value)


async def test_a_missing_password_is_a_channel_error(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAIL_PASSWORD", raising=False)

    with pytest.raises(ChannelError, match="MAIL_PASSWORD"):
        await mailer(port, username="warmline", password=Secret(env="MAIL_PASSWORD")).send([JO], "s", "p")


async def test_a_check_signs_in_and_sends_nothing(port: int, postbox: Postbox) -> None:
    await mailer(port).check()

    assert postbox.envelopes == []


async def test_a_server_that_is_not_there_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(ChannelError, match="cannot be reached") as caught:
        await mailer(port).check()

    assert not isinstance(caught.value, MailLost)


async def test_a_server_that_never_greets_is_given_up() -> None:
    end = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await end.wait()
        writer.close()

    async with server_that(hang) as port:
        with pytest.raises(ChannelError, match="did not answer in time") as caught:
            await mailer(port, seconds=0.2).send([JO], "s", "p")
        end.set()

    assert not isinstance(caught.value, MailLost)


def _takes_the_mail_then(last: Any) -> Any:
    """A server that takes a mail and then does `last(writer)` in place of an answer."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                await last(writer)
                break
            writer.write(b"250 fine\r\n")
        writer.close()

    return talk


async def test_a_mail_whose_answer_never_comes_may_have_gone_out() -> None:
    end = asyncio.Event()

    async with server_that(_takes_the_mail_then(lambda writer: end.wait())) as port:
        with pytest.raises(MailLost, match="may have gone out"):
            await mailer(port, seconds=0.5).send([JO], "s", "p")
        end.set()


async def test_a_connection_that_breaks_after_the_mail_leaves_doubt() -> None:
    async def hang_up(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with server_that(_takes_the_mail_then(hang_up)) as port:
        with pytest.raises(MailLost):
            await mailer(port).send([JO], "s", "p")


async def test_a_mail_that_the_server_turns_down_certainly_did_not_go_out() -> None:
    async def refuse(writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 looks like spam\r\n")
        await writer.drain()

    async with server_that(_takes_the_mail_then(refuse)) as port:
        with pytest.raises(ChannelError, match=r"did not take the mail .it answered 554") as caught:
            await mailer(port).send([JO], "s", "p")

    assert not isinstance(caught.value, MailLost)


async def test_a_server_without_starttls_gets_nothing(port: int, postbox: Postbox) -> None:
    with pytest.raises(ChannelError, match="Check host, port and security"):
        await mailer(port, security="starttls").send([JO], "s", "p")

    assert postbox.envelopes == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run(
        [*request, *names, "-keyout", path, "-out", path.with_suffix(".crt")], check=True, capture_output=True
    )
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


@pytest.fixture(params=["starttls", "tls"])
async def secure(request: pytest.FixtureRequest, postbox: Postbox, certificate: Path) -> AsyncIterator[tuple[str, int]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    options: dict[str, Any] = {"tls": {"encrypted": context}, "starttls": {"tls_context": context}}[request.param]
    async with serving(postbox, **options) as port:
        yield request.param, port


async def test_a_certificate_that_is_not_trusted_stops_the_mail(secure: tuple[str, int], postbox: Postbox) -> None:
    security, port = secure

    with pytest.raises(ChannelError, match="certificate that cannot be trusted"):
        await mailer(port, security=security).send([JO], "s", "p")

    assert postbox.envelopes == []


async def test_a_trusted_server_gets_the_mail_encrypted(
    secure: tuple[str, int], postbox: Postbox, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    security, port = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))

    await mailer(port, security=security).send([JO], "s", "p")

    assert len(postbox.envelopes) == 1


def test_pauses_double_from_a_minute_to_an_hour() -> None:
    pauses = [pause_after(tries).total_seconds() / 60 for tries in (1, 2, 3, 6, 7, 1000)]

    assert pauses == [1, 2, 4, 32, 60, 60]
