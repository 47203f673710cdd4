"""The replay keeps its promises, and the recorded week holds what the demo tells."""

from __future__ import annotations

import json
from collections import Counter as Count
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from config.load import load
from config.settings import Settings
from connectors.base import Absent, Fault, Found, Gone, Page, Post, RouteKind, Surroundings, Target, Unsure, Visibility
from connectors.errors import ReplyDeferred, ReplyLost, ReplyTooLong, SourceUnavailable
from connectors.replay import CONNECTOR, Deleted, Edited, Replay, ReplaySettings, Said, parse, play
from listener import demo
from listener.analysis.matching import Matcher

BERLIN = ZoneInfo("Europe/Berlin")
#: A Tuesday at 11:20 in Berlin.
NOW = datetime(2026, 6, 2, 9, 20, tzinfo=UTC)
WEEK = Path(demo.__file__).with_name(demo.WEEK).read_bytes()

moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def line(kind: str = "post", id: str = "r-1", at: str = "mon 08:15", **more: Any) -> bytes:  # noqa: A002
    text = {"text": "Lovely bread."} if kind == "post" else {}
    return json.dumps({"kind": kind, "platform": "google", "id": id, "at": at} | text | more).encode()


def replay(home: Path, *lines: bytes, now: datetime = NOW, **options: Any) -> Replay:
    """A connector on a recording of these lines (none: on the one that stands there)."""
    if lines:
        (home / "week.jsonl").write_bytes(b"\n".join(lines))
    surroundings = Surroundings("reviews", None, lambda: now, home)  # type: ignore[arg-type]
    return Replay(ReplaySettings(file=Path("week.jsonl"), **options), surroundings)


async def read_all(connector: Replay, cursor: Any = None) -> list[Page]:
    """Every page from `cursor` on, the way polls follow each other."""
    pages = []
    while (page := await connector.fetch(cursor)).cursor != cursor:
        pages.append(page)
        cursor = page.cursor
    return pages


def posts_of(pages: list[Page]) -> list[Post | Gone]:
    return [post for page in pages for post in page.posts]


def target(answer: dict[str, Any] | None = None) -> Target:
    return Target(
        "google", "r-1", "Crumb & Co., Main Street", "https://reviews.example/r-1", context={"answer": answer or {}}
    )


# The calendar.


@given(moments)
@settings(max_examples=100, deadline=None)
def test_the_recorded_week_always_ends_now(now: datetime) -> None:
    events = play(parse(WEEK), now, BERLIN)

    ages = [now - event.at for event in events]

    assert ages == sorted(ages, reverse=True)
    assert timedelta(0) <= ages[-1]
    assert ages[0] <= timedelta(days=14, hours=1)  # a week with a change of clocks is an hour longer


@given(moments)
@settings(max_examples=100, deadline=None)
def test_what_follows_a_post_never_comes_before_it(now: datetime) -> None:
    known = set()

    for event in play(parse(WEEK), now, BERLIN):
        if isinstance(event.what, Fault):
            continue
        follows = isinstance(event.what, Gone) or event.what.edited_at is not None
        first = event.what.external_id if follows else getattr(event.what, "in_reply_to", "")

        assert first == "" or first in known
        known.add(event.what.external_id)


@given(moments, st.sampled_from(["mon 08:15", "wed 00:00", "sat 21:40", "sun 23:59"]))
def test_weekdays_and_times_stay_true(now: datetime, at: str) -> None:
    [event] = play(parse(line(at=at)), now, BERLIN)

    assert f"{event.at.astimezone(BERLIN):%a %H:%M}".lower() == at


def test_a_negative_week_lies_before_the_latest() -> None:
    lines = parse(line(id="r-1", week=-1) + b"\n" + line(id="r-2"))

    before, latest = play(lines, NOW, BERLIN)

    assert latest.at == datetime(2026, 6, 1, 6, 15, tzinfo=UTC)
    assert latest.at - before.at == timedelta(weeks=1)


def test_a_time_that_is_still_to_come_today_was_a_week_ago() -> None:
    [event] = play(parse(line(at="tue 11:21")), NOW, BERLIN)

    assert event.at == datetime(2026, 5, 26, 9, 21, tzinfo=UTC)


# Fetching.


