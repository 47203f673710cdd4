"""A digest is composed once and sent once, whatever happens to the mail server or to us."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.errors import WarmlineError
from listener.digest.sending import compose, deliver, digest_of, preview, receivers, send_owed_digests, write
from responders.errors import ChannelError
from responders.mail import MailLost, MailPartlySent
from storage import Digest, Store, digests, sources
from tests.listener.digest.town import MORNING, WEEK_23, PlainReader, Postbox, Town, settings

INBOX = "http://inbox.example"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
JO = ("jo@crumb.example",)


async def rounds(town: Town, postbox: Postbox | None, now: Any = MORNING, **tables: Any) -> int:
    """One round of the daemon."""
    businesses = {"crumb": settings(**tables)}
    return await send_owed_digests(town.store, businesses, postbox, INBOX, PlainReader(), now)  # type: ignore[arg-type]


async def stored(town: Town, week: int = 23) -> Digest:
    async with town.store.read() as session:
        digest = await digests.get(session, "crumb", 2026, week)
    assert digest is not None
    return digest


async def test_the_digest_goes_out_on_monday_at_its_hour_and_once(town: Town) -> None:
    await town.hear("Lovely bread, thank you", "positive")
    postbox = Postbox()

    sent = [
        await rounds(town, postbox, MORNING + offset) for offset in (-7 * DAY + MINUTE, -MINUTE, 0 * DAY, MINUTE, DAY)
    ]

    assert sent == [1, 0, 1, 0, 0]  # the first one tells of the week before
    to, subject, plain = postbox.mails[-1]
    assert (to, subject) == (JO, "Crumb & Co.: your week, 1–7 June 2026")
    assert "Lovely bread" in plain
    assert (await stored(town)).sent_at == MORNING


async def test_after_a_long_silence_only_the_latest_week_is_made_up_for(town: Town) -> None:
    postbox = Postbox()

    await rounds(town, postbox, MORNING + 30 * DAY)

    assert [subject for _, subject, _ in postbox.mails] == ["Crumb & Co.: your week, 29 June – 5 July 2026"]


async def test_a_new_business_gets_no_digest_of_weeks_before_it_listened(sqlite_store: Store) -> None:
    town, postbox = Town(sqlite_store, settings()), Postbox()
    async with sqlite_store.work() as session:
        await sources.keep_business(session, "crumb", "Crumb & Co.")

    assert await rounds(town, postbox) == 0
    assert postbox.mails == []


async def test_two_who_compose_at_once_make_one_digest(store: Store) -> None:
    town = Town(store, settings())
    await town.open("reviews")

    made = await asyncio.gather(
        *(compose(store, town.business, WEEK_23, PlainReader(), INBOX, MORNING) for _ in range(2))
    )

    assert sorted(digest is None for digest in made) == [False, True]


async def test_two_who_deliver_at_once_send_one_mail(store: Store) -> None:
    town, postbox = Town(store, settings()), Postbox()
    await town.open("reviews")
    digest = await compose(store, town.business, WEEK_23, PlainReader(), INBOX, MORNING)
    assert digest is not None

    sent = await asyncio.gather(
        *(deliver(store, town.business, digest, postbox, MORNING) for _ in range(2))  # type: ignore[arg-type]
    )

    assert sorted(sent) == [False, True]
    assert len(postbox.mails) == 1


async def test_a_mail_that_fails_is_tried_again_ever_more_slowly_and_sent_once(town: Town) -> None:
    down = ChannelError("The mail server is down.", "Nothing was sent.", "Look at it.")
    postbox = Postbox(faults=[down, down])

    await rounds(town, postbox)
    first = await stored(town)
    await rounds(town, postbox, MORNING + MINUTE / 2)
    await rounds(town, postbox, MORNING + MINUTE)
    second = await stored(town)
    await rounds(town, postbox, MORNING + 3 * MINUTE)
    await rounds(town, postbox, MORNING + DAY)

    assert (first.tries, first.next_at) == (1, MORNING + MINUTE)
    assert (second.tries, second.next_at) == (2, MORNING + 3 * MINUTE)
    assert "The mail server is down." in second.note
    assert len(postbox.mails) == 1
    assert ((await stored(town)).sent_at, (await stored(town)).note) == (MORNING + 3 * MINUTE, "")


async def test_a_mail_that_may_have_gone_out_is_not_sent_again(town: Town) -> None:
    postbox = Postbox(faults=[MailLost("The mail server did not say whether it took the mail.")])

    for offset in (0, 1, 60, 6 * 24 * 60):
        await rounds(town, postbox, MORNING + offset * MINUTE)

    digest = await stored(town)
    assert postbox.mails == []
    assert (digest.sent_at, digest.next_at) == (None, None)
    assert "may have been sent" in digest.note


async def test_a_crash_while_sending_is_shown_and_does_not_send_twice(town: Town) -> None:
    class Crash(BaseException):
        """The machine goes off."""

    with pytest.raises(Crash):
        await rounds(town, Postbox(faults=[Crash()]))  # type: ignore[list-item]
    postbox = Postbox()
    await rounds(town, postbox, MORNING + DAY)

    assert postbox.mails == []
    assert "may have been sent" in (await stored(town)).note


async def test_a_digest_that_one_owner_did_not_get_counts_as_sent(town: Town) -> None:
    postbox = Postbox(
        faults=[MailPartlySent("The mail server refused mia@crumb.example.", "The others have the mail.")]
    )

    assert await rounds(town, postbox) == 1
    assert await rounds(town, postbox, MORNING + DAY) == 0
    assert "refused mia@crumb.example" in (await stored(town)).note


@pytest.mark.parametrize(
    ("tables", "has_mailer", "note"),
    [({}, False, "no mail server"), ({"staff": [{"name": "Jo", "role": "owner"}]}, True, "no address")],
)
async def test_what_cannot_be_mailed_is_composed_for_the_inbox(
    town: Town, tables: dict[str, Any], has_mailer: bool, note: str
) -> None:
    postbox = Postbox()

    await rounds(town, postbox if has_mailer else None, **tables)
    await rounds(town, postbox, MORNING + MINUTE, **tables)

    assert note in (await stored(town)).note
    assert postbox.mails == []


async def test_one_mail_server_that_fails_is_asked_once_a_round(town: Town) -> None:
    other = settings(id="bakery", business={"name": "Other", "time_zone": "Europe/Berlin"})
    second = Town(town.store, other)
    await second.open("forum")
    postbox = Postbox(faults=[ChannelError("down"), ChannelError("down")])

    businesses = {"crumb": town.business, "bakery": other}
    await send_owed_digests(town.store, businesses, postbox, INBOX, PlainReader(), MORNING)  # type: ignore[arg-type]

    assert len(postbox.faults) == 1


def test_the_digest_goes_to_its_addresses_or_else_to_the_owners() -> None:
    assert receivers(settings()) == JO
    assert receivers(settings(digest={"to": ["office@crumb.example"]})) == ("office@crumb.example",)


async def test_a_stored_digest_is_shown_as_it_was_composed(town: Town) -> None:
    await compose(town.store, town.business, WEEK_23, PlainReader(), INBOX, MORNING, note="Not mailed.")
    await town.hear("Lovely bread, thank you", "positive")

    shown = await digest_of(town.store, town.business, "", PlainReader(), INBOX, MORNING)

    assert (shown["year"], shown["week"], shown["note"]) == (2026, 23, "Not mailed.")
    assert "Lovely bread" not in shown["plain"]


async def test_a_look_at_a_running_week_stores_nothing(town: Town) -> None:
    await town.hear("Lovely bread, thank you", "positive")

    shown = await digest_of(town.store, town.business, "2026-W23", PlainReader(), INBOX, MORNING)

    assert "Lovely bread" in shown["plain"]
    async with town.store.read() as session:
        assert await digests.listing(session, "crumb") == []


async def test_a_digest_is_written_into_a_new_folder(town: Town, tmp_path: Path) -> None:
    digest = await preview(town.store, town.business, WEEK_23, PlainReader(), INBOX, MORNING)

    path = write(digest.html, tmp_path / "new" / "folder")

    assert path.name == "digest.html"
    assert "Crumb &amp; Co." in path.read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(WarmlineError, match="Choose another folder"):
        write("html", tmp_path / "file")
