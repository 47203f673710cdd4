"""What is used in a month is counted, and stops at its limit."""

from __future__ import annotations

import asyncio

from storage import Store, allowances


async def take(store: Store, amount: int, at_most: int | None = None, name: str = "tokens") -> bool:
    async with store.work() as session:
        return await allowances.take(session, name, amount, at_most)


async def taken(store: Store, name: str = "tokens") -> int:
    async with store.read() as session:
        return await allowances.taken(session, name)


async def test_nothing_is_taken_past_the_limit_and_what_is_given_back_can_be_taken_again(store: Store) -> None:
    took = [await take(store, 60, 100), await take(store, 60, 100), await take(store, 40, 100)]
    left = await taken(store)
    await take(store, -50)

    assert (took, left) == ([True, False, True], 100)
    assert await take(store, 50, 100)
    assert await taken(store) == 100


async def test_the_first_is_refused_as_well_when_it_is_too_much(store: Store) -> None:
    assert not await take(store, 101, 100)
    assert await taken(store) == 0


async def test_of_many_at_once_no_more_than_the_limit_is_taken(store: Store) -> None:
    took = await asyncio.gather(*(take(store, 10, 100) for _ in range(15)))

    assert sum(took) == 10
    assert await taken(store) == 100


async def test_each_name_is_counted_by_itself_and_without_a_limit_nothing_stops(store: Store) -> None:
    for _ in range(3):
        assert await take(store, 10**9, name="money")

    assert (await taken(store, "money"), await taken(store)) == (3 * 10**9, 0)
