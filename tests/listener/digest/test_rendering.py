"""What a digest says, and that nothing in it can act."""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as rounds
from hypothesis import strategies as st

from config.settings import BusinessSettings
from listener.digest.figures import compare
from listener.digest.rendering import render, span
from tests.listener.digest.town import settings

INBOX = "https://inbox.crumb.example"


def counts(negative: int, neutral: int, positive: int) -> dict[str, int]:
    return {"negative": negative, "neutral": neutral, "positive": positive, "total": negative + neutral + positive}


def figures(now: dict[str, int], before: dict[str, int], **changes: Any) -> dict[str, Any]:
    """A week with nothing in it but mentions, all of Monday."""
    days = [{"day": f"2026-06-0{n}", **(now if n == 1 else counts(0, 0, 0))} for n in range(1, 8)]
    return {
        "inbox": INBOX,
        "week": {"year": 2026, "number": 23, "monday": "2026-06-01"},
        "composed_at": "2026-06-08T06:00:00+00:00",
        "now": now,
        "before": before,
        "unhappy": compare(now["negative"], now["total"], before["negative"], before["total"]),
        "happy": compare(now["positive"], now["total"], before["positive"], before["total"]),
        "days": days,
        "sources": [{"name": "reviews", **now, "before": before["total"]}],
        "topics": [],
        "quotes": {"praise": [], "complaints": []},
        "replies": {"sent": 0, "median_minutes": None, "in_time": 0, "aimed": 0, "within": "4 hours"},
        "waiting": dict.fromkeys(("pending", "for_owner", "overdue", "snoozed", "unconfirmed", "by_hand"), 0),
        "promises": {"kept": 0, "broken": 0, "late": 0, "open": 0, "items": []},
        "alerts": [],
        "listening": 2,
        "unheard": [],
        "silent": [],
        "unread": [],
        "money": [],
        "audit": None,
    } | changes


def full(word: str = "x") -> dict[str, Any]:
    """A week in which every part says something, with `word` wherever words come from outside."""
    return figures(
        counts(8, 12, 28),
        counts(10, 8, 20),
        sources=[{"name": word, **counts(8, 12, 28), "before": 38}],
        topics=[{"topic": word, "number": 3, "unhappy": 1, "before": 2}],
        quotes={"praise": [{"mention": 5, "text": word}], "complaints": [{"mention": 6, "text": word}]},
        replies={"sent": 3, "median_minutes": 95, "in_time": 2, "aimed": 3, "within": "4 hours"},
        waiting={"pending": 2, "for_owner": 1, "overdue": 1, "snoozed": 1, "unconfirmed": 1, "by_hand": 1},
        promises={
            "kept": 1,
            "broken": 1,
            "late": 1,
            "open": 0,
            "items": [{"what": word, "person": word, "due_at": "2026-06-05T12:00:00+00:00", "late": True}],
        },
        alerts=[{"text": word, "at": "2026-06-05T10:00:00+00:00", "critical": True, "mention": 6}],
        unheard=[{"name": word, "hours": 37.0, "reason": word, "still": True}],
        silent=[word],
        unread=[{"name": word, "number": 2}],
        money=[{"name": word, "calls": 420, "amount": 2.31, "currency": "USD"}],
        audit={"line": 412, "hash": "ab" * 32},
    )


