"""`python -m benchmarks.understanding`: how well mentions are understood, beside VADER on the same rows, and how fast.

Every figure is on rows that no training saw: one tweet in ten by a hash of
its text (TweetEval, xlmt), the airline tweets whole, our own test part.
Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from statistics import median
from typing import Any, NamedTuple, TypeVar

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from benchmarks import mentions
from benchmarks.matching import matcher
from listener.analysis.assessing import Asked, Assessor
from listener.analysis.deep import Encoder
from listener.analysis.duplicates import Window
from listener.analysis.opinion import Opinion
from listener.analysis.personal_data import personal_data
from listener.analysis.vader import Vader
from storage.assessment import Assessment, SeverityKind
from tools.train import rows
from tools.train.rows import POLARITIES, Row

#: The languages of our own rows.
LANGUAGES = ("en", "de", "es", "fr", "it")

#: The emoji whose floods cost most, and words that make the library slow.
FLOODS = ("😥", "👌", "😶😍", "good but ", "no ok ", "NOT good ", "very😍", "kind of the shit ")

_PATH_TEXTS, _ROUNDS, _TERMS = 4_000, 5, 1_000

#: So many texts are judged at once, as when a history is judged anew.
_SLICE = 50

Given = TypeVar("Given")

_MEMORY = """
import re, time
from pathlib import Path
start = time.perf_counter()
from listener.analysis.assessing import Assessor
assessor = Assessor({languages!r})
assessor.assess("We waited an hour, and the soup was cold. Never again!")
print(time.perf_counter() - start)
for number in range(20_000):
    assessor.assess(f"We waited {{number}} minutes for word{{number}}, and the soup{{number * 7}} was cold.")
# What the system counts for a child begins with what its parent held; this is the child's own.
print(int(re.search("VmHWM: *([0-9]+)", Path("/proc/self/status").read_text().replace("\\t", " "))[1]) / 1024)
"""


class Share(NamedTuple):
    """So many of so many."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        """The share itself."""
        return self.hits / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval (Wilson, 1927)."""
        if not self.count:
            return 0.0, 1.0
        z = 1.96
        middle = (self.value + z * z / (2 * self.count)) / (1 + z * z / self.count)
        reach = z * (self.value * (1 - self.value) / self.count + z * z / (4 * self.count**2)) ** 0.5
        reach /= 1 + z * z / self.count
        return middle - reach, middle + reach

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.3f} ({low:.3f}–{high:.3f})"


def share(truths: Iterable[bool]) -> Share:
    """How many of them hold."""
    known = list(truths)
    return Share(sum(known), len(known))


class Deeper(Assessor):
    """The tables together with the deep extra of `models/deep`."""

    def __init__(self, languages: Iterable[str]) -> None:
        sys.path.append(str(rows.ROOT / "models" / "deep"))
        super().__init__(languages, Encoder.found())

    def assess(self, text: str, *, second: Opinion | None = None, **known: Any) -> Assessment:
        """What both make of it."""
        return super().assess(text, second=second or self.think([text])[0], **known)


def main() -> None:
    """Measures and prints everything; with `--deep`, what the tables and the deep extra find together."""
    library = SentimentIntensityAnalyzer()
    if "--deep" in sys.argv[1:]:
        _deep(library)
        return
    assessor = Assessor(LANGUAGES)
    print(f"{assessor.model}; each beside VADER on the same rows")
    _polarity("TweetEval, held out, macro-recall", [r for r in rows.tweets() if r.held_out], assessor, library, 0.645)
    _polarity("airline, never trained on, macro-recall", rows.airline(), assessor, library, 0.69)
    many = [row for row in rows.many_languages() if row.held_out]
    for source in sorted({row.source for row in many}):
        _f1(source, [row for row in many if row.source == source], assessor, library)
    _f1("eight languages, macro-F1", many, assessor, library, 0.55)
    _ours(assessor, library)
    print(mentions.report())
    _identical(library)
    _speed(assessor, library)
    _start()


