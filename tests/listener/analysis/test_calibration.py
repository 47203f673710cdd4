"""What staff have corrected often shifts what is unsure, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.analysis.calibration import Calibration
from storage.assessment import Intent, Polarity, Severity, SeverityKind, SeverityLevel
from tests.builders import assessment

NEGATIVE, NEUTRAL, POSITIVE = Polarity.NEGATIVE, Polarity.NEUTRAL, Polarity.POSITIVE
MOVES = {(NEUTRAL, NEGATIVE): 5}


def polarity(moves: Mapping[tuple[Polarity, Polarity], int], confidence: float) -> Polarity:
    return Calibration(moves).adjust(assessment(NEUTRAL, confidence=confidence, intent=Intent.OTHER)).polarity


@pytest.mark.parametrize(
    ("moves", "confidence", "side"),
    [
        (MOVES, 0.5, NEGATIVE),
        (MOVES, 0.7, NEUTRAL),  # the model was sure
        ({(NEUTRAL, NEGATIVE): 2}, 0.4, NEUTRAL),  # too few
        ({(NEUTRAL, NEGATIVE): 5, (NEGATIVE, NEUTRAL): 5}, 0.4, NEUTRAL),  # as many back
        ({(NEUTRAL, NEGATIVE): 5_000}, 0.7, NEUTRAL),  # bounded
        ({}, 0.1, NEUTRAL),
    ],
)
def test_an_unsure_verdict_goes_where_staff_put_such_verdicts(
    moves: Mapping[tuple[Polarity, Polarity], int], confidence: float, side: Polarity
) -> None:
    assert polarity(moves, confidence) is side


def test_a_shifted_verdict_says_why_and_takes_its_intent_along() -> None:
    shifted = Calibration(MOVES).adjust(assessment(NEUTRAL, confidence=0.4, intent=Intent.OTHER))

    assert shifted.intent is Intent.COMPLAINT
    assert shifted.reasons[0].rule == "your staff put 5 like it here"


def test_nothing_severe_is_made_praise() -> None:
    severe = assessment(NEUTRAL, confidence=0.3, severity=Severity(SeverityLevel.HIGH, (SeverityKind.HEALTH,)))

    assert Calibration({(NEUTRAL, POSITIVE): 9}).adjust(severe) == severe


@given(
    st.dictionaries(st.tuples(st.sampled_from(Polarity), st.sampled_from(Polarity)), st.integers(0, 10_000)),
    st.sampled_from(Polarity),
    st.floats(0, 1),
)
def test_severity_is_never_touched_and_what_is_sure_stays(
    moves: dict[tuple[Polarity, Polarity], int], side: Polarity, confidence: float
) -> None:
    before = assessment(side, confidence=confidence)

    after = Calibration(moves).adjust(before)

    assert after.severity == before.severity
    assert after == before or confidence < 2 / 3
