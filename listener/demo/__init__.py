"""A recorded week of Crumb & Co., the bakery of Ahornfeld, and the configuration that replays it."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from config.load import FILE

WEEK = "week.jsonl"


def lay_out(folder: Path, *, at_once: bool = False) -> Path:
    """Puts the configuration and the recording into `folder`, over older ones; gives the configuration's path.

    The week passes in about fifteen seconds of polling; `at_once` lets every
    source bring all it has in one poll.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bundled = files(__name__)
    settings = (bundled / FILE).read_text(encoding="utf-8")
    if at_once:
        settings = re.sub(r"(?m)^pace = .*\n", "", settings)
    (folder / FILE).write_text(settings, encoding="utf-8")
    (folder / WEEK).write_bytes((bundled / WEEK).read_bytes())
    return folder / FILE
