"""Connecting an account: the question in the browser, the answer to it, and what is kept of that."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
import typer
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from config.errors import ConfigError, WarmlineError
from config.secrets import Secret
from config.settings import Settings, Table
from connectors.base import ConnectorType, Consent, Surroundings
from connectors.consent import Access, Question
from connectors.errors import SourceDenied
from connectors.http import open_session
from connectors.registry import Connectors
from listener import checkup, configuration, connecting, control, landing
from listener.household import Household
from listener.landing import NotTheAnswer, read_answer
from storage import Store, Token, audit, sources
from storage.database import store_url
from storage.lock import DataLock
from storage.states import SourceState
from storage.tokens import Seal
from tests.builders import NOW, Clock, Platform

CONFIG = """
[business]
name = "Crumb & Co."
[query]
match = '"Crumb & Co"'
[listener]
allow_hosts = ["127.0.0.0/8"]
[[sources]]
name = "town square"
type = "town"
server = "{server}"
client_secret = {{ env = "TOWN_SECRET" }}
[[sources]]
name = "cards"
type = "cards"
"""


class TownSettings(Table):
    server: str
    client_secret: Secret


class CardsSettings(Table):
    pass


def consent(settings: TownSettings) -> Consent:
    address = settings.server
    return Consent("Town", f"{address}/ask", f"{address}/token", ("read", "reply"), "c1", settings.client_secret)


class Town(Platform):
    """A platform that lets its connector's tokens be seen."""

    def __init__(self, settings: TownSettings, around: Surroundings) -> None:
        super().__init__(Clock())
        self.access = Access(around, consent(settings))


TOWN = ConnectorType(TownSettings, Town, "Hears the town.", consent)  # type: ignore[arg-type]
CARDS = ConnectorType(CardsSettings, lambda settings, around: Platform(Clock()), "Hears cards.")  # type: ignore[arg-type,return-value]


@dataclass
class Entry:
    """An entry point of our own."""

    name: str
    found: ConnectorType
    dist: None = None

    def load(self) -> ConnectorType:
        return self.found


def known() -> Connectors:
    return Connectors([Entry("town", TOWN), Entry("cards", CARDS)])  # type: ignore[list-item]


