"""The drafting engine: deterministic, offline, and the same case always gives the same draft.

A case is read (`triage`), what could be said is planned (`moves`), several
wordings become candidates, all rules look at each (`checks`), the sound ones
are ranked (`ranking`), and the best is proposed. Where none is sound it
abstains, and says what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from responders.drafting import house, knowledge
from responders.drafting.base import Abstention, Case, Commitment, Finding, Level, Proposal, Reader
from responders.drafting.checks import check, check_read
from responders.drafting.commitments import commitments
from responders.drafting.looking import body_of
from responders.drafting.moves import Plan, plan
from responders.drafting.packs import Pack, beginnings, disclosure, pack_of, packs
from responders.drafting.ranking import score
from responders.drafting.sameness import Recent
from responders.drafting.triage import OWNING, Kind, Reading, language_of, read
from responders.drafting.words import words

#: So many sound candidates are compared, from the fullest tiers that have any.
CANDIDATES = 8
#: So many wordings are tried for them; whatever is too long or a copy costs little to pass over.
TRIED = 240
#: So many are looked at by every rule.
LOOKED_AT = 16


@dataclass(frozen=True, slots=True)
class Candidate:
    """A whole text, what the rules say of it, and its rank."""

    text: str
    findings: tuple[Finding, ...]
    score: float


class Engine:
    """Drafts and checks in every language that has a pack; `reader` tells what a text is written in and what it gives away."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        packs()  # read and checked now, not at the first mention

    async def draft(self, case: Case) -> Proposal | Abstention:
        """A proposal that passes every check, or an abstention that says what is missing."""
        language = language_of(case)
        reading = read(case)
        if language not in packs():
            return _foreign(reading, language)
        planned = plan(reading)
        recent = Recent(case, reading.pack)
        sound, refused = self._candidates(planned, reading, recent, case.style.avoids)
        if not sound and case.style.avoids:  # a word that is not liked is better than no draft
            sound, refused = self._candidates(planned, reading, recent, frozenset())
        if not sound:
            return _abstain(planned, reading, language, refused)
        best = max(sound, key=lambda candidate: candidate.score)
        promised = tuple(commitments(best.text, case, reading.pack))
        reasons = planned.reasons + tuple(f"promise: {promise.what}" for promise in promised)
        learned = (f"in your voice: {', '.join(case.style.says)}",) if case.style.says else ()
        return Proposal(best.text, language, (*reasons, *learned), best.findings, promised, planned.for_owner)

    def check(self, text: str, case: Case) -> Sequence[Finding]:
        """What the rules say of `text` as a reply to `case`, whoever wrote it; empty: nothing."""
        return check(text, case, self.reader)

    def commitments(self, text: str, case: Case) -> Sequence[Commitment]:
        """Which of the business's promises `text` makes."""
        return commitments(text, case, pack_of(language_of(case)))

    def _candidates(
        self, planned: Plan, reading: Reading, recent: Recent, avoids: frozenset[str]
    ) -> tuple[list[Candidate], list[str]]:
        """The sound ones without a word of `avoids`, and what the rules said of the first that was refused."""
        sound: list[Candidate] = []
        refused: list[str] = []
        possible = self._possible(planned, reading, recent)
        liked = (text for text in possible if not avoids or avoids.isdisjoint(words(text, reading.pack)))
        for text in islice(liked, LOOKED_AT):
            findings = check_read(text, reading, self.reader, recent, machine=True, briefly=bool(refused))
            if any(finding.level is not Level.WARN for finding in findings):
                refused = refused or [finding.says for finding in findings if finding.level is not Level.WARN]
                continue
            rank = score(body_of(text, reading.case), reading, recent, len(findings))
            sound.append(Candidate(text, tuple(findings), rank))
            if len(sound) == CANDIDATES:
                break
        return sound, refused

    def _possible(self, planned: Plan, reading: Reading, recent: Recent) -> Iterator[str]:
        """Whole texts that fit the platform and are no copies, the fullest first."""
        privacy = self._privacy(reading)
        wordings = (wording for tier in planned.tiers for wording in tier)
        for wording in islice(wordings, TRIED):
            for said in dict.fromkeys((wording + privacy, wording)):
                text = dress(said, reading)
                copied = reading.kind is not Kind.CRISIS and recent.is_copy(body_of(text, reading.case))
                if house.fits(text, reading.case.limits) and not copied:
                    yield text
                    break

    def _privacy(self, reading: Reading) -> str:
        """The hint that the author's own details stand in public, where they do."""
        spans = self.reader.personal_data(reading.case.mention) if reading.kind in OWNING else []
        private = any(span.kind not in ("order", "ip", "name") for span in spans)
        return f" {reading.pack.said('privacy', informal=reading.informal)[0]}" if private else ""


