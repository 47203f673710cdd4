"""What a reply says back of a mention: the author's own plain clause, turned round, and never a word that no list holds."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import Business
from responders.drafting.base import Abstention, Proposal
from responders.drafting.echo import clauses, question
from responders.drafting.engine import Engine
from responders.drafting.packs import packs
from responders.drafting.words import words
from storage.assessment import Intent, Polarity
from tests.responders.drafting.cases import PRODUCTS, FakeReader, bakery, case

PACK = packs()["en"]
ENGINE = Engine(FakeReader())
#: Words of many kinds, known and unknown, in any order.
KNOWN = (
    "the",
    "my",
    "our",
    "your",
    "a",
    "I",
    "we",
    "you",
    "they",
    "nobody",
    "brakes",
    "lift",
    "soup",
    "waiter",
    "was",
    "had",
)
MORE = (
    "never",
    "still",
    "cold",
    "broken",
    "squeal",
    "told",
    "charged",
    "twice",
    "for",
    "with",
    "and",
    "but",
    "£18.50",
    "40",
)
OTHER = ("minutes,", ".", "!", "?", "May", "Oswald", "Quarrington", "zorgle", "https://evil.test", "fool")
ANY_WORDS = st.lists(st.sampled_from((*KNOWN, *MORE, *OTHER)), max_size=16)


def said(mention: str) -> list[str]:
    return [each.says for each in clauses(case(mention), PACK)]


async def reply(mention: str, intent: Intent = Intent.COMPLAINT, **changes: Any) -> Proposal | Abstention:
    return await ENGINE.draft(case(mention, intent, **changes))


@pytest.mark.parametrize(
    ("mention", "clause"),
    [
        ("The brakes still squeal.", "the brakes still squeal"),
        ("My steak was grey.", "your steak was grey"),
        ("You kept taking £34.99 every month.", "we kept taking £34.99 every month"),
        ("I lost a day's pay.", "you lost a day's pay"),
        (
            "Half the treadmills have been broken since September!",
            "half the treadmills have been broken since September",
        ),
        ("Lovely scones, but every table was sticky.", "every table was sticky"),
        ("Since the update the calendar shows every event twice.", "the calendar shows every event twice"),
        ("The textbook we bought was never opened.", "the textbook you bought was never opened"),
    ],
)
def test_a_plain_clause_is_turned_round(mention: str, clause: str):
    assert clause in said(mention)


@pytest.mark.parametrize(
    ("mention", "clause"),
    [
        ("Strawberries mouldy underneath.", "the strawberries were mouldy underneath"),
        ("Class cancelled by text.", "the class was cancelled by text"),
        ("Paid extra for a sea view and got a wall.", "you paid extra for a sea view and got a wall"),
        ("Charged me twice.", "we charged you twice"),
        ("Was handed a small one.", "you were handed a small one"),
    ],
)
def test_what_a_hasty_author_left_out_is_put_back(mention: str, clause: str):
    assert said(mention) == [clause]


@pytest.mark.parametrize(
    "mention",
    [
        "The zorgle was broken.",
        "The waiter called Oswald was rude.",
        "Your owner is a thief.",
        "I would not go there again.",
        "We could not have been happier.",
        "My heart was broken.",
        "I can't wait.",
        "The receptionist said.",
        "The staff told my son he was an elephant.",
        "My nan died while she was waiting.",
    ],
)
def test_what_is_not_plain_is_not_said_back(mention: str):
    assert said(mention) == []


@pytest.mark.parametrize(
    ("mention", "asked"),
    [
        ("Do you do bouquets under £25?", "we do bouquets under £25"),
        (
            "Hi! Can we check in at noon if we take the early ferry?",
            "you can check in at noon if you take the early ferry",
        ),
        ("Will you have geese for Christmas?", "we will have geese for Christmas"),
        ("Are the seeded rolls vegan?", "the seeded rolls are vegan"),
        ("Do you even read the order?", ""),
        ("Does Oswald still work there?", ""),
    ],
)
def test_a_question_is_said_back_in_the_order_of_a_statement(mention: str, asked: str):
    assert question(case(mention, Intent.QUESTION), PACK) == asked


def test_two_clauses_that_only_together_tell_of_trouble_are_both_trouble():
    found = clauses(case("I ordered white roses, pink carnations arrived."), PACK)

    assert [each.is_bad for each in found] == [True, True]


def test_a_denied_trouble_is_none():
    assert not any(each.is_bad for each in clauses(case("The waiter was never rude."), PACK))


async def test_a_complaint_that_no_frame_knows_is_named_in_the_authors_clause():
    answer = await reply("The zip on the skirt went the first time I wore it.", rating=2)

    assert isinstance(answer, Proposal)
    assert "sorry that the zip on the skirt went the first time you wore it" in answer.text


async def test_points_and_clauses_stand_in_one_sentence():
    answer = await reply("Stale popcorn. Your emergency number went to voicemail.", rating=2)

    assert isinstance(answer, Proposal)
    assert "about the stale popcorn, and that our emergency number went to voicemail" in answer.text


async def test_a_point_that_says_it_well_is_not_said_in_a_clause_too():
    answer = await reply("I waited 40 minutes for a flat white.", rating=2)

    assert isinstance(answer, Proposal)
    assert "40-minute wait" in answer.text
    assert "you waited" not in answer.text


async def test_praise_is_thanked_for_in_the_authors_clause():
    answer = await reply("The baker remembered my order from last week.", Intent.PRAISE, rating=5)

    assert isinstance(answer, Proposal)
    assert "that the baker remembered your order from last week" in answer.text


async def test_a_complaint_within_praise_is_not_thanked_for():
    answer = await reply("Great coffee. Shame the only plug is behind the bin.", Intent.PRAISE, rating=4)

    assert isinstance(answer, Proposal)
    assert "sorry" in answer.text
    assert "plug is behind the bin" in answer.text


async def test_an_open_question_is_repeated_before_the_promise_to_check():
    business = bakery(voice=bakery().voice.model_copy(update={"may_promise": ("check and reply here today",)}))
    answer = await reply("Do you sell cookbooks?", Intent.QUESTION, business=business)

    assert isinstance(answer, Proposal)
    assert "hether we sell cookbooks" in answer.text


async def test_a_first_name_that_the_author_praises_is_named():
    answer = await reply("Thank you Jess for the lovely scones!", Intent.PRAISE, rating=5)

    assert isinstance(answer, Proposal)
    assert "Jess" in answer.text


@pytest.mark.parametrize(
    ("mention", "changes"),
    [
        ("Thank you Wendeline for the lovely scones!", {}),
        ("My Jess loved the lovely scones!", {}),
        ("Lovely scones! Thank you Jess", {"author": "Jess Miller"}),
    ],
)
async def test_no_other_name_is_repeated(mention: str, changes: dict[str, Any]):
    answer = await reply(mention, Intent.PRAISE, rating=5, **changes)

    assert not re.search("Wendeline|(?:naming|about|that) Jess", getattr(answer, "text", ""))


async def test_nobody_is_named_in_a_complaint():
    answer = await reply("Jess was rude and the soup was cold.", rating=1)

    assert "Jess" not in getattr(answer, "text", "")


async def test_a_regulated_trade_says_nothing_back():
    business = bakery(business=Business(name="Smile", time_zone="Europe/Berlin", products=PRODUCTS, regulated="health"))
    answer = await reply("The zip on the skirt went the first time I wore it.", rating=1, business=business)

    assert "skirt" not in getattr(answer, "text", "")


@pytest.mark.parametrize(
    ("mention", "first"),
    [
        ("I slipped and broke my wrist on your stairs.", "you were hurt"),
        ("My son was hurt by your door.", "about a child"),
        ("Your driver locked the doors and wouldn't let me out.", "frightening"),
        ("There are bed bugs in the room.", "urgent"),
    ],
)
async def test_a_holding_reply_meets_what_happened(mention: str, first: str):
    answer = await reply(mention, rating=1)

    assert isinstance(answer, Proposal)
    assert answer.for_owner
    assert first in answer.text
    assert len(answer.text.split()) <= 45


async def test_who_was_lost_is_named_beside_another_trouble():
    answer = await reply("Still no wedding photos, 4 months now. My nan has died since.", rating=1)

    assert isinstance(answer, Proposal)
    assert "sorry about your nan" in answer.text


@pytest.mark.parametrize("family", sorted(PACK.echo.trouble if PACK.echo else ()))
def test_a_clause_tells_of_kinds_of_trouble_that_the_frames_know(family: str):
    assert family in PACK.families


@given(ANY_WORDS.map(" ".join))
@settings(max_examples=300, deadline=None)
def test_no_clause_holds_a_word_that_no_list_holds(mention: str):
    folder = resources.files("responders.drafting")
    files = [folder / f"{part}.en.toml" for part in ("phrases", "frames", "echo")]
    known = set(words(" ".join(file.read_text("utf-8") for file in files), PACK)) | set(words(" ".join(PRODUCTS), PACK))

    told = words(" ".join((*said(mention), question(case(mention), PACK))), PACK)

    assert {
        word for word in told if not word[0].isdigit() and word not in known and word.removesuffix("s") not in known
    } == set()


@given(ANY_WORDS.map(" ".join), st.sampled_from(Polarity), st.sampled_from([None, 1.0, 5.0]))
@settings(max_examples=150, deadline=None)
async def test_a_draft_of_any_words_passes_its_own_checks(mention: str, polarity: Polarity, rating: float | None):
    answer = await reply(mention, polarity=polarity, rating=rating)

    if isinstance(answer, Proposal):
        assert not re.search("Oswald|Quarrington|zorgle|evil|fool", answer.text)
