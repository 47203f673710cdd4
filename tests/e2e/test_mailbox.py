"""A mailbox on a real mail server: alerts are heard once, and every mail stays unread where it was."""

from __future__ import annotations

import imaplib
import smtplib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from connectors.base import Page, Post, Surroundings
from connectors.errors import SourceDenied
from connectors.mailbox import Mailbox, MailboxSettings
from tests.conftest import NOW
from tests.servers import free_port, start_server

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def dovecot(shared: Path) -> Iterator[dict[str, Any]]:
    """A Dovecot that takes mail for anybody."""
    with start_server("imap", IMAP_PORT=str(free_port()), LMTP_PORT=str(free_port())) as ready:
        yield ready


@pytest.fixture
def owner() -> str:
    """A mailbox of its own for each test."""
    return f"mia-{uuid4().hex[:8]}"


@pytest.fixture
def deliver(dovecot: dict[str, Any], owner: str) -> Iterator[Callable[..., None]]:
    host, port = dovecot["lmtp"].split(":")
    with smtplib.LMTP(host, int(port)) as post:

        def send(text: str, sender: str = "no-reply@yelp.com", subject: str = "A new review") -> None:
            head = f"From: {sender}\r\nSubject: {subject}\r\nMessage-ID: <{uuid4()}@yelp.com>\r\n"
            post.sendmail("bounce@yelp.com", owner, f"{head}Date: Mon, 01 Jun 2026 10:00:00 +0000\r\n\r\n{text}\r\n")

        yield send


@pytest.fixture
def open_mailbox(dovecot: dict[str, Any], owner: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Mailbox]:
    def build(password: str = dovecot["password"], **options: Any) -> Mailbox:
        monkeypatch.setenv("MAILBOX_PASSWORD", password)
        host, port = dovecot["imap"].split(":")
        no_session: Any = None
        told = {"host": host, "port": port, "security": "none", "username": owner, "senders": ["yelp.com"]}
        secret = {"password": {"env": "MAILBOX_PASSWORD"}}
        around = Surroundings("alerts", no_session, lambda: NOW, Path())
        return Mailbox(MailboxSettings.model_validate(told | secret | options), around)

    return build


def folder(dovecot: dict[str, Any], owner: str) -> imaplib.IMAP4:
    host, port = dovecot["imap"].split(":")
    client = imaplib.IMAP4(host, int(port))
    client.login(owner, dovecot["password"])
    return client


def texts(page: Page) -> list[str]:
    return [post.text for post in page.posts if isinstance(post, Post)]


async def test_alerts_are_heard_once(deliver: Callable[..., None], open_mailbox: Callable[..., Mailbox]) -> None:
    deliver("The knots were cold.", subject="Ana left a 2 star review")
    deliver("Dear child", sender="mum@family.example", subject="yelp.com")
    mailbox = open_mailbox()

    first = await mailbox.fetch(None)
    again = await mailbox.fetch(first.cursor)
    deliver("The knots were warm.")
    later = await mailbox.fetch(again.cursor)
    await mailbox.close()

    assert [texts(first), texts(again), texts(later)] == [["The knots were cold."], [], ["The knots were warm."]]
    assert [post.rating for post in first.posts if isinstance(post, Post)] == [2.0]


async def test_every_mail_stays_unread(
    deliver: Callable[..., None], open_mailbox: Callable[..., Mailbox], dovecot: dict[str, Any], owner: str
) -> None:
    deliver("The knots were cold.")
    mailbox = open_mailbox()

    await mailbox.fetch(None)
    await mailbox.close()

    with folder(dovecot, owner) as client:
        client.select(readonly=True)
        assert client.search(None, "UNSEEN") == ("OK", [b"1"])


async def test_a_folder_that_was_made_anew_is_read_again(
    deliver: Callable[..., None], open_mailbox: Callable[..., Mailbox], dovecot: dict[str, Any], owner: str
) -> None:
    deliver("The knots were cold.")
    with folder(dovecot, owner) as client:
        client.create("Alerts")
        client.select()
        client.copy("1", "Alerts")
        mailbox = open_mailbox(folder="Alerts")
        before = await mailbox.fetch(None)
        client.delete("Alerts")
        client.create("Alerts")
        client.copy("1", "Alerts")

    after = await mailbox.fetch(before.cursor)
    await mailbox.close()

    assert before.cursor is not None
    assert after.cursor is not None
    assert before.cursor["validity"] != after.cursor["validity"]
    assert after.posts == before.posts


async def test_a_wrong_password_and_a_missing_folder_need_a_person(open_mailbox: Callable[..., Mailbox]) -> None:
    for mailbox in (open_mailbox(password="wrong"), open_mailbox(folder="Nowhere"), open_mailbox(folder="Früher")):
        with pytest.raises(SourceDenied):
            await mailbox.fetch(None)
        await mailbox.close()
