"""Budgets: money is set aside before it is spent, spread over the month, and never passes what the owner allows."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import SourceTable
from connectors.base import Cursor, Fault, Gone, Page, Post, Traits
from connectors.errors import SourceDenied, SourceLimited, SourceUnavailable
from listener.alerting import raise_for_sources
from listener.budget import Allowance, next_month
from listener.pipeline import Ear, Listening
from listener.poll import Polled, poll, recheck
from storage import Alert, Session, Source, Store, alerts, digests, mentions, sources
from storage.states import SourceState
from tests.builders import (
    NOW,
    Clock,
    Killed,
    Platform,
    business,
    keep_mentions,
    keep_source,
    mention_row,
    opened,
    post,
    sqlite_at,
)
from tests.listener.test_poll import understanding

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
#: What a call costs where a test does not say otherwise.
CALL = Decimal("0.10")


class Priced(Platform):
    """A platform that charges: each page what its script says, and each look at a kept post what a call costs."""

    def __init__(self, clock: Clock, **traits: Any) -> None:
        super().__init__(clock)
        self.traits = Traits("town", **({"cost_per_call": CALL} | traits))
        self.script: deque[Decimal | BaseException] = deque()
        self.usual = CALL
        self.looked: list[list[str]] = []
        self.charged = Decimal(0)
        self.bill = Decimal(0)

    def charge(self, amount: Decimal) -> None:
        """Puts something on the bill of the next page, as a reply does."""
        self.bill += amount

    async def fetch(self, cursor: Cursor | None) -> Page:
        cost = self.script.popleft() if self.script else self.usual
        if isinstance(cost, BaseException):
            raise cost
        owed, self.bill = cost + self.bill, Decimal(0)
        self.charged += owed
        return Page((), {"at": str(self.charged)}, more=bool(self.script), cost=owed)

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        self.looked.append(list(ids))
        self.charge(self.traits.cost_per_call * len(ids))
        return await super().recheck(ids)


@dataclass
class Town:
    """One source with a budget, on a clock that a test moves."""

    store: Store
    clock: Clock
    platform: Priced
    budget: Decimal | None = Decimal(30)
    _listening: Listening | None = field(default=None)

    async def listening(self) -> Listening:
        """The source as the daemon holds it, until it starts again."""
        if self._listening is None:
            await keep_source(self.store)
            table = SourceTable(name="town", type="town", budget=self.budget)
            ear = Ear(await self.source(), table, business(sources=[table.model_dump()]), self.platform.route)
            self._listening = Listening(ear, self.platform)
        return self._listening

    def start_again(self) -> None:
        """The connector and what stood on its bill are gone, as after any end of the process."""
        self._listening, self.platform.bill = None, Decimal(0)

    async def source(self) -> Source:
        async with self.store.read() as session:
            source = await sources.get(session, "crumb", "town")
        assert source is not None
        return source

    async def poll(self, *costs: str | BaseException) -> Polled:
        """Polls pages that cost so much, or fail."""
        self.platform.script.extend(Decimal(each) if isinstance(each, str) else each for each in costs)
        polled = await poll(await self.listening(), self.store, understanding(), self.clock)
        self.platform.script.clear()
        return polled

    async def recheck(self) -> None:
        await recheck(await self.listening(), self.store, understanding(), self.clock)

    async def spent(self) -> Decimal:
        """What the books of the month say."""
        source, first = await self.source(), self.clock().date().replace(day=1)
        async with self.store.read() as session:
            _, micros = await sources.spent(session, source.id or 0, first)
        return Decimal(micros) / 1_000_000

    async def keep(self, number: int, **columns: Any) -> None:
        """Keeps mentions that were last looked at a day ago."""
        source_id = await keep_source(self.store)
        checked = {"checked_at": self.clock() - DAY, **columns}
        await keep_mentions(self.store, *[mention_row(source_id, f"kept-{n}", **checked) for n in range(number)])

    async def alerts(self) -> list[Alert]:
        """What the owner is told, the oldest first."""
        ear = (await self.listening()).ear
        await raise_for_sources(self.store, {"crumb": ear.business}, self.clock())
        async with self.store.read() as session:
            return list(reversed(await alerts.recent(session, "crumb")))

    async def gaps(self) -> list[tuple[datetime, datetime | None]]:
        async with self.store.read() as session:
            found = await sources.gaps(session, "crumb", JUNE - 99 * DAY, JUNE + 99 * DAY)
        return [(gap.since, gap.until) for gap, _ in found]


def town_of(store: Store, at: datetime = NOW, **traits: Any) -> Town:
    clock = Clock(at)
    return Town(store, clock, Priced(clock, **traits))


@pytest.fixture
async def town(store: Store) -> Town:
    return town_of(store)


# --- the hard stop


async def test_a_call_that_could_pass_the_budget_is_not_made(town: Town) -> None:
    town.clock.at, town.budget = datetime(2026, 6, 30, 12, tzinfo=UTC), Decimal(1)

    polled = await town.poll(*["0.10"] * 20)

    assert (await town.spent(), town.platform.charged) == (Decimal(1), Decimal(1))
    assert polled.fault == (
        "Its budget of 1 USD for June does not allow for another page; it is asked again on 1 July at 00:00 (UTC)."
    )


async def test_the_next_page_is_taken_to_cost_what_the_dearest_of_the_month_did(town: Town) -> None:
    town.clock.at, town.budget = datetime(2026, 6, 30, 12, tzinfo=UTC), Decimal(2)

    await town.poll("0.80", "0.50", "0.10", "0.10")
    town.start_again()
    await town.poll("0.10")

    assert await town.spent() == Decimal("1.30")


async def test_money_that_was_set_aside_when_the_process_died_counts_as_spent(town: Town) -> None:
    with pytest.raises(Killed):
        await town.poll(Killed())

    assert await town.spent() == CALL


@pytest.mark.parametrize(
    ("fault", "costs"),
    [
        (SourceUnavailable("No answer."), CALL),
        (SourceLimited("Wait."), 0),
        (SourceDenied("No."), 0),
        (KeyError(), CALL),
    ],
)
async def test_only_a_call_whose_answer_was_lost_counts_as_billed(town: Town, fault: Exception, costs: Decimal) -> None:
    await town.poll(fault)

    assert await town.spent() == costs


async def test_replies_count_with_the_next_page_and_are_not_held_back(town: Town) -> None:
    town.platform.charge(Decimal("0.20"))

    await town.poll("0.10")

    assert await town.spent() == Decimal("0.30")


async def test_without_a_budget_nothing_stops_it_and_what_it_costs_is_written_down(town: Town) -> None:
    town.budget = None

    polled = await town.poll(*["5.00"] * 9)

    assert (polled.fault, await town.spent()) == ("", Decimal(45))


async def test_a_source_that_is_free_of_charge_never_rests(town: Town) -> None:
    town.platform.traits, town.budget = Traits("town"), Decimal(0)

    polled = await town.poll("0", "0")

    assert polled.fault == ""


# --- spread over the month


async def test_a_source_that_has_used_the_shares_so_far_rests_until_an_hour_brings_a_new_one(town: Town) -> None:
    await town.poll("1.00", "0.50", "0.10")  # 34 of June's 720 hours allow for 1.42

    source = await town.source()
    assert await town.spent() == Decimal("1.50")
    assert source.next_at == datetime(2026, 6, 2, 12, tzinfo=UTC)
    assert (source.state, source.failing_since, sources.is_resting(source)) == (SourceState.ON, None, True)


async def test_a_page_that_took_several_days_shares_is_followed_by_as_many_days_of_rest(town: Town) -> None:
    await town.poll("6.50")
    polled = await town.poll("0.10")

    assert polled.fault == (
        "The month so far has used its share of its budget of 30 USD for June; "
        "it is asked again on 7 June at 12:00 (UTC)."
    )


async def test_what_an_hour_leaves_over_the_next_ones_have(town: Town) -> None:
    town.clock.at = JUNE + 10 * DAY - HOUR

    await town.poll(*["0.10"] * 200)

    assert await town.spent() == Decimal(5)  # of 10 that ten days allow: fifty pages are one poll
    await town.poll(*["0.10"] * 200)
    assert await town.spent() == Decimal(10)


async def test_a_rest_is_a_gap_that_ends_when_it_is_heard_again(town: Town) -> None:
    await town.poll("2.00")
    for _ in range(3):
        town.clock.move(HOUR)
        await town.poll("0.10")
    resting = await town.gaps()
    town.clock.at = datetime(2026, 6, 3, 0, 5, tzinfo=UTC)

    await town.poll("0.10")

    assert resting == [(NOW, None)]
    assert await town.gaps() == [(NOW, town.clock())]
    assert not sources.is_resting(await town.source())


async def test_a_rest_is_no_silence(town: Town) -> None:
    await town.poll("2.00")
    await town.poll("0.10")

    async with town.store.work() as session:
        marked = await sources.fell_silent(session, (await town.source()).id or 0)

    assert not marked


async def test_a_source_that_failed_and_now_rests_fails_no_more(town: Town) -> None:
    await town.poll("2.00", SourceUnavailable("No answer."))
    town.clock.move(HOUR)
    await town.poll("0.10")

    source = await town.source()
    assert (source.state, source.failures, sources.is_resting(source)) == (SourceState.ON, 0, True)
    assert await town.gaps() == [(NOW, None)]


async def test_a_budget_that_is_raised_counts_at_the_next_poll(town: Town) -> None:
    await town.poll("2.00")
    await town.poll("0.10")
    town.budget = Decimal(300)
    town.start_again()

    may_be_asked = sources.may_be_asked(await town.source(), town.clock())
    polled = await town.poll("0.10")

    assert (may_be_asked, polled.fault) == (True, "")


async def test_it_goes_on_by_itself_when_the_month_turns_in_utc(town: Town) -> None:
    town.clock.at = datetime(2026, 6, 30, 23, 59, tzinfo=UTC)
    await town.poll("30.00")
    before = await town.poll("0.10")
    town.clock.move(timedelta(minutes=1))

    after = await town.poll("0.10")

    assert (before.fault != "", after.fault) == (True, "")
    assert await town.spent() == Decimal("0.10")


# --- whatever happens

costs = st.integers(0, 100).map(lambda cents: Decimal(cents) / 100)


@settings(max_examples=300, deadline=None)
@given(
    budget=st.integers(1, 3000).map(lambda cents: Decimal(cents) / 100),
    dearest=st.integers(1, 100).map(lambda cents: Decimal(cents) / 100),
    polls=st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 100)), max_size=200),
)
def test_whatever_pages_cost_their_sum_never_passes_the_budget(
    budget: Decimal, dearest: Decimal, polls: list[tuple[int, int]]
) -> None:
    now, spent = JUNE, Decimal(0)
    for minutes, hundredths in polls:
        now += timedelta(minutes=minutes)
        if now >= next_month(JUNE):
            break
        until = Allowance(budget, spent).rests_until(dearest, now)
        if until is None:
            spent += dearest * hundredths / 100
        else:
            assert now < until <= next_month(JUNE)

    assert spent <= budget


@settings(max_examples=200, deadline=None)
@given(
    load=st.integers(10, 1000).map(lambda percent: Decimal(percent) / 100),
    pages_a_day=st.integers(1, 48),
    month=st.dates(date(2026, 1, 1), date(2028, 12, 1)),
)
def test_under_a_steady_load_it_listens_on_every_day_but_the_last(load: Decimal, pages_a_day: int, month: date) -> None:
    """At a tenth to ten times of what the budget allows, in pages that cost a day's share at most."""
    begin = datetime(month.year, month.month, 1, tzinfo=UTC)
    days = (next_month(begin) - begin).days
    budget = Decimal(days)  # a share is 1
    page, spent, heard = min(load / pages_a_day, Decimal(1)), Decimal(0), set()
    for n in range(days * pages_a_day):
        now = begin + n * DAY / pages_a_day
        if Allowance(budget, spent).rests_until(page, now) is None:
            spent += page
            heard.add(now.day)

    assert set(range(1, days)) - heard == set()
    assert spent <= budget


