"""How long the embedded drafter takes for one draft."""

from __future__ import annotations

import time

from benchmarks.measuring import SHARES, Figure, Say, Scale, compared, percentile
from benchmarks.texts import NOW, bakery, texts
from connectors.base import Limit
from connectors.lengths import Counter
from listener.analysis.assessing import Assessor
from listener.analysis.reader import TextReader
from responders.drafting.base import Case
from responders.drafting.engine import Engine

#: Of so many texts, one is drafted for.
EACH = 10


async def measure(scale: Scale, say: Say) -> list[Figure]:
    """CPU time of a draft, checks included, beside that of judging the same text."""
    business, assessor = bakery(), Assessor(["de", "en"])
    drafter = Engine(TextReader(("de", "en")))
    said = texts(max(scale.texts // EACH, 20), seed=3)
    limits = (Limit(Counter.CHARACTERS, 500),)
    cases = [
        Case(business, text, "mastodon", assessor.assess(text), NOW, limits=limits, author="Ana", signer="Mia")
        for text in said
    ]
    for case in cases[:20]:  # loads the phrases and the languages
        await drafter.draft(case)
    ours: dict[float, list[float]] = {share: [] for share in SHARES}
    theirs: dict[float, list[float]] = {share: [] for share in SHARES}
    for number in range(scale.rounds):
        say(f"drafts, round {number + 1} of {scale.rounds}")
        judging, drafting = [], []
        for case in cases:
            began = time.process_time()
            assessor.assess(case.mention)
            middle = time.process_time()
            await drafter.draft(case)
            judging.append((middle - began) * 1e3)
            drafting.append((time.process_time() - middle) * 1e3)
        for share in SHARES:
            ours[share].append(percentile(drafting, share))
            theirs[share].append(percentile(judging, share))
    return [
        compared(
            "drafts", f"a draft, p{share * 100:.0f}", "ms of CPU", ours[share], "judging it", theirs[share], target
        )
        for share, target in zip(SHARES, ("", "≤ 20 ms"), strict=True)
    ]
