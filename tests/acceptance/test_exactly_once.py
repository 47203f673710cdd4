"""A mention becomes one visible reply: through kills between any two steps, and whatever the platform does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.faulty_proxy import Failure, FaultyProxy
from tests.acceptance.house import House

SAID = "@bakery I waited 40 minutes for a cinnamon bun today, and then it was cold."
#: Longer than a connector waits before a look proves anything.
SETTLED = 150


def replies(alice: Any, post: Any) -> list[Any]:
    """What the bakery has answered, as Alice sees it."""
    return [each for each in alice.status_context(post.id).descendants if each.account.acct == "bakery"]


def approve(house: House) -> str:
    """Mia approves the draft that waits, in her own words if it needs them; gives its id."""
    draft = house.draft()
    if draft["needs"]:
        words = "@alice 40 minutes for a cold cinnamon bun – I'm sorry. I'll look into it today. – Mia"
        draft = house.decide("edit", draft["id"], text=words)
    house.decide("approve", draft["id"])
    return str(draft["id"])


def settle(house: House, draft: str, *states: str) -> str:
    """Lets the clock run until the draft stands in one of `states`."""

    def stands() -> str:
        state = house.state(draft)
        if state not in states:
            house.move_on(SETTLED)
        return state if state in states else ""

    return str(house.until(stands, f"{draft} becomes {states}", patience=40))


def test_a_mention_gets_one_reply_that_everyone_can_see(house: House, alice: Any) -> None:
    post = alice.status_post(SAID)
    house.ask("poll")

    draft = approve(house)

    assert settle(house, draft, "visible") == "visible"
    (reply,) = replies(alice, post)
    assert "cinnamon bun" in reply.content
    assert reply.in_reply_to_id == post.id


def test_killed_after_each_step_it_still_answers_once(house: House, alice: Any, proxy: FaultyProxy) -> None:
    post = alice.status_post(SAID)
    house.ask("poll")
    house.kill()
    house.start()

    house.draft()
    house.kill()
    house.start()

    draft = approve(house)
    house.kill()
    house.start()

    house.until(lambda: house.state(draft) in ("sent", "visible"), "the reply is sent")
    house.kill()
    house.start()

    assert settle(house, draft, "visible") == "visible"
    assert len(replies(alice, post)) == 1
    assert proxy.replies == 1


@pytest.mark.parametrize("failure", [Failure.HANGING, Failure.SWALLOWED])
def test_killed_while_a_reply_is_in_flight_it_looks_before_it_sends(
    house: House, alice: Any, proxy: FaultyProxy, failure: Failure
) -> None:
    post = alice.status_post(SAID)
    house.ask("poll")
    proxy.failures = [failure]
    draft = approve(house)
    house.until(lambda: proxy.replies == 1, "the reply leaves")

    house.kill()
    house.start()

    assert house.state(draft) == "unconfirmed"
    assert settle(house, draft, "visible") == "visible"
    assert len(replies(alice, post)) == 1
    assert proxy.replies == (1 if failure is Failure.HANGING else 2)


@pytest.mark.parametrize("failure", [Failure.AFTERWARDS, Failure.DROPPED, Failure.REFUSED, Failure.LIMITED])
def test_a_reply_whose_answer_was_lost_is_looked_for_and_never_doubled(
    house: House, alice: Any, proxy: FaultyProxy, failure: Failure
) -> None:
    post = alice.status_post(SAID)
    house.ask("poll")
    proxy.failures = [failure]

    draft = approve(house)

    assert settle(house, draft, "visible") == "visible"
    assert len(replies(alice, post)) == 1
    assert proxy.replies == (2 if failure in (Failure.REFUSED, Failure.LIMITED) else 1)


def test_a_deleted_post_is_never_answered(house: House, alice: Any, proxy: FaultyProxy) -> None:
    post = alice.status_post(SAID)
    house.ask("poll")
    draft = house.draft()["id"]
    alice.status_delete(post.id)

    house.move_on(2 * 24 * 3600)  # kept posts are looked at again

    house.until(lambda: house.state(draft) == "withdrawn", "the draft is withdrawn")
    assert proxy.replies == 0


def test_an_edited_post_voids_the_draft_and_gets_a_new_one(house: House, alice: Any, proxy: FaultyProxy) -> None:
    post = alice.status_post(SAID)
    house.ask("poll")
    old = house.draft()["id"]
    alice.status_update(post.id, "@bakery I waited 40 minutes, and now my son is in hospital after your cake.")

    house.move_on(2 * 24 * 3600)

    new = house.until(lambda: next((each for each in house.drafts() if each["id"] != old), None), "it is drafted anew")
    assert house.state(old) == "withdrawn"
    assert new["state"] == "escalated"
    assert proxy.replies == 0


def test_staff_may_not_approve_what_only_an_owner_may(house: House, alice: Any, proxy: FaultyProxy) -> None:
    alice.status_post("@bakery My son had an allergic reaction to your cake and is in hospital.")
    house.ask("poll")
    draft = house.draft()

    with pytest.raises(Exception, match="Only an owner"):
        house.decide("approve", draft["id"], person="Mia")

    assert proxy.replies == 0
