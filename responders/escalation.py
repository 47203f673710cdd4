"""When only an owner may decide."""

from __future__ import annotations

import re

from config.settings import BusinessSettings
from storage import Mention
from storage.assessment import SeverityLevel


def needs_owner(business: BusinessSettings, mention: Mention) -> bool:
    """Whether a mention is a crisis, or holds one of the owner's own escalation words (whole words, any case)."""
    text = f"{mention.title} {mention.text}"
    return mention.severity_level >= SeverityLevel.CRITICAL or bool(escalation_words(business, text))


def escalation_words(business: BusinessSettings, text: str) -> list[str]:
    """Those of the owner's escalation words that a text holds; "allergic" also finds "allergically"."""
    return [word for word in business.reply.escalate_on if re.search(rf"(?<!\w){re.escape(word)}", text, re.IGNORECASE)]
