"""The audit trail: append-only, and every line vouches for the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage import Session, Store, audit
from storage.errors import StorageError
from tests.builders import NOW, keep_source, opened

DROP = {
    "sqlite": ("drop trigger audit_no_update", "drop trigger audit_no_delete"),
    "postgresql": ("drop trigger audit_no_change on audit",),
}


async def write(store: Store, number: int = 3) -> None:
    await keep_source(store)
    async with store.work() as session:
        for n in range(number):
            detail = {"revision": n, "channel": "inbox", "naïve": "ü 🥐", "nested": {"b": 1.5, "a": None}}
            await audit.append(session, "crumb", "Mia", "approve", f"draft {n}", detail, NOW)


async def tamper(store: Store, *statements: str) -> None:
    async with store.work() as session:
        for statement in (*DROP[store.dialect], *statements):
            await session.execute(text(statement))


async def faults(store: Store) -> list[str]:
    async with store.read() as session:
        return await audit.verify(session, "crumb")


async def test_an_untouched_trail_fits_together(store: Store) -> None:
    await write(store)

    assert await faults(store) == []


@pytest.mark.parametrize("statement", ["update audit set who = 'Jon'", "delete from audit"])
async def test_the_database_itself_refuses_to_change_the_trail(store: Store, statement: str) -> None:
    await write(store)

    async def change() -> None:
        async with store.work() as session:
            await session.execute(text(statement))

    with pytest.raises((DBAPIError, StorageError)):
        await change()

    assert await faults(store) == []


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("update audit set who = 'Jon' where id = 2", "Line 2 was changed"),
        ("update audit set detail = '{}' where id = 2", "Line 2 was changed"),
        ("delete from audit where id = 2", "Before line 3, a line is missing"),
        ("delete from audit where id = 1", "Before line 2, a line is missing"),
    ],
)
async def test_a_line_that_was_changed_or_dropped_is_found(store: Store, statement: str, fault: str) -> None:
    await write(store)

    await tamper(store, statement)

    (found,) = await faults(store)
    assert found.startswith(fault)


async def test_two_lines_that_were_swapped_are_found(store: Store) -> None:
    await write(store)

    await tamper(
        store, "update audit set id = 99 where id = 1", "update audit set id = 1 where id = 2",
        "update audit set id = 2 where id = 99",
    )  # fmt: skip

    assert any("out of place" in fault for fault in await faults(store))


async def test_each_business_has_a_trail_of_its_own(store: Store) -> None:
    await write(store)
    await keep_source(store, "other")

    async with store.work() as session:
        await audit.append(session, "other", "Sam", "approve", "draft 9", {}, NOW)
        await audit.append(session, "crumb", "Mia", "approve", "draft 9", {}, NOW)

    async with store.read() as session:
        assert await audit.verify(session, "other") == []
        assert await audit.verify(session, "crumb") == []
        assert [entry.who for entry in await audit.recent(session, "other")] == ["Sam"]


async def test_the_trail_can_be_read_by_subject_newest_first(store: Store) -> None:
    await write(store)

    async with store.read() as session:
        everything = await audit.recent(session, "crumb")
        one = await audit.recent(session, "crumb", "draft 1")

    assert [entry.subject for entry in everything] == ["draft 2", "draft 1", "draft 0"]
    assert [entry.subject for entry in one] == ["draft 1"]


@pytest.mark.parametrize("store_address", ["postgresql"], indirect=True)  # SQLite has one writer
async def test_two_daemons_on_one_database_write_one_trail(store: Store, store_address: str) -> None:
    await keep_source(store)

    async def append(session: Session, number: int) -> None:
        await audit.append(session, "crumb", "Mia", "approve", f"draft {number}", {}, NOW)

    async with opened(store_address) as second:
        await at_once(store, second, append)

    assert await faults(store) == []


async def at_once(first: Store, second: Store, work: Callable[[Session, int], Awaitable[None]]) -> None:
    async def one(store: Store, number: int) -> None:
        async with store.work() as session:
            await work(session, number)

    await asyncio.gather(*(one(store, n) for n in range(20) for store in (first, second)))
