"""What is kept no longer: by age, by a platform's rules, or because its author asked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from listener.retention import forget, retain
from responders.errors import NotAllowed
from responders.sending import Outbox, send_due
from storage import Store, audit, mentions, sources
from storage.states import Action
from tests.builders import (
    NOW,
    Answer,
    Clock,
    Platform,
    Shop,
    keep_mentions,
    keep_source,
    mention_row,
    opened,
    sqlite_at,
)

DAY = timedelta(days=1)


@pytest.fixture
async def shop(store: Store) -> Shop:
    return Shop(store, Clock(NOW))


async def kept(shop: Shop) -> list[str]:
    async with shop.store.read() as session:
        return [mention.external_id for mention in await mentions.history(session, "crumb")]


async def test_mentions_go_when_the_business_keeps_them_no_longer(shop: Shop) -> None:
    await shop.mention(heard_at=NOW - 396 * DAY)
    await shop.mention(heard_at=NOW - 394 * DAY)

    erased = await retain(shop.store, shop.businesses, {}, NOW)

    assert (erased, await kept(shop)) == (1, ["2"])


async def test_the_shorter_limit_of_a_platform_wins(shop: Shop) -> None:
    source_id = await keep_source(shop.store)
    await shop.mention(heard_at=NOW - 3 * DAY)
    await shop.mention(source="village", heard_at=NOW - 3 * DAY)

    await retain(shop.store, shop.businesses, {source_id: 2 * DAY}, NOW)

    assert await kept(shop) == ["2"]


async def test_more_than_one_batch_goes_at_once(sqlite_store: Store) -> None:
    shop = Shop(sqlite_store, Clock(NOW))
    source_id = await keep_source(sqlite_store)
    await keep_mentions(
        sqlite_store, *(mention_row(source_id, f"old {n}", heard_at=NOW - 400 * DAY) for n in range(1201))
    )

    assert await retain(sqlite_store, shop.businesses, {}, NOW) == 1201


async def test_authors_of_whom_nothing_is_kept_go_too(shop: Shop) -> None:
    await shop.mention(heard_at=NOW - 400 * DAY)

    await retain(shop.store, shop.businesses, {}, NOW)

    async with shop.store.read() as session:
        assert await mentions.authors_named(session, "crumb", "ana_bakes") == []


async def ana(shop: Shop) -> int:
    async with shop.store.read() as session:
        (author,) = await mentions.authors_named(session, "crumb", "@ana_bakes")
    return author.id or 0


async def test_an_author_who_asks_is_forgotten_and_nobody_else(shop: Shop) -> None:
    await shop.draft()
    await shop.mention(author={"external_id": "a-ben", "handle": "ben", "name": "Ben", "url": ""})
    source_id = await keep_source(shop.store)
    async with shop.store.work() as session:
        await sources.keep_sample(session, source_id, "9", "Odd", "ana_bakes: cold soup", NOW)

    erased = await forget(shop.store, shop.settings, await ana(shop), "Jo", NOW)

    async with shop.store.read() as session:
        (line,) = await audit.recent(session, "crumb", limit=1)
        left = await sources.samples(session, "crumb")
    assert (erased, await kept(shop), left) == (1, ["2"], [])
    assert (line.who, line.what, line.detail) == ("Jo", "forget", {"mentions": 1})


async def test_nobody_is_forgotten_while_a_reply_to_them_is_on_its_way(shop: Shop) -> None:
    draft = await shop.draft()
    await shop.decide(draft, Action.APPROVE)
    shop.clock.move(timedelta(seconds=30))
    platform = Platform(shop.clock)
    platform.answers.append(Answer.BROKEN_AFTER)
    await send_due(Outbox(shop.store, platform.speaker, shop.clock))

    with pytest.raises(NotAllowed, match="on its way"):
        await forget(shop.store, shop.settings, await ana(shop), "Jo", NOW)

    assert await kept(shop) == ["1"]


@pytest.mark.parametrize("author_id", [0, 99, 2**40])
async def test_somebody_who_is_not_there_cannot_be_forgotten(shop: Shop, author_id: int) -> None:
    with pytest.raises(NotAllowed, match="no such author"):
        await forget(shop.store, shop.settings, author_id, "Jo", NOW)


async def test_of_somebody_who_is_forgotten_no_byte_is_left(tmp_path: Path) -> None:
    async with opened(sqlite_at(tmp_path / "warmline.db")) as store:
        shop = Shop(store, Clock(NOW))
        shop.drafter.text = "Dear Ana Ferreira-Quill, unmistakablysorry. – Mia"
        for _ in range(5):
            await shop.draft(text="The soup at Crumb & Co tasted of unmistakablesoap")

        await forget(store, shop.settings, await ana(shop), "Jo", NOW)

        left = b"".join(read(file) for file in files(tmp_path)).lower()

    assert [word for word in (b"unmistakable", b"ferreira", b"ana_bakes", b"a-ana") if word in left] == []


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def read(file: Path) -> bytes:
    return file.read_bytes()
