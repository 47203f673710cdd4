"""A list that shows its newest first is read without losing what comes while it is read."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from connectors.rounds import Round
from tests.conftest import NOW

MINUTE, WEEK = timedelta(minutes=1), timedelta(days=7)
LAG = timedelta(hours=1)


class Town:
    """A list of reviews, shown three at a time, into which people write while it is read."""

    def __init__(self, written: list[int]) -> None:
        self.written = written
        self.now = NOW
        self.times: list[datetime] = []
        self.heard: set[datetime] = set()

    def live(self) -> None:
        """Somebody writes, perhaps, and a minute goes by."""
        for number in range(self.written.pop() if self.written else 0):
            self.times.append(self.now + timedelta(seconds=number))
        self.now += MINUTE

    def look(self, round_: Round) -> Round:
        """One page is read, from the mark of the last item that was shown before, as platforms do."""
        listed = sorted(self.times, reverse=True)
        rest = [time for time in listed if not round_.page or time < datetime.fromisoformat(round_.page)]
        shown = rest[:3]
        self.heard |= set(shown)
        mark = shown[-1].isoformat() if len(rest) > 3 else ""
        return round_.after(shown, mark, at_least=1, lag=LAG)


@given(st.lists(st.integers(0, 5), max_size=40), st.lists(st.integers(0, 8), min_size=1, max_size=10))
def test_every_item_is_heard_whatever_comes_meanwhile(written: list[int], pages_per_poll: list[int]) -> None:
    town, cursor = Town(written), None
    for pages in pages_per_poll:
        for _ in range(pages):
            cursor = town.look(Round.of(cursor, town.now, WEEK)).cursor
            town.live()

    for _ in range(200):  # the town falls silent, and the last round and one more come to their end
        cursor = town.look(Round.of(cursor, town.now, WEEK)).cursor

    assert town.heard == set(town.times)


def test_a_round_ends_where_an_earlier_one_began() -> None:
    first = Round.of(None, NOW, WEEK).after([NOW], "", at_least=1, lag=LAG)

    second = Round.of(first.cursor, NOW + WEEK, WEEK).after([NOW + WEEK, NOW - LAG], "older", at_least=1, lag=LAG)

    assert second.page == ""
    assert second.until == NOW + WEEK - LAG


def test_a_round_reads_as_many_pages_as_are_to_be_read_again() -> None:
    round_ = Round(NOW, NOW + WEEK)

    first = round_.after([NOW - WEEK], "2", at_least=2, lag=LAG)
    second = first.after([NOW - WEEK], "3", at_least=2, lag=LAG)

    assert (first.page, second.page) == ("2", "")


def test_a_page_that_leads_to_itself_ends_the_round() -> None:
    round_ = Round(NOW - WEEK, NOW, page="2", pages=1)

    assert round_.after([NOW], "2", at_least=1, lag=LAG).page == ""


def test_a_date_in_the_future_hides_nothing() -> None:
    after = Round.of(None, NOW, WEEK).after([NOW + 52 * WEEK], "", at_least=1, lag=LAG)

    assert after.until == NOW - LAG
