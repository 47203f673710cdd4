"""What each frame hears, and what it must not hear: three hits and two near misses for every one of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from responders.drafting.frames import said
from responders.drafting.packs import Frame, packs
from responders.drafting.slots import Line
from tests.responders.drafting.cases import case

HEARD = tomllib.loads(Path(__file__).with_name("frames").joinpath("en.toml").read_text("utf-8"))
FRAMES = {"complaint": packs()["en"].frames, "praise": packs()["en"].praises}


def speaks(frame: Frame, sentence: str) -> bool:
    pack = packs()["en"]
    denied, line = pack.find("denied"), Line(sentence, case(sentence), pack, "", "")
    matches = (match for search in frame.searches for match in search.finditer(sentence))
    return any(said(frame, line.fill(match)) for match in matches if not denied.search(sentence[: match.start()][-30:]))


@pytest.mark.parametrize(("of", "frame"), [(of, frame) for of, frames in FRAMES.items() for frame in frames])
def test_a_frame_hears_its_trouble_and_not_what_only_looks_like_it(of: str, frame: Frame):
    hits, near_misses = HEARD[of][frame.name]

    assert [sentence for sentence in hits if not speaks(frame, sentence)] == []
    assert [sentence for sentence in near_misses if speaks(frame, sentence)] == []
    assert (len(hits), len(near_misses)) == (3, 2)


@pytest.mark.parametrize("of", list(FRAMES))
def test_no_frame_is_without_its_sentences(of: str):
    assert sorted(HEARD[of]) == sorted(frame.name for frame in FRAMES[of])


def test_every_kind_of_trouble_is_used():
    pack = packs()["en"]

    assert set(pack.families) == {frame.family for frame in pack.frames}


def test_phrases_fit_into_a_sentence():
    pack = packs()["en"]

    odd = [says for frame in (*pack.frames, *pack.praises) for says in frame.says if re.search(r"[.!?]$|^[A-Z]", says)]

    assert odd == []
