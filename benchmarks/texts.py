"""Posts of our own making, the same in every run: short texts from templates, as a platform's JSON."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from config.settings import BusinessSettings

#: What all posts are dated by: a Tuesday morning.
NOW = datetime(2026, 6, 2, 9, 20, tzinfo=UTC)
#: Posts in a page.
PAGE = 100

_TEMPLATES = (
    "Just had the best {thing} of my life at Crumb & Co, thank you {person}!",
    "Waited {number} minutes for one {thing} at Crumb & Co and nobody even said sorry.",
    "Does anybody know whether Crumb & Co has {thing} on {day}?",
    "The {thing} from Crumb & Co was stale again. Third time this month, I'm done.",
    "{person} at Crumb & Co was so kind to my daughter on {day}, we will be back.",
    "Crumb & Co charged me twice for a {thing}, {number} euros gone. How do I get it back?",
    "Found a hair in my {thing} at Crumb & Co this morning. Disgusting.",
    "It would be lovely if Crumb & Co opened earlier on {day}.",
    "{number} people in the queue at Crumb & Co and still everybody is smiling. Love this place.",
    "Crumb & Co is closed although the website says open until {number}. Great start to my {day}.",
    "Is there a {thing} without nuts at Crumb & Co? My son is allergic.",
    "Sitting at Crumb & Co with a {thing} and a book. #{day}",
    "Das {thing} von Crumb & Co war heute leider völlig vertrocknet, schade.",
    "Danke an {person} von Crumb & Co, der {thing} war wunderbar!",
)
_THINGS = (
    "sourdough", "cinnamon bun", "rye loaf", "plum cake", "cheesecake", "pretzel", "quiche", "cappuccino", "croissant",
    "poppy seed roll", "hot chocolate", "walnut loaf",
)  # fmt: skip
_PEOPLE = ("Mia", "Ben", "Jo", "the new apprentice", "the lady at the till")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def bakery() -> BusinessSettings:
    """The business that the posts are about."""
    return BusinessSettings.model_validate(
        {
            "id": "crumb",
            "business": {
                "name": "Crumb & Co.",
                "kind": "bakery",
                "time_zone": "Europe/Berlin",
                "languages": ["en", "de"],
                "products": list(_THINGS),
                "people": ["Mia", "Ben", "Jo"],
            },
            "query": {"match": '"Crumb & Co" OR crumbandco OR #crumbandco', "unless": '"crumb trail"'},
            "voice": {"sign_off": "Mia", "may_promise": ["look into it today"]},
            "places": [
                {"name": "Main Street", "contact": "hello@crumb.example", "hours": {"mon-sat": "07:00-18:00"}},
            ],
            "staff": [{"name": "Jo", "role": "owner"}, {"name": "Mia"}],
        }
    )


def texts(count: int, seed: int = 1) -> list[str]:
    """`count` short texts about the bakery."""
    chance = random.Random(seed)  # noqa: S311 – the same texts every time
    return [
        chance.choice(_TEMPLATES).format(
            thing=chance.choice(_THINGS),
            person=chance.choice(_PEOPLE),
            day=chance.choice(_DAYS),
            number=chance.randint(2, 90),
        )
        for _ in range(count)
    ]


def pages(count: int) -> list[bytes]:
    """`count` posts as a Mastodon server would answer them, a page at a time."""
    statuses = [_status(number, text) for number, text in enumerate(texts(count))]
    return [json.dumps(statuses[start : start + PAGE]).encode() for start in range(0, count, PAGE)]


def _status(number: int, text: str) -> dict[str, Any]:
    at = NOW - timedelta(minutes=number % 7200)
    writer = f"writer{number % 3000}"
    return {
        "id": str(10_000_000 + number),
        "created_at": at.isoformat(),
        "content": f"<p>{text.replace('&', '&amp;')}</p>",
        "url": f"https://town.example/@{writer}/{number}",
        "language": "de" if text.startswith(("Das", "Danke")) else "en",
        "visibility": "public",
        "account": {
            "id": str(number % 3000),
            "acct": writer,
            "display_name": writer.title(),
            "url": f"https://town.example/@{writer}",
        },
        "mentions": [],
    }
