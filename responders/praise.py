"""Which drafts may be approved together: answers to certain, unmixed praise, each shown in full."""

from __future__ import annotations

from storage import Draft, Mention
from storage.assessment import Intent, Polarity, SeverityLevel
from storage.states import DraftState

#: As many as a person reads in a sitting.
MOST = 20
#: Of the verdicts as sure as this, more than four in five are right; less sure ones join no batch.
SURE = 0.75


def is_plain_praise(draft: Draft, mention: Mention) -> bool:
    """Whether a draft may be approved in a batch: ready, and an answer to certain, unmixed praise.

    An answer that promises something has heard more than praise.
    """
    is_ready = draft.state is DraftState.PENDING and not (draft.needs or draft.findings or draft.promises)
    is_current = mention.gone_at is None and mention.revision == draft.mention_revision and mention.route != "none"
    return (
        is_ready
        and is_current
        and mention.polarity is Polarity.POSITIVE
        and mention.intent is Intent.PRAISE
        and mention.confidence >= SURE
        and not mention.sarcasm
        and mention.severity_level == SeverityLevel.NONE
    )
