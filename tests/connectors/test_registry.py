"""The registry: connectors are found by their entry points, and a broken plug-in stops nobody else."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.load import load
from connectors.base import Surroundings
from connectors.feed import Feed
from connectors.registry import GROUP, Connectors, installed
from tests.conftest import NOW
from tests.connectors.loopback import says, serve

PLUGIN = """
from pydantic import BaseModel
from connectors.base import ConnectorType

class Settings(BaseModel):
    room: str

CONNECTOR = ConnectorType(settings=Settings, build=lambda settings, around: settings.room, summary="Hears a room.")
"""

BROKEN = {
    "does not parse": "def (",
    "needs a library that is not there": "import a_library_that_nobody_has",
    "names nothing": "",
    "names something else": "CONNECTOR = 1",
    "fails when it runs": "CONNECTOR = {}['a key']",
}


def plugin(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str) -> EntryPoint:
    """An installed connector of type "room" whose module holds `source`."""
    (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return EntryPoint("room", f"{name}:CONNECTOR", GROUP)


def around() -> Surroundings:
    return Surroundings("lobby", None, lambda: NOW, Path())  # type: ignore[arg-type]


def configuration(folder: Path, source: str) -> Path:
    file = folder / "warmline.toml"
    file.write_text(f'[business]\nname = "Crumb"\n[query]\nmatch = "crumb"\n[[sources]]\nname = "lobby"\n{source}\n')
    return file


def test_our_own_connectors_are_installed() -> None:
    assert {"feed", "hackernews"} <= set(installed())


def test_a_connector_is_loaded_when_it_is_first_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connectors = Connectors([plugin(tmp_path, monkeypatch, "lazy_room", PLUGIN)])
    assert "room" in connectors
    assert "lazy_room" not in sys.modules

    connectors["room"]

    assert "lazy_room" in sys.modules


def test_a_plug_in_is_built_from_its_own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connectors = Connectors([plugin(tmp_path, monkeypatch, "good_room", PLUGIN)])

    assert connectors.build("room", {"room": "kitchen"}, around()) == "kitchen"  # type: ignore[comparison-overlap]
    assert connectors.summary("room") == "Hears a room."
    assert connectors.fault("room") == ""


@pytest.mark.parametrize("case", BROKEN)
def test_a_plug_in_that_does_not_load_has_a_fault_in_words(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connectors = Connectors([plugin(tmp_path, monkeypatch, "broken_room", BROKEN[case])])

    assert connectors.fault("room").startswith('The connector "room" does not load')
    assert connectors.summary("room") == ""


def test_a_plug_in_that_does_not_load_cannot_be_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connectors = Connectors([plugin(tmp_path, monkeypatch, "broken_room", "import a_library_that_nobody_has")])

    with pytest.raises(ConfigError, match="a_library_that_nobody_has"):
        connectors.build("room", {"any": "key"}, around())


def test_a_plug_in_that_does_not_load_leaves_the_configuration_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connectors = Connectors([plugin(tmp_path, monkeypatch, "broken_room", "def (")])

    settings = load(configuration(tmp_path, 'type = "room"\nroom = "kitchen"'), connectors, {}, lambda query: "")

    assert settings.businesses["crumb"].sources[0].type == "room"


def test_a_connector_that_is_not_there_is_a_fault_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='did you mean "feed"'):
        load(configuration(tmp_path, 'type = "feeed"\nurl = "https://a.example/"'), installed(), {}, lambda query: "")


def test_a_key_that_a_connector_does_not_know_is_a_fault_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='did you mean "url"'):
        load(configuration(tmp_path, 'type = "feed"\nurll = "https://a.example/"'), installed(), {}, lambda query: "")


def test_a_type_that_does_not_exist_cannot_be_built() -> None:
    with pytest.raises(ConfigError, match='no connector "pigeon"'):
        installed().build("pigeon", {}, around())


def test_options_that_are_wrong_are_named() -> None:
    with pytest.raises(ConfigError, match="url: Input should be a valid string"):
        installed().build("feed", {"url": 7}, around())


async def test_a_source_is_built_with_its_surroundings() -> None:
    async with serve(says()) as web_:
        connector = installed().build("feed", {"url": "https://a.example/feed"}, web_.around)

    assert isinstance(connector, Feed)


def test_a_missing_library_is_named_when_the_source_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = PLUGIN.replace("settings.room,", "__import__('a_library_that_nobody_has'),")
    connectors = Connectors([plugin(tmp_path, monkeypatch, "late_room", late)])

    with pytest.raises(ConfigError, match="a_library_that_nobody_has"):
        connectors.build("room", {"room": "kitchen"}, around())
