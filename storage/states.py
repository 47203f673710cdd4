"""A draft's life as one table: which move leads where, and who may make it.

```
                       edit, snooze
                        ┌──────┐
   escalate ┌─────── pending ──────── reject ──► rejected ─┐
            ▼           │  ▲                               │
        escalated ──────┤  └── recall, reopen ◄── expired ◄┤ (also refused, failed)
                     approve                     withdrawn  │
                        ▼                                   │
                     approved ── hand off ► handed_off ── posted ─┐
                        │ claim ▲ retry, release                  ▼
                     sending ─────────── confirm ──────────────► sent ──► visible | refused
                        └── lose ──► unconfirmed ── confirm ──────┘
```

What only an owner may decide goes back to escalated, not to pending, when it
is recalled or opened again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class DraftState(StrEnum):
    """Where a proposed reply stands."""

    #: Waits for a person.
    PENDING = "pending"
    #: Waits for an owner.
    ESCALATED = "escalated"
    #: A person said yes to exactly this text; it may still be recalled.
    APPROVED = "approved"
    #: The outbox holds it; a request may be under way.
    SENDING = "sending"
    #: The request left and nobody knows whether it arrived.
    UNCONFIRMED = "unconfirmed"
    #: The platform accepted it.
    SENT = "sent"
    #: Everyone can see it.
    VISIBLE = "visible"
    #: The platform took it down or would not show it.
    REFUSED = "refused"
    #: A person is posting it by hand.
    HANDED_OFF = "handed_off"
    #: A person said no.
    REJECTED = "rejected"
    #: Nobody decided in time.
    EXPIRED = "expired"
    #: The post is gone, has changed, or was answered elsewhere.
    WITHDRAWN = "withdrawn"
    #: The platform would not take it.
    FAILED = "failed"


class Action(StrEnum):
    """What can be done to a draft."""

    EDIT = "edit"
    APPROVE = "approve"
    REJECT = "reject"
    SNOOZE = "snooze"
    ESCALATE = "escalate"
    EXPIRE = "expire"
    WITHDRAW = "withdraw"
    RECALL = "recall"
    CLAIM = "claim"
    HAND_OFF = "hand off"
    CONFIRM = "confirm"
    RETRY = "retry"
    REFUSE = "refuse"
    LOSE = "lose"
    RELEASE = "release"
    POSTED = "posted"
    SHOW = "show"
    MODERATE = "moderate"
    REOPEN = "reopen"


class Role(StrEnum):
    """Who makes a move."""

    STAFF = "staff"
    OWNER = "owner"
    SYSTEM = "system"


class Move(NamedTuple):
    """Where an action leads, and who may take it."""

    to: DraftState
    roles: frozenset[Role]


PEOPLE = frozenset({Role.STAFF, Role.OWNER})
OWNER = frozenset({Role.OWNER})
SYSTEM = frozenset({Role.SYSTEM})
ANYONE = PEOPLE | SYSTEM


def _moves() -> dict[tuple[DraftState, Action], Move]:
    S, A = DraftState, Action  # noqa: N806 – the table below reads like the drawing above
    moves = {
        (S.PENDING, A.EDIT): Move(S.PENDING, PEOPLE),
        (S.PENDING, A.APPROVE): Move(S.APPROVED, PEOPLE),
        (S.PENDING, A.REJECT): Move(S.REJECTED, PEOPLE),
        (S.PENDING, A.SNOOZE): Move(S.PENDING, PEOPLE),
        (S.PENDING, A.ESCALATE): Move(S.ESCALATED, ANYONE),
        (S.ESCALATED, A.EDIT): Move(S.ESCALATED, PEOPLE),
        (S.ESCALATED, A.APPROVE): Move(S.APPROVED, OWNER),
        (S.ESCALATED, A.REJECT): Move(S.REJECTED, OWNER),
        (S.APPROVED, A.RECALL): Move(S.PENDING, PEOPLE),
        (S.APPROVED, A.CLAIM): Move(S.SENDING, SYSTEM),
        (S.APPROVED, A.HAND_OFF): Move(S.HANDED_OFF, SYSTEM),
        (S.SENDING, A.CONFIRM): Move(S.SENT, SYSTEM),
        (S.SENDING, A.RETRY): Move(S.APPROVED, SYSTEM),
        (S.SENDING, A.REFUSE): Move(S.FAILED, SYSTEM),
        (S.SENDING, A.LOSE): Move(S.UNCONFIRMED, SYSTEM),
        (S.UNCONFIRMED, A.CONFIRM): Move(S.SENT, ANYONE),
        (S.UNCONFIRMED, A.RELEASE): Move(S.APPROVED, ANYONE),
        (S.HANDED_OFF, A.POSTED): Move(S.SENT, PEOPLE),
        (S.HANDED_OFF, A.REJECT): Move(S.REJECTED, PEOPLE),
        (S.SENT, A.SHOW): Move(S.VISIBLE, SYSTEM),
        (S.SENT, A.MODERATE): Move(S.REFUSED, SYSTEM),
        (S.VISIBLE, A.MODERATE): Move(S.REFUSED, SYSTEM),
    }
    for state in (S.PENDING, S.ESCALATED, S.APPROVED):
        moves[state, A.EXPIRE] = Move(S.EXPIRED, SYSTEM)
        moves[state, A.WITHDRAW] = Move(S.WITHDRAWN, SYSTEM)
    for state in (S.REFUSED, S.REJECTED, S.EXPIRED, S.FAILED):
        moves[state, A.REOPEN] = Move(S.PENDING, PEOPLE)
    return moves


#: The whole machine; whatever is not listed cannot happen.
MOVES: Mapping[tuple[DraftState, Action], Move] = MappingProxyType(_moves())

#: A mention has at most one draft in these states.
OPEN = frozenset(
    {
        DraftState.PENDING,
        DraftState.ESCALATED,
        DraftState.APPROVED,
        DraftState.SENDING,
        DraftState.UNCONFIRMED,
        DraftState.HANDED_OFF,
    }
)

#: Waiting for a person's decision.
UNDECIDED = frozenset({DraftState.PENDING, DraftState.ESCALATED})


class SourceState(StrEnum):
    """How a source is doing."""

    ON = "on"
    OFF = "off"
    #: It fails at the moment and is asked again, ever more slowly.
    FAULTY = "faulty"
    #: Its credentials were refused; it pauses until a person acts.
    DENIED = "denied"
    #: It answers, but has been quiet for longer than is usual for it.
    SILENT = "silent"


class PromiseState(StrEnum):
    """What became of a promise."""

    OPEN = "open"
    KEPT = "kept"
    BROKEN = "broken"
