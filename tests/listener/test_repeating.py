"""A repost is stored and counts as reach: not as a mention, not as work, not as one more alarm."""

from __future__ import annotations

from datetime import timedelta

from config.settings import SourceTable
from listener.analysis.duplicates import Windows
from listener.pipeline import Understanding
from storage import Store, alerts, digests, mentions, reposts
from tests.builders import NOW, business, keep_source, post
from tests.listener.test_pipeline import Ears, understanding

SAID = (
    "Crumb & Co sold me a birthday cake that was still frozen in the middle, and nobody there wanted to hear about it."
)
CRISIS = "My son had an allergic reaction after the nut free cake of Crumb & Co and is in hospital, the ambulance came."


def ears_of(store: Store) -> Ears:
    ears = Ears(store)
    shared = understanding()
    ears.understanding = Understanding(shared.matcher, shared.assessor)
    return ears


async def counted(store: Store) -> int:
    async with store.read() as session:
        rows = await digests.rollups(session, "crumb", NOW.date() - timedelta(days=2), NOW.date() + timedelta(days=2))
    return sum(row.mentions for row in rows)


async def test_a_repost_is_kept_and_tied_to_what_was_said_first(store: Store) -> None:
    ears = ears_of(store)

    await ears.hear(post("1", SAID), post("2", f"RT @ana_bakes: {SAID}"))
    await ears.hear(post("3", SAID + " https://town.example/p/1"))

    first, second, third = [await ears.mention(name) for name in "123"]
    assert first is not None
    assert second is not None
    assert third is not None
    assert [first.repost, second.repost, third.repost] == [False, True, True]
    assert [second.first_id, third.first_id] == [first.id, first.id]
    assert [first.owed, second.owed, third.owed] == [True, False, False]


async def test_a_repost_counts_as_reach_and_not_as_a_mention(store: Store) -> None:
    ears = ears_of(store)

    await ears.hear(post("1", SAID), post("2", SAID), post("3", SAID))

    first = await ears.mention("1")
    assert first is not None
    async with store.read() as session:
        again = await reposts.seen_again(session, [first.id or 0])
        reach = await reposts.number(session, "crumb", NOW - timedelta(days=1), NOW + timedelta(days=1))
    assert (await counted(store), again, reach) == (1, {first.id: 2}, 2)


async def test_reposts_of_a_crisis_raise_one_alarm(store: Store) -> None:
    ears = ears_of(store)

    await ears.hear(post("1", CRISIS), post("2", CRISIS))
    await ears.hear(post("3", CRISIS))

    async with store.read() as session:
        raised = await alerts.untold(session, NOW)
    assert len(raised) == 1


async def test_what_was_said_before_a_restart_is_known_after_it(store: Store) -> None:
    ears = ears_of(store)
    await ears.hear(post("1", SAID))
    ears.understanding = Understanding(ears.understanding.matcher, ears.understanding.assessor, windows=Windows())

    await ears.hear(post("2", SAID))

    again = await ears.mention("2")
    assert again is not None
    assert again.repost


async def test_a_copy_that_says_something_worse_is_a_mention_of_its_own(store: Store) -> None:
    ears = ears_of(store)

    await ears.hear(post("1", SAID), post("2", f"{SAID} And my son is in hospital with food poisoning now."))

    worse = await ears.mention("2")
    assert worse is not None
    assert not worse.repost


async def test_reviews_with_stars_are_never_reposts(store: Store) -> None:
    ears = ears_of(store)

    await ears.hear(post("1", SAID, rating=1.0), post("2", SAID, rating=1.0))

    assert await counted(store) == 2


async def test_what_two_businesses_hear_is_new_to_each(store: Store) -> None:
    ears = ears_of(store)
    await keep_source(store, "flour")
    await ears.hear(post("1", SAID))
    window = ears.understanding.windows.get("flour")

    assert window is None
    assert await counted(store) == 1


async def test_an_author_who_rewrites_a_repost_speaks_for_themselves(store: Store) -> None:
    ears = ears_of(store)
    await ears.hear(post("1", SAID), post("2", SAID))

    await ears.hear(post("2", "Crumb & Co was open on Sunday"), now=NOW + timedelta(hours=1))

    again = await ears.mention("2")
    assert again is not None
    assert not again.repost
    assert await counted(store) == 2


async def test_what_is_not_about_us_takes_its_reposts_along(store: Store) -> None:
    ears = ears_of(store)
    await ears.hear(post("1", SAID), post("2", SAID))
    first = await ears.mention("1")
    assert first is not None

    async with store.work() as session:
        await mentions.set_not_us(session, "crumb", first.id or 0)

    again = await ears.mention("2")
    assert again is not None
    assert again.not_us
    assert await counted(store) == 0


async def test_a_repost_outlives_what_it_repeats(store: Store) -> None:
    ears = ears_of(store)
    await ears.hear(post("1", SAID), post("2", SAID))
    first = await ears.mention("1")
    assert first is not None

    async with store.work() as session:
        await mentions.erase(session, "crumb", [first.id or 0], NOW)

    again = await ears.mention("2")
    assert again is not None
    assert (again.repost, again.first_id) == (True, None)


async def test_a_post_that_is_perhaps_not_about_us_is_kept_and_marked(store: Store) -> None:
    ears = ears_of(store)
    ears.shop.settings = business(query={"match": "crumb", "likely": ["bread"], "unlikely": ["trail"]})
    ears.understanding = Understanding(
        type(understanding().matcher)({"crumb": ears.shop.settings}), understanding().assessor
    )

    await ears.hear(post("1", "Crumb has bread"), post("2", "follow the crumb trail"), post("3", "@crumb hello"))

    doubts = [kept.doubt if (kept := await ears.mention(name)) else None for name in "123"]
    assert doubts == ["", "“trail” stands in it", ""]


async def test_what_a_source_of_our_own_brings_is_in_no_doubt(store: Store) -> None:
    ears = ears_of(store)
    ears.shop.settings = business(query={"match": "crumb", "likely": ["bread"]})
    ears.table = SourceTable(name="town", type="town", filter=False)

    await ears.hear(post("1", "Never again"))

    kept = await ears.mention("1")
    assert kept is not None
    assert kept.doubt == ""