def _deep(library: SentimentIntensityAnalyzer) -> None:
    """What the deep extra adds, in English: the rest is as without it."""
    assessor = Deeper(LANGUAGES)
    print(f"{assessor.model} and {assessor.deep.name if assessor.deep else 'no deep extra'}; each beside VADER")
    _polarity("TweetEval, held out, macro-recall", [r for r in rows.tweets() if r.held_out], assessor, library, 0.70)
    _polarity("airline, never trained on, macro-recall", rows.airline(), assessor, library, 0.735)
    _ours(assessor, library)
    texts = [row.text for row in rows.airline()[:_PATH_TEXTS]]
    _say(
        "the deep extra alone, texts per CPU-second",
        f"{len(texts) / _seconds(lambda text: assessor.think([text]), texts):,.0f}",
    )


def _say(what: str, ours: object, vader: object = "", target: str = "") -> None:
    print(f"{what:<52} {ours!s:>22}  {vader!s:>22}  {target}", flush=True)


def by_vader(library: SentimentIntensityAnalyzer, text: str) -> str:
    """VADER's polarity, with its own thresholds."""
    compound = library.polarity_scores(text)["compound"]
    return "positive" if compound >= 0.05 else "negative" if compound <= -0.05 else "neutral"


def _recall(truth: Sequence[str], said: Sequence[str]) -> str:
    """The mean over the classes, with an interval from each class's own."""
    shares = [share(s == side for t, s in zip(truth, said, strict=True) if t == side) for side in POLARITIES]
    reach = sum(((high - low) / 2) ** 2 for low, high in (each.interval for each in shares)) ** 0.5 / len(shares)
    mean = sum(each.value for each in shares) / len(shares)
    return f"{mean:.3f} ({mean - reach:.3f}–{mean + reach:.3f})"


def _polarity(
    what: str, known: Sequence[Row], assessor: Assessor, library: SentimentIntensityAnalyzer, target: float
) -> None:
    truth = [row.polarity for row in known]
    ours = [assessor.assess(row.text).polarity.value for row in known]
    _say(
        f"{what} ({len(known)})",
        _recall(truth, ours),
        _recall(truth, [by_vader(library, row.text) for row in known]),
        f"≥ {target}",
    )


def _macro_f1(truth: Sequence[str], said: Sequence[str]) -> float:
    both = list(zip(truth, said, strict=True))
    hits = [sum(t == s == side for t, s in both) for side in POLARITIES]
    of = [sum((t == side) + (s == side) for t, s in both) for side in POLARITIES]
    return sum(2 * hit / max(count, 1) for hit, count in zip(hits, of, strict=True)) / len(POLARITIES)


def _f1(
    what: str, known: Sequence[Row], assessor: Assessor, library: SentimentIntensityAnalyzer, target: float = 0.0
) -> None:
    truth = [row.polarity for row in known]
    codes = {"arabic": "ar", "hindi": "hi", "portuguese": "pt", "english": "en", "french": "fr", "german": "de"}
    codes |= {"italian": "it", "spanish": "es"}
    ours = [assessor.assess(row.text, language=codes[row.source.split()[1]]).polarity.value for row in known]
    vader = _macro_f1(truth, [by_vader(library, row.text) for row in known])
    _say(f"{what} ({len(known)})", f"{_macro_f1(truth, ours):.3f}", f"{vader:.3f}", f"≥ {target}" if target else "")


def _ours(assessor: Assessor, library: SentimentIntensityAnalyzer) -> None:
    test = rows.own_rows("test")
    judged = [assessor.assess(row["text"], language=row["language"]) for row in test]
    both = list(zip(test, judged, strict=True))
    vader = [by_vader(library, row["text"]) for row in test]
    _say(
        f"our own test part, polarity ({len(test)})",
        share(row["polarity"] == each.polarity for row, each in both),
        share(row["polarity"] == said for row, said in zip(test, vader, strict=True)),
        "≥ 0.65",
    )
    for language in LANGUAGES:
        some = [(row, each) for row, each in both if row["language"] == language]
        _say(f"  in {language}", share(row["polarity"] == each.polarity for row, each in some))
    _say(
        "complaints called positive",
        share(each.polarity == "positive" for row, each in both if row["intent"] == "complaint"),
        share(said == "positive" for row, said in zip(test, vader, strict=True) if row["intent"] == "complaint"),
        "≤ 0.05",
    )
    _labels(both)


