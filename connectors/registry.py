"""Which kinds of source there are: the entry points in the group `warmline.connectors`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from config.plugins import Plugins
from connectors.base import Connector, ConnectorType, Consent, Surroundings

GROUP = "warmline.connectors"


class Connectors(Plugins[ConnectorType]):
    """The installed connectors' settings models by type."""

    def __init__(self, entries: Iterable[EntryPoint]) -> None:
        super().__init__(entries, "connector", ConnectorType)

    def consent(self, kind: str, options: Mapping[str, Any]) -> Consent | None:
        """What `warmline connect` asks for a source; None where its type needs no such consent, or does not load."""
        loaded = self.load(kind)
        if loaded is None or loaded.consent is None:
            return None
        return loaded.consent(loaded.settings.model_validate(options))

    def build(self, kind: str, options: Mapping[str, Any], surroundings: Surroundings) -> Connector:
        """The connector that reads one source; `options` are its own keys of the `[[sources]]` table.

        Raises:
            ConfigError: there is no such connector, it does not load, or it does not accept its options.
        """
        name = surroundings.source
        kept = f'The source "{name}" is not polled.'
        connector: Connector = self.make(kind, options, surroundings, name=name, kept=kept, do="The other sources are.")
        return connector


def installed() -> Connectors:
    """All connectors of this environment, ours and plug-ins."""
    return Connectors(entry_points(group=GROUP))
