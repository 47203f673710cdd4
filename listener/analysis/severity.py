"""How bad a mention is, and in which way: rules over words, read from `words.toml`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from listener.analysis.lexicon import Hit, Lexicon, Reading, compile_pattern
from storage.assessment import Reason, Severity, SeverityKind, SeverityLevel

NOT_SEVERE = Severity()

#: From this chance on, what a table alone believes is more than a notice.
SURE = 0.75


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind and level, with its patterns and the lists each of them needs."""

    kind: SeverityKind
    level: SeverityLevel
    patterns: tuple[tuple[re.Pattern[str], frozenset[str]], ...]
    despite_no: bool


class SeverityRules:
    """The rules of `lexicon`. Neither feeling nor stars ever lower what they find."""

    def __init__(self, lexicon: Lexicon) -> None:
        lists = lexicon.tables["severe"]
        self._rules = tuple(
            Rule(
                SeverityKind(table["kind"]),
                SeverityLevel[table["level"].upper()],
                tuple(compile_pattern(pattern, lists) for pattern in table["patterns"]),
                table.get("despite_no", False),
            )
            for table in lexicon.tables["severity"]
        )

    def judge(self, reading: Reading) -> tuple[Severity, list[Reason]]:
        """The worst level, every kind that was found, and the words that say so."""
        if not any(name.startswith("severe.") for name in reading.hits):
            return NOT_SEVERE, []  # each pattern needs one of these lists
        level, kinds = SeverityLevel.NONE, set()
        reasons: list[Reason] = []
        for rule in self._rules:
            hits = _hits(rule, reading)
            if hits:
                level = max(level, rule.level)
                kinds.add(rule.kind)
                why = f"words of {rule.kind}, level {rule.level.word}"
                reasons.append(Reason(f"severity: {rule.kind}", reading.said(hits), why))
        return Severity(level, tuple(kind for kind in SeverityKind if kind in kinds)), reasons


def widened(ruled: Severity, kinds: Sequence[tuple[str, float]]) -> tuple[Severity, list[Reason]]:
    """`ruled` with the kinds that a table suspects, each with its chance.

    Nothing is taken away. One phrase of a rule is enough for a crisis; a table
    alone gives notice, and more only where it is `SURE`.
    """
    new = [(SeverityKind(kind), chance) for kind, chance in kinds if kind not in ruled.kinds]
    if not new:
        return ruled, []
    level = max([ruled.level, *(_level(kind, chance) for kind, chance in new)])
    reasons = [Reason(f"severity: {kind}", (), f"{chance:.0%} likely") for kind, chance in new]
    found = {*ruled.kinds, *(kind for kind, _ in new)}
    return Severity(level, tuple(kind for kind in SeverityKind if kind in found)), reasons


def _level(kind: SeverityKind, chance: float) -> SeverityLevel:
    is_high = chance >= SURE and kind is not SeverityKind.LEAVING
    return SeverityLevel.HIGH if is_high else SeverityLevel.NOTICE


def _hits(rule: Rule, reading: Reading) -> list[Hit]:
    hits = []
    for expression, needs in rule.patterns:
        if needs <= reading.hits.keys():
            hits += [Hit(found.start() - 1, found.end()) for found in expression.finditer(reading.hay)]
    return [hit for hit in hits if rule.despite_no or not reading.negated(hit)]