happenings = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 4000)),
    st.tuples(st.just("poll"), st.lists(costs, min_size=1, max_size=4)),
    st.tuples(st.just("fail"), st.sampled_from([SourceUnavailable("down"), SourceLimited("slow"), ValueError("odd")])),
    st.tuples(st.just("die"), st.none()),
    st.tuples(st.just("start again"), st.none()),
    st.tuples(st.just("look again"), st.integers(1, 9)),
)


@asynccontextmanager
async def copied(template: Path) -> AsyncIterator[Store]:
    file = template.with_name(f"{uuid4().hex}.db")
    shutil.copy(template, file)
    async with opened(sqlite_at(file)) as store:
        yield store


@pytest.fixture
async def template(tmp_path: Path) -> Path:
    """An empty database to begin from."""
    async with opened(sqlite_at(tmp_path / "template.db")):
        return tmp_path / "template.db"


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=st.lists(happenings, min_size=3, max_size=25), budget=st.integers(1, 20).map(Decimal))
async def test_the_books_never_pass_the_budget_nor_fall_behind_the_bill(
    template: Path, events: Sequence[tuple[str, Any]], budget: Decimal
) -> None:
    """Pages cost up to what the connector declares; sources fail, processes die, and kept posts are looked at again."""
    async with copied(template) as store:
        town = town_of(store, JUNE, cost_per_call=Decimal(1), recheck_every=DAY)
        town.budget, billed = budget, dict[date, Decimal]()
        await town.keep(5)
        for what, how in events:
            before = town.platform.charged
            await happen(town, what, how)
            month = town.clock().date().replace(day=1)
            billed[month] = billed.get(month, Decimal(0)) + town.platform.charged - before
            assert await town.spent() <= budget
        assert await town.spent() >= min(billed[month], budget)


