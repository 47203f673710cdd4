"""What docs/operate.md promises, tried on the real daemon in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from storage import Store, alerts
from tests.conftest import skip_or_fail
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[1]
WARMLINE = Path(sys.executable).with_name("warmline")
#: Seconds that one step of the daemon may take on a busy machine.
PATIENCE = 60
#: It stands in the environment as every secret of the configuration.
CANARY = "canary-5f0e77"

CONFIGURATION = """
[business]
name = "Crumb & Co."
kind = "bakery"
time_zone = "Europe/Berlin"
languages = ["en"]

[query]
match = '"Crumb & Co"'

[[staff]]
name = "Jo"
role = "owner"
mail = "jo@crumb.example"

[[sources]]
name = "town square"
type = "replay"
file = "week.jsonl"

[[sources]]
name = "gazette"
type = "feed"
secret_url = {{ env = "GAZETTE_FEED" }}

[inbox]
port = {port}

[mail]
host = "127.0.0.1"
port = 9
security = "none"
username = "warmline"
password = {{ env = "MAIL_PASSWORD" }}
sender = "warmline@crumb.example"
"""

POSTS = (
    ("ana", "Ana Quist", "Found a hair in my bun at Crumb & Co, and nobody even apologised."),
    ("bo", "Bo Lindgren", "The rye loaf of Crumb & Co is the loveliest in town."),
    ("cy", "Cy Ferreira", "An ambulance had to come, I had a severe allergic reaction at Crumb & Co."),
)


class Daemon:
    """`warmline run` in a process of its own; everything it says is read as it says it."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        self._heard: queue.Queue[str | None] = queue.Queue()
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notices.settimeout(PATIENCE)
        address = home / "notices"
        address.unlink(missing_ok=True)
        self._notices.bind(str(address))
        self.process = subprocess.Popen(
            [WARMLINE, "run"],
            cwd=home,
            env=environment | {"NOTIFY_SOCKET": str(address)},
            stderr=subprocess.PIPE,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr:
            for line in self.process.stderr:
                self.lines.append(line)
                self._heard.put(line)
        self._heard.put(None)

    def notice(self) -> str:
        """What systemd would hear next."""
        return self._notices.recv(1024).decode()

    def logged(self, event: str) -> dict[str, Any]:
        """The next line of the log that tells of `event`."""
        while (line := self._heard.get(timeout=PATIENCE)) is not None:
            try:
                said: dict[str, Any] = json.loads(line)
            except ValueError:
                continue
            if said["event"] == event:
                return said
        raise AssertionError(f"the daemon ended without saying {event!r}:\n{''.join(self.lines)}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it with a signal; gives its exit status."""
        self.process.send_signal(number)
        status = self.process.wait(timeout=PATIENCE)
        self._listener.join()
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._listener.join()
        self._notices.close()


class Home:
    """A folder with a configuration and a recorded week, as a person would have them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.file = folder / "warmline.toml"
        self.port = free_port()
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("WARMLINE_")} | {
            "MAIL_PASSWORD": CANARY,
            "GAZETTE_FEED": f"http://127.0.0.1:9/{CANARY}?key={CANARY}",
        }
        folder.mkdir(exist_ok=True)
        self.file.write_text(CONFIGURATION.format(port=self.port), encoding="utf-8")
        lines = (
            {
                "kind": "post",
                "platform": "town",
                "id": handle,
                "at": "mon 08:15",
                "text": text,
                "author": {"external_id": f"id-{handle}", "handle": f"@{handle}", "name": name},
                "answer": {"route": "api", "reason": "The recording takes replies."},
            }
            for handle, name, text in POSTS
        )
        recording = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "week.jsonl").write_text(recording, encoding="utf-8")

    @contextmanager
    def daemon(self, drafts: int = len(POSTS)) -> Iterator[Daemon]:
        """A daemon that has started and made its `drafts`."""
        daemon = Daemon(self.folder, self.environment)
        try:
            daemon.logged("started")
            for _ in range(drafts):
                daemon.logged("draft made")
            yield daemon
        finally:
            daemon.close()

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command in the terminal, in this folder."""
        return subprocess.run(
            [WARMLINE, *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def say(self, *words: str) -> str:
        """What a command that must work prints."""
        done = self.ask(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def waiting(self) -> list[tuple[str, str, str]]:
        """What waits in the inbox: the wording, its state, and what it answers."""
        return [(line["id"], line["state"], line["says"]) for line in json.loads(self.say("inbox", "--json"))]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


WAYS = ["through the daemon", "without a daemon"]


@contextmanager
def settled(home: Home, way: str) -> Iterator[Home]:
    """A home in which everything has been heard and drafted, with its daemon still running or stopped."""
    with home.daemon() as daemon:
        if way == "without a daemon":
            daemon.stop()
        yield home


@pytest.fixture(scope="module", params=WAYS)
def terminal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A settled home for commands that only look; the tests of this module share it."""
    with settled(Home(tmp_path_factory.mktemp("terminal")), request.param) as home:
        yield home


def test_systemd_hears_that_the_daemon_is_ready_alive_and_stopping(home: Home) -> None:
    with home.daemon() as daemon:
        said = [daemon.notice(), daemon.notice()]
        daemon.stop()

        said.append(daemon.notice())

    assert said == ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_the_order_to_stop_is_obeyed_within_ten_seconds(home: Home) -> None:
    with home.daemon() as daemon:
        daemon.process.send_signal(signal.SIGTERM)

        status = daemon.process.wait(timeout=10)

    assert status == 0


def test_a_second_daemon_on_the_same_data_is_refused_in_words(home: Home) -> None:
    with home.daemon() as daemon:
        second = home.ask("run")

    assert second.returncode == 1
    assert f"Another Warmline (process {daemon.process.pid}) works on {home.data}." in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_in_use_is_named_in_words(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", home.port))
        taken.listen()

        done = home.ask("run")

    assert done.returncode == 1
    assert f"The inbox cannot be served at 127.0.0.1:{home.port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_daemon_that_was_killed_goes_on_where_it_was(home: Home) -> None:
    with home.daemon() as daemon:
        before = home.waiting()
        daemon.stop(signal.SIGKILL)

    with home.daemon(drafts=0):
        after = home.waiting()

    assert len(before) == len(POSTS)
    assert after == before


def test_a_backup_made_while_the_daemon_runs_starts_elsewhere(home: Home, tmp_path: Path) -> None:
    elsewhere = Home(tmp_path / "elsewhere")
    with home.daemon():
        said = home.say("db", "backup", str(tmp_path / "copy.db"))
        before = home.waiting()

        elsewhere.data.mkdir(mode=0o700)
        shutil.move(tmp_path / "copy.db", elsewhere.data / "warmline.db")
        with elsewhere.daemon(drafts=0):
            after = elsewhere.waiting()

    assert f"holds {len(POSTS)} mentions and {len(POSTS)} drafts, and can be read." in said
    assert after == before


async def test_a_broken_configuration_leaves_the_last_good_one_in_force_and_raises_an_alert(home: Home) -> None:
    good = home.file.read_text(encoding="utf-8")
    with home.daemon() as daemon:
        home.file.write_text(good.replace("[query]", "[qurey]"), encoding="utf-8")
        refused = daemon.logged("configuration not taken over")

        async with aiohttp.ClientSession(f"http://127.0.0.1:{home.port}") as session:
            ready = json.loads(await _get(session, "/readyz"))
        raised = await _alert(home, "last good configuration")

    assert 'did you mean "query"' in refused["fault"]
    assert ready == {"ok": True}
    assert 'did you mean "query"' in raised


def test_a_corrected_configuration_is_taken_over(home: Home) -> None:
    good = home.file.read_text(encoding="utf-8")
    with home.daemon() as daemon:
        home.file.write_text(good.replace("[query]", "[qurey]"), encoding="utf-8")
        daemon.logged("configuration not taken over")
        home.file.write_text(good.replace('"town square"', '"market"'), encoding="utf-8")
        daemon.logged("configuration taken over")

        listed = home.say("sources")

    assert re.search(r"^market +replay +on ", listed, re.MULTILINE)
    assert re.search(r"^town square +replay +off ", listed, re.MULTILINE)


def test_the_terminal_lists_sources(terminal: Home) -> None:
    listed = terminal.say("sources")

    assert re.search(r"^town square +replay +on +last answer 2", listed, re.MULTILINE)
    assert re.search(r"^gazette +feed +\w+ +last answer never$", listed, re.MULTILINE)


def test_the_terminal_lists_what_waits_the_worst_first(terminal: Home) -> None:
    listed = terminal.waiting()

    assert [says for _, _, says in listed] == [POSTS[2][2], POSTS[0][2], POSTS[1][2]]


@pytest.mark.parametrize("way", WAYS)
def test_the_terminal_takes_a_decision(home: Home, way: str) -> None:
    with settled(home, way):
        number = home.waiting()[-1][0]

        said = home.say("reject", number, "--as", "Jo")

    assert said.strip() == f"{number}: rejected"


def test_the_terminal_polls_a_source(terminal: Home) -> None:
    said = terminal.say("poll", "town square")

    assert said.strip() == "town square: nothing new"


def test_a_poll_without_a_daemon_says_what_it_brought_and_nothing_else(home: Home) -> None:
    done = home.ask("poll", "town square")

    assert done.stdout == f"town square: {len(POSTS)} new\n"
    assert done.stderr == ""


def test_the_terminal_shows_a_digest(terminal: Home) -> None:
    said = terminal.say("digest")

    assert "Crumb & Co.: your week" in said


def test_the_terminal_signs_a_person_in(terminal: Home) -> None:
    said = terminal.say("inbox", "--sign-in", "--as", "Jo")

    assert re.fullmatch(rf"http://127\.0\.0\.1:{terminal.port}/sign-in/[\w-]{{20,}}\n", said)


def test_the_terminal_proves_the_audit_trail(terminal: Home) -> None:
    said = terminal.say("audit", "verify")

    assert re.fullmatch(r"The trail is whole\. Latest hash: [0-9a-f]{64}\n", said)


@pytest.mark.parametrize("way", WAYS)
def test_a_person_who_is_forgotten_leaves_no_byte_in_the_data(home: Home, way: str) -> None:
    with settled(home, way):
        said = home.say("forget", "@ana", "--yes", "--as", "Jo")

        kept = b"".join(file.read_bytes() for file in sorted(home.data.iterdir()) if file.is_file())

    assert said.strip() == "Erased 1 mentions of 1 authors."
    assert b"Ana Quist" not in kept
    assert b"Found a hair" not in kept


def test_a_mistake_in_the_terminal_is_explained(terminal: Home) -> None:
    done = terminal.ask("show", "999")

    assert done.returncode == 1
    assert "There is no draft 999 here." in done.stderr
    assert "Traceback" not in done.stderr


async def test_health_readiness_and_every_documented_metric_answer(home: Home) -> None:
    guide = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`(warmline_[a-z_]+)", guide))
    with home.daemon():
        async with aiohttp.ClientSession(f"http://127.0.0.1:{home.port}") as session:
            told = {path: await _get(session, path) for path in ("/healthz", "/readyz", "/metrics")}

    assert json.loads(told["/healthz"]) == {"ok": True, "hanging": []}
    assert json.loads(told["/readyz"]) == {"ok": True}
    names = set(re.findall(r"^# TYPE (\w+)", told["/metrics"], re.MULTILINE))
    assert {name for name in names if not name.endswith("_created")} == documented


def test_the_log_is_json_lines_without_secrets_or_customers_words(home: Home) -> None:
    with home.daemon() as first:
        home.say("forget", "@bo", "--yes", "--as", "Jo")
        first.stop()
    with home.daemon(drafts=0) as second:
        second.logged("alert not told")  # at every start it is tried at once, and no mail server listens
        home.file.write_text(home.file.read_text(encoding="utf-8") + "\n[nonsense]\n", encoding="utf-8")
        second.logged("configuration not taken over")
        second.stop()

    lines = first.lines + second.lines
    log = "".join(lines)
    assert all({"event", "level", "timestamp"} <= json.loads(line).keys() for line in lines)
    assert CANARY not in log
    assert not [word for handle, name, text in POSTS for word in (f"@{handle}", name, text[:20]) if word in log]


async def test_the_daemon_works_on_postgresql(home: Home, postgres: str) -> None:
    home.environment["WARMLINE_STORAGE__URL"] = postgres

    with home.daemon():
        heard = home.waiting()

    assert len(heard) == len(POSTS)
    assert not (home.data / "warmline.db").exists()


def test_the_unit_file_is_understood_by_systemd(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        skip_or_fail("systemd-analyze is not installed (Debian: systemd)")
    unit = tmp_path / "warmline.service"
    written = (ROOT / "docs" / "warmline.service").read_text(encoding="utf-8")
    unit.write_text(written.replace("/opt/warmline/bin/warmline", str(WARMLINE)), encoding="utf-8")

    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)

    assert [line for line in done.stderr.splitlines() if unit.name in line] == []
    assert done.returncode == 0


def test_every_command_of_the_guide_is_one_of_ours() -> None:
    guide = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", guide, re.MULTILINE | re.DOTALL))
    used = set(re.findall(r"^(?:/opt/warmline/bin/)?warmline ((?:db|audit) [a-z]+|[a-z-]+)", blocks, re.MULTILINE))

    unknown = [words for words in sorted(used) if _status_of_help(words) != 0]

    assert used
    assert unknown == []


def _status_of_help(words: str) -> int:
    return subprocess.run([WARMLINE, *words.split(), "--help"], capture_output=True, check=False).returncode


async def _get(session: aiohttp.ClientSession, path: str) -> str:
    async with session.get(path) as answer:
        assert answer.status == 200
        return await answer.text()


async def _alert(home: Home, part: str) -> str:
    """The alert that holds `part`, as soon as the daemon has raised it."""
    store = await Store.open(f"sqlite+aiosqlite:///{home.data / 'warmline.db'}")
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                async with store.read() as session:
                    for alert in await alerts.recent(session, "crumb-co"):
                        if part in alert.text:
                            return alert.text
    finally:
        await store.close()
