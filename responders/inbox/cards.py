"""One draft as the queue shows it, with all that a person needs to decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from config.settings import BusinessSettings, Person
from connectors.base import RouteKind
from responders.inbox.words import Times
from storage import Author, Delivery, Draft, Mention, Session, deliveries, mentions, reposts
from storage.states import MOVES, Action, DraftState, Role

#: Longer drafts are opened before anybody decides about them.
SHORT = 420


def possible(draft: Draft, person: Person) -> frozenset[Action]:
    """What this person may do with a draft as it stands."""
    role = Role(person.role.value)
    return frozenset(action for (state, action), move in MOVES.items() if state is draft.state and role in move.roles)


@dataclass(frozen=True, slots=True)
class Card:
    """A draft, the mention it answers, who wrote that, and the latest delivery where it was approved."""

    draft: Draft
    mention: Mention
    author: Author | None
    delivery: Delivery | None
    actions: frozenset[Action]
    business: str
    #: How often it was seen again elsewhere.
    again: int = 0

    @property
    def who(self) -> str:
        """Who wrote the mention."""
        if self.author is None:
            return "Somebody"
        return self.author.name or self.author.handle or "Somebody"

    @property
    def account(self) -> str:
        """The account of ours that answers."""
        return self.mention.account or self.business

    @property
    def is_by_hand(self) -> bool:
        """Whether a person will have to post the reply."""
        return self.mention.route == RouteKind.HANDOFF

    @property
    def is_read_at_once(self) -> bool:
        """Whether the card shows the whole draft, so that it may be approved right there."""
        return len(self.draft.text) <= SHORT and self.draft.text.count("\n") < 8

    @property
    def is_ready(self) -> bool:
        """Whether nothing but a person's yes is missing."""
        return not self.draft.needs and not any(f["level"] == "block" for f in self.draft.findings)

    def undo_seconds(self, times: Times) -> int:
        """How long an approval can still be taken back for certain; 0: it may leave at any moment."""
        if self.delivery is None or self.draft.state is not DraftState.APPROVED or self.delivery.tries:
            return 0
        return times.seconds_to(self.delivery.not_before)


async def cards(
    session: Session, business: BusinessSettings, person: Person, pairs: Sequence[tuple[Draft, Mention]]
) -> list[Card]:
    """The cards of these drafts as `person` sees them, in the same order."""
    authors = await mentions.authors(session, business.id, [m.author_id for _, m in pairs if m.author_id])
    under_way = await deliveries.of_drafts(session, business.id, [d.id for d, _ in pairs if d.id and d.approved_by])
    again = await reposts.seen_again(session, [m.id for _, m in pairs if m.id])
    return [
        Card(
            draft,
            mention,
            authors.get(mention.author_id or 0),
            under_way.get(draft.id or 0),
            possible(draft, person),
            business.business.name,
            again.get(mention.id or 0, 0),
        )
        for draft, mention in pairs
    ]
