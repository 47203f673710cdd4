"""The daemon as a program of its own, with a clock that the test moves: seconds ahead stand in a file."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from listener.daemon import run_daemon


def main(config: Path, ahead: Path) -> None:
    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(ahead.read_text() or 0))

    asyncio.run(run_daemon(config, now))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
