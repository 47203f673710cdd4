"""What we think a mention is and wants: the value, and the words it is written in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Polarity(StrEnum):
    """Which way the feeling goes."""

    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"


class Emotion(StrEnum):
    """The coarse state of whoever wrote it; `unsure` is an honest answer."""

    CONTENT = "content"
    DELIGHTED = "delighted"
    GRATEFUL = "grateful"
    ANGRY = "angry"
    DISAPPOINTED = "disappointed"
    ANXIOUS = "anxious"
    CONFUSED = "confused"
    NEUTRAL = "neutral"
    UNSURE = "unsure"


class Intent(StrEnum):
    """What the writer wants."""

    COMPLAINT = "complaint"
    PRAISE = "praise"
    QUESTION = "question"
    SUGGESTION = "suggestion"
    #: They want to buy.
    PURCHASE = "purchase"
    #: A job seeker, supplier, partner or neighbour.
    OPPORTUNITY = "opportunity"
    SPAM = "spam"
    OTHER = "other"


class SeverityKind(StrEnum):
    """What kind of harm is at stake."""

    SAFETY = "safety"
    HEALTH = "health"
    LEGAL = "legal"
    DISCRIMINATION = "discrimination"
    #: A customer who is about to go, or has gone.
    LEAVING = "leaving"
    VIRAL = "viral"


class SeverityLevel(IntEnum):
    """How bad it is; only `CRITICAL` (a crisis) breaks quiet hours."""

    NONE = 0
    NOTICE = 1
    HIGH = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        """The level as people read it, in lower case."""
        return self.name.lower()


class Topic(StrEnum):
    """What it is about; owners may add words of their own."""

    WAIT = "wait"
    STAFF = "staff"
    PRICE = "price"
    PRODUCT = "product"
    DELIVERY = "delivery"
    CLEANLINESS = "cleanliness"
    BILLING = "billing"
    HOURS = "hours"
    ACCESS = "access"
    SERVICE = "service"
    PLACE = "place"
    WEBSITE = "website"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Severity:
    """How bad, and in which way."""

    level: SeverityLevel = SeverityLevel.NONE
    kinds: tuple[SeverityKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one label was given: `label` is its name, `words` are the mention's own, `rule` says what matched them."""

    label: str
    words: tuple[str, ...]
    rule: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a mention is and wants, and why.

    `language` is an ISO 639-1 code, "und" where it cannot be told. `sentiment`
    runs from -1 (bitter) to 1 (delighted); `confidence` in `polarity` from 0
    to 1. `sarcasm` means "may be meant the other way round: a person must
    look". `model` names the code and version that judged.
    """

    language: str
    sentiment: float
    polarity: Polarity
    confidence: float
    emotion: Emotion
    intent: Intent
    severity: Severity
    topics: tuple[str, ...]
    reasons: tuple[Reason, ...]
    model: str
    sarcasm: bool = False
