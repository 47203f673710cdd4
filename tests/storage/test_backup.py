"""Copies of everything, made while the daemon writes."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from storage import Store, mentions
from storage.backup import backup
from storage.errors import StorageError
from tests.builders import keep_mentions, keep_source, mention_row, opened, sqlite_at


def names(folder: Path) -> set[str]:
    """What lies in a folder, beside the log of a database that is open."""
    return {file.name for file in folder.iterdir() if not file.name.endswith(("-wal", "-shm"))}


async def test_a_copy_made_while_writing_is_whole_and_can_be_restored(sqlite_store: Store, tmp_path: Path) -> None:
    source_id = await keep_source(sqlite_store)
    await keep_mentions(sqlite_store, mention_row(source_id, "first"))
    stop = asyncio.Event()

    async def write() -> int:
        number = 0
        while not stop.is_set():
            await keep_mentions(sqlite_store, mention_row(source_id, str(number)))
            number += 1
        return number

    writer = asyncio.create_task(write())
    rows = await backup(sqlite_at(tmp_path / "warmline.db"), tmp_path / "copy.db")
    stop.set()
    written = await writer

    assert 1 <= rows["mention"] <= written + 1
    async with opened(sqlite_at(tmp_path / "copy.db")) as restored, restored.read() as session:
        assert len(await mentions.history(session, "crumb", limit=10_000)) == rows["mention"]


async def test_a_file_that_is_there_is_never_written_over(sqlite_store: Store, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("last year's")

    with pytest.raises(StorageError, match="exists already"):
        await backup(sqlite_at(tmp_path / "warmline.db"), tmp_path / "copy.db")

    assert (tmp_path / "copy.db").read_text() == "last year's"


async def test_only_the_owner_of_the_account_can_read_a_copy(sqlite_store: Store, tmp_path: Path) -> None:
    await backup(sqlite_at(tmp_path / "warmline.db"), tmp_path / "copy.db")

    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("to", ["nowhere/copy.db", "."])
async def test_a_copy_that_cannot_be_written_is_told_in_words_and_leaves_nothing(
    sqlite_store: Store, tmp_path: Path, to: str
) -> None:
    before = names(tmp_path)

    with pytest.raises(StorageError):
        await backup(sqlite_at(tmp_path / "warmline.db"), tmp_path / to)

    assert names(tmp_path) == before


async def test_a_damaged_database_gives_no_copy(tmp_path: Path) -> None:
    async with opened(sqlite_at(tmp_path / "warmline.db")) as store:
        source_id = await keep_source(store)
        await keep_mentions(store, *(mention_row(source_id, str(n)) for n in range(200)))
    whole = (tmp_path / "warmline.db").read_bytes()
    (tmp_path / "warmline.db").write_bytes(whole[: len(whole) // 2] + b"\xff" * (len(whole) // 2))

    with pytest.raises(StorageError, match="failed"):
        await backup(sqlite_at(tmp_path / "warmline.db"), tmp_path / "copy.db")

    assert not (tmp_path / "copy.db").exists()


async def test_a_database_that_is_not_there_is_not_made_by_copying_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="failed"):
        await backup(sqlite_at(tmp_path / "warmline.db"), tmp_path / "copy.db")

    assert names(tmp_path) == set()


async def test_a_postgresql_database_is_left_to_its_own_tools(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="own tools"):
        await backup("postgresql+asyncpg://localhost/warmline", tmp_path / "copy.db")


async def test_what_was_erased_is_in_no_later_copy(sqlite_store: Store, tmp_path: Path) -> None:
    row = mention_row(await keep_source(sqlite_store), text="unmistakable words")
    ids = await keep_mentions(sqlite_store, row)
    async with sqlite_store.work() as session:
        await mentions.erase(session, "crumb", ids, row["heard_at"])

    await backup(sqlite_at(tmp_path / "warmline.db"), tmp_path / "copy.db")

    assert b"unmistakable words" not in (tmp_path / "copy.db").read_bytes()
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("select count(*) from mention").fetchone() == (0,)
    copy.close()
