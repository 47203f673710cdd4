"""A small business with a full inbox, put straight into a real store, for tests of everything that people look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.settings import BusinessSettings, Installation, Settings
from connectors.base import Author
from responders.approvals import Choice, Desk
from responders.drafting.base import Abstention, Case, Commitment, Finding, Level, Proposal
from responders.drafting.wording import wording
from responders.proposing import how_bad
from storage import Draft, Source, Store, deliveries, drafts, mentions, sources
from storage.assessment import Assessment, Emotion, Intent, Polarity, Reason, Severity, SeverityKind, SeverityLevel
from storage.models import assessment_columns
from storage.states import Action, DraftState

#: A Tuesday at 11:20 in Berlin.
NOW = datetime(2026, 6, 2, 9, 20, tzinfo=UTC)

PRAISE = Assessment(
    "en", 0.8, Polarity.POSITIVE, 0.93, Emotion.DELIGHTED, Intent.PRAISE, Severity(), ("product",),
    (Reason("praise", ("love",), "a word of praise"),), "test",
)  # fmt: skip
COMPLAINT = Assessment(
    "en", -0.6, Polarity.NEGATIVE, 0.9, Emotion.DISAPPOINTED, Intent.COMPLAINT,
    Severity(SeverityLevel.HIGH, (SeverityKind.HEALTH,)), ("cleanliness",),
    (Reason("health", ("hair in her cake",), "something in the food"), Reason("complaint", ("found a hair",), "")), "test",
)  # fmt: skip


class PlainRules:
    """Stands in for the drafter: no reply may hold "refund" (an owner may overrule) or "lawyer" (nobody may)."""

    async def draft(self, case: Case) -> Proposal | Abstention:
        """The same words for everybody."""
        return Proposal(f"Thank you. — {case.signer}", "en")

    def check(self, text: str, case: Case) -> Sequence[Finding]:
        """What the two rules say."""
        found = []
        if "refund" in text:
            found.append(Finding("offer", Level.BLOCK, "Only an owner may offer a refund."))
        if "lawyer" in text:
            found.append(Finding("legal", Level.BLOCK, "A reply never speaks of lawyers.", final=True))
        if any(text and len(text) > limit.at_most for limit in case.limits):
            found.append(Finding("length", Level.BLOCK, "It is too long.", final=True))
        return found

    def commitments(self, text: str, case: Case) -> Sequence[Commitment]:
        """A call, where the text promises one."""
        return [Commitment("call back", timedelta(days=1))] if "call you" in text else []


def bakery(**changes: Any) -> BusinessSettings:
    """Crumb & Co.: Mia is staff, Jo the owner, Ben has no mail address."""
    return BusinessSettings.model_validate(
        {
            "id": "crumb",
            "business": {"name": "Crumb & Co.", "kind": "bakery", "time_zone": "Europe/Berlin"},
            "query": {"match": "crumb"},
            "voice": {"sign_off": "Mia"},
            "staff": [
                {"name": "Mia", "mail": "mia@crumb.example"},
                {"name": "Jo", "role": "owner", "mail": "jo@crumb.example"},
                {"name": "Ben"},
            ],
            "reply": {"undo_for": "30 seconds", "escalate_on": ["allergic"]},
            "sources": [{"name": "pasted", "type": "paste"}],
            **changes,
        }
    )


def florist() -> BusinessSettings:
    """Another business of the same installation, whose people must not see the bakery."""
    staff = [{"name": "Flo", "role": "owner", "mail": "flo@petal.example"}]
    return bakery(id="petal", business={"name": "Petal"}, staff=staff)


@dataclass
class Household:
    """A store with two businesses, a desk, and a clock that stands still until somebody moves it."""

    store: Store
    now: datetime = NOW
    address: str = ""
    businesses: dict[str, BusinessSettings] = field(
        default_factory=lambda: {each.id: each for each in (bakery(), florist())}
    )
    sources: dict[str, Source] = field(default_factory=dict)
    _heard: int = 0

    def __post_init__(self) -> None:
        self.desk = Desk(self.store, lambda: self.businesses, PlainRules(), lambda: self.now)

    @property
    def settings(self) -> Settings:
        """What the configuration says now."""
        installation = Installation(inbox={"address": self.address})
        return Settings(installation=installation, businesses=self.businesses, home=Path())

    async def move_in(self) -> None:
        """Makes the businesses' records and one source for each."""
        async with self.store.work() as session:
            for business in self.businesses.values():
                await sources.keep_business(session, business.id, business.business.name)
                source = await sources.register(session, business.id, "reviews", "google", enabled=True)
                self.sources[business.id] = source

    async def hear(self, text: str, assessment: Assessment = PRAISE, *, business: str = "crumb", **changes: Any) -> int:
        """Stores a mention by Ana, half an hour old; gives its id."""
        self._heard += 1
        posted_at = self.now - timedelta(minutes=30)
        row = {
            "business_id": business,
            "source_id": self.sources[business].id,
            "author": asdict(Author("ana", "@ana", "Ana", "https://town.example/@ana")),
            "platform": "google",
            "external_id": f"post-{self._heard}",
            "text": text,
            "url": f"https://reviews.example/{self._heard}",
            "rating": 5.0 if assessment.polarity is Polarity.POSITIVE else 2.0,
            "account": "Crumb & Co., Main Street",
            "place": "Main Street",
            "posted_at": posted_at,
            "day": posted_at.date(),
            "heard_at": self.now,
            "checked_at": self.now,
            "route": "api",
            "route_reason": "We answer our own reviews.",
            "limits": [["graphemes", 300]],
            "due_at": self.now + timedelta(hours=2),
            **assessment_columns(assessment),
            **changes,
        }
        async with self.store.work() as session:
            return (await mentions.insert(session, [row]))[0]

    async def draft(
        self,
        text: str = "Thank you, Ana! — Mia",
        *,
        mention: int | None = None,
        business: str = "crumb",
        **changes: Any,
    ) -> int:
        """Stores a draft, for a mention that praises the buns where none is named; gives its id."""
        if mention is None:
            mention = await self.hear("I love the buns at Crumb", business=business)
        async with self.store.work() as session:
            heard = await mentions.get(session, business, mention)
            assert heard is not None
            row = {
                "business_id": business,
                "mention_id": mention,
                "mention_revision": heard.revision,
                "state": DraftState.PENDING,
                "language": "en",
                "reasons": ["thanks for: buns"],
                "worst": how_bad(heard),
                "posted_at": heard.posted_at,
                "created_at": self.now,
                "changed_at": self.now,
                "due_at": heard.due_at,
                "expires_at": self.now + timedelta(days=14),
                **wording(text, "", (), ()),
                **changes,
            }
            draft = await drafts.propose(session, row)
            assert draft is not None
            return draft.id or 0

    async def decide(self, draft: int, action: Action, person: str = "Mia", **changes: Any) -> Draft:
        """Takes a decision about the draft as it stands, as somebody in the terminal would."""
        standing = await self.standing(draft)
        return await self.desk.decide(
            Choice(standing.business_id, draft, standing.revision, action, person, "terminal", **changes)
        )

    async def standing(self, draft: int) -> Draft:
        """A draft as it stands, whichever business it is of."""
        async with self.store.read() as session:
            found = await session.get(Draft, draft)
            assert found is not None
            return found

    async def put(self, draft: int, state: DraftState, **changes: Any) -> None:
        """Moves a draft and its delivery as the system would."""
        standing = await self.standing(draft)
        async with self.store.work() as session:
            await drafts.move(session, standing, state, self.now, changes)
            delivery = await deliveries.of_draft(session, standing.business_id, draft)
            if delivery and delivery.id:
                await deliveries.settle(session, delivery.id, state=delivery.state, fence=delivery.fence, to=state)
