"""Alerts, promises and sign-in: what is told, kept and used once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from storage import Store, alerts, promises, signin
from storage.states import PromiseState
from tests.builders import NOW, Clock, Shop, keep_source

HOUR = timedelta(hours=1)


async def test_an_alert_is_raised_once_per_key(store: Store) -> None:
    await keep_source(store)

    async with store.work() as session:
        raised = [await alerts.raise_once(session, "crumb", "mould", "Mould!", NOW) for _ in range(2)]

    assert raised == [True, False]


async def test_alerts_are_told_the_critical_first_until_somebody_has_heard(store: Store) -> None:
    await keep_source(store)
    async with store.work() as session:
        await alerts.raise_once(session, "crumb", "silence", "Quiet", NOW)
        await alerts.raise_once(session, "crumb", "mould", "Mould!", NOW, critical=True)
        first, second = await alerts.untold(session, NOW)
        await alerts.told(session, first.id or 0, NOW)
        await alerts.put_off(session, second.id or 0, NOW + HOUR)

    async with store.read() as session:
        now, later = await alerts.untold(session, NOW), await alerts.untold(session, NOW + HOUR)
    assert (first.key, second.key) == ("mould", "silence")
    assert ([each.key for each in now], [each.key for each in later]) == ([], ["silence"])


async def test_a_promise_is_closed_once_and_only_by_its_business(store: Store) -> None:
    draft = await Shop(store, Clock()).draft()
    row = {"business_id": "crumb", "draft_id": draft.id, "what": "call back", "person": "Mia", "due_at": NOW}
    async with store.work() as session:
        await promises.add(session, [row | {"state": PromiseState.OPEN}])
        (promise,) = await promises.of_draft(session, "crumb", draft.id or 0)
        number = promise.id or 0

        closed = [
            await promises.close(session, business_id, number, PromiseState.KEPT, NOW)
            for business_id in ("other", "crumb", "crumb")
        ]

    async with store.read() as session:
        count = await promises.closed_between(session, "crumb", NOW, NOW + HOUR)
    assert closed == [False, True, False]
    assert count == {PromiseState.OPEN: 0, PromiseState.KEPT: 1, PromiseState.BROKEN: 0}


async def test_of_two_who_use_a_link_at_once_one_gets_in(store: Store) -> None:
    await keep_source(store)
    async with store.work() as session:
        await signin.add_link(session, "one-time", "crumb", "Mia", NOW + HOUR)

    async def use() -> bool:
        async with store.work() as session:
            return await signin.use_link(session, "one-time", NOW) is not None

    assert sorted(await asyncio.gather(use(), use())) == [False, True]


@pytest.mark.parametrize(("secret", "hours"), [("one-time", 1), ("one-time", 2), ("another", 0)])
async def test_a_link_that_is_over_or_unknown_lets_nobody_in(store: Store, secret: str, hours: int) -> None:
    await keep_source(store)
    async with store.work() as session:
        await signin.add_link(session, "one-time", "crumb", "Mia", NOW + HOUR)

        assert await signin.link(session, secret, NOW + hours * HOUR) is None
        assert await signin.use_link(session, secret, NOW + hours * HOUR) is None


async def test_a_session_ends_by_time_or_by_its_person(store: Store) -> None:
    await keep_source(store)
    async with store.work() as session:
        for cookie in ("first", "second"):
            await signin.begin_session(session, cookie, "token", "crumb", "Mia", NOW, NOW + HOUR)
        await signin.end_session(session, "second")
        await signin.drop_expired(session, NOW)

        first = await signin.session_of(session, "first", NOW)
        late, ended = [await signin.session_of(session, *each) for each in (("first", NOW + HOUR), ("second", NOW))]

    assert first is not None
    assert (first.person, late, ended) == ("Mia", None, None)


async def test_neither_links_nor_cookies_are_kept_themselves(store: Store) -> None:
    await keep_source(store)
    async with store.work() as session:
        await signin.add_link(session, "one-time", "crumb", "Mia", NOW + HOUR)
        await signin.begin_session(session, "cookie", "token", "crumb", "Mia", NOW, NOW + HOUR)
        link, begun = (
            await signin.link(session, "one-time", NOW),
            await signin.session_of(session, "cookie", NOW),
        )

    assert link is not None
    assert begun is not None
    assert {"one-time", "cookie"}.isdisjoint({*link.model_dump().values(), *begun.model_dump().values()})
