"""Polling: whatever a source does, each post is heard once, as it stands, and nothing is skipped."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import BusinessSettings, SourceTable
from connectors.base import Cursor, Fault, Gap, Gone, Page, Post, Route
from connectors.errors import SourceChanged, SourceDenied, SourceLimited, SourceUnavailable
from listener.analysis.assessing import Assessor
from listener.analysis.matching import Matcher
from listener.pipeline import Ear, Listening, Understanding
from listener.poll import PAGES, Polled, poll, recheck
from responders.proposing import draft_waiting
from storage import Mention, Source, Store, drafts, mentions, sources
from storage.states import OPEN, SourceState
from tests.builders import NOW, Clock, Killed, PlainWords, Platform, business, keep_source, opened, post, sqlite_at

HOUR = timedelta(hours=1)


@cache
def understanding() -> Understanding:
    return Understanding(Matcher({"crumb": business()}), Assessor(("en", "de")))


class Listener:
    """One source of one business, polled on a clock that stands still."""

    def __init__(self, store: Store, settings: BusinessSettings, platform: Platform, **table: Any) -> None:
        self.store = store
        self.settings = settings
        self.platform = platform
        self.table = SourceTable(name="town", type="town", **table)
        self.understanding = understanding()

    async def listening(self) -> Listening:
        await keep_source(self.store, self.settings.id)
        return Listening(Ear(await self.source(), self.table, self.settings, self.platform.route), self.platform)

    async def source(self) -> Source:
        async with self.store.read() as session:
            source = await sources.get(session, self.settings.id, "town")
        assert source is not None
        return source

    async def cursor(self) -> Any:
        await keep_source(self.store, self.settings.id)
        return (await self.source()).cursor

    async def poll(self) -> Polled:
        return await poll(await self.listening(), self.store, self.understanding, self.platform.clock)

    async def recheck(self) -> Any:
        return await recheck(await self.listening(), self.store, self.understanding, self.platform.clock)

    async def heard(self) -> dict[str, Mention]:
        async with self.store.read() as session:
            kept = await mentions.history(session, self.settings.id, limit=1000)
        assert len({mention.external_id for mention in kept}) == len(kept)
        return {mention.external_id: mention for mention in kept}


def brings(*pages: Page | BaseException) -> Any:
    """A source that answers with each of these in turn, and then with nothing new."""
    waiting = deque(pages)

    async def fetch(cursor: Cursor | None) -> Page:
        answer = waiting.popleft() if waiting else Page((), cursor)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return fetch


@pytest.fixture
async def town(store: Store) -> Listener:
    return Listener(store, business(), Platform(Clock(NOW)))


async def test_a_post_seen_twice_is_heard_once(town: Listener) -> None:
    town.platform.pages = brings(Page([post("1"), post("1")], {"at": 1}), Page([post("1")], {"at": 2}))

    first, second = await town.poll(), await town.poll()

    assert (len(first.heard.new), len(second.heard.new)) == (1, 0)
    assert (await town.heard())["1"].revision == 1


async def test_pages_are_read_until_there_is_no_more(town: Listener) -> None:
    town.platform.pages = brings(Page([post("1")], {"at": 1}, more=True), Page([post("2")], {"at": 2}))

    polled = await town.poll()

    assert (len(polled.heard.new), polled.more, (await town.source()).cursor) == (2, False, {"at": 2})


async def test_a_source_without_end_is_left_until_the_next_poll(town: Listener) -> None:
    town.platform.pages = brings(*[Page((), {"at": n}, more=True) for n in range(PAGES + 5)])

    polled = await town.poll()

    assert (polled.more, (await town.source()).cursor) == (True, {"at": PAGES - 1})


@pytest.mark.parametrize(
    "fault", [SourceUnavailable("It did not answer."), KeyError("items"), SourceLimited("Too fast."), TimeoutError()]
)
async def test_a_failure_between_two_pages_loses_and_repeats_nothing(town: Listener, fault: Exception) -> None:
    town.platform.pages = brings(Page([post("1")], {"at": 1}, more=True), fault, Page([post("2")], {"at": 2}))

    first, second = await town.poll(), await town.poll()

    assert first.fault
    assert not second.fault
    assert set(await town.heard()) == {"1", "2"}


async def test_a_process_that_dies_while_it_stores_a_page_has_stored_none_of_it(town: Listener) -> None:
    page = Page([post("1"), post("2")], {"at": 1})
    town.platform.pages = brings(page, page)
    routes = deque([True, False])
    route = town.platform.route

    def dies(each: Post) -> Route:
        if routes and not routes.popleft():
            raise Killed
        return route(each)

    town.platform.route = dies  # type: ignore[method-assign]
    with pytest.raises(Killed):
        await town.poll()
    cursor, heard = (await town.source()).cursor, set(await town.heard())

    await town.poll()

    assert (cursor, heard) == (None, set())
    assert set(await town.heard()) == {"1", "2"}


async def test_a_source_that_fails_waits_ever_longer_up_to_an_hour(town: Listener) -> None:
    waits = []
    for _ in range(10):
        town.platform.pages = brings(SourceUnavailable("It did not answer."))
        await town.poll()
        next_at = (await town.source()).next_at
        assert next_at is not None
        waits.append((next_at - NOW) / timedelta(minutes=1))

    assert 0.8 <= waits[0] <= 1.2
    assert 6.4 <= waits[3] <= 9.6
    assert 48 <= waits[-1] <= 72


@pytest.mark.parametrize(("retry_at", "waits"), [(NOW + 5 * HOUR, 5 * HOUR), (NOW - HOUR, timedelta(seconds=1))])
async def test_a_source_that_asks_for_a_pause_gets_it(town: Listener, retry_at: datetime, waits: timedelta) -> None:
    town.platform.pages = brings(SourceLimited("Too fast.", retry_at=retry_at))

    await town.poll()

    source = await town.source()
    assert (source.state, source.next_at) == (SourceState.FAULTY, NOW + waits)


async def test_a_source_that_refuses_us_waits_for_a_person(town: Listener) -> None:
    town.platform.pages = brings(SourceDenied("The token no longer works.\0", do="Renew it."))

    polled = await town.poll()

    async with town.store.read() as session:
        source = await sources.get(session, "crumb", "town")
    assert source is not None
    assert polled.fault.startswith("The token no longer works.")
    assert (source.state, source.next_at) == (SourceState.DENIED, None)


async def test_an_answer_that_lost_its_shape_is_kept_for_repair(town: Listener) -> None:
    town.platform.pages = brings(SourceChanged("It has no items.", sample='{"itmes": []}\0'))

    await town.poll()

    assert await samples(town) == [("It has no items.", '{"itmes": []}')]


async def samples(town: Listener) -> list[tuple[str, str]]:
    async with town.store.read() as session:
        return [(sample.reason, sample.sample) for sample, _ in await sources.samples(session, town.settings.id)]


async def test_what_could_not_be_read_and_what_was_missed_are_written_down(town: Listener) -> None:
    fault, gap = (
        Fault("It has no text.\0", "7\ud800", "<broken\0"),
        Gap(NOW - 2 * HOUR, NOW - HOUR, "The feed was cut."),
    )
    town.platform.pages = brings(Page([post("1")], {"at": 1}, faults=[fault], gaps=[gap]))

    await town.poll()

    async with town.store.read() as session:
        gaps = [(each.since, each.until) for each, _ in await sources.gaps(session, "crumb", NOW - 9 * HOUR, NOW)]
    assert await samples(town) == [("It has no text.", "<broken")]
    assert gaps == [(NOW - 2 * HOUR, NOW - HOUR)]


@pytest.mark.parametrize("cursor", [{"at": "a\0b"}, {"at": float("nan")}, {"at": "\ud800"}])
async def test_a_cursor_that_no_database_keeps_stops_no_source(town: Listener, cursor: dict[str, Any]) -> None:
    town.platform.pages = brings(Page([post("1")], cursor))

    polled = await town.poll()

    assert (polled.fault, set(await town.heard())) == ("", {"1"})


async def test_kept_posts_are_looked_at_again_for_edits_and_deletions(town: Listener) -> None:
    town.platform.pages = brings(Page([post("1"), post("2"), post("3")], {"at": 1}))
    town.platform.traits = replace(town.platform.traits, recheck_every=HOUR)
    await town.poll()
    town.platform.now_standing = {"1": post("1", "Crumb & Co was fine after all"), "2": Gone("town", "2")}
    early = await town.recheck()
    town.platform.clock.move(HOUR)

    again = await town.recheck()

    heard = await town.heard()
    assert (len(early.edited), len(again.edited), len(again.gone)) == (0, 1, 1)
    assert heard["1"].text == "Crumb & Co was fine after all"
    assert heard["2"].gone_at is not None
    assert heard["3"].checked_at == NOW + HOUR


# Delivered once, and as it stands: whatever a source does.


@dataclass
class Item:
    """What somebody wrote, as it stands on the platform now."""

    text: str
    posted_at: datetime | None
    is_gone: bool = False


class Crooked:
    """A source that delivers late, twice, out of order and with failures; its cursor counts deliveries."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.deliveries: list[str] = []
        self.faults: deque[BaseException | None] = deque()
        self.size = 3

    def stands(self, external_id: str) -> Post | Gone:
        item = self.items[external_id]
        return Gone("town", external_id) if item.is_gone else post(external_id, item.text, posted_at=item.posted_at)

    async def fetch(self, cursor: Cursor | None) -> Page:
        fault = self.faults.popleft() if self.faults else None
        if fault is not None:
            raise fault
        begin = int(cursor["at"]) if cursor else 0
        end = min(begin + self.size, len(self.deliveries))
        found = [self.stands(each) for each in self.deliveries[begin:end]]
        return Page(found, {"at": end}, more=end < len(self.deliveries))


