"""The ten-minute sweep: a week of a small town, worst first; praise together, the rest one by one, some by hand."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.browser import chromium, sign_in
from tests.servers import free_port

pytestmark = pytest.mark.xdist_group("sweep")  # one demo serves them all, in this order

WARMLINE = Path(sys.executable).with_name("warmline")
SARCASM = "Love it. Another 40 minute wait."


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The demo as its own process, once its week is over: each person's link."""
    said = tmp_path_factory.mktemp("demo") / "said"
    with said.open("wb") as out:
        demo = subprocess.Popen([WARMLINE, "demo", "--port", str(free_port())], stdout=out, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 90
    while "Ctrl-C" not in said.read_text() and time.monotonic() < end:
        assert demo.poll() is None, said.read_text()
        time.sleep(0.2)
    yield dict(re.findall(r"as (\w+) \(\w+\):\s+(http://\S+)", said.read_text()))
    demo.send_signal(signal.SIGINT)
    demo.wait(20)


@pytest.fixture(scope="module")
def mia(town: dict[str, str]) -> Iterator[Page]:
    with chromium() as browser:
        yield sign_in(browser, town["Mia"])


def posted() -> list[dict[str, str]]:
    """The replies that the demo has kept, of the newest demo that runs."""
    folders = sorted(Path(tempfile.gettempdir()).glob("warmline-demo-*"), key=lambda folder: folder.stat().st_mtime)
    file = folders[-1] / "replies.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_the_worst_waits_first_and_then_the_oldest(mia: Page) -> None:
    mia.goto(mia.url.split("/drafts")[0])

    first = mia.locator("article").first.inner_text()

    assert "hair in her cake" in first
    assert "high" in first


def test_praise_is_approved_together_with_every_text_in_sight_and_nothing_doubtful_among_it(mia: Page) -> None:
    mia.get_by_role("link", name=re.compile(r"Read \d+ kind words together")).click()
    cards = mia.locator("article.praise")
    shown = [card.locator("p.draft").inner_text() for card in cards.all()]
    whole = mia.locator("main").inner_text()
    assert len(shown) >= 3
    assert SARCASM not in whole
    assert "<script>" not in whole
    assert len(set(shown)) == len(shown)  # no two thanks are the same

    mia.get_by_role("button", name=re.compile("Approve these")).click()
    expect(mia.get_by_text(re.compile("approved", re.IGNORECASE)).first).to_be_visible()

    end = time.monotonic() + 40
    while len(posted()) < len(shown) - 3 and time.monotonic() < end:
        time.sleep(0.5)
    sent = [reply["text"] for reply in posted()]
    assert sent, "nothing was posted"
    assert set(sent) <= set(shown)
    assert len(sent) == len(set(sent))


def test_what_no_interface_can_post_is_handed_over_and_marked_as_posted(mia: Page) -> None:
    mia.goto(re.match(r"http://[^/]+", mia.url)[0] + "/")  # type: ignore[index]
    links = mia.locator("article", has_text="Approve, to post by hand").get_by_role("link", name=re.compile("Open"))
    links.first.click()
    mia.get_by_role("button", name="Approve, to post by hand").click()

    expect(mia.get_by_role("button", name="Copy the text")).to_be_visible(timeout=25_000)
    text = mia.get_by_label("The reply, as it was approved").input_value()
    mia.get_by_label("Link to your reply").fill("https://news.example/comments/1")
    mia.get_by_role("button", name="I posted it").click()

    expect(mia.get_by_text(re.compile(r"posted", re.IGNORECASE)).first).to_be_visible()
    assert text
    assert text not in [reply["text"] for reply in posted()]  # only a person posts what is handed over