@given(paces=st.lists(st.integers(1, 40), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
async def test_any_pace_gives_the_same_posts_in_the_same_order(
    tmp_path_factory: pytest.TempPathFactory, paces: list[int]
) -> None:
    home = tmp_path_factory.mktemp("replay")
    (home / "week.jsonl").write_bytes(WEEK)
    whole = posts_of(await read_all(replay(home)))

    cursor, heard = None, []
    for pace in [*paces, 100]:
        page = await replay(home, pace=pace).fetch(cursor)
        heard += page.posts
        cursor = page.cursor

    assert heard == whole[: len(heard)]
    assert len(heard) >= min(sum(paces), len(whole)) - 1  # one of the lines is a fault


async def test_the_same_cursor_gives_the_same_page(tmp_path: Path) -> None:
    first = await replay(tmp_path, WEEK, pace=5).fetch(None)

    once = await replay(tmp_path, pace=5).fetch(first.cursor)
    later = await replay(tmp_path, pace=5, now=NOW + timedelta(days=3)).fetch(first.cursor)

    assert once == later


async def test_a_restart_continues_where_the_cursor_stands(tmp_path: Path) -> None:
    whole = posts_of(await read_all(replay(tmp_path, WEEK, pace=7)))
    before = await replay(tmp_path, pace=7).fetch(None)
    stored = json.loads(json.dumps(before.cursor))

    after = await read_all(replay(tmp_path, pace=7, now=NOW + timedelta(hours=9)), stored)

    assert [*before.posts, *posts_of(after)] == whole


async def test_the_cursor_of_another_connector_starts_the_week_anew(tmp_path: Path) -> None:
    page = await replay(tmp_path, line()).fetch({"etag": "x"})

    assert page.cursor == {"anchor": NOW.isoformat(), "position": 1}


async def test_with_a_pace_one_poll_takes_one_page(tmp_path: Path) -> None:
    page = await replay(tmp_path, WEEK, pace=3).fetch(None)

    assert (len(page.posts), page.more) == (3, False)


async def test_without_a_pace_one_poll_takes_everything(tmp_path: Path) -> None:
    lines = [line(id=f"r-{number}") for number in range(150)]

    pages = await read_all(replay(tmp_path, *lines))

    assert [(len(page.posts), page.more) for page in pages] == [(100, True), (50, False)]


async def test_a_source_replays_its_own_platform_only(tmp_path: Path) -> None:
    pages = await read_all(replay(tmp_path, WEEK, platform="bluesky"))

    assert {post.platform for post in posts_of(pages)} == {"bluesky"}


async def test_the_shares_of_the_platforms_make_up_the_week(tmp_path: Path) -> None:
    whole = await read_all(replay(tmp_path, WEEK))
    platforms = {post.platform for post in posts_of(whole)}

    shares = [page for platform in platforms for page in await read_all(replay(tmp_path, platform=platform))]

    assert len(posts_of(shares)) == len(posts_of(whole))
    assert [fault for page in shares for fault in page.faults] == [fault for page in whole for fault in page.faults]


async def test_an_edit_is_the_same_post_with_its_new_text_and_stars(tmp_path: Path) -> None:
    connector = replay(tmp_path, line(rating=2), line("edit", at="mon 19:00", text="They made it right.", rating=4))

    before, after = (await connector.fetch(None)).posts

    assert (before.external_id, before.rating, before.edited_at) == ("r-1", 2, None)
    assert (after.external_id, after.text, after.rating) == ("r-1", "They made it right.", 4)
    assert (after.posted_at, after.edited_at) == (before.posted_at, datetime(2026, 6, 1, 19, 0, tzinfo=UTC))


async def test_a_deletion_says_which_post_is_gone(tmp_path: Path) -> None:
    connector = replay(tmp_path, line(), line("gone", at="mon 09:00", reason="removed by the platform"))

    page = await connector.fetch(None)

    assert page.posts[1] == Gone("google", "r-1", "removed by the platform")


async def test_the_route_is_the_recorded_one(tmp_path: Path) -> None:
    answer = {"route": "api", "reason": "Our profile.", "limits": {"bytes": 4096}, "opening": "@ana "}
    connector = replay(tmp_path, line(answer=answer))
    [post] = (await connector.fetch(None)).posts

    route = connector.route(post)

    assert (route.kind, route.reason, route.opening) == (RouteKind.API, "Our profile.", "@ana ")
    assert [(limit.counter, limit.at_most) for limit in route.limits] == [("bytes", 4096)]


async def test_without_a_recorded_route_a_person_answers(tmp_path: Path) -> None:
    connector = replay(tmp_path, line())
    [post] = (await connector.fetch(None)).posts

    assert connector.route(post).kind is RouteKind.HANDOFF


# Recordings that are not as they should be.


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (line()[:-9], "it is not complete JSON"),
        (b"\xff\xfe{", "it is not complete JSON"),
        (b"[" * 5000, "it is not complete JSON"),
        (b"17", "should be an object"),
        (b'{"platform": "google"}', "'kind'"),
        (line("review"), "does not match any of the expected tags"),
        (line(at="monday"), "at: String should match"),
        (line(at="fri 24:00"), "at: String should match"),
        (line(week=1), "week: Input should be less than or equal to 0"),
        (line(rating=11), "rating: Input should be less than or equal to 5"),
        (line(stars=3), "stars: Extra inputs are not permitted"),
        (line("gone", id="r-9"), "it speaks of google r-9, which no line before it holds"),
    ],
)
async def test_a_bad_line_is_a_fault_in_its_place_and_the_rest_is_heard(tmp_path: Path, bad: bytes, says: str) -> None:
    page = await replay(tmp_path, line(id="r-1"), bad, line(id="r-2")).fetch(None)

    assert [post.external_id for post in page.posts] == ["r-1", "r-2"]
    [fault] = page.faults
    assert fault.reason.startswith("Line 2 of the recording cannot be used: ")
    assert says in fault.reason
    assert fault.sample == bad.decode(errors="replace")[:2000]


