"""Alerts by mail are heard once, from named senders only, and the mailbox stays as it was."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.base import Author, Page, Post, RouteKind, Surroundings
from connectors.errors import SourceDenied, SourceUnavailable
from connectors.mailbox import Mailbox, MailboxSettings, server
from connectors.mailbox.letters import Letter, parse, stars
from connectors.mailbox.senders import is_from
from tests.conftest import NOW
from tests.connectors import loopback_imap
from tests.connectors.loopback_imap import serve_mail

FIXTURES = Path(__file__).with_name("fixtures") / "mailbox"
SENDERS = ("yelp.com", "tripadvisor.co.uk", "googlealerts-noreply@google.com", "sterne.example")


def mail(name: str) -> bytes:
    return (FIXTURES / f"{name}.eml").read_bytes().replace(b"\n", b"\r\n")


def letter(text: str = "The buns were cold.", **headers: str) -> bytes:
    """A plain mail of Yelp's; "_" in a header's name stands for "-"."""
    sent = {
        "Message-ID": "<1@yelp.com>",
        "Date": "Mon, 01 Jun 2026 10:00:00 +0000",
        "From": "Yelp <no-reply@yelp.com>",
        "Subject": "You have a new review",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return ("".join(f"{name}: {value}\r\n" for name, value in sent.items()) + f"\r\n{text}\r\n").encode()


def only(found: Letter) -> Post:
    assert found.faults == []
    (post,) = found.posts
    return post


# --- what a mail says


def test_a_review_is_read_from_a_yelp_alert() -> None:
    assert only(parse(mail("yelp"), SENDERS)) == Post(
        platform="yelp",
        external_id="mail <rev-81@yelp.com>",
        text="We waited half an hour for two buns, and they were … cold.\nThe coffee was lovely, though.",
        title="Ana Q. just left a 2 star review of Crumb & Co.",
        posted_at=datetime(2026, 6, 1, 17, 15, tzinfo=UTC),
        url="https://www.yelp.com/biz/crumb-and-co?hrid=81",
        author=Author("mail ana q.", name="Ana Q."),
        rating=2.0,
    )


def test_a_review_is_read_from_markup_alone() -> None:
    post = only(parse(mail("tripadvisor"), SENDERS))

    assert post.text == "The café is small & warm.\nWe will be back."
    assert (post.platform, post.rating, post.author) == ("tripadvisor", 4.0, None)
    assert post.url == "https://www.tripadvisor.co.uk/ShowUserReviews-g1-d2-r9.html?m=1&p=2"


def test_every_result_of_a_google_alert_is_a_post() -> None:
    found = parse(mail("alert"), SENDERS)

    assert [(post.title, post.text, post.url) for post in found.posts] == [
        (
            "Five bakeries worth the queue",
            "The Town Gazette\nCrumb & Co on Main Street still has the softest knots ...",
            "https://gazette.example/bakeries?utm_source=alert",
        ),
        ("Sunday market grows", "A stall by Crumb & Co joins the market ...", "https://market.example/news/7"),
    ]
    assert found.posts[0].external_id == "alert https://gazette.example/bakeries"


def test_a_site_that_nobody_knows_is_read_by_the_general_rule() -> None:
    post = only(parse(mail("shopvote"), SENDERS))

    assert (post.platform, post.rating, post.url) == ("sterne", 4.0, "https://sterne.example/bewertungen/9")
    assert "Sehr gutes Brot, aber die Schlange ist lang." in post.text
    assert "GmbH" not in post.text


@pytest.mark.parametrize(
    "sender",
    [
        "Mum <mum@family.example>",
        '"no-reply@yelp.com" <mum@family.example>',
        "no-reply@yelp.com.family.example",
        "no-reply@notyelp.com",
        "",
        "mum@family.example, no-reply@yelp.com",
    ],
)
def test_personal_mail_is_not_heard(sender: str) -> None:
    assert parse(letter(From=sender), SENDERS) == Letter([], [])


@pytest.mark.parametrize("broken", [{"From": "(a" * 50_000}, {"From": "mum@family.example", "Subject": "x" * 20_000}])
def test_of_a_personal_mail_that_cannot_be_read_nothing_is_kept(broken: dict[str, str]) -> None:
    assert parse(letter("Dear child", **broken), SENDERS) == Letter([], [])


def test_a_sender_whose_name_is_not_encoded_is_known() -> None:
    assert only(parse(letter(From="Café Yelp <no-reply@yelp.com>"), SENDERS)).platform == "yelp"


@pytest.mark.parametrize("header", ["Subject", "Content-Type"])
def test_a_header_that_takes_minutes_to_read_is_not_read(header: str) -> None:
    endless = {"Subject": "=?utf-8?q?a?= " * 60_000, "Content-Type": "text/plain; " + "a*0=b; " * 100_000}

    found = parse(letter(**{header: endless[header]}), SENDERS)

    assert [fault.reason for fault in found.faults] == ["A mail cannot be read (ValueError)."]


def test_a_sender_may_be_an_address_or_a_domain_with_what_is_below_it() -> None:
    senders = ("yelp.com", "alerts@site.example")

    heard = [is_from(each, senders) for each in ("a@yelp.com", "a@mail.YELP.com", "alerts@site.example")]
    passed = [is_from(each, senders) for each in ("mum@site.example", "a@yelp.com.example", "yelp.com@x.example", "")]

    assert heard == [True] * 3
    assert passed == [False] * 4


def test_a_mail_that_our_own_server_doubts_is_a_fault() -> None:
    doubted = letter(Authentication_Results="mx.crumb.example; dmarc=fail (p=REJECT)")

    found = parse(doubted, SENDERS)

    assert [fault.reason for fault in found.faults] == [
        "A mail says that it is from yelp, but your mail server doubts it."
    ]
    assert found.posts == []


def test_a_mail_without_a_text_is_a_fault() -> None:
    found = parse(letter("Hi Mia,\r\n\r\nUnsubscribe here"), SENDERS)

    assert [fault.reason for fault in found.faults] == ["A mail from yelp holds nothing that could be heard."]
    assert found.faults[0].external_id == "mail <1@yelp.com>"


def test_a_mail_with_stars_alone_is_heard() -> None:
    post = only(parse(letter("Hi Mia,", Subject="Somebody gave you 4 out of 5"), SENDERS))

    assert (post.text, post.title, post.rating, post.author) == ("Somebody gave you 4 out of 5", "", 4.0, None)


def test_a_mail_without_a_name_of_its_own_is_named_by_what_it_says() -> None:
    one, same, other = (
        only(parse(letter(text, Message_ID=""), SENDERS)).external_id for text in ("Cold.", "Cold.", "Warm.")
    )

    assert one == same != other


def test_a_date_that_is_none_counts_as_now() -> None:
    dates = ["", "yesterday", "Mon, 01 Jun 1901 10:00:00 +0000", "Mon, 01 Jun 2026 99:00:00 +0000"]

    assert [only(parse(letter(Date=date), SENDERS)).posted_at for date in dates] == [None] * 4


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/biz/crumb",
        "https://www.yelp.com/redir?url=https%3A%2F%2Fevil.example%2Fbiz",
        "javascript:alert(1)",
        "https://www.yelp.com/unsubscribe/biz",
        "https://[",
    ],
)
def test_a_link_leads_nowhere_but_to_the_site_itself(link: str) -> None:
    markup = f'<p>The buns were cold.</p><a href="{link}">Read the review</a>'

    post = only(parse(letter(markup, Content_Type="text/html"), SENDERS))

    assert post.url == ""


@pytest.mark.parametrize(
    ("said", "rating"),
    [
        ("Rated 4 out of 5", 4.0),
        ("4,5/5", 4.5),
        ("A 3-star review", 3.0),
        ("1 star", 1.0),
        ("5 of 5 bubbles", 5.0),
        ("4 von 5 Sternen", 4.0),
        ("Rating: 2", 2.0),
        ("★★☆☆☆", 2.0),
        ("⭐⭐⭐", 3.0),
        ("⭐ You have a new review", None),
        ("On 1/5/2026 we waited", None),
        ("3 of 5 people liked it", None),
        ("14 stars of baking", None),
        ("7/5", None),
        ("Nothing", None),
    ],
)
def test_stars_are_found_where_a_text_speaks_of_them(said: str, rating: float | None) -> None:
    assert stars(said) == rating


@pytest.mark.parametrize(
    "broken",
    [
        letter(Content_Type="multipart/mixed"),
        letter(Content_Type='multipart/mixed; boundary=""'),
        letter(Content_Type="text/plain; charset=rot13"),
        letter(Content_Type="text/plain; charset=\x00utf-8"),
        letter("=ZZ=1", Content_Transfer_Encoding="quoted-printable"),
        letter("@@@", Content_Transfer_Encoding="base64"),
        letter(Subject="=?utf-8?b?////?="),
        letter(Subject="=?nonsense?q?=FF?="),
        letter("\x00\x1b[31m"),
        letter("<" * 100_000, Content_Type="text/html"),
        letter("".join(f"--{n}\r\nContent-Type: multipart/mixed; boundary={n + 1}\r\n\r\n" for n in range(3000)),
               Content_Type="multipart/mixed; boundary=0"),
    ],
)  # fmt: skip
def test_a_broken_mail_is_heard_or_becomes_a_fault(broken: bytes) -> None:
    found = parse(broken, SENDERS)

    assert found.posts or found.faults
    assert all("\0" not in post.text for post in found.posts)


@given(st.sampled_from(["yelp", "tripadvisor", "alert", "shopvote"]), st.data())
@settings(max_examples=200, deadline=None)
def test_no_mail_breaks_the_reader(name: str, data: st.DataObject) -> None:
    raw = bytearray(mail(name))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))

    found = parse(bytes(raw), SENDERS)

    assert all(post.posted_at is None or post.posted_at.tzinfo for post in found.posts)
    assert all(len(fault.sample) <= 2000 for fault in found.faults)


# --- the mailbox itself


@pytest.fixture
def post_office() -> Iterator[loopback_imap.Post]:
    with serve_mail() as post:
        yield post


def open_mailbox(post: loopback_imap.Post, **options: Any) -> Mailbox:
    no_session: Any = None  # the library has connections of its own
    told = {
        "host": "127.0.0.1",
        "port": post.port,
        "security": "none",
        "username": "hello@crumb.example",
        "password": {"env": "MAILBOX_PASSWORD"},
        "senders": SENDERS,
    }
    around = Surroundings("alerts", no_session, lambda: NOW, Path())
    return Mailbox(MailboxSettings.model_validate(told | options), around)


@pytest.fixture
async def mailbox(post_office: loopback_imap.Post, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Mailbox]:
    monkeypatch.setenv("MAILBOX_PASSWORD", "hunter22")
    mailbox = open_mailbox(post_office)
    yield mailbox
    await mailbox.close()


def texts(page: Page) -> list[str]:
    return [post.text for post in page.posts if isinstance(post, Post)]


async def test_mails_are_heard_once_and_oldest_first(post_office: loopback_imap.Post, mailbox: Mailbox) -> None:
    post_office.arrive(letter("Second.", Date="Mon, 01 Jun 2026 12:00:00 +0000"))
    post_office.arrive(letter("First.", Date="Mon, 01 Jun 2026 10:00:00 +0000"))

    page = await mailbox.fetch(None)
    again = await mailbox.fetch(page.cursor)
    post_office.arrive(letter("Third."))
    third = await mailbox.fetch(again.cursor)

    assert [texts(page), texts(again), texts(third)] == [["First.", "Second."], [], ["Third."]]
    assert third.cursor == {"validity": 7, "uid": 3}


async def test_the_same_cursor_gives_the_same_posts(post_office: loopback_imap.Post, mailbox: Mailbox) -> None:
    post_office.arrive(letter("First."))
    cursor = (await mailbox.fetch(None)).cursor
    post_office.arrive(letter("Second."))

    assert await mailbox.fetch(cursor) == await mailbox.fetch(cursor)


async def test_the_folder_is_left_as_it_was(post_office: loopback_imap.Post, mailbox: Mailbox) -> None:
    post_office.arrive(letter())

    await mailbox.fetch(None)

    fetches = post_office.named("FETCH")
    assert post_office.named("EXAMINE")
    assert fetches
    assert all("BODY.PEEK[]" in each for each in fetches)
    assert not [each for each in post_office.commands if each.split()[0] in {"SELECT", "STORE", "EXPUNGE", "CLOSE"}]
    assert post_office.commands[-1] == "LOGOUT"


async def test_only_mails_of_the_named_senders_are_fetched(post_office: loopback_imap.Post, mailbox: Mailbox) -> None:
    post_office.arrive(letter("Dear child", From="mum@family.example", Message_ID="<1@family.example>"))
    post_office.arrive(letter("I saw you on yelp.com!", From="mum@family.example"))

    page = await mailbox.fetch(None)

    assert (page.posts, page.faults) == ([], [])
    assert len(post_office.named("FETCH")) == 1  # the second one only seems to be of Yelp


async def test_a_first_look_goes_back_a_month_and_no_further(post_office: loopback_imap.Post, mailbox: Mailbox) -> None:
    page = await mailbox.fetch(None)
    await mailbox.fetch(page.cursor)

    first, later = post_office.named("SMALLER")
    assert "SINCE 3-May-2026" in first
    assert "SINCE" not in later


async def test_an_empty_start_does_not_bring_the_past_up_later(
    post_office: loopback_imap.Post, mailbox: Mailbox
) -> None:
    post_office.arrive(letter("Dear child", From="mum@family.example", Message_ID="<1@family.example>"))

    page = await mailbox.fetch(None)

    assert page.cursor == {"validity": 7, "uid": 1}


async def test_a_folder_that_is_numbered_anew_is_read_again(post_office: loopback_imap.Post, mailbox: Mailbox) -> None:
    post_office.arrive(letter("First."))
    before = await mailbox.fetch(None)
    post_office.validity = 8

    after = await mailbox.fetch(before.cursor)

    assert after.posts == before.posts  # the same ids, so they are dropped as repeats
    assert after.cursor == {"validity": 8, "uid": 1}


async def test_many_mails_come_in_several_pages(post_office: loopback_imap.Post, mailbox: Mailbox) -> None:
    for number in range(60):
        post_office.arrive(letter(f"Number {number}.", Message_ID=f"<{number}@yelp.com>"))

    first = await mailbox.fetch(None)
    second = await mailbox.fetch(first.cursor)

    assert (first.more, second.more) == (True, False)
    assert texts(first) + texts(second) == [f"Number {number}." for number in range(60)]


async def test_a_huge_mail_is_named_and_not_fetched(
    post_office: loopback_imap.Post, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LARGEST", 1_000)
    post_office.arrive(letter("x" * 2_000))
    post_office.arrive(letter("Small."))

    page = await mailbox.fetch(None)

    assert texts(page) == ["Small."]
    assert [fault.external_id for fault in page.faults] == ["mail 7-1"]
    assert len(post_office.named("FETCH")) == 1


async def test_a_wrong_password_needs_a_person(post_office: loopback_imap.Post, mailbox: Mailbox) -> None:
    post_office.refuses["LOGIN"] = "NO [AUTHENTICATIONFAILED] Authentication failed."

    with pytest.raises(SourceDenied, match='The mail server of "alerts" refused the name or the password') as caught:
        await mailbox.fetch(None)

    assert "hunter22" not in str(caught.value)


async def test_a_folder_that_is_not_there_needs_a_person(post_office: loopback_imap.Post, mailbox: Mailbox) -> None:
    post_office.refuses["STATUS"] = "NO [NONEXISTENT] Unknown mailbox"

    with pytest.raises(SourceDenied, match='has no folder "INBOX"'):
        await mailbox.fetch(None)


@pytest.mark.parametrize(
    "refuses",
    [
        {"LOGIN": "NO [UNAVAILABLE] Temporary authentication failure"},
        {"LOGIN": "BAD what"},
        {"STATUS": "NO [INUSE] try later"},
        {"UID": "NO [SERVERBUG] oops"},
        {"UID": "BAD what"},
        {"": "DROP"},
    ],
)
async def test_a_server_that_stumbles_is_asked_again(
    post_office: loopback_imap.Post, mailbox: Mailbox, refuses: dict[str, str]
) -> None:
    post_office.arrive(letter())
    post_office.refuses |= refuses

    with pytest.raises(SourceUnavailable, match='The mail server of "alerts" cannot be read now'):
        await mailbox.fetch(None)

    post_office.refuses.clear()
    assert texts(await mailbox.fetch(None)) == ["The buns were cold."]


async def test_a_server_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILBOX_PASSWORD", "hunter22")
    monkeypatch.setattr(server, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mailbox = open_mailbox(loopback_imap.Post(port=silent.getsockname()[1]))

        with pytest.raises(SourceUnavailable, match="did not answer within"):
            await mailbox.fetch(None)
        await mailbox.close()


async def test_a_server_that_is_not_there_or_speaks_no_tls_is_unavailable(
    post_office: loopback_imap.Post, mailbox: Mailbox
) -> None:
    encrypted = open_mailbox(post_office, security="tls")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = loopback_imap.Post(port=closed.getsockname()[1])

    for each in (encrypted, open_mailbox(gone)):
        with pytest.raises(SourceUnavailable):
            await each.fetch(None)
        await each.close()


@pytest.mark.parametrize(("security", "kind", "port"), [("tls", "MailBox", 993), ("starttls", "MailBoxStartTls", 143)])
async def test_a_server_must_prove_who_it_is(
    monkeypatch: pytest.MonkeyPatch, security: str, kind: str, port: int
) -> None:
    asked: list[tuple[int, ssl.SSLContext]] = []

    def connect(host: str, port: int, *, timeout: float, ssl_context: ssl.SSLContext) -> None:
        asked.append((port, ssl_context))
        raise ssl.SSLCertVerificationError

    monkeypatch.setenv("MAILBOX_PASSWORD", "hunter22")
    monkeypatch.setattr(f"imap_tools.{kind}", connect)
    mailbox = open_mailbox(loopback_imap.Post(), security=security, port=None)

    with pytest.raises(SourceUnavailable, match="shows a certificate that is not its own"):
        await mailbox.fetch(None)

    ((where, trusted),) = asked
    assert (where, trusted.verify_mode, trusted.check_hostname) == (port, ssl.CERT_REQUIRED, True)
    await mailbox.close()


@pytest.mark.parametrize(
    "options",
    [
        {"senders": ()},
        {"senders": ("yelp",)},
        {"senders": ('a" OR ALL "@b.example',)},
        {"senders": ("ü@yelp.com",)},
        {"password": "hunter22"},
        {"security": "starttls", "port": 993},
    ],
)
def test_settings_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        open_mailbox(loopback_imap.Post(), **options)


async def test_an_alert_is_answered_by_hand_where_it_names_a_page(mailbox: Mailbox) -> None:
    linked, bare = only(parse(mail("yelp"), SENDERS)), only(parse(letter(), SENDERS))

    assert [mailbox.route(post).kind for post in (linked, bare)] == [RouteKind.HANDOFF, RouteKind.NONE]
    assert await mailbox.recheck([linked.external_id]) == []
    assert mailbox.traits.every == timedelta(minutes=5)
