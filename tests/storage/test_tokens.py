"""Tokens: kept where nobody reads them, renewed by one, and never used before they are stored."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from config.errors import ConfigError
from config.secrets import Secret
from config.settings import Installation, Settings, StorageTable
from connectors.errors import SourceDenied, SourceUnavailable
from storage import Source, Store, Token, sources, tokens
from storage.tokens import Keeper, Seal, Tokens
from tests.builders import NOW, Clock, keep_source

HOUR = timedelta(hours=1)
OLD, NEW = (base64.urlsafe_b64encode(bytes([sign] * 32)).decode() for sign in b"on")


def settings(home: Path, *keys: str, token_key: Secret | None = None) -> Settings:
    """An installation whose keys lie beside its configuration."""
    if keys:
        (home / "token.key").write_text(",".join(keys), encoding="utf-8")
        token_key = Secret(file=home / "token.key")
    return Settings(installation=Installation(storage=StorageTable(token_key=token_key)), businesses={}, home=home)


@pytest.fixture
def seal(tmp_path: Path) -> Seal:
    return Seal(settings(tmp_path, NEW))


class Google:
    """A server that gives a new refresh token each time, and locks everybody out when it sees an old one again."""

    def __init__(self, clock: Callable[[], datetime] = lambda: NOW) -> None:
        self.clock = clock
        self.asked: list[str] = []
        self.revoked = False
        self.is_asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()

    @property
    def current(self) -> str:
        return f"refresh {len(self.asked)}"

    async def renew(self, refresh: str) -> tuple[str, datetime, str]:
        self.revoked = self.revoked or refresh != self.current
        if self.revoked:
            raise SourceDenied("The account was locked.")
        self.asked.append(refresh)
        given = f"access {len(self.asked)}", self.clock() + HOUR, self.current
        self.is_asked.set()
        await self.answers.wait()
        return given


async def connected(store: Store, seal: Seal, until: datetime = NOW + HOUR) -> Source:
    """A source with tokens that hold `until` then."""
    await keep_source(store)
    async with store.work() as session:
        source = await sources.get(session, "crumb", "town")
        assert source is not None
        await tokens.keep(session, source, Tokens("access 0", until, "refresh 0"), seal)
    return source


async def row(store: Store) -> Token | None:
    async with store.read() as session:
        return (await session.exec(select(Token))).first()


@pytest.fixture
async def daemons(store_address: str) -> AsyncIterator[list[Store]]:
    """The stores of four processes that share one database."""
    async with AsyncExitStack() as stack:
        stores = []
        for _ in range(4):
            stores.append(await Store.open(store_address))
            stack.push_async_callback(stores[-1].close)
        yield stores


async def test_tokens_that_hold_are_used_as_they_are(store: Store, seal: Seal) -> None:
    google, source = Google(), await connected(store, seal)

    access = await Keeper(store, source, seal, lambda: NOW).fresh(google.renew)

    assert (access, google.asked) == ("access 0", [])


async def test_of_four_processes_one_renews_and_nobody_is_locked_out(daemons: list[Store], seal: Seal) -> None:
    google, source = Google(), await connected(daemons[0], seal, until=NOW)
    keepers = [Keeper(store, source, seal, lambda: NOW) for store in daemons]

    given = await asyncio.gather(*(keeper.fresh(google.renew) for keeper in keepers for _ in range(2)))

    assert set(given) == {"access 1"}
    assert (google.asked, google.revoked) == (["refresh 0"], False)


async def test_four_processes_stay_let_in_through_ten_renewals(daemons: list[Store], seal: Seal) -> None:
    clock = Clock()
    google, source = Google(clock), await connected(daemons[0], seal)
    keepers = [Keeper(store, source, seal, clock) for store in daemons]

    for _ in range(10):
        clock.move(HOUR)
        given = await asyncio.gather(*(keeper.fresh(google.renew) for keeper in keepers))
        assert len(set(given)) == 1

    assert (len(google.asked), google.revoked) == (10, False)


async def test_a_renewed_token_is_stored_before_anybody_uses_it(store: Store, seal: Seal) -> None:
    google, source = Google(), await connected(store, seal, until=NOW)

    await Keeper(store, source, seal, lambda: NOW).fresh(google.renew)

    kept = await row(store)
    assert kept is not None
    assert seal.open(kept.sealed) == Tokens("access 1", NOW + HOUR, "refresh 1")


async def test_a_renewal_nobody_waits_for_any_more_is_stored_all_the_same(store: Store, seal: Seal) -> None:
    google, source = Google(), await connected(store, seal, until=NOW)
    keeper = Keeper(store, source, seal, lambda: NOW)
    google.answers.clear()
    waiting = asyncio.create_task(keeper.fresh(google.renew))
    await google.is_asked.wait()

    waiting.cancel()
    google.answers.set()
    await keeper.settle()

    assert await keeper.fresh(google.renew) == "access 1"
    assert google.asked == ["refresh 0"]


async def test_a_token_that_was_refused_is_renewed_although_it_should_hold(store: Store, seal: Seal) -> None:
    google, source = Google(), await connected(store, seal)

    access = await Keeper(store, source, seal, lambda: NOW).fresh(google.renew, refused="access 0")

    assert access == "access 1"


async def test_a_renewal_that_fails_lets_the_next_one_try_at_once(store: Store, seal: Seal) -> None:
    google, source = Google(), await connected(store, seal, until=NOW)
    keeper = Keeper(store, source, seal, lambda: NOW)

    async def fail(refresh: str) -> tuple[str, datetime, str]:
        raise SourceUnavailable("It did not answer.")

    with pytest.raises(SourceUnavailable):
        await keeper.fresh(fail)

    assert await keeper.fresh(google.renew) == "access 1"


async def test_the_lease_of_a_process_that_died_runs_out(store: Store, seal: Seal) -> None:
    clock = Clock()
    google, source = Google(clock), await connected(store, seal, until=NOW)
    keeper = Keeper(store, source, seal, clock)
    assert await keeper._claim(1)
    clock.move(tokens.LEASE)

    assert await keeper.fresh(google.renew) == "access 1"


async def test_who_connects_again_meanwhile_wins_over_a_renewal(store: Store, seal: Seal) -> None:
    google, source = Google(), await connected(store, seal, until=NOW)
    keeper = Keeper(store, source, seal, lambda: NOW)

    async def renew(refresh: str) -> tuple[str, datetime, str]:
        async with store.work() as session:
            await tokens.keep(session, source, Tokens("another account", NOW + HOUR, "other"), seal)
        return await google.renew(refresh)

    assert await keeper.fresh(renew) == "another account"


async def test_what_is_stored_tells_nothing(store: Store, seal: Seal) -> None:
    await connected(store, seal)

    kept = await row(store)

    assert kept is not None
    assert "access 0" not in repr(kept)
    assert "refresh 0" not in repr(kept)
    assert repr(Tokens("access 0", NOW, "refresh 0")) == "Tokens(until=2026-06-02T09:20:00+00:00)"


async def test_tokens_go_when_the_source_becomes_one_of_another_type(store: Store, seal: Seal) -> None:
    source = await connected(store, seal)

    async with store.work() as session:
        await sources.register(session, "crumb", source.name, "village", enabled=True)

    assert await row(store) is None


async def test_tokens_stay_while_the_source_rests(store: Store, seal: Seal) -> None:
    source = await connected(store, seal)

    async with store.work() as session:
        await sources.register(session, "crumb", source.name, source.type, enabled=False)

    assert await row(store) is not None


async def test_after_a_rotation_the_old_key_can_go(store: Store, tmp_path: Path) -> None:
    source = await connected(store, Seal(settings(tmp_path, OLD)))

    async with store.work() as session:
        await tokens.rotate(session, Seal(settings(tmp_path, NEW, OLD)))

    only_new = Seal(settings(tmp_path, NEW))
    assert await Keeper(store, source, only_new, lambda: NOW).fresh(Google().renew) == "access 0"


async def test_both_keys_open_while_a_rotation_lasts(store: Store, tmp_path: Path) -> None:
    source = await connected(store, Seal(settings(tmp_path, OLD)))
    both = Seal(settings(tmp_path, f" {NEW} ", f"{OLD}\n"))

    assert await Keeper(store, source, both, lambda: NOW).fresh(Google().renew) == "access 0"


async def test_tokens_whose_key_is_gone_are_kept_and_the_person_is_told(store: Store, tmp_path: Path) -> None:
    source = await connected(store, Seal(settings(tmp_path, OLD)))
    stranger = Seal(settings(tmp_path, NEW))
    async with store.work() as session:
        await tokens.rotate(session, stranger)

    with pytest.raises(ConfigError, match='warmline connect "town"'):
        await Keeper(store, source, stranger, lambda: NOW).fresh(Google().renew)

    assert await row(store) is not None


async def test_a_source_that_is_not_connected_says_how_to(store: Store, seal: Seal) -> None:
    await keep_source(store)
    async with store.read() as session:
        source = await sources.get(session, "crumb", "town")
    assert source is not None

    with pytest.raises(ConfigError, match='Run warmline connect "town"'):
        await Keeper(store, source, seal, lambda: NOW).fresh(Google().renew)


def test_without_a_key_nothing_is_stored_and_the_person_is_told_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="openssl rand -base64 32"):
        Seal(settings(tmp_path)).close(Tokens("a", NOW, "r"))


@pytest.mark.parametrize("key", ["secret", "", ",", f"{NEW},", f"{NEW};{OLD}", "Zm9v"])
def test_what_is_no_key_is_refused_and_not_quoted(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Seal(settings(tmp_path, key)).close(Tokens("a", NOW, "r"))

    assert len(key) < 5 or key not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_key_in_the_data_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "key").write_text(NEW, encoding="utf-8")
    inside = settings(tmp_path, token_key=Secret(file=tmp_path / "data" / "key"))

    with pytest.raises(ConfigError, match="another folder"):
        Seal(inside).close(Tokens("a", NOW, "r"))


def test_a_key_made_by_openssl_is_a_key(tmp_path: Path) -> None:
    seal = Seal(settings(tmp_path, "q+/8Hk1zsTzM+f0yV7kIXpYd3m6s7m8m1i0QFbyLx/8="))

    assert seal.open(seal.close(Tokens("a", NOW, "r"))) == Tokens("a", NOW, "r")


@pytest.fixture(scope="session")
def lasting_seal(tmp_path_factory: pytest.TempPathFactory) -> Seal:
    return Seal(settings(tmp_path_factory.mktemp("keys"), NEW, OLD))


@given(access=st.text(), refresh=st.text(), until=st.datetimes(timezones=st.just(UTC)))
def test_whatever_a_server_calls_a_token_comes_back_as_it_was(
    lasting_seal: Seal, access: str, refresh: str, until: datetime
) -> None:
    tokens_ = Tokens(access, until, refresh)

    assert lasting_seal.open(lasting_seal.rotated(lasting_seal.close(tokens_))) == tokens_
