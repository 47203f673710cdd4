"""What every connector promises; whatever is registered is tested, ours and plug-ins.

The example in a connector's own documentation is what it is built from here,
so the example is tested, too.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from config.secrets import Secret
from config.settings import SourceTable
from connectors.base import Connector, ConnectorType, Duplicates, Post, Replier, RouteKind, Surroundings
from connectors.http import TIMEOUT, open_session
from connectors.registry import GROUP
from tests.conftest import NOW

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
#: Libraries that are slow to import and belong to one platform.
HEAVY = {"atproto", "cryptography", "feedparser", "imap_tools", "jwt", "mastodon", "praw", "prawcore", "requests", "tweepy"}
#: Names of parameters that would bring the network into a parser.
NETWORK = {"around", "client", "session", "surroundings"}

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


def build(entry: EntryPoint, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch) -> Connector:
    """The connector of the first example, with every secret it names in place."""
    (options, *_) = examples(entry)
    for secret in (value for value in options.values() if isinstance(value, dict) and "env" in value):
        monkeypatch.setenv(secret["env"], "s3cret")
    connector = type_of(entry)
    return connector.build(connector.settings.model_validate(options), surroundings)


@pytest.fixture
async def surroundings(tmp_path: Path) -> Any:
    async with open_session() as session:
        yield Surroundings("example", session, lambda: NOW, tmp_path)


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `statement`."""
    code = f"{statement}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@every_connector
def test_every_registered_connector_loads(entry: EntryPoint) -> None:
    assert isinstance(entry.load(), ConnectorType)


@every_connector
def test_settings_are_frozen_and_refuse_unknown_keys(entry: EntryPoint) -> None:
    loose = [
        model.__name__
        for model in models(type_of(entry).settings)
        if not (model.model_config.get("frozen") and model.model_config.get("extra") == "forbid")
    ]

    assert loose == []


@every_connector
def test_secrets_are_named_and_never_written(entry: EntryPoint) -> None:
    settings = type_of(entry).settings
    (options, *_) = examples(entry)

    for name, field in settings.model_fields.items():
        kinds = {field.annotation, *get_args(field.annotation)}
        if re.search("token|password|secret|api_key|credential", name):
            assert Secret in kinds, f"{name} must be a Secret"
        if Secret in kinds and str not in kinds:
            with pytest.raises(ValidationError, match="a secret is named"):
                settings.model_validate({**options, name: "s3cret"})


@every_connector
def test_payloads_are_read_without_the_network(entry: EntryPoint) -> None:
    parsers = [vars(module)["parse"] for module in modules_of(entry) if "parse" in vars(module)]

    assert parsers
    assert not any(inspect.iscoroutinefunction(parse) for parse in parsers)
    assert all(NETWORK.isdisjoint(inspect.signature(parse).parameters) for parse in parsers)


@every_connector
def test_the_summary_is_a_short_sentence(entry: EntryPoint) -> None:
    summary = type_of(entry).summary

    assert re.fullmatch(r"[A-Z][^\n]{10,140}\.", summary)


@every_connector
def test_the_documentation_explains_every_setting(entry: EntryPoint) -> None:
    text = documentation(entry)

    missing = [name for name in type_of(entry).settings.model_fields if f"`{name}`" not in text]

    assert missing == []


@every_connector
def test_every_example_in_the_documentation_is_valid(entry: EntryPoint) -> None:
    assert examples(entry)

    for options in examples(entry):
        type_of(entry).settings.model_validate(options)


@every_connector
async def test_traits_are_sane(entry: EntryPoint, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = build(entry, surroundings, monkeypatch)

    traits = connector.traits

    assert traits.platform == entry.name
    assert traits.every > timedelta(0)
    assert traits.settle > timedelta(0)
    assert all(span is None or span > timedelta(0) for span in (traits.retention, traits.recheck_every))
    assert traits.cost_per_call >= 0


@every_connector
async def test_a_read_back_waits_longer_than_a_request_can_last(
    entry: EntryPoint, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = build(entry, surroundings, monkeypatch)
    is_at_risk = connector.traits.duplicates in {Duplicates.LOOKUP, Duplicates.TEXT}

    if isinstance(connector, Replier) and is_at_risk:
        assert connector.traits.settle.total_seconds() > (TIMEOUT.total or 0)


@every_connector
async def test_every_route_has_a_reason_in_words(
    entry: EntryPoint, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = build(entry, surroundings, monkeypatch)

    routes = [connector.route(Post(entry.name, "1", "Hello", url=url)) for url in ("", "https://a.example/1")]

    assert all(route.kind in RouteKind and route.reason.endswith(".") for route in routes)


@every_connector
async def test_closing_twice_is_safe(
    entry: EntryPoint, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = build(entry, surroundings, monkeypatch)

    await connector.close()
    await connector.close()


def test_the_registry_loads_no_platform_library() -> None:
    assert HEAVY.isdisjoint(modules_after("from connectors.registry import installed; installed()"))


@every_connector
def test_a_connector_loads_its_library_only_when_it_works(entry: EntryPoint) -> None:
    assert HEAVY.isdisjoint(modules_after(f"import {entry.module}"))
