"""Words that nobody should have to read unprepared."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

from storage import Mention


@cache
def _patterns() -> re.Pattern[str]:
    """All patterns of `abuse.toml` as one; whole words, in upper and lower case alike."""
    lists = tomllib.loads(Path(__file__).with_name("abuse.toml").read_text(encoding="utf-8"))
    words = [pattern for patterns in lists.values() for pattern in patterns]
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE)


def is_abusive(mention: Mention) -> bool:
    """Whether a mention insults or threatens people, so that a card veils its words until somebody wants to see them."""
    return _patterns().search(f"{mention.title} {mention.text}") is not None
