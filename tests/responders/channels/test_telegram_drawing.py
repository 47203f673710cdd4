"""What Telegram gets to see: texts as they stand, limits that hold, and the example in the documentation."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telegram.error import ChatMigrated, RetryAfter, TimedOut

from responders.channels.base import Button, Card, Kind, Line, Option, Press, Question, Ref, Style, Verb
from responders.channels.telegram import drawing
from responders.channels.telegram.channel import LIMITS
from responders.channels.telegram.drawing import MOST_DATA, MOST_TEXT, size, write
from responders.channels.telegram.faults import explain
from responders.channels.telegram.prompts import Prompts
from responders.errors import ChannelDenied, ChannelError, ChannelLimited
from tests.responders.channels.taker import NOW, Notes
from tests.responders.channels.telegram_hand import UNSEEN

DOCS = Path(__file__).resolve().parents[3] / "docs" / "chats" / "telegram.md"
HOSTILE = (
    "I <3 you <b>bold</b> &amp; @tom /start #tag $CASH https://evil.example/?a=1&b=2 a@b.example *b* _i_ `c` [x](y)"
)
EDIT = Press(Verb.EDIT, 17, 3)
EXAMPLE = Card(
    (
        Line(Kind.TITLE, "Ana on Google · ★★☆☆☆", "https://maps.example/1"),
        Line(Kind.QUOTE, "My girl found a hair in her cake."),
        Line(Kind.DRAFT, "I am so sorry, Ana. — Mia"),
        Line(Kind.NOTE, "It will be posted as Crumb & Co."),
    ),
    (
        (Button("Approve and post as Crumb & Co.", Press(Verb.APPROVE, 17, 3), style=Style.MAIN),),
        (Button("Open in the inbox", url="https://inbox.crumb.example/drafts/17"),),
    ),
)

words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1).filter(
    lambda text: text.strip() and UNSEEN not in text
)


class Reader(HTMLParser):
    """Reads as Telegram does: every tag must be known and be closed in order."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.inside, self.loose = "", list[str](), ""
        self.feed(markup)
        self.close()
        assert self.inside == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"a", "b", "blockquote", "i", "pre"}
        self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        self.loose += data if "pre" not in self.inside else ""


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Kind), words), min_size=1, max_size=6))
def test_any_text_reads_on_a_card_as_it_stands(lines: list[tuple[Kind, str]]) -> None:
    read = Reader(write(Card(tuple(Line(kind, text) for kind, text in lines))))

    assert read.text.replace(UNSEEN, "") == "\n".join(text for _, text in lines)


@pytest.mark.parametrize("kind", Kind)
def test_markup_of_strangers_is_text_that_links_nowhere_and_calls_nobody(kind: Kind) -> None:
    read = Reader(write(Card((Line(kind, HOSTILE),))))

    assert read.text.replace(UNSEEN, "") == HOSTILE
    assert re.search(r"[@/#$.]\w", read.loose) is None


def test_a_reply_is_copied_letter_for_letter() -> None:
    text = "So sorry, @ana! https://crumb.example/a <3\n— Mia"

    assert Reader(write(Card((Line(Kind.DRAFT, text),)))).text == text


@settings(deadline=None)
@given(st.integers(0, 4_000), st.sampled_from(["x", "😀", "👩‍👩‍👧", "@", "."]))
def test_a_long_post_is_cut_so_that_the_reply_stands_whole(number: int, sign: str) -> None:
    reply = "I am so sorry. " * 150
    lines = (Line(Kind.TITLE, "Ana", "https://a.example"), Line(Kind.QUOTE, sign * number), Line(Kind.DRAFT, reply))

    read = Reader(write(Card(lines)))

    assert size(read.text) <= MOST_TEXT
    assert read.text.endswith(reply)
    quote = read.text.removesuffix("\n" + reply).partition("↗")[2].replace(UNSEEN, "").strip("\n…")
    assert quote.replace(sign, "") == ""


def test_a_reply_beyond_a_whole_card_is_left_to_the_inbox() -> None:
    with pytest.raises(ChannelError, match="too long"):
        write(Card((Line(Kind.DRAFT, "😀" * 2_048),)))


def test_what_the_core_may_fill_always_fits() -> None:
    text = "x" * LIMITS.text.at_most

    assert Reader(write(Card((Line(Kind.DRAFT, text),)))).text == text
    assert len(str(Press(Verb.APPROVE_ALL, 10**15 - 1, 10**15 - 1)).encode()) <= MOST_DATA


def test_an_address_that_telegram_takes_for_no_button_stands_in_the_card() -> None:
    button = Button("Open in the inbox", url="http://localhost:8750/drafts/17")
    card = Card((Line(Kind.TITLE, "Ana"),), ((Button("Edit", EDIT),), (button,)))

    keys = drawing.keyboard(card)

    assert keys is not None
    assert [[key.text for key in row] for row in keys.inline_keyboard] == [["Edit"]]
    assert Reader(write(card)).text.replace(UNSEEN, "").endswith("Open in the inbox: http://localhost:8750/drafts/17")


def test_a_ready_answer_comes_back_from_its_button() -> None:
    data = drawing.chosen(EDIT, "tomorrow=09:00")

    assert drawing.read(data) == (EDIT, "tomorrow=09:00")
    assert drawing.read(str(EDIT)) == (EDIT, None)
    assert drawing.read("=tone") is None


@pytest.mark.parametrize("value", ["x" * 55, "ä" * 28])
def test_a_ready_answer_beyond_64_bytes_is_refused_before_telegram_does(value: str) -> None:
    question = Question(EDIT, "Why?", "Why?", options=(Option(value, "Because"),))

    assert len(f"{EDIT}={value}".encode()) > MOST_DATA
    with pytest.raises(ChannelError, match="too long"):
        drawing.question_keys(question)


def test_a_question_leaves_out_a_text_that_does_not_fit_for_the_card_shows_it() -> None:
    question = Question(EDIT, "Change the reply", "At most 300", text="😀" * 2_048, problem="<too> long")

    assert Reader(drawing.question_text(question)).text == "<too> long\nChange the reply\nAt most 300"


async def test_the_oldest_of_many_open_questions_is_forgotten() -> None:
    prompts = Prompts(Notes())

    for number in range(201):
        await prompts.keep(-1, number, EDIT, Ref("-1", "7"))

    assert await prompts.find(-1, 0) is None
    assert await prompts.find(-1, 200) == (EDIT, Ref("-1", "7"))
    assert await prompts.find(-2, 200) is None


def test_a_group_that_moved_is_told_with_its_new_id() -> None:
    told = explain(ChatMigrated(-100999), NOW)

    assert isinstance(told, ChannelDenied)
    assert told.do == 'Write place = "-100999".'


def test_waiting_times_are_understood_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.environ["PTB_TIMEDELTA"] == "true"

    told = explain(RetryAfter(90), NOW)

    assert isinstance(told, ChannelLimited)
    assert told.retry_at == NOW + timedelta(seconds=90)


def test_silence_is_no_refusal() -> None:
    assert type(explain(TimedOut(), NOW)) is ChannelError


def test_the_example_in_the_documentation_is_what_telegram_gets() -> None:
    found = re.search(r"```json\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    keys = drawing.keyboard(EXAMPLE)

    assert found
    assert keys is not None
    assert json.loads(found[1]) == {"text": write(EXAMPLE), "parse_mode": "HTML", "reply_markup": keys.to_dict()}
