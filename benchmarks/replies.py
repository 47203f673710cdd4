"""`python -m benchmarks.replies`: how drafts fare on the reply cases beside the project, and what each rule catches."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.measuring import percentile
from benchmarks.reply_cases import BUSINESSES, CASES, Answered, Row, answer, business, case_of, halves
from benchmarks.rules import report_rules
from benchmarks.texts import NOW
from listener.analysis.assessing import Assessor
from listener.analysis.reader import TextReader
from listener.batch import LANGUAGES
from listener.logs import start_logging
from responders.drafting.base import Case
from responders.drafting.engine import Engine
from responders.drafting.packs import pack_of
from responders.drafting.words import stem, telling, words

#: The same complaint in each language that has phrases.
WAITED = {
    "en": "I waited 40 minutes for a coffee and it was cold.",
    "de": "Ich habe 40 Minuten auf einen Kaffee gewartet, und er war kalt.",
    "es": "Esperé 40 minutos por un café y estaba frío.",
    "fr": "J'ai attendu 40 minutes pour un café et il était froid.",
    "it": "Ho aspettato 40 minuti per un caffè ed era freddo.",
}
#: How rare the words are that a reply repeats of a mention.
Echo = Callable[[str, str], float]


def share(hits: int, of: int, aim: str = "") -> str:
    """A share with its Wilson interval (95 %)."""
    if not of:
        return "none"
    z, p = 1.96, hits / of
    middle, half = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    low, high = (middle - half) / (1 + z * z / of), (middle + half) / (1 + z * z / of)
    return f"{hits}/{of} = {p:.0%} ({low:.0%}–{high:.0%})" + (f"  [aim: {aim}]" if aim else "")


def mentions(text: str, term: str, language: str) -> bool:
    """Whether `text` holds every word of `term`, in any form and with "mins" for "minutes"."""
    pack = pack_of(language)

    def stems(said: str) -> set[str]:
        return {stem(pack.speech.units.get(word, (word,))[0], pack) for word in words(said.replace("-", " "), pack)}

    return term.lower() in text.lower() or (bool(stems(term)) and stems(term) <= stems(text))


def report(name: str, answered: Sequence[Answered], echo: Echo) -> None:
    """Prints what the issue asks for, of one half."""
    english = [each for each in answered if each.row.language == "en" and each.row.kind != "crisis"]
    crises = [each for each in answered if each.row.kind == "crisis"]
    complained = [
        each
        for each in english
        if each.draft and each.row.kind in ("complaint", "mixed") and not each.case.business.business.regulated
    ]
    terms = [(each, term) for each in answered for term in each.row.must_mention or () if not each.row.real]
    ours = [(each, term) for each, term in terms if each.row.language in LANGUAGES]
    held = [mentions(each.draft, term, each.row.language) for each, term in terms]
    held_ours = [mentions(each.draft, term, each.row.language) for each, term in ours]
    print(f"\n{name}")
    lines = {
        "abstained, English without crises": share(sum(not each.draft for each in english), len(english), "≤ 10 %"),
        "crises that went to the owner": share(sum(e.answer.for_owner for e in crises), len(crises), "all"),
        "complaints' drafts that name the point": share(sum(map(_names, complained)), len(complained), "≥ 95 %"),
        "must_mention, written": share(sum(held), len(held), "≥ 0.6"),
        "must_mention, written in en de es fr it": share(sum(held_ours), len(held_ours)),
        "a draft, p50 and p99 (ms of CPU)": " and ".join(
            f"{percentile([e.took for e in answered], at):.1f}" for at in (0.5, 0.99)
        )
        + "  [aim: p99 < 20]",
        "words, drafts and references (median)": _lengths(english),
        "echo against real replies, English": _echoes(english, echo),
    }
    for what, figure in lines.items():
        print(f"  {what:<42} {figure}")


def _names(each: Answered) -> bool:
    """Whether the draft repeats a word of the mention that names something."""
    pack = pack_of(each.row.language)
    terms = each.row.must_mention or ()
    named = any(mentions(each.draft, term, each.row.language) for term in terms)
    return named or bool(telling(each.draft, pack) & telling(each.row.mention, pack))


def _lengths(answered: Sequence[Answered]) -> str:
    said = []
    for kind in ("complaint", "praise", "question"):
        drafts = [len(each.draft.split()) for each in answered if each.row.kind == kind and each.draft]
        theirs = [len(each.row.reference_reply.split()) for each in answered if each.row.kind == kind]
        said.append(f"{kind} {median(drafts or [0]):.0f} and {median(theirs or [0]):.0f}")
    return ", ".join(said)


def _echoes(answered: Sequence[Answered], echo: Echo) -> str:
    """How often the draft repeats more of the mention's rare words than the real reply did; without a draft, nothing."""
    real = [each for each in answered if each.row.real and each.row.reference_complete]
    pairs = [(echo(each.draft, each.row.mention), echo(each.row.reference_reply, each.row.mention)) for each in real]
    more, less = sum(ours > theirs for ours, theirs in pairs), sum(ours < theirs for ours, theirs in pairs)
    echoes = [median(side) for side in zip(*pairs, strict=True)] if pairs else [0, 0]
    return f"more {more}, alike {len(pairs) - more - less}, less {less}; median {echoes[0]:.1f} and {echoes[1]:.1f}"


def echo_among(rows: Sequence[Row]) -> Echo:
    """How much a reply repeats of a mention, each word counted by how rare it is among `rows` (idf)."""
    pack = pack_of("en")
    count = Counter(word for row in rows for word in telling(row.mention, pack))

    def rarity(reply: str, mention: str) -> float:
        shared = telling(reply, pack) & telling(mention, pack)
        return sum(math.log(len(rows) / (1 + count[word])) for word in shared)

    return rarity


async def measure() -> None:
    """Prints everything."""
    working, untouched = halves(CASES)
    engine, assessor = Engine(TextReader(LANGUAGES)), Assessor(LANGUAGES)
    for file in BUSINESSES.glob("*.toml"):  # loads languages and businesses, which are read once
        for language, text in WAITED.items():
            judged = assessor.assess(text, language=language)
            await engine.draft(Case(business(file.stem), text, "mastodon", judged, NOW))
    answered = [await answer([(row, case_of(row, assessor)) for row in rows], engine) for rows in (working, untouched)]
    echo = echo_among([*working, *untouched])
    for name, half in zip(("working", "untouched"), answered, strict=True):
        report(f"{len(half)} {name} cases", half, echo)
    await report_rules(answered[0], engine)


if __name__ == "__main__":
    start_logging("error")
    if CASES.exists():
        asyncio.run(measure())
    else:
        print("The reply cases (../shared/data/replies) are not beside the project, so nothing was measured.")
