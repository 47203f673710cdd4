"""The inbox as people use it: a phone, a keyboard, two browsers at once; in Chromium."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, async_playwright, expect

from storage.states import Action, DraftState
from tests.conftest import skip_or_fail
from tests.responders.inbox.conftest import House
from tests.responders.inbox.household import COMPLAINT
from tests.responders.inbox.test_other_pages import compose, promise

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A browser of our own."""
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not os.access(path, os.X_OK):
        skip_or_fail("there is no Chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        await browser.close()


async def visit(chromium: Browser, house: House, person: str, path: str = "/", **options: Any) -> Page:
    """A browser window in which `person` has signed in and opened `path`; whatever breaks in it fails the test."""
    context = await chromium.new_context(**options)
    page = await context.new_page()
    page.set_default_timeout(30_000)
    page.on("pageerror", lambda error: pytest.fail(f"a script broke: {error}"))
    await page.goto(house.address + await house.link(person))
    await page.get_by_role("button", name="Open the inbox").click()
    await page.wait_for_url(house.address + "/")
    if path != "/":
        await page.goto(house.address + path)
    return page


async def test_a_complaint_is_read_and_approved_on_a_phone(house: House, chromium: Browser) -> None:
    heard = await house.household.hear("I found a hair in her cake", COMPLAINT)
    draft = await house.household.draft("I am sorry, Ana. — Mia", mention=heard)
    page = await visit(chromium, house, "Mia", **PHONE)

    await page.get_by_role("link", name="Open: Ana, Google").tap()
    button = page.get_by_role("button", name="Approve and post as Crumb & Co., Main Street")
    box = await button.bounding_box()
    await button.tap()

    await expect(page.get_by_text("it is posted as Crumb & Co., Main Street in")).to_be_visible()
    assert box is not None
    assert box["height"] >= 44
    assert box["y"] + box["height"] <= 844
    assert (await house.household.standing(draft)).state is DraftState.APPROVED


async def test_an_edit_is_checked_while_it_is_typed(house: House, chromium: Browser) -> None:
    draft = await house.household.draft()
    page = await visit(chromium, house, "Mia", f"/drafts/{draft}")
    text = page.get_by_label("The reply")

    await text.fill("Here is a refund. — Mia")
    await expect(page.get_by_text("Only an owner may offer a refund.")).to_be_visible()
    await text.fill("Thank you so much! — Mia")
    await expect(page.get_by_text("Only an owner may offer a refund.")).not_to_be_visible()
    await expect(page.get_by_text("24 of 300 characters")).to_be_visible()
    await page.get_by_role("button", name="Save and approve").click()

    await expect(page.get_by_role("button", name="Undo")).to_be_visible()
    standing = await house.household.standing(draft)
    assert (standing.state, standing.text) == (DraftState.APPROVED, "Thank you so much! — Mia")


async def test_words_typed_before_the_script_has_arrived_count_as_an_edit(house: House, chromium: Browser) -> None:
    draft = await house.household.draft()
    page = await visit(chromium, house, "Mia")
    is_typed = asyncio.Event()

    async def arrive_late(route: Route) -> None:
        await is_typed.wait()
        await route.continue_()

    await page.route("**/inbox.js*", arrive_late)
    await page.goto(f"{house.address}/drafts/{draft}", wait_until="commit")
    await page.get_by_label("The reply").fill("My own careful words. — Mia")
    is_typed.set()

    await expect(page.get_by_role("button", name="Save and approve")).to_be_visible()
    await expect(page.get_by_label("The reply")).to_have_value("My own careful words. — Mia")


async def test_a_page_shows_what_another_person_decides_without_a_reload(house: House, chromium: Browser) -> None:
    first, second = await house.household.draft(), await house.household.draft()
    page = await visit(chromium, house, "Mia")
    await page.evaluate("window.isTheSamePage = true")
    await page.locator(f"#draft-{second}").focus()

    await house.household.decide(first, Action.APPROVE, "Jo")

    await expect(page.locator("section.on-its-way").get_by_text("Approved by Jo")).to_be_visible()
    assert await page.evaluate("window.isTheSamePage") is True
    assert await page.evaluate("document.activeElement.id") == f"draft-{second}"


async def test_words_are_kept_when_somebody_else_changes_the_text(house: House, chromium: Browser) -> None:
    draft = await house.household.draft()
    page = await visit(chromium, house, "Mia", f"/drafts/{draft}")
    text = page.locator("#text")
    await text.fill("My own careful words. — Mia")

    await house.household.decide(draft, Action.EDIT, "Jo", text="Dear Ana. — Jo")

    await expect(page.get_by_text("This changed while you were writing.")).to_be_visible()
    await expect(text).to_have_value("My own careful words. — Mia")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("The text has changed since you read it.")).to_be_visible()
    await expect(page.get_by_label("Your words")).to_have_value("My own careful words. — Mia")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.locator("#text")).to_have_value("My own careful words. — Mia")
    assert (await house.household.standing(draft)).revision == 3


