"""What is installed beside us: the entry points of one group, loaded when they are first used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from config.errors import ConfigError

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
    """Stands for the settings of a plug-in that does not load, so that the others still run."""

    model_config = ConfigDict(frozen=True, extra="allow")


class PluginType(Protocol):
    """What an entry point names."""

    @property
    def settings(self) -> type[BaseModel]:
        """The model of its own keys."""

    @property
    def summary(self) -> str:
        """What it does, in a sentence."""


T = TypeVar("T", bound=PluginType)


class Plugins(Mapping[str, type[BaseModel]], Generic[T]):
    """The installed plug-ins' settings models by type, which is what `config.load.load` asks for.

    `noun` names one of them to people, `kind` is what their entry points must
    name. A plug-in's module is loaded when its type is first used, not before.
    """

    def __init__(self, entries: Iterable[EntryPoint], noun: str, kind: type[T]) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self._noun = noun
        self._kind = kind
        self._loaded: dict[str, T] = {}
        self._faults: dict[str, str] = {}

    def __getitem__(self, kind: str) -> type[BaseModel]:
        loaded = self.load(kind)
        return loaded.settings if loaded else Unloaded

    def __contains__(self, kind: object) -> bool:
        return kind in self._entries  # the inherited test would load it

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def fault(self, kind: str) -> str:
        """Why the plug-in `kind` does not load, in words; empty where it does."""
        self.load(kind)
        return self._faults.get(kind, "")

    def summary(self, kind: str) -> str:
        """What the plug-in `kind` does, in a sentence; empty where it does not load."""
        loaded = self.load(kind)
        return loaded.summary if loaded else ""

    def load(self, kind: str) -> T | None:
        """The plug-in, None where it does not load; tried once."""
        if kind in self._loaded or kind in self._faults:
            return self._loaded.get(kind)
        try:
            found = self._entries[kind].load()
        except ImportError as error:
            self._faults[kind] = self._missing(kind, error)
        except _BROKEN as error:
            self._faults[kind] = f'The {self._noun} "{kind}" does not load ({type(error).__name__}: {error}).'
        else:
            if isinstance(found, self._kind):
                self._loaded[kind] = found
            else:
                self._faults[kind] = f'The {self._noun} "{kind}" does not load: its entry point names something else.'
        return self._loaded.get(kind)

    def make(self, kind: str, options: Mapping[str, Any], surroundings: Any, *, name: str, kept: str, do: str) -> Any:
        """What one table of the configuration describes; `options` are the plug-in's own keys.

        Raises:
            ConfigError: there is no such plug-in, it does not load, or it does not accept its options.
        """
        loaded: Any = self.load(kind) if kind in self else None
        if loaded is None:
            raise ConfigError(self._faults.get(kind, f'There is no {self._noun} "{kind}".'), kept, do)
        try:
            return loaded.build(loaded.settings.model_validate(options), surroundings)
        except ValidationError as error:
            faults = tuple(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            raise ConfigError(f'The settings of "{name}" cannot be used:', faults=faults) from error
        except ImportError as error:
            raise ConfigError(self._missing(kind, error), kept) from error

    def _missing(self, kind: str, error: ImportError) -> str:
        """What is missing, and how to install it where the plug-in's package has an extra of that name."""
        dist = self._entries[kind].dist
        extras = dist.metadata.get_all("Provides-Extra", []) if dist else []
        hint = f' Install it: pip install "{dist.name}[{kind}]".' if dist and kind in extras else ""
        return f'The {self._noun} "{kind}" does not load ({error}).{hint}'
