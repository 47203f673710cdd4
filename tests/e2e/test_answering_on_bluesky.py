"""The whole loop on Bluesky's own servers: one visible reply, whatever the way to them does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.faulty_proxy import Failure, FaultyProxy, running
from tests.acceptance.house import BLUESKY, House
from tests.acceptance.test_exactly_once import settle
from tests.servers import start_server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

REPLY = "/xrpc/com.atproto.repo.putRecord"
WORDS = "40 minutes for a cold cinnamon bun – I'm sorry. I'll look into it today. – Mia"


@pytest.fixture(scope="module")
def network(shared: Path) -> Iterator[dict[str, Any]]:
    with start_server("atproto") as ready:
        yield ready


@pytest.fixture
def proxy(network: dict[str, Any]) -> Iterator[FaultyProxy]:
    with running(FaultyProxy(network["pds"], REPLY)) as proxy:
        yield proxy


@pytest.fixture
def house(proxy: FaultyProxy, network: dict[str, Any], tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, proxy.address, BLUESKY, network["accounts"][0]["password"])
    house.start()
    yield house
    house.stop()


@pytest.fixture
def alice(network: dict[str, Any]) -> Iterator[Any]:
    """A customer at her own client; what she wrote is gone after each test."""
    from atproto import Client

    client = Client(network["pds"])
    client.login("alice.test", network["accounts"][1]["password"])
    yield client
    for address in client.app.bsky.feed.post.list(client.me.did).records:
        client.delete_post(address)
    client.request.close()


def post(alice: Any, network: dict[str, Any], text: str) -> Any:
    from atproto import client_utils

    builder = client_utils.TextBuilder().mention("@bakery.test", network["accounts"][0]["did"]).text(f" {text}")
    return alice.send_post(builder)


def heard(house: House, *, but: str = "") -> dict[str, Any]:
    """The draft for what was heard, once the network shows it."""

    def look() -> Any:
        house.ask("poll")
        return next((draft for draft in house.drafts() if draft["id"] != but), None)

    return dict(house.until(look, "the mention is heard", patience=40))


def approve(house: House) -> str:
    draft = house.decide("edit", heard(house)["id"], text=WORDS)
    house.decide("approve", draft["id"])
    return str(draft["id"])


def replies(alice: Any, network: dict[str, Any], written: Any) -> list[str]:
    own = alice.app.bsky.feed.post.list(network["accounts"][0]["did"])
    return [each.text for each in own.records.values() if each.reply and each.reply.parent.uri == written.uri]


@pytest.mark.parametrize("failure", [None, Failure.LIMITED, Failure.REFUSED, Failure.AFTERWARDS, Failure.DROPPED])
def test_whatever_the_server_answers_one_reply_can_be_seen(
    house: House, alice: Any, network: dict[str, Any], proxy: FaultyProxy, failure: Failure | None
) -> None:
    written = post(alice, network, "I waited 40 minutes for a cinnamon bun, and it was cold.")
    proxy.failures = [failure] if failure else []

    draft = approve(house)

    assert settle(house, draft, "visible") == "visible"
    assert replies(alice, network, written) == [WORDS]


@pytest.mark.parametrize("failure", [Failure.HANGING, Failure.SWALLOWED])
@pytest.mark.parametrize("killed", [True, False])
def test_a_reply_without_an_answer_is_looked_for(
    house: House, alice: Any, network: dict[str, Any], proxy: FaultyProxy, failure: Failure, killed: bool
) -> None:
    written = post(alice, network, "I waited 40 minutes for a cinnamon bun, and it was cold.")
    proxy.failures = [failure]
    draft = approve(house)
    house.until(lambda: proxy.replies == 1, "the reply leaves")

    if killed:
        house.kill()
        house.start()
    else:
        house.until(lambda: house.state(draft) == "unconfirmed", "its time is over", patience=60)

    assert settle(house, draft, "visible") == "visible"
    assert replies(alice, network, written) == [WORDS]


def test_a_deleted_post_is_never_answered(
    house: House, alice: Any, network: dict[str, Any], proxy: FaultyProxy
) -> None:
    written = post(alice, network, "I waited 40 minutes for a cinnamon bun, and it was cold.")
    draft = heard(house)["id"]
    alice.delete_post(written.uri)
    time.sleep(2)  # the network's view follows its servers

    house.move_on(2 * 24 * 3600)

    house.until(lambda: house.state(draft) == "withdrawn" or house.move_on(2 * 24 * 3600), "it is withdrawn")
    assert proxy.replies == 0
