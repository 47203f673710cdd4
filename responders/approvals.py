"""Where people decide: every inbox, terminal and chat comes through `Desk.decide`.

A decision is about exactly one revision of one draft. It is checked against
the business's people and `storage.states.MOVES` at the moment it is made, and
takes effect through one compare-and-set statement: of two people who tap at
once, one decides and the other is told who did.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from config.settings import BusinessSettings, Person
from responders.cases import make_case
from responders.drafting.base import Case, Drafter, Finding, Level
from responders.drafting.wording import promised, wording
from responders.errors import AlreadyDecided, DecisionError, NotAllowed, StaleRevision
from storage import Author, Draft, Mention, Session, Store, audit, deliveries, drafts, mentions, promises
from storage.states import MOVES, Action, DraftState, PromiseState, Role
from storage.storable import storable


@dataclass(frozen=True, slots=True)
class Choice:
    """What one person wants done with one revision of one draft, and where they said so.

    `text` goes with an edit, `reason` with a rejection (and with an owner's
    approval in spite of a finding), `until` with a snooze, `link` with
    "posted".
    """

    business: str
    draft: int
    revision: int
    action: Action
    person: str
    channel: str
    text: str = ""
    reason: str = ""
    until: datetime | None = None
    link: str = ""


@dataclass(frozen=True, slots=True)
class _Situation:
    """Everything one decision is about, read in the transaction that takes it."""

    session: Session
    business: BusinessSettings
    person: Person
    choice: Choice
    draft: Draft
    mention: Mention
    now: datetime

    @property
    def to(self) -> DraftState:
        to = MOVES[self.draft.state, self.choice.action].to
        return DraftState.ESCALATED if to is DraftState.PENDING and self.draft.for_owner else to


def bind(text: str, mention: Mention) -> str:
    """The hash that ties an approval to this text, post, revision of the post, and account of ours."""
    bound = [text, mention.platform, mention.external_id, mention.revision, mention.account]
    return hashlib.sha256(json.dumps(bound, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def target_of(mention: Mention, author: Author | None) -> dict[str, Any]:
    """The post that a delivery answers, as JSON; `responders.sending` makes it a `Target` again."""
    who = None
    if author is not None:
        who = {"external_id": author.external_id, "handle": author.handle, "name": author.name, "url": author.url}
    return {
        "platform": mention.platform,
        "external_id": mention.external_id,
        "account": mention.account,
        "url": mention.url,
        "author": who,
        "context": mention.context,
    }


class Desk:
    """Takes decisions. `businesses` gives the settings as they are now, `now` the time (aware, UTC)."""

    def __init__(
        self,
        store: Store,
        businesses: Callable[[], Mapping[str, BusinessSettings]],
        drafter: Drafter,
        now: Callable[[], datetime],
    ) -> None:
        self.store = store
        self.businesses = businesses
        self.drafter = drafter
        self.now = now

    async def decide(self, choice: Choice) -> Draft:
        """Does what `choice` says and gives the draft as it stands then.

        Raises:
            AlreadyDecided: somebody was faster, or the system moved it.
            StaleRevision: the text has changed since.
            NotAllowed: this person may not, or the rules forbid this text.
            DecisionError: the choice itself is incomplete.
        """
        business = self._business(choice.business)
        person = self._person(business, choice.person)
        said = {name: storable(getattr(choice, name)) for name in ("channel", "text", "reason", "link")}
        choice = replace(choice, **said)
        async with self.store.work() as session:
            found = await drafts.get(session, choice.business, choice.draft, hold=True)
            if found is None:
                raise NotAllowed("There is no such draft here.", do="Open the inbox to see what waits.")
            draft, mention = found
            situation = _Situation(session, business, person, choice, draft, mention, self.now())
            await self._check_move(situation)
            changes = await _TAKE.get(choice.action, _take_plainly)(self, situation)
            if not await drafts.move(session, draft, situation.to, situation.now, changes):
                raise await self._too_late(situation)
            await self._record(situation)
            return await session.get_one(Draft, draft.id, populate_existing=True)

    async def approve_many(
        self, business: str, chosen: Sequence[tuple[int, int]], person: str, channel: str
    ) -> list[Draft | DecisionError]:
        """Approves several drafts, given as (draft, revision), each on its own; the answers come in the same order."""
        answers: list[Draft | DecisionError] = []
        for draft, revision in chosen:
            try:
                answers.append(await self.decide(Choice(business, draft, revision, Action.APPROVE, person, channel)))
            except DecisionError as error:
                answers.append(error)
        return answers

    async def check(self, business: str, draft_id: int, text: str) -> Sequence[Finding]:
        """What the rules say of `text` as this draft's reply; empty where there is no such draft."""
        settings = self._business(business)
        async with self.store.read() as session:
            found = await drafts.get(session, business, draft_id)
            if found is None:
                return ()
            case = await make_case(session, settings, found[1], self.now())
        return self.drafter.check(text, case)

    async def not_us(self, business: str, mention_id: int, person: str, channel: str) -> None:
        """Marks a mention as not about this business, and withdraws its draft where none of it is public yet."""
        who = self._person(self._business(business), person)
        async with self.store.work() as session:
            if not await mentions.set_not_us(session, business, mention_id):
                raise NotAllowed("There is no such mention here.", do="Open the inbox to see what waits.")
            note = f"{who.name} said it is not about us."
            await withdraw(session, [mention_id], note, self.now())
            subject = f"mention {mention_id}"
            await audit.append(session, business, who.name, "not us", subject, {"channel": channel}, self.now())

    async def keep(self, business: str, promise_id: int, person: str, kept: bool) -> None:
        """Marks a promise as kept, or as broken."""
        who = self._person(self._business(business), person)
        state = PromiseState.KEPT if kept else PromiseState.BROKEN
        async with self.store.work() as session:
            if not await promises.close(session, business, promise_id, state, self.now()):
                raise AlreadyDecided("This promise is no longer open.", do="Reload the page to see how it stands.")
            await audit.append(session, business, who.name, state.value, f"promise {promise_id}", {}, self.now())

    def _business(self, business_id: str) -> BusinessSettings:
        business = self.businesses().get(business_id)
        if business is None:
            raise NotAllowed("There is no such business here.", do="Sign in again.")
        return business

    @staticmethod
    def _person(business: BusinessSettings, name: str) -> Person:
        person = business.person(name)
        if person is None:
            raise NotAllowed(
                f"{name} is not on the staff of {business.business.name}.",
                "Nothing was changed.",
                "An owner can add people under [[staff]] in the configuration.",
            )
        return person

    async def _check_move(self, situation: _Situation) -> None:
        draft, choice = situation.draft, situation.choice
        move = MOVES.get((draft.state, choice.action))
        if move is None or not move.roles & {Role.STAFF, Role.OWNER}:
            raise await self._too_late(situation)
        if choice.revision != draft.revision:
            raise StaleRevision("The text has changed since you read it.", "Nothing was decided.", "Please look again.")
        if Role(situation.person.role.value) not in move.roles:
            raise NotAllowed(
                f"Only an owner can {choice.action} this one.", "It waits for them.", "You can still edit the text."
            )

    async def _too_late(self, situation: _Situation) -> DecisionError:
        """Who was faster, in words."""
        draft, choice = situation.draft, situation.choice
        taken = await drafts.decisions(situation.session, choice.business, choice.draft)
        kept = ""
        if choice.action is Action.EDIT and choice.text.strip():
            kept = "Your edit was not saved."
        if not taken:
            return AlreadyDecided(f"This draft is {_say(draft.state)} now.", kept, "Please look again.")
        last = taken[-1]
        local = last.at.astimezone(situation.business.business.zone)
        happened = f"{last.person} chose “{last.action}” at {local:%H:%M}; the draft is {_say(draft.state)} now."
        do = "Recall it to change it." if draft.state is DraftState.APPROVED else ""
        return AlreadyDecided(happened, kept, do, by=last.person, at=last.at)

    async def _record(self, situation: _Situation) -> None:
        choice, draft = situation.choice, situation.draft
        await drafts.add_decision(
            situation.session,
            {
                "business_id": choice.business,
                "draft_id": choice.draft,
                "revision": choice.revision,
                "action": choice.action.value,
                "person": situation.person.name,
                "channel": choice.channel,
                "reason": choice.reason,
                "at": situation.now,
            },
        )
        text = choice.text if choice.action is Action.EDIT else draft.text
        detail = {
            "revision": choice.revision,
            "channel": choice.channel,
            "text": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        }
        who, what = situation.person.name, choice.action.value
        await audit.append(
            situation.session, choice.business, who, what, f"draft {choice.draft}", detail, situation.now
        )