async def happen(town: Town, what: str, how: Any) -> None:
    if what == "wait":
        town.clock.move(timedelta(minutes=how))
    elif what == "poll":
        await town.poll(*[str(each) for each in how])
    elif what == "fail":
        await town.poll(how)
    elif what == "die":
        with suppress(Killed):  # one that rests asks nothing, and dies all the same
            await town.poll(Killed())
        town.start_again()
    elif what == "start again":
        town.start_again()
    else:
        await town.recheck()


# --- looking again at what is kept


async def test_all_kept_posts_that_are_due_are_looked_at_again(store: Store) -> None:
    town = town_of(store, cost_per_call=Decimal(0), recheck_every=DAY)
    await town.keep(250)

    await town.recheck()

    assert [len(ids) for ids in town.platform.looked] == [100, 100, 50]
    assert len({each for ids in town.platform.looked for each in ids}) == 250


async def test_kept_posts_are_looked_at_while_the_source_rests_for_its_budget(store: Store) -> None:
    town = town_of(store, recheck_every=23 * HOUR)
    await town.poll("1.30")
    await town.poll("0.10")
    await town.keep(9)
    town.platform.now_standing = {f"kept-{n}": Gone("town", f"kept-{n}") for n in range(9)}

    may_be_asked = sources.may_be_asked(await town.source(), town.clock())
    await town.recheck()

    assert sources.is_resting(await town.source())
    assert may_be_asked
    assert town.platform.looked == [["kept-0"]]  # the tenth of the shares so far that listening left
    assert await town.spent() == Decimal("1.40")


