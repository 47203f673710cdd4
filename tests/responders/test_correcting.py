"""What staff say of a mention stands over what was thought, and is learned from."""

from __future__ import annotations

from datetime import timedelta

import pytest

from responders.approvals import Choice
from responders.correcting import SAYINGS, claims_of, correct
from responders.errors import DecisionError, NotAllowed
from responders.proposing import draft_waiting
from storage import Draft, Mention, Store, audit, corrections, digests, drafts, mentions
from storage.assessment import Intent, Polarity, SeverityLevel
from storage.corrections import Accuracy
from storage.models import assessment_columns
from storage.states import Action, DraftState
from tests.builders import NOW, Clock, PlainWords, Shop, assessment, keep_mentions, keep_source, mention_row


class World:
    """A shop with one neutral mention."""

    def __init__(self, store: Store, mention_id: int) -> None:
        self.store, self.id = store, mention_id
        self.shop = Shop(store, Clock(NOW))

    async def say(self, said: str, person: str = "Mia") -> None:
        await correct(self.shop.desk, "crumb", self.id, said, person, "inbox")

    async def mention(self) -> Mention:
        async with self.store.read() as session:
            found = await mentions.get(session, "crumb", self.id)
        assert found is not None
        return found


@pytest.fixture
async def world(store: Store) -> World:
    other = assessment(Polarity.NEUTRAL, intent=Intent.OTHER)
    (mention_id,) = await keep_mentions(store, mention_row(await keep_source(store), **assessment_columns(other)))
    return World(store, mention_id)


async def test_what_a_person_says_stands_over_what_was_thought(world: World) -> None:
    for said in ("complaint", "severe", "about wait"):
        await world.say(said)

    kept = await world.mention()
    assert (kept.intent, kept.polarity, kept.severity_level, kept.topics) == (
        Intent.COMPLAINT,
        Polarity.NEGATIVE,
        SeverityLevel.HIGH,
        ["wait"],
    )
    assert kept.confidence == 1.0
    assert {reason["rule"] for reason in kept.reasons} == {"Mia said so"}


async def test_the_counts_follow_a_correction(world: World) -> None:
    await world.say("praise")

    async with world.store.read() as session:
        rows = await digests.rollups(session, "crumb", NOW.date(), NOW.date() + timedelta(days=1))
    assert {row.polarity: row.mentions for row in rows if row.mentions} == {Polarity.POSITIVE: 1}


async def test_a_correction_is_kept_with_what_it_corrects(world: World) -> None:
    await world.say("complaint")
    await world.say("praise", "Jon")

    async with world.store.read() as session:
        said = (await corrections.of_mentions(session, [world.id]))[world.id]
        trail = await audit.recent(session, "crumb", f"mention {world.id}")
    assert {(each.label, each.was, each.now, each.person) for each in said} == {
        ("polarity", "neutral", "positive", "Jon"),
        ("intent", "other", "praise", "Jon"),
    }
    assert [line.what for line in trail] == ["correct", "correct"]


async def drafted(world: World) -> Draft:
    """The only draft of the mention."""
    await draft_waiting(world.store, world.shop.businesses, PlainWords(), NOW)
    async with world.store.read() as session:
        (draft,) = await drafts.for_mention(session, "crumb", world.id)
    return draft


async def test_an_untouched_draft_is_made_anew(world: World) -> None:
    first = await drafted(world)

    await world.say("complaint")

    async with world.store.read() as session:
        found = await drafts.get(session, "crumb", first.id or 0)
    assert found is not None
    assert (found[0].state, found[1].owed) == (DraftState.WITHDRAWN, True)


async def test_a_draft_that_somebody_has_written_in_stays(world: World) -> None:
    first = await drafted(world)
    await world.shop.desk.decide(
        Choice("crumb", first.id or 0, 1, Action.EDIT, "Mia", "inbox", text="We are sorry, Ana. – Mia")
    )

    await world.say("complaint")

    async with world.store.read() as session:
        found = await drafts.get(session, "crumb", first.id or 0)
    assert found is not None
    assert (found[0].state, found[0].revision) == (DraftState.PENDING, 2)


async def test_what_was_taken_for_spam_gets_a_draft(store: Store) -> None:
    spam = assessment_columns(assessment(intent=Intent.SPAM))
    (mention_id,) = await keep_mentions(store, mention_row(await keep_source(store), owed=False, **spam))
    world = World(store, mention_id)

    await world.say("question")

    assert (await world.mention()).owed


async def test_accuracy_counts_what_people_dealt_with(world: World) -> None:
    await world.say("complaint")

    async with world.store.read() as session:
        found = await corrections.accuracy(session, "crumb", NOW - timedelta(days=1))
    assert found == Accuracy(right=0, judged=1)


async def test_saying_what_was_thought_anyway_counts_as_right(world: World) -> None:
    await world.say("other")

    async with world.store.read() as session:
        found = await corrections.accuracy(session, "crumb", NOW - timedelta(days=1))
    assert found == Accuracy(right=1, judged=1)


async def test_what_its_author_has_changed_is_judged_anew(world: World) -> None:
    await world.say("complaint")
    async with world.store.work() as session:
        await mentions.edit(session, world.id, {"text": "All good now", **assessment_columns(assessment())}, NOW)

    async with world.store.read() as session:
        assert await corrections.of_mentions(session, [world.id]) == {}


@pytest.mark.parametrize("said", ["", "rubbish", "about everything", "very severe"])
async def test_what_cannot_be_said_is_told_with_what_can(world: World, said: str) -> None:
    with pytest.raises(DecisionError, match="Say complaint"):
        await world.say(said)


async def test_only_staff_may_say_and_only_of_what_is_there(world: World) -> None:
    with pytest.raises(NotAllowed, match="not on the staff"):
        await world.say("complaint", "Somebody")
    world.id += 1
    with pytest.raises(NotAllowed, match="no such mention"):
        await world.say("complaint")


def test_everything_that_can_be_said_says_something() -> None:
    assert all(claims_of(said) for said in SAYINGS)
    assert claims_of(" Not  Severe ") == claims_of("not severe")
