"""What people do in a chat becomes a decision at the desk, a question back, or a word why not.

Every act is checked when it arrives: the account must be linked to somebody
who is on the staff now, and what was pressed must be what stands now. An
answer that cannot be delivered never loses what was decided.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC

import structlog

from config.errors import WarmlineError
from config.settings import Person
from responders.approvals import Choice
from responders.cases import limits
from responders.channels import linking
from responders.channels.base import Act, Editor, Option, Press, Question, Verb
from responders.channels.care import is_abusive
from responders.channels.chat import Chat
from responders.errors import AlreadyDecided, ChannelError, DecisionError, NotAllowed, StaleRevision
from responders.inbox.words import STATES, Times, snoozes
from responders.praise import is_plain_praise
from storage import Draft, Mention, cards, drafts, exposure
from storage.chats import CardState, Subject
from storage.states import MOVES, UNDECIDED, Action, DraftState, Role
from storage.storable import storable

log = structlog.get_logger()

#: Ready reasons for a no; the words go to the drafts that come after.
REASONS = (
    Option("tone", "The tone is wrong"),
    Option("facts", "Something in it is not true"),
    Option("no answer", "It needs no answer"),
    Option("answered", "It was answered elsewhere"),
    Option("other", "Another reason"),
)
_DECIDES: Mapping[Verb, Action] = {
    Verb.APPROVE: Action.APPROVE,
    Verb.ESCALATE: Action.ESCALATE,
    Verb.RECALL: Action.RECALL,
    Verb.RELEASE: Action.RELEASE,
    Verb.REOPEN: Action.REOPEN,
}
_STRANGER = (
    "This account is not linked to anybody on the staff, so nothing was done."
    " Whoever works here gets a code under “Your chats” in the inbox, and sends it here."
)


@dataclass(frozen=True, slots=True)
class Taken:
    """An act of somebody who may act here."""

    act: Act
    person: Person

    @property
    def press(self) -> Press:
        """What was pressed."""
        return self.act.press


class Taking:
    """Takes what people do in one chat."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._guesses = linking.Guesses()
        self._takes: Mapping[Verb, Callable[[Taken], Awaitable[str]]] = {
            **dict.fromkeys(_DECIDES, self._decide),
            Verb.EDIT: self._edit,
            Verb.REJECT: self._reject,
            Verb.SNOOZE: self._snooze,
            Verb.NOT_US: self._not_us,
            Verb.POSTED: self._posted,
            Verb.UNVEIL: self._unveil,
            Verb.APPROVE_ALL: self._approve_all,
            Verb.KEPT: self._keep,
            Verb.BROKEN: self._keep,
        }

    async def take(self, act: Act) -> None:
        """Does what the act asks for and answers its person; never raises."""
        act = replace(act, text=storable(act.text))
        try:
            says = await self._answer(act)
        except DecisionError as error:
            says = await self._refused(act, error)
        except WarmlineError as error:
            log.warning("act not taken", chat=self._chat.name, verb=act.press.verb, fault=error.happened)
            says = f"{error} Please try again."
        except Exception:  # around one act: a chat goes on listening whatever one press has set off
            log.exception("act broke", chat=self._chat.name, verb=act.press.verb)
            says = "Something went wrong. Look in the inbox whether it was taken."
        await self._tell(act, says)

    async def problem(self, act: Act) -> str:
        """What speaks against an answer, in words; empty where nothing does."""
        if not act.answers or act.press.verb not in (Verb.EDIT, Verb.POSTED):
            return ""
        async with self._chat.store.read() as session:
            person = await self._chat.person(session, act.actor)
            found = await drafts.get(session, self._chat.business_id, act.press.subject)
        if person is None:
            return _STRANGER
        if found is None:
            return "This draft is no longer kept."
        if act.press.verb is Verb.POSTED:
            link = _link(act.text)
            is_link = not link or link.startswith(("https://", "http://"))
            return "" if is_link else "That is not a link to a post. Paste its https:// address, or write “-”."
        return await self._against(found[0], found[1], act)

    async def _against(self, draft: Draft, mention: Mention, act: Act) -> str:
        """What speaks against a new wording: above all what nobody may overrule, the platform's length among it."""
        if draft.state not in UNDECIDED:
            return "This was decided meanwhile, so the text cannot be changed any more."
        if draft.revision != act.press.revision:
            return f"The text was changed meanwhile. It now says: {draft.text}"
        if not act.text.strip():
            return "An empty reply cannot be kept. Write one, or turn it down."
        found = await self._chat.desk.check(self._chat.business_id, draft.id or 0, act.text.strip())
        return " ".join(finding.says for finding in found if finding.level == "block" and finding.final)

    async def _answer(self, act: Act) -> str:
        if act.press.verb is Verb.LINK:
            return await self._link(act)
        async with self._chat.store.read() as session:
            person = await self._chat.person(session, act.actor)
        if person is None:
            return _STRANGER
        await self._adopt(act)
        return await self._takes[act.press.verb](Taken(act, person))

    async def _link(self, act: Act) -> str:
        chat, now = self._chat, self._chat.now()
        if not self._guesses.may(act.actor, now):
            return "Those were many codes that do not hold. Please wait ten minutes."
        person = await linking.redeem(chat.store, chat.business, chat.name, act.actor, act.text, now)
        if not person:
            self._guesses.failed(act.actor, now)
            return "This code does not hold: it is mistyped, used, or older than a quarter of an hour. Get a new one."
        return f"This account is {person}'s now. What you press here counts as {person}'s decision."

    async def _adopt(self, act: Act) -> None:
        """Takes in a card of ours whose posting was never confirmed, so that it is repainted like the others."""
        chat, ref = self._chat, act.ref
        if ref is None or act.press.verb in (Verb.APPROVE_ALL, Verb.KEPT, Verb.BROKEN) or not act.press.subject:
            return
        async with chat.store.read() as session:
            if await cards.at(session, chat.business_id, chat.name, ref.place, ref.message) is not None:
                return
            if await drafts.get(session, chat.business_id, act.press.subject) is None:
                return
        now = chat.now()
        found = {
            "business_id": chat.business_id,
            "channel": chat.name,
            "subject": Subject.DRAFT,
            "draft_id": act.press.subject,
            "place": ref.place,
            "message": ref.message,
            "revision": act.press.revision,
            "state": CardState.CLOSED,
            "wanted_at": now,
            "next_at": now,
        }
        async with chat.store.work() as session:
            await cards.want(session, found)

    async def _found(self, press: Press) -> tuple[Draft, Mention]:
        """The draft that a press is about, if it still stands in the wording that was seen.

        Raises:
            NotAllowed: it is no longer kept.
            StaleRevision: the text has changed.
        """
        async with self._chat.store.read() as session:
            found = await drafts.get(session, self._chat.business_id, press.subject)
        if found is None:
            raise NotAllowed("What this was about is no longer kept.", do="There is nothing left to decide.")
        if found[0].revision != press.revision and found[0].state in UNDECIDED:
            raise StaleRevision("The text has changed since you read it.", "Nothing was decided.", "Please look again.")
        return found

    def _choice(self, taken: Taken, action: Action, **more: object) -> Choice:
        choice = Choice(
            self._chat.business_id,
            taken.press.subject,
            taken.press.revision,
            action,
            taken.person.name,
            self._chat.name,
        )
        return replace(choice, **more)  # type: ignore[arg-type]

    async def _decide(self, taken: Taken) -> str:
        draft, mention = await self._found(taken.press)
        decided = await self._chat.desk.decide(self._choice(taken, _DECIDES[taken.press.verb]))
        await self._count(draft, mention, taken.person)
        return {
            Verb.APPROVE: f"Approved. {self._undo(decided)}",
            Verb.ESCALATE: "Passed on: an owner decides.",
            Verb.RECALL: "Taken back. Nothing was posted.",
            Verb.RELEASE: "It is sent again.",
            Verb.REOPEN: "Opened again.",
        }[taken.press.verb]

    def _undo(self, draft: Draft) -> str:
        until = self._chat.now() + self._chat.business.reply.undo_for
        return f"You can take it back until {until.astimezone(self._chat.business.business.zone):%H:%M:%S}."

    async def _edit(self, taken: Taken) -> str:
        draft, mention = await self._found(taken.press)
        _refuse_if_over(draft, mention, Action.EDIT, taken.person)
        question = Question(taken.press, "Change the reply", _how_long(mention), text=draft.text)
        if not taken.act.answers:
            return await self._ask(taken.act, question)
        typed = taken.act.text.strip()
        problem = await self._against(draft, mention, taken.act)
        if problem:
            return await self._ask(taken.act, replace(question, text=typed, problem=problem))
        decided = await self._chat.desk.decide(self._choice(taken, Action.EDIT, text=typed))
        blocks = " ".join(each["says"] for each in decided.findings if each["level"] == "block")
        if blocks:
            return f"Saved, but not ready: {blocks} Change it, or pass it to an owner."
        return "Saved. It is not approved yet: press the button on the card."

    async def _reject(self, taken: Taken) -> str:
        _refuse_if_over(*await self._found(taken.press), Action.REJECT, taken.person)
        if not taken.act.answers:
            return await self._ask(taken.act, Question(taken.press, "Turn it down", "Why?", options=REASONS))
        labels = {option.value: option.label for option in REASONS}
        reason = labels.get(taken.act.text, taken.act.text.strip())
        await self._chat.desk.decide(self._choice(taken, Action.REJECT, reason=reason[:500]))
        return "Turned down. Nothing is posted."

    async def _snooze(self, taken: Taken) -> str:
        _refuse_if_over(*await self._found(taken.press), Action.SNOOZE, taken.person)
        times = Times(self._chat.now(), self._chat.business.business.zone)
        offers = {key: (label, moment) for key, label, moment in snoozes(times)}
        if taken.act.text not in offers or not taken.act.answers:
            options = tuple(Option(key, label) for key, (label, _) in offers.items())
            return await self._ask(taken.act, Question(taken.press, "Put it off", "Until when?", options=options))
        label, moment = offers[taken.act.text]
        await self._chat.desk.decide(self._choice(taken, Action.SNOOZE, until=moment.astimezone(UTC)))
        return f"Put off: it comes back {label}."

    async def _not_us(self, taken: Taken) -> str:
        draft, mention = await self._found(taken.press)
        _refuse_if_over(draft, mention, Action.EDIT, taken.person)
        await self._chat.desk.not_us(self._chat.business_id, mention.id or 0, taken.person.name, self._chat.name)
        return "Noted: it is not about you. Nothing is posted."

    async def _posted(self, taken: Taken) -> str:
        draft, _ = await self._found(taken.press)
        if draft.state is DraftState.UNCONFIRMED:
            await self._chat.desk.decide(self._choice(taken, Action.CONFIRM))
            return "Thank you. It counts as posted."
        question = Question(taken.press, "You posted it", "The link to your reply; “-” where there is none")
        if not taken.act.answers and self._chat.channel.limits.editor is not Editor.NONE:
            return await self._ask(taken.act, question)
        problem = await self.problem(taken.act)
        if problem:
            return await self._ask(taken.act, replace(question, text=taken.act.text, problem=problem))
        await self._chat.desk.decide(self._choice(taken, Action.POSTED, link=_link(taken.act.text)))
        return "Thank you. It counts as posted."

    async def _unveil(self, taken: Taken) -> str:
        draft, mention = await self._found(taken.press)
        await self._count(draft, mention, taken.person)
        async with self._chat.store.work() as session:
            standing = await cards.waiting_on(session, self._chat.business_id, self._chat.name)
            for card, _, _ in standing:
                if card.draft_id == draft.id and self._is_here(card.place, taken.act):
                    await cards.change(session, card.id or 0, {"unveiled": True})
        return "The words are shown on the card now."

    @staticmethod
    def _is_here(place: str, act: Act) -> bool:
        return act.ref is None or act.ref.place == place

    async def _count(self, draft: Draft, mention: Mention, person: Person) -> None:
        """Counts that somebody had to do with abuse, for the owner's digest."""
        if is_abusive(mention):
            async with self._chat.store.work() as session:
                await exposure.note(session, draft.business_id, person.name, draft.id or 0, self._chat.now())

    async def _approve_all(self, taken: Taken) -> str:
        """Approves what the batch shows and what may still be approved together, each text on its own."""
        chat, press = self._chat, taken.press
        async with chat.store.read() as session:
            batch = await cards.get(session, chat.business_id, press.subject)
            if batch is None or batch.channel != chat.name or batch.subject is not Subject.BATCH:
                raise NotAllowed("What this was about is no longer kept.")
            if batch.revision != press.revision:
                raise StaleRevision(
                    "The list has changed since you read it.", "Nothing was decided.", "Please look again."
                )
            members = [(int(draft), int(revision)) for draft, revision in batch.members]
            found = await cards.pairs(session, chat.business_id, [draft for draft, _ in members])
        ready = [
            (draft, revision)
            for draft, revision in members
            if draft in found and found[draft][0].revision == revision and is_plain_praise(*found[draft])
        ]
        answers = await chat.desk.approve_many(chat.business_id, ready, taken.person.name, chat.name)
        taken_over = [answer for answer in answers if isinstance(answer, Draft)]
        left = len(members) - len(taken_over)
        rest = f" {left} were decided or changed before, and stay as they are." if left else ""
        return f"Approved {len(taken_over)}.{rest}" if taken_over else "All of these were decided before."

    async def _keep(self, taken: Taken) -> str:
        kept = taken.press.verb is Verb.KEPT
        await self._chat.desk.keep(self._chat.business_id, taken.press.subject, taken.person.name, kept)
        return "Well done: it counts as kept." if kept else "Noted: it counts as not kept."

    async def _ask(self, act: Act, question: Question) -> str:
        """Asks back; gives what to say where that is not possible."""
        try:
            await self._chat.channel.ask(act, question)
        except ChannelError as error:
            log.warning("question not asked", chat=self._chat.name, fault=error.happened)
            typed = f" You had written: {question.text}" if act.answers and act.text else ""
            return f"{question.problem} Please do this in the inbox.{typed}".strip()
        return ""

    async def _refused(self, act: Act, error: DecisionError) -> str:
        """What to say to somebody who came too late or may not; their card is painted anew, for it told them wrong."""
        if act.press.subject and act.press.verb not in (Verb.APPROVE_ALL, Verb.KEPT, Verb.BROKEN):
            async with self._chat.store.work() as session:
                await cards.repaint(session, self._chat.business_id, act.press.subject, self._chat.name)
        typed = f" You had written: {act.text.strip()}" if act.answers and act.press.verb is Verb.EDIT else ""
        return f"{error}{typed}"

    async def _tell(self, act: Act, says: str) -> None:
        """Answers; what was decided stands, whether or not that works."""
        if not says:
            return
        try:
            await self._chat.channel.tell(act, says)
        except ChannelError as error:
            log.warning("answer not told", chat=self._chat.name, fault=error.happened)


def _refuse_if_over(draft: Draft, mention: Mention, action: Action, person: Person) -> None:
    """Refuses at once what the desk would refuse after a question.

    Raises:
        AlreadyDecided: the draft has moved on.
        NotAllowed: another role decides this.
    """
    move = MOVES.get((draft.state, action))
    if move is None:
        by = f" It was approved by {draft.approved_by}." if draft.approved_by else ""
        stands = STATES[draft.state]
        raise AlreadyDecided(f"This one is {stands} now.{by}", "Nothing was changed.", "Please look again.")
    if Role(person.role.value) not in move.roles:
        raise NotAllowed(f"Only an owner can {action} this one.", "It waits for them.", "You can still edit the text.")


def _link(text: str) -> str:
    """The link in an answer; "-" stands for none."""
    return "" if text.strip() in ("", "-", "–") else text.strip()


def _how_long(mention: Mention) -> str:
    """How long a reply may be there, for the label of the editor."""
    most = min((limit.at_most for limit in limits(mention)), default=0)
    return f"The reply, at most {most} characters" if most else "The reply"
