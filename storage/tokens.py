"""Tokens of accounts that we were let into: kept encrypted, renewed by one at a time.

Some servers give a new refresh token with every renewal, and lock everybody
out when an old one is seen again. So whoever renews holds a lease on the row,
and what came of it is stored before anybody uses it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, or_, update
from sqlmodel import col, select

from config.errors import ConfigError
from config.settings import Settings
from storage.database import Session, Store
from storage.drafts import changed
from storage.models import Source, Token
from storage.statements import insert_into

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

#: 32 bytes in base64, of either alphabet.
_KEY = re.compile(r"[\w+/-]{43}=", re.ASCII)
#: A renewal is one request; whoever holds the lease for longer is gone.
LEASE = timedelta(minutes=2)
#: Seconds until those who wait for another process look again.
WAIT = 0.2


class Tokens(NamedTuple):
    """What a server gave for one account: an access token, until when to use it (aware), and what renews it."""

    access: str
    until: datetime
    refresh: str

    def __repr__(self) -> str:
        return f"Tokens(until={self.until.isoformat()})"


class Seal:
    """Encrypts with the newest key under `[storage] token_key`, and opens what any of the keys has closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys: MultiFernet | None = None

    @property
    def keys(self) -> MultiFernet:
        """The keys, newest first.

        Raises:
            ConfigError: there is none, it cannot be used, or it lies beside what it protects.
        """
        if self._keys is None:
            self._keys = _keys(self._settings)
        return self._keys

    def close(self, tokens: Tokens) -> str:
        """The tokens, encrypted.

        Raises:
            ConfigError: as `keys`.
        """
        said = {"access": tokens.access, "until": tokens.until.isoformat(), "refresh": tokens.refresh}
        return self.keys.encrypt(json.dumps(said).encode()).decode()

    def open(self, sealed: str) -> Tokens | None:
        """What `close` was given; None where no key fits.

        Raises:
            ConfigError: as `keys`.
        """
        keys = self.keys
        from cryptography.fernet import InvalidToken

        try:
            said = json.loads(keys.decrypt(sealed))
        except InvalidToken:
            return None
        return Tokens(said["access"], datetime.fromisoformat(said["until"]), said["refresh"])

    def rotated(self, sealed: str) -> str:
        """The same under the newest key; as it is where no key fits.

        Raises:
            ConfigError: as `keys`.
        """
        keys = self.keys
        from cryptography.fernet import InvalidToken

        try:
            return keys.rotate(sealed).decode()
        except InvalidToken:
            return sealed


def _keys(settings: Settings) -> MultiFernet:
    secret = settings.installation.storage.token_key
    if secret is None:
        raise ConfigError(
            "Tokens are kept encrypted, and there is no key for that.",
            "Nothing was stored.",
            'Make one with "openssl rand -base64 32", keep it outside of the data directory, and name it under '
            '[storage]: token_key = { file = "PATH" }.',
        )
    if secret.file is not None and secret.file.resolve().is_relative_to(settings.directory):
        raise ConfigError(
            f"token_key names {secret.where}, which lies in the data directory with what it protects.",
            "Nothing was stored.",
            "Move the key to another folder, so that a copy of the data does not hold it.",
        )
    try:
        from cryptography.fernet import Fernet, MultiFernet
    except ImportError as error:
        raise ConfigError(
            "Tokens cannot be encrypted: the library for that is not installed.",
            "Nothing was stored.",
            "Install Warmline together with what the source's documentation names.",
        ) from error
    try:
        return MultiFernet([Fernet(_key(key.strip())) for key in secret.read().split(",")])
    except ValueError:
        raise ConfigError(
            f"What token_key names in {secret.where} is not a key, or not only keys with commas in between.",
            "Nothing was stored.",
            'Make a key with "openssl rand -base64 32".',
        ) from None


def _key(text: str) -> str:
    """A key, if it is one; the library would overlook what stands behind it."""
    if not _KEY.fullmatch(text):
        raise ValueError("not a key")
    return text


