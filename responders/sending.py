"""The one door out: nothing else may publish a reply.

A reply leaves only as the frozen text of a delivery that a person's approval
made, after its undo window, and only while the approval still fits the post.
A claim is durable before the first byte leaves. What may already be public is
never sent again: it becomes *unconfirmed* and is looked for, and only two
looks that prove it is not there (a settle time apart), or a person, put it
back into the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from connectors.base import (
    Absent,
    Author,
    Connector,
    Found,
    Receipt,
    Replier,
    RouteKind,
    Status,
    Target,
    Traits,
    Unsure,
    Visibility,
)
from connectors.errors import ReplyDeferred, ReplyError, ReplyLost, SourceError
from responders.approvals import bind, make_promises, withdraw
from storage import Delivery, Draft, Mention, Session, Store, audit, deliveries, drafts
from storage.errors import StorageError
from storage.states import MOVES, Action, DraftState
from storage.storable import storable

log = structlog.get_logger()

#: How long one request may take; the lease outlives it.
TIMEOUT = timedelta(seconds=30)
LEASE = timedelta(seconds=90)
#: Clean looks that must find nothing before a reply counts as not public.
CLEAN_LOOKS = 2
#: How long a reply waits when its source is off, so that it holds up no other.
AWAY = timedelta(minutes=1)
#: When a published reply is looked at again, after it was sent.
VERIFY_AFTER = (10, 60, 600, 3600, 6 * 3600, 24 * 3600, 3 * 24 * 3600)


class Speaker(Connector, Replier, Protocol):
    """A connector that can also answer."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """What sending needs: the store, who speaks for a source (None: nobody now), the clock, and this worker's name."""

    store: Store
    speaker: Callable[[int], Speaker | None]
    now: Callable[[], datetime]
    worker: str = "warmline"


def target(delivery: Delivery) -> Target:
    """The post that a delivery answers."""
    frozen = dict(delivery.target)
    author = frozen.pop("author", None)
    return Target(author=Author(**author) if author else None, **frozen)


async def send_due(outbox: Outbox) -> int:
    """Publishes every approved reply whose undo window is over; gives how many were handed to a platform."""
    async with outbox.store.read() as session:
        waiting = await deliveries.due(session, DraftState.APPROVED, outbox.now())
    moved = 0
    for delivery in waiting:
        moved += await _send(outbox, delivery)
    return moved


async def _send(outbox: Outbox, delivery: Delivery) -> bool:
    speaker = outbox.speaker(delivery.source_id)
    if await _is_answered(outbox, speaker, delivery):
        return True
    claimed = await _claim(outbox, delivery, speaker)
    if claimed is None or speaker is None:
        return False
    record = await _publish(speaker, claimed, outbox)
    await record(outbox, claimed)
    return True


async def _is_answered(outbox: Outbox, speaker: Speaker | None, delivery: Delivery) -> bool:
    """Whether a colleague has answered on the platform meanwhile; then our draft is withdrawn."""
    if speaker is None or delivery.tries:
        return False  # after a first try, only `look_for_lost` may judge what is there
    look = await _look(speaker, delivery)
    if not isinstance(look, Found):
        return False
    async with outbox.store.work() as session:
        _, draft = await deliveries.source_of(session, delivery)
        return bool(
            await withdraw(session, [draft.mention_id], "It was already answered on the platform.", outbox.now())
        )


async def _claim(outbox: Outbox, delivery: Delivery, speaker: Speaker | None) -> Delivery | None:
    """Takes a delivery if its approval still holds; durable when it returns. None: not ours to send."""
    now = outbox.now()
    async with outbox.store.work() as session:
        found = await drafts.get(session, delivery.business_id, delivery.draft_id, hold=True)
        if found is None:
            return None
        draft, mention = found
        if not _holds(delivery, draft, mention):
            note = "The post changed after the approval, so nothing was posted."
            await withdraw(session, [draft.mention_id], note, now)
            return None
        action = Action.CLAIM if mention.route == RouteKind.API else Action.HAND_OFF
        if action is Action.CLAIM and speaker is None:
            await _put_off(session, delivery, {"not_before": now + AWAY})
            return None
        to = MOVES[draft.state, action].to
        lease_until = now + LEASE
        fence = await deliveries.claim(session, delivery, outbox.worker, lease_until, now)
        if not fence:
            return None  # another worker was faster
        if not await drafts.move(session, draft, to, now):
            raise StorageError("A reply's draft and its delivery disagree.", "Nothing was posted.")
        if action is Action.HAND_OFF:
            await deliveries.settle(session, delivery.id or 0, state=DraftState.SENDING, fence=fence, to=to)
            return None
    delivery.fence, delivery.state, delivery.lease_until = fence, to, lease_until
    return delivery


