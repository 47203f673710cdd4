"""Each platform on this machine: one server that signs everybody in and then says what a test wants."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientTimeout, web
from yarl import URL

from connectors.base import Connector, Renew, Surroundings
from tests.connectors.loopback import serve
from tests.contracts.discovery import FIXTURES, SECRET, options_of, type_of

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: How every platform lets us in, by the end of the path.
_TOKEN = {"access_token": SECRET, "token_type": "bearer", "expires_in": 3600, "scope": "*", "refresh_token": SECRET}
SIGN_IN: Mapping[str, Any] = {
    r"/(access_?token|token)$": _TOKEN,
    r"/com\.atproto\.server\.createSession$": {
        "did": "did:plc:bakery",
        "handle": "bakery.example",
        # The library reads from the tokens when they end: in the year 2255.
        "accessJwt": "e30.eyJleHAiOiA5MDAwMDAwMDAwfQ.e30",
        "refreshJwt": "e30.eyJleHAiOiA5MDAwMDAwMDAwfQ.e30",
    },
    r"/verify_credentials/?$": {"id": "01BAKERY", "username": "bakery", "acct": "bakery", "display_name": "Bakery"},
    r"/api/v[12]/instance/?$": {"uri": "town.example", "version": "4.5.0", "domain": "town.example"},
    r"/accounts$": {"accounts": [{"name": "accounts/7"}]},
    r"/accounts/[^/]+/locations$": "google_business/locations.json",
    r"/v\d+\.\d+/\d+$": {"id": "100", "name": "Crumb & Co.", "username": "crumbandco"},
}


def _fixture(kind: str, name: str) -> Any:
    return json.loads((FIXTURES / kind / name).read_bytes())


#: What each platform shows, first its lists and then the single post that is answered; what is not named is empty.
LISTS: Mapping[str, Mapping[str, Any]] = {
    "app_store": {r"/customerReviews$": "reviews.json"},
    "bluesky": {
        r"listNotifications$": "notifications.json",
        r"searchPosts$": {"posts": []},
        r"getPosts$": {"posts": _fixture("bluesky", "notifications.json")["notifications"]},
    },
    "facebook": {rf"/{edge}$": f"{edge}.json" for edge in ("feed", "tagged", "ratings", "comments")},
    "feed": {r"/": "blog.rss"},
    "google_business": {
        r"/reviews$": "reviews.json",
        **{
            rf"/reviews/{each['reviewId']}$": {key: value for key, value in each.items() if key != "reviewReply"}
            for each in _fixture("google_business", "reviews.json")["reviews"]
            if "reviewId" in each
        },
    },
    "google_play": {r"/reviews$": "reviews.json"},
    "hackernews": {r"/search_by_date$": "search.json"},
    "instagram": {rf"/{edge}$": f"{edge}.json" for edge in ("media", "tags", "comments")},
    "mastodon": {
        r"/notifications/?$": "mention.json",
        r"/search/?$": {"statuses": []},
        r"/timelines/": [],
        r"/statuses/\w+/?$": _fixture("mastodon", "mention.json")[0]["status"],
    },
    "reddit": {r"/message/inbox/?$": "inbox.json", r"/": {"kind": "Listing", "data": {"children": [], "after": None}}},
    "trustpilot": {
        r"/reviews$": "reviews.json",
        r"/private/reviews/\w+$": _fixture("trustpilot", "reviews.json")["reviews"][0],
    },
    "x": {r"/mentions$": "mentions.json", r"/search/recent$": {"meta": {"result_count": 0}}},
    "youtube": {r"/commentThreads$": "threads.json", r"/": {"items": []}},
}
#: Types whose settings name the server.
SERVED_AT: Mapping[str, str] = {"bluesky": "server", "mastodon": "server"}
#: Types that read files: what lies where their example looks.
FILES: Mapping[str, Mapping[str, str]] = {
    "replay": {"week.jsonl": "../../contracts/fixtures/replay.jsonl"},
    "survey": {"exports/week.csv": "survey/week.csv", "exports/week.jsonl": "survey/week.jsonl"},
}


@cache
def secrets(kind: str) -> Mapping[str, str]:
    """The secrets of a type that must have a form, by key."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    def pem(key: Any) -> str:
        return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())

    if kind == "app_store":
        return {"private_key": pem(ec.generate_private_key(ec.SECP256R1()))}
    if kind == "google_play":
        account = {"client_email": "warmline@crumb.example", "token_uri": "https://oauth.example/token"}
        key = pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        return {"service_account": json.dumps(account | {"private_key": key})}
    return {"access_token": f"42-{SECRET}"} if kind == "x" else {}


