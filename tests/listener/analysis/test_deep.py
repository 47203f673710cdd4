"""The deep extra reads sentences, off the event loop, the same way every time; without it nothing of it is touched."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener import checkup
from listener.analysis import deep
from listener.analysis.deep import Encoder
from listener.analysis.fewshot import Example, FewShot
from listener.analysis.opinion import SIDES, Judge, Opinion
from listener.analysis.wording import plain
from storage.assessment import Polarity, SeverityKind

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "models" / "deep"

HOSTILE = [
    "",
    " \n\t",
    "\ud800 lone \udfff",
    "😡" * 4_000,
    "x" * 100_000,
    "#sale " * 10_000,
    "a\u0301" * 5_000,
    "\u200b".join("terrible"),
    "ｂａｄ ｃａｋｅ",
    "\0\x1b[31m",
    "[CLS] [SEP] [MASK] [PAD]",
]


@pytest.fixture(scope="module")
def model() -> Iterator[Encoder]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PACKAGE))
        found = Encoder.found()
        assert found is not None
        yield found
        sys.modules.pop(deep.PACKAGE, None)


def side(opinion: Opinion) -> Polarity:
    return SIDES[opinion.polarity.index(max(opinion.polarity))]


def likely(opinion: Opinion, model: Encoder, group: str, label: str) -> float:
    return opinion.chances[group][model.labels[group].index(label)]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Collected a blue pram on Friday; the box held a green one without wheels.", Polarity.NEGATIVE),
        ("Does your workshop open on bank holidays?", Polarity.NEUTRAL),
        ("Best pasties in the county, and the lady at the till is a joy.", Polarity.POSITIVE),
    ],
)
def test_a_sentence_is_read_as_it_is_meant(model: Encoder, text: str, meant: Polarity) -> None:
    (opinion,) = model.opinions([text])

    assert side(opinion) is meant


def test_a_calm_report_of_harm_is_severe(model: Encoder) -> None:
    harmed, praised = model.opinions(
        ["Both kids threw up all night after the oysters and one is in hospital.", "Lovely oysters, see you in May!"]
    )

    assert likely(harmed, model, "severity", SeverityKind.HEALTH) > 0.5
    assert likely(praised, model, "severity", SeverityKind.HEALTH) < 0.05


def test_every_chance_lies_between_none_and_certainty(model: Encoder) -> None:
    (opinion,) = model.opinions(["How much is a wash and cut on Thursdays?"])

    assert sum(opinion.polarity) == pytest.approx(1)
    assert all(0 <= chance <= 1 for group in model.labels for chance in opinion.chances[group])
    assert {group: len(opinion.chances[group]) for group in model.labels} == {
        group: len(labels) for group, labels in model.labels.items()
    }


def test_its_labels_are_those_of_the_tables(model: Encoder) -> None:
    assert model.labels == Judge().labels


def test_the_same_text_gets_the_same_answer_in_whatever_company(model: Encoder) -> None:
    text = "Waited forty minutes and the soup was cold."

    alone, (*_, among_others) = model.opinions([text])[0], model.opinions([*HOSTILE, "Nice!", text])

    assert among_others == alone


async def test_while_a_page_is_read_in_a_thread_the_event_loop_goes_on(model: Encoder) -> None:
    reading = asyncio.create_task(asyncio.to_thread(model.opinions, ["Waited forty minutes, soup cold."] * 60))
    turns = 0

    while not reading.done():
        await asyncio.sleep(0)
        turns += 1

    assert len(reading.result()) == 60
    assert turns > 60


def test_hostile_texts_are_read_like_any_other(model: Encoder) -> None:
    assert [sum(opinion.polarity) for opinion in model.opinions(HOSTILE)] == pytest.approx([1] * len(HOSTILE))


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(), max_size=300))
def test_no_text_is_refused(model: Encoder, text: str) -> None:
    assert len(model.opinions([text])) == 1


@pytest.mark.parametrize("text", [*HOSTILE, "@a " * 5_000, "ten words 🎂 and a cake " * 5_000])
def test_of_a_long_text_a_bounded_part_is_read(text: str) -> None:
    assert len(plain(text)) < 2_000


def test_an_owners_description_decides_what_is_near_to_a_kind(model: Encoder) -> None:
    text = ["They gave my seat in the choir to somebody else."]
    own = Encoder.found({SeverityKind.LEAVING: "Somebody lost their seat in the choir."})
    assert own is not None

    ours, theirs = model.opinions(text)[0], own.opinions(text)[0]

    near = dict(
        zip(SeverityKind, zip(ours.chances[deep.DESCRIBED], theirs.chances[deep.DESCRIBED], strict=True), strict=True)
    )
    assert near[SeverityKind.LEAVING][1] > near[SeverityKind.LEAVING][0] + 0.2
    assert near[SeverityKind.LEGAL][1] == near[SeverityKind.LEGAL][0]
    leaving = [likely(opinion, model, "severity", SeverityKind.LEAVING) for opinion in (ours, theirs)]
    assert leaving[1] > leaving[0]


def test_a_few_taps_teach_it_which_flour_is_meant(model: Encoder) -> None:
    ours = [
        "Flour does the best sourdough in town",
        "Queue out of the door at Flour again",
        "Flour on Mill Lane is open",
    ]
    others = ["add the flour and two eggs", "plain flour is sold out everywhere", "sieve flour before you bake"]
    learned = FewShot.fit(
        [Example(text, True) for text in ours] + [Example(text, False) for text in others], model.meanings
    )
    assert learned is not None

    bakery, recipe = learned.predict(["Met Ana at Flour for coffee and a bun", "mix 200 g of flour with butter"])

    assert bakery > 0.5 > recipe


def test_check_says_whether_it_is_on(model: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    on = checkup.understanding()
    monkeypatch.setattr(deep, "PACKAGE", "warmline_deep_that_is_not_there")
    off = checkup.understanding()

    assert on.says == f"the tables and the deep extra ({deep_version()})"
    assert off.says == "the tables; the deep extra is not installed"


def deep_version() -> str:
    return str(sys.modules["warmline_deep"].__version__)


def test_without_the_package_nothing_is_found_and_nothing_imported() -> None:
    ask = (
        "import sys; from listener.analysis.deep import Encoder; "
        "assert Encoder.found() is None; "
        "sys.exit(bool({'onnxruntime', 'tokenizers'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, check=False, timeout=60)

    assert done.returncode == 0


def test_pictures_and_handles_are_read_by_what_they_say() -> None:
    assert plain("@crumb_bakery 🎉 see https://crumb.example/x") == "@user  party popper  see http"
