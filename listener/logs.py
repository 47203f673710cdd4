"""Logs as JSON lines: an event, its keys, and nothing that is secret or a customer's."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import IO, Any

import structlog

#: Keys whose values never reach a log, whoever logs them.
_HIDDEN = re.compile(
    r"token|secret|password|authorization|cookie|text|author|handle|body|payload|sample|args|kwargs", re.IGNORECASE
)
_SECRET_IN_TEXT = re.compile(r"(?i)(bearer\s+|token=|key=|password=|://[^/\s:@]*:(?=[^/\s@]*@))[^\s&@'\"]+")


def hide(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces the values of keys that may hold secrets or customers' words, and secrets inside of texts."""
    return {key: "[hidden]" if key != "event" and _HIDDEN.search(key) else _bare(value) for key, value in event.items()}


def _bare(value: Any) -> Any:
    """`value` without secrets, however deep they stand in it."""
    if isinstance(value, str):
        return _SECRET_IN_TEXT.sub(r"\1[hidden]", value)
    if isinstance(value, Mapping):
        return {key: "[hidden]" if _HIDDEN.search(str(key)) else _bare(each) for key, each in value.items()}
    return [_bare(each) for each in value] if isinstance(value, list | tuple | set) else value


def _one_line(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Reduces an exception to its kind and place: its message may quote a customer."""
    info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["event"] = str(event.get("event")).partition("\n")[0]  # asyncio goes on with what the task held
        event["error"] = type(error).__name__
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        if place is not None:
            event["at"] = f"{place.tb_frame.f_globals.get('__name__', '?')}:{place.tb_lineno}"
    return event


def start_logging(level: str, stream: IO[str] | None = None) -> None:
    """Sends all logs, ours and the libraries', through one redaction step to `stream` (None: standard error)."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _one_line,
        hide,
    ]
    renderer = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(renderer)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    ours = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(logging.INFO, ours))  # what libraries say while debugging holds tokens and whole answers
    for package in ("config", "storage", "connectors", "responders", "listener"):
        logging.getLogger(package).setLevel(ours)
    for noisy in ("aiosqlite", "apscheduler", "asyncio", "aiohttp.access", "urllib3", "httpx", "websockets", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(ours),
        cache_logger_on_first_use=False,
    )
