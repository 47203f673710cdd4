"""History is judged anew slice by slice, and what people have said stays."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from listener import rescoring
from listener.pipeline import Understanding
from listener.rescoring import Rescored, how_judged, rescore
from responders.correcting import correct
from storage import Mention, Store, mentions
from storage.assessment import Intent, Polarity
from storage.models import assessment_columns
from tests.builders import NOW, Clock, Shop, assessment, business, keep_mentions, keep_source, mention_row
from tests.listener.test_pipeline import understanding

BAD = "The worst cake ever, cold and stale, and the staff were rude. Never again."


@pytest.fixture
async def ids(store: Store) -> list[int]:
    """Five mentions that an older model took for praise."""
    source = await keep_source(store)
    praise = assessment_columns(assessment(Polarity.POSITIVE, 0.8, intent=Intent.PRAISE))
    return await keep_mentions(store, *(mention_row(source, str(number), text=BAD, **praise) for number in range(5)))


def mind() -> Understanding:
    return Understanding(understanding().matcher, understanding().assessor)


async def all_of(store: Store) -> list[Mention]:
    async with store.read() as session:
        return await mentions.history(session, "crumb")


async def test_the_whole_history_is_judged_anew(store: Store, ids: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescoring, "SLICE", 2)

    reached = await rescore(store, business(), mind(), NOW, seconds=60)

    kept = await all_of(store)
    assert reached == Rescored(done=5, changed=5, left=0)
    assert {each.polarity for each in kept} == {Polarity.NEGATIVE}
    assert {(each.revision, each.owed) for each in kept} == {(1, True)}


async def test_it_goes_on_where_it_was_interrupted(
    store: Store, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescoring, "SLICE", 2)
    seconds = iter([0.0, 0.0, 5.0, 10.0, 10.0, 10.0, 10.0])
    monkeypatch.setattr(rescoring, "time", SimpleNamespace(monotonic=lambda: next(seconds)))

    first = await rescore(store, business(), mind(), NOW, seconds=1)
    second = await rescore(store, business(), mind(), NOW, seconds=1)

    assert (first.done, first.left, second.done, second.left) == (2, 3, 5, 0)


async def test_what_people_have_said_stays(store: Store, ids: list[int]) -> None:
    shop = Shop(store, Clock(NOW))
    await correct(shop.desk, "crumb", ids[0], "question", "Mia", "inbox")

    await rescore(store, business(), mind(), NOW, seconds=60)

    kept = {each.id: each.intent for each in await all_of(store)}
    assert kept[ids[0]] is Intent.QUESTION
    assert kept[ids[1]] is Intent.COMPLAINT


async def test_judging_twice_changes_nothing_more(store: Store, ids: list[int]) -> None:
    await rescore(store, business(), mind(), NOW, seconds=60)

    again = await rescore(store, business(), mind(), NOW, seconds=60)

    assert again == Rescored(done=5, changed=0, left=0)


async def test_accuracy_is_told_once_people_have_dealt_with_something(store: Store, ids: list[int]) -> None:
    before = await how_judged(store, "crumb", NOW)
    shop = Shop(store, Clock(NOW))
    await correct(shop.desk, "crumb", ids[0], "complaint", "Mia", "inbox")

    after = await how_judged(store, "crumb", NOW)

    assert before == ""
    assert after.startswith("0 of 1 that staff dealt with in 90 days were judged right (0%")
