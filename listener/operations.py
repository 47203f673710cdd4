"""What the terminal can ask for: the same decisions as in the inbox, and a look at everything.

Every operation takes and gives JSON. With a daemon running they come through
its socket (`listener.control`); without one, the terminal runs them itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from config.errors import ConfigError
from config.settings import BusinessSettings
from listener import connecting
from listener.batch import as_json
from listener.digest.sending import digest_of
from listener.household import Household
from listener.poll import Polled
from listener.querying import over_stored
from listener.rescoring import how_judged, rescore
from responders.approvals import Choice
from responders.channels import linking
from responders.correcting import correct
from responders.errors import NotAllowed
from responders.inbox.signing_in import issue_link
from responders.voice import how_drafts_fared
from storage import Draft, Mention, audit, chat_notes, deliveries, drafts, identities, mentions, sources
from storage.states import OPEN, Action, DraftState

#: What the terminal calls a move, where that is not the move's own name.
VERBS: Mapping[str, Action] = {
    **{action.value: action for action in Action},
    "there": Action.CONFIRM,
    "send-again": Action.RELEASE,
}

Poll = Callable[[int], Awaitable[Polled | None]]


class Operations:
    """Answers the terminal; `poll` polls one source by its id."""

    def __init__(self, household: Household, poll: Poll) -> None:
        self._household = household
        self._poll = poll
        self._known: dict[str, Callable[..., Awaitable[Any]]] = {
            "audit": self.audit,
            "connect": self.connect,
            "correct": self.correct,
            "decide": self.decide,
            "digest": self.digest,
            "fared": self.fared,
            "forget": self.forget,
            "inbox": self.inbox,
            "keep": self.keep,
            "may connect": self.may_connect,
            "not us": self.not_us,
            "judged": self.judged,
            "poll": self.poll,
            "query test": self.query_test,
            "rescore": self.rescore,
            "show": self.show,
            "sign in": self.sign_in,
            "link": self.link,
            "staff": self.staff,
            "unlink": self.unlink,
            "sources": self.sources,
        }

    async def answer(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """Does one operation.

        Raises:
            WarmlineError: what was asked for cannot be done; the reason is in words.
        """
        run = self._known.get(operation)
        if run is None:
            raise NotAllowed(f"There is no operation “{operation}”.", do="Use the same version of Warmline everywhere.")
        try:
            return await run(**arguments)
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
                raise
            raise NotAllowed(f"“{operation}” was asked in a way it does not know.") from error

    def _business(self, business: str) -> BusinessSettings:
        businesses = self._household.businesses
        if not business and len(businesses) == 1:
            return next(iter(businesses.values()))
        if business not in businesses:
            raise ConfigError(
                f'There is no business "{business}".' if business else "There are several businesses.",
                do=f"Choose one with --business: {', '.join(sorted(businesses))}.",
            )
        return businesses[business]

    def _person(self, business: BusinessSettings, person: str) -> str:
        if person or len(business.staff) != 1:
            return person
        return business.staff[0].name

    async def inbox(self, business: str = "") -> list[dict[str, Any]]:
        """Everything that is open, the worst first."""
        settings = self._business(business)
        async with self._household.store.read() as session:
            rows = await drafts.queue(session, settings.id, now=self._household.now(), states=OPEN)
        return [self._line(draft, mention) for draft, mention in rows]

    @staticmethod
    def _line(draft: Draft, mention: Mention) -> dict[str, Any]:
        return {
            "id": f"{draft.id}.{draft.revision}",
            "state": draft.state.value,
            "platform": mention.platform,
            "rating": mention.rating,
            "severity": mention.assessment.severity.level.word,
            "polarity": mention.polarity.value,
            "due": draft.due_at.isoformat() if draft.due_at else None,
            "says": mention.text,
            "draft": draft.text,
            "needs": draft.needs,
        }

    async def show(self, draft: int, business: str = "") -> dict[str, Any]:
        """One draft with all that is known about it."""
        settings = self._business(business)
        async with self._household.store.read() as session:
            found = await drafts.get(session, settings.id, draft)
            if found is None:
                raise NotAllowed(f"There is no draft {draft} here.", do="Run warmline inbox to see what waits.")
            delivery = await deliveries.of_draft(session, settings.id, draft)
            taken = await drafts.decisions(session, settings.id, draft)
        row, mention = found
        return self._line(row, mention) | {
            "title": mention.title,
            "link": mention.url,
            "posted": mention.posted_at.isoformat(),
            "account": mention.account,
            "route": mention.route,
            "route_reason": mention.route_reason,
            "why": [f"{reason['label']}: {', '.join(reason['words'])}" for reason in mention.reasons],
            "reasons": row.reasons,
            "findings": [finding["says"] for finding in row.findings],
            "note": row.note,
            "reply_link": delivery.receipt_url if delivery else "",
            "decisions": [f"{each.at:%Y-%m-%d %H:%M} {each.person}: {each.action}" for each in taken],
        }

    async def decide(
        self,
        verb: str,
        draft: int,
        revision: int,
        business: str = "",
        person: str = "",
        text: str = "",
        reason: str = "",
        snooze_for: float = 0,
        link: str = "",
    ) -> dict[str, Any]:
        """Takes one decision about one wording of a draft; gives how it stands then."""
        settings = self._business(business)
        choice = Choice(
            business=settings.id,
            draft=draft,
            revision=revision,
            action=VERBS[verb],
            person=self._person(settings, person),
            channel="terminal",
            text=text,
            reason=reason,
            until=self._household.now() + timedelta(seconds=snooze_for) if snooze_for else None,
            link=link,
        )
        decided = await self._household.desk.decide(choice)
        return {"id": f"{decided.id}.{decided.revision}", "state": decided.state.value, "text": decided.text}

    async def not_us(self, draft: int, business: str = "", person: str = "") -> dict[str, Any]:
        """Says that a draft's mention is not about the business."""
        settings = self._business(business)
        async with self._household.store.read() as session:
            found = await drafts.get(session, settings.id, draft)
        if found is None:
            raise NotAllowed(f"There is no draft {draft} here.", do="Run warmline inbox to see what waits.")
        await self._household.desk.not_us(
            settings.id, found[1].id or 0, self._person(settings, person), channel="terminal"
        )
        return {"id": str(draft), "state": DraftState.WITHDRAWN.value}

    async def correct(self, mention: int, said: str, business: str = "", person: str = "") -> dict[str, Any]:
        """Puts what a person says of a mention over what was thought; gives what it is from here on."""
        settings = self._business(business)
        who = self._person(settings, person)
        return as_json(await correct(self._household.desk, settings.id, mention, said, who, "terminal"))

    async def judged(self, business: str = "") -> str:
        """How well the mentions of the last 90 days were judged, as staff see it; empty where nobody dealt with one."""
        house = self._household
        return await how_judged(house.store, self._business(business).id, house.now())

    async def rescore(self, business: str = "", seconds: float = 5.0) -> dict[str, Any]:
        """Judges a part of the history anew; `left` says how many mentions are still to come."""
        house, settings = self._household, self._business(business)
        return asdict(await rescore(house.store, settings, house.understanding, house.now(), seconds))

    async def query_test(self, query: str = "", business: str = "") -> dict[str, Any]:
        """What a query would hear of the stored mentions."""
        return (await over_stored(self._household.store, self._business(business), query)).as_json()

    async def keep(self, promise: int, kept: bool, business: str = "", person: str = "") -> dict[str, Any]:
        """Marks a promise as kept or broken."""
        settings = self._business(business)
        await self._household.desk.keep(settings.id, promise, self._person(settings, person), kept)
        return {"promise": promise, "kept": kept}

    async def fared(self, business: str = "") -> str:
        """How the drafts of the last 30 days fared; empty where nobody decided."""
        return await how_drafts_fared(self._household.store, self._business(business).id, self._household.now())

    async def sources(self, business: str = "") -> list[dict[str, Any]]:
        """How every source is doing."""
        settings = self._business(business)
        async with self._household.store.read() as session:
            listing = await sources.listing(session, settings.id)
        return [
            {
                "name": source.name,
                "type": source.type,
                "state": source.state.value,
                "answered": _iso(source.answered_at),
                "heard": _iso(source.heard_at),
                "next": _iso(source.next_at),
                "fault": source.fault,
            }
            for source in listing
        ]

    async def poll(self, source: str = "", business: str = "") -> list[dict[str, Any]]:
        """Polls one source, or all of them, now."""
        settings = self._business(business)
        wanted = {
            source_id: each
            for source_id, each in self._household.listening.items()
            if each.ear.business.id == settings.id and source in ("", each.ear.source.name)
        }
        if source and not wanted:
            raise ConfigError(
                f'There is no open source "{source}".', do="Run warmline sources to see them and their faults."
            )
        answers = []
        for source_id, each in wanted.items():
            polled = await self._poll(source_id)
            heard = polled.heard if polled else None
            answers.append(
                {
                    "source": each.ear.source.name,
                    "new": len(heard.new) if heard else 0,
                    "edited": len(heard.edited) if heard else 0,
                    "gone": len(heard.gone) if heard else 0,
                    "passed": heard.passed if heard else 0,
                    "fault": polled.fault if polled else "",
                }
            )
        return answers

    async def sign_in(self, business: str = "", person: str = "") -> str:
        """A one-time link into the inbox."""
        settings = self._business(business)
        name = self._person(settings, person)
        if settings.person(name) is None:
            people = ", ".join(each.name for each in settings.staff) or "nobody yet: add [[staff]] to the configuration"
            raise NotAllowed("Say who signs in, with --as NAME.", do=f"On the staff are {people}.")
        household = self._household
        return await issue_link(household.store, household.settings, settings.id, name, household.now())

    async def staff(self, business: str = "") -> dict[str, Any]:
        """Who decides, in which chats they are linked, and what is wrong with a chat."""
        settings = self._business(business)
        async with self._household.store.read() as session:
            linked = await identities.listing(session, settings.id)
            faults = await chat_notes.faults(session, settings.id)
        people = [
            {
                "name": person.name,
                "role": person.role.value,
                "chats": sorted({each.channel for each in linked if each.person == person.name}),
            }
            for person in settings.staff
        ]
        chats = [
            {"name": each.called, "type": each.type, "fault": faults.get(each.called, "")} for each in settings.channels
        ]
        return {"people": people, "chats": chats}

    async def link(self, person: str, channel: str = "", business: str = "") -> str:
        """A one-time code that ties a chat account to a person."""
        household = self._household
        return await linking.issue(household.store, self._business(business), person, channel, household.now())

    async def unlink(self, person: str, channel: str = "", business: str = "", by: str = "") -> int:
        """Forgets a person's chat accounts (in one chat, or in all); gives how many there were."""
        household, settings = self._household, self._business(business)
        known = settings.person(person)
        name = known.name if known else person  # who has left can still be unlinked
        who = self._person(settings, by) or "terminal"
        return await linking.unlink(household.store, settings, name, channel, who, household.now())

    async def digest(self, business: str = "", week: str = "") -> dict[str, Any]:
        """The digest of a week ("2026-W22"; empty: the last one that ended)."""
        house = self._household
        return await digest_of(
            house.store, self._business(business), week, house.reader, house.settings.inbox_address, house.now()
        )

    async def may_connect(self, source: str, business: str = "") -> None:
        """Makes sure that an account can be connected, before its owner is asked."""
        await connecting.may_connect(self._household, self._business(business), source)

    async def connect(
        self, source: str, code: str, proof: str, back: str, business: str = "", person: str = ""
    ) -> None:
        """Exchanges the answer of an account's owner for tokens, and keeps them."""
        settings = self._business(business)
        by = self._person(settings, person) or "terminal"
        await connecting.let_in(self._household, settings, source, code=code, proof=proof, back=back, by=by)

    async def forget(self, author: str, business: str = "", person: str = "") -> dict[str, Any]:
        """Erases everything that is kept about an author, found by handle, name or id."""
        settings = self._business(business)
        async with self._household.store.read() as session:
            found = await mentions.authors_named(session, settings.id, author)
        if not found:
            raise NotAllowed(f"Nothing is kept about “{author}”.", "Nothing was erased.", "Check how it is spelt.")
        by = self._person(settings, person) or "terminal"
        erased = 0
        for each in found:
            erased += await self._household.forget(settings.id, each.id or 0, by)
        return {"authors": len(found), "mentions": erased}

    async def audit(self, business: str = "") -> dict[str, Any]:
        """Whether the audit trail is whole."""
        settings = self._business(business)
        async with self._household.store.read() as session:
            return {
                "faults": await audit.verify(session, settings.id),
                "head": await audit.head(session, settings.id),
            }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
