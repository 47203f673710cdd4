"""The lists of words: that they fit together, and what an idiom hides."""

from __future__ import annotations

import re

from listener.analysis.folding import Folded
from listener.analysis.lexicon import BEGINNING, Lexicon
from storage.assessment import Emotion, SeverityKind, SeverityLevel, Topic


def test_every_pattern_names_a_list_that_exists() -> None:
    tables = Lexicon().tables

    named = [re.findall(r"\{(\w+)\}", pattern) for rule in tables["severity"] for pattern in rule["patterns"]]

    assert all(named)  # a pattern without a list would be tried on every text
    assert {name for each in named for name in each} == set(tables["severe"])


def test_every_label_is_one_that_the_rest_knows() -> None:
    tables = Lexicon().tables

    assert {SeverityKind(rule["kind"]) for rule in tables["severity"]} == set(SeverityKind)
    assert {rule["level"] for rule in tables["severity"]} <= {level.word for level in SeverityLevel}
    assert set(tables["topic"]) == {topic.value for topic in Topic} - {"other"}
    assert set(tables["emotion"]) <= {emotion.value for emotion in Emotion}


def test_every_phrase_says_something() -> None:
    lists = [phrases for lists in Lexicon().tables.values() if isinstance(lists, dict) for phrases in lists.values()]

    assert [phrase for phrases in lists for phrase in phrases if not Folded(phrase).words] == []


def test_an_idiom_hides_the_words_inside_it_and_nothing_else() -> None:
    reading = Lexicon().read("so sue me, but I will sue")

    assert len(reading.hits["severe.court"]) == 1
    assert reading.hay.endswith(" will sue ")


def test_the_end_of_a_very_long_text_is_read() -> None:
    reading = Lexicon().read("word " * BEGINNING + "found mice")

    assert "severe.vermin" in reading.hits