names = st.sampled_from("abc")
times = st.sampled_from([None, NOW, NOW - HOUR, NOW + 30 * HOUR])
happenings = st.one_of(
    st.tuples(st.just("write"), names, times),
    st.tuples(st.just("edit"), names, st.integers(0, 9)),
    st.tuples(st.just("delete"), names, st.none()),
    st.tuples(st.just("repeat"), names, st.none()),
    st.tuples(
        st.just("fail"),
        st.sampled_from(["between pages", "at once"]),
        st.sampled_from([SourceUnavailable("down"), SourceLimited("slow"), ValueError("odd"), Killed()]),
    ),
)
#: Stretches in which things happen, each followed by a poll of pages of some size.
rounds = st.lists(
    st.tuples(st.lists(happenings, max_size=3), st.integers(1, 4).map(lambda size: ("poll", size, None))),
    min_size=2,
    max_size=6,
).map(lambda each: [event for events, poll in each for event in (*events, poll)])


def happen(source: Crooked, what: str, name: Any, how: Any) -> None:
    """Changes what is on the platform; whatever changes is delivered, some time."""
    if what == "fail":
        source.faults.extend([None, how] if name == "between pages" else [how])
        return
    if what == "write":
        source.items.setdefault(name, Item(f"Crumb & Co by {name}", how))
    elif name not in source.items:
        return
    elif what == "edit":
        source.items[name].text = f"Crumb & Co by {name}, version {how} \0\ud800"
    elif what == "delete":
        source.items[name].is_gone = True
    source.deliveries.append(name)


