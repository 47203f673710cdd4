"""The house keeps its shape: who may import what, and who may speak."""

from __future__ import annotations

import ast
import importlib.metadata
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("config", "storage", "connectors", "responders", "listener")

#: Which module alone may import a library (the beginning of its path).
ONLY_IN = {
    "alembic": "storage/",
    "aiosqlite": "storage/",
    "asyncpg": "storage/",
    "sqlalchemy": "storage/",
    "sqlmodel": "storage/",
    "apprise": "responders/channels/notify",
    "apscheduler": "listener/schedule.py",
    "atproto": "connectors/bluesky",
    "atproto_client": "connectors/bluesky",
    "discord": "responders/channels/discord",
    "imap_tools": "connectors/mailbox",
    "mastodon": "connectors/mastodon",
    "nio": "responders/channels/matrix",
    "onnxruntime": "listener/analysis/deep.py",
    "openai": "responders/llm.py",
    "praw": "connectors/reddit",
    "pydantic_ai": "responders/llm.py",
    "slack_bolt": "responders/channels/slack",
    "slack_sdk": "responders/channels/slack",
    "telegram": "responders/channels/telegram",
    "tokenizers": "listener/analysis/deep.py",
    "tweepy": "connectors/x",
    "feedparser": "connectors/feed",
    "aiosmtplib": "responders/mail.py",
    "vaderSentiment": "listener/analysis/",
    "lark": "listener/analysis/",
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_each_library_stays_in_its_room() -> None:
    strays = [
        f"{path} imports {name}"
        for path, tree in modules()
        for name in imported(tree)
        if not path.startswith(ONLY_IN.get(name.split(".")[0], ""))
    ]
    assert strays == []


def test_only_sending_publishes_a_reply() -> None:
    doors = [
        f"{path}:{node.lineno}"
        for path, tree in modules()
        if not path.startswith("connectors/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reply"
    ]
    assert [door.split(":")[0] for door in doors] == ["responders/sending.py"]


def test_broad_catches_stand_only_around_one_item_of_work() -> None:
    catches = sorted(
        {
            path
            for path, tree in modules()
            for node in ast.walk(tree)
            if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name) and node.type.id == "Exception"
        }
    )
    assert catches == [
        "listener/chats.py",  # one chat
        "listener/pipeline.py",  # one post
        "listener/poll.py",  # one poll
        "responders/channels/showing.py",  # one call to a chat
        "responders/channels/taking.py",  # one act in a chat
        "responders/proposing.py",  # one draft
        "responders/sending.py",  # one delivery
        "responders/writing.py",  # one request to a language model
    ]


def test_no_module_is_longer_than_500_lines() -> None:
    long = [path for path, _ in modules() if len((ROOT / path).read_text(encoding="utf-8").splitlines()) > 500]
    assert [path for path in long if "/versions/" not in path] == []


@pytest.mark.parametrize(
    ("group", "name"),
    [("warmline.connectors", "No connector knows another"), ("warmline.channels", "No chat knows another")],
)
def test_every_plug_in_of_ours_is_under_the_contract_of_independence(group: str, name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    entries = project["project"]["entry-points"][group].values()
    contracts = {contract["name"]: contract for contract in project["tool"]["importlinter"]["contracts"]}
    assert sorted(contracts[name]["modules"]) == sorted(entry.split(":")[0] for entry in entries)


def test_no_installed_library_owns_the_name_of_a_folder_of_ours() -> None:
    owners = importlib.metadata.packages_distributions()
    assert {name: set(owners.get(name, ["warmline"])) for name in FOLDERS} == {name: {"warmline"} for name in FOLDERS}


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("storage/errors.py", "import responders.errors"),
        ("connectors/errors.py", "import storage.errors"),
        ("responders/errors.py", "import sqlalchemy"),
        ("connectors/hackernews.py", "import connectors.replay"),
        ("responders/channels/notify.py", "import responders.channels.mail"),
    ],
)
def test_a_planted_violation_breaks_the_gate(tmp_path: Path, module: str, line: str) -> None:
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / module
    planted.write_text(planted.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")

    gate = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert gate.returncode == 1, gate.stdout + gate.stderr
    assert "BROKEN" in gate.stdout
