"""The bakery of the drafting tests, its mentions, and a reader that knows a few shapes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from config.settings import Business, BusinessSettings, Place, Query, Voice
from responders.drafting.base import Case, Language, Span
from storage.assessment import Assessment, Emotion, Intent, Polarity, Severity

#: A Tuesday at 11:20 in Berlin.
NOW = datetime(2026, 6, 2, 9, 20, tzinfo=UTC)
WAITED = "Waited 40 minutes for a flat white and it was cold."
PRODUCTS = ("flat white", "cinnamon bun", "booking app", "silent retreat")


class FakeReader:
    """Knows mail addresses, telephone numbers and one name; tells Spanish by its question mark."""

    def language(self, text: str) -> Language:
        return Language("es", 0.9) if "¿" in text else Language("en", 0.9)

    def personal_data(self, text: str) -> list[Span]:
        kinds = {"email": r"[\w.]+@[\w.]+\w", "phone": r"\b\d[\d ]{7,}\d\b", "name": r"Karen(?: Milford)?"}
        return [
            Span(found.start(), found.end(), kind) for kind, how in kinds.items() for found in re.finditer(how, text)
        ]


def bakery(**changes: Any) -> BusinessSettings:
    """Crumb & Co.; `changes` replace whole tables."""
    tables = {
        "id": "crumb",
        "business": Business(name="Crumb & Co.", time_zone="Europe/Berlin", products=PRODUCTS, people=("Tasha",)),
        "query": Query(match="crumb"),
        "voice": Voice(sign_off="Mia", may_promise=("look into it today",)),
        "places": (Place(name="Main Street", contact="hello@crumb.example"),),
    }
    return BusinessSettings(**(tables | changes))


def case(mention: str = WAITED, intent: Intent = Intent.COMPLAINT, **changes: Any) -> Case:
    """A mention on Yelp and what was made of it; `changes` are those of the case or of its assessment."""
    polarity = {Intent.COMPLAINT: Polarity.NEGATIVE, Intent.PRAISE: Polarity.POSITIVE}.get(intent, Polarity.NEUTRAL)
    judged = {
        "language": "en",
        "sentiment": 0.0,
        "polarity": polarity,
        "confidence": 0.9,
        "emotion": Emotion.UNSURE,
        "intent": intent,
        "severity": Severity(),
        "topics": (),
        "reasons": (),
        "model": "test",
    }
    judged |= {key: changes.pop(key) for key in (*judged, "sarcasm") if key in changes}
    given_to = {"business": bakery(), "platform": "yelp", "now": NOW, "signer": "Mia"} | changes
    return Case(mention=mention, assessment=Assessment(**judged), **given_to)
