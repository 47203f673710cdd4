"""What every reply must pass before it may be posted: one table of small rules.

A rule looks at a text and its case, and gives the line that staff read, or
None. It judges what stands behind the platform's opening, and raises for no
text at all. What the rules look for in words comes from the language's pack;
those about length, personal data, links and copies hold in any language.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from responders.drafting import manners, safety
from responders.drafting.base import Case, Finding, Level, Reader
from responders.drafting.looking import Looked, body_of
from responders.drafting.sameness import Recent
from responders.drafting.triage import Reading, read


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, what it does to a person's text, and to a machine's where that is stricter.

    `level` None: it judges only what nobody wrote. An owner may overrule a
    block, unless it is `final`.
    """

    name: str
    finds: Callable[[Looked], str | None]
    level: Level | None = Level.BLOCK
    machine: Level | None = None
    final: bool = False


#: In the order in which staff read them. `docs/replies.md` explains each by its name. Where a rule rests on our
#: reading of the mention, which may be wrong, a person is asked to look and only the machine is stopped.
RULES: Sequence[Rule] = (
    Rule("empty", safety.empty, final=True),
    Rule("length", safety.too_long, final=True),
    Rule("opening", safety.opening_missing),
    Rule("leftover", safety.leftover, final=True),
    Rule("personal data", safety.personal_data),
    Rule("asks for data", safety.asks_for_data),
    Rule("never say", safety.forbidden_word),
    Rule("offer", safety.offer),
    Rule("no apology", manners.non_apology),
    Rule("blames", manners.blames),
    Rule("asks for review", safety.asks_for_review, final=True),
    Rule("argues", safety.argues),
    Rule("liability", safety.liability),
    Rule("holding", safety.long_holding, level=Level.WARN, machine=Level.BLOCK),
    Rule("confirms customer", safety.confirms_customer),
    Rule("link", safety.foreign_link),
    Rule("contact", safety.contact_forbidden),
    Rule("contact on Google", safety.contact_unwelcome, level=Level.WARN, machine=Level.BLOCK),
    Rule("language", manners.wrong_language),
    Rule("formality", manners.wrong_formality, level=Level.WARN, machine=Level.BLOCK),
    Rule("sarcasm", manners.thanks_sarcasm, level=Level.WARN, machine=Level.BLOCK),
    Rule("deed", safety.claims_deed, level=Level.WARN, machine=Level.BLOCK),
    Rule("number", safety.unknown_number, level=None, machine=Level.BLOCK),
    Rule("promise", safety.loose_promise, level=Level.WARN, machine=Level.BLOCK),
    Rule("explains first", manners.explains_first, level=Level.WARN, machine=Level.BLOCK),
    Rule("no feeling", manners.feels_nothing, level=Level.WARN, machine=Level.BLOCK),
    Rule("sells", manners.sells, level=Level.WARN, machine=Level.BLOCK),
    Rule("unsigned", manners.unsigned, level=Level.WARN, machine=Level.BLOCK),
    Rule("names nothing", manners.names_nothing, level=Level.WARN, machine=Level.NEEDS_LINE),
    Rule("copy", manners.copied, level=Level.WARN, machine=Level.NEEDS_LINE),
    Rule("stock phrase", manners.jargon, level=Level.WARN, machine=Level.NEEDS_LINE),
    Rule("said before", manners.says_again, level=Level.WARN, machine=Level.BLOCK),
    Rule("sorry", manners.apologises_much, level=Level.WARN),
    Rule("way", manners.thin_path, level=Level.WARN),
    Rule("words", manners.wordy, level=Level.WARN),
    Rule("hard to read", manners.hard_words, level=Level.WARN),
    Rule("disclosure", manners.undisclosed, level=Level.WARN),
)


def check(text: str, case: Case, reader: Reader, *, machine: bool = False) -> list[Finding]:
    """What the rules say of `text` as a reply to `case`, in the table's order; `machine`: nobody wrote it."""
    reading = read(case)
    return check_read(text, reading, reader, Recent(case, reading.pack), machine=machine)


def check_read(
    text: str, reading: Reading, reader: Reader, recent: Recent, *, machine: bool = False, briefly: bool = False
) -> list[Finding]:
    """`check` for a case that was read already; `briefly` ends with the first finding that stops the text."""
    looked = Looked(text, body_of(text, reading.case), reading, reader, recent)
    findings = []
    for rule in RULES:
        level = rule.machine if machine and rule.machine else rule.level
        says = rule.finds(looked) if level else None
        if level and says:
            findings.append(Finding(rule.name, level, says, rule.final))
            if briefly and level is not Level.WARN:
                break
    return findings
