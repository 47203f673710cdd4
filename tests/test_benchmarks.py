"""The benchmarks measure what they say; how fast it is, no test asserts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import PARTS, main
from benchmarks.measuring import Spread, compared, percentile
from benchmarks.reply_cases import BUSINESSES, business, business_of, halves

TINY = ["--rounds", "1", "--texts", "200", "--mentions", "1200", "--idle", "1"]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # the PostgreSQL package warns about a missing XDG_RUNTIME_DIR
def test_every_part_prints_its_ratios_and_writes_them_down(
    part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"

    main([part, *TINY, "--out", str(out)])

    figures = json.loads(out.read_text(encoding="utf-8"))["figures"]
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"{part} ")]
    assert len(lines) == len(figures) > 0
    assert all(" × " in line and figure["baseline"] in line for line, figure in zip(lines, figures, strict=True))
    assert all(figure["part"] == part and figure["unit"] for figure in figures)


def test_a_ratio_compares_both_sides_of_the_same_round() -> None:
    figure = compared("drafts", "a draft", "ms", [2.0, 40.0, 6.0], "judging it", [1.0, 10.0, 3.0])

    assert figure.value == Spread(6.0, 2.0, 40.0)
    assert figure.ratio == Spread(2.0, 2.0, 4.0)


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(100, 0, -1)]

    found = [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)]

    assert found == [1.0, 51.0, 100.0, 100.0]


@pytest.mark.parametrize("file", sorted(BUSINESSES.glob("*.toml")), ids=lambda file: file.stem)
def test_every_business_of_the_reply_cases_can_be_read(file: Path) -> None:
    told = business(file.stem)

    assert told.business.products
    assert told.voice.sign_off
    assert told.places[0].contact


def test_every_reply_case_has_a_business_that_answers_it(shared: Path) -> None:
    working, untouched = halves(shared / "data" / "replies" / "dev.jsonl")

    answering = {business_of(row).id for row in (*working, *untouched)}

    assert (len(working), len(untouched)) == (160, 40)
    assert answering == {file.stem for file in BUSINESSES.glob("*.toml")}
