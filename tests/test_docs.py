"""The documentation agrees with the code: every setting, command, state and metric has its words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
import typer
from pydantic import BaseModel

from config.settings import BusinessSettings, Installation
from listener.cli import app
from listener.health import Metrics
from storage.states import DraftState, PromiseState, SourceState

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands under a heading of the second level."""
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section “{heading}”"
    return found[1]


def table(annotation: Any) -> type[BaseModel] | None:
    """The model of a table, where the key holds one or several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (tuple, Union, UnionType):
        return next((found for part in get_args(annotation) if (found := table(part))), None)
    return None


def tables() -> Iterator[tuple[str, type[BaseModel]]]:
    for model in (BusinessSettings, Installation):
        for name, field in model.model_fields.items():
            found = table(field.annotation)
            if found is not None:
                is_list = get_origin(field.annotation) is tuple
                yield (f"[[{name}]]" if is_list else f"[{name}]"), found


@pytest.mark.parametrize(
    ("heading", "model"), list(tables()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_settings_key_has_its_words(heading: str, model: type[BaseModel]) -> None:
    words = section(read("configuration.md"), heading)
    missing = [key for key in model.model_fields if f"- `{key}`:" not in words]
    assert missing == []


def test_the_documentation_names_no_table_that_does_not_exist() -> None:
    named = re.findall(r"^## (\[.*\])$", read("configuration.md"), re.MULTILINE)
    assert sorted(named) == sorted(heading for heading, _ in tables())


def commands() -> Iterator[tuple[str, Any]]:
    root = typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, command
        else:
            yield from ((f"{name} {each}", inner[each]) for each in inner)


#: Options that every command shares, which the page explains at its head.
SHARED = {"--config", "--business", "--as", "--help"}


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_and_option_has_its_words(name: str, command: Any) -> None:
    words = section(read("commands.md"), f"`warmline {name}`")
    options = {each for parameter in command.params for each in parameter.opts if each.startswith("--")}
    assert [option for option in sorted(options - SHARED) if option not in words] == []


def test_the_documentation_names_no_command_that_does_not_exist() -> None:
    named = re.findall(r"^## `warmline (.+)`$", read("commands.md"), re.MULTILINE)
    assert sorted(named) == sorted(name for name, _ in commands())


@pytest.mark.parametrize("states", [DraftState, SourceState, PromiseState])
def test_every_state_has_its_words(states: Any) -> None:
    text = read("states.md")
    assert [state.value for state in states if f"| `{state.value}` |" not in text] == []


def test_every_metric_has_its_words() -> None:
    text = read("operate.md")
    names = [f"{each.name}_total" if each.type == "counter" else each.name for each in Metrics().registry.collect()]
    assert [name for name in names if f"`{name}`" not in text] == []


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def readme_commands() -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    return [shlex.split(line, comments=True) for line in lines]


def test_the_readme_shows_nothing_but_commands_that_are_run_by_a_test() -> None:
    # `make test` runs this; `make demo` is run by tests/test_demo.py, the rest by tests/test_cli.py.
    assert [" ".join(command) for command in readme_commands()] == [
        "make demo",
        "make test",
        "warmline init",
        "warmline check",
        "warmline run",
        "warmline inbox",
    ]


def test_the_ci_runs_the_readmes_own_test_command() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line.strip() for line in lines if line.strip()][-1] == "make test"
