"""What keeps strangers, other sites and other businesses out."""

from __future__ import annotations

import re

import pytest

from storage.states import DraftState
from tests.responders.inbox.conftest import House, Visitor

PAGES = [
    "/", "/praise", "/drafts/{draft}", "/search?q=buns", "/mentions", "/mentions/1", "/authors/1", "/authors/1/erase",
    "/erased?mentions=2", "/paste", "/sources", "/promises", "/digests", "/sign-in", "/nowhere", "/static/inbox.js",
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
async def test_every_answer_carries_the_headers(house: House, jo: Visitor, page: str) -> None:
    draft = await house.household.draft()

    answer = await jo.session.get(house.address + page.format(draft=draft))

    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_no_page_shows_anything_to_a_stranger(house: House, stranger: Visitor) -> None:
    filled = {"id": "1", "year": "2026", "week": "22"}
    shown = []
    for route in house.server.app.router.routes():
        path = re.sub(
            r"{(\w+)[^}]*(?:{[^}]*}[^}]*)*}", lambda name: filled.get(name[1], name[1]), route.resource.canonical
        )
        if path.startswith(("/static", "/sign-in")):
            continue
        sent = {"headers": {"Origin": house.address}, "data": {"text": "x"}} if route.method == "POST" else {}
        answer = await stranger.session.request(route.method, house.address + path, allow_redirects=False, **sent)
        door = answer.headers.get("Location", "").partition("?")[0]
        if (answer.status, door) not in ((303, "/sign-in"), (401, "")):
            shown.append((route.method, path, answer.status))

    assert shown == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
    ids=["foreign", "null", "cross-site", "same-site", "silent"],
)
async def test_a_form_from_another_site_does_nothing(house: House, mia: Visitor, headers: dict[str, str]) -> None:
    draft = await house.household.draft()
    form = {"token": mia.token, "revision": "1", "action": "approve"}

    answer = await mia.session.post(f"{house.address}/drafts/{draft}/decide", data=form, headers=headers)

    assert answer.status == 403
    assert (await house.household.standing(draft)).state is DraftState.PENDING


async def test_a_form_of_ours_passes_where_only_fetch_metadata_tells(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()
    form = {"token": mia.token, "revision": "1", "action": "approve"}

    await mia.session.post(
        f"{house.address}/drafts/{draft}/decide", data=form, headers={"Sec-Fetch-Site": "same-origin"}
    )

    assert (await house.household.standing(draft)).state is DraftState.APPROVED


@pytest.mark.parametrize("token", ["", "guessed", "ü"])
async def test_a_form_without_its_sessions_token_does_nothing(house: House, mia: Visitor, token: str) -> None:
    draft = await house.household.draft()

    status, _ = await mia.post(f"/drafts/{draft}/decide", {"revision": "1", "action": "approve"}, token=token)

    assert status == 403
    assert (await house.household.standing(draft)).state is DraftState.PENDING


async def test_the_token_of_another_session_does_not_count(house: House, mia: Visitor, jo: Visitor) -> None:
    draft = await house.household.draft()
    await mia.get("/")
    await jo.get("/")

    status, _ = await mia.post(f"/drafts/{draft}/decide", {"revision": "1", "action": "approve"}, token=jo.token)

    assert status == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[", "inbox.crumb.example"])
async def test_another_name_for_our_address_shows_nothing(house: House, mia: Visitor, host: str) -> None:
    answer = await mia.session.get(house.address + "/sign-in", headers={"Host": host})

    assert answer.status == 421


@pytest.mark.parametrize("host", ["localhost:8750", "127.0.0.1", "[::1]:8750", "inbox.crumb.example"])
async def test_our_own_names_are_answered(house: House, mia: Visitor, host: str) -> None:
    house.household.address = "http://inbox.crumb.example"

    answer = await mia.session.get(house.address + "/sign-in", headers={"Host": host})

    assert answer.status == 200


async def test_what_is_no_form_of_ours_is_refused_in_words(house: House, mia: Visitor) -> None:
    address, origin = house.address + "/promises/1/close", {"Origin": house.address}

    wrong_type = await mia.session.post(address, json={"kept": "yes"}, headers=origin)
    no_text = await mia.session.post(
        address, data=b"\xff\xfe", headers=origin | {"Content-Type": "application/x-www-form-urlencoded"}
    )
    too_long = await mia.session.post(address, data={"text": "x" * 600_000}, headers=origin)

    assert [wrong_type.status, no_text.status, too_long.status] == [415, 400, 413]
    assert "far too long" in await too_long.text()


async def test_another_business_is_not_there(house: House, mia: Visitor) -> None:
    household = house.household
    theirs = await household.draft(business="petal")
    heard = await household.hear("Secret roses", business="petal")

    read = [f"/drafts/{theirs}", f"/mentions/{heard}", "/authors/1"]
    sent = [
        f"/drafts/{theirs}/decide", f"/drafts/{theirs}/check", f"/mentions/{heard}/not-us", f"/mentions/{heard}/correct", "/authors/1/erase",
        f"/sources/{household.sources['petal'].id}/ask-again", "/promises/1/close",
    ]  # fmt: skip
    form = {"revision": "1", "action": "approve", "text": "x"}
    answers = [(await mia.get(path))[0] for path in read] + [(await mia.post(path, form))[0] for path in sent]
    lists = [(await mia.get(path))[1] for path in ("/", "/mentions", "/search?q=roses", "/praise")]

    assert set(answers) <= {403, 404}
    assert answers[:5] == [404] * 5
    assert all("Secret roses" not in page and "buns" not in page for page in lists)
    assert (await household.standing(theirs)).state is DraftState.PENDING


async def test_two_people_of_two_businesses_each_see_their_own(house: House, mia: Visitor, stranger: Visitor) -> None:
    await house.household.hear("Roses for the shop", business="petal")

    flo = await stranger.sign_in("Flo", "petal")

    assert "Roses for the shop" in (await flo.get("/mentions"))[1]
    assert "Roses for the shop" not in (await mia.get("/mentions"))[1]


@pytest.mark.parametrize(
    "path",
    [
        "/drafts/0",
        "/drafts/999999999",
        "/drafts/9999999999",
        "/drafts/x",
        "/drafts/-1",
        "/drafts/١",
        "/digests/2026/99",
    ],
)
async def test_what_does_not_exist_is_said_kindly(house: House, jo: Visitor, path: str) -> None:
    status, page = await jo.get(path)

    assert (status, "There is no such page here" in page) == (404, True)


async def test_markup_in_a_mention_is_only_text(house: House, mia: Visitor) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    author = {"external_id": "h", "handle": hostile, "name": hostile, "url": "javascript:alert(1)"}
    heard = await house.household.hear(hostile, author=author, title=hostile, url="javascript:alert(1)", place=hostile)
    draft = await house.household.draft(hostile, mention=heard)

    pages = [(await mia.get(path))[1] for path in ("/", f"/drafts/{draft}", "/mentions", "/authors/1", "/praise")]

    assert all("<script>alert" not in page and "<img src=x" not in page for page in pages)
    assert all("javascript:" not in page for page in pages)


async def test_links_that_leave_us_tell_the_other_side_nothing(house: House, mia: Visitor) -> None:
    draft = await house.household.draft()

    _, page = await mia.get(f"/drafts/{draft}")

    assert 'href="https://reviews.example/1" rel="noopener noreferrer nofollow"' in page
