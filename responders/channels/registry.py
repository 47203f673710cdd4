"""Which kinds of chat there are: the entry points in the group `warmline.channels`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from config.plugins import Plugins
from responders.channels.base import Channel, ChannelType, Surroundings

GROUP = "warmline.channels"


class Channels(Plugins[ChannelType]):
    """The installed chats' settings models by type."""

    def __init__(self, entries: Iterable[EntryPoint]) -> None:
        super().__init__(entries, "chat", ChannelType)

    def build(self, kind: str, options: Mapping[str, Any], surroundings: Surroundings) -> Channel:
        """The chat that one `[[channels]]` table describes; `options` are the keys of its type.

        Raises:
            ConfigError: there is no such chat, it does not load, or it does not accept its options.
        """
        name = surroundings.name
        kept = f'Nobody is asked in the chat "{name}".'
        channel: Channel = self.make(
            kind, options, surroundings, name=name, kept=kept, do="The inbox and the other chats work."
        )
        return channel


def installed() -> Channels:
    """All chats of this environment, ours and plug-ins."""
    return Channels(entry_points(group=GROUP))
