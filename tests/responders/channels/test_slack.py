"""Slack, with the real libraries against a workspace on loopback: what people see, what they do, and what goes wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from responders.channels.base import Act, Button, Card, Channel, Kind, Line, Option, Press, Question, Style, Verb
from responders.channels.slack import CHANNEL, SlackSettings
from responders.errors import ChannelDenied, ChannelError, ChannelLimited
from storage import Store
from tests.responders.channels.scenario import SCENARIO, Step, eventually, play
from tests.responders.channels.slack_hand import SlackHand, slack_hand, workspace_server
from tests.responders.channels.taker import NOW, Recorder, surroundings

pytestmark = pytest.mark.xdist_group("slack")

APPROVE, EDIT, REJECT = Press(Verb.APPROVE, 17, 3), Press(Verb.EDIT, 17, 3), Press(Verb.REJECT, 17, 3)
CARD = Card(
    (
        Line(Kind.TITLE, "Ana on Google, 2 stars", "https://maps.example/1"),
        Line(Kind.FACT, "disappointed; high: “hair in her cake”"),
        Line(Kind.QUOTE, "My girl found a hair in her cake.\nNever again!"),
        Line(Kind.DRAFT, "I am so sorry, Ana. — Mia"),
        Line(Kind.NOTE, "✓ says sorry"),
    ),
    (
        (Button("Approve and post as Crumb & Co.", APPROVE, style=Style.MAIN), Button("Edit", EDIT)),
        (Button("Reject", REJECT, style=Style.DANGER), Button("Open in the inbox", url="https://inbox.example/17")),
    ),
)
CHANGE = Question(EDIT, "Change the reply", "At most 300 characters", text="I am so sorry, Ana. — Mia")
WHY = Question(REJECT, "Turn it down", "Why?", options=(Option("tone", "The tone"), Option("facts", "Not true")))


@dataclass
class Strict(Recorder):
    """Takes no answer that shouts; sends windows back until it is content."""

    async def problem(self, act: Act) -> str:
        return "Please do not shout." if act.text.isupper() else ""


@pytest.fixture(scope="session")
def workspace(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with workspace_server(shared, tmp_path_factory.mktemp("servers")) as address:
        yield address


@pytest.fixture
async def hand(shared: Path, workspace: str) -> AsyncIterator[SlackHand]:
    async with slack_hand(shared, workspace) as hand:
        yield hand


@asynccontextmanager
async def opened(hand: SlackHand) -> AsyncIterator[Channel]:
    """A channel that listens to nobody."""
    async with surroundings() as around:
        channel = await hand.open(around)
        yield channel
        await channel.close()


@asynccontextmanager
async def listening(hand: SlackHand, taker: Recorder) -> AsyncIterator[Channel]:
    async with opened(hand) as channel:
        taker.channel = channel
        run = asyncio.create_task(channel.run(taker))
        await eventually(lambda: sockets(hand, 2))
        yield channel
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


async def sockets(hand: SlackHand, number: int) -> bool:
    return len(hand.slack.sockets) == number


async def acted(taker: Recorder, number: int = 1) -> bool:
    return len(taker.acts) >= number


# --- Cards ---------------------------------------------------------------------------------------


async def test_a_card_is_shown_with_its_buttons_and_links(hand: SlackHand) -> None:
    async with opened(hand) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")

    (card,) = await hand.cards()
    assert card.ref == ref
    assert card.text == (
        "Ana on Google, 2 stars\ndisappointed; high: “hair in her cake”\nMy girl found a hair in her cake.\n"
        "Never again!\nI am so sorry, Ana. — Mia\n✓ says sorry"
    )
    assert card.buttons == ("Approve and post as Crumb & Co.", "Edit", "Reject")
    assert card.links == ("https://maps.example/1", "https://inbox.example/17")


async def test_a_card_is_repainted_in_place_as_often_as_asked(hand: SlackHand) -> None:
    approved = Card((*CARD.lines, Line(Kind.STATUS, "Approved by Mia.")))

    async with opened(hand) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        shown = [await channel.show(ref, approved), await channel.show(ref, approved)]

    (card,) = await hand.cards()
    assert shown == [True, True]
    assert (card.text.endswith("Approved by Mia."), card.buttons) == (True, ())


async def test_a_deleted_card_is_known_to_be_gone(hand: SlackHand) -> None:
    async with opened(hand) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await hand.delete((await hand.cards())[0])

        assert await channel.show(ref, CARD) is False


async def test_somebody_is_asked_alone_in_direct_messages(hand: SlackHand) -> None:
    async with opened(hand) as channel:
        ref = await channel.post(channel.direct(hand.actor("Mia")), CARD, "card-17-3")
        again = await channel.post(channel.direct(hand.actor("Mia")), CARD, "card-18-1")

    assert await hand.cards() == []
    assert ref.place == again.place
    assert ref.place.startswith("D")


# --- Acts ----------------------------------------------------------------------------------------


async def test_a_press_becomes_an_act_of_its_person_about_the_revision_they_saw(hand: SlackHand) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Approve and post as Crumb & Co.")
        await eventually(lambda: acted(taker))

    (act,) = taker.acts
    assert (act.actor, act.press, act.ref, act.answers) == (hand.actor("Mia"), APPROVE, ref, False)


async def test_a_press_is_acknowledged_long_before_a_slow_decision(hand: SlackHand) -> None:
    may = asyncio.Event()
    taker = Recorder(until=lambda _: may.wait())

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        acked = hand.acked[0]["acked"]
        may.set()

    assert acked
    assert len(taker.acts) == 1


async def test_taps_of_two_people_and_double_taps_all_arrive(hand: SlackHand) -> None:
    may = asyncio.Event()
    taker = Recorder(until=lambda _: may.wait())

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        (card,) = await hand.cards()
        await asyncio.gather(*(hand.tap(person, card, "Edit") for person in ("Mia", "Mia", "Jon")))
        await eventually(lambda: acted(taker, 3))
        may.set()

    assert sorted(act.actor for act in taker.acts) == sorted(hand.actor(person) for person in ("Mia", "Mia", "Jon"))


async def test_an_answer_is_seen_by_its_person_alone_and_as_it_stands(hand: SlackHand) -> None:
    taker = Recorder(tells="Not you, *Eve* <!channel> & co.")

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Eve", (await hand.cards())[0], "Edit")
        told = await eventually(lambda: hand.told("Eve"))

    assert told == ["Not you, *Eve* <!channel> & co."]
    assert len(await hand.history(hand.room)) == 1
    assert await hand.told("Mia") == []


async def test_a_link_button_is_acknowledged_and_does_nothing(hand: SlackHand) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        answers = [
            await hand.press("Mia", ref.message, {"type": "button", "action_id": forged})
            for forged in ("link:3", "approve:17", "drop table", "approve:17:3:9")
        ]

    assert [answer["acked"] for answer in answers] == [True] * 4
    assert taker.acts == []


# --- Windows -------------------------------------------------------------------------------------


async def test_a_refused_text_keeps_the_window_open_and_a_good_one_closes_it(hand: SlackHand) -> None:
    taker = Strict(asks=CHANGE)

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        asked = await eventually(lambda: hand.asked("Mia"))
        taker.asks = None
        await hand.answer("Mia", "SO SORRY!")
        refused = await hand.asked("Mia")
        await hand.answer("Mia", "So sorry, Ana.")
        await eventually(lambda: acted(taker, 2))

    assert (asked.label, asked.text, asked.problem) == ("At most 300 characters", "I am so sorry, Ana. — Mia", "")
    assert refused is not None
    assert (refused.text, refused.problem) == ("SO SORRY!", "Please do not shout.")
    assert await hand.asked("Mia") is None
    answer = taker.acts[-1]
    assert (answer.actor, answer.press, answer.text) == (hand.actor("Mia"), EDIT, "So sorry, Ana.")
    assert (answer.answers, answer.ref) == (True, ref)


async def test_a_ready_answer_is_chosen_in_a_window(hand: SlackHand) -> None:
    taker = Recorder(asks=WHY)

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Reject")
        asked = await eventually(lambda: hand.asked("Mia"))
        taker.asks = None
        await hand.choose("Mia", "Not true")
        await eventually(lambda: acted(taker, 2))

    assert asked.options == ("The tone", "Not true")
    assert (taker.acts[-1].press, taker.acts[-1].text, taker.acts[-1].answers) == (REJECT, "facts", True)


async def test_a_question_that_comes_again_says_what_was_wrong(hand: SlackHand) -> None:
    taker = Recorder(asks=replace(CHANGE, text="Nope", problem="It is too short."))

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        asked = await eventually(lambda: hand.asked("Mia"))

    assert (asked.text, asked.problem) == ("Nope", "It is too short.")


async def test_a_window_that_slack_would_not_open_any_more_is_said_to_be_late(hand: SlackHand) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        await eventually(lambda: acted(taker))
        hand.slack.faults["views.open"] = {"times": 1, "error": "expired_trigger_id"}

        with pytest.raises(ChannelError, match="in time") as late:
            await channel.ask(taker.acts[0], CHANGE)

    assert late.value.do == "Press the button again."


async def test_a_text_longer_than_slacks_field_is_left_to_the_inbox(hand: SlackHand) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        await eventually(lambda: acted(taker))

        with pytest.raises(ChannelError, match="too long"):
            await channel.ask(taker.acts[0], replace(CHANGE, text="x" * 3_001))


# --- Linking and nudges --------------------------------------------------------------------------


async def test_a_code_is_taken_in_direct_messages_and_behind_our_name(hand: SlackHand) -> None:
    taker = Recorder(tells="This account is Mia's now.")
    us = hand.members["warmline"]["id"]

    async with listening(hand, taker):
        await hand.send_code("Mia", "ABCD-EFGH")
        await hand.write("Jon", hand.room, f"<@{us}> link WXYZ-2345")
        await hand.write("Jon", hand.room, "please link the menu somewhere")
        await eventually(lambda: acted(taker, 2))
        told = await eventually(lambda: hand.told("Mia"))

    assert [(act.actor, act.press.verb, act.text) for act in taker.acts] == [
        (hand.actor("Mia"), Verb.LINK, "ABCD-EFGH"),
        (hand.actor("Jon"), Verb.LINK, "WXYZ-2345"),
    ]
    assert told == ["This account is Mia's now."]


async def test_a_nudge_stands_in_the_cards_thread_and_calls_nobody_but_those_meant(hand: SlackHand) -> None:
    async with opened(hand) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await channel.nudge(ref, "This waits. <!channel>", [hand.actor("Mia"), "<!here>"])

    assert len(await hand.cards()) == 1
    assert await hand.notices() == [f"<@{hand.actor('Mia')}> This waits. &lt;!channel&gt;"]


# --- Being away ----------------------------------------------------------------------------------


async def test_buttons_and_windows_from_before_a_restart_work(hand: SlackHand) -> None:
    taker = Recorder(asks=CHANGE)
    async with listening(hand, taker) as before:
        ref = await before.post(hand.place, CARD, "card-17-3")
        (card,) = await hand.cards()
        await hand.tap("Mia", card, "Edit")
        await eventually(lambda: hand.asked("Mia"))
    taker = Recorder()

    async with listening(hand, taker):
        await hand.answer("Mia", "So sorry, Ana.")
        await hand.tap("Jon", card, "Reject")
        await eventually(lambda: acted(taker, 2))

    assert [(act.press, act.text, act.ref) for act in taker.acts] == [(EDIT, "So sorry, Ana.", ref), (REJECT, "", ref)]


async def test_what_is_pressed_while_nobody_listens_is_lost_and_nobody_hears_of_it_later(hand: SlackHand) -> None:
    async with opened(hand) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await hand.press("Mia", ref.message, {"type": "button", "action_id": str(EDIT)})

        assert hand.acked == [{"delivered": False, "acked": False}]
        assert await channel.missed([ref]) == []


async def test_a_press_arrives_after_slack_has_closed_every_socket(hand: SlackHand) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        (card,) = await hand.cards()
        await hand.refresh()
        await eventually(lambda: sockets(hand, 2))
        await hand.tap("Mia", card, "Edit")
        await eventually(lambda: acted(taker))

    assert hand.acked[0]["acked"]


async def test_slack_gone_and_back_is_heard_again(hand: SlackHand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responders.channels.slack.channel.PING", 0.1)
    taker = Recorder()

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        (card,) = await hand.cards()
        await hand.stop()
        with pytest.raises(ChannelError, match="cannot be reached"):
            await channel.show(card.ref, CARD)
        await hand.start()
        await eventually(lambda: sockets(hand, 2))
        await hand.tap("Mia", card, "Edit")
        await eventually(lambda: acted(taker))

    assert taker.acts[0].press == EDIT


async def test_listening_ends_where_slack_stays_away(hand: SlackHand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responders.channels.slack.channel.LOOK_EVERY", 0.05)
    async with surroundings() as around:
        channel = await hand.open(around)
        run = asyncio.create_task(channel.run(Recorder()))
        await eventually(lambda: sockets(hand, 2))
        await hand.stop()

        with pytest.raises(ChannelError, match="cannot be reached"):
            await asyncio.wait_for(run, 10)
    await hand.start()


# --- Refusals ------------------------------------------------------------------------------------


async def test_a_limit_of_slacks_says_until_when(hand: SlackHand) -> None:
    async with opened(hand) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await hand.limit(7)
        with pytest.raises(ChannelLimited) as post:
            await channel.post(hand.place, CARD, "card-18-1")
        with pytest.raises(ChannelLimited) as show:
            await channel.show(ref, CARD)

    assert post.value.retry_at == show.value.retry_at == NOW + timedelta(seconds=7)
    assert len(await hand.cards()) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ({"error": "token_revoked"}, ChannelDenied, "refused the bot's token"),
        ({"error": "not_in_channel"}, ChannelDenied, "/invite"),
        ({"error": "missing_scope"}, ChannelDenied, "lacks a permission"),
        ({"error": "user_disabled"}, ChannelDenied, "this person"),
        ({"error": "something_new"}, ChannelError, "something_new"),
        ({"error": "internal_error"}, ChannelError, "cannot be reached"),
        ({"error": "ratelimited"}, ChannelLimited, "asks for a pause"),
        ({"status": 503, "error": "whatever"}, ChannelError, "cannot be reached"),
    ],
)
async def test_a_refusal_says_what_to_do(
    hand: SlackHand, fault: dict[str, Any], kind: type[ChannelError], words: str
) -> None:
    hand.slack.faults["chat.postMessage"] = {"times": 1, **fault}

    async with opened(hand) as channel:
        with pytest.raises(ChannelError) as refused:
            await channel.post(hand.place, CARD, "card-17-3")

    assert type(refused.value) is kind
    assert words in str(refused.value)


async def test_the_check_names_the_app_and_its_workspace(hand: SlackHand) -> None:
    async with opened(hand) as channel:
        assert await channel.check() == "warmline in the workspace Crumb & Co."


async def test_the_check_tells_which_of_the_two_tokens_is_refused(
    hand: SlackHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_APP_TOKEN", "xoxb-in-the-wrong-place")

    async with opened(hand) as channel:
        with pytest.raises(ChannelDenied, match="app's token"):
            await channel.check()
        with pytest.raises(ChannelDenied, match="app's token"):
            await channel.run(Recorder())


async def test_a_missing_token_is_told_by_its_name(hand: SlackHand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")

    async with opened(hand) as channel:
        with pytest.raises(ChannelDenied, match="SLACK_BOT_TOKEN"):
            await channel.post(hand.place, CARD, "card-17-3")


async def test_a_card_for_a_channel_that_is_not_there_is_denied(hand: SlackHand) -> None:
    async with opened(hand) as channel:
        with pytest.raises(ChannelDenied, match="correct place"):
            await channel.post("C404", CARD, "card-17-3")


# --- Settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [{"bot_token": "xoxb-written-out"}, {"server": "http://slack.example/api/"}, {"room": "#reviews"}],
)
def test_settings_take_no_secret_no_open_line_and_no_unknown_key(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SlackSettings.model_validate({"bot_token": {"env": "A"}, "app_token": {"env": "B"}, **wrong})


def test_settings_alone_do_not_load_the_library() -> None:
    code = "import sys, responders.channels.slack; print(any(name.startswith('slack_') for name in sys.modules))"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout == "False\n"


def test_the_chat_says_in_a_sentence_how_one_approves_there() -> None:
    assert CHANNEL.summary.endswith(".")


# --- The story -----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", SCENARIO, ids=lambda step: step.__name__)
async def test_the_story_in_slack(step: Step, hand: SlackHand, sqlite_store: Store) -> None:
    await play(step, hand, sqlite_store)
