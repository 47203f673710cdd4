"""A bakery whose store tests fill by hand, and a reader that knows few names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from config.settings import BusinessSettings
from listener.digest.week import Week
from responders.drafting.base import Language, Span
from responders.mail import MailPartlySent
from storage import Alert, Delivery, Draft, Sample, Store, audit, mentions, sources
from storage.assessment import Emotion, Intent, Polarity
from storage.states import DraftState

#: Monday 1 June 2026, 00:00 in Berlin: the beginning of ISO week 23.
MONDAY = datetime(2026, 5, 31, 22, tzinfo=UTC)
#: The Monday after, 08:00 in Berlin.
MORNING = datetime(2026, 6, 8, 6, tzinfo=UTC)


WEEK_23 = Week(2026, 23, ZoneInfo("Europe/Berlin"))


class PlainReader:
    """Knows "Mrs …" and "Mr …" as names, nothing else."""

    def language(self, text: str) -> Language:
        return Language("en", 1.0)

    def personal_data(self, text: str) -> list[Span]:
        return [Span(*match.span(), "name") for match in re.finditer(r"Mrs? [A-Z]\w+", text)]


def settings(**tables: Any) -> BusinessSettings:
    base: dict[str, Any] = {
        "id": "crumb",
        "business": {"name": "Crumb & Co.", "time_zone": "Europe/Berlin"},
        "query": {"match": "crumb"},
        "staff": [
            {"name": "Jo", "role": "owner", "mail": "jo@crumb.example"},
            {"name": "Mia", "mail": "mia@crumb.example"},
        ],
    }
    return BusinessSettings.model_validate(base | tables)


@dataclass
class Town:
    """The store with one business in it, and shorthand for what can happen there."""

    store: Store
    business: BusinessSettings
    source_ids: dict[str, int] = field(default_factory=dict)
    number: int = 0

    async def open(self, *names: str) -> None:
        """Makes sources that answered a minute ago and were asked all along."""
        async with self.store.work() as session:
            await sources.keep_business(session, self.business.id, self.business.business.name)
            for name in names:
                source = await sources.register(session, self.business.id, name, "feed", enabled=True)
                assert source.id is not None
                self.source_ids[name] = source.id
                day = (MONDAY - timedelta(days=9)).date()
                await sources.spend(session, source.id, day, calls=1, micros=0, currency="USD")
                await sources.answered(session, source.id, MORNING - timedelta(minutes=1), 0)

    async def hear(
        self, text: str, polarity: str = "neutral", at: datetime = MONDAY + timedelta(hours=30), **columns: Any
    ) -> int:
        """Stores a mention; `source` names where it was heard, `handle` and `name` who wrote it."""
        self.number += 1
        source = columns.pop("source", next(iter(self.source_ids)))
        handle, name = columns.pop("handle", f"@guest{self.number}"), columns.pop("name", "")
        author = {"external_id": f"author {handle}", "handle": handle, "name": name, "url": ""}
        row = {
            "business_id": self.business.id,
            "source_id": self.source_ids[source],
            "author": author,
            "platform": "feed",
            "external_id": f"post {self.number}",
            "text": text,
            "posted_at": at,
            "day": at.astimezone(self.business.business.zone).date(),
            "heard_at": at,
            "checked_at": at,
            "due_at": at + timedelta(hours=4),
            "polarity": Polarity(polarity),
            "sentiment": {"negative": -0.8, "neutral": 0.0, "positive": 0.8}[polarity],
            "intent": {"negative": Intent.COMPLAINT, "positive": Intent.PRAISE}.get(polarity, Intent.OTHER),
            "confidence": 0.9,
            "emotion": Emotion.UNSURE,
            "topics": [],
        }
        async with self.store.work() as session:
            (mention_id,) = await mentions.insert(session, [row | columns])
        return mention_id

    async def draft(self, mention_id: int, state: DraftState, **columns: Any) -> int:
        """Stores a draft for a mention."""
        at = MONDAY + timedelta(hours=31)
        record = Draft(
            business_id=self.business.id,
            mention_id=mention_id,
            mention_revision=1,
            state=state,
            text="Thank you.",
            posted_at=at,
            created_at=at,
            changed_at=at,
            **columns,
        )
        async with self.store.work() as session:
            session.add(record)
            await session.flush()
        assert record.id is not None
        return record.id

    async def reply(self, mention_id: int, sent_at: datetime) -> int:
        """Stores a reply that became public; gives its draft."""
        draft_id = await self.draft(mention_id, DraftState.VISIBLE)
        record = Delivery(
            business_id=self.business.id,
            draft_id=draft_id,
            source_id=next(iter(self.source_ids.values())),
            revision=1,
            text="Thank you.",
            target={},
            key="key",
            hash="hash",
            state=DraftState.VISIBLE,
            not_before=sent_at,
            sent_at=sent_at,
        )
        await self.add(record)
        return draft_id

    async def add(self, *records: Any) -> None:
        """Stores records as they are."""
        async with self.store.work() as session:
            session.add_all(records)

    async def alert(self, text: str, at: datetime, **columns: Any) -> None:
        """Stores an alert."""
        await self.add(Alert(business_id=self.business.id, key=text, text=text, made_at=at, next_at=at, **columns))

    async def sample(self, source: str, at: datetime) -> None:
        """Stores an item that could not be read."""
        self.number += 1
        source_id = self.source_ids[source]
        what = {"fingerprint": f"{self.number}", "reason": "no text", "sample": "{}", "seen_at": at}
        await self.add(Sample(business_id=self.business.id, source_id=source_id, **what))

    async def decide(self, subject: str) -> None:
        """Writes a line into the audit trail."""
        async with self.store.work() as session:
            await audit.append(session, self.business.id, "Jo", "approve", subject, {}, MORNING)


@dataclass
class Postbox:
    """Stands for the mail server: keeps what is sent, after raising what `faults` still holds."""

    faults: list[Exception] = field(default_factory=list)
    mails: list[tuple[tuple[str, ...], str, str]] = field(default_factory=list)

    async def send(self, to: Sequence[str], subject: str, plain: str, html: str = "") -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is None or isinstance(fault, MailPartlySent):
            self.mails.append((tuple(to), subject, plain))
        if fault is not None:
            raise fault