async def test_a_bad_first_line_is_told_by_every_source(tmp_path: Path) -> None:
    replay(tmp_path, b"{", line())

    pages = [await replay(tmp_path, platform=platform).fetch(None) for platform in ("google", "mastodon")]

    assert [len(page.faults) for page in pages] == [1, 1]


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_whatever_a_recording_holds_it_can_be_played(recording: bytes) -> None:
    lines = parse(recording)

    assert len(play(lines, NOW, BERLIN)) == len(lines)


@pytest.mark.parametrize("reason", ["missing", "folder"])
async def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path, reason: str) -> None:
    if reason == "folder":
        (tmp_path / "week.jsonl").mkdir()

    with pytest.raises(SourceUnavailable, match=r'The recording week\.jsonl of "reviews" cannot be read'):
        await replay(tmp_path).fetch(None)


async def test_a_recording_that_arrives_later_is_read_then(tmp_path: Path) -> None:
    connector = replay(tmp_path)
    with pytest.raises(SourceUnavailable):
        await connector.fetch(None)

    (tmp_path / "week.jsonl").write_bytes(line())

    assert len((await connector.fetch(None)).posts) == 1


async def test_an_empty_recording_is_a_quiet_week(tmp_path: Path) -> None:
    page = await replay(tmp_path, b"\n").fetch(None)

    assert (page.posts, page.faults, page.more) == ([], [], False)


@pytest.mark.parametrize(
    "options",
    [{}, {"file": "week.jsonl", "zone": "Mars"}, {"file": "week.jsonl", "pace": 0}, {"file": "w", "speed": 2}],
)
def test_settings_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CONNECTOR.settings.model_validate(options)


# Replies.


async def test_a_reply_is_kept_once_per_key(tmp_path: Path) -> None:
    connector = replay(tmp_path, line())

    first = await connector.reply(target(), "Thank you! – Mia", key="k1")
    again = await connector.reply(target(), "Thank you! – Mia", key="k1")

    assert first == again
    kept = [json.loads(raw) for raw in (tmp_path / "replies.jsonl").read_text().splitlines()]
    assert [(reply["key"], reply["to"], reply["account"], reply["text"]) for reply in kept] == [
        ("k1", "r-1", "Crumb & Co., Main Street", "Thank you! – Mia")
    ]


