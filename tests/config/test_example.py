"""The example shows every table and every key, and all of it can be used."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

import config
from config.load import load
from config.plugins import Unloaded
from config.secrets import Secret
from config.settings import BusinessSettings, Installation
from connectors.registry import installed
from listener.analysis.query import parse_query

EXAMPLE = Path(config.__file__).with_name("example.toml")
CONNECTORS = installed()
#: The connectors that the example shows; a replay is shown by the demo.
SHOWN = sorted({"feed", "hackernews", "mastodon", "survey"})


#: The keys of a chat's own are shown in docs/chats.md.
CHATS = {"slack": Unloaded}


def understood(query: str) -> str:
    """Nothing wrong with `query`; fails where there is."""
    parse_query(query)
    return ""


def switched_on() -> str:
    """The example with every key that is switched off in it."""
    return re.sub(r"(?m)^#(?=\S)", "", EXAMPLE.read_text(encoding="utf-8"))


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models(argument)


def missing(model: type[BaseModel], tables: list[dict[str, Any]], at: str) -> list[str]:
    """The keys of `model` that occur in none of the tables, by their full names."""
    gone = []
    for name, field in model.model_fields.items():
        values = [table[name] for table in tables if name in table]
        if not values:
            gone.append(f"{at}{name}")
        for inner in models(field.annotation):
            if inner is not Secret:  # named in one of two ways
                rows = [row for value in values for row in (value if isinstance(value, list) else [value])]
                gone += missing(inner, rows, f"{at}{name}.")
    return gone


@pytest.mark.parametrize("text", [EXAMPLE.read_text(encoding="utf-8"), switched_on()], ids=["as it is", "switched on"])
def test_the_example_loads(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WARMLINE_INBOX__PORT", raising=False)
    (tmp_path / "warmline.toml").write_text(text, encoding="utf-8")

    settings = load(tmp_path / "warmline.toml", CONNECTORS, CHATS, understood)

    assert list(settings.businesses) == ["crumb-co"]


@pytest.mark.parametrize("model", [BusinessSettings, Installation])
def test_every_key_of_the_settings_occurs_in_the_example(model: type[BaseModel]) -> None:
    gone = missing(model, [tomllib.loads(switched_on())], "")

    assert gone == []


@pytest.mark.parametrize("kind", SHOWN)
def test_every_key_of_a_connector_occurs_in_the_example(kind: str) -> None:
    tables = [table for table in tomllib.loads(switched_on())["sources"] if table["type"] == kind]

    gone = missing(CONNECTORS[kind], tables, f"{kind}.")

    assert CONNECTORS.fault(kind) == ""
    assert gone == []


def test_the_example_names_its_secrets_and_holds_none() -> None:
    named = re.findall(r"(?m)^#?(\w*(?:password|token|secret|key)\w*) = (.*)$", EXAMPLE.read_text(encoding="utf-8"))

    assert named
    assert all(re.match(r"\{ (env|file) = ", value) for _, value in named)
