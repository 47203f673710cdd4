"""`warmline assess` and `warmline draft`: JSON lines in, JSON lines out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from listener import batch

WARMLINE = Path(sys.executable).with_name("warmline")
EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "example.toml"


def run(*arguments: str | Path, lines: str) -> tuple[int, list[dict[str, Any]], str]:
    done = subprocess.run([WARMLINE, *arguments], input=lines, capture_output=True, text=True, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_assess_answers_in_the_same_order_with_exactly_its_keys() -> None:
    rows = [
        {"id": "b", "text": "Found a hair in her cake.", "rating": 2, "platform": "google"},
        {"text": "Lovely bread, thank you!"},
        {"id": 7, "text": "Das Brot war gestern leider ganz trocken und hart.", "language": "de"},
    ]

    status, answers, _ = run("assess", lines="\n".join(map(json.dumps, rows)))

    assert status == 0
    assert [answer["id"] for answer in answers] == ["b", None, 7]
    assert {tuple(answer) for answer in answers} == {
        (
            *("id", "language", "sentiment", "polarity", "confidence", "emotion"),
            *("intent", "severity", "topics", "reasons", "model"),
        )
    }
    assert answers[0]["severity"]["level"] == "high"
    assert answers[0]["intent"] == "complaint"


def test_draft_answers_in_the_same_order_with_exactly_its_keys() -> None:
    rows = [
        {"id": 1, "mention": "I waited 40 minutes for a cinnamon bun.", "platform": "google", "rating": 1},
        {"id": 2, "mention": "The sourdough is wonderful, thank you!", "platform": "mastodon", "author": "Ana"},
        {"id": 3, "mention": "My son had an allergic reaction and is in hospital.", "platform": "google"},
    ]

    status, answers, _ = run("draft", "--business", EXAMPLE, lines="\n".join(map(json.dumps, rows)))

    assert status == 0
    assert [answer["id"] for answer in answers] == [1, 2, 3]
    assert {tuple(answer) for answer in answers} == {
        ("id", "draft", "route", "reasons", "checks", "promises", "skeleton")
    }
    assert answers[2]["route"] == "owner"


def test_a_line_that_cannot_be_read_gets_its_error_in_its_place() -> None:
    lines = '{"text": "Good."}\nnot json\n{"id": 3}\n{"id": 4, "text": "Bad.", "rating": "many"}\n{"text": "End."}'

    status, answers, told = run("assess", lines=lines)

    assert status == 1
    assert ["error" in answer for answer in answers] == [False, True, True, True, False]
    assert [answer["id"] for answer in answers] == [None, None, 3, 4, None]
    assert "line 2" in told
    assert "Traceback" not in told


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    status, answers, told = run("assess", tmp_path / "none.jsonl", lines="")

    assert (status, answers) == (1, [])
    assert "cannot be read" in told


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=80).filter(lambda line: b"\n" not in line and line.strip()), max_size=5))
def test_any_bytes_get_one_answer_a_line(tmp_path: Path, lines: list[bytes]) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b"\n".join(lines))

    with out.open("w", encoding="utf-8") as told:
        batch.assess(source, told)

    assert len(out.read_text(encoding="utf-8").splitlines()) == len(lines)
