"""What Matrix gets to see, and what its events say to us: pure, without a server."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.lengths import length
from responders.channels.base import Button, Card, Kind, Line, Option, Press, Question, Style, Verb
from responders.channels.matrix import CHANNEL, MatrixSettings
from responders.channels.matrix.channel import LIMITS
from responders.channels.matrix.drawing import SIGNS, bare, card, content, first_signs, instead_of, question, said
from responders.channels.matrix.hearing import Message, Reaction, read
from responders.channels.matrix.notes import Notes
from tests.responders.channels import documented
from tests.responders.channels.taker import Notes as Kept

APPROVE, EDIT, REJECT = Press(Verb.APPROVE, 17, 3), Press(Verb.EDIT, 17, 3), Press(Verb.REJECT, 17, 3)
CARD = Card(
    (
        Line(Kind.TITLE, "Ana on Google, 2 stars", "https://maps.example/1"),
        Line(Kind.QUOTE, "A hair in <her> cake.\nNever again!"),
        Line(Kind.DRAFT, "I am so sorry, Ana. — Mia"),
    ),
    (
        (Button("Approve and post as Crumb & Co.", APPROVE, style=Style.MAIN), Button("Edit", EDIT)),
        (Button("Reject", REJECT), Button("Open the inbox", url="https://inbox.example/drafts/17")),
    ),
)


def visible(rich: str) -> str:
    """What one reads of our HTML."""
    lines = re.sub(r"<br>|</p>|</blockquote>", "\n", rich)
    return html.unescape(re.sub(r"<[^>]*>", "", lines)).strip("\n")


def test_a_card_says_what_each_sign_does() -> None:
    drawn = card(CARD)

    assert drawn.body.split("\n")[-4:] == [
        "✅ Approve and post as Crumb & Co.", "✏️ Edit", "❌ Reject", "↗ Open the inbox: https://inbox.example/drafts/17",
    ]  # fmt: skip
    assert drawn.signs == {"✅": ("approve:17:3", None), "✏": ("edit:17:3", None), "❌": ("reject:17:3", None)}
    assert first_signs(CARD) == ["✅", "✏️"]


def test_two_buttons_of_one_verb_have_signs_of_their_own() -> None:
    buttons = tuple(Button(f"Kept {number}", Press(Verb.KEPT, number)) for number in range(3))

    drawn = card(Card((), (buttons,)))

    assert list(drawn.signs.values()) == [("kept:0:0", None), ("kept:1:0", None), ("kept:2:0", None)]


def test_every_verb_that_a_card_can_hold_has_its_own_sign() -> None:
    assert set(SIGNS) == set(Verb) - {Verb.LINK}
    assert len({bare(sign) for sign in SIGNS.values()}) == len(SIGNS)


TEXT = st.text(
    st.one_of(st.sampled_from("<>&\"'@#!*_`\\[]()/: a"), st.characters(codec="utf-8", exclude_categories=["Cc"])),
    max_size=80,
)


@given(TEXT)
def test_whatever_a_customer_writes_is_text(text: str) -> None:
    drawn = card(Card((Line(Kind.QUOTE, text), Line(Kind.DRAFT, text))))

    assert drawn.body == "\n".join(f"> {line}" for line in text.split("\n")) + f"\n\n{text}\n"
    assert set(re.findall(r"<[^>]*>", drawn.html)) == {"<blockquote>", "</blockquote>", "<hr>", "<p>", "</p>"}
    assert html.unescape(re.sub(r"<[^>]*>", "", drawn.html)) == text * 2


@given(TEXT)
def test_no_text_mentions_anybody(text: str) -> None:
    made = content(card(Card((Line(Kind.QUOTE, f"@room @mia:localhost {text}"),))))

    assert made["m.mentions"] == {}


@pytest.mark.parametrize("sign", ["&", "<", '"', "\\", "ü", "€", "🥐", "\n"])
@pytest.mark.parametrize("kind", [Kind.DRAFT, Kind.QUOTE])
def test_the_longest_card_fits_into_an_event_also_as_a_repaint(sign: str, kind: Kind) -> None:
    most = LIMITS.text.at_most // length(sign, LIMITS.text.counter)

    made = instead_of(content(card(Card((Line(kind, sign * most),), CARD.buttons))), "$" + "e" * 43)

    assert len(json.dumps(made, ensure_ascii=False).encode()) < 60_000


def test_a_link_that_is_none_is_not_drawn() -> None:
    drawn = card(Card((Line(Kind.TITLE, "Ana", 'javascript:alert("1")'),), ((Button("Open", url="https://a b"),),)))

    assert "href" not in drawn.html


def test_a_question_fills_in_the_text_and_names_what_was_wrong() -> None:
    drawn = question(Question(EDIT, "Change the reply", "The reply", "I am <so> sorry.", problem="Too long."), "@mia:x")

    assert visible(drawn.html).split("\n") == [
        "@mia:x: Change the reply", "Too long.", "The reply", "I am <so> sorry.",
        "Answer in this thread; your next message here is taken as it stands.",
    ]  # fmt: skip
    assert drawn.signs == {}


def test_ready_answers_are_signs() -> None:
    drawn = question(Question(REJECT, "Why not?", "Reason", options=(Option("tone", "Wrong tone"),)), "@mia:x")

    assert drawn.signs == {"1\u20e3": ("reject:17:3", "tone")}
    assert "1\ufe0f\u20e3 Wrong tone" in drawn.body


def test_a_person_is_named_by_id_and_notified_alone() -> None:
    made = content(said("Jon was faster.", ["@mia:x"]), silent=True, actors=["@mia:x"])

    assert (made["msgtype"], made["body"], made["m.mentions"]) == (
        "m.notice", "@mia:x Jon was faster.", {"user_ids": ["@mia:x"]},
    )  # fmt: skip


def event(kind: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, "event_id": "$e", "sender": "@mia:x", "content": content, **more}


def test_a_reaction_is_read_with_and_without_the_mark_for_a_picture() -> None:
    for key in ("✏️", "✏"):
        relation = {"rel_type": "m.annotation", "event_id": "$card", "key": key}
        assert read(event("m.reaction", {"m.relates_to": relation})) == Reaction("$e", "@mia:x", "$card", "✏")


def test_an_answer_is_read_without_what_its_client_quotes() -> None:
    quoted = event(
        "m.room.message",
        {
            "msgtype": "m.text",
            "body": "> <@warmline:x> The reply\n> more\n\nI am sorry.",
            "formatted_body": "<mx-reply><blockquote>…</blockquote></mx-reply>I am sorry.",
            "m.relates_to": {"m.in_reply_to": {"event_id": "$asked"}},
        },
    )
    threaded = event(
        "m.room.message",
        {
            "msgtype": "m.text",
            "body": "> is not a quote",
            "m.relates_to": {"rel_type": "m.thread", "event_id": "$card"},
        },
    )

    assert read(quoted) == Message("$e", "@mia:x", "I am sorry.", "$asked")
    assert read(threaded) == Message("$e", "@mia:x", "> is not a quote", "$card")


def test_a_changed_message_brings_its_new_words() -> None:
    changed = event(
        "m.room.message",
        {
            "msgtype": "m.text",
            "body": "* I am sorry.",
            "m.new_content": {"msgtype": "m.text", "body": "I am sorry."},
            "m.relates_to": {"rel_type": "m.replace", "event_id": "$before"},
        },
    )

    assert read(changed) == Message("$e", "@mia:x", "I am sorry.", replaces="$before")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2)
)
KEYS = st.sampled_from(
    ["rel_type", "event_id", "key", "m.in_reply_to", "body", "m.relates_to", "m.new_content", "msgtype"]
)
VALUES = JUNK | st.sampled_from(["m.thread", "m.annotation", "m.replace", "m.text", "$card"])
NESTED = st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=4), max_size=6)


@given(st.sampled_from(["m.reaction", "m.room.message", "m.sticker"]), NESTED | JUNK)
def test_a_forged_event_is_nothing_or_something_whole(kind: str, content: Any) -> None:
    heard = read(event(kind, content))

    assert heard is None or all(isinstance(getattr(heard, name), str) for name in type(heard).__slots__)


def test_a_reaction_that_was_taken_back_is_nothing() -> None:
    assert read(event("m.reaction", {}, unsigned={"redacted_because": {}})) is None


async def test_notes_outlive_a_restart() -> None:
    kept = Kept()
    async with Notes(kept).change("$card") as note:
        note.place, note.signs, note.asked = (
            "!room:x",
            {"✅": ("approve:17:3", None)},
            {"@mia:x": ("edit:17:3", "$asked")},
        )

    again = await Notes(kept).read("$card")

    assert again is not None
    assert (again.place, list(again.signs["✅"]), list(again.asked["@mia:x"])) == (
        "!room:x", ["approve:17:3", None], ["edit:17:3", "$asked"],
    )  # fmt: skip
    assert await Notes(kept).read("$other") is None


@pytest.mark.parametrize("server", ["http://matrix.example", "matrix.example", "https://"])
def test_a_server_that_would_get_the_token_in_the_clear_is_refused(server: str) -> None:
    with pytest.raises(ValueError, match="server"):
        CHANNEL.settings.model_validate({"server": server, "token": {"env": "MATRIX_TOKEN"}})


def test_a_table_needs_no_more_than_a_server_and_a_token() -> None:
    settings = MatrixSettings.model_validate({"server": "https://matrix.example", "token": {"env": "MATRIX_TOKEN"}})

    assert settings.server == "https://matrix.example"


def test_the_page_shows_the_payload_of_a_card_and_a_table_that_works() -> None:
    assert content(card(documented.CARD)) == documented.payload("matrix")
    assert CHANNEL.settings.model_validate(documented.options("matrix"))