async def test_listening_leaves_the_last_tenth_to_duties(store: Store) -> None:
    town = town_of(store, datetime(2026, 6, 30, 12, tzinfo=UTC), recheck_every=23 * HOUR)
    town.budget = Decimal(2)

    await town.poll(*["0.10"] * 40)

    assert await town.spent() == Decimal("1.80")


async def test_what_looking_again_cost_is_counted_once(store: Store) -> None:
    town = town_of(store, recheck_every=DAY)
    await town.keep(9)
    await town.recheck()
    booked = await town.spent()

    await town.poll("0.10")

    assert (booked, await town.spent()) == (Decimal("0.90"), Decimal("1.00"))
    assert town.platform.charged == Decimal("1.00")


# --- the owner is told


async def test_owners_hear_once_a_month_that_a_budget_runs_out(town: Town) -> None:
    town.clock.at = datetime(2026, 6, 30, 12, tzinfo=UTC)
    await town.poll(*["0.50"] * 47)
    early = await town.alerts()
    await town.poll("0.50")

    told = await town.alerts()
    await town.poll("0.50")

    (text,) = [alert.text for alert in told]
    assert early == []
    assert text.startswith("“town” has used 80 % of its budget: 24.00 of 30.00 USD for June are spent.")
    assert len(await town.alerts()) == 1