def _holds(delivery: Delivery, draft: Draft, mention: Mention) -> bool:
    """Whether the approval was for exactly this text, post, revision and account, and the post still stands."""
    return (
        draft.state is DraftState.APPROVED
        and mention.gone_at is None
        and bind(delivery.text, mention) == delivery.hash == draft.approved_hash
    )


#: Writes down what became of a claimed delivery.
Record = Callable[[Outbox, Delivery], Awaitable[None]]


async def _publish(speaker: Speaker, delivery: Delivery, outbox: Outbox) -> Record:
    """Hands the text to the platform, once, and says how to record the outcome."""
    if delivery.lease_until is None or outbox.now() + TIMEOUT >= delivery.lease_until:
        return _deferred(ReplyDeferred("The claim was too old."))
    try:
        async with asyncio.timeout(TIMEOUT.total_seconds()):
            receipt = await speaker.reply(target(delivery), delivery.text, key=delivery.key)
    except ReplyDeferred as error:
        return _deferred(error)
    except ReplyLost as error:
        return _lost(error, speaker.traits)
    except ReplyError as error:
        return _refused(error)
    except TimeoutError:
        return _lost(ReplyLost("The platform did not answer in time."), speaker.traits)
    except Exception as error:  # around one delivery: whatever it was, the request may have left
        log.exception("reply lost", delivery=delivery.id)
        return _lost(ReplyLost(f"Something unexpected happened ({type(error).__name__})."), speaker.traits)
    return _sent(receipt)


def _sent(receipt: Receipt) -> Record:
    async def record(outbox: Outbox, delivery: Delivery) -> None:
        now = outbox.now()
        changes = {
            "sent_at": now,
            "receipt_id": receipt.external_id,
            "receipt_url": receipt.url,
            "not_before": now + timedelta(seconds=VERIFY_AFTER[0]),
            "note": "",
        }
        await _settle(outbox, delivery, Action.CONFIRM, changes, note="", promise=True)

    return record


def _deferred(error: ReplyDeferred) -> Record:
    async def record(outbox: Outbox, delivery: Delivery) -> None:
        now = outbox.now()
        soon = now + timedelta(seconds=min(30 * 2 ** min(delivery.tries, 7), 3600))
        again = {"not_before": max(error.retry_at or soon, now + timedelta(seconds=1)), "note": error.happened}
        await _settle(outbox, delivery, Action.RETRY, again, note=f"Not sent yet: {error.happened}")

    return record


def _refused(error: ReplyError) -> Record:
    async def record(outbox: Outbox, delivery: Delivery) -> None:
        await _settle(outbox, delivery, Action.REFUSE, {"note": error.happened}, note=str(error))

    return record


def _lost(error: ReplyLost, traits: Traits) -> Record:
    async def record(outbox: Outbox, delivery: Delivery) -> None:
        changes = {"not_before": outbox.now() + traits.settle, "note": error.happened, "misses": 0, "unsure": 0}
        await _settle(outbox, delivery, Action.LOSE, changes, note=_unconfirmed(error.happened))

    return record


def _unconfirmed(happened: str) -> str:
    return f"{happened} The reply may be public, so it is not sent again blindly; we look for it."


async def _settle(
    outbox: Outbox,
    delivery: Delivery,
    action: Action,
    changes: Mapping[str, Any],
    *,
    note: str,
    promise: bool = False,
) -> bool:
    """Moves delivery and draft together, if this worker's claim still stands."""
    now, changes, note = outbox.now(), storable(changes), storable(note)
    to = MOVES[delivery.state, action].to
    async with outbox.store.work() as session:
        settled = await deliveries.settle(
            session, delivery.id or 0, state=delivery.state, fence=delivery.fence, to=to, changes=changes
        )
        if not settled:
            return False
        _, draft = await deliveries.source_of(session, delivery)
        await drafts.move(session, draft, to, now, {"note": note})
        if promise:
            await make_promises(session, draft, now)
        detail = {"delivery": delivery.id, "state": to.value}
        await audit.append(
            session, delivery.business_id, outbox.worker, action.value, f"draft {delivery.draft_id}", detail, now
        )
    log.info("reply moved", draft=delivery.draft_id, action=action.value, state=to.value)
    return True


async def recover(outbox: Outbox, *, everything: bool = False) -> int:
    """Marks deliveries of dead workers as unconfirmed; at start, with nobody else alive, `everything` that was claimed.

    Never straight back to approved: the request may have left before the crash.
    """
    async with outbox.store.read() as session:
        stranded = await deliveries.stranded(session, None if everything else outbox.now())
    for delivery in stranded:
        speaker = outbox.speaker(delivery.source_id)
        settle = speaker.traits.settle if speaker else Traits("").settle
        changes = {"not_before": outbox.now() + settle, "misses": 0}
        await _settle(outbox, delivery, Action.LOSE, changes, note=_unconfirmed("Warmline stopped while sending."))
    return len(stranded)