def _say(state: DraftState) -> str:
    return state.value.replace("_", " ")


async def _take_plainly(desk: Desk, situation: _Situation) -> dict[str, Any]:
    return {}


async def _take_edit(desk: Desk, situation: _Situation) -> dict[str, Any]:
    choice, draft = situation.choice, situation.draft
    text = choice.text.strip()
    if not text:
        raise DecisionError("An empty reply cannot be kept.", "The text stands as it was.", "Write one, or reject it.")
    case = await make_case(situation.session, situation.business, situation.mention, situation.now)
    await drafts.add_revision(
        situation.session,
        draft.business_id,
        choice.draft,
        draft.revision + 1,
        text,
        situation.person.name,
        situation.now,
    )
    columns = wording(text, "", desk.drafter.check(text, case), desk.drafter.commitments(text, case))
    return columns | {"revision": draft.revision + 1}


async def _take_approve(desk: Desk, situation: _Situation) -> dict[str, Any]:
    draft, mention, now = situation.draft, situation.mention, situation.now
    _refuse_void(draft, mention)
    case = await make_case(situation.session, situation.business, mention, now)
    if draft.needs:
        raise NotAllowed(f"This draft is not ready: {draft.needs}", "It waits.", "Edit it, then approve.")
    _refuse_findings(desk, situation, case)
    bound = bind(draft.text, mention)
    author = await situation.session.get(Author, mention.author_id) if mention.author_id else None
    await deliveries.enqueue(
        situation.session,
        {
            "business_id": draft.business_id,
            "draft_id": draft.id,
            "source_id": mention.source_id,
            "revision": draft.revision,
            "text": draft.text,
            "target": target_of(mention, author),
            "key": str(uuid.uuid4()),
            "hash": bound,
            "state": DraftState.APPROVED,
            "not_before": now + situation.business.reply.undo_for,
        },
    )
    return {
        "approved_by": situation.person.name,
        "approved_hash": bound,
        "until": None,
        "note": "",
        "promises": promised(desk.drafter.commitments(draft.text, case)),  # "today" counts from now
    }


