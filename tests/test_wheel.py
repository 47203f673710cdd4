"""The wheel holds everything that Warmline needs, and starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    return wheel


def test_the_wheel_holds_the_five_folders_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "config",
        "storage",
        "connectors",
        "responders",
        "listener",
    }


def test_everything_in_the_folders_that_is_no_leftover_is_in_the_wheel(wheel: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "config", "storage", "connectors", "responders", "listener"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    missing = set(tracked) - set(zipfile.ZipFile(wheel).namelist())
    assert [name for name in sorted(missing) if (ROOT / name).exists()] == []


def test_warmline_starts_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    home, out = tmp_path / "site", tmp_path / "out"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", home, wheel]
    subprocess.run(install, check=True, capture_output=True)

    start = f"import sys; sys.argv = ['warmline', 'demo', '--once', '--out', {str(out)!r}]; from listener.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", start],
        check=True,
        capture_output=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(home)},
    )

    assert json.loads((out / "summary.json").read_text())["mentions"] > 80
