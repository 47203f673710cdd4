"""What mail and other one-way services share: a card goes out once, and whatever is done about it is done in the inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from responders.channels.base import Act, Card, Kind, Question, Ref, Taker


class Notices:
    """A chat in which nothing can be pressed and nothing changes any more."""

    async def run(self, taker: Taker) -> None:
        """Waits until it is cancelled: nobody can answer a notice."""
        await asyncio.Event().wait()

    def direct(self, actor: str) -> str:
        """The person's own address."""
        return actor

    async def show(self, ref: Ref, card: Card) -> bool:
        """A notice stays as it was sent."""
        return True

    async def ask(self, act: Act, question: Question) -> None:
        """Nobody presses anything in a notice."""

    async def tell(self, act: Act, text: str) -> None:
        """Nobody presses anything in a notice."""

    async def missed(self, refs: Sequence[Ref]) -> list[Act]:
        """Nothing: what is done in the inbox is done there."""
        return []

    async def close(self) -> None:
        """There is nothing to let go of."""


def title(card: Card) -> str:
    """The first line of a card, for a subject."""
    return next((line.text for line in card.lines if line.kind is Kind.TITLE), "A draft waits for you")


def links(card: Card) -> list[tuple[str, str]]:
    """Where a card leads, as (label, address)."""
    return [(button.label, button.url) for row in card.buttons for button in row if button.url]
