"""Starts the shared test servers: real programs on 127.0.0.1, whose first start installs them into a cache."""

from __future__ import annotations

import fcntl
import json
import os
import queue
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

#: Seconds a first start may take; it installs the server.
PATIENCE = 240
CACHE = Path.home() / ".cache" / "warmline-tests"
SERVERS = Path(__file__).resolve().parents[2] / "shared" / "servers"


@contextmanager
def start_server(name: str, **env: str) -> Iterator[dict[str, Any]]:
    """A running server of `../shared/servers`; gives what its READY line says, and ends it with the block."""
    state = CACHE / name
    state.mkdir(parents=True, exist_ok=True)
    with (state / "starting").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # two workers must not install the same server at once
        process = _start(name, state, env)
        try:
            ready = _await_ready(process, name)
        except BaseException:
            _end(process)
            raise
    try:
        yield ready
    finally:
        _end(process)


def _start(name: str, state: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    settings = {"PORT": str(free_port()), "STATE": str(state)} | env
    return subprocess.Popen(
        [SERVERS / name / "start"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | settings,
    )


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=15)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # what waits on for a hung request is ended, too
    process.wait()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_ready(process: subprocess.Popen[str], name: str) -> dict[str, Any]:
    """What the server says when it is ready; its other lines are read on, so that it never waits for us."""
    ready: queue.Queue[str | None] = queue.Queue()
    said: list[str] = []

    def listen() -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                said.append(line)
                if line.startswith("READY "):
                    ready.put(line.removeprefix("READY "))
        ready.put(None)

    threading.Thread(target=listen, daemon=True).start()
    try:
        line = ready.get(timeout=PATIENCE)
    except queue.Empty:
        line = None
    if line is None:
        raise RuntimeError(f"the server {name} did not start:\n{''.join(said[-20:])}")
    found: dict[str, Any] = json.loads(line)
    return found
