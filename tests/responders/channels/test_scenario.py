"""The story in chats by simulation: with windows, with prompts, keeping taps or losing them, and without revisions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from responders.channels.base import Editor
from storage import Store
from tests.responders.channels.scenario import SCENARIO, Step, play
from tests.responders.channels.simulated import LIMITS, Server, SimulatedHand

KINDS = {
    "with windows": LIMITS,
    "with prompts": replace(LIMITS, editor=Editor.REPLY, keeps=True),
    "without revisions": replace(LIMITS, editor=Editor.REPLY, keeps=True, wordings=False),
}


#: The steps in which it matters how a chat asks, keeps taps and carries revisions.
TELLING = ("edit", "press", "rejection", "putting_off", "restart", "tap_while", "deleted")
PLAYED = [
    (step, kind)
    for kind in KINDS
    for step in SCENARIO
    if kind == "with windows" or any(word in step.__name__ for word in TELLING)
]


@pytest.mark.parametrize(("step", "kind"), PLAYED, ids=[f"{step.__name__}-{kind}" for step, kind in PLAYED])
async def test_the_story(step: Step, kind: str, sqlite_store: Store) -> None:
    await play(step, SimulatedHand(Server(KINDS[kind])), sqlite_store)