def _refuse_void(draft: Draft, mention: Mention) -> None:
    if mention.gone_at is not None:
        raise StaleRevision("The post has been deleted.", "Nothing will be posted.", "")
    if mention.revision != draft.mention_revision:
        raise StaleRevision("The author has edited the post.", "Nothing was decided.", "Please read it again.")
    if mention.route == "none":
        raise NotAllowed(f"This cannot be answered: {mention.route_reason}", "Nothing was decided.")


def _refuse_findings(desk: Desk, situation: _Situation, case: Case) -> None:
    blocks = [f for f in desk.drafter.check(situation.draft.text, case) if f.level is Level.BLOCK]
    is_owner = situation.person.role.value == Role.OWNER.value
    if is_owner and situation.choice.reason.strip():
        blocks = [finding for finding in blocks if finding.final]
    if blocks:
        do = "Edit it, then approve." if is_owner else "Edit it, or pass it to an owner."
        raise NotAllowed(" ".join(finding.says for finding in blocks), "It waits.", do)


async def _take_reject(desk: Desk, situation: _Situation) -> dict[str, Any]:
    if situation.draft.state is DraftState.HANDED_OFF:
        await _end_delivery(situation, DraftState.REJECTED, {})
    return {"note": situation.choice.reason.strip(), "until": None}


async def _take_snooze(desk: Desk, situation: _Situation) -> dict[str, Any]:
    until = situation.choice.until
    if until is None or until <= situation.now:
        raise DecisionError("A snooze needs a time that lies ahead.", "The draft still waits.", "Choose a later time.")
    expires = situation.draft.expires_at
    return {"until": min(until, expires) if expires else until}


async def _take_escalate(desk: Desk, situation: _Situation) -> dict[str, Any]:
    return {"for_owner": True}


async def _take_recall(desk: Desk, situation: _Situation) -> dict[str, Any]:
    if not await deliveries.cancel(situation.session, situation.choice.draft):
        raise AlreadyDecided("It is too late to recall: the reply is on its way.", do="Look at the post.")
    return {"approved_by": "", "approved_hash": ""}