async def look_for_lost(outbox: Outbox) -> int:
    """Looks on the platforms for unconfirmed replies; gives how many were settled."""
    async with outbox.store.read() as session:
        waiting = await deliveries.due(session, DraftState.UNCONFIRMED, outbox.now())
    settled = 0
    for delivery in waiting:
        speaker = outbox.speaker(delivery.source_id)
        if speaker is None:
            await _postpone(outbox, delivery, {"not_before": outbox.now() + AWAY})
        else:
            settled += await _reconcile(outbox, speaker, delivery)
    return settled


async def _reconcile(outbox: Outbox, speaker: Speaker, delivery: Delivery) -> bool:
    look = await _look(speaker, delivery)
    if isinstance(look, Found):
        await _sent(look.receipt)(outbox, delivery)
        return True
    misses = delivery.misses + isinstance(look, Absent)
    if misses >= CLEAN_LOOKS:
        again = {"not_before": outbox.now(), "misses": 0, "unsure": 0, "note": ""}
        return await _settle(outbox, delivery, Action.RELEASE, again, note="It was not there; it is sent again.")
    unsure = delivery.unsure + isinstance(look, Unsure)
    # Looks that prove nothing come ever more rarely; a person can settle it at any time.
    changes = {
        "misses": misses,
        "unsure": unsure,
        "not_before": outbox.now() + speaker.traits.settle * 2 ** min(unsure, 8),
    }
    await _postpone(outbox, delivery, changes)
    return False


async def _postpone(outbox: Outbox, delivery: Delivery, changes: Mapping[str, Any]) -> None:
    async with outbox.store.work() as session:
        await _put_off(session, delivery, changes)


async def _put_off(session: Session, delivery: Delivery, changes: Mapping[str, Any]) -> None:
    await deliveries.settle(
        session, delivery.id or 0, state=delivery.state, fence=delivery.fence, to=delivery.state, changes=changes
    )


async def _look(speaker: Speaker, delivery: Delivery) -> Found | Absent | Unsure:
    try:
        async with asyncio.timeout(TIMEOUT.total_seconds()):
            return await speaker.find_reply(target(delivery), delivery.key, delivery.text)
    except (SourceError, ReplyError) as error:
        return Unsure(error.happened)
    except TimeoutError:
        return Unsure("The platform did not answer in time.")
    except Exception as error:  # around one delivery: a connector's bug must not hold up the others
        log.exception("look broke", delivery=delivery.id)
        return Unsure(f"Something unexpected happened ({type(error).__name__}).")


async def verify_sent(outbox: Outbox) -> int:
    """Asks the platforms whether sent replies are public; gives how many are settled now."""
    async with outbox.store.read() as session:
        waiting = await deliveries.due(session, DraftState.SENT, outbox.now())
    settled = 0
    for delivery in waiting:
        speaker = outbox.speaker(delivery.source_id)
        if speaker is None:
            await _postpone(outbox, delivery, {"not_before": outbox.now() + AWAY})
        else:
            settled += await _verify(outbox, speaker, delivery)
    return settled


async def _verify(outbox: Outbox, speaker: Speaker, delivery: Delivery) -> bool:
    receipt = Receipt(delivery.receipt_id, delivery.receipt_url, delivery.sent_at)
    try:
        async with asyncio.timeout(TIMEOUT.total_seconds()):
            status = await speaker.status(receipt)
    except (SourceError, ReplyError, TimeoutError):
        status = Status(Visibility.UNKNOWN)
    except Exception:  # around one delivery: a connector's bug must not hold up the others
        log.exception("look broke", delivery=delivery.id)
        status = Status(Visibility.UNKNOWN)
    if status.visibility is Visibility.VISIBLE:
        return await _settle(outbox, delivery, Action.SHOW, {}, note="")
    if status.visibility is Visibility.REFUSED:
        reason = status.reason or "the platform does not show it"
        return await _settle(outbox, delivery, Action.MODERATE, {"note": reason}, note=f"Not shown: {reason}")
    await _verify_later(outbox, delivery)
    return False


async def _verify_later(outbox: Outbox, delivery: Delivery) -> None:
    now = outbox.now()
    sent = delivery.sent_at or now
    later = (sent + timedelta(seconds=after) for after in VERIFY_AFTER)
    when = next((moment for moment in later if moment > now), now + timedelta(days=30))
    await _postpone(outbox, delivery, {"not_before": when})
