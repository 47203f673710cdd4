"""What the contract suite prints at the end of a run: how much of each platform's recordings was heard."""

from __future__ import annotations

from typing import Any

#: Under this name a test tells what it has replayed; it travels with the test's report, from other processes, too.
REPLAYED = "replayed"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line per platform whose recordings were replayed."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    lines = sorted(text for report in reports for name, text in report.user_properties if name == REPLAYED)
    if lines:
        terminalreporter.write_sep("-", "recorded exchanges replayed")
        for line in lines:
            terminalreporter.write_line(line)
