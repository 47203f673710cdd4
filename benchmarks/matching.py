"""A firehose against the queries of many businesses, JSON parsing included."""

from __future__ import annotations

import itertools
import json
import random

from benchmarks.measuring import Figure, Say, Scale, compared, cpu, rates
from benchmarks.texts import texts
from config.settings import BusinessSettings
from listener.analysis.matching import Matcher

#: How many businesses ask at once, and how many of them the target is about.
BUSINESSES, ANCHOR = (10, 100, 1_000, 10_000), 1_000
#: One event in so many is about one of the businesses.
RARE = 100

_FIRST = (
    "Amber", "Birch", "Copper", "Dapper", "Elder", "Fable", "Golden", "Harbour", "Ivory", "Juniper", "Kindred", "Lantern",
    "Maple", "Noble", "Olive", "Pepper", "Quiet", "Rusty", "Silver", "Tidal",
)  # fmt: skip
_SECOND = (
    "Anchor", "Badger", "Crane", "Dove", "Ember", "Fox", "Gate", "Heron", "Island", "Jay", "Kettle", "Lark", "Meadow",
    "Needle", "Otter", "Pine", "Quill", "Raven", "Stone", "Thistle",
)  # fmt: skip
_KIND = (
    "Bakery", "Books", "Cafe", "Cycles", "Dental", "Diner", "Florist", "Gallery", "Garage", "Gym", "Hardware", "Hotel",
    "Kitchen", "Laundry", "Market", "Optics", "Pharmacy", "Pottery", "Records", "Repairs", "Salon", "School", "Tailors",
    "Tavern", "Toys",
)  # fmt: skip


def names(count: int) -> list[str]:
    """So many businesses' names, all different."""
    product = itertools.product(_FIRST, _SECOND, _KIND)
    return [" ".join(words) for words in itertools.islice(product, count)]


def matcher(count: int) -> Matcher:
    """The queries of so many businesses: the name, its tag, and a namesake to leave out."""
    businesses = {}
    for number, name in enumerate(names(count)):
        joined = name.replace(" ", "").lower()
        businesses[f"b{number}"] = BusinessSettings.model_validate(
            {
                "id": f"b{number}",
                "business": {"name": name},
                "query": {"match": f'"{name}" OR #{joined} OR @{joined}', "unless": f'"{name} the novel"'},
            }
        )
    return Matcher(businesses)


def events(count: int) -> list[bytes]:
    """Posts in the shape in which a public firehose sends them; few are about a business of `names`."""
    chance = random.Random(2)  # noqa: S311 – the same events every time
    called = names(max(BUSINESSES))
    return [_event(number, text, chance, called) for number, text in enumerate(texts(count, seed=2))]


def _event(number: int, text: str, chance: random.Random, called: list[str]) -> bytes:
    name = chance.choice(called) if number % RARE == 0 else "that corner place"
    event = {
        "did": f"did:plc:{number:024d}",
        "time_us": 1_780_000_000_000_000 + number,
        "kind": "commit",
        "commit": {
            "rev": f"3l{number:011d}",
            "operation": "create",
            "collection": "app.bsky.feed.post",
            "rkey": f"3k{number:011d}",
            "record": {
                "$type": "app.bsky.feed.post",
                "createdAt": "2026-06-02T09:20:00.000Z",
                "langs": ["en"],
                "text": text.replace("Crumb & Co", name),
            },
            "cid": f"bafyrei{number:052d}",
        },
    }
    return json.dumps(event).encode()


async def measure(scale: Scale, say: Say) -> list[Figure]:
    """Events a second for ten to ten thousand businesses, beside parsing the same events."""
    stream = events(scale.texts)
    spent: dict[int, list[float]] = {count: [] for count in BUSINESSES}
    parsing: list[float] = []
    matchers = {}
    for count in BUSINESSES:
        say(f"matching: compiling the queries of {count:,} businesses")
        matchers[count] = matcher(count)
    for number in range(scale.rounds):
        say(f"matching, round {number + 1} of {scale.rounds}")
        began = cpu()
        for line in stream:
            json.loads(line)
        parsing.append(cpu() - began)
        for count, each in matchers.items():
            began, found = cpu(), 0
            for line in stream:
                record = json.loads(line)["commit"]["record"]
                found += bool(each.match(record["text"], platform="bluesky", language=record["langs"][0]))
            spent[count].append(cpu() - began)
        assert found == -(-len(stream) // RARE), "the last matcher knows every business, so it finds every event"
    return _figures(len(stream), spent, parsing)


def _figures(count: int, spent: dict[int, list[float]], parsing: list[float]) -> list[Figure]:
    unit, fewest = "events per CPU-s", min(BUSINESSES)
    figures = []
    for businesses, seconds in spent.items():
        what = f"{businesses:,} businesses' queries"
        target = "≥ 20,000 per CPU-s" if businesses == ANCHOR else ""
        speed = rates(count, seconds)
        figures.append(compared("matching", what, unit, speed, "json.loads alone", rates(count, parsing), target))
        if businesses != fewest:
            near = "near 1" if businesses == max(BUSINESSES) else ""
            few = rates(count, spent[fewest])
            figures.append(compared("matching", what, unit, speed, f"{fewest} businesses' queries", few, near))
    return figures