async def _take_confirm(desk: Desk, situation: _Situation) -> dict[str, Any]:
    """A person looked and says: it is there."""
    return await _sent_by_hand(situation)


async def _take_posted(desk: Desk, situation: _Situation) -> dict[str, Any]:
    link = situation.choice.link.strip()
    if link and not link.startswith(("https://", "http://")):
        raise DecisionError("That is not a link to a post.", "The draft still waits.", "Paste its https:// address.")
    return await _sent_by_hand(situation)


async def _sent_by_hand(situation: _Situation) -> dict[str, Any]:
    changes = {"sent_at": situation.now, "receipt_url": situation.choice.link.strip(), "note": ""}
    await _end_delivery(situation, DraftState.SENT, changes)
    await make_promises(situation.session, situation.draft, situation.now)
    return {"note": ""}


async def _take_release(desk: Desk, situation: _Situation) -> dict[str, Any]:
    """A person looked and says: it is not there; send it again."""
    await _end_delivery(situation, DraftState.APPROVED, {"not_before": situation.now, "misses": 0})
    return {"note": ""}


async def _end_delivery(situation: _Situation, to: DraftState, changes: Mapping[str, Any]) -> None:
    delivery = await deliveries.of_draft(situation.session, situation.choice.business, situation.choice.draft)
    if delivery is None or delivery.id is None:
        return
    await deliveries.settle(
        situation.session, delivery.id, state=delivery.state, fence=delivery.fence, to=to, changes=changes
    )


async def _take_reopen(desk: Desk, situation: _Situation) -> dict[str, Any]:
    if situation.mention.gone_at is not None:
        raise StaleRevision("The post has been deleted.", "There is nothing left to answer.")
    if situation.mention.id and await drafts.open_for(situation.session, [situation.mention.id]):
        raise AlreadyDecided("Another draft for this post is open.", do="Decide about that one.")
    return {
        "mention_revision": situation.mention.revision,
        "expires_at": situation.now + situation.business.reply.expire_after,
        "approved_by": "",
        "approved_hash": "",
        "until": None,
    }


_TAKE: Mapping[Action, Callable[[Desk, _Situation], Awaitable[dict[str, Any]]]] = {
    Action.EDIT: _take_edit,
    Action.APPROVE: _take_approve,
    Action.REJECT: _take_reject,
    Action.SNOOZE: _take_snooze,
    Action.ESCALATE: _take_escalate,
    Action.RECALL: _take_recall,
    Action.CONFIRM: _take_confirm,
    Action.POSTED: _take_posted,
    Action.RELEASE: _take_release,
    Action.REOPEN: _take_reopen,
}


async def make_promises(session: Session, draft: Draft, now: datetime) -> None:
    """Turns what a published reply committed to into promises that somebody keeps."""
    rows = [
        {
            "business_id": draft.business_id,
            "draft_id": draft.id,
            "what": promise["what"],
            "person": draft.approved_by,
            "due_at": now + timedelta(seconds=float(promise["within"])),
            "state": PromiseState.OPEN,
        }
        for promise in draft.promises
    ]
    await promises.add(session, rows)


async def withdraw(session: Session, mention_ids: Sequence[int], note: str, now: datetime) -> int:
    """Takes back the drafts of these mentions that nothing public has come of yet; gives how many."""
    if not mention_ids:
        return 0
    withdrawn = 0
    for draft in await drafts.open_for(session, mention_ids):
        if (draft.state, Action.WITHDRAW) not in MOVES:
            continue
        if draft.state is DraftState.APPROVED and not await deliveries.cancel(session, draft.id or 0):
            continue
        withdrawn += await drafts.move(session, draft, DraftState.WITHDRAWN, now, {"note": note})
    return withdrawn


async def expire(store: Store, now: datetime) -> int:
    """Lets undecided drafts lapse, without a post, when their time is over; gives how many."""
    async with store.work() as session:
        lapsed = 0
        for draft in await drafts.overdue(session, now):
            note = "Nobody decided in time; nothing was posted."
            if await drafts.move(session, draft, DraftState.EXPIRED, now, {"note": note}):
                await audit.append(session, draft.business_id, "warmline", "expire", f"draft {draft.id}", {}, now)
                lapsed += 1
        return lapsed
