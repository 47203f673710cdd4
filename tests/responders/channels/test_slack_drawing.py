"""What Slack gets to see: texts as they stand, limits that hold, and the example in the documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responders.channels.base import Button, Card, Kind, Line, Option, Press, Question, Ref, Style, Verb
from responders.channels.slack import drawing
from responders.channels.slack.channel import LIMITS
from responders.errors import ChannelError
from tests.responders.channels.slack_hand import read

DOCS = Path(__file__).resolve().parents[3] / "docs" / "chats" / "slack.md"
HOSTILE = (
    "<!channel> <@U123> *bold* _it_ ~no~ `code` > quote\n> more :smile: & &amp; <https://evil.example|click> @here"
)
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

words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1).filter(str.strip)


def texts(shown: dict[str, Any]) -> list[str]:
    """All texts of the rich blocks, in order."""
    blocks = [block for block in shown["blocks"] if block["type"] == "rich_text"]
    parts = [part for block in blocks for element in block["elements"] for part in element["elements"]]
    return [part["text"] for part in parts if part["type"] == "text" and part["text"] not in ("\n", " ")]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Kind), words), min_size=1, max_size=6))
def test_any_text_reads_on_a_card_as_it_stands(lines: list[tuple[Kind, str]]) -> None:
    shown = drawing.message(Card(tuple(Line(kind, text) for kind, text in lines)))

    assert texts(shown) == [text for _, text in lines]
    assert {block["type"] for block in shown["blocks"]} == {"rich_text"}
    assert "<" not in shown["text"]


@pytest.mark.parametrize("kind", Kind)
def test_markup_of_strangers_is_text_and_calls_nobody(kind: Kind) -> None:
    shown = drawing.message(Card((Line(kind, HOSTILE),)))

    (element,) = shown["blocks"][0]["elements"]
    assert [part["type"] for part in element["elements"]] == ["text"]
    assert element["elements"][0]["text"] == HOSTILE
    assert shown["text"].startswith("&lt;!channel&gt; &lt;@U123&gt;")


def test_only_a_web_address_becomes_a_link() -> None:
    lines = (
        Line(Kind.TITLE, "A", "javascript:alert(1)"),
        Line(Kind.FACT, "B", "https://a.example|b"),
        Line(Kind.FACT, ""),
    )

    shown = drawing.message(Card(lines))

    assert "link" not in json.dumps(shown["blocks"])
    assert read(shown["blocks"]) == "A\nB"


def test_a_long_post_is_cut_so_that_the_reply_stands_whole() -> None:
    reply = "I am so sorry. " * 300
    card = Card((Line(Kind.TITLE, "Ana"), Line(Kind.QUOTE, "👩‍👩‍👧" * 2_000), Line(Kind.DRAFT, reply)))

    shown = drawing.message(card)

    title, quote, draft = texts(shown)
    assert (title, draft) == ("Ana", reply)
    assert sum(len(text) for text in texts(shown)) <= drawing.MOST_TEXT
    assert set(quote.removesuffix("…").replace("👩‍👩‍👧", "")) == set()
    assert len(json.dumps(shown["blocks"], ensure_ascii=False)) < 13_200


def test_a_reply_beyond_a_whole_card_is_left_to_the_inbox() -> None:
    with pytest.raises(ChannelError, match="too long"):
        drawing.message(Card((Line(Kind.DRAFT, "x" * 8_001),)))


def test_what_the_core_may_fill_always_fits() -> None:
    text = "x" * LIMITS.text.at_most
    label = "y" * LIMITS.label.at_most

    shown = drawing.message(Card((Line(Kind.DRAFT, text),), ((Button(label, Press(Verb.EDIT, 10**14, 10**14)),),)))

    assert texts(shown) == [text]
    assert shown["blocks"][1]["elements"][0]["text"]["text"] == label


def test_a_long_label_is_cut_between_signs() -> None:
    shown = drawing.message(Card((), ((Button("👍🏽" * 60, Press(Verb.EDIT)),),)))

    label = shown["blocks"][1]["elements"][0]["text"]["text"]
    assert len(label) <= 75
    assert set(label.removesuffix("…").replace("👍🏽", "")) == set()


def test_a_window_carries_what_it_is_about() -> None:
    question = Question(Press(Verb.EDIT, 17, 3), "Change what would be posted", "At most 300", text="So sorry")
    ref = Ref("C1", "17.5")

    view = drawing.window(question, ref)
    view["state"] = {"values": {"answer": {"answer": {"type": "plain_text_input", "value": "Better"}}}}

    assert view["title"]["text"] == "Change what would be po…"
    assert view["blocks"][0]["text"]["text"] == "Change what would be posted"
    assert drawing.answered(view) == (Press(Verb.EDIT, 17, 3), ref, "Better")


def test_many_ready_answers_are_offered_as_a_list() -> None:
    options = tuple(Option(str(number), f"Answer {number}") for number in range(11))

    few = drawing.window(Question(Press(Verb.REJECT, 1, 1), "No", "Why?", options=options[:10]), None)
    many = drawing.window(Question(Press(Verb.REJECT, 1, 1), "No", "Why?", options=options), None)

    assert [view["blocks"][0]["element"]["type"] for view in (few, many)] == ["radio_buttons", "static_select"]


@pytest.mark.parametrize(
    "view",
    [
        {},
        {"private_metadata": "[]"},
        {"private_metadata": "no json", "state": {"values": {}}},
        {"private_metadata": '["drop:1:1"]', "state": {"values": {"answer": {"answer": {"value": "x"}}}}},
        {"private_metadata": '["edit:1:1"]', "state": {"values": {"other": {"answer": {"value": "x"}}}}},
        {"private_metadata": '["edit:1:1", "C1"]', "state": {"values": {"answer": {"answer": {"value": "x"}}}}},
    ],
)
def test_a_forged_window_is_none_of_ours(view: Any) -> None:
    assert drawing.answered(view) is None


def test_the_example_in_the_documentation_is_what_slack_gets() -> None:
    found = re.search(r"```json\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)

    assert found
    assert json.loads(found[1]) == drawing.message(EXAMPLE)
