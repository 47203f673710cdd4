"""Matrix on a real homeserver: cards, reactions, threads, and what happens while we are away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from config.secrets import Secret
from responders.channels.base import Act, Button, Card, Kind, Line, Option, Press, Question, Ref, Style, Verb
from responders.channels.matrix.channel import MatrixChannel
from responders.errors import ChannelDenied, ChannelError, ChannelLimited
from storage import Store
from tests.responders.channels.matrix_hand import MatrixHand, make_room, matrix_hand
from tests.responders.channels.scenario import SCENARIO, Step, eventually, play
from tests.responders.channels.taker import NOW, Notes, Recorder, surroundings
from tests.servers import start_server

pytestmark = pytest.mark.e2e

APPROVE, EDIT, REJECT = (Press(verb, 17, 3) for verb in (Verb.APPROVE, Verb.EDIT, Verb.REJECT))


def card(revision: int = 3, text: str = "I am so sorry, Ana. — Mia") -> Card:
    return Card(
        (Line(Kind.TITLE, "Ana on Google, 2 stars"), Line(Kind.QUOTE, "A *hair* in <her> cake."), Line(Kind.DRAFT, text)),
        (
            (Button("Approve", Press(Verb.APPROVE, 17, revision), style=Style.MAIN), Button("Edit", Press(Verb.EDIT, 17, revision))),
            (Button("Reject", Press(Verb.REJECT, 17, revision)), Button("Open", url="https://inbox.example/drafts/17")),
        ),
    )  # fmt: skip


@pytest.fixture(scope="session")
def synapse(shared: Path) -> Iterator[str]:
    with start_server("matrix", USERS="warmline,jo,mia,jon,eve") as ready:
        yield ready["homeserver"]


@pytest.fixture
async def hand(synapse: str) -> AsyncIterator[MatrixHand]:
    async with matrix_hand(synapse) as hand:
        yield hand


@asynccontextmanager
async def listening(hand: MatrixHand, taker: Recorder, memory: Notes) -> AsyncIterator[MatrixChannel]:
    async with surroundings(memory) as around:
        channel = await hand.open(around)
        taker.channel = channel
        run = asyncio.create_task(channel.run(taker))
        yield channel
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
        await channel.close()


async def acts(taker: Recorder, number: int = 1) -> list[Act]:
    """The first so many acts, once they are there."""

    async def look() -> list[Act]:
        return taker.acts if len(taker.acts) >= number else []

    return await eventually(look)


async def is_listening(memory: Notes) -> str:
    """Waits until the stream has begun."""
    return await eventually(lambda: memory.get("since"))


async def test_a_card_is_shown_with_its_legend_and_reacted_to_first(hand: MatrixHand) -> None:
    async with listening(hand, Recorder(), Notes()) as channel:
        ref = await channel.post(hand.place, card(), "card-17-3")

    (seen,) = await hand.cards()
    assert seen.ref == ref
    assert seen.text == "Ana on Google, 2 stars\n> A *hair* in <her> cake.\n\nI am so sorry, Ana. — Mia\n"
    assert (seen.buttons, seen.links) == (("Approve", "Edit", "Reject"), ("https://inbox.example/drafts/17",))
    signs = [e["content"]["m.relates_to"]["key"] for e in await hand.events() if e["type"] == "m.reaction"]
    assert signs == ["✅", "✏️"]


async def test_the_same_key_shows_one_card(hand: MatrixHand) -> None:
    async with listening(hand, Recorder(), Notes()) as channel:
        first = await channel.post(hand.place, card(), "card-17-3")
        again = await channel.post(hand.place, card(), "card-17-3")

    assert (first, len(await hand.cards())) == (again, 1)


async def test_a_reaction_becomes_an_act_of_its_person(hand: MatrixHand) -> None:
    taker, memory = Recorder(), Notes()

    async with listening(hand, taker, memory) as channel:
        await is_listening(memory)
        ref = await channel.post(hand.place, card(), "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Approve")
        (act,) = await acts(taker)

    assert (act.actor, act.press, act.ref, act.answers) == ("@mia:localhost", APPROVE, ref, False)


async def test_two_people_at_once_are_both_heard(hand: MatrixHand) -> None:
    taker, memory = Recorder(), Notes()

    async with listening(hand, taker, memory) as channel:
        await is_listening(memory)
        await channel.post(hand.place, card(), "card-17-3")
        (seen,) = await hand.cards()
        await asyncio.gather(hand.tap("Mia", seen, "Approve"), hand.tap("Jon", seen, "Reject"))
        heard = await acts(taker, 2)

    assert {(act.actor, act.press) for act in heard} == {("@mia:localhost", APPROVE), ("@jon:localhost", REJECT)}


async def test_a_reaction_while_we_were_away_is_recovered_once_also_behind_a_hole_in_the_stream(
    hand: MatrixHand,
) -> None:
    memory, taker = Notes(), Recorder()
    async with listening(hand, Recorder(), memory) as channel:
        await is_listening(memory)
        ref = await channel.post(hand.place, card(), "card-17-3")
    await hand.tap("Mia", (await hand.cards())[0], "Approve")
    for number in range(60):
        await hand.write("Jon", f"message {number}")

    async with listening(hand, taker, memory) as channel:
        missed = await channel.missed([ref])
        await hand.tap("Jon", (await hand.cards())[0], "Reject")
        await eventually(lambda: found(taker, "@jon:localhost"))

    assert [act.press for act in (*missed, *taker.acts)] == [APPROVE, REJECT]


async def found(taker: Recorder, actor: str) -> list[Act]:
    return [act for act in taker.acts if act.actor == actor]


async def test_what_was_taken_is_not_recovered_again(hand: MatrixHand) -> None:
    memory, taker = Notes(), Recorder()
    async with listening(hand, taker, memory) as channel:
        await is_listening(memory)
        ref = await channel.post(hand.place, card(), "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Approve")
        await acts(taker)
        await eventually(lambda: is_noted(memory, ref))

    async with listening(hand, Recorder(), memory) as channel:
        assert await channel.missed([ref]) == []


async def is_noted(memory: Notes, ref: Ref) -> bool:
    return bool(json.loads(memory.kept[f"event {ref.message}"])["taken"])


async def test_taking_a_reaction_back_is_no_act(hand: MatrixHand) -> None:
    memory, taker = Notes(), Recorder()

    async with listening(hand, taker, memory) as channel:
        await is_listening(memory)
        ref = await channel.post(hand.place, card(), "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Approve")
        await acts(taker)
        await hand.people["Mia"].redact(hand.room, hand.people["Mia"].reactions[ref.message, "✅"])
        await hand.tap("Jon", (await hand.cards())[0], "Reject")
        await acts(taker, 2)

    assert [act.press for act in taker.acts] == [APPROVE, REJECT]


async def test_a_repaint_changes_the_message_and_keeps_the_meaning_of_its_signs(hand: MatrixHand) -> None:
    memory, taker = Notes(), Recorder()

    async with listening(hand, taker, memory) as channel:
        await is_listening(memory)
        ref = await channel.post(hand.place, card(), "card-17-3")
        (before,) = await hand.cards()
        done = Card((Line(Kind.STATUS, "Approved by Mia"),), ((Button("Undo", Press(Verb.RECALL, 17, 3)),),))
        shown = await channel.show(ref, done)
        (after,) = await hand.cards()
        await hand.tap("Mia", after, "Undo")
        await hand.tap("Jon", before, "Approve")
        heard = await acts(taker, 2)

    assert shown
    assert (after.ref, after.text, after.buttons) == (ref, "Approved by Mia", ("Undo",))
    assert [act.press for act in heard] == [Press(Verb.RECALL, 17, 3), APPROVE]


async def test_a_new_revision_needs_a_new_message_and_the_old_one_says_so(hand: MatrixHand) -> None:
    memory, taker = Notes(), Recorder()

    async with listening(hand, taker, memory) as channel:
        await is_listening(memory)
        ref = await channel.post(hand.place, card(3), "card-17-3")
        (before,) = await hand.cards()
        shown = await channel.show(ref, card(4, "I am sorry. — Mia"))
        await channel.post(hand.place, card(4, "I am sorry. — Mia"), "card-17-4")
        await hand.tap("Mia", before, "Approve")
        (act,) = await acts(taker)

    assert shown is False
    assert [seen.text.split("\n")[-2] for seen in await hand.cards()] == ["I am sorry. — Mia"]
    assert act.press == APPROVE  # the revision that stood there, which the core refuses as stale


async def test_a_deleted_card_is_gone(hand: MatrixHand) -> None:
    async with listening(hand, Recorder(), Notes()) as channel:
        ref = await channel.post(hand.place, card(), "card-17-3")
        await hand.delete((await hand.cards())[0])

        assert await channel.show(ref, card()) is False
        assert await channel.show(Ref(hand.place, "$never-was-there"), card()) is False


async def test_the_text_is_changed_by_an_answer_in_the_thread(hand: MatrixHand) -> None:
    memory, taker = Notes(), Recorder(asks=Question(EDIT, "Change the reply", "The reply", "I am so sorry, Ana. — Mia"))

    async with listening(hand, taker, memory) as channel:
        await is_listening(memory)
        ref = await channel.post(hand.place, card(), "card-17-3")
        await hand.write("Mia", "Should we offer a cake?", ref.message)
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        asked = await eventually(lambda: hand.asked("Mia"))
        taker.asks = None
        await hand.write("Eve", "Post this: you are all fools.", ref.message)
        await hand.answer("Mia", "I am sorry.\n— Mia")
        await acts(taker, 2)
        await hand.write("Mia", "And now for the coffee.", ref.message)
        await hand.tap("Jon", (await hand.cards())[0], "Reject")
        heard = await acts(taker, 3)

    assert (asked.label, asked.text) == ("The reply", "I am so sorry, Ana. — Mia")
    assert [(act.actor, act.press, act.answers, act.text) for act in heard] == [
        ("@mia:localhost", EDIT, False, ""),
        ("@mia:localhost", EDIT, True, "I am sorry.\n— Mia"),
        ("@jon:localhost", REJECT, False, ""),
    ]


async def test_an_answer_is_changed_by_its_writer_alone(hand: MatrixHand) -> None:
    memory, taker = Notes(), Recorder(asks=Question(EDIT, "Change the reply", "The reply", "Sorry."))

    async with listening(hand, taker, memory) as channel:
        await is_listening(memory)
        ref = await channel.post(hand.place, card(), "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        await eventually(lambda: hand.asked("Mia"))
        taker.asks = None
        answer = await hand.write("Mia", "I am sory.", ref.message)
        await acts(taker, 2)
        await hand.write("Eve", "You are all fools.", replaces=answer)
        await hand.write("Mia", "I am sorry.", replaces=answer)
        heard = await acts(taker, 3)

    assert [(act.actor, act.text) for act in heard[1:]] == [
        ("@mia:localhost", "I am sory."),
        ("@mia:localhost", "I am sorry."),
    ]


async def test_a_reason_is_chosen_by_a_sign_under_the_question(hand: MatrixHand) -> None:
    reasons = (Option("tone", "Wrong tone"), Option("facts", "Wrong facts"))
    memory, taker = Notes(), Recorder(asks=Question(REJECT, "Why not?", "Reason", options=reasons))

    async with listening(hand, taker, memory) as channel:
        await is_listening(memory)
        ref = await channel.post(hand.place, card(), "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Reject")
        asked = await eventually(lambda: hand.asked("Mia"))
        taker.asks = None
        await hand.choose("Mia", "Wrong facts")
        heard = await acts(taker, 2)

    assert asked.options == ("Wrong tone", "Wrong facts")
    assert (heard[1].press, heard[1].text, heard[1].answers, heard[1].ref) == (REJECT, "facts", True, ref)


async def test_an_answer_to_a_person_and_a_nudge_stand_in_the_thread_and_notify_whom_they_mean(
    hand: MatrixHand,
) -> None:
    memory, taker = Notes(), Recorder(tells="Jon approved this at 14:02; *nothing* was <changed>.")

    async with listening(hand, taker, memory) as channel:
        await is_listening(memory)
        ref = await channel.post(hand.place, card(), "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Approve")
        told = await eventually(lambda: hand.told("Mia"))
        await channel.nudge(ref, "This waits for you, until 15:00.", [hand.actor("Jon")])

    assert told == ["Jon approved this at 14:02; *nothing* was <changed>."]
    assert await hand.notices() == ["@jon:localhost This waits for you, until 15:00."]
    assert await hand.told("Jon") == []


async def test_a_code_in_the_room_links_its_account(hand: MatrixHand) -> None:
    memory, taker = Notes(), Recorder(tells="Hello Mia, you can decide here now.")

    async with listening(hand, taker, memory):
        await is_listening(memory)
        await hand.send_code("Mia", "K7WQ-PX2M")
        (act,) = await acts(taker)
        told = await eventually(lambda: hand.told("Mia"))

    assert (act.actor, act.press.verb, act.text) == ("@mia:localhost", Verb.LINK, "K7WQ-PX2M")
    assert told == ["Hello Mia, you can decide here now."]


async def test_one_person_is_asked_in_a_room_of_two_which_stays_the_same(hand: MatrixHand) -> None:
    memory, taker = Notes(), Recorder()

    async with listening(hand, taker, memory) as channel:
        await is_listening(memory)
        ref = await channel.post(channel.direct("@mia:localhost"), card(), "card-17-3")
        room = await memory.get("direct @mia:localhost")
        await hand.people["Mia"].call("POST", f"/join/{room}", {})
        await hand.people["Mia"].react(room, ref.message, "✅")
        (act,) = await acts(taker)
        again = await channel.post(channel.direct("@mia:localhost"), card(), "card-18-1")

    assert (ref.place, act.ref) == ("@mia:localhost", ref)
    assert (again.place, await memory.get("direct @mia:localhost")) == ("@mia:localhost", room)


async def test_a_limit_says_when_to_come_again_and_nothing_is_waited_out(hand: MatrixHand) -> None:
    async with listening(hand, Recorder(), Notes()) as channel:
        await hand.limit(90)

        with pytest.raises(ChannelLimited) as caught:
            await channel.post(hand.place, card(), "card-17-3")

    assert caught.value.retry_at == NOW + timedelta(seconds=90)


async def test_an_encrypted_room_is_refused_with_what_to_do(hand: MatrixHand) -> None:
    state = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
    room = await make_room(hand.bot, hand.people, initial_state=[state])

    async with listening(hand, Recorder(), Notes()) as channel:
        with pytest.raises(ChannelDenied, match="without encryption"):
            await channel.post(room, card(), "card-17-3")


async def test_a_room_that_does_not_let_us_in_says_so(hand: MatrixHand) -> None:
    said = await hand.people["Eve"].call("POST", "/createRoom", {"preset": "private_chat"})

    async with listening(hand, Recorder(), Notes()) as channel:
        with pytest.raises(ChannelDenied, match="Invite the bot"):
            await channel.post(said["room_id"], card(), "card-17-3")


async def test_a_token_that_no_longer_counts_is_named(hand: MatrixHand, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("gone")
    hand.secret = Secret(file=tmp_path / "token")

    async with surroundings() as around:
        channel = await hand.open(around)
        with pytest.raises(ChannelDenied, match="access token"):
            await channel.check()
        await channel.close()


async def test_a_server_that_is_away_is_no_more_than_that(hand: MatrixHand) -> None:
    async with surroundings() as around:
        channel = MatrixChannel("http://127.0.0.1:1", hand.secret, around)
        with pytest.raises(ChannelError, match="cannot be reached") as caught:
            await channel.post(hand.place, replace(card(), silent=True), "card-17-3")
        await channel.close()

    assert type(caught.value) is ChannelError


async def test_the_account_is_named_without_a_word_in_any_room(hand: MatrixHand) -> None:
    async with surroundings() as around:
        channel = await hand.open(around)
        assert await channel.check() == "@warmline:localhost"
        await channel.close()

    assert await hand.cards() == []


@pytest.mark.parametrize("step", SCENARIO, ids=lambda step: step.__name__)
async def test_the_story_on_matrix(step: Step, hand: MatrixHand, sqlite_store: Store) -> None:
    await play(step, hand, sqlite_store)
