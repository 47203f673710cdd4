"""Which room a place is: the room's own id, an alias, or one person's, with whom the bot opens a room of two."""

from __future__ import annotations

from nio import RoomPreset

from responders.channels.base import Memory
from responders.channels.matrix.calling import Absent, Homeserver
from responders.errors import ChannelDenied


class Rooms:
    """The rooms of the places; each is entered and looked at once."""

    def __init__(self, home: Homeserver, memory: Memory) -> None:
        self._home = home
        self._memory = memory
        self._entered: dict[str, str] = {}

    async def enter(self, place: str) -> str:
        """The id of the room of `place`, once we are in it.

        Raises:
            ChannelDenied: it does not let us in, or it is encrypted.
        """
        if place not in self._entered:
            self._entered[place] = await (self._open(place) if place.startswith("@") else self._join(place))
        return self._entered[place]

    async def _join(self, place: str) -> str:
        joined = await self._home.answer(self._home.client.join(place))
        await self.refuse_encryption(joined.room_id)
        return str(joined.room_id)

    async def _open(self, actor: str) -> str:
        """The room of two with a person; made the first time, and they are invited."""
        kept = await self._memory.get(f"direct {actor}")
        if kept:
            return kept
        made = await self._home.answer(
            self._home.client.room_create(
                name="Warmline", is_direct=True, preset=RoomPreset.trusted_private_chat, invite=[actor]
            )
        )
        await self._memory.put(f"direct {actor}", made.room_id)
        return str(made.room_id)

    async def refuse_encryption(self, room: str) -> None:
        """Raises `ChannelDenied` where a room is encrypted: clients share no keys with a bot that nobody verified."""
        try:
            await self._home.answer(self._home.client.room_get_state_event(room, "m.room.encryption"))
        except Absent:
            return
        raise ChannelDenied(
            "The Matrix room is encrypted, and Warmline cannot take part in it.",
            "Nothing was shown.",
            "Make a private room without encryption, and name it in place.",
        )
