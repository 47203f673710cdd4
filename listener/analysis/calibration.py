"""What one business's staff have corrected often enough to expect it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from storage.assessment import Assessment, Intent, Polarity, Reason

#: So many corrections of one kind make a habit; before, they are single cases.
FEWEST = 3

#: However many there are, a verdict this sure is left alone: two in three, at four corrections for none the other way.
MOST_WEIGHT = 4.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """Shifts verdicts of which a model was not sure to where staff usually put them; `moves` counts (was, now)."""

    moves: Mapping[tuple[Polarity, Polarity], int] = field(default_factory=dict)

    def adjust(self, assessment: Assessment) -> Assessment:
        """`assessment`, with another polarity where that is likelier by what staff have corrected.

        Half of the doubt is taken to be about that other polarity; the more
        corrections went there than back, the more it weighs, up to
        `MOST_WEIGHT` times. Severity is never touched.
        """
        was = assessment.polarity
        now, weight = max(((side, self._weight(was, side)) for side in Polarity), key=lambda each: each[1])
        share = (1 - assessment.confidence) / 2 * weight
        if weight <= 1 or share <= assessment.confidence or self._contradicts(assessment, now):
            return assessment
        reason = Reason(f"polarity: {now}", (), f"your staff put {self.moves[was, now]} like it here")
        return replace(
            assessment,
            polarity=now,
            sentiment=0.0 if now is Polarity.NEUTRAL else assessment.sentiment,
            confidence=share / (share + assessment.confidence),
            intent=_intent(assessment.intent, now),
            reasons=(reason, *assessment.reasons),
        )

    def _weight(self, was: Polarity, now: Polarity) -> float:
        there, back = self.moves.get((was, now), 0), self.moves.get((now, was), 0)
        return min((1 + there) / (1 + back), MOST_WEIGHT) if now is not was and there >= FEWEST else 1.0

    @staticmethod
    def _contradicts(assessment: Assessment, now: Polarity) -> bool:
        """Whether something severe would read as praise."""
        return now is Polarity.POSITIVE and bool(assessment.severity.level)


def _intent(intent: Intent, side: Polarity) -> Intent:
    """What goes with the new polarity, where the old intent cannot."""
    if side is Polarity.NEGATIVE and intent in (Intent.PRAISE, Intent.OTHER):
        return Intent.COMPLAINT
    if side is Polarity.POSITIVE and intent in (Intent.COMPLAINT, Intent.OTHER):
        return Intent.PRAISE
    if side is Polarity.NEUTRAL and intent in (Intent.COMPLAINT, Intent.PRAISE):
        return Intent.OTHER
    return intent
