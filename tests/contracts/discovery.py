"""Which connectors there are, what their documentation shows, and how one is built from it."""

from __future__ import annotations

import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from config.settings import SourceTable
from connectors.base import Connector, ConnectorType, Surroundings
from connectors.registry import GROUP

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/connectors/fixtures"
ENTRIES = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
#: The connectors of this project, for which the tables of this suite must have a place.
OWN = [entry for entry in ENTRIES if entry.module.partition(".")[0] == "connectors"]
#: What every secret of the examples is, unless it has to be something with a form.
SECRET = "s3cret-of-the-bakery"

every_connector = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


def type_of(entry: EntryPoint) -> ConnectorType:
    connector = entry.load()
    assert isinstance(connector, ConnectorType)
    return connector


def documentation(entry: EntryPoint) -> str:
    return (ROOT / "docs/sources" / f"{entry.name}.md").read_text(encoding="utf-8")


def examples(entry: EntryPoint) -> list[dict[str, Any]]:
    """The connector's own keys of every source of its type in its documentation."""
    blocks = re.findall(r"```toml\n(.*?)```", documentation(entry), re.DOTALL)
    tables = [table for block in blocks for table in tomllib.loads(block).get("sources", [])]
    return [
        {key: value for key, value in table.items() if key not in SourceTable.model_fields}
        for table in tables
        if table["type"] == entry.name
    ]


def modules_of(entry: EntryPoint) -> list[ModuleType]:
    """The connector's module, and those inside it if it is a package."""
    module = importlib.import_module(entry.module)
    inner = pkgutil.iter_modules(getattr(module, "__path__", []), f"{entry.module}.")
    return [module, *(importlib.import_module(found.name) for found in inner)]


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The settings model and the models inside it."""
    yield model
    for field in model.model_fields.values():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from models(kind)


def options_of(entry: EntryPoint, monkeypatch: pytest.MonkeyPatch, secrets: Mapping[str, str] = {}) -> dict[str, Any]:
    """The first example's keys, with every secret that it names in place; `secrets` are those with a form, by key."""
    (options, *_) = examples(entry)
    for key, value in options.items():
        if isinstance(value, dict) and "env" in value:
            monkeypatch.setenv(value["env"], secrets.get(key, SECRET))
    return options


def build(entry: EntryPoint, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch) -> Connector:
    """The connector of the first example."""
    connector = type_of(entry)
    return connector.build(connector.settings.model_validate(options_of(entry, monkeypatch)), surroundings)
