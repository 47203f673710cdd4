"""The demo, run as somebody who has just found Warmline would run it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[1]
WARMLINE = Path(sys.executable).with_name("warmline")


def test_make_demo_runs_the_demo() -> None:
    planned = subprocess.run(["make", "--dry-run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "warmline demo" in planned.stdout


def test_the_demo_plays_the_week_and_keeps_the_inbox_open_until_it_is_stopped(tmp_path: Path) -> None:
    port = free_port()
    with (tmp_path / "said").open("wb") as said:
        demo = subprocess.Popen([WARMLINE, "demo", "--port", str(port)], stdout=said, stderr=subprocess.DEVNULL)

        end = time.monotonic() + 90
        while "Ctrl-C" not in (told := (tmp_path / "said").read_text()) and time.monotonic() < end:
            assert demo.poll() is None, told
            time.sleep(0.2)
        links = re.findall(r"as (\w+) \((\w+)\):\s+(http://\S+/sign-in/\S+)", told)
        with urllib.request.urlopen(links[0][2], timeout=10) as page:  # noqa: S310 – our own address
            status = page.status
        demo.send_signal(signal.SIGINT)

    assert [(name, role) for name, role, _ in links] == [("Mia", "staff"), ("Ben", "staff"), ("Jo", "owner")]
    assert status == 200
    assert demo.wait(20) == 0


def test_the_demo_without_a_server_writes_a_digest_and_a_summary(tmp_path: Path) -> None:
    subprocess.run([WARMLINE, "demo", "--once", "--out", tmp_path], capture_output=True, check=True)

    summary = json.loads((tmp_path / "summary.json").read_text())
    assert sorted(summary) == ["drafts", "mentions", "replies_posted", "seconds"]
    assert summary["mentions"] > 80
    assert sum(summary["drafts"].values()) > 30
    assert summary["replies_posted"] == 0  # nobody has approved anything
    assert "Crumb &amp; Co." in (tmp_path / "digest.html").read_text()
