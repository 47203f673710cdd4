"""What a mention is about, by lists of words."""

from __future__ import annotations

from listener.analysis.lexicon import Reading
from storage.assessment import Reason, Topic


def topics(reading: Reading) -> tuple[tuple[str, ...], list[Reason]]:
    """The topics in the order of `Topic`, each with its words; "other" alone where none was found."""
    reasons = [
        Reason(f"topic: {topic}", reading.said(hits), f"words of {topic}")
        for topic in Topic
        if (hits := reading.hits.get(f"topic.{topic}"))
    ]
    found = tuple(reason.label.removeprefix("topic: ") for reason in reasons)
    return found or (Topic.OTHER.value,), reasons
