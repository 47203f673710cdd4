"""From a platform's JSON to mentions in the store, beside the raw driver and beside an insert at a time."""

from __future__ import annotations

import gc
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from benchmarks.grounds import Ground, Table, grounds, opened
from benchmarks.measuring import Figure, Say, Scale, compared, cpu, rates
from benchmarks.texts import NOW, bakery, pages
from config.settings import SourceTable
from connectors.base import Connector, Limit, Page, Post, Route, RouteKind, Traits
from connectors.lengths import Counter
from connectors.mastodon.parsing import parse
from listener.analysis.assessing import Assessor
from listener.analysis.matching import Matcher
from listener.pipeline import Ear, Listening, Understanding
from listener.poll import hear_page
from storage import Mention, Session, Store, mentions, sources

#: Rows that are inserted one at a time, which takes long and comes out the same for more.
ONE_BY_ONE = 500

Rows = Sequence[Mapping[str, Any]]
#: CPU seconds for all texts, by what was done, one for each round.
Spent = dict[str, list[float]]


async def measure(scale: Scale, say: Say) -> list[Figure]:
    """Ingest, storing alone and repeats on both databases, and what the time goes into."""
    bodies = pages(scale.texts)
    understanding = Understanding(Matcher({"crumb": bakery()}), Assessor(["de", "en"]))
    understanding.assessor.assess("A first text loads the models, so that no round has to.")
    figures: list[Figure] = []
    async with grounds() as kinds:
        for ground in kinds:
            spent: Spent = defaultdict(list)
            known = await _first(ground, bodies, understanding)
            gc.collect()
            gc.freeze()  # a daemon has no ten thousand rows lying about for its collector to walk over
            for number in range(scale.rounds):
                say(f"ingest on {ground.name}, round {number + 1} of {scale.rounds}")
                await _round(ground, bodies, understanding, known, spent)
            figures += _figures(ground, scale.texts, spent)
    return figures


def posts_of(body: bytes) -> list[Post]:
    """What the connector makes of one answer."""
    return parse(json.loads(body), own_id="1", account="crumb").posts


def route(post: Post) -> Route:
    """As the Mastodon connector would answer."""
    opening = f"@{post.author.handle} " if post.author else ""
    return Route(RouteKind.API, "It can be answered.", (Limit(Counter.CHARACTERS, 500),), opening)


async def listening_to(store: Store) -> Listening:
    """The bakery's source, without the network behind it."""
    async with store.read() as session:
        source = await sources.get(session, "crumb", "town")
    assert source is not None
    table = SourceTable(name="town", type="mastodon")
    connector = cast("Connector", SimpleNamespace(traits=Traits("mastodon")))
    return Listening(Ear(source, table, bakery(), route), connector)


async def hear_all(store: Store, bodies: Sequence[bytes], understanding: Understanding) -> int:
    """Parses and hears page after page, as a poll does; gives how many mentions were new."""
    listening, new = await listening_to(store), 0
    for body in bodies:
        page = Page(posts_of(body), {"at": "the end"})
        new += len((await hear_page(listening, page, store, understanding, NOW)).new)
    return new


async def _first(
    ground: Ground, bodies: Sequence[bytes], understanding: Understanding
) -> tuple[list[Rows], Mapping[str, Table]]:
    """Hears everything once; gives the rows of each page as they came to be stored, and as the driver reads them."""
    caught: list[Rows] = []
    insert = mentions.insert

    async def catch(session: Session, rows: Rows) -> list[int]:
        caught.append(rows)
        return await insert(session, rows)

    address = await ground.fresh()
    async with opened(address) as store:
        with patch.object(mentions, "insert", catch):
            await hear_all(store, bodies, understanding)
    return caught, await ground.rows(address)


async def _round(
    ground: Ground,
    bodies: Sequence[bytes],
    understanding: Understanding,
    known: tuple[list[Rows], Mapping[str, Table]],
    spent: Spent,
) -> None:
    caught, raw = known
    address = await ground.fresh()
    async with opened(address):
        pass
    spent["driver"].append(await ground.write(address, raw))
    spent["driver again"].append(await ground.write(address, raw))
    async with opened(await ground.fresh()) as store:
        began = ground.spent()
        await hear_all(store, bodies, understanding)
        spent["ingest"].append(ground.spent() - began)
        began = ground.spent()
        assert await hear_all(store, bodies, understanding) == 0
        spent["ingest again"].append(ground.spent() - began)
    async with opened(await ground.fresh()) as store:
        began = ground.spent()
        for rows in caught:
            async with store.work() as session:
                await mentions.insert(session, rows)
        spent["store"].append(ground.spent() - began)
    spent["one by one"].append(await _one_by_one(ground, caught))
    _understand(bodies, understanding, spent)


async def _one_by_one(ground: Ground, caught: Sequence[Rows]) -> float:
    """Records added and committed one at a time; the CPU seconds that all of them would take."""
    rows = [row for page in caught for row in page]
    some = [{key: value for key, value in row.items() if key != "author"} for row in rows[:ONE_BY_ONE]]
    async with opened(await ground.fresh()) as store:
        began = ground.spent()
        for row in some:
            async with store.work() as session:
                session.add(Mention(**row))
        return (ground.spent() - began) / len(some) * len(rows)


def _understand(bodies: Sequence[bytes], understanding: Understanding, spent: Spent) -> None:
    """What parsing, matching and assessing take, each alone."""
    began = cpu()
    posts = [post for body in bodies for post in posts_of(body)]
    spent["parse"].append(cpu() - began)
    began = cpu()
    for post in posts:
        understanding.matcher.match(post.text, platform=post.platform, language=post.language)
    spent["match"].append(cpu() - began)
    began = cpu()
    for post in posts:
        understanding.assessor.assess(post.text, language=post.language)
    spent["assess"].append(cpu() - began)


def _figures(ground: Ground, texts: int, spent: Spent) -> list[Figure]:
    on, unit = f"on {ground.name}", "mentions per CPU-s"
    speed = {name: rates(texts, seconds) for name, seconds in spent.items()}
    micros = [seconds / texts * 1e6 for seconds in spent["driver again"]]
    above = [seconds / texts * 1e6 - driver for seconds, driver in zip(spent["ingest again"], micros, strict=True)]
    figures = [
        compared("ingest", f"parse, match, assess, store {on}", unit, speed["ingest"], ground.driver, speed["driver"]),
        compared(
            "ingest",
            f"parse, match, assess, store {on}",
            unit,
            speed["ingest"],
            "an insert and commit at a time",
            speed["one by one"],
        ),
        compared("ingest", f"store alone {on}", unit, speed["store"], ground.driver, speed["driver"], "≥ 0.6"),
        compared(
            "ingest",
            f"store alone {on}",
            unit,
            speed["store"],
            "an insert and commit at a time",
            speed["one by one"],
        ),
        compared("ingest", f"known posts {on}, above the driver", "µs a post", above, ground.driver, micros),
    ]
    whole = [seconds / texts * 1e6 for seconds in spent["ingest"]]
    rest = whole
    for stage in ("parse", "match", "assess", "store"):
        each = [seconds / texts * 1e6 for seconds in spent[stage]]
        rest = [left - taken for left, taken in zip(rest, each, strict=True)]
        figures.append(compared("ingest", f"{stage}, its share {on}", "µs a post", each, "all of ingest", whole))
    figures.append(compared("ingest", f"all else, its share {on}", "µs a post", rest, "all of ingest", whole))
    return figures
