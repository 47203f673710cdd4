"""Who is asked, when, and what happens when nobody answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from responders import duty
from responders.approvals import expire
from responders.channels.showing import Showing
from responders.errors import ChannelError
from storage import Store
from storage.assessment import Severity, SeverityKind, SeverityLevel
from storage.states import Action, DraftState
from tests.responders.channels.scenario import STAFF, Room, open_room
from tests.responders.channels.simulated import Server, SimulatedHand
from tests.responders.inbox.household import COMPLAINT, NOW, bakery

HOUR = timedelta(hours=1)
NIGHT = {"quiet": "08:00-20:00"}
CRISIS = COMPLAINT.__class__(
    **{name: getattr(COMPLAINT, name) for name in COMPLAINT.__dataclass_fields__}
    | {"severity": Severity(SeverityLevel.CRITICAL, (SeverityKind.HEALTH,))}
)


@dataclass
class Post:
    """A mail server's place."""

    works: bool = True
    sent: list[tuple[tuple[str, ...], str, str]] = field(default_factory=list)

    async def send(self, to: Any, subject: str, plain: str, html: str = "") -> None:
        if not self.works:
            raise ChannelError("The mail server cannot be reached.")
        self.sent.append((tuple(to), subject, plain))


@asynccontextmanager
async def bakery_with(store: Store, *staff: dict[str, Any], place: str | None = None) -> AsyncIterator[Room]:
    """A room (or, with `place` empty, people who are asked alone) in which all of the staff are linked."""
    async with open_room(store, SimulatedHand(), place=place) as room:
        await asyncio.sleep(0)
        people = staff or tuple(STAFF)
        room.household.businesses["crumb"] = bakery(staff=[{**each} for each in STAFF], channels=[{"type": "chat"}])
        await room.link(*(each["name"] for each in STAFF))
        room.household.businesses["crumb"] = bakery(staff=people, channels=[{"type": "chat"}])
        yield room


def server(room: Room) -> Server:
    assert isinstance(room.hand, SimulatedHand)
    return room.hand.server


def places(room: Room) -> list[str]:
    """Where cards stand, in the order in which they were posted."""
    return [each.place for each in server(room).standing().values()]


def staff(**each: dict[str, Any]) -> list[dict[str, Any]]:
    """The staff with further keys, by name."""
    return [{**person, **each.get(person["name"], {})} for person in STAFF]


async def test_one_person_is_asked_alone_then_reminded_then_the_next_then_an_owner(sqlite_store: Store) -> None:
    async with bakery_with(sqlite_store, place="") as room:
        await room.draft()
        await room.settle()
        asked = [places(room)]

        for _ in range(4):
            room.household.now += timedelta(minutes=31)
            await room.settle()
            asked.append(places(room))

        reminded = [actors for _, _, actors in server(room).nudges]
    assert asked[:4] == [["@u-mia"], ["@u-mia"], ["@u-mia", "@u-jon"], ["@u-mia", "@u-jon", "@u-jo"]]
    assert asked[4] == asked[3]
    assert reminded == [("u-mia",)]


async def test_whoever_takes_over_is_told_from_whom_and_how_much_time_is_left(sqlite_store: Store) -> None:
    async with bakery_with(sqlite_store, place="") as room:
        await room.draft()
        await room.settle()
        for _ in range(2):
            room.household.now += timedelta(minutes=31)
            await room.settle()

        told = [line.text for line in list(server(room).standing().values())[-1].card.lines]

    assert "Passed on from Mia. 58 min were left then." in told


async def test_nobody_who_decides_leaves_an_expired_draft_and_no_post(sqlite_store: Store) -> None:
    async with bakery_with(sqlite_store) as room:
        draft = await room.draft()
        await room.settle()
        room.household.now += timedelta(days=15)
        await expire(room.store, room.household.now)

        card = await room.card("Nobody decided in time")

    assert (await room.household.standing(draft)).state is DraftState.EXPIRED
    assert card.buttons == ("Open it again",)


async def test_what_waits_for_who_is_away_passes_on_at_once(sqlite_store: Store) -> None:
    async with bakery_with(sqlite_store, place="") as room:
        await room.draft()
        await room.settle()
        today = date(2026, 6, 2)
        room.household.businesses["crumb"] = bakery(
            staff=staff(Mia={"away": [today, today], "cover": "Jon"}), channels=[{"type": "chat"}]
        )
        room.household.now += timedelta(minutes=2)
        await room.settle()

        assert places(room) == ["@u-mia", "@u-jon"]