def _labels(both: Sequence[tuple[dict[str, object], Assessment]]) -> None:
    found = share(each.intent == "complaint" for row, each in both if row["factual"])
    wrong = share(each.intent == "complaint" for row, each in both if row["intent"] != "complaint")
    _say("factual complaints found", found, "", "≥ 0.80")
    _say("  others called complaints", wrong, "", "≤ 0.05")
    for kind in SeverityKind:
        hit = share(kind in each.severity.kinds for row, each in both if kind in list(row["severity"]))  # type: ignore[call-overload]
        miss = share(kind in each.severity.kinds for row, each in both if kind not in list(row["severity"]))  # type: ignore[call-overload]
        _say(f"severity {kind} found", hit, "", "≥ 0.85")
        _say("  false alarms", miss, "", "≤ 0.10")
    for label in ("intent", "emotion"):
        _say(f"{label} right", share(row[label] == getattr(each, label).value for row, each in both))
    hits = sum(len(set(each.topics) & set(row["topics"])) for row, each in both)  # type: ignore[call-overload]
    of = sum(len(each.topics) + len(row["topics"]) for row, each in both)  # type: ignore[arg-type]
    _say("topics, micro-F1", f"{2 * hits / of:.3f}")


def _seconds(work: Callable[[Given], object], given: Sequence[Given]) -> float:
    start = time.process_time()
    for each in given:
        work(each)
    return time.process_time() - start


def _identical(library: SentimentIntensityAnalyzer) -> None:
    ours = Vader()
    texts = [row.text for row in (*rows.tweets(), *rows.airline(), *rows.many_languages(), *rows.free_sets())]
    texts += [row["text"] for part in ("train", "test") for row in rows.own_rows(part)]
    different = sum(ours.polarity_scores(text) != library.polarity_scores(text) for text in texts)
    _say(f"VADER's scores that differ ({len(texts)} texts)", different, "", "0")
    tweets = [row.text for row in rows.tweets()[:12_000]]
    ratios = [
        _seconds(library.polarity_scores, tweets) / _seconds(ours.polarity_scores, tweets) for _ in range(_ROUNDS)
    ]
    _say("VADER's scores of tweets, times as fast", f"{median(ratios):.2f}", "", "≥ 2.5")
    worst = max(
        (min(_seconds(ours.polarity_scores, [(flood * 10_000)[:10_000]]) for _ in range(_ROUNDS)), flood)
        for flood in FLOODS
    )
    _say(f"the slowest 10,000 characters ({worst[1]})", f"{worst[0] * 1000:.1f} ms", "", "≤ 10 ms")


def _speed(assessor: Assessor, library: SentimentIntensityAnalyzer) -> None:
    """The whole path of a text: queries with 1,000 names, language, duplicates, personal data, every label."""
    texts = [row.text for row in rows.airline()[:_PATH_TEXTS]]
    find = matcher(_TERMS // 3 + 1)

    window, numbers = Window(), count()

    def path(some: Sequence[str]) -> None:
        for text in some:
            find.match(text)
        for text in some:
            window.first_of(("bench", str(next(numbers))), text)
        for text in some:
            personal_data(text)
        assessor.assess_all([Asked(text) for text in some])

    gc.collect()
    gc.freeze()
    slices = [texts[at : at + _SLICE] for at in range(0, len(texts), _SLICE)]
    _seconds(path, slices)
    for what, parts in (("in slices", slices), ("one by one", [[text] for text in texts])):
        rounds = [(_seconds(path, parts), _seconds(library.polarity_scores, texts)) for _ in range(_ROUNDS)]
        ours, theirs = (median(len(texts) / seconds for seconds in each) for each in zip(*rounds, strict=True))
        ratio = median(vader / whole for whole, vader in rounds)
        _say(f"whole path, {what}, texts per CPU-second", f"{ours:,.0f}", f"{theirs:,.0f}", "")
        _say("  as a share of VADER alone", f"{ratio:.2f}", "", "≥ 0.25" if parts is slices else "")


def _start() -> None:
    code = _MEMORY.format(languages=LANGUAGES)
    started, memory = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    _say("cold start", f"{float(started):.2f} s", "", "< 1 s")
    _say("memory of the path", f"{float(memory):.0f} MB", "", "≤ 130 MB")


if __name__ == "__main__":
    main()
