"""Finds the configuration, reads it, and explains every fault in it at once."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_settings import SettingsError

from config.errors import ConfigError
from config.settings import BusinessSettings, ChannelTable, Installation, Settings, SourceTable

FILE = "warmline.toml"

Model = TypeVar("Model", bound=BaseModel)

#: The models of the `[[sources]]` and `[[channels]]` tables' own keys, by their `type`.
Types = Mapping[str, type[BaseModel]]


def find(path: Path | None = None) -> Path:
    """The configuration file: `path`, `$WARMLINE_CONFIG`, or the first of the usual places that exists.

    Raises:
        ConfigError: there is none.
    """
    if path is None and os.environ.get("WARMLINE_CONFIG"):
        path = Path(os.environ["WARMLINE_CONFIG"])
    places = [path] if path else [Path(FILE), Path.home() / ".config/warmline" / FILE, Path("/etc/warmline") / FILE]
    for place in places:
        try:
            candidate = place / FILE if place.is_dir() else place
            if candidate.is_file():
                return candidate.resolve()
        except PermissionError:  # a folder that this user may not enter holds no file of theirs
            continue
    looked = ", ".join(str(place) for place in places)
    raise ConfigError(f"No configuration was found (looked for {looked}).", do="Run warmline init to write one.")


def files(path: Path) -> list[Path]:
    """All files that make up the configuration at `path`, in reading order."""
    return [path, *sorted((path.parent / "businesses").glob("*.toml"))]


#: What is wrong with a query, in words; empty: nothing.
CheckQuery = Callable[[str], str]


def load(path: Path, sources: Types, channels: Types, check_query: CheckQuery) -> Settings:
    """The settings in `path` and in `businesses/*.toml` beside it.

    Raises:
        ConfigError: with every fault of every file, by key.
    """
    faults: list[str] = []
    tables = {file: _read(file, faults) for file in files(path)}
    shared = {key: value for key, value in tables[path].items() if key in Installation.model_fields}
    installation = _validate(Installation, shared, path, faults)
    businesses: dict[str, BusinessSettings] = {}
    for file, own in _own_tables(path, tables):
        business = _validate(BusinessSettings, own, file, faults)
        _check_options(own.get("sources"), SourceTable, sources, file, faults)
        _check_options(own.get("channels"), ChannelTable, channels, file, faults)
        _check_queries(own.get("query"), check_query, file, faults)
        if business is not None and business.id in businesses:
            faults.append(f'{file.name}: another file describes the business "{business.id}" already')
        elif business is not None:
            businesses[business.id] = business
    if installation is not None and installation.llm is not None and not faults:
        faults += [
            f"{path.name}{_line(path, ('llm', 'businesses'))}: llm.businesses: there is no business "
            f'"{each}"{_nearest(each, businesses)}'
            for each in installation.llm.businesses
            if each not in businesses
        ]
    if not faults and not businesses:
        faults.append(f"{path.name}: there is no [business] table, and no file in {path.parent / 'businesses'}")
    if faults or installation is None:
        raise ConfigError(
            f"The configuration has {len(faults)} fault{'' if len(faults) == 1 else 's'}:",
            do="Correct the file, then run warmline check.",
            faults=tuple(faults),
        )
    return Settings(installation=installation, businesses=businesses, home=path.parent)


def _read(file: Path, faults: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        faults.append(f"{file.name}: {error}")
    except UnicodeDecodeError:
        faults.append(f"{file.name}: it is not UTF-8 text")
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets in thousands of brackets
        faults.append(f"{file.name}: it holds something too large to be read")
    except OSError as error:
        faults.append(f"{file.name}: it cannot be read ({error.strerror})")
    return {}


def _own_tables(path: Path, tables: Mapping[Path, dict[str, Any]]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each file that describes a business, with what it says of it."""
    for file, content in tables.items():
        own = {key: value for key, value in content.items() if key not in Installation.model_fields or file != path}
        if own:
            own.setdefault("id", _slug(own) if file == path else file.stem)
            yield file, own


def _slug(content: Mapping[str, Any]) -> str:
    table = content.get("business")
    name = str(table.get("name", "")) if isinstance(table, dict) else ""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64] or "business"