async def test_a_draft_that_is_passed_to_the_owner_reaches_them_at_once(sqlite_store: Store) -> None:
    async with bakery_with(sqlite_store, place="") as room:
        draft = await room.draft()
        await room.settle()

        await room.household.decide(draft, Action.ESCALATE, "Mia")
        await room.settle()

        assert places(room) == ["@u-mia", "@u-jo"]


@pytest.mark.parametrize(("assessment", "number"), [(COMPLAINT, 0), (CRISIS, 1)])
async def test_while_everybody_has_quiet_hours_only_a_crisis_is_shown(
    sqlite_store: Store, assessment: Any, number: int
) -> None:
    quiet = staff(Jo=NIGHT, Mia=NIGHT, Jon=NIGHT)
    async with bakery_with(sqlite_store, *quiet) as room:
        await room.household.draft(mention=await room.household.hear("A hair in my cake", assessment))
        await room.settle()
        during = len(places(room))

        room.household.now += 9 * HOUR
        await room.settle()

        assert (during, len(places(room))) == (number, 1)


async def test_a_card_comes_without_a_sound_while_somebody_in_the_room_is_quiet(sqlite_store: Store) -> None:
    async with bakery_with(sqlite_store, *staff(Mia=NIGHT)) as room:
        await room.draft()
        await room.settle()
        await room.household.draft(mention=await room.household.hear("A hair in my cake", CRISIS))
        await room.settle()

        assert [each.card.silent for each in server(room).standing().values()] == [True, False]


async def test_nobodys_queue_holds_only_abuse_when_others_are_on_duty(sqlite_store: Store) -> None:
    async with bakery_with(sqlite_store, place="") as room:
        for text in ("A hair in my cake", "A fly in my soup", "You fucking idiots", "You stupid idiots"):
            await room.household.draft(mention=await room.household.hear(text, COMPLAINT))
            await room.settle()

        queues: dict[str, list[bool]] = {}
        for message in server(room).standing().values():
            queues.setdefault(message.place, []).append("insults" in str(message.card.lines))
    assert {place: sorted(queue) for place, queue in queues.items()} == {
        "@u-mia": [False, True],
        "@u-jon": [False, True],
    }


async def praise(room: Room, number: int) -> list[int]:
    """Drafts for plain praise: one is asked about at once, the others come after it."""
    first = await room.household.draft("Thank you, Ana! No. 0. — Mia")
    await room.settle()
    return [first, *[await room.household.draft(f"Thank you, Ana! No. {each}. — Mia") for each in range(1, number)]]


async def test_praise_that_comes_together_is_approved_together_with_every_text_in_sight(sqlite_store: Store) -> None:
    async with bakery_with(sqlite_store) as room:
        drafts = await praise(room, 4)
        unsure = await room.household.draft(
            "Thank you, Ana? — Mia", mention=await room.household.hear("Love it. Another 40 minute wait", COMPLAINT)
        )
        await room.settle()
        room.household.now += timedelta(minutes=11)
        card = await room.card("3 thanks for praise")

        await room.tap("Mia", card, "Approve and post all 3")
        await room.settle()

        states = [(await room.household.standing(draft)).state for draft in (*drafts, unsure)]
        done = await room.card("All of these have been decided")
    assert all(f"No. {number}." in card.text for number in (1, 2, 3))
    assert "40 minute" not in card.text
    assert states == [DraftState.PENDING, *[DraftState.APPROVED] * 3, DraftState.PENDING]
    assert done.ref == card.ref


async def test_a_text_that_changed_leaves_its_batch_and_is_asked_about_by_itself(sqlite_store: Store) -> None:
    async with bakery_with(sqlite_store) as room:
        drafts = await praise(room, 3)
        room.household.now += timedelta(minutes=11)
        seen = await room.card("2 thanks for praise")
        await room.household.decide(drafts[1], Action.EDIT, "Jon", text="Thanks, and we call you today. — Jon")

        await room.tap("Mia", seen, "Approve and post all 2")

        await room.told("Mia", "Approved 1. 1 were decided or changed before")
        room.household.now += timedelta(minutes=11)
        await room.card("we call you today")
        assert (await room.household.standing(drafts[1])).state is DraftState.PENDING


