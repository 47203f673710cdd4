"""A webhook is acknowledged once it is stored, and by nobody who has not signed it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, web
from aiohttp.test_utils import TestServer

from config.settings import Installation, Settings
from connectors.paste import Pasted
from connectors.registry import GROUP, Connectors
from listener import webhooks
from listener.household import Household
from listener.pasting import hear_pasted
from responders.inbox.security import LONGEST_FORM
from responders.proposing import draft_waiting
from storage import Mention, Sample, Store, drafts, mentions, sources
from storage.errors import StorageError
from tests.builders import Clock, business
from tests.conftest import skip_or_fail

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a long random text that nobody guesses"
SOURCES = (
    {"name": "orders", "type": "webhook", "filter": False, "secret": {"env": "ORDERS_SECRET"}},
    {"name": "forms", "type": "webhook", "secret": {"env": "FORMS_SECRET"}},
    {"name": "pasted", "type": "paste"},
)
KNOWN = [EntryPoint(name, f"connectors.{name}:CONNECTOR", GROUP) for name in ("webhook", "paste")]


@dataclass
class Gate:
    """A household whose addresses for webhooks are open on this machine."""

    household: Household
    clock: Clock
    base: str
    client: ClientSession
    _numbers: Any = field(default_factory=lambda: iter(range(1000)))

    async def send(
        self, content: Any, path: str = "crumb/orders", secret: str = SECRET, request: str = ""
    ) -> tuple[int, Any]:
        """Sends what a sender with this secret would; gives the status and the answer."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        request = request or f"msg-{next(self._numbers)}"
        sent_at = str(int(self.clock().timestamp()))
        signed = hmac.new(secret.encode(), f"{request}.{sent_at}.".encode() + body, hashlib.sha256).digest()
        headers = {
            "webhook-id": request,
            "webhook-timestamp": sent_at,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }
        async with self.client.post(f"{self.base}/webhooks/{path}", data=body, headers=headers) as answer:
            return answer.status, await self._read(answer)

    async def _read(self, answer: ClientResponse) -> Any:
        self.last = answer
        return json.loads(await answer.text())

    async def heard(self, name: str = "crumb") -> list[Mention]:
        async with self.household.store.read() as session:
            return list(await mentions.history(session, name, before=None, limit=100))

    async def samples(self) -> list[Sample]:
        async with self.household.store.read() as session:
            return [sample for sample, _ in await sources.samples(session, "crumb")]


@pytest.fixture
async def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gate]:
    monkeypatch.setenv("ORDERS_SECRET", SECRET)
    monkeypatch.setenv("FORMS_SECRET", "another secret")
    clock = Clock()
    settings = Settings(installation=Installation(), businesses={"crumb": business(sources=SOURCES)}, home=tmp_path)
    settings.directory.mkdir()
    async with Household(settings, Connectors(KNOWN), clock) as household:
        app = web.Application(client_max_size=LONGEST_FORM)
        webhooks.add_routes(app, household)
        async with TestServer(app, host="127.0.0.1") as server, ClientSession() as client:
            yield Gate(household, clock, str(server.make_url("")).rstrip("/"), client)


async def test_a_signed_post_is_stored_and_gets_a_draft(gate: Gate) -> None:
    post = {
        "id": "r-1",
        "text": "Found a hair in my bun.",
        "rating": 1,
        "author": "Ana",
        "url": "https://app.example/1",
    }

    status, answer = await gate.send(post)

    (mention,) = await gate.heard()
    assert (status, answer) == (200, {"new": 1, "edited": 0, "gone": 0})
    assert (mention.platform, mention.text, mention.rating, mention.route) == ("webhook", post["text"], 1.0, "handoff")
    household = gate.household
    assert await draft_waiting(household.store, household.businesses, household.drafter, gate.clock()) == 1