@dataclass
class Server:
    """A server that gives tokens for a code, once, to whoever proves to have put the question."""

    address: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    status: int = 200
    said: dict[str, Any] = field(
        default_factory=lambda: {"access_token": "acc3ss", "refresh_token": "refr3sh", "expires_in": 3600}
    )
    asked: list[dict[str, str]] = field(default_factory=list)

    def agree(self, question: str) -> dict[str, str]:
        """What the browser brings back when the owner has agreed to the question at this address."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(question).query).items()}
        self.codes["c0de"] = asked
        return {"state": asked["state"], "code": "c0de", "scope": asked["scope"]}

    async def respond(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(form)
        question = self.codes.pop(form.get("code", ""), None)
        if question is None or not self._proven(form, question):
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(self.said, status=self.status)

    @staticmethod
    def _proven(form: dict[str, str], question: dict[str, str]) -> bool:
        hashed = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        return (
            question["code_challenge"] == hashed.decode()
            and question["code_challenge_method"] == "S256"
            and question["redirect_uri"] == form["redirect_uri"]
            and (form["client_id"], form["client_secret"]) == ("c1", "t0wn-secret")
        )


@dataclass
class Home:
    """A configuration, a server, and what the terminal printed."""

    path: Path
    server: Server
    lines: asyncio.Queue[str]
    typing: int
    typed: int

    @property
    def settings(self) -> Settings:
        return configuration.read(self.path, known())

    def begin(self, source: str = "town square") -> asyncio.Task[None]:
        return asyncio.create_task(landing.connect(self.path, "", source, "", self.typed))

    async def question(self, task: asyncio.Task[None]) -> str:
        """The address to open in a browser."""
        while True:
            line = asyncio.create_task(self.lines.get())
            await asyncio.wait([line, task], return_when=asyncio.FIRST_COMPLETED)
            if not line.done():
                line.cancel()
                task.result()
            if (await line).strip().startswith("http"):
                return line.result().strip()

    def type(self, line: str) -> None:
        os.write(self.typing, f"{line}\n".encode())

    def printed(self) -> str:
        return "\n".join(self.lines.get_nowait() for _ in range(self.lines.qsize()))

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        store = await Store.open(store_url(self.settings))
        try:
            yield store
        finally:
            await store.close()


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Home]:
    server, lines = Server(), asyncio.Queue[str]()
    app = web.Application()
    app.router.add_post("/token", server.respond)
    key = tmp_path / "token.key"
    key.write_text(Fernet.generate_key().decode(), encoding="utf-8")
    monkeypatch.setenv("TOWN_SECRET", "t0wn-secret")
    monkeypatch.setattr("connectors.registry.installed", known)
    monkeypatch.setattr(typer, "echo", lambda line="", **_: lines.put_nowait(str(line)))
    typed, typing = os.pipe()
    async with TestServer(app, host="127.0.0.1") as running:
        server.address = f"http://127.0.0.1:{running.port}"
        path = tmp_path / "warmline.toml"
        said = CONFIG.format(server=server.address) + f'[storage]\ntoken_key = {{ file = "{key}" }}\n'
        path.write_text(said, encoding="utf-8")
        yield Home(path, server, lines, typing, typed)
    os.close(typed)
    os.close(typing)


@asynccontextmanager
async def daemon(home: Home) -> AsyncIterator[Household]:
    """A household that answers the terminal by its socket."""

    async def poll(source_id: int) -> None:
        return None

    async with AsyncExitStack() as stack:
        stack.enter_context(DataLock(home.settings.directory))
        household = await stack.enter_async_context(Household(home.settings, known(), lambda: NOW))
        await control.serve(household, poll, stack)  # type: ignore[arg-type]
        yield household


async def browse(question: str, said: dict[str, str], path: str = "") -> tuple[int, str, aiohttp.typedefs.LooseHeaders]:
    """What the browser shows when the platform sends it back with what was said."""
    back = parse_qs(urlsplit(question).query)["redirect_uri"][0]
    async with aiohttp.ClientSession() as session, session.get(f"{back}{path}?{urlencode(said)}") as answer:
        return answer.status, await answer.text(), dict(answer.headers)


async def kept(home: Home) -> Token | None:
    async with home.store() as store, store.read() as session:
        return (await session.exec(select(Token))).first()


async def test_who_agrees_in_the_browser_is_connected(home: Home) -> None:
    task = home.begin()
    question = await home.question(task)

    status, page, headers = await browse(question, home.server.agree(question))
    await task

    row = await kept(home)
    assert row is not None
    tokens = Seal(home.settings).open(row.sealed)
    assert tokens is not None
    assert (tokens.access, tokens.refresh) == ("acc3ss", "refr3sh")
    assert (status, "The terminal says what comes next." in page) == (200, True)
    assert headers["Cache-Control"] == "no-store"  # type: ignore[index,call-overload]


async def test_what_is_asked_for_is_what_the_connector_declares(home: Home) -> None:
    task = home.begin()

    asked = parse_qs(urlsplit(await home.question(task)).query)

    task.cancel()
    assert (asked["client_id"], asked["scope"], asked["response_type"]) == (["c1"], ["read reply"], ["code"])
    assert asked["redirect_uri"][0].startswith("http://127.0.0.1:")
    assert len(asked["state"][0]) >= 40


async def test_a_running_daemon_exchanges_and_keeps_the_tokens(home: Home) -> None:
    async with daemon(home) as household:
        source = await _source(household)
        async with household.store.work() as session:
            await sources.failed(session, source.id, SourceState.DENIED, "Not connected.", None, NOW)
        task = home.begin()
        question = await home.question(task)
        await browse(question, home.server.agree(question))
        await task

        (listening,) = (each for each in household.listening.values() if each.ear.source.name == "town square")
        headers = await listening.connector.access.headers()  # type: ignore[attr-defined]
        async with household.store.read() as session:
            trail = await audit.verify(session, "crumb-co")
        state = (await _source(household)).state

    assert headers == {"Authorization": "Bearer acc3ss"}
    assert (trail, state) == ([], SourceState.ON)


async def _source(household: Household) -> Any:
    async with household.store.read() as session:
        return await sources.get(session, "crumb-co", "town square")


async def test_the_address_can_be_pasted_on_a_machine_without_a_browser(home: Home) -> None:
    task = home.begin()
    question = await home.question(task)

    home.type(f"http://127.0.0.1:1/?{urlencode(home.server.agree(question))}#_=_")
    await task

    assert await kept(home) is not None


async def test_rubbish_and_old_answers_are_told_so_and_waited_on(home: Home) -> None:
    task = home.begin()
    question = await home.question(task)
    answer = home.server.agree(question)

    for line in (
        "",
        "hello",
        "http://[",
        "http://127.0.0.1/?code=c0de",
        f"http://x/?{urlencode(answer | {'state': 'old'})}",
    ):
        home.type(line)
    wrong, _, _ = await browse(question, answer | {"state": "of somebody else"})
    odd, _, _ = await browse(question, {"code": "c0de"})
    lost, _, _ = await browse(question, answer, "favicon.ico")
    assert not task.done()
    await browse(question, answer)
    await task

    assert (wrong, odd, lost) == (400, 400, 404)
    assert home.printed().count("Paste the whole address") == 4


async def test_a_no_in_the_browser_stores_nothing(home: Home) -> None:
    task = home.begin()
    question = await home.question(task)
    state = home.server.agree(question)["state"]

    await browse(question, {"state": state, "error": "access_denied"})

    with pytest.raises(WarmlineError, match=r"did not let us in \(access_denied\)"):
        await task
    assert await kept(home) is None


async def test_a_stranger_cannot_answer_no_for_the_owner(home: Home) -> None:
    task = home.begin()
    question = await home.question(task)

    status, _, _ = await browse(question, {"state": "guessed", "error": "access_denied"})

    assert (status, task.done()) == (400, False)
    task.cancel()


async def test_a_code_that_is_too_old_stores_nothing_and_says_what_to_do(home: Home) -> None:
    task = home.begin()
    question = await home.question(task)
    answer = home.server.agree(question)
    home.server.codes.clear()

    await browse(question, answer)

    with pytest.raises(WarmlineError) as refused:
        await task
    assert "invalid_grant" in refused.value.happened
    assert 'warmline connect "town square"' in refused.value.do
    assert await kept(home) is None


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, {"access_token": "acc3ss", "expires_in": 3600}),
        (200, {"token": "acc3ss"}),
        (200, {"access_token": "acc3ss", "refresh_token": "refr3sh", "expires_in": "soon"}),
        (500, {}),
        (403, {"error": "access_denied"}),
    ],
)
async def test_a_server_that_gives_no_lasting_access_stores_nothing(home: Home, status: int, said: Any) -> None:
    home.server.status, home.server.said = status, said
    task = home.begin()
    question = await home.question(task)

    await browse(question, home.server.agree(question))

    with pytest.raises(WarmlineError) as refused:
        await task
    assert "acc3ss" not in str(refused.value)
    assert await kept(home) is None


async def test_no_secret_is_printed_or_lies_readable_in_the_data(home: Home) -> None:
    task = home.begin()
    question = await home.question(task)
    await browse(question, home.server.agree(question))
    await task

    data = b"".join(file.read_bytes() for file in (home.path.parent / "data").rglob("*") if file.is_file())
    for secret in ("acc3ss", "refr3sh", "t0wn-secret", home.server.asked[0]["code_verifier"]):
        assert secret not in home.printed()
        assert secret.encode() not in data


async def test_connecting_again_replaces_what_was_kept(home: Home) -> None:
    for access in ("first", "second"):
        home.server.said["access_token"] = access
        task = home.begin()
        question = await home.question(task)
        await browse(question, home.server.agree(question))
        await task

    row = await kept(home)
    assert row is not None
    tokens = Seal(home.settings).open(row.sealed)
    assert tokens is not None
    assert (tokens.access, row.version) == ("second", 2)


async def test_what_is_missing_is_said_before_anybody_opens_a_browser(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = home.path.read_text(encoding="utf-8")
    home.path.write_text(text.partition("[storage]")[0], encoding="utf-8")

    with pytest.raises(ConfigError, match="openssl rand"):
        await landing.connect(home.path, "", "town square", "", home.typed)

    home.path.write_text(text, encoding="utf-8")
    monkeypatch.delenv("TOWN_SECRET")
    with pytest.raises(ConfigError, match="TOWN_SECRET"):
        await landing.connect(home.path, "", "town square", "", home.typed)

    assert "http" not in home.printed()


@pytest.mark.parametrize(("source", "says"), [("cards", "needs no connecting"), ("nowhere", "There is no source")])
async def test_what_cannot_be_connected_is_said_in_words(home: Home, source: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        await landing.connect(home.path, "", source, "", home.typed)


async def test_a_wait_that_is_stopped_leaves_nothing_open(home: Home) -> None:
    task = home.begin()
    question = await home.question(task)

    task.cancel()
    await asyncio.wait([task])

    with pytest.raises(aiohttp.ClientConnectorError):
        await browse(question, {})


async def test_a_look_from_the_terminal_uses_the_tokens_unless_a_daemon_has_them(home: Home) -> None:
    task = home.begin()
    question = await home.question(task)
    await browse(question, home.server.agree(question))
    await task
    (table, _) = home.settings.businesses["crumb-co"].sources

    async with connecting.keepers(home.settings, known(), lambda: NOW) as keeper_of:
        alone = await keeper_of("crumb-co", table)
        access = await alone.fresh(_never) if alone else ""
    with DataLock(home.settings.directory):  # as a daemon does
        async with connecting.keepers(home.settings, known(), lambda: NOW) as keeper_of:
            beside = await keeper_of("crumb-co", table)

    assert (access, beside) == ("acc3ss", None)


async def test_check_leaves_sources_to_the_daemon_that_has_their_tokens(home: Home) -> None:
    async with daemon(home), open_session() as session:
        lines = [line async for line in checkup.lines(home.settings, known(), session)]

    (line,) = (line for line in lines if line.what == 'source "town square"')
    assert (line.works, line.says) == (True, "asked by the daemon that runs; last answer never")


async def test_a_start_with_a_new_key_in_front_makes_the_old_one_dispensable(home: Home) -> None:
    task = home.begin()
    question = await home.question(task)
    await browse(question, home.server.agree(question))
    await task
    key, new = home.path.with_name("token.key"), Fernet.generate_key().decode()
    key.write_text(f"{new},{key.read_text(encoding='utf-8')}", encoding="utf-8")

    async with daemon(home):
        pass

    key.write_text(new, encoding="utf-8")
    row = await kept(home)
    assert row is not None
    assert Seal(home.settings).open(row.sealed) is not None


async def test_a_key_that_cannot_be_used_does_not_stop_the_other_sources(home: Home) -> None:
    home.path.with_name("token.key").write_text("no key", encoding="utf-8")

    async with daemon(home) as household:
        assert len(household.listening) == 2


async def _never(refresh: str) -> Any:
    raise AssertionError


QUESTION = Question(Consent("Town", "https://a.example", "https://t.example", (), "c1", Secret(env="X")), "http://x/")


@given(st.text() | st.dictionaries(st.sampled_from(["state", "code", "error"]), st.text()).map(urlencode))
def test_no_address_is_odd_enough_to_be_taken_for_an_answer(query: str) -> None:
    with pytest.raises(NotTheAnswer):
        read_answer(query, QUESTION)


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("access_denied", "access_denied"),
        ("Click <b>here</b>", "without a reason that can be read"),
        ("\x1b[2J", "without a reason that can be read"),
        ("a" * 41, "without a reason that can be read"),
    ],
)
def test_a_platforms_reason_is_shown_only_where_it_is_a_word(reason: str, shown: str) -> None:
    with pytest.raises(SourceDenied) as denied:
        read_answer(urlencode({"state": QUESTION.state, "error": reason}), QUESTION)

    assert denied.value.happened == f"Town did not let us in ({shown})."


def test_a_question_hides_its_secrets() -> None:
    assert QUESTION.state not in repr(QUESTION)
    assert QUESTION.proof not in repr(QUESTION)
    assert QUESTION.proof not in QUESTION.address


def test_the_command_is_there(tmp_path: Path) -> None:
    (tmp_path / "warmline.toml").write_text(CONFIG.partition("[listener]")[0], encoding="utf-8")
    warmline = Path(sys.executable).with_name("warmline")

    said = subprocess.run(
        [warmline, "connect", "reviews"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert said.returncode == 1
    assert 'There is no source "reviews".' in said.stderr
    assert "Traceback" not in said.stderr
