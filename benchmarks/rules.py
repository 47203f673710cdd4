"""What each rule of the drafts catches: false alarms, misses, and what would become of drafts without it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.reply_cases import Answered, answer
from responders.drafting import checks
from responders.drafting.base import Case, Level
from responders.drafting.engine import Engine
from tests.responders.drafting.cases import FakeReader
from tests.responders.drafting.counter_examples import COUNTER_EXAMPLES
from tests.responders.drafting.counter_examples import case as example

#: Rules that look at a sentence, whatever stands around it; so a bad sentence can be planted into a good reply.
OF_SENTENCES = {
    "leftover", "personal data", "asks for data", "offer", "no apology", "blames", "asks for review", "argues", "link",
    "deed", "promise", "stock phrase", "never say", "contact", "contact on Google", "number",
}  # fmt: skip
#: Rules that look at how a text begins or ends, or at how long it is.
OF_THE_WHOLE = {"empty", "length", "opening", "unsigned"}
GOOD = "The 40-minute wait for a cold flat white – I'm sorry. {} I'm looking into it today. – Mia"


def unmasked(each: Answered) -> str:
    """The reference, signed by us, with links and contacts of the business's own where the case masks them."""
    who = each.case.business
    put = {"staff": who.voice.sign_off, "signed": who.voice.sign_off, "contact": who.places[0].contact}
    put |= {"link": f"https://{who.places[0].contact.split('@')[-1]}/help", "email": who.places[0].contact}
    put |= {"phone": who.places[0].phone, "name": "", "customer": "", "id": ""}
    said = re.sub(r"[\w.]+@[\w.]+\.example", "[contact]", each.row.reference_reply)
    said = re.sub(r"\[(\w+)\]", lambda found: put.get(found[1], found[0]), said)
    return re.sub(r"[–—-] ?[A-Z]\w+[^.!?\n]{0,30}$", f"– {who.voice.sign_off}", said)


@contextmanager
def without(rule: checks.Rule) -> Iterator[None]:
    """The table without this rule, for as long as the block lasts."""
    whole = checks.RULES
    checks.RULES = [each for each in whole if each is not rule]
    try:
        yield
    finally:
        checks.RULES = whole


def stops(text: str, case: Case) -> bool:
    """Whether a planted draft is refused."""
    return any(each.level is not Level.WARN for each in checks.check(text, case, FakeReader(), machine=True))


def planted(rule: checks.Rule) -> list[tuple[str, Case]]:
    """The table's bad drafts for this rule, signed where that is not what they lack; a bad sentence within a good reply."""
    found = []
    for name, text, _, changes in COUNTER_EXAMPLES:
        if name == rule.name:
            case = example(**{key: value for key, value in changes.items() if key != "machine"})
            within = GOOD.format(text) if name in OF_SENTENCES and "mention" not in changes else f"{text} – Mia"
            found.append((text if name in OF_THE_WHOLE else within, case))
    return found


async def report_rules(answered: Sequence[Answered], engine: Engine) -> None:
    """Prints for each rule its false alarms, what it misses, and what becomes of drafts without it."""
    english = [each for each in answered if each.row.language == "en"]
    ideal = [each for each in english if not each.row.real]
    real = [each for each in english if each.row.real and each.row.reference_complete]
    fired = [
        Counter(found.rule for each in group for found in engine.check(unmasked(each), each.case))
        for group in (ideal, real)
    ]
    print(
        f"\nrules: how many of {len(ideal)} ideal and {len(real)} real replies each stops or marks as a person's own;"
    )
    print("how many planted bad drafts, and bad sentences among good ones, it misses; and without it,")
    print("how many drafts differ, and how many planted ones are no longer refused")
    print(f"  {'rule':<18} {'ideal':>5} {'real':>5} {'missed':>7} {'hidden':>7} {'differ':>7} {'through':>8}")
    for rule in checks.RULES:
        bad = planted(rule)
        missed = sum(rule.name not in _found(text, case) for text, case in bad)
        hidden = _hidden(rule, ideal, engine)
        refused = [(text, case) for text, case in bad if stops(text, case)]
        with without(rule):
            again = await answer([(each.row, each.case) for each in answered], engine)
            through = sum(not stops(text, case) for text, case in refused)
        differ = sum(one.answer != other.answer for one, other in zip(answered, again, strict=True))
        says = (
            fired[0][rule.name],
            fired[1][rule.name],
            f"{missed}/{len(bad)}",
            hidden,
            differ,
            f"{through}/{len(refused)}",
        )
        print("  {:<18} {:>5} {:>5} {:>7} {:>7} {:>7} {:>8}".format(rule.name, *says), flush=True)


def _found(text: str, case: Case) -> set[str]:
    return {found.rule for found in checks.check(text, case, FakeReader(), machine=True)}


def _hidden(rule: checks.Rule, ideal: Sequence[Answered], engine: Engine) -> str:
    """Of the planted sentences that the rule finds alone, how many it misses behind the first of a good reply."""
    if rule.name not in OF_SENTENCES:
        return "–"
    missed = tried = 0
    for sentence in (text for name, text, _, changes in COUNTER_EXAMPLES if name == rule.name and not changes):
        for each in ideal:
            if any(found.rule == rule.name for found in engine.check(sentence, each.case)):
                tried += 1
                body = f"{sentence} {unmasked(each)}"
                missed += all(found.rule != rule.name for found in engine.check(body, each.case))
    return f"{missed}/{tried}" if tried else "–"
