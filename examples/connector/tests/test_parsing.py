"""What the forum answers is read without a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from warmline_discourse import parse

POSTS = json.loads(Path(__file__).with_name("fixtures").joinpath("posts.json").read_text(encoding="utf-8"))


def test_posts_are_read_oldest_first_and_a_broken_one_is_a_fault() -> None:
    posts, faults = parse(POSTS["latest_posts"], "https://forum.crumb.example", "crumb")

    assert [post.external_id for post in posts] == ["41", "42"]
    assert len(faults) == 1


def test_a_post_says_who_calls_whom_and_what_is_ours() -> None:
    (ours, theirs), _ = parse(POSTS["latest_posts"], "https://forum.crumb.example", "crumb")

    assert (ours.own, ours.summons, ours.title) == (True, False, "")
    assert (theirs.own, theirs.summons, theirs.title) == (False, True, "Hard rye")
    assert theirs.text == "@crumb the rye was hard today & cold"
    assert theirs.edited_at == datetime(2026, 6, 2, 9, 6, tzinfo=UTC)
    assert theirs.url == "https://forum.crumb.example/p/42"