async def live_through(template: Path, events: Sequence[tuple[str, Any, Any]]) -> None:
    source = Crooked()
    happen(source, "write", "a", NOW)
    file = template.with_name(f"{uuid4().hex}.db")
    shutil.copy(template, file)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened(sqlite_at(file)))
        for what, name, how in events:
            if what != "poll":
                happen(source, what, name, how)
            elif not await poll_and_draft(store, source, name):
                store = await stack.enter_async_context(opened(sqlite_at(file)))  # killed, and started again
        while source.faults or not await is_through(store, source):
            await poll_and_draft(store, source, 100)
        await agree(store, source)


async def is_through(store: Store, source: Crooked) -> bool:
    return (await town_of(store).cursor()) == {"at": len(source.deliveries)}


def town_of(store: Store) -> Listener:
    return Listener(store, business(), Platform(Clock(NOW)))


async def poll_and_draft(store: Store, source: Crooked, size: int) -> bool:
    """Polls once and drafts; False where the process died."""
    town, source.size = town_of(store), size
    town.platform.pages = source.fetch
    try:
        await town.poll()
    except Killed:
        return False
    await draft_waiting(store, {"crumb": town.settings}, PlainWords(), NOW)
    return True


async def agree(store: Store, source: Crooked) -> None:
    """What was heard is what stands on the platform, and no open draft answers anything else."""
    heard = await town_of(store).heard()
    delivered = set(source.deliveries)
    truth = {name: item for name, item in source.items.items() if name in delivered}
    missed = {name for name, item in truth.items() if name not in heard and not item.is_gone}
    assert missed == set()
    for name, mention in heard.items():
        item = truth[name]
        clean = item.text.replace("\0", "").replace("\ud800", "?")
        assert (mention.gone_at is not None, mention.text) == (item.is_gone, "" if item.is_gone else clean)
        assert mention.posted_at == min(item.posted_at or NOW, NOW + 24 * HOUR)
        async with store.read() as session:
            kept = await drafts.for_mention(session, "crumb", mention.id or 0)
        still_open = [draft.mention_revision for draft in kept if draft.state in OPEN]
        assert still_open == ([] if item.is_gone else [mention.revision])


@pytest.fixture
async def template(tmp_path: Path) -> Path:
    """An empty database to begin from."""
    async with opened(sqlite_at(tmp_path / "template.db")):
        return tmp_path / "template.db"


INGEST = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@settings(INGEST, max_examples=25)
@given(events=rounds)
async def test_what_is_stored_is_what_stands_on_the_platform_each_post_once(
    template: Path, events: Sequence[tuple[str, Any, Any]]
) -> None:
    await live_through(template, events)


@pytest.mark.fuzz
@pytest.mark.timeout(900)
@settings(INGEST, max_examples=250)
@given(events=rounds)
async def test_nothing_that_a_source_does_loses_or_doubles_a_post(
    template: Path, events: Sequence[tuple[str, Any, Any]]
) -> None:
    await live_through(template, events)
