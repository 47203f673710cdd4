"""The texts that the tables are trained and measured on, and the split that keeps them apart."""

from __future__ import annotations

import gzip
import hashlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / "tools" / "train" / "data"
SHARED = ROOT.parent / "shared" / "data"

_LANGUAGES = ("de", "es", "fr", "it")

POLARITIES = ("negative", "neutral", "positive")

#: GoEmotions' feelings by the side they are on; rows with feelings of both sides are left out.
_GOOD = {
    *("admiration", "amusement", "approval", "caring", "desire", "excitement", "gratitude", "joy", "love", "optimism"),
    *("pride", "relief"),
}
_BAD = {
    *("anger", "annoyance", "disappointment", "disapproval", "disgust", "embarrassment", "fear", "grief"),
    *("nervousness", "remorse", "sadness"),
}

#: Human means (-4 to 4) nearer to zero than this are neutral.
_PLAIN_MEAN = 0.6


@dataclass(frozen=True, slots=True)
class Row:
    """One text with what is known of it: its polarity, the human mean of its intensity (-1 to 1), our own labels."""

    text: str
    source: str
    english: bool = True
    polarity: str = ""
    intensity: float | None = None
    own: dict[str, Any] = field(default_factory=dict)

    @property
    def held_out(self) -> bool:
        """Whether no training may see it: one tweet in ten, by a hash of its letters and digits."""
        return share(self.text) < 0.1


def share(text: str) -> float:
    """A number from 0 to 1 that is the same for texts that differ in case, spaces and punctuation only."""
    letters = "".join(character for character in text.lower() if character.isalnum())
    return int.from_bytes(hashlib.sha256(letters.encode("utf-8", "replace")).digest()[:4], "big") / 2**32


def own_rows(part: str) -> list[dict[str, Any]]:
    """Our own labelled mentions: `part` is "train" or "test"; the labels are explained in `data/GUIDE.md`."""
    return [
        json.loads(line)
        for path in sorted(OWN.glob(f"{part}_*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]


def ours(part: str) -> list[Row]:
    """Our own mentions as rows."""
    return [Row(each["text"], "own", each["language"] == "en", each["polarity"], own=each) for each in own_rows(part)]


def phrases() -> list[Row]:
    """Short ways of saying things (`phrases.toml`), with the labels that they are sure of."""
    tables = tomllib.loads((OWN.parent / "phrases.toml").read_text(encoding="utf-8"))
    return [
        Row(
            text,
            "phrase",
            table not in _LANGUAGES and text.isascii(),
            _SIDE.get(kind, "negative"),
            own=_of_phrase(table, kind),
        )
        for table, kinds in tables.items()
        for kind, texts in kinds.items()
        for text in texts
    ]


#: On which side a phrase is, by its kind; every other kind is trouble.
_SIDE = {
    "praise": "positive",
    **dict.fromkeys(("question", "suggestion", "purchase", "opportunity", "spam", "other"), "neutral"),
}


def _of_phrase(table: str, kind: str) -> dict[str, Any]:
    """The labels of a phrase; what is said in [harmless] wants many things, so that its intent is left open."""
    if kind in _SIDE or kind == "complaint":
        wants = {} if table == "harmless" and kind == "other" else {"intent": kind}
        return {**wants, "complains": kind == "complaint", "severity": [], "level": "none"}
    return {
        "intent": "complaint",
        "complains": True,
        "severity": [kind],
        "level": "notice" if kind == "leaving" else "high",
    }


def shared_set(name: str) -> Iterator[dict[str, Any]]:
    """The rows of one set that lies beside the project."""
    with gzip.open(SHARED / name / "dev.jsonl.gz", "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def tweets() -> list[Row]:
    """TweetEval's sentiment."""
    return [Row(each["text"], "tweeteval", True, each["label"]) for each in shared_set("tweeteval_sentiment")]


def many_languages() -> list[Row]:
    """Tweets in eight languages (xlmt)."""
    return [
        Row(each["text"], f"xlmt {each['lang']}", each["lang"] == "english", each["label"])
        for each in shared_set("xlmt_sentiment")
    ]


def airline() -> list[Row]:
    """Tweets to airlines: measured on, never trained on."""
    return [Row(each["text"], "airline", True, each["label"]) for each in shared_set("airline")]


def free_sets() -> list[Row]:
    """The sets whose licence allows a shipped model without reservation: GoEmotions, UCI's sentences, VADER's ratings."""
    rows = [Row(each["text"], "uci", True, each["label"]) for each in shared_set("uci_sentences")]
    for each in shared_set("goemotions"):
        feelings = set(each["label"])
        good, bad = bool(feelings & _GOOD), bool(feelings & _BAD)
        if good != bad or feelings == {"neutral"}:
            side = "positive" if good else "negative" if bad else "neutral"
            rows.append(Row(each["text"], "goemotions", True, side))
    for each in shared_set("vader_ground_truth"):
        mean = each["mean"]
        side = "neutral" if abs(mean) < _PLAIN_MEAN else "positive" if mean > 0 else "negative"
        rows.append(Row(each["text"], f"ratings {each['source']}", True, side, mean / 4))
    return rows
