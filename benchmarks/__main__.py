"""`python -m benchmarks [PART]`: measures, and prints a table of ratios."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.measuring import Figure, Scale
from listener.logs import start_logging

PARTS = ("ingest", "matching", "drafts", "decisions", "chats", "start", "pages")


def main(words: Sequence[str] | None = None) -> None:
    """Measures one part or all of them."""
    options = _parser().parse_args(words)
    scale = Scale(options.rounds, options.texts, options.mentions, options.idle)
    asyncio.run(_measure([options.part] if options.part else PARTS, scale, options.out))


def _parser() -> argparse.ArgumentParser:
    default = Scale()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="?", choices=PARTS, help="what to measure; everything where it is left out")
    parser.add_argument("--rounds", type=int, default=default.rounds, help="how often (%(default)s)")
    parser.add_argument("--texts", type=int, default=default.texts, help="texts and events in a round (%(default)s)")
    parser.add_argument("--mentions", type=int, default=default.mentions, help="mentions under the pages (%(default)s)")
    parser.add_argument("--idle", type=float, default=default.idle, help="seconds to watch it rest (%(default)s)")
    parser.add_argument("--out", type=Path, help="also write the figures to this file, as JSON")
    return parser


async def _measure(parts: Sequence[str], scale: Scale, out: Path | None) -> None:
    """Prints and writes down what each part has brought as soon as it has, so that no later fault takes it away."""
    modules = [import_module(f"benchmarks.{part}") for part in parts]
    print("Medians (lowest–highest) of all rounds; a ratio compares both sides of the same round.", flush=True)
    figures: list[Figure] = []
    for module in modules:
        figures += (measured := await module.measure(scale, _say))
        _say("")
        print("", *(figure.line() for figure in measured), sep="\n", flush=True)
        if out:
            _write(figures, out)


def _write(figures: Sequence[Figure], out: Path) -> None:
    about = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    content = about | {"figures": [figure.as_json() for figure in figures]}
    out.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _say(text: str) -> None:
    """Shows what is going on, in one line that the next one replaces (on a terminal)."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    start_logging("error")
    main()
