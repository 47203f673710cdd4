"""Which kinds of source there are: the entry points in the group `warmline.connectors`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from config.errors import ConfigError
from connectors.base import Connector, ConnectorType, Consent, Surroundings

GROUP = "warmline.connectors"

#: What running a module that somebody else wrote may raise.
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


class Unloaded(BaseModel):
    """Stands for the settings of a connector that does not load, so that the other sources still run."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Connectors(Mapping[str, type[BaseModel]]):
    """The installed connectors' settings models by type, which is what `config.load.load` asks for.

    A connector's module is loaded when its type is first used, not before.
    """

    def __init__(self, entries: Iterable[EntryPoint]) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self._loaded: dict[str, ConnectorType] = {}
        self._faults: dict[str, str] = {}

    def __getitem__(self, kind: str) -> type[BaseModel]:
        loaded = self._load(kind)
        return loaded.settings if loaded else Unloaded

    def __contains__(self, kind: object) -> bool:
        return kind in self._entries  # the inherited test would load it

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def fault(self, kind: str) -> str:
        """Why the connector `kind` does not load, in words; empty where it does."""
        self._load(kind)
        return self._faults.get(kind, "")

    def summary(self, kind: str) -> str:
        """What the connector `kind` hears, in a sentence; empty where it does not load."""
        loaded = self._load(kind)
        return loaded.summary if loaded else ""

    def consent(self, kind: str, options: Mapping[str, Any]) -> Consent | None:
        """What `warmline connect` asks for a source; None where its type needs no such consent, or does not load."""
        loaded = self._load(kind)
        if loaded is None or loaded.consent is None:
            return None
        return loaded.consent(loaded.settings.model_validate(options))

    def build(self, kind: str, options: Mapping[str, Any], surroundings: Surroundings) -> Connector:
        """The connector that reads one source; `options` are its own keys of the `[[sources]]` table.

        Raises:
            ConfigError: there is no such connector, it does not load, or it does not accept its options.
        """
        loaded = self._load(kind) if kind in self else None
        if loaded is None:
            fault = self._faults.get(kind, f'There is no connector "{kind}".')
            raise ConfigError(fault, f'The source "{surroundings.source}" is not polled.', "The other sources are.")
        try:
            return loaded.build(loaded.settings.model_validate(options), surroundings)
        except ValidationError as error:
            faults = tuple(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            raise ConfigError(f'The settings of "{surroundings.source}" cannot be used:', faults=faults) from error
        except ImportError as error:
            raise ConfigError(self._missing(kind, error), f'"{surroundings.source}" is not polled.') from error

    def _load(self, kind: str) -> ConnectorType | None:
        """The connector, None where it does not load; tried once."""
        if kind in self._loaded or kind in self._faults:
            return self._loaded.get(kind)
        entry = self._entries[kind]
        try:
            found = entry.load()
        except ImportError as error:
            self._faults[kind] = self._missing(kind, error)
        except _BROKEN as error:
            self._faults[kind] = f'The connector "{kind}" does not load ({type(error).__name__}: {error}).'
        else:
            if isinstance(found, ConnectorType):
                self._loaded[kind] = found
            else:
                self._faults[kind] = f'The connector "{kind}" does not load: its entry point names something else.'
        return self._loaded.get(kind)

    def _missing(self, kind: str, error: ImportError) -> str:
        """What is missing, and how to install it where the connector's package has an extra of that name."""
        dist = self._entries[kind].dist
        extras = dist.metadata.get_all("Provides-Extra", []) if dist else []
        hint = f' Install it: pip install "{dist.name}[{kind}]".' if dist and kind in extras else ""
        return f'The connector "{kind}" does not load ({error}).{hint}'


def installed() -> Connectors:
    """All connectors of this environment, ours and plug-ins."""
    return Connectors(entry_points(group=GROUP))
