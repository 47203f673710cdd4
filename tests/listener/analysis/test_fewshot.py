"""A question learned from a few marked texts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.analysis.fewshot import Example, FewShot, ngrams

OURS = (
    "had breakfast at Flour, the staff were so kind",
    "Flour on Mill Lane is closed again, no coffee today",
    "the cakes at Flour are worth the queue",
    "Flour forgot our birthday cake",
)
OTHERS = (
    "add the flour, two eggs and a pinch of salt",
    "sift 500 g of flour into a bowl and knead",
    "which flour do you use for pasta dough?",
    "mix butter and flour, then rest the dough",
)
MARKED = [Example(text, yes=True) for text in OURS] + [Example(text, yes=False) for text in OTHERS]


def test_a_few_marks_are_enough_to_tell_new_texts_apart() -> None:
    learned = FewShot.fit(MARKED, ngrams(["Flour"]))
    assert learned is not None

    likely = learned.predict(["the staff at Flour forgot our coffee", "knead the dough with flour, salt and butter"])

    assert likely[0] > 0.55
    assert likely[1] < 0.45


def test_what_is_like_nothing_that_was_marked_is_not_decided() -> None:
    learned = FewShot.fit(MARKED, ngrams(["Flour"]))
    assert learned is not None

    assert abs(float(learned.predict(["Flour"])[0]) - 0.5) < 0.1


def test_nothing_is_learned_from_one_kind_of_marks() -> None:
    assert FewShot.fit(MARKED[:4], ngrams()) is None
    assert FewShot.fit([], ngrams()) is None


def test_yes_and_no_weigh_the_same_however_many_there_are() -> None:
    lopsided = [*MARKED, *(Example(f"flour and {word} for the dough", yes=False) for word in "abcdefghijklmnop")]

    learned = FewShot.fit(lopsided, ngrams(["flour"]))

    assert learned is not None
    assert all(learned.predict(OURS) > 0.5)


def test_the_same_marks_teach_the_same_whatever_the_numbers_come_from() -> None:
    def length(texts: object) -> np.ndarray:
        return np.array([[len(text) / 100, 1.0] for text in texts], dtype=np.float32)  # type: ignore[attr-defined]

    marked = [Example("x" * 10, yes=True), Example("x" * 90, yes=False)]
    first, second = (FewShot.fit(marked, length) for _ in range(2))

    assert first is not None
    assert second is not None
    texts = ["x" * 5, "x" * 95]
    assert first.predict(texts).tolist() == second.predict(texts).tolist()
    assert first.predict(texts)[0] > 0.5 > first.predict(texts)[1]


@given(st.lists(st.tuples(st.text(max_size=60), st.booleans()), max_size=12), st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_texts_can_be_marked_and_judged(marked: list[tuple[str, bool]], text: str) -> None:
    learned = FewShot.fit([Example(*each) for each in marked], ngrams(["a"]))

    assert learned is None or 0.0 <= float(learned.predict([text])[0]) <= 1.0
