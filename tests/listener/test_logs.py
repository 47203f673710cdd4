"""Logs: one JSON line per event, and in none of them a secret or a customer's word."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from listener.logs import hide, start_logging

SECRET = "CANARY-s3cr3t"
WORDS = "CANARY the soup was cold"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    start_logging("debug", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    "key",
    ["token", "access_token", "bot_token", "secret", "password", "Authorization", "cookie", "text", "author", "handle",
     "body", "payload", "sample", "args", "kwargs", "mention_text"],
)  # fmt: skip
def test_what_a_telling_key_holds_is_hidden(stream: io.StringIO, key: str) -> None:
    structlog.get_logger().info("something happened", **{key: WORDS}, nested={"deep": [{key: SECRET}]})

    (line,) = lines(stream)
    assert line[key] == "[hidden]"
    assert "CANARY" not in stream.getvalue()


@pytest.mark.parametrize(
    "said",
    [f"Bearer {SECRET}", f"https://x.example/?token={SECRET}&a=1", f"https://x.example/?api_key={SECRET}",
     f"postgresql://warmline:{SECRET}@localhost/db", f"password={SECRET}"],
)  # fmt: skip
def test_a_secret_inside_of_a_text_is_hidden(stream: io.StringIO, said: str) -> None:
    structlog.get_logger().warning("source failed", fault=said, seen=[said], more={"url": (said,)})

    assert SECRET not in stream.getvalue()


def test_of_an_error_only_its_kind_and_its_place_are_told(stream: io.StringIO) -> None:
    log = structlog.get_logger()
    try:
        raise ValueError(WORDS)
    except ValueError as error:
        log.exception("poll broke", source="town")
        log.exception("work broke", exc_info=error)

    first, second = lines(stream)
    assert (first["event"], first["error"], first["source"]) == ("poll broke", "ValueError", "town")
    assert first["at"].partition(":")[0].endswith("test_logs")
    assert second["error"] == "ValueError"
    assert "CANARY" not in stream.getvalue()


def test_the_errors_of_libraries_are_told_in_the_same_way(stream: io.StringIO) -> None:
    try:
        raise ValueError(WORDS)
    except ValueError:
        logging.getLogger("aiohttp.server").exception("Error handling request")

    (line,) = lines(stream)
    assert (line["event"], line["error"]) == ("Error handling request", "ValueError")
    assert "CANARY" not in stream.getvalue()


async def test_a_task_that_nobody_waited_for_does_not_tell_what_it_held(stream: io.StringIO) -> None:
    async def fail() -> None:
        raise ValueError(WORDS)

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    context = {"message": "Task exception was never retrieved", "exception": task.exception(), "future": task}
    asyncio.get_running_loop().default_exception_handler(context)

    (line,) = lines(stream)
    assert (line["event"], line["error"]) == ("Task exception was never retrieved", "ValueError")
    assert "CANARY" not in stream.getvalue()


def test_what_libraries_say_while_debugging_is_not_kept(stream: io.StringIO) -> None:
    for library in ("tweepy.client", "prawcore", "requests_oauthlib", "aiohttp.client", "urllib3"):
        logging.getLogger(library).debug("Headers: %s", {"Authorization": SECRET})

    assert lines(stream) == []


def test_each_event_is_one_line_however_it_is_written(stream: io.StringIO) -> None:
    structlog.get_logger().info("something\nhappened", source="two\nlines", fault="three\r\n lines")

    (line,) = lines(stream)
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize(("level", "heard"), [("debug", 3), ("info", 2), ("warning", 1), ("error", 0)])
def test_only_what_is_grave_enough_is_told(level: str, heard: int) -> None:
    stream = io.StringIO()
    start_logging(level, stream)
    log = logging.getLogger("listener.poll")

    for say in (log.debug, log.info, log.warning):
        say("something happened")

    assert len(lines(stream)) == heard
    start_logging("warning", io.StringIO())
    structlog.reset_defaults()


@given(
    st.recursive(
        st.text(max_size=5).map(lambda noise: f"{noise} Bearer {SECRET}"),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_no_depth_hides_a_secret_from_the_redaction(value: Any) -> None:
    assert SECRET not in repr(hide(None, "info", {"event": "something happened", "seen": value}))
