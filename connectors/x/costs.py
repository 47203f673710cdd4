"""What X charges, in US dollars, and the bill that a source runs up."""

from __future__ import annotations

from decimal import Decimal

# Prices of pay-per-use access as X published them, read on 2026-11-22. X charges for each thing that an answer
# contains, not for the question, and usually counts the same thing once a day: our sums are never too small.
#: A post of somebody else, and one of the account's own mentions or posts.
POST, OWN = Decimal("0.005"), Decimal("0.001")
#: A person's name.
USER = Decimal("0.010")
#: A reply (0.010 to 0.015), and a reply with a link in it.
REPLY, LINKED_REPLY = Decimal("0.015"), Decimal("0.200")


class Bill:
    """What was spent since the last page, by pages and by everything in between."""

    def __init__(self) -> None:
        self._owed = Decimal(0)

    def charge(self, price: Decimal, count: int = 1) -> None:
        """Adds `count` things."""
        self._owed += price * count

    def settle(self) -> Decimal:
        """The sum, once."""
        owed, self._owed = self._owed, Decimal(0)
        return owed