#: What is greeted, where the business greets; whatever is graver begins with its point.
_GREETED = frozenset({Kind.COMPLAINT, Kind.MIXED, Kind.PRAISE, Kind.QUESTION, Kind.SUGGESTION})


def dress(wording: str, reading: Reading) -> str:
    """A wording as it would be posted: after the platform's opening, greeted and signed as the business does.

    With the disclosure line where that is wanted.
    """
    return _opening(reading.case) + _greeted(wording, reading) + _signature(reading, reading.pack.code)


def _opening(case: Case) -> str:
    return f"{case.opening.strip()} " if case.opening.strip() else ""


def _greeted(wording: str, reading: Reading) -> str:
    """`wording` behind the business's greeting; alone in a conversation, and where the two do not fit together."""
    case, pack = reading.case, reading.pack
    greeting, name = case.style.greeting, knowledge.first_name(case)
    lacks_name = "{name}" in greeting and (not name or wording.startswith(name))
    if not greeting or lacks_name or reading.kind not in _GREETED or reading.loss or pack.find("greets").match(wording):
        return wording
    if any(turn.ours for turn in case.thread):
        return wording
    begun = wording if greeting.endswith("!") else _continued(wording, pack)
    return f"{greeting.replace('{name}', name)} {begun}" if begun else wording


def _continued(wording: str, pack: Pack) -> str:
    """`wording` as it goes on behind a comma; empty where its first word may be a name, which keeps its capital."""
    if re.match(r"I\b", wording) and pack.find("first_person").match(wording):
        return wording
    lowered = wording[:1].lower() + wording[1:]
    if pack.find("formal_address").match(wording) and not pack.find("formal_address").match(lowered):
        return wording  # a formal "Sie" is written with a capital anywhere
    first = next(iter(words(wording, pack)), "")
    return lowered if first in pack.speech.ordinary | pack.speech.small | pack.speech.generic else ""


def _signature(reading: Reading, language: str) -> str:
    """Who signs: the owner in a crisis, because it is for them to answer; else as the voice does."""
    case = reading.case
    line = f" {disclosure(language)}" if case.business.voice.disclose else ""
    owner = next((owner.name for owner in case.business.owners), "") if reading.kind is Kind.CRISIS else ""
    return f" {case.style.farewell or '–'} {owner or case.signer or case.business.business.name}{line}"


def _abstain(planned: Plan, reading: Reading, language: str, refused: Sequence[str]) -> Abstention:
    """The skeleton around the person's line; only opening and signature where the rest is too long for the platform."""
    case = reading.case
    opening, signature = _opening(case), _signature(reading, language)
    before, after = opening + planned.before, (f" {planned.after}" if planned.after else "") + signature
    if not house.fits(before + after, case.limits):
        before, after = opening, signature
    lacks = planned.lacks
    if not lacks or refused:
        lacks = " ".join(("No ready wording will do here.", *(refused or ("Each is too long or was used lately.",))))
    return Abstention(lacks, language, before + after.lstrip(), len(before), planned.reasons, planned.for_owner)


def _foreign(reading: Reading, language: str) -> Abstention:
    """A courteous beginning in a language that has no pack; what it is about is told on the card."""
    known, judged = beginnings().get(language), reading.case.assessment
    name = known["name"] if known else f"another language ({language})"
    lacks = f"It is written in {name}, and Warmline does not draft in it. Please answer in that language."
    gloss = [f"about: {', '.join(judged.topics)}"] if judged.topics else []
    gloss += [f"feels: {judged.emotion.value}", f"severity: {judged.severity.level.word}"]
    is_bitter = reading.kind in OWNING or reading.grave or judged.polarity.value == "negative"
    thanks = known["thanks"] if known and not is_bitter and reading.kind is not Kind.UNANSWERABLE else ""
    planned = Plan((), lacks, tuple(gloss), thanks, for_owner=bool(reading.grave) or reading.is_regulated)
    return _abstain(planned, reading, language, ())