async def test_typed_words_survive_a_reload(house: House, chromium: Browser) -> None:
    draft = await house.household.draft()
    page = await visit(chromium, house, "Mia", f"/drafts/{draft}")
    await page.locator("#text").fill("My own careful words. — Mia")

    await page.goto(house.address + "/sources")
    await page.goto(house.address + f"/drafts/{draft}")

    await expect(page.locator("#text")).to_have_value("My own careful words. — Mia")


async def test_a_removed_person_loses_the_page_at_once(house: House, chromium: Browser) -> None:
    await house.household.draft()
    page = await visit(chromium, house, "Mia")
    async with page.expect_request("**/events"):
        await page.reload()

    house.household.businesses.pop("crumb")
    await house.household.draft(business="petal")

    await page.wait_for_url("**/sign-in")


async def test_a_whole_sweep_needs_no_mouse(house: House, chromium: Browser) -> None:
    worst = await house.household.draft(mention=await house.household.hear("A hair in her cake", COMPLAINT))
    nice, other = await house.household.draft(), await house.household.draft()
    page = await visit(chromium, house, "Mia")
    keys = page.keyboard

    await keys.press("j")
    await keys.press("Enter")
    await page.wait_for_url(f"**/drafts/{worst}")
    await keys.press("e")
    await keys.type(" Sorry again.")
    await keys.press("Escape")
    await keys.press("a")
    await expect(page.get_by_text("Approved by Mia")).to_be_visible()
    await keys.press("u")
    await expect(page.locator("#text")).to_have_value("Thank you, Ana! — Mia Sorry again.")
    await keys.press("r")
    await keys.type("We call her")
    await keys.press("Enter")
    await expect(page.get_by_text("This reply is turned down.")).to_be_visible()
    await page.goto(house.address + "/")
    await keys.press("j")
    await keys.press("a")
    await expect(page.locator("section.on-its-way article")).to_have_count(1)
    await keys.press("j")
    await keys.press("s")
    await page.wait_for_url(f"**/drafts/{other}#later")
    await keys.press("Enter")
    await expect(page.get_by_text("Put off until today")).to_be_visible()

    states = [(await house.household.standing(each)).state for each in (worst, nice, other)]
    assert states == [DraftState.REJECTED, DraftState.APPROVED, DraftState.PENDING]


async def test_single_keys_can_be_switched_off(house: House, chromium: Browser) -> None:
    draft = await house.household.draft()
    page = await visit(chromium, house, "Mia")

    await page.keyboard.press("?")
    await page.get_by_label("Single keys work").uncheck()
    await page.get_by_role("button", name="Close").click()
    await page.locator(f"#draft-{draft}").focus()
    await page.keyboard.press("a")
    await page.keyboard.press("?")

    await expect(page.get_by_role("dialog")).not_to_be_visible()
    assert (await house.household.standing(draft)).state is DraftState.PENDING


async def test_keys_are_only_letters_while_somebody_types(house: House, chromium: Browser) -> None:
    draft = await house.household.draft()
    page = await visit(chromium, house, "Mia", f"/drafts/{draft}")

    await page.locator("#text").fill("")
    await page.locator("#text").press_sequentially("jar")

    await expect(page.locator("#text")).to_have_value("jar")
    assert (await house.household.standing(draft)).state is DraftState.PENDING


async def test_a_double_tap_is_one_decision(house: House, chromium: Browser) -> None:
    draft = await house.household.draft()
    page = await visit(chromium, house, "Mia")

    await page.get_by_role("button", name="Approve and post").dblclick()

    await expect(page.locator("[data-live=about]").get_by_text("Approved by Mia")).to_be_visible()
    assert (await house.household.standing(draft)).state is DraftState.APPROVED


async def test_no_markup_of_a_customer_becomes_markup(house: House, chromium: Browser) -> None:
    hostile = "</textarea><script>document.title='taken'</script><img src=/static/x onerror=\"document.title='taken'\">"
    author = {"external_id": "h", "handle": hostile, "name": hostile, "url": "javascript:document.title='taken'"}
    heard = await house.household.hear(hostile, author=author, title=hostile, place=hostile)
    draft = await house.household.draft(hostile, mention=heard)

    page = await visit(chromium, house, "Jo")
    for path in ("/", f"/drafts/{draft}", "/mentions", f"/mentions/{heard}", "/authors/1", "/praise"):
        await page.goto(house.address + path)
        await expect(page.locator(".post").first).to_contain_text("<script>document.title='taken'</script>")
        assert "taken" not in (await page.title()).replace("='taken'", "")
        assert await page.locator("main img, main script").count() == 0