async def test_a_reply_whose_receipt_was_lost_in_a_crash_is_found_again(tmp_path: Path) -> None:
    sent = await replay(tmp_path, line()).reply(target(), "Thank you! – Mia", key="k1")

    restarted = replay(tmp_path)

    assert await restarted.find_reply(target(), "k1", "Thank you! – Mia") == Found(sent)
    assert await restarted.reply(target(), "Thank you! – Mia", key="k1") == sent
    assert len((tmp_path / "replies.jsonl").read_text().splitlines()) == 1


@given(st.integers(min_value=0))
@settings(max_examples=100, deadline=None)
async def test_a_crash_within_the_write_leaves_the_reply_whole_or_absent(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    home = tmp_path_factory.mktemp("replies")
    await replay(home, line()).reply(target(), "Grüße!\n– Mia", key="k0")
    before = (home / "replies.jsonl").read_bytes()
    await replay(home).reply(target(), "Thank you! – Mia", key="k1")
    written = (home / "replies.jsonl").read_bytes()
    torn = written[: len(before) + cut % (len(written) - len(before))]
    (home / "replies.jsonl").write_bytes(torn)

    look = await replay(home).find_reply(target(), "k1", "Thank you! – Mia")
    await replay(home).reply(target(), "Thank you! – Mia", key="k1")

    whole = written.removesuffix(b"\n") == torn
    assert isinstance(look, Found) == whole
    lines = (home / "replies.jsonl").read_bytes().splitlines()
    assert [raw for raw in lines if raw.startswith(b'{"key":"k1"') and raw.endswith(b"}")] == [
        written[len(before) :].rstrip()
    ]
    assert isinstance(await replay(home).find_reply(target(), "k0", ""), Found)


async def test_all_sources_share_one_file_of_replies(tmp_path: Path) -> None:
    google = replay(tmp_path, line(), platform="google")
    mastodon = replay(tmp_path, platform="mastodon")

    await google.reply(target(), "Thank you! – Mia", key="k1")
    await mastodon.reply(target(), "Gladly! – Ben", key="k2")

    assert isinstance(await google.find_reply(target(), "k2", ""), Found)


async def test_a_reply_that_was_never_made_is_absent(tmp_path: Path) -> None:
    assert await replay(tmp_path, line()).find_reply(target(), "k1", "Thank you!") == Absent()


async def test_an_answer_in_the_recording_counts_as_answered(tmp_path: Path) -> None:
    own = line(id="r-2", at="mon 09:00", own=True, in_reply_to="r-1")

    look = await replay(tmp_path, line(), own).find_reply(target(), "k1", "Thank you!")

    assert isinstance(look, Found)
    assert look.receipt.external_id == "r-2"


async def test_a_kept_reply_is_visible(tmp_path: Path) -> None:
    connector = replay(tmp_path, line())
    receipt = await connector.reply(target(), "Thank you!", key="k1")

    assert (await connector.status(receipt)).visibility is Visibility.VISIBLE


async def test_a_reply_over_the_recorded_limit_is_not_kept(tmp_path: Path) -> None:
    connector = replay(tmp_path, line())

    with pytest.raises(ReplyTooLong, match="longer than 4 bytes"):
        await connector.reply(target({"limits": {"bytes": 4}}), "süß!", key="k1")

    assert not (tmp_path / "replies.jsonl").exists()


async def test_a_file_of_replies_that_cannot_be_read_defers_the_reply(tmp_path: Path) -> None:
    (tmp_path / "replies.jsonl").mkdir()
    connector = replay(tmp_path, line())

    with pytest.raises(ReplyDeferred, match=r"The file of replies replies\.jsonl"):
        await connector.reply(target(), "Thank you!", key="k1")

    assert isinstance(await connector.find_reply(target(), "k1", "Thank you!"), Unsure)


async def test_a_write_that_fails_leaves_the_reply_in_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("connectors.replay.os.fsync", full)

    with pytest.raises(ReplyLost, match="No space left on device"):
        await replay(tmp_path, line()).reply(target(), "Thank you!", key="k1")


# The week of the demo.


def test_the_week_holds_what_the_demo_tells() -> None:
    lines = parse(WEEK)

    latest = Count(each.platform for each in lines if isinstance(each, Said) and each.week == 0)
    before = Count(each.platform for each in lines if isinstance(each, Said) and each.week == -1)

    assert latest == {"google": 23, "mastodon": 17, "bluesky": 9, "survey": 8, "feed": 3, "hackernews": 1}
    assert before == {"google": 14, "mastodon": 8, "bluesky": 5, "survey": 5, "feed": 3}
    assert Count(type(each) for each in lines if not isinstance(each, Said)) == {Edited: 1, Deleted: 1, Fault: 1}


def test_on_a_monday_morning_the_week_is_the_whole_calendar_week_before() -> None:
    morning = datetime(2026, 6, 8, 7, 30, tzinfo=BERLIN).astimezone(UTC)

    weeks = Count(event.at.astimezone(BERLIN).isocalendar().week for event in play(parse(WEEK), morning, BERLIN))

    assert weeks == {22: 35, 23: 64}


def test_only_the_intended_post_comes_twice() -> None:
    said = Count(each.key for each in parse(WEEK) if isinstance(each, Said))

    assert [key for key, times in said.items() if times > 1] == [("google", "g-215")]


def test_every_text_of_the_week_is_one_that_people_write() -> None:
    lengths = [len(each.text) for each in parse(WEEK) if isinstance(each, Said)]

    assert min(lengths) >= 9
    assert max(lengths) <= 300


def test_every_address_of_the_week_is_an_example() -> None:
    said = [each for each in parse(WEEK) if isinstance(each, Said)]

    assert {each.url.split("/")[2].rsplit(".", 1)[1] for each in said if each.url} == {"example"}


def test_the_week_shows_all_three_routes() -> None:
    said = [each for each in parse(WEEK) if isinstance(each, Said) and not each.own]

    assert {each.answer.route for each in said} == set(RouteKind)
    assert all(each.account for each in said if each.answer.route is RouteKind.API)


def test_the_business_answers_one_mention_itself_in_the_latest_week() -> None:
    answers = [each for each in parse(WEEK) if isinstance(each, Said) and each.own and each.in_reply_to]

    assert [(each.id, each.in_reply_to) for each in answers if each.week == 0] == [("m-203", "m-202")]


@pytest.fixture
def configured(tmp_path: Path) -> Settings:
    """The demo's configuration, laid out and loaded."""
    return load(demo.lay_out(tmp_path / "demo"), {"replay": CONNECTOR.settings}, {}, lambda query: "")


def test_the_demo_lays_out_a_configuration_that_loads(configured: Settings) -> None:
    [business] = configured.businesses.values()

    assert business.business.name == "Crumb & Co."
    assert {source.type for source in business.sources} == {"replay"}
    assert [person.name for person in business.owners] == ["Jo"]


async def test_the_sources_of_the_demo_bring_the_whole_week_in_ten_to_twenty_polls(configured: Settings) -> None:
    [business] = configured.businesses.values()
    polls, heard = {}, 0

    for source in business.sources:
        surroundings = Surroundings(source.name, None, lambda: NOW, configured.home)  # type: ignore[arg-type]
        connector = CONNECTOR.build(CONNECTOR.settings.model_validate(source.options), surroundings)
        pages = await read_all(connector)
        polls[source.name] = len(pages)
        heard += sum(len(page.posts) + len(page.faults) for page in pages)

    assert heard == len(parse(WEEK))
    assert 10 <= max(polls.values()) <= 20


def test_at_once_drops_the_pace_and_nothing_else(configured: Settings, tmp_path: Path) -> None:
    at_once = load(demo.lay_out(tmp_path, at_once=True), {"replay": CONNECTOR.settings}, {}, lambda query: "")

    sources, paced = at_once.businesses["crumb-co"].sources, configured.businesses["crumb-co"].sources

    assert [source.options for source in sources] == [
        {key: value for key, value in source.options.items() if key != "pace"} for source in paced
    ]


def test_the_query_of_the_demo_hears_all_but_the_book_that_it_excludes(configured: Settings) -> None:
    matcher = Matcher(configured.businesses)
    searched = [
        each
        for each in parse(WEEK)
        if isinstance(each, Said) and not each.own and each.platform not in {"google", "survey"}
    ]

    unheard = [each.id for each in searched if not each.summons and not matcher.match(each.text, title=each.title)]

    assert unheard == ["m-211"]
