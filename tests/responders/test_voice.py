"""A business's own way of wording is learned from its edits, and nothing else of what it wrote."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responders.cases import make_case
from responders.drafting.base import Proposal, Style, Turn
from responders.drafting.checks import check
from responders.drafting.engine import Engine
from responders.voice import how_drafts_fared, in_words, learn
from storage import Store, mentions
from storage.acceptance import Acceptance, Wording, acceptance
from storage.assessment import Intent, Severity, SeverityLevel
from storage.states import Action
from tests.builders import NOW, Clock, Shop, business
from tests.responders.drafting.cases import WAITED, FakeReader, case

DRAFTED = "The cold flat white – that isn't good enough, and I'm sorry. I'll look into it today. – Mia"


def replies(*approved: str, drafted: str = DRAFTED) -> list[Wording]:
    return [Wording(drafted, text) for text in approved]


def style_of(*approved: str, drafted: str = DRAFTED, language: str = "en") -> Style:
    return learn(replies(*approved, drafted=drafted), language)


@pytest.mark.parametrize(
    ("language", "begins", "greeting"),
    [
        ("en", "Hi {name}, I'm sorry.", "Hi {name},"),
        ("en", "@bob Hello there! I'm sorry.", "Hello there!"),
        ("de", "Hallo {name}, es tut mir leid.", "Hallo {name},"),
        ("fr", "Bonjour {name}, je suis désolée.", "Bonjour {name},"),
        ("es", "Hola, lo siento.", "Hola,"),
        ("it", "Buongiorno, mi dispiace.", "Buongiorno,"),
        ("en", "Dear Sir or Madam, I'm sorry.", ""),
        ("en", "I'm sorry, {name}.", ""),
    ],
)
def test_a_greeting_that_most_replies_begin_with_is_learned_without_the_name(
    language: str, begins: str, greeting: str
) -> None:
    names = ("Ana", "Bob", "Cleo", "Dan", "Eva")

    learned = style_of(*(begins.replace("{name}", name) for name in names), language=language)

    assert learned.greeting == greeting


@pytest.mark.parametrize(
    ("language", "ends", "farewell"),
    [
        ("en", "Sorry for that. Best wishes, Mia", "Best wishes,"),
        ("en", "Sorry for that.\n\nBest wishes,\nMia", "Best wishes,"),
        ("de", "Das tut mir leid. Viele Grüße, Mia", "Viele Grüße,"),
        ("fr", "Je suis désolée. Cordialement, Mia", "Cordialement,"),
        ("en", "Sorry for that. – Mia", ""),
        ("en", "Sorry for that. Ring 030 12345 and ask for Mia", ""),
    ],
)
def test_a_farewell_of_the_usual_ones_is_learned(language: str, ends: str, farewell: str) -> None:
    assert style_of(*[ends] * 5, language=language).farewell == farewell


def test_what_four_replies_do_is_no_habit_yet() -> None:
    four = ["Hi Ana, sorry. Best wishes, Mia"] * 4

    assert style_of(*four) == Style()
    assert style_of(*four, DRAFTED).greeting == ""


def test_a_habit_that_people_give_up_is_forgotten() -> None:
    assert style_of(*["Hi Ana, sorry."] * 5, *["Sorry."] * 5).greeting == ""


def test_how_much_people_shorten_is_learned() -> None:
    assert style_of(*["Sorry about the cold flat white. – Mia"] * 5).length == 0.4
    assert style_of(*[DRAFTED] * 50, *["Sorry about the cold flat white. – Mia"] * 4).length == 1.0


@pytest.mark.parametrize(
    ("drafted", "approved", "cheer"),
    [("Thank you! – Mia", "Thank you. – Mia", -1), ("Thank you. – Mia", "Thank you! – Mia", 1), ("Hm.", "Hm", 0)],
)
def test_exclamation_marks_that_go_or_come_are_noticed(drafted: str, approved: str, cheer: int) -> None:
    assert style_of(*[approved] * 5, drafted=drafted).cheer == cheer


def test_a_word_of_ours_that_always_goes_is_avoided_and_a_word_of_the_case_is_not() -> None:
    drafted = "A treat to read this about the flat white – thank you. – Mia"

    learned = style_of(*["Good to read this – thank you. – Mia"] * 3, *["Thanks. – Mia"] * 2, drafted=drafted)
    kept = style_of(*["Good to read this. – Mia"] * 5, drafted.replace("flat", "oat"), drafted=drafted)

    assert "treat" in learned.avoids
    assert not learned.avoids & {"flat", "white", "mia"}
    assert "treat" not in kept.avoids


def test_a_language_without_a_pack_teaches_nothing() -> None:
    assert style_of(*["Dzień dobry, przepraszam."] * 9, language="pl") == Style()


FACTS = st.sampled_from(
    ["Kevin", "Ring 07700 900123.", "Our oven broke.", "A refund of 20 pounds.", "www.evil.example", "Ana Milford,"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(FACTS, st.sampled_from(["Hi ", "Hello ", ""]), FACTS), min_size=5, max_size=12))
def test_no_fact_or_name_of_a_past_reply_is_learned(parts: list[tuple[str, str, str]]) -> None:
    learned = style_of(*(f"{hello}{first} Sorry. {last}" for first, hello, last in parts))

    said = " ".join(learned.says)
    assert not re.search(r"Kevin|07700|oven|refund|evil|Milford|Ana\b", said)


def test_what_was_learned_reads_in_plain_words() -> None:
    learned = Style("Hi {name},", "Best wishes,", 0.6, -1, frozenset({"treat"}), 20)

    assert learned.says == (
        "begins with “Hi {name},”",
        "ends with “Best wishes,”",
        "shorter, about 60%",
        "without exclamation marks",
        "without “treat”",
    )


# What drafts make of it


async def draft(style: Style, *args: object, **changes: object) -> Proposal:
    answer = await Engine(FakeReader()).draft(case(*args, style=style, **changes))  # type: ignore[arg-type]
    assert isinstance(answer, Proposal), answer
    return answer


async def test_a_draft_greets_and_signs_as_the_business_does_and_passes_every_check() -> None:
    style = Style("Hi {name},", "Best wishes,")

    answer = await draft(style, author="Ana Ferreira")

    assert answer.text.startswith("Hi Ana, ")
    assert answer.text.endswith(" Best wishes, Mia")
    assert answer.reasons[-1] == "in your voice: begins with “Hi {name},”, ends with “Best wishes,”"
    assert check(answer.text, case(author="Ana Ferreira", style=style), FakeReader(), machine=True) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"author": "xX_dan"},
        {"severity": Severity(SeverityLevel.CRITICAL)},
        {"thread": (Turn(WAITED, ours=False, at=NOW), Turn("I'm sorry. – Mia", ours=True, at=NOW))},
    ],
    ids=["no name", "crisis", "conversation"],
)
async def test_nobody_is_greeted_without_a_name_in_a_crisis_or_again(changes: dict[str, object]) -> None:
    answer = await draft(Style("Hi {name},"), **({"author": "Ana Ferreira"} | changes))

    assert not answer.text.startswith("Hi")


async def test_a_word_that_is_avoided_is_not_written_where_another_will_do() -> None:
    recent: list[str] = []
    for _ in range(6):
        answer = await draft(
            Style(avoids=frozenset({"lovely"})), "Great cinnamon buns!", Intent.PRAISE, recent=tuple(recent)
        )
        recent.insert(0, answer.text)

    assert "lovely" not in " ".join(recent).lower()


async def test_a_shared_greeting_and_farewell_make_no_copies() -> None:
    recent: list[str] = []
    for _ in range(12):
        answer = await draft(
            Style("Hi {name},", "Best wishes,"), "Love it!", Intent.PRAISE, author="Ana F", recent=tuple(recent)
        )
        recent.insert(0, answer.text)

    assert len(set(recent)) == 12
    assert all(text.startswith("Hi Ana, ") and text.endswith("Best wishes, Mia") for text in recent)


async def test_a_business_that_shortens_gets_shorter_drafts() -> None:
    usual = await draft(Style())

    assert len((await draft(Style(length=0.5))).text) < len(usual.text)


async def test_calm_people_get_no_exclamation_marks() -> None:
    recent: list[str] = []
    for _ in range(6):
        answer = await draft(Style(cheer=-1), "Great cinnamon buns!", Intent.PRAISE, recent=tuple(recent))
        recent.insert(0, answer.text)

    assert "!" not in " ".join(recent)


# Through the desk


@pytest.fixture
async def shop(sqlite_store: Store) -> Shop:
    shop = Shop(sqlite_store, Clock(NOW), settings=business())
    shop.drafter.text = DRAFTED
    return shop


async def test_a_case_knows_the_style_of_its_own_business_and_language(shop: Shop) -> None:
    for _ in range(5):
        made = await shop.draft()
        edited = await shop.decide(made, Action.EDIT, text="Hi Ana, I'm sorry about the cold flat white. – Mia")
        await shop.decide(edited, Action.APPROVE)
    ids = [await shop.mention(), await shop.mention(language="de")]

    async with shop.store.read() as session:
        found = [await mentions.get(session, "crumb", each) for each in ids]
        english, german = [await make_case(session, shop.settings, each, NOW) for each in found if each]

    assert english.style.greeting == "Hi {name},"
    assert german.style == Style()


async def test_how_drafts_fared_is_counted_by_what_people_did(store: Store) -> None:
    shop = Shop(store, Clock(NOW))
    await shop.decide(await shop.draft(), Action.APPROVE)
    for text in ("Sorry! – Mia", "So sorry! – Mia"):
        await shop.decide(await shop.decide(await shop.draft(), Action.EDIT, text=text), Action.APPROVE)
    await shop.decide(await shop.draft(), Action.REJECT, reason="Already called her")
    await shop.decide(await shop.decide(await shop.draft(), Action.APPROVE), Action.RECALL)
    shop.drafter.abstains = "Your line, please."
    await shop.decide(await shop.decide(await shop.draft(), Action.EDIT, text="Mine. – Mia"), Action.APPROVE)

    async with shop.store.read() as session:
        fared = await acceptance(session, "crumb", NOW, NOW + timedelta(days=1))
        before = await acceptance(session, "crumb", NOW - timedelta(days=1), NOW)

    assert fared == Acceptance(1, 2, 1, 1, (("Already called her", 1),))
    assert before == Acceptance()
    assert await how_drafts_fared(shop.store, "crumb", NOW + timedelta(days=1)) == (
        "Of 5 drafts: 1 approved as drafted, 2 edited first, 1 written by you, 1 turned down, "
        "because “Already called her” (1)."
    )


def test_where_nobody_decided_nothing_is_said() -> None:
    assert in_words(Acceptance()) == ""
    assert in_words(Acceptance(unedited=1)) == "Of 1 draft: 1 approved as drafted."
