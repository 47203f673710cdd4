"""A bakery whose daemon is a real process: started, asked through its socket, killed, and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from listener import control
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
[business]
name = "Corner Bakery"
kind = "bakery"
time_zone = "Europe/Berlin"
languages = ["en"]
products = ["sourdough", "cinnamon bun", "cake"]
people = ["Mia", "Jo"]
accounts = ["@bakery"]
[query]
match = '"Corner Bakery" OR #cornerbakery'
[voice]
sign_off = "Mia"
may_promise = ["look into it today"]
[[staff]]
name = "Mia"
[[staff]]
name = "Jo"
role = "owner"
[reply]
undo_for = "1 second"
[inbox]
port = {port}
[listener]
allow_hosts = ["127.0.0.1"]
"""

MASTODON = """
[[sources]]
name = "mastodon"
type = "mastodon"
every = "1 day"
server = "{server}"
token = {{ env = "BAKERY_SECRET" }}
"""

BLUESKY = """
[[sources]]
name = "bluesky"
type = "bluesky"
every = "1 day"
server = "{server}"
handle = "bakery.test"
app_password = {{ env = "BAKERY_SECRET" }}
"""


SECRET = "bakery-token"


class House:
    """One installation in `folder`, with one source on `server`; `move_on` moves its clock."""

    def __init__(self, folder: Path, server: str, source: str = MASTODON, secret: str = SECRET) -> None:
        self.folder = folder
        self.port = free_port()
        self.config = folder / "warmline.toml"
        self.config.write_text((CONFIG + source).format(port=self.port, server=server), encoding="utf-8")
        self._secret = secret
        self._ahead = folder / "ahead"
        self._ahead.write_text("0")
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "log.jsonl"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the daemon and waits until its socket answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.acceptance.clocked_daemon", self.config, self._ahead],
                cwd=ROOT,
                env=os.environ | {"BAKERY_SECRET": self._secret, "PYTHONPATH": str(ROOT)},
                stderr=log,
                stdout=log,
            )
        self.until(self._answers, "the daemon answers")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        try:
            self.ask("sources")
        except ConnectionError:
            return False
        return True

    def kill(self) -> None:
        """kill -9: no goodbye, nothing is tidied up."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> int:
        """SIGTERM; gives the exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(15)

    def ask(self, operation: str, **arguments: Any) -> Any:
        """What the terminal would ask."""
        with ThreadPoolExecutor(1) as apart:  # a browser's library keeps a loop on this thread
            return apart.submit(asyncio.run, control.ask(self.folder / "data", operation, arguments)).result()

    def decide(self, verb: str, draft: str, person: str = "Mia", **more: Any) -> Any:
        number, revision = draft.split(".")
        return self.ask("decide", verb=verb, draft=int(number), revision=int(revision), person=person, **more)

    def move_on(self, seconds: float) -> None:
        """Moves the clock, and wakes the daemon by a poll."""
        self._ahead.write_text(str(float(self._ahead.read_text()) + seconds))
        self.ask("poll")

    def drafts(self) -> list[dict[str, Any]]:
        return list(self.ask("inbox"))

    def draft(self) -> dict[str, Any]:
        """The one draft that waits, once it is there."""
        return self.until(lambda: next(iter(self.drafts()), None), "a draft waits")

    def state(self, draft: str) -> str:
        return str(self.ask("show", draft=int(draft.partition(".")[0]))["state"])

    def until(self, happened: Callable[[], Any], what: str, patience: float = 20) -> Any:
        """Waits for something that another process does."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if found := happened():
                return found
            time.sleep(0.05)
        raise AssertionError(f"it did not happen that {what}; the log:\n{self.log.read_text()[-3000:]}")