async def keep(session: Session, source: Source, tokens: Tokens, seal: Seal) -> None:
    """Stores what was just obtained for a source, in place of what it had.

    Raises:
        ConfigError: it cannot be encrypted.
    """
    sealed = seal.close(tokens)
    statement = insert_into(session, Token).values(
        source_id=source.id, business_id=source.business_id, sealed=sealed, version=1
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["source_id"],
            set_={"sealed": sealed, "version": col(Token.version) + 1, "lease_until": None},
        )
    )


async def rotate(session: Session, seal: Seal) -> None:
    """Brings all tokens under the newest key, so that the older ones can go.

    Raises:
        ConfigError: the keys cannot be used.
    """
    for row in (await session.exec(select(Token))).all():
        statement = update(Token).where(col(Token.source_id) == row.source_id, col(Token.version) == row.version)
        await session.execute(statement.values(sealed=seal.rotated(row.sealed)))


class Keeper:
    """Keeps the tokens of one source; `now` gives the time (aware, UTC)."""

    def __init__(self, store: Store, source: Source, seal: Seal, now: Callable[[], datetime]) -> None:
        self._store = store
        self._source_id, self._name = source.id or 0, source.name
        self._seal = seal
        self._now = now
        self._turn = asyncio.Lock()
        self._renewal: asyncio.Task[str] | None = None

    async def fresh(self, renew: Callable[[str], Awaitable[tuple[str, datetime, str]]], refused: str = "") -> str:
        """An access token that still holds, and is another one than `refused`.

        One of all processes has it renewed; a renewal that has begun is
        brought to its end even if nobody waits for it any more.

        Raises:
            ConfigError: there are no tokens, or they cannot be read.
            WarmlineError: what `renew` raised, or the store.
        """
        async with self._turn:
            while True:
                tokens, version = await self._kept()
                if tokens.access != refused and tokens.until > self._now():
                    return tokens.access
                if await self._claim(version):
                    self._renewal = asyncio.create_task(self._renew(tokens, version, renew))
                    if access := await asyncio.shield(self._renewal):
                        return access
                await asyncio.sleep(WAIT)

    async def settle(self) -> None:
        """Waits until a renewal that has begun is stored."""
        if self._renewal is not None:
            await asyncio.wait([self._renewal])

    async def _kept(self) -> tuple[Tokens, int]:
        async with self._store.read() as session:
            row = await session.get(Token, self._source_id)
        if row is None:
            raise ConfigError(
                f'"{self._name}" is not connected to its account.',
                "Nothing was asked.",
                f'Run warmline connect "{self._name}".',
            )
        tokens = self._seal.open(row.sealed)
        if tokens is None:
            raise ConfigError(
                f'The tokens of "{self._name}" were encrypted with a key that token_key does not name any more.',
                "They are kept.",
                f'Put that key behind the new one, or run warmline connect "{self._name}".',
            )
        return tokens, row.version

    async def _claim(self, version: int) -> bool:
        """Takes the lease, unless somebody has it, or has stored other tokens meanwhile."""
        now = self._now()
        is_free = or_(col(Token.lease_until).is_(None), col(Token.lease_until) <= now)
        return await self._write(version, is_free, lease_until=now + LEASE)

    async def _renew(
        self, tokens: Tokens, version: int, renew: Callable[[str], Awaitable[tuple[str, datetime, str]]]
    ) -> str:
        """The new access token, once it is stored; "" where others were stored meanwhile."""
        is_stored = False
        try:
            renewed = Tokens(*await renew(tokens.refresh))
            is_stored = await self._write(
                version, sealed=self._seal.close(renewed), version=version + 1, lease_until=None
            )
        finally:
            if not is_stored:
                await self._write(version, lease_until=None)
        return renewed.access if is_stored else ""

    async def _write(self, seen: int, *conditions: ColumnElement[bool], **values: Any) -> bool:
        """Writes if the row still has the version that was seen."""
        statement = update(Token).where(
            col(Token.source_id) == self._source_id, col(Token.version) == seen, *conditions
        )
        async with self._store.work() as session:
            return await changed(session, statement.values(**values)) == 1
