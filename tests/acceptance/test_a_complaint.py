"""A complaint, end to end: Alice posts on Mastodon, Mia edits and approves on her phone, Alice reads the answer."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.acceptance.browser import chromium, sign_in
from tests.acceptance.faulty_proxy import FaultyProxy
from tests.acceptance.house import House
from tests.acceptance.test_exactly_once import replies


def test_mia_answers_alice_in_her_own_words(house: House, alice: Any, proxy: FaultyProxy) -> None:
    post = alice.status_post("@bakery My mum found a hair in her cake. 2 stars at best.")
    house.ask("poll")
    draft = house.draft()
    assert draft["severity"] == "high"

    with chromium() as browser:
        page = sign_in(browser, house.ask("sign in", person="Mia"))
        expect(page.get_by_text("found a hair in").first).to_be_visible()  # the words that caused it
        page.get_by_role("link", name="Open:").first.click()
        text = page.get_by_label("The reply")
        text.fill("@alice We are sorry for any inconvenience. – Mia")
        expect(page.get_by_text("characters").first).to_be_visible()
        page.get_by_role("button", name="Save and approve").click()
        expect(page.get_by_text("It waits").first).to_be_visible()  # a non-apology is stopped before approval
        page.get_by_label("The reply").fill(
            "@alice A hair in your mum's cake should never happen, and I'm sorry. I'll look into it today. – Mia"
        )
        page.get_by_role("button", name="Save and approve").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        # The page follows by itself, without a reload.
        expect(page.get_by_text("See our reply").first).to_be_visible(timeout=20_000)

    (reply,) = replies(alice, post)
    assert "hair in your mum" in reply.content
    assert "inconvenience" not in reply.content
    assert proxy.replies == 1
    assert house.ask("audit")["faults"] == []


def test_of_two_people_who_approve_at_once_one_decides_and_the_other_is_told_who(
    house: House, alice: Any, proxy: FaultyProxy
) -> None:
    post = alice.status_post("@bakery I waited 40 minutes for a cinnamon bun.")
    house.ask("poll")
    draft = house.draft()
    words = "@alice 40 minutes for a cinnamon bun – I'm sorry. I'll look into it today. – Mia"
    draft = house.decide("edit", draft["id"], text=words)

    with chromium() as browser:
        mia = sign_in(browser, house.ask("sign in", person="Mia"))
        jo = sign_in(browser, house.ask("sign in", person="Jo"))
        jo.route("**/events", lambda route: route.abort())  # her page does not hear of it in time
        for page in (mia, jo):
            page.goto(f"{house.address}/drafts/{draft['id'].partition('.')[0]}")
        mia.get_by_role("button", name="Approve and post").click()
        expect(mia.get_by_role("button", name="Undo")).to_be_visible()
        jo.get_by_role("button", name="Approve and post").click()
        expect(jo.get_by_text("Mia chose “approve”").first).to_be_visible()

    house.until(lambda: house.state(draft["id"]) == "visible" or house.move_on(15), "it is visible")
    assert len(replies(alice, post)) == 1