async def test_it_is_stored_before_it_is_acknowledged(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that fails is never answered with success."""

    class Full:
        async def __aenter__(self) -> None:
            raise StorageError("The disk is full.")

        async def __aexit__(self, *_: object) -> None: ...

    with monkeypatch.context() as patch:
        patch.setattr(Store, "work", lambda _: Full())
        status, answer = await gate.send({"id": "r-1", "text": "Cold."}, request="msg-a")
        assert (status, gate.last.headers["Retry-After"]) == (503, "60")
        assert "The disk is full. Nothing was stored." in answer["fault"]

    again, _ = await gate.send({"id": "r-1", "text": "Cold."}, request="msg-a")

    assert again == 200
    assert len(await gate.heard()) == 1


async def test_a_request_that_comes_twice_is_heard_once(gate: Gate) -> None:
    first = await gate.send({"id": "r-1", "text": "Cold."}, request="msg-a")
    second = await gate.send({"id": "r-1", "text": "Cold."}, request="msg-a")

    assert (first[0], second[0]) == (200, 409)
    assert len(await gate.heard()) == 1


async def test_of_two_equal_requests_at_once_one_is_taken(gate: Gate) -> None:
    answers = await asyncio.gather(*(gate.send({"id": "r-1", "text": "Cold."}, request="msg-a") for _ in range(5)))

    assert sorted(status for status, _ in answers) == [200, 409, 409, 409, 409]


async def test_a_request_is_remembered_through_a_restart(gate: Gate) -> None:
    await gate.send({"id": "r-1", "text": "Cold."}, request="msg-a")
    await gate.household.apply(gate.household.settings)

    status, _ = await gate.send({"id": "r-1", "text": "Cold."}, request="msg-a")

    assert status == 409


async def test_a_stranger_leaves_no_trace(gate: Gate) -> None:
    status, answer = await gate.send({"id": "r-1", "text": "Cold."}, secret="another secret")

    assert (status, await gate.heard(), await gate.samples()) == (401, [], [])
    assert answer == {
        "fault": "The request is not taken. Its signature is not that of the secret we share. Nothing was stored."
    }


async def test_an_edit_is_the_same_mention(gate: Gate) -> None:
    await gate.send({"id": "r-1", "text": "Cold."})
    _, answer = await gate.send({"id": "r-1", "text": "Cold, but they made it good."})

    (mention,) = await gate.heard()
    assert answer["edited"] == 1
    assert (mention.text, mention.revision) == ("Cold, but they made it good.", 2)


async def test_a_deleted_post_is_forgotten(gate: Gate) -> None:
    await gate.send({"id": "r-1", "text": "Cold."})
    _, answer = await gate.send({"id": "r-1", "gone": True})

    (mention,) = await gate.heard()
    assert answer["gone"] == 1
    assert mention.text == ""


async def test_what_cannot_be_read_is_named_and_kept_and_the_rest_is_heard(gate: Gate) -> None:
    sent = {"posts": [{"id": "r-1", "text": "Cold."}, {"id": "r-2", "text": "Six!", "rating": 6}]}

    status, answer = await gate.send(sent)
    broken, _ = await gate.send(b"{")

    assert (status, broken) == (422, 422)
    assert answer["new"] == 1
    assert answer["faults"] == ["Post 2 cannot be read (rating: Input should be less than or equal to 5)."]
    assert sorted(sample.reason for sample in await gate.samples()) == [*answer["faults"], "The request is not JSON."]


async def test_a_source_with_a_filter_hears_only_what_names_the_business(gate: Gate) -> None:
    posts = [{"id": "r-1", "text": "I like Crumb & Co."}, {"id": "r-2", "text": "I like rain."}]

    await gate.send({"posts": posts}, "crumb/forms", "another secret")

    assert [mention.text for mention in await gate.heard()] == ["I like Crumb & Co."]


async def test_a_request_that_is_too_large_is_not_read(gate: Gate) -> None:
    status, answer = await gate.send(b" " * (LONGEST_FORM + 1))

    assert status == 413
    assert answer["fault"].startswith("The request is too large.")


@pytest.mark.parametrize("path", ["crumb/nothing", "petal/orders", "crumb/pasted", "crumb/%00", "crumb/..%2Forders"])
async def test_other_addresses_take_nothing(gate: Gate, path: str) -> None:
    assert (await gate.send({"id": "r-1", "text": "Cold."}, path))[0] == 404


async def test_a_source_that_is_not_open_asks_to_come_again(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORDERS_SECRET")
    await gate.household.apply(gate.household.settings)

    status, _ = await gate.send({"id": "r-1", "text": "Cold."})

    assert (status, gate.last.headers["Retry-After"]) == (503, "60")


async def test_too_many_requests_are_asked_to_wait(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.webhook.MOST", 1)
    await gate.send({"id": "r-1", "text": "Cold."})

    status, _ = await gate.send({"id": "r-2", "text": "Cold."})

    assert (status, gate.last.headers["Retry-After"]) == (429, "300")


async def test_the_commands_in_the_documentation_work(gate: Gate, tmp_path: Path) -> None:
    text = (ROOT / "docs/sources/webhook.md").read_text(encoding="utf-8")
    (commands,) = [each for each in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "curl" in each]
    gate.clock.at = datetime.now(UTC)  # the commands know no other
    script = commands.replace("https://inbox.crumb.example/webhooks/crumb-co", f"{gate.base}/webhooks/crumb")

    try:
        shell = await asyncio.create_subprocess_exec(
            "bash", "-euc", script,
            env={"ORDERS_SECRET": SECRET, "PATH": os.environ["PATH"]}, cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except FileNotFoundError:
        skip_or_fail("there is no bash")
    out, err = await shell.communicate()

    assert shell.returncode == 0, err.decode()
    assert json.loads(out) == {"new": 1, "edited": 0, "gone": 0}
    assert len(await gate.heard()) == 1


# --- what people paste goes the same way


async def test_what_is_pasted_is_heard_whatever_words_it_holds(gate: Gate) -> None:
    kept = await hear_pasted(gate.household, "crumb", Pasted("Hard as stone.", "https://www.yelp.com/biz/1", 1.0))

    (mention,) = await gate.heard()
    assert kept == (mention.id, True)
    assert (mention.platform, mention.route) == ("yelp", "handoff")
    household = gate.household
    await draft_waiting(household.store, household.businesses, household.drafter, gate.clock())
    async with household.store.read() as session:
        assert len(await drafts.for_mention(session, "crumb", mention.id or 0)) == 1


async def test_what_is_pasted_twice_is_one_mention(gate: Gate) -> None:
    pasted = Pasted("Hard as stone.", "https://www.yelp.com/biz/1")

    first, second = [await hear_pasted(gate.household, "crumb", pasted) for _ in range(2)]

    assert first is not None
    assert second == (first[0], False)


async def test_what_was_erased_does_not_come_back_by_pasting(gate: Gate) -> None:
    pasted = Pasted("Hard as stone.", author="Ana")
    await hear_pasted(gate.household, "crumb", pasted)
    (mention,) = await gate.heard()
    await gate.household.forget("crumb", mention.author_id or 0, "Jo")

    assert await hear_pasted(gate.household, "crumb", pasted) is None
