"""Makes the README's picture: plays the demo, signs in, and photographs the inbox on a desk and on a phone.

Run it from the project's folder with `.venv/bin/python -m tools.picture`.
"""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "inbox.png"
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

FRAME = """
<body style="margin:0;background:#e9e2d6;width:1280px;height:760px;position:relative">
<img src="{desk}" style="position:absolute;left:40px;top:40px;width:960px;border-radius:10px;
  box-shadow:0 12px 40px #0004">
<img src="{phone}" style="position:absolute;right:50px;top:76px;width:300px;border-radius:26px;
  border:8px solid #2b2724;box-shadow:0 12px 40px #0006">
"""


def main() -> None:
    """Plays the demo and writes the picture."""
    with tempfile.TemporaryFile("w+") as said:
        demo = subprocess.Popen(
            [Path(sys.executable).with_name("warmline"), "demo"], stdout=said, stderr=subprocess.DEVNULL
        )
        try:
            link = _link(said, demo)
            with sync_playwright() as library:
                browser = library.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                _photograph(browser, link)
        finally:
            demo.terminate()
            demo.wait(20)


def _link(said: object, demo: subprocess.Popen[bytes]) -> str:
    """Mia's link, once the week is over."""
    for _ in range(600):
        time.sleep(0.2)
        said.seek(0)  # type: ignore[attr-defined]
        found = re.search(r"as Mia .*?(http://\S+)", said.read())  # type: ignore[attr-defined]
        if found:
            return found[1]
        if demo.poll() is not None:
            break
    sys.exit("The demo did not start.")


def _photograph(browser: Browser, link: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, device_scale_factor=1.5)
    page = context.new_page()
    page.goto(link)
    page.click("main button")
    page.wait_for_load_state("load")
    desk = page.screenshot()
    page.set_viewport_size({"width": 390, "height": 800})
    page.click("a[href*='/drafts/'] >> nth=0")
    page.wait_for_load_state("load")
    phone = page.screenshot()
    frame = browser.new_context(viewport={"width": 1280, "height": 760}).new_page()
    images = {
        name: f"data:image/png;base64,{base64.b64encode(shot).decode()}"
        for name, shot in (("desk", desk), ("phone", phone))
    }
    frame.set_content(FRAME.format(**images))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    frame.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
