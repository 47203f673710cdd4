"""VADER's scores are the library's own, for every text, and no text makes it slow."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SPECIAL_CASES, SentimentIntensityAnalyzer

from listener.analysis import vader
from listener.analysis.vader import Vader
from tools.train.rows import own_rows

LIBRARY = SentimentIntensityAnalyzer()
OURS = Vader()

FEELING = sorted(LIBRARY.lexicon)
CHANGING = sorted(
    {*BOOSTER_DICT, *NEGATE, *SPECIAL_CASES, "but", "no", "or", "nor", "least", "at", "so", "this", "kind of"}
)
EMOJI = sorted(key for key in LIBRARY.emojis if len(key) == 1)


def shared_texts(shared: Path) -> Iterator[str]:
    for path in sorted((shared / "data").glob("*/dev.jsonl*")):
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                yield row.get("text") or row.get("mention") or ""


def different(texts: Iterator[str]) -> list[str]:
    return [text for text in texts if LIBRARY.polarity_scores(text) != OURS.polarity_scores(text)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "VADER is VERY SMART, uber handsome, and FRIGGIN FUNNY!!!",
        "VADER is not smart, handsome, nor funny.",
        "good but good but bad but bad good",
        "Sad 😥 but 😥😥 but relieved",
        "the shit, the bomb, a kind of bad ass, never so good, without doubt the worst",
        "No good or bad, no problem; at least not the least good",
        "yeah right, to die for! ???",
        "word😍word 💔",
        "NO GOOD",
        "\ud800 good \x00 bad",
    ],
)
def test_a_text_gets_the_scores_of_the_library(text: str) -> None:
    assert OURS.polarity_scores(text) == LIBRARY.polarity_scores(text)


WORDS = st.one_of(
    st.sampled_from(CHANGING),
    st.sampled_from(CHANGING),
    st.sampled_from(FEELING),
    st.sampled_from(EMOJI),
    st.text(max_size=6),
)
WRITTEN = st.tuples(
    WORDS, st.sampled_from([str, str, str.upper, str.title]), st.sampled_from(["", "", "!", "??", ","])
).map(lambda parts: parts[1](parts[0]) + parts[2])


@given(st.lists(WRITTEN, max_size=14), st.sampled_from([" ", " ", ""]))
@settings(max_examples=400, deadline=None)
def test_any_words_in_any_order_get_the_scores_of_the_library(words: list[str], between: str) -> None:
    text = between.join(words)

    assert OURS.polarity_scores(text) == LIBRARY.polarity_scores(text)


def test_our_own_mentions_get_the_scores_of_the_library() -> None:
    assert different(row["text"] for part in ("train", "test") for row in own_rows(part)) == []


def test_real_texts_get_the_scores_of_the_library(shared: Path) -> None:
    assert different(islice(shared_texts(shared), 0, None, 50)) == []


@pytest.mark.fuzz
@pytest.mark.timeout(600)
def test_every_real_text_gets_the_scores_of_the_library(shared: Path) -> None:
    assert different(shared_texts(shared)) == []


@pytest.mark.parametrize(
    "flood",
    ["😥", "👌", "😶😍", "💓🛑", "good but ", "no ok ", "NOT good ", "very😍", "kind of the shit ", "!", "a", "ok "],
)
def test_no_flood_makes_it_slow(flood: str) -> None:
    text = (flood * 10_000)[:10_000]

    def seconds() -> float:
        start = time.process_time()
        OURS.polarity_scores(text)
        return time.process_time() - start

    assert min(seconds() for _ in range(3)) < 0.05  # 0.012 s at most where measured; the library takes minutes


def test_what_it_remembers_is_bounded() -> None:
    fresh = Vader()

    for block in range(30):
        fresh.polarity_scores(" ".join(f"word{block}x{number}" for number in range(1_000)) + "x" * 10_000 + "n't good")

    assert len(fresh._words) <= vader.MOST_WORDS
    assert max(map(len, fresh._words)) <= vader.LONGEST_WORD
    assert fresh.polarity_scores("don't BAD but good") == LIBRARY.polarity_scores("don't BAD but good")
