"""What a mention is about: lists of words, and what the tables think."""

from __future__ import annotations

from collections.abc import Iterable

from listener.analysis.lexicon import Reading
from storage.assessment import Reason, Topic

_LISTS = {topic.value: f"topic.{topic}" for topic in Topic}


def topics(reading: Reading, thought: Iterable[tuple[str, float]] = ()) -> tuple[tuple[str, ...], list[Reason]]:
    """The topics in the order of `Topic`, each with why; "other" alone where none was found.

    `thought` are the topics that a table believes, with their chances.
    """
    believed = dict(thought)
    reasons = []
    found = []
    for topic, words in _LISTS.items():
        if words in reading.hits:
            hits = reading.hits[words]
            reasons.append(Reason(f"topic: {topic}", reading.said(hits), f"words of {topic}"))
        elif topic in believed:
            reasons.append(Reason(f"topic: {topic}", (), f"{believed[topic]:.0%} likely"))
        else:
            continue
        found.append(topic)
    return tuple(found) or (Topic.OTHER.value,), reasons
