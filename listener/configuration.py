"""The configuration as the listener needs it: with the connectors' and chats' own keys, and queries that can be read."""

from __future__ import annotations

from pathlib import Path

from config.errors import ConfigError
from config.load import files, find, load
from config.settings import Settings
from connectors.registry import Connectors
from listener.analysis.query import parse_query
from responders.channels.registry import Channels
from responders.channels.registry import installed as installed_channels


def read(path: Path | None, connectors: Connectors, channels: Channels | None = None) -> Settings:
    """The settings in `path` (None: the usual places); `channels` None: the chats that are installed.

    Raises:
        ConfigError: with every fault at once, by file, line and key.
    """
    chats = installed_channels() if channels is None else channels
    return load(find(path), connectors, chats, check_query)


def check_query(text: str) -> str:
    """What is wrong with a query, in words; empty: nothing."""
    try:
        parse_query(text)
    except ConfigError as error:
        return str(error)
    return ""


class Watch:
    """Notices that a file of the configuration has changed, come or gone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._look()

    def has_changed(self) -> bool:
        """Whether something is different from the last time this was asked."""
        before, self._seen = self._seen, self._look()
        return before != self._seen

    def _look(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for file in files(self._path):
            try:
                status = file.stat()
            except OSError:
                continue
            found[file] = (status.st_mtime_ns, status.st_size)
        return found