def _check_options(
    tables: Any, common: type[SourceTable | ChannelTable], types: Types, file: Path, faults: list[str]
) -> None:
    """Checks the keys that belong to each table's connector or channel; the common ones were checked with the rest."""
    name = "sources" if common is SourceTable else "channels"
    for index, table in enumerate(tables if isinstance(tables, list) else ()):
        kind = table.get("type") if isinstance(table, dict) else None
        if not isinstance(kind, str):
            continue
        if kind not in types:
            line = _line(file, (name, index, "type"))
            faults.append(f'{file.name}{line}: {name}.{index + 1}.type: there is no "{kind}"{_nearest(kind, types)}')
            continue
        options = {key: value for key, value in table.items() if key not in common.model_fields}
        _validate(types[kind], options, file, faults, (name, index))


def _check_queries(table: Any, check_query: CheckQuery, file: Path, faults: list[str]) -> None:
    for key in ("match", "unless"):
        query = table.get(key) if isinstance(table, dict) else None
        if isinstance(query, str) and query.strip() and (fault := check_query(query)):
            faults.append(f"{file.name}{_line(file, ('query', key))}: query.{key}: {fault}")


def _validate(
    model: type[Model], content: dict[str, Any], file: Path, faults: list[str], at: tuple[str | int, ...] = ()
) -> Model | None:
    try:
        return model(**content) if issubclass(model, Installation) else model.model_validate(content)
    except ValidationError as error:
        faults.extend(_explain(model, fault, file, at) for fault in error.errors(include_url=False))
    except SettingsError as error:  # a whole table in one environment variable, and not in JSON
        faults.append(f"the environment: {error}")
    return None


def _explain(model: type[BaseModel], fault: Any, file: Path, at: tuple[str | int, ...]) -> str:
    """One fault in a line: file, line, key, what is wrong, and the nearest valid key."""
    where = (*at, *fault["loc"])
    key = ".".join(str(part + 1) if isinstance(part, int) else part for part in where)
    message = str(fault["msg"]).removeprefix("Value error, ")
    if model is BusinessSettings and key in Installation.model_fields:
        message = f"this table belongs into {FILE}"
    elif fault["type"] == "extra_forbidden":
        known = _fields(model, fault["loc"][:-1]) | (_COMMON[str(at[0])] if at and len(fault["loc"]) == 1 else {})
        message = "there is no such key" + _nearest(str(fault["loc"][-1]), known)
    elif fault["type"] == "missing":
        message = "it is missing"
    return f"{file.name}{_line(file, where)}: {key}: {message}" if key else f"{file.name}: {message}"


#: The keys that every `[[sources]]` and `[[channels]]` table may have beside its type's own.
_COMMON: Mapping[str, dict[str, Any]] = {
    "sources": dict(SourceTable.model_fields),
    "channels": dict(ChannelTable.model_fields),
}


def _nearest(word: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f'; did you mean "{near[0]}"?' if near else f"; known are {', '.join(sorted(known))}"


def _fields(model: type[BaseModel], path: tuple[str | int, ...]) -> dict[str, Any]:
    """The keys that would be valid at `path` inside `model`."""
    if model is BusinessSettings and not path:
        return {**model.model_fields, **Installation.model_fields}
    for part in path:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        model = next(_models(model.model_fields[part].annotation), model)
    return dict(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


_HEADER = re.compile(r"\s*\[\[?\s*([\w.-]+)\s*\]\]?")


def _line(file: Path, where: tuple[str | int, ...]) -> str:
    """Where the key stands (", line 7"), or else its table; empty where that cannot be told."""
    table, key = str(where[0]), str(where[-1]) if len(where) > 1 else ""
    wanted = next((part for part in where if isinstance(part, int)), 0)
    inside, seen, begins = False, -1, 0
    for number, text in enumerate(_lines(file), start=1):
        header = _HEADER.match(text)
        if header:
            inside = header[1].split(".")[0] == table
            seen += inside
            begins = begins or number * (inside and seen == wanted)
        elif key and inside and seen == wanted and re.match(rf"\s*{re.escape(key)}\s*=", text):
            return f", line {number}"
    return f", line {begins}" if begins else ""


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
