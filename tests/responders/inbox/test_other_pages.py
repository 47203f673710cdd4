"""Search, mentions, authors, sources, digests and promises."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import aiohttp
from aiohttp.test_utils import TestServer

from connectors.base import Traits
from responders.inbox.app import make_app
from responders.inbox.listening import TRAITS
from storage import Digest, Store, digests, promises, sources
from storage.states import Action, PromiseState, SourceState
from tests.responders.inbox.conftest import House, Visitor, open_house, said
from tests.responders.inbox.household import Household, bakery


async def compose(house: House) -> None:
    html = "<html><head><title>Week</title></head><body><script>alert(1)</script><p>62 mentions</p></body></html>"
    async with house.household.store.work() as session:
        digest = Digest(
            business_id="crumb", year=2026, week=22, composed_at=house.household.now, html=html, plain="", figures={}
        )
        await digests.keep(session, digest)


async def promise(house: House, business: str = "crumb") -> int:
    draft = await house.household.draft(business=business)
    row = {
        "business_id": business, "draft_id": draft, "what": "call back", "person": "Mia",
        "due_at": house.household.now - timedelta(hours=1), "state": PromiseState.OPEN,
    }  # fmt: skip
    async with house.household.store.work() as session:
        await promises.add(session, [row])
        return next(each.id or 0 for each, _ in await promises.listing(session, business))


async def test_search_finds_words_and_says_so_where_there_are_none(house: House, mia: Visitor) -> None:
    await house.household.hear("The cardamom knots are soft")
    await house.household.hear("The rye is dark")

    found, nothing, empty = [(await mia.get(f"/search?q={words}"))[1] for words in ("cardamom kn", "tuba", "")]

    assert "The cardamom knots" in found
    assert "The rye" not in found
    assert "Nothing holds all of these words." in nothing
    assert "Type a few words above" in empty


async def test_mentions_are_leafed_through_without_a_gap(house: House, mia: Visitor) -> None:
    for number in range(65):
        await house.household.hear(f"mention number {number:02}")
    seen, path = list[str](), "/mentions"

    while path:
        _, page = await mia.get(path)
        seen += re.findall(r"mention number (\d\d)", page)
        older = re.search(r'href="(/mentions\?before=\d+)"', page)
        path = older[1] if older else ""

    assert seen == [f"{number:02}" for number in reversed(range(65))]


async def test_an_authors_page_holds_everything_that_is_kept(house: House, jo: Visitor) -> None:
    await house.household.draft(mention=await house.household.hear("I love the buns"))

    _, page = await jo.get("/authors/1")

    assert all(kept in page for kept in ("@ana", "I love the buns", "Thank you, Ana!", "https://town.example/@ana"))


async def test_only_an_owner_erases_and_only_after_a_question(house: House, mia: Visitor, jo: Visitor) -> None:
    await house.household.hear("I love the buns")
    await mia.get("/")

    asked_by_mia, sent_by_mia = await mia.get("/authors/1/erase"), await mia.post("/authors/1/erase")
    _, question = await jo.get("/authors/1/erase")
    before = list(house.erased)
    _, done = await jo.post("/authors/1/erase")

    assert (asked_by_mia[0], sent_by_mia[0], before) == (403, 403, [])
    assert "This cannot be undone." in question
    assert "It is erased" in done
    assert house.erased == [("crumb", 1, "Jo")]


async def test_sources_are_described_in_words(house: House, mia: Visitor) -> None:
    household = house.household
    source = household.sources["crumb"].id or 0
    async with household.store.work() as session:
        await sources.failed(session, source, SourceState.DENIED, "Renew the key.", None, household.now)
        await sources.spend(session, source, household.now.date(), calls=412, micros=3_200_000, currency="USD")
        await sources.keep_sample(session, source, "x", "The time is missing.", "<b>raw</b>", household.now)

    _, page = await mia.get("/sources")

    assert "Refused us; paused until you act" in page
    assert "Renew the key." in page
    assert "412 calls, 3.20 USD" in page
    assert "&lt;b&gt;raw&lt;/b&gt;" in page


async def test_a_source_says_what_is_left_of_its_budget_and_until_when_it_rests(house: House, mia: Visitor) -> None:
    household = house.household
    source, tomorrow = household.sources["crumb"].id or 0, household.now.replace(hour=0, minute=0) + timedelta(days=1)
    budgeted = bakery(sources=[{"name": "reviews", "type": "google", "budget": 10}])
    household.businesses["crumb"] = budgeted
    async with household.store.work() as session:
        await sources.spend(session, source, household.now.date(), calls=2, micros=3_200_000, currency="USD")
        await sources.rest(session, source, "The month so far has used its share.", tomorrow, household.now)

    _, page = await mia.get("/sources")

    assert "Resting until tomorrow 02:00" in said(page)
    assert "this month 2 calls, 3.20 USD · left of the budget 6.80 of 10.00 USD" in said(page)


async def test_a_source_says_what_its_platform_asks_for(household: Household) -> None:
    traits = Traits("town", retention=timedelta(days=30), disclosure="Carry the label Automated.")
    app = make_app(household.desk, household.store, lambda: household.settings, lambda: household.now, lambda: None)
    app[TRAITS] = lambda: {household.sources["crumb"].id or 0: traits}
    jar = aiohttp.CookieJar(unsafe=True)
    async with TestServer(app) as server, aiohttp.ClientSession(cookie_jar=jar) as session:
        jo = await Visitor(House(household, server, None, []), session).sign_in("Jo")

        _, page = await jo.get("/sources")

    assert (
        "Posts are kept for 30 days at most. Carry the label Automated. Your drafts do not say that software helped."
    ) in said(page)


async def test_a_source_can_be_asked_again_at_once(house: House, mia: Visitor) -> None:
    household = house.household
    source = household.sources["crumb"].id or 0
    async with household.store.work() as session:
        await sources.failed(session, source, SourceState.DENIED, "Renew the key.", None, household.now)
    await mia.get("/sources")

    await mia.post(f"/sources/{source}/ask-again")

    async with household.store.read() as session:
        [asked] = await sources.listing(session, "crumb")
    assert (asked.state, asked.next_at) == (SourceState.ON, None)


async def test_a_digest_stands_in_a_frame_that_nothing_can_leave(house: House, jo: Visitor) -> None:
    await compose(house)

    _, page = await jo.get("/digests/2026/22")
    mail = await jo.session.get(house.address + "/digests/2026/22/mail")

    assert '<iframe class="mail" sandbox="allow-popups allow-popups-to-escape-sandbox" ' in page
    policy = mail.headers["Content-Security-Policy"]
    assert (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox allow-" in policy
    )
    assert "62 mentions" in await mail.text()


async def test_digests_are_for_owners(house: House, mia: Visitor) -> None:
    await compose(house)

    answers = [await mia.get(path) for path in ("/digests", "/digests/2026/22", "/digests/2026/22/mail")]

    assert [status for status, _ in answers] == [403] * 3
    assert "for owners" in answers[0][1]


async def test_a_promise_is_kept_or_broken_once(house: House, mia: Visitor) -> None:
    number = await promise(house)
    _, page = await mia.get("/promises")

    _, kept = await mia.post(f"/promises/{number}/close", {"kept": "yes"})
    again, _ = await mia.post(f"/promises/{number}/close", {"kept": "no"})

    assert "1 h late" in page
    assert "call back: kept today 11:20" in said(kept)
    assert again == 409


async def test_another_business_promise_is_not_there(house: House, mia: Visitor) -> None:
    number = await promise(house, "petal")
    await mia.get("/")

    assert (await mia.post(f"/promises/{number}/close", {"kept": "yes"}))[0] == 404


async def test_open_pages_hear_of_changes_and_of_being_signed_out(house: House, mia: Visitor) -> None:
    async with mia.session.get(house.address + "/events") as stream:
        await stream.content.readuntil(b"\n\n")
        await house.household.draft()
        first = await stream.content.readuntil(b"\n\n")
        house.household.businesses.pop("crumb")
        await house.household.draft(business="petal")
        async with asyncio.timeout(5):
            rest = await stream.content.read()

    assert first == b"event: changed\ndata:\n\n"
    assert rest.endswith(b"event: signed-out\ndata:\n\n")


async def test_the_daemon_stops_at_once_although_pages_are_open(house: House, mia: Visitor) -> None:
    stream = await mia.session.get(house.address + "/events")
    await stream.content.readuntil(b"\n\n")

    async with asyncio.timeout(5):
        await house.server.close()

    assert stream.status == 200


async def test_every_page_stands_on_both_databases(store: Store) -> None:
    household = Household(store)
    await household.move_in()
    draft = await household.draft()
    await household.decide(draft, Action.APPROVE)
    asleep = await household.draft()
    await household.decide(asleep, Action.SNOOZE, until=household.now + timedelta(hours=1))
    paths = [
        "/", f"/?about={draft}", f"/drafts/{draft}", f"/drafts/{asleep}", "/drafts/999999999", "/praise", "/mentions",
        "/mentions?before=2", "/mentions?before=999999999", "/mentions/1", "/search?q=buns", "/search?q=%00", "/authors/1",
        "/sources", "/promises", "/digests",
    ]  # fmt: skip

    async with (
        open_house(household) as house,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
    ):
        jo = await Visitor(house, session).sign_in("Jo")
        answers = {path: (await jo.get(path))[0] for path in paths}

    assert {path for path, status in answers.items() if status != 200} == {"/drafts/999999999"}
