"""What Warmline remembers; the only folder that speaks SQL."""

from __future__ import annotations

from storage.chats import Card, ChatIdentity, ChatNote, Exposure, LinkCode
from storage.corrections import Correction
from storage.database import Session, Store
from storage.models import (
    Alert,
    Author,
    Business,
    Decision,
    Delivery,
    Digest,
    Draft,
    Entry,
    Gap,
    LoginLink,
    LoginSession,
    Mention,
    Promise,
    Revision,
    Rollup,
    Sample,
    Setting,
    Source,
    Spending,
    Token,
    Tombstone,
)
from storage.record import Record

__all__ = [
    "Alert",
    "Author",
    "Business",
    "Card",
    "ChatIdentity",
    "ChatNote",
    "Correction",
    "Decision",
    "Delivery",
    "Digest",
    "Draft",
    "Entry",
    "Exposure",
    "Gap",
    "LinkCode",
    "LoginLink",
    "LoginSession",
    "Mention",
    "Promise",
    "Record",
    "Revision",
    "Rollup",
    "Sample",
    "Session",
    "Setting",
    "Source",
    "Spending",
    "Store",
    "Token",
    "Tombstone",
]