async def test_owners_hear_that_a_budget_is_spent_and_again_only_next_month(town: Town) -> None:
    for turn in (datetime(2026, 6, 30, 12, tzinfo=UTC), datetime(2026, 7, 31, 12, tzinfo=UTC)):
        town.clock.at = turn
        await town.poll("30.00")
        for _ in range(2):
            await town.poll("0.10")
            await town.alerts()

    texts = [alert.text for alert in await town.alerts() if "another page could pass its budget" in alert.text]
    assert ["until 1 July (UTC)" in text for text in texts] == [True, False]
    assert ["until 1 August (UTC)" in text for text in texts] == [False, True]


async def test_a_rest_until_tomorrow_is_no_alarm(town: Town) -> None:
    await town.poll("2.00")
    await town.poll("0.10")
    town.clock.move(13 * HOUR)

    assert await town.alerts() == []


# --- posts that may not be stored


async def test_posts_that_may_not_be_kept_are_counted_once_and_leave_no_word(tmp_path: Path) -> None:
    async with opened(sqlite_at(tmp_path / "warmline.db")) as store:
        town = town_of(store, cost_per_call=Decimal(0), retention=timedelta(0))
        listening = await town.listening()
        page = Page(
            [
                post("1", "My son is in hospital, food poisoning from Crumb & Co, Zanzibar"),
                post("2", "Lovely Crumb & Co"),
            ],
            {"at": 1},
            faults=[Fault("It has no time.", "9", "<broken>Lovely but no time, Ferreira</broken>")],
        )
        town.platform.fetch = lambda cursor: _gives(page)  # type: ignore[method-assign]

        for _ in range(2):
            await poll(listening, store, understanding(), town.clock)

        async with store.read() as session:
            counted = await _counted(session)
        told = await town.alerts()
    kept = everything_in(tmp_path)
    assert counted == (0, 2)
    assert ["may be a crisis" in alert.text for alert in told] == [True]
    assert [word for word in (b"Zanzibar", b"zanzibar", b"Lovely", b"ana_bakes", b"Ferreira") if word in kept] == []


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


async def _gives(page: Page) -> Page:
    return replace(page, cost=Decimal(0))


async def _counted(session: Session) -> tuple[int, int]:
    """How many mentions are kept, and how many were counted."""
    rollups = await digests.rollups(session, "crumb", NOW.date() - DAY, NOW.date() + DAY)
    return await mentions.count(session, "crumb"), sum(row.mentions for row in rollups)