class Rerouted:
    """The shared session, for which every address on the web is the server here."""

    def __init__(self, session: Any, base: str) -> None:
        self._session, self._base = session, URL(base)

    def request(self, method: str, url: Any, **more: Any) -> Any:
        here = URL(url).with_scheme("http").with_host(str(self._base.host)).with_port(self._base.port)
        return self._session.request(method, here, **more)

    def get(self, url: Any, **more: Any) -> Any:
        return self.request("GET", url, **more)


class Kept:
    """Tokens as `warmline connect` keeps them."""

    async def fresh(self, renew: Renew, refused: str = "") -> str:
        return f"{SECRET}-renewed" if refused else SECRET


@dataclass
class World:
    """One platform: what it says instead of its lists (`says`), for which methods and at the sign-in; what it was asked."""

    kind: str
    says: Respond | None = None
    says_to: tuple[str, ...] = ("GET", "POST", "PUT")
    at_the_door: Respond | None = None
    lists: Mapping[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        for pattern, body in SIGN_IN.items():
            if re.search(pattern, path):
                return await self.at_the_door(request) if self.at_the_door else _answer(body, "")
        self.asked.append(f"{request.method} {path}")
        if self.says is not None and request.method in self.says_to:
            return await self.says(request)
        for pattern, body in self.lists.items():
            if re.search(pattern, path):
                return _answer(body, self.kind)
        return web.json_response({"data": []})


def _answer(body: Any, folder: str) -> web.Response:
    if not isinstance(body, str):
        return web.json_response(body)
    content = (FIXTURES / folder / body).read_bytes()
    return web.Response(body=content, content_type="application/json" if body.endswith("json") else "application/xml")


@asynccontextmanager
async def opened(
    entry: EntryPoint, monkeypatch: pytest.MonkeyPatch, home: Path, patience: float = 10, **changes: Any
) -> AsyncIterator[tuple[Connector, World]]:
    """The connector of the documentation's first example, with `changes`, in its world."""
    world = World(entry.name, lists=LISTS.get(entry.name, {}))
    for place, fixture in FILES.get(entry.name, {}).items():
        (home / place).parent.mkdir(parents=True, exist_ok=True)
        (home / place).write_bytes((FIXTURES / fixture).read_bytes())
    async with serve(world.respond, patience=ClientTimeout(total=patience, sock_read=patience)) as web_:
        options = options_of(entry, monkeypatch, secrets(entry.name)) | changes
        if entry.name in SERVED_AT:
            options[SERVED_AT[entry.name]] = web_.base
        around = replace(web_.around, session=Rerouted(web_.around.session, web_.base), home=home, tokens=Kept())  # type: ignore[arg-type]
        connector = _built(entry, type_of(entry).settings.model_validate(options), around, web_.base)
        yield connector, world
        await connector.close()


def _built(entry: EntryPoint, settings: Any, around: Surroundings, base: str) -> Connector:
    if entry.name != "reddit":
        return type_of(entry).build(settings, around)
    from connectors.reddit.connector import Reddit  # praw opens connections of its own

    return Reddit(settings, around, site=base, api=base)
