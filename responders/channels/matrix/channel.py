"""One Matrix account: shows cards, repaints them, asks and answers people in their threads.

A reaction carries no revision. The core therefore shows a new wording as a
new message (`Limits.wordings`), and here **a sign under one event never
changes its meaning**: what it presses is noted when the event is sent, and a
repaint may only add signs. Where a repaint needs a sign for another press all
the same (a draft that was opened again, say), the old event is retired with a
line that says so, and `show` says that the message is gone, so that the core
shows the card anew. A reaction to an old event presses what stood there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from config.secrets import Secret
from connectors.base import Limit
from connectors.lengths import Counter
from responders.channels.base import Act, Card, Editor, Limits, Pace, Question, Ref, Surroundings, Taker
from responders.channels.matrix import drawing
from responders.channels.matrix.calling import Absent, Homeserver
from responders.channels.matrix.drawing import Drawn, content, in_thread, instead_of
from responders.channels.matrix.listening import Listener
from responders.channels.matrix.notes import Notes
from responders.channels.matrix.rooms import Rooms
from responders.errors import ChannelError

LIMITS = Limits(
    # An event may have 64 KiB; ours holds the text plain and as HTML, where a line end takes eight bytes in all.
    text=Limit(Counter.BYTES, 7_000),
    label=Limit(Counter.CHARACTERS, 80),
    answer=Limit(Counter.BYTES, 7_000),
    editor=Editor.REPLY,
    # Synapse's own default for one account is a burst of ten events, then one in five seconds.
    pace=Pace(12, timedelta(minutes=1)),
    wordings=False,
    keeps=True,
)


class MatrixChannel:
    """Cards in rooms (a place is a room's id, an alias, or the id of a person for a room of two)."""

    limits = LIMITS

    def __init__(self, server: str, token: Secret, surroundings: Surroundings) -> None:
        self._home = Homeserver(server, token, surroundings.now)
        self._notes = Notes(surroundings.memory)
        self._rooms = Rooms(self._home, surroundings.memory)
        self._listener = Listener(self._home, self._notes, surroundings.memory)

    async def run(self, taker: Taker) -> None:
        """Listens until it is cancelled."""
        await self._home.sign_in()
        await self._listener.listen(taker)

    def direct(self, actor: str) -> str:
        """A room of two, which the bot opens when it is first needed."""
        return actor

    async def post(self, place: str, card: Card, key: str) -> Ref:
        """Shows a card; the server answers the same `key` with the same message."""
        drawn = drawing.card(card)
        room = await self._enter(place)
        event = await self._send(room, content(drawn, silent=card.silent), key)
        async with self._notes.change(event) as note:
            note.place = place
            note.signs |= drawn.signs
        await self._offer(room, event, drawing.first_signs(card))
        return Ref(place, event)

    async def show(self, ref: Ref, card: Card) -> bool:
        """Repaints a card; False also where it needs a new message, see above."""
        drawn = drawing.card(card)
        room = await self._enter(ref.place)
        if not await self._stands(room, ref.message):
            return False
        async with self._notes.change(ref.message) as note:
            clashes = any(note.signs.get(sign, press)[0] != press[0] for sign, press in drawn.signs.items())
            if not clashes:
                note.signs |= drawn.signs
        if clashes:
            drawn = Drawn(drawing.RETIRED, f"<p><em>{drawing.RETIRED}</em></p>", {})
        await self._send(room, instead_of(content(drawn, silent=card.silent), ref.message))
        return not clashes

    async def ask(self, act: Act, question: Question) -> None:
        """Asks in the card's thread; ready answers are signs under the question."""
        room, root = act.token.place, act.token.message
        drawn = drawing.question(question, act.actor)
        event = await self._send(room, in_thread(content(drawn, actors=[act.actor]), root))
        async with self._notes.change(event) as note:
            note.root, note.signs = root, drawn.signs
            note.place = act.ref.place if act.ref else ""
        if not drawn.signs:
            async with self._notes.change(root) as note:
                note.asked[act.actor] = (str(question.press), event)
        await self._offer(room, event, drawing.NUMBERS[: len(question.options)])

    async def tell(self, act: Act, text: str) -> None:
        """Answers in the card's thread: a room has no words that one person alone could see."""
        drawn = drawing.said(text, [act.actor])
        made = in_thread(content(drawn, silent=True, actors=[act.actor]), act.token.message)
        await self._send(act.token.place, made)

    async def nudge(self, ref: Ref, text: str, actors: Sequence[str]) -> None:
        """Reminds in the card's thread."""
        room = await self._enter(ref.place)
        await self._send(room, in_thread(content(drawing.said(text, actors), actors=actors), ref.message))

    async def missed(self, refs: Sequence[Ref]) -> list[Act]:
        """What was reacted and answered while nobody listened, from the events' own relations: a stream may have holes."""
        acts = []
        for ref in refs:
            room = await self._enter(ref.place)
            if await self._stands(room, ref.message):
                acts += await self._listener.missed(ref, room)
        return acts

    async def check(self) -> str:
        """The account's id."""
        await self._home.sign_in()
        return self._home.me

    async def close(self) -> None:
        """Lets go of the connection."""
        await self._home.client.close()

    async def _enter(self, place: str) -> str:
        await self._home.sign_in()
        return await self._rooms.enter(place)

    async def _send(self, room: str, made: dict[str, Any], key: str = "") -> str:
        """Sends a message; gives its event."""
        transaction = hashlib.sha256(key.encode()).hexdigest()[:32] if key else uuid4().hex
        sent = await self._home.answer(self._home.client.room_send(room, "m.room.message", made, transaction))
        return str(sent.event_id)

    async def _offer(self, room: str, event: str, signs: Sequence[str]) -> None:
        """Reacts first, so that one tap is enough; where the server has had enough, the legend must do."""
        try:
            for sign in signs:
                relation = {"rel_type": "m.annotation", "event_id": event, "key": sign}
                await self._home.answer(self._home.client.room_send(room, "m.reaction", {"m.relates_to": relation}))
        except ChannelError:
            return

    async def _stands(self, room: str, event: str) -> bool:
        """Whether a message is still there; a server lets one change and react to what was deleted."""
        try:
            found = await self._home.answer(self._home.client.room_get_event(room, event))
        except Absent:
            return False
        return bool(found.event.source.get("content"))
