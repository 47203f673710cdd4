"""The command, as the technical friend uses it: init, check, run, and what it says when something is wrong."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers import free_port

WARMLINE = Path(sys.executable).with_name("warmline")
CONFIG = """
[business]
name = "Crumb & Co."
[query]
match = '"Crumb & Co"'
[[staff]]
name = "Jo"
role = "owner"
[inbox]
port = {port}
[[sources]]
name = "cards"
type = "survey"
path = "cards.csv"
filter = false
"""


def run(folder: Path, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [WARMLINE, *arguments], cwd=folder, input=said, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "warmline.toml").write_text(CONFIG.format(port=free_port()), encoding="utf-8")
    (tmp_path / "cards.csv").write_text("id,comment,stars\n1,The soup was cold.,2\n", encoding="utf-8")
    return tmp_path


def answers(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def test_init_writes_a_file_that_check_accepts(tmp_path: Path) -> None:
    said = answers("Crumb & Co.", "bakery", "Europe/Berlin", "en, de", "@crumb, #crumbandco", "Jo", "", "", "n")

    wrote = run(tmp_path, "init", said=said)
    checked = run(tmp_path, "check")

    assert wrote.returncode == 0, wrote.stdout + wrote.stderr
    assert checked.returncode == 0, checked.stdout + checked.stderr
    text = (tmp_path / "warmline.toml").read_text(encoding="utf-8")
    assert 'match = "\\"Crumb & Co.\\" OR @crumb OR #crumbandco"' in text
    assert text.count("#") > 15  # comments that help


def test_init_asks_again_until_an_answer_can_be_used(tmp_path: Path) -> None:
    said = answers("", "Crumb", "bakery", "Mars/Olympus", "Europe/Berlin", "english", "en", "", "Jo", "", "x", "", "n")

    wrote = run(tmp_path, "init", said=said)

    assert wrote.returncode == 0, wrote.stdout + wrote.stderr
    assert "is not a time zone" in wrote.stdout
    assert "is not a language" in wrote.stdout
    assert "is not an address" in wrote.stdout


def test_init_survives_names_with_every_awkward_sign(tmp_path: Path) -> None:
    name = 'Zoë\'s "Brot" \\ & Söhne 🥐 = [x] #1'
    said = answers(name, "bakery", "UTC", "en", "", 'Jo "the boss"', "", "", "n")

    wrote = run(tmp_path, "init", said=said)
    checked = run(tmp_path, "check")

    assert wrote.returncode == 0, wrote.stdout + wrote.stderr
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_init_never_writes_over_a_file(home: Path) -> None:
    before = (home / "warmline.toml").read_text(encoding="utf-8")

    wrote = run(home, "init")

    assert wrote.returncode == 1
    assert "exists already" in wrote.stderr
    assert (home / "warmline.toml").read_text(encoding="utf-8") == before


def test_check_tries_everything_and_stores_nothing(home: Path) -> None:
    checked = run(home, "check")
    waiting = run(home, "inbox")

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert 'source "cards": 1 posts now' in checked.stdout
    assert "calls a month" in checked.stdout
    assert waiting.stdout == "Nothing waits.\n"


def test_check_names_what_needs_somebody(home: Path) -> None:
    (home / "cards.csv").unlink()

    checked = run(home, "check")

    assert checked.returncode == 1
    assert '✗ source "cards"' in checked.stdout
    assert "Traceback" not in checked.stderr


def test_a_file_with_faults_names_them_all_at_once(home: Path) -> None:
    text = (home / "warmline.toml").read_text(encoding="utf-8")
    text = text.replace('name = "Crumb & Co."', 'nmae = "Crumb & Co."').replace(
        "match = '\"Crumb & Co\"'", "match = '(a'"
    )
    (home / "warmline.toml").write_text(text.replace('type = "survey"', 'type = "surveys"'), encoding="utf-8")

    checked = run(home, "check")

    assert checked.returncode == 1
    assert 'did you mean "name"?' in checked.stderr
    assert 'did you mean "survey"?' in checked.stderr
    assert "query.match: column" in checked.stderr
    assert "Traceback" not in checked.stderr


def test_run_listens_until_it_is_stopped_and_inbox_shows_what_waits(home: Path) -> None:
    daemon = subprocess.Popen([WARMLINE, "run"], cwd=home, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 30
        while not (home / "data" / "warmline.sock").exists() and time.monotonic() < end:
            time.sleep(0.05)
        second = run(home, "run")
        link = run(home, "inbox", "--sign-in")
        sources = run(home, "sources")
    finally:
        daemon.send_signal(signal.SIGTERM)
        status = daemon.wait(15)

    assert status == 0
    assert second.returncode == 1
    assert "Another Warmline" in second.stderr
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/sign-in/[\w-]{40,}\n", link.stdout), link.stderr
    assert re.search(r"cards +survey +on", sources.stdout)


def test_a_poll_without_a_daemon_hears_and_a_dry_run_stores_nothing(home: Path) -> None:
    tried = run(home, "poll", "--dry-run")
    heard = run(home, "poll")
    again = run(home, "poll")

    assert "1 posts, 1 about" in tried.stdout
    assert "cards: 1 new" in heard.stdout
    assert "cards: nothing new" in again.stdout


@pytest.mark.parametrize("wording", ["twelve", "12.x", "1.2.3", "12"])
def test_a_decision_is_about_a_wording_that_somebody_has_read(home: Path, wording: str) -> None:
    decided = run(home, "approve", wording)

    assert decided.returncode == 2
    assert "Traceback" not in decided.stderr


def test_what_cannot_be_decided_is_said_in_words(home: Path) -> None:
    decided = run(home, "approve", "99.1")

    assert decided.returncode == 1
    assert "There is no such draft here." in decided.stderr


def test_help_answers_without_loading_what_is_heavy() -> None:
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import listener.cli"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])},
    ).stderr
    assert [name for name in ("sqlalchemy", "aiohttp", "pydantic", "jinja2") if f" {name}\n" in loaded] == []


def test_staff_are_listed_linked_by_a_code_and_unlinked(home: Path) -> None:
    listed, linked, unlinked = (run(home, "staff", *words) for words in (["list"], ["link", "Jo"], ["unlink", "Jo"]))
    stranger = run(home, "staff", "link", "Eve")

    assert "not linked" in listed.stdout
    assert re.match(r"[A-Z2-9]{4}-[A-Z2-9]{4}\n", linked.stdout), linked.stdout + linked.stderr
    assert unlinked.stdout == "0 accounts unlinked.\n"
    assert (stranger.returncode, "not on the staff" in stranger.stderr) == (1, True)
