"""Whether a post that holds the name is about the business."""

from __future__ import annotations

import numpy as np
import pytest

from config.settings import Query
from listener.analysis.fewshot import FewShot, ngrams
from listener.analysis.relevance import Relevance
from tests.listener.analysis.test_fewshot import MARKED

LISTED = Relevance(Query(match="Flour", likely=("Mill Lane", "coffee"), unlikely=("recipe", "dough")))


def reason(relevance: Relevance, text: str, name: str = "Flour") -> str:
    """Why `text` is in doubt; "" where it is not."""
    start = text.find(name)
    found = relevance.doubt(text, [(start, start + len(name))] if start >= 0 else [])
    return found.reason if found else ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Flour on Mill lane", ""),
        ("coffee at Flour, then more COFFEE", ""),
        ("Flour recipe, please", "“recipe” stands in it"),
        ("coffee and a recipe at Flour", ""),
        ("Flour is great", "none of the words that usually go with your name stands in it"),
        ("@Flour is great", ""),
        ("#Flour is great", ""),
        ("www.Flour.example has a recipe", ""),
        ("Flour coffees", "none of the words that usually go with your name stands in it"),
    ],
)
def test_the_words_that_an_owner_lists_decide(text: str, says: str) -> None:
    assert reason(LISTED, text) == says


def test_a_name_that_nobody_doubted_is_in_no_doubt() -> None:
    assert reason(Relevance(Query(match="Flour")), "add the Flour to the dough") == ""


def test_what_staff_have_marked_decides_where_the_owner_lists_nothing() -> None:
    learned = Relevance(Query(match="Flour"), FewShot.fit(MARKED, ngrams(["Flour"])))

    assert reason(learned, "the staff at Flour forgot our coffee") == ""
    assert reason(learned, "Flour, butter and salt for the dough") == (
        "it reads like posts that were marked as not about you"
    )


@pytest.mark.parametrize(("score", "told"), [(1.0, None), (-1.0, False), (-3.0, True)])
def test_only_what_is_surely_about_something_else_needs_no_draft(score: float, told: bool | None) -> None:
    head = FewShot(lambda texts: np.array([[score]], dtype=np.float32), np.ones(1, dtype=np.float32), 0.0)

    found = Relevance(Query(match="Flour"), head).doubt("Flour", [])

    assert (found.is_sure if found else None) is told