async def test_a_promise_is_asked_about_before_it_falls_due(sqlite_store: Store) -> None:
    async with bakery_with(sqlite_store) as room:
        draft = await room.draft("Sorry, Ana, we call you tomorrow. — Mia")
        await room.household.decide(draft, Action.EDIT, text="Sorry, Ana, we call you today. — Mia")
        await room.household.decide(draft, Action.APPROVE)
        await room.household.put(draft, DraftState.HANDED_OFF)
        await room.household.decide(draft, Action.POSTED)
        await room.settle()
        room.household.now += 23 * HOUR
        card = await room.card("Promised in a reply: call back")

        await room.tap("Mia", card, "We kept it")

        await room.card("Kept.")


async def test_a_chat_that_is_down_is_stood_in_for_by_mail_and_its_cards_come_late(sqlite_store: Store) -> None:
    post = Post()
    async with bakery_with(sqlite_store, *staff(Mia={"mail": "mia@crumb.example"})) as room:
        room.chat.mailer = lambda: post
        server(room).is_down = True
        await room.draft()
        for _ in range(8):
            await room.settle()
            room.household.now += timedelta(minutes=2)
        server(room).is_down = False
        room.household.now += HOUR / 2
        card = await room.card("Late: this chat could not be reached")

    ((to, subject, plain),) = post.sent
    assert to == ("mia@crumb.example",)
    assert subject == "Crumb & Co.: a reply waits for a decision"
    assert "hair" not in plain + subject
    assert "sorry about the hair" in card.text


async def test_a_mail_that_does_not_go_out_is_tried_again(sqlite_store: Store) -> None:
    post = Post(works=False)
    async with bakery_with(sqlite_store, *staff(Jo={"mail": "jo@crumb.example"})) as room:
        room.chat.mailer = lambda: post
        server(room).is_down = True
        await room.draft()
        for _ in range(8):
            await room.settle()
            room.household.now += timedelta(minutes=2)
        post.works = True
        for _ in range(8):
            room.household.now += timedelta(minutes=2)
            await room.settle()

    assert len(post.sent) == 1


async def test_what_comes_faster_than_the_chat_allows_waits_and_several_changes_are_one_repaint(
    sqlite_store: Store,
) -> None:
    async with bakery_with(sqlite_store) as room:
        draft = await room.draft()
        await room.settle()
        calls = server(room).calls
        for number in range(5):
            await room.household.decide(draft, Action.EDIT, text=f"Wording {number}. — Mia")

        await room.settle()

        assert server(room).calls == calls + 1
        assert "Wording 4." in (await room.card("Wording")).text


async def test_a_second_daemon_does_not_post_what_the_first_has_claimed(sqlite_store: Store) -> None:
    async with bakery_with(sqlite_store) as room:
        await room.draft()
        other = Showing(room.chat, room.taking)

        await asyncio.gather(room.showing.round(), other.round())
        await room.settle()

        assert len(places(room)) == 1


BERLIN_EVENING = datetime.fromisoformat("2026-06-02T19:30:00+00:00")


@pytest.mark.parametrize(
    ("keys", "moment", "on"),
    [
        ({}, NOW, True),
        ({"works": {"mon-fri": "07:00-15:00"}}, NOW, True),
        ({"works": {"mon-fri": "07:00-15:00"}}, BERLIN_EVENING, False),
        ({"works": {"sat": "07:00-15:00"}}, NOW, False),
        ({"quiet": "20:00-06:00"}, BERLIN_EVENING, False),
        ({"quiet": "20:00-06:00", "time_zone": "America/New_York"}, BERLIN_EVENING, True),
        ({"holidays": ["2026-06-02"]}, NOW, False),
        ({"away": ["2026-06-01", "2026-06-02"]}, NOW, False),
    ],
)
def test_who_may_be_asked_goes_by_rota_days_off_and_quiet_hours(
    keys: dict[str, Any], moment: datetime, on: bool
) -> None:
    business = bakery(staff=[{"name": "Mia", **keys}])

    assert bool(duty.on_duty(business, moment)) is on


def test_covers_may_be_away_too_and_never_lead_in_a_circle() -> None:
    off = {"holidays": ["2026-06-02"]}
    circle = bakery(staff=[{"name": "Mia", "cover": "Jon", **off}, {"name": "Jon", "cover": "Mia", **off}])
    chain = bakery(
        staff=[{"name": "Mia", "cover": "Jon", **off}, {"name": "Jon", "cover": "Jo", **off}, {"name": "Jo"}]
    )

    assert duty.on_duty(circle, NOW) == []
    assert [person.name for person in duty.on_duty(chain, NOW)] == ["Jo"]
