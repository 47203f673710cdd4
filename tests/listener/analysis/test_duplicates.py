"""Which posts repeat another, and which only look alike."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.analysis import duplicates
from listener.analysis.duplicates import Key, Window, Windows

PLACES = ("Crumb & Co", "the bakery on Mill Lane", "that corner place", "Flour Bakery", "the café by the church")
THINGS = ("sourdough loaf", "cinnamon bun", "birthday cake", "flat white", "cheese scone", "rye bread", "lemon tart")
ENDS = (
    "was still frozen in the middle when we cut it in front of everybody",
    "is the reason why I get up early on Saturdays, and I do not get up early",
    "cost more than our dinner and fell apart before we had reached the tram",
    "made my grandmother cry, because it tasted like the one from her village",
    "had been promised for ten, then for noon, and in the end nobody had made it",
    "came with a handwritten card and an extra one for the dog, who approved of it",
    "tastes of nothing since they changed the flour, and the crust is pale and soft",
)
LONG = (
    "Waited forty minutes for a sourdough loaf that had been paid for the day before, and nobody said a word about it."
)


def key(number: int) -> Key:
    return "town", str(number)


def again(edited: str) -> Key | None:
    """What a window that knows `LONG` and some others makes of `edited`."""
    window = Window()
    for number, text in enumerate((LONG, *ENDS)):
        window.first_of(key(number), text)
    return window.first_of(key(99), edited)


WORDS = LONG.split()


@pytest.mark.parametrize(
    "edited",
    [
        LONG,
        LONG.upper() + "!!!",
        f"RT @ana_bakes: {LONG}",
        f"“{LONG}” – this, so much this",
        f"{LONG} #bakery #town https://town.example/p/1",
        LONG[: len(LONG) * 3 // 4],
        LONG.replace("forty", "fifty"),
        LONG.replace("forty", "fifty").replace("loaf", "bread").replace("word", "thing"),
    ],
)
def test_a_post_that_was_cut_tagged_quoted_or_reworded_a_little_is_known_again(edited: str) -> None:
    assert again(edited) == key(0)


def test_nearly_every_small_edit_of_a_long_post_is_known_again() -> None:
    chance, window = random.Random(3), Window()  # noqa: S311 – the same edits every time
    posts = [f"{thing} from {place} {end}, and {other}" for thing, place, end, other in _posts()]
    firsts = [window.first_of(key(number), text) for number, text in enumerate(posts)]

    found = 0
    for number, text in enumerate(posts):
        words = text.split()
        for at in chance.sample(range(len(words)), 2):
            words[at] = chance.choice(("nothing", "lovely", "queue", "yesterday"))
        found += window.first_of(("elsewhere", str(number)), " ".join(words)) in (key(number), firsts[number])

    assert found >= 0.98 * len(posts)


def _posts() -> list[tuple[str, str, str, str]]:
    return [
        (THINGS[number % 7], PLACES[number % 5], ENDS[number % 7], ENDS[(number * 3 + 1) % 7]) for number in range(35)
    ]


def test_what_different_people_write_about_the_same_things_is_no_repost() -> None:
    window = Window()

    flagged = [text for number, text in enumerate(ENDS + THINGS) if window.first_of(key(number), text)]

    assert flagged == []


@pytest.mark.parametrize("text", ["Love this place!", "Best bread in town, thank you", "😀" * 200, "", "#bakery " * 3])
def test_what_many_people_say_in_a_few_words_is_said_by_each_for_themselves(text: str) -> None:
    window = Window()

    answers = [window.first_of(key(number), text) for number in range(3)]

    assert answers == [None, None, None]


def test_a_post_that_is_heard_again_does_not_repeat_itself() -> None:
    window = Window()

    answers = [window.first_of(key(1), text) for text in (LONG, LONG, LONG + " Edited: they have said sorry.")]

    assert answers == [None, None, None]


def test_a_window_forgets_what_is_older(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "WINDOW", 3)
    window = Window()

    for number, text in enumerate((LONG, *ENDS[:3])):
        window.first_of(key(number), text)

    assert window.first_of(key(8), ENDS[0]) == key(1)
    assert window.first_of(key(9), LONG) is None


def test_only_the_windows_of_the_last_businesses_are_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "BUSINESSES", 2)
    windows = Windows()
    for name in ("crumb", "flour"):
        windows.fill(name, [(key(1), LONG)])
    windows.get("crumb")

    windows.fill("bloom", [])

    assert [name for name in ("crumb", "flour", "bloom") if windows.get(name)] == ["crumb", "bloom"]


@given(st.lists(st.text(max_size=300), max_size=12))
@settings(max_examples=100, deadline=None)
def test_any_text_can_be_compared(texts: list[str]) -> None:
    window = Window()

    answers = [window.first_of(key(number), text) for number, text in enumerate(texts)]

    assert all(answer is None or int(answer[1]) < number for number, answer in enumerate(answers))
