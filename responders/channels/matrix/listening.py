"""The bot's ear on Matrix: the stream of events without holes, and what people did as acts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from nio import MessageDirection
from nio.api import RelationshipType

from responders.channels.base import Act, Memory, Press, Ref, Taker, Verb
from responders.channels.matrix.calling import Homeserver
from responders.channels.matrix.hearing import LINK, Heard, Message, Reaction, read
from responders.channels.matrix.notes import Notes

#: How long the server holds a request in which nothing happens, in milliseconds.
HOLD = 30_000
_TYPES = ["m.reaction", "m.room.message"]
_FILTER = {
    "presence": {"types": []},
    "account_data": {"types": []},
    "room": {
        "account_data": {"types": []},
        "ephemeral": {"types": []},
        "state": {"types": []},
        "timeline": {"types": _TYPES, "limit": 50},
    },
}
#: At most so many events of one room are read again after a gap, a hundred with each call.
_MOST_PAGES = 50


@dataclass(frozen=True, slots=True)
class _Taken:
    """An event of `actor` that was handed on: about which event of ours, and which question it answers."""

    about: str
    event: str
    actor: str
    question: str


class Listener:
    """Reads the stream from where it ended last, and hands on what is about our cards."""

    def __init__(self, home: Homeserver, notes: Notes, memory: Memory) -> None:
        self._home = home
        self._notes = notes
        self._memory = memory
        #: Events that were handed on; those of `missed` are noted with the next piece of the stream.
        self._claimed: set[str] = set()
        self._owed: list[_Taken] = []

    async def listen(self, taker: Taker) -> None:
        """Hands on what happens, until it is cancelled. The place in the stream moves only behind what was handed on."""
        since = await self._memory.get("since")
        while True:
            answer = await self._home.answer(
                self._home.client.sync(timeout=HOLD if since else 0, sync_filter=_FILTER, since=since or None)
            )
            await self._join_invited(answer)
            if since:  # what lies before the first start is nobody's answer to us
                for room, events in [(room, joined.timeline) for room, joined in answer.rooms.join.items()]:
                    for source in await self._whole(room, events, since):
                        await self._hand_on(room, source, taker)
            await self._settle_owed()
            if answer.next_batch != since:
                since = answer.next_batch
                await self._memory.put("since", since)

    async def missed(self, ref: Ref, room: str) -> list[Act]:
        """What was done on one card, and answered in its thread, that nobody has taken yet."""
        acts = []
        for relation in ("m.annotation", "m.thread"):
            async for source in self._relations(room, ref.message, relation):
                found = await self._act(room, source)
                if found is not None:
                    self._owed.append(await self._taken(source, *found))
                    acts.append(found[1])
        return acts

    async def _join_invited(self, answer: Any) -> None:
        """Follows invitations by people of the bot's own server, so that nobody else can lead it anywhere."""
        server = self._home.me.partition(":")[2]
        for room, invited in answer.rooms.invite.items():
            for event in invited.invite_state:
                source = event.source
                by, whom = str(source.get("sender", "")), source.get("state_key")
                if whom == self._home.me and by.partition(":")[2] == server:
                    await self._home.client.join(room)

    async def _whole(self, room: str, timeline: Any, since: str) -> list[Mapping[str, Any]]:
        """A room's new events, oldest first; what the server left out is read from its history."""
        events = [_source(event) for event in timeline.events]
        start, left_out = timeline.prev_batch, list[Mapping[str, Any]]()
        if not timeline.limited:
            return events
        for _ in range(_MOST_PAGES):
            page = await self._home.answer(
                self._home.client.room_messages(
                    room, start, since, MessageDirection.back, limit=100, message_filter={"types": _TYPES}
                )
            )
            left_out += map(_source, page.chunk)
            if not page.end or page.end == start:
                break
            start = page.end
        return [*reversed(left_out), *events]

    async def _hand_on(self, room: str, source: Mapping[str, Any], taker: Taker) -> None:
        found = await self._act(room, source)
        if found is None:
            return
        taken = await self._taken(source, *found)
        try:
            await taker.take(found[1])
            await self._keep(taken)
        finally:
            self._claimed.discard(taken.event)

    async def _act(self, room: str, source: Mapping[str, Any]) -> tuple[str, Act] | None:
        """The act in an event, with the event of ours that it is about; claims it, so that nobody hands it on again."""
        heard = read(source)
        if heard is None or heard.sender == self._home.me or heard.event in self._claimed:
            return None
        found = await (self._reaction(room, heard) if isinstance(heard, Reaction) else self._message(room, heard))
        if found is not None:
            self._claimed.add(heard.event)
        return found

    async def _reaction(self, room: str, heard: Reaction) -> tuple[str, Act] | None:
        note = await self._notes.read(heard.under)
        pressed, text = note.signs.get(heard.sign, ("", None)) if note else ("", None)
        press = Press.read(pressed)
        if note is None or press is None or heard.event in note.taken:
            return None
        ref = Ref(note.place or room, note.root or heard.under)
        return heard.under, _act(heard, room, press, text or "", ref, answers=text is not None)

    async def _message(self, room: str, heard: Message) -> tuple[str, Act] | None:
        code = None if heard.under or heard.replaces else LINK.fullmatch(heard.text)
        if code is not None:
            return "", Act(heard.sender, Press(Verb.LINK), code[1], token=Ref(room, heard.event))
        if heard.replaces:
            return await self._changed_answer(room, heard)
        note = await self._notes.read(heard.under) if heard.under else None
        root = note.root or heard.under if note else ""
        card = await self._notes.read(root) if root else None
        if card is None or heard.sender not in card.asked or heard.event in card.taken:
            return None
        press = Press.read(card.asked[heard.sender][0])
        if press is None:
            return None
        async with self._notes.change(heard.event) as answer:
            answer.answer, answer.root, answer.place = (str(press), heard.sender), root, card.place
        return root, _act(heard, room, press, heard.text, Ref(card.place or room, root), answers=True)

    async def _changed_answer(self, room: str, heard: Message) -> tuple[str, Act] | None:
        """An answer that its own writer changed; a server also carries changes by others, which mean nothing."""
        note = await self._notes.read(heard.replaces)
        if note is None or note.answer is None or note.answer[1] != heard.sender or heard.event in note.taken:
            return None
        press = Press.read(note.answer[0])
        if press is None:
            return None
        return heard.replaces, _act(heard, room, press, heard.text, Ref(note.place or room, note.root), answers=True)

    async def _taken(self, source: Mapping[str, Any], about: str, act: Act) -> _Taken:
        """What is to be noted once an act was taken."""
        note = await self._notes.read(about) if about and act.answers else None
        question = note.asked.get(act.actor, ("", ""))[1] if note else ""
        return _Taken(about, str(source["event_id"]), act.actor, question)

    async def _keep(self, taken: _Taken) -> None:
        """Notes that an act was taken, and that its question is answered, unless it was asked anew meanwhile."""
        if not taken.about:
            return
        async with self._notes.change(taken.about) as note:
            note.taken.append(taken.event)
            if taken.question and note.asked.get(taken.actor, ("", ""))[1] == taken.question:
                del note.asked[taken.actor]

    async def _settle_owed(self) -> None:
        owed, self._owed = self._owed, []
        for taken in owed:
            await self._keep(taken)
            self._claimed.discard(taken.event)

    async def _relations(self, room: str, event: str, relation: str) -> AsyncIterator[Mapping[str, Any]]:
        """What stands under an event, oldest first."""
        found = self._home.client.room_get_event_relations(
            room, event, RelationshipType(relation), direction=MessageDirection.front, limit=100
        )
        async for each in found:
            yield _source(each)


def _source(event: Any) -> Mapping[str, Any]:
    """An event as the server sent it; empty where the library could not make one of it."""
    source = getattr(event, "source", None)
    return source if isinstance(source, dict) else {}


def _act(heard: Heard, room: str, press: Press, text: str, ref: Ref, *, answers: bool) -> Act:
    return Act(heard.sender, press, text, answers, ref, token=Ref(room, ref.message))
