"""What the pages say in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responders.inbox.security import MOST_TRIES, Tries
from responders.inbox.words import DEEDS, STATES, Times, link, marked, snoozes
from storage.states import Action, DraftState
from tests.responders.inbox.household import NOW

BERLIN = ZoneInfo("Europe/Berlin")


@given(st.text(max_size=40), st.lists(st.tuples(st.integers(-5, 60), st.integers(-5, 60)), max_size=6))
def test_marking_words_changes_no_text(text: str, spans: list[tuple[int, int]]) -> None:
    pieces = marked(text, spans)

    assert "".join(piece for piece, _ in pieces) == text


def test_overlapping_words_are_marked_once() -> None:
    assert marked("crumb & co", [(0, 5), (2, 10)]) == [("crumb", True), (" & co", True)]


@given(st.text(max_size=60))
def test_only_web_addresses_become_links(url: str) -> None:
    assert link(url) == "" or url.lower().startswith(("http://", "https://"))


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "http:", "http://[", ""])
def test_other_addresses_are_no_links(url: str) -> None:
    assert link(url) == ""


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "due now"),
        (1, "due in 1 min"),
        (125, "due in 2 h"),
        (3 * 24 * 60, "due in 3 days"),
        (-40, "40 min late"),
        (-60, "1 h late"),
    ],
)
def test_due_times_are_said_as_people_say_them(minutes: int, words: str) -> None:
    assert Times(NOW, BERLIN).due(NOW + timedelta(minutes=minutes)) == words


@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_no_due_time_is_said_with_a_minus(ahead: timedelta) -> None:
    assert "-" not in Times(NOW, BERLIN).due(NOW + ahead)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (NOW, "today 11:20"),
        (NOW - timedelta(hours=12), "yesterday 23:20"),
        (NOW + timedelta(hours=13), "tomorrow 00:20"),
        (NOW + timedelta(days=9), "Thu 11 Jun, 11:20"),
        (NOW - timedelta(days=365), "Mon 2 Jun 2025, 11:20"),
    ],
)
def test_times_are_those_of_the_business(moment: datetime, words: str) -> None:
    assert Times(NOW, BERLIN).at(moment) == words


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_usual_snooze_lies_ahead(now: datetime) -> None:
    moments = [moment for _, _, moment in snoozes(Times(now, BERLIN))]

    assert all(moment.timestamp() > now.timestamp() for moment in moments)


def test_every_state_and_every_deed_has_words() -> None:
    assert set(STATES) == set(DraftState)
    assert {action.value for action in Action} <= set(DEEDS)


@given(st.lists(st.integers(0, 200), max_size=60))
def test_nobody_tries_more_than_five_times_a_minute(seconds: list[int]) -> None:
    tries = Tries()

    taken = [second for second in sorted(seconds) if tries.take("somebody", NOW + timedelta(seconds=second))]

    assert all(sum(start <= second < start + 60 for second in taken) <= MOST_TRIES for start in range(200))