async def test_a_page_asks_only_our_own_server(house: House, chromium: Browser) -> None:
    draft = await house.household.draft()
    asked: list[str] = []
    page = await visit(chromium, house, "Mia")
    page.on("request", lambda request: asked.append(request.url))

    await page.goto(house.address + f"/drafts/{draft}")

    assert asked
    assert all(url.startswith(house.address) for url in asked)


async def test_everything_works_without_javascript(house: House, chromium: Browser) -> None:
    draft = await house.household.draft()
    page = await visit(chromium, house, "Mia", f"/drafts/{draft}", java_script_enabled=False)

    await page.get_by_label("The reply").fill("Thank you so much! — Mia")
    await page.get_by_role("button", name="Approve and post").click()
    await page.get_by_role("button", name="Undo").click()

    standing = await house.household.standing(draft)
    assert (standing.state, standing.text) == (DraftState.PENDING, "Thank you so much! — Mia")


async def test_the_text_to_post_by_hand_is_copied(house: House, chromium: Browser) -> None:
    heard = await house.household.hear("When do you close?", route="handoff")
    draft = await house.household.draft("We close at six. — Mia", mention=heard)
    await house.household.decide(draft, Action.APPROVE)
    await house.household.put(draft, DraftState.HANDED_OFF)
    page = await visit(chromium, house, "Mia", f"/drafts/{draft}", permissions=["clipboard-read", "clipboard-write"])

    await page.get_by_role("button", name="Copy the text").click()

    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == "We close at six. — Mia"


async def test_a_review_is_pasted_on_a_phone(house: House, chromium: Browser) -> None:
    known = "https://www.yelp.com/biz/crumb"
    await house.household.hear("Cold knots!", url=known)
    page = await visit(chromium, house, "Mia", "/mentions", **PHONE)

    await page.get_by_role("link", name="Paste a review").tap()
    await page.get_by_label("Link to it").fill(known)
    await page.get_by_label("What was written").fill("The queue was long.")
    await page.get_by_label("Stars").select_option("2 of 5")
    button = page.get_by_role("button", name="Paste it")
    box = await button.bounding_box()
    await page.get_by_label("Link to it").press("Enter")
    await expect(page.get_by_text("Something from this page is here already.")).to_be_visible()
    await expect(page.get_by_label("Stars")).to_have_value("2")
    await page.get_by_role("button", name="This is another one").tap()

    await page.wait_for_url("**/mentions/2")
    await expect(page.get_by_text("The queue was long.")).to_be_visible()
    assert box is not None
    assert box["height"] >= 44
    assert box["y"] + box["height"] <= 844


async def fill(house: House) -> list[str]:
    """Something on every page, and the addresses of all pages."""
    household = house.household
    heard = await household.hear("I found a hair in her cake", COMPLAINT, title="Oh no", matched=[[0, 7]])
    drafts = [await household.draft("A refund. — Mia", mention=heard), await household.draft()]
    for state in (DraftState.HANDED_OFF, DraftState.UNCONFIRMED, DraftState.FAILED, DraftState.VISIBLE):
        drafts.append(await household.draft())
        await household.decide(drafts[-1], Action.APPROVE)
        await household.put(drafts[-1], state, note="A word about it.")
    drafts += [await household.draft(needs="Say when."), await household.draft(state=DraftState.ESCALATED)]
    await compose(house)
    await promise(house)
    return [
        "/", *(f"/drafts/{draft}" for draft in drafts), "/praise", "/mentions", "/mentions/1", "/search?q=buns",
        "/authors/1", "/authors/1/erase", "/erased?mentions=1", "/paste", "/sources", "/promises", "/digests", "/digests/2026/22",
        "/nowhere",
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", ["phone", "desk"])
async def test_nothing_stands_in_anybodys_way(house: House, chromium: Browser, scheme: str, window: str) -> None:
    from axe_playwright_python.async_playwright import Axe

    paths = await fill(house)
    page = await visit(chromium, house, "Jo", color_scheme=scheme, **(PHONE if window == "phone" else {}))
    faults: list[str] = []

    for path in [*paths, "/sign-in", await house.link("Mia")]:
        if path == "/sign-in":
            await page.context.clear_cookies()
        await page.goto(house.address + path)
        results = await Axe().run(
            page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}
        )
        faults += [f"{path}: {each['id']} at {each['nodes'][0]['target']}" for each in results.response["violations"]]
        width = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        faults += [f"{path} is wider than the window"] if width > 0 else []

    assert faults == []