class Reading(HTMLParser):
    """The words, links and tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links |= {value or "" for name, value in attrs if name in ("href", "src")}
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.words += data

    @property
    def text(self) -> str:
        return " ".join(self.words.split())


@pytest.fixture
def bakery() -> BusinessSettings:
    return settings()


def both(given: dict[str, Any], business: BusinessSettings) -> tuple[str, str]:
    """The words of both forms, on one line each."""
    html, plain = render(given, business)
    return Reading(html).text, " ".join(plain.split())


@pytest.mark.parametrize(
    "said",
    [
        "You were mentioned 48 times; the week before 38 times.",
        "58 % were happy (likely 44 to 71 %), 17 % were unhappy (likely 9 to 30 %). No clear change",
        "These numbers are not complete. Warmline could not hear x for 37 hours.",
        "2 drafts to decide (1 snoozed)",
        "1 draft only an owner can decide",
        "1 reply that may or may not be public: please look",
        "1 reply to post by hand",
        "Fri 5 June, 12:00",
        "3 replies went out this week. Half of them came within 1 h 35 min of the post.",
        "2 of 3 met the target (4 hours).",
        "Promises: 1 kept, 1 broken, 1 past their time.",
        "was due Fri 5 June, 14:00",
        "37 hours, and still not",
        "2 items could not be read; a copy is kept.",
        "2.31 USD for 420 calls",
        "line 412 of your audit trail",
        "ab" * 32,
        "Composed Mon 8 June, 08:00.",
    ],
)
def test_both_forms_say_the_same(said: str, bakery: BusinessSettings) -> None:
    html, plain = both(full(), bakery)

    assert said in html
    assert said in plain


def test_five_mentions_make_no_trend(bakery: BusinessSettings) -> None:
    few = figures(counts(0, 0, 5), counts(1, 0, 0))

    for words in both(few, bakery):
        assert "Too few to say" in words
        assert "%" not in words
        assert "Clearly" not in words


def test_a_clear_change_is_said_in_words(bakery: BusinessSettings) -> None:
    html, _ = both(figures(counts(30, 5, 5), counts(5, 5, 30)), bakery)

    assert "Clearly less happy and more unhappy than the week before." in html


def test_drafts_outcomes_and_a_language_model_have_a_line_each(bakery: BusinessSettings) -> None:
    told = figures(
        counts(1, 0, 0),
        counts(0, 0, 0),
        accepted="Of 2 drafts: 2 approved as drafted.",
        outcomes={"replies": 3, "answered": 1, "raised": 1, "lowered": 0, "silent": 1},
        model={"tokens": 12300, "money": 0.42},
    )

    html, plain = render(told, bakery)

    for said in ("2 approved as drafted", "1 followed by more stars", "used 12,300 tokens this month, for 0.42"):
        assert said in html
        assert said in " ".join(plain.split())


def test_a_quiet_week_reads_kindly(bakery: BusinessSettings) -> None:
    html, plain = both(figures(counts(0, 0, 0), counts(0, 1, 2)), bakery)

    for words in (html, plain):
        assert "A quiet week: nobody mentioned you in the 2 places where Warmline listens." in words
        assert "The week before, 3 mentions came in." in words
        assert "Nothing is known to be missing." in words


def test_a_deaf_week_is_not_called_quiet(bakery: BusinessSettings) -> None:
    deaf = figures(
        counts(0, 0, 0), counts(0, 0, 0), unheard=[{"name": "reviews", "hours": 168.0, "reason": "r", "still": True}]
    )

    for words in both(deaf, bakery):
        assert "That may not mean that nobody spoke." in words
        assert "could not hear reviews for 168 hours" in words
        assert "quiet week" not in words


def test_a_business_without_sources_is_told_so(bakery: BusinessSettings) -> None:
    html, _ = both(figures(counts(0, 0, 0), counts(0, 0, 0), listening=0, sources=[]), bakery)

    assert "listens nowhere yet" in html


def test_every_link_leads_into_the_inbox(bakery: BusinessSettings) -> None:
    html, plain = render(full(), bakery)

    expected = {f"{INBOX}/{path}" for path in ("", "sources", "promises", "mentions", "mentions/5", "mentions/6")}
    assert Reading(html).links == expected
    assert set(re.findall(r"https?://\S+", plain)) == expected


HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\"><a href='javascript:alert(1)'>x</a>",
    "{{ 7 * 7 }}{% include 'x' %}",
    "\u202eevil\u2066\u200b\x00\x1b[31m\r\nBcc: eve@evil.example",
    "W" * 10_000,
    "&lt;b&gt; \ud83d ]]> --> <!--",
]


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_words_are_only_words(word: str, bakery: BusinessSettings) -> None:
    html, plain = render(full(word), bakery)

    page, clean = Reading(html), Reading(render(full(), bakery)[0])
    assert page.tags == clean.tags
    assert page.links == clean.links
    assert page.handlers == []
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\u200b\x00\x1b\r\ud800-\udfff]", html + plain)
    assert max(len(line) for line in plain.splitlines()) <= 80


def test_words_from_outside_are_no_template(bakery: BusinessSettings) -> None:
    html, plain = both(full("{{ 7 * 7 }}"), bakery)

    assert "{{ 7 * 7 }}" in html
    assert "{{ 7 * 7 }}" in plain


@rounds(max_examples=150)
@given(st.text(max_size=60))
def test_no_text_changes_the_shape_of_the_mail(word: str) -> None:
    business = settings()

    html, plain = render(full(word), business)

    assert Reading(html).tags == Reading(render(full(), business)[0]).tags
    assert plain.endswith("\n")


def test_the_same_figures_give_the_same_mail(bakery: BusinessSettings) -> None:
    given = full()
    kept = deepcopy(given)

    assert render(given, bakery) == render(given, bakery)
    assert given == kept


@pytest.mark.parametrize(
    ("monday", "said"),
    [
        (date(2026, 6, 1), "1–7 June 2026"),
        (date(2026, 6, 29), "29 June – 5 July 2026"),
        (date(2026, 12, 28), "28 December 2026 – 3 January 2027"),
    ],
)
def test_a_week_is_spoken_of_as_people_do(monday: date, said: str) -> None:
    assert span(monday) == said


def test_who_had_to_read_abuse_is_named_so_that_somebody_asks_after_them(bakery: BusinessSettings) -> None:
    html, plain = both(figures(counts(1, 0, 0), counts(0, 0, 0), exposure={"Jon": 1, "Mia": 3}), bakery)

    assert all("Abusive posts were read by Jon once, Mia 3 times." in text for text in (html, plain))
