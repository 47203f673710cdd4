"""What every connector promises; whatever is registered is tested, ours and plug-ins.

The example in a connector's own documentation is what it is built from here,
so the example is tested, too.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from datetime import timedelta
from importlib.metadata import EntryPoint
from typing import get_args

import pytest
from pydantic import ValidationError

from config.secrets import Secret
from connectors.base import ConnectorType, Post, RouteKind, Surroundings
from connectors.lengths import Counter
from connectors.registry import GROUP
from tests.contracts.discovery import (
    ENTRIES,
    ROOT,
    SECRET,
    build,
    documentation,
    every_connector,
    examples,
    models,
    modules_of,
    options_of,
    type_of,
)

#: Libraries that are slow to import and belong to one platform.
HEAVY = {
    "atproto",
    "cryptography",
    "feedparser",
    "imap_tools",
    "jwt",
    "mastodon",
    "praw",
    "prawcore",
    "requests",
    "tweepy",
}
#: Names of parameters that would bring the network into a parser.
NETWORK = {"around", "client", "session", "surroundings"}


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `statement`."""
    code = f"{statement}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_what_the_project_names_is_what_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    installed = {entry.name: entry.value for entry in ENTRIES}

    missing = project["entry-points"][GROUP].items() - installed.items()
    assert missing == set(), "run `make setup`"


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
def test_settings_show_where_a_secret_is_and_never_what_it_is(
    entry: EntryPoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = type_of(entry).settings.model_validate(options_of(entry, monkeypatch))

    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"

    assert SECRET not in shown


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
    assert traits.retention is None or traits.retention >= timedelta(0)
    assert traits.recheck_every is None or traits.recheck_every > timedelta(0)
    assert traits.cost_per_call >= 0


@every_connector
async def test_every_route_has_a_reason_in_words(
    entry: EntryPoint, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = build(entry, surroundings, monkeypatch)

    routes = [connector.route(Post(entry.name, "1", "Hello", url=url)) for url in ("", "https://a.example/1")]

    assert all(route.kind in RouteKind and route.reason.endswith(".") for route in routes)
    assert all(limit.counter in Counter and limit.at_most > 0 for route in routes for limit in route.limits)


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
