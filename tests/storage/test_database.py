"""The store: works that share a commit, readers that cannot write, and a log that forgets."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from config.errors import ConfigError
from config.settings import Installation, Settings, StorageTable
from storage import Session, Setting, Store
from storage.database import store_url
from storage.errors import StorageError
from storage.sqlite import is_sound
from tests.builders import opened, sqlite_at


async def note(store: Store, name: str, value: str = "") -> None:
    async with store.work() as session:
        session.add(Setting(name=name, value=value))


async def noted(store: Store) -> list[str]:
    async with store.read() as session:
        return sorted((await session.exec(select(Setting.name))).all())


async def add_one(session: Session) -> None:
    counter = await session.get_one(Setting, "counter", populate_existing=True)
    number = int(counter.value)
    await asyncio.sleep(0)
    counter.value = str(number + 1)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def test_works_that_come_at_once_share_commits(store: Store) -> None:
    commits = []
    event.listen(store._writer.sync_engine, "commit", commits.append)

    await asyncio.gather(*(note(store, f"work {n:02}") for n in range(16)))

    assert await noted(store) == [f"work {n:02}" for n in range(16)]
    assert len(commits) <= 3


async def test_a_work_that_fails_takes_nothing_of_its_neighbours_along(store: Store) -> None:
    async def fail() -> None:
        async with store.work() as session:
            session.add(Setting(name="broken", value=""))
            await session.flush()
            raise ZeroDivisionError

    results = await asyncio.gather(note(store, "before"), fail(), note(store, "after"), return_exceptions=True)

    assert [type(result) for result in results] == [type(None), ZeroDivisionError, type(None)]
    assert await noted(store) == ["after", "before"]


async def test_a_work_that_breaks_a_rule_of_the_tables_takes_nothing_of_its_neighbours_along(store: Store) -> None:
    await note(store, "taken")

    results = await asyncio.gather(
        note(store, "before"), note(store, "taken"), note(store, "after"), return_exceptions=True
    )

    assert isinstance(results[1], DBAPIError)
    assert await noted(store) == ["after", "before", "taken"]


async def test_nothing_can_be_seen_before_it_is_committed(store: Store) -> None:
    async with store.work() as session:
        session.add(Setting(name="half", value=""))
        await session.flush()
        during = await noted(store)

    assert (during, await noted(store)) == ([], ["half"])


async def test_a_cancelled_work_leaves_nothing(store: Store) -> None:
    started = asyncio.Event()

    async def linger() -> None:
        async with store.work() as session:
            session.add(Setting(name="half", value=""))
            await session.flush()
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(linger())
    await started.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    await note(store, "next")
    assert await noted(store) == ["next"]


async def test_a_work_cancelled_inside_a_statement_fails_its_neighbours_in_words(store: Store) -> None:
    slow = (
        "with recursive c(x) as (select 1 union all select x + 1 from c where x < 3000000) select count(*) from c"
        if store.dialect == "sqlite"
        else "select pg_sleep(0.2)"
    )
    started = asyncio.Event()

    async def linger() -> None:
        async with store.work() as session:
            started.set()
            connection = await session.connection()
            await connection.exec_driver_sql(slow)

    first = asyncio.create_task(note(store, "neighbour"))
    await asyncio.sleep(0)
    task = asyncio.create_task(linger())
    await started.wait()
    await asyncio.sleep(0)
    task.cancel()
    outcome, _ = await asyncio.gather(first, task, return_exceptions=True)

    await note(store, "next")
    expected = ["neighbour", "next"] if outcome is None else ["next"]
    assert outcome is None or isinstance(outcome, StorageError)
    assert await noted(store) == expected


async def test_fifty_works_that_read_and_write_the_same_row_lose_no_update(store: Store) -> None:
    await note(store, "counter", "0")

    async def count() -> None:
        async with store.work() as session:
            await add_one(session)

    await asyncio.gather(*(count() for _ in range(50)))

    async with store.read() as session:
        assert (await session.get_one(Setting, "counter")).value == "50"


async def test_a_reader_cannot_write(store: Store) -> None:
    async def write() -> None:
        async with store.read() as session:
            session.add(Setting(name="sneaked in", value=""))
            await session.commit()

    with pytest.raises((StorageError, DBAPIError)):
        await write()

    assert await noted(store) == []


async def test_a_reader_sees_one_moment(store: Store) -> None:
    await note(store, "first")

    async with store.read() as session:
        before = (await session.exec(select(Setting.name))).all()
        await note(store, "second")
        after = (await session.exec(select(Setting.name).order_by(col(Setting.name)))).all()

    assert (before, after) == (["first"], ["first"])


async def test_a_commit_wakes_those_who_wait_for_a_change(store: Store) -> None:
    version = store.version
    waiting = asyncio.create_task(store.changes(version))

    await note(store, "something")

    assert await waiting > version


async def test_the_log_can_be_emptied_while_works_wait_for_each_other(sqlite_store: Store) -> None:
    async with asyncio.timeout(10):
        await asyncio.gather(note(sqlite_store, "a"), sqlite_store.scrub(), note(sqlite_store, "b"))
        await asyncio.gather(note(sqlite_store, "c"), note(sqlite_store, "d"), sqlite_store.scrub())

    assert await noted(sqlite_store) == ["a", "b", "c", "d"]


async def test_a_closed_store_leaves_one_file(tmp_path: Path) -> None:
    async with opened(sqlite_at(tmp_path / "warmline.db")) as store:
        await note(store, "something")

    assert names(tmp_path) == ["warmline.db"]


async def test_a_store_is_closed_only_after_the_last_commit(tmp_path: Path) -> None:
    async def fail(store: Store) -> None:
        async with store.work() as session:
            session.add(Setting(name="broken", value=""))
            raise ZeroDivisionError

    store = await Store.open(sqlite_at(tmp_path / "warmline.db"))
    first = asyncio.create_task(note(store, "something"))
    await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError):
        await fail(store)

    await store.close()

    assert names(tmp_path) == ["warmline.db"]
    await first


@pytest.mark.parametrize("store_address", ["postgresql"], indirect=True)  # SQLite has no server that could go away
async def test_a_server_that_ends_the_connection_is_told_in_words_and_found_again(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async def cut_off() -> None:
        async with store.work() as session:
            connection = await session.connection()
            await connection.exec_driver_sql("select pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(StorageError, match="did not take it"):
        await cut_off()

    await note(store, "afterwards")
    gc.collect()
    assert await noted(store) == ["afterwards"]
    assert caplog.messages == []  # it was told once, to whom it concerned


async def test_a_full_disk_is_told_in_words_and_half_writes_nothing(sqlite_store: Store) -> None:
    async with sqlite_store.work() as session:
        connection = await session.connection()
        await connection.exec_driver_sql("pragma max_page_count = 1")

    with pytest.raises(StorageError, match="full"):
        await note(sqlite_store, "large", "x" * 10_000_000)

    assert await noted(sqlite_store) == []


@pytest.mark.parametrize("url", ["nonsense", "mysql://localhost/warmline", "http://[", ""])
def test_an_address_that_is_no_postgresql_database_is_refused_in_words(url: str, tmp_path: Path) -> None:
    settings = Settings(installation=Installation(storage=StorageTable(url=url)), businesses={}, home=tmp_path)

    with pytest.raises(ConfigError, match=r"storage\.url"):
        store_url(settings)


def test_without_an_address_the_data_lie_in_one_file_of_the_directory(tmp_path: Path) -> None:
    settings = Settings(installation=Installation(), businesses={}, home=tmp_path)

    assert store_url(settings) == f"sqlite+aiosqlite:///{tmp_path.resolve()}/data/warmline.db"


@pytest.mark.parametrize(
    ("version", "sound"),
    [((3, 40, 1), False), ((3, 51, 2), False), ((3, 51, 3), True), ((3, 50, 7), True), ((3, 44, 6), True)],
)
def test_only_a_sqlite_without_the_race_counts_as_sound(version: tuple[int, ...], sound: bool) -> None:
    assert is_sound(version) is sound
