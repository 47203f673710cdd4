"""What cannot wait reaches the owners, once, by day and by night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.settings import BusinessSettings
from listener.alerting import FAULTY_FOR, raise_for_sources, reachable, tell
from responders.errors import ChannelError
from responders.mail import MailLost
from storage import Alert, Store, alerts, sources
from storage.states import SourceState
from tests.listener.digest.town import Postbox, Town, settings

#: A Saturday, 21:40 in Berlin.
NIGHT = datetime(2026, 6, 6, 19, 40, tzinfo=UTC)
NOON = datetime(2026, 6, 6, 10, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
INBOX = "http://inbox.example"
QUIET_JO = {"name": "Jo", "role": "owner", "mail": "jo@crumb.example", "quiet": "20:00-07:00"}


@pytest.fixture
async def town(sqlite_store: Store) -> Town:
    town = Town(sqlite_store, settings(staff=[QUIET_JO]))
    await town.open("reviews")
    return town


async def told(town: Town, postbox: Postbox | None, now: datetime) -> int:
    return await tell(town.store, {"crumb": town.business}, postbox, INBOX, now)  # type: ignore[arg-type]


async def kept(town: Town) -> list[Alert]:
    async with town.store.read() as session:
        return await alerts.recent(session, "crumb")


async def test_a_crisis_is_told_at_once_in_the_middle_of_the_night(town: Town) -> None:
    mention = await town.hear("Found glass in her bread, ask Ana", "negative", at=NIGHT)
    await town.alert("A mention on feed may be a crisis (health).", NIGHT, critical=True, mention_id=mention)
    postbox = Postbox()

    number = await told(town, postbox, NIGHT)

    ((to, subject, plain),) = postbox.mails
    assert number == 1
    assert (to, subject) == (("jo@crumb.example",), "Crumb & Co.: please look now")
    assert "may be a crisis (health)" in plain
    assert "An answer is due: Sun 7 June, 01:40" in plain
    assert f"{INBOX}/mentions/{mention}" in plain
    assert "Nothing is posted without a person's yes." in plain
    assert "glass" not in plain
    assert "Ana" not in plain


async def test_an_alert_is_told_once(town: Town) -> None:
    await town.alert("Once.", NOON, critical=True)
    postbox = Postbox()

    numbers = [await told(town, postbox, NOON + n * MINUTE) for n in range(3)]

    assert numbers == [1, 0, 0]


async def test_many_alerts_make_one_mail(town: Town) -> None:
    for n in range(5):
        await town.alert(f"Crisis {n}.", NIGHT, critical=True)
    postbox = Postbox()

    number = await told(town, postbox, NIGHT)

    assert number == 5
    assert [subject for _, subject, _ in postbox.mails] == ["Crumb & Co.: please look now (5)"]


async def test_what_is_no_crisis_waits_until_the_quiet_hours_are_over(town: Town) -> None:
    await town.alert("The forum is deaf.", NIGHT)
    postbox = Postbox()

    numbers = [await told(town, postbox, NIGHT + n * HOUR) for n in range(12)]

    assert sum(numbers) == 1
    assert numbers.index(1) in (10, 11)  # 07:40 or 08:40


async def test_a_crisis_is_tried_again_for_ever(town: Town) -> None:
    await town.alert("A crisis.", NIGHT, critical=True)
    postbox = Postbox(faults=[ChannelError("down") for _ in range(40)])

    now, pauses = NIGHT, []
    while postbox.faults:
        await told(town, postbox, now)
        (alert,) = await kept(town)
        assert alert.next_at is not None
        pauses.append((alert.next_at - now) / MINUTE)
        now = alert.next_at
    await told(town, postbox, now)

    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len(postbox.mails) == 1


async def test_a_crisis_whose_mail_may_be_lost_is_told_again(town: Town) -> None:
    await town.alert("A crisis.", NIGHT, critical=True)
    postbox = Postbox(faults=[MailLost("no answer")])

    await told(town, postbox, NIGHT)
    number = await told(town, postbox, NIGHT + MINUTE)

    assert number == 1


async def test_a_crash_while_telling_tells_again(town: Town) -> None:
    class Crash(BaseException):
        """The machine goes off."""

    await town.alert("A crisis.", NIGHT, critical=True)
    with pytest.raises(Crash):
        await told(town, Postbox(faults=[Crash()]), NIGHT)  # type: ignore[list-item]

    assert await told(town, Postbox(), NIGHT + MINUTE) == 1


async def test_without_mail_an_alert_waits_in_the_inbox(town: Town) -> None:
    await town.alert("A crisis.", NIGHT, critical=True)
    version = town.store.version

    number = await told(town, None, NIGHT)

    (alert,) = await kept(town)
    assert number == 0
    assert alert.told_at is None
    assert town.store.version == version


async def test_an_alert_of_a_business_that_is_gone_does_not_run_hot(town: Town) -> None:
    await town.alert("A crisis.", NIGHT, critical=True)

    await tell(town.store, {}, Postbox(), INBOX, NIGHT)  # type: ignore[arg-type]

    (alert,) = await kept(town)
    assert alert.next_at == NIGHT + HOUR


async def test_a_hostile_alert_is_only_words(town: Town) -> None:
    await town.alert("Evil\r\nBcc: eve@evil.example\u202e\x1b[31m", NIGHT, critical=True)
    postbox = Postbox()

    await told(town, postbox, NIGHT)

    assert "Evil Bcc: eve@evil.example [31m" in postbox.mails[0][2]


def people(*staff: dict[str, Any], **tables: Any) -> BusinessSettings:
    return settings(staff=list(staff), **tables)


BEN = {"name": "Ben", "mail": "ben@crumb.example"}
AWAY_JO = QUIET_JO | {"away": ("2026-06-01", "2026-06-10"), "cover": "Ben"}


def test_a_cover_stands_in_for_an_owner_who_is_away() -> None:
    assert reachable(people(AWAY_JO, BEN), NOON, critical=False) == ["ben@crumb.example"]
    assert reachable(people(AWAY_JO, BEN), NOON + 10 * DAY, critical=False) == ["jo@crumb.example"]


def test_a_crisis_reaches_the_owner_and_the_cover() -> None:
    assert reachable(people(AWAY_JO, BEN), NIGHT, critical=True) == ["jo@crumb.example", "ben@crumb.example"]


def test_where_no_owner_has_an_address_the_digest_s_stands_in() -> None:
    nobody = people({"name": "Jo", "role": "owner"}, digest={"to": ["office@crumb.example"]})

    assert reachable(nobody, NIGHT, critical=False) == ["office@crumb.example"]


# Sources


async def fail(town: Town, state: SourceState, at: datetime) -> None:
    async with town.store.work() as session:
        await sources.failed(session, town.source_ids["reviews"], state, "The key is wrong. Renew it.", None, at)


async def raised(town: Town, now: datetime) -> int:
    return await raise_for_sources(town.store, {"crumb": town.business}, now)


async def test_refused_credentials_are_raised_at_once_and_once(town: Town) -> None:
    await fail(town, SourceState.DENIED, NOON)

    numbers = [await raised(town, NOON), await raised(town, NOON + DAY)]

    (alert,) = await kept(town)
    assert numbers == [1, 0]
    assert alert.text == ("“reviews” has not been heard since Sat 6 June, 12:00. The key is wrong. Renew it.")


async def test_a_hiccup_is_not_raised_and_a_long_failure_is(town: Town) -> None:
    await fail(town, SourceState.FAULTY, NOON)

    numbers = [await raised(town, NOON + FAULTY_FOR - MINUTE), await raised(town, NOON + FAULTY_FOR)]

    assert numbers == [0, 1]


async def test_a_second_episode_is_raised_again(town: Town) -> None:
    await fail(town, SourceState.DENIED, NOON)
    await raised(town, NOON)
    async with town.store.work() as session:
        await sources.answered(session, town.source_ids["reviews"], NOON + HOUR, 1)
    healthy = await raised(town, NOON + HOUR)
    await fail(town, SourceState.DENIED, NOON + DAY)

    assert healthy == 0
    assert await raised(town, NOON + DAY) == 1


async def test_a_silent_source_is_raised_and_its_mail_leads_to_the_sources(town: Town) -> None:
    async with town.store.work() as session:
        await sources.answered(session, town.source_ids["reviews"], NOON - 9 * DAY, 1)
        await sources.fell_silent(session, town.source_ids["reviews"])
    postbox = Postbox()

    number = await raised(town, NOON)
    await told(town, postbox, NOON)

    assert number == 1
    assert "has brought nothing since Thu 28 May, 12:00" in postbox.mails[0][2]
    assert f"Look at it: {INBOX}/sources" in postbox.mails[0][2]
