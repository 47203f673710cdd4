"""Telegram, with the real library against the Bot API on loopback: what people see, what they do, and what goes wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from responders.channels.base import Button, Card, Channel, Kind, Line, Option, Press, Question, Style, Verb
from responders.channels.telegram import CHANNEL, TelegramSettings
from responders.errors import ChannelDenied, ChannelError, ChannelLimited
from storage import Store
from tests.responders.channels.scenario import SCENARIO, Step, eventually, play
from tests.responders.channels.taker import NOW, Notes, Recorder, surroundings
from tests.responders.channels.telegram_hand import IDS, TelegramHand, telegram_hand

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


@pytest.fixture
async def hand(shared: Path) -> AsyncIterator[TelegramHand]:
    async with telegram_hand(shared) as hand:
        yield hand


@asynccontextmanager
async def opened(hand: TelegramHand, memory: Notes | None = None) -> AsyncIterator[Channel]:
    """A channel that listens to nobody."""
    async with surroundings(memory) as around:
        channel = await hand.open(around)
        yield channel
        await channel.close()


@asynccontextmanager
async def listening(hand: TelegramHand, taker: Recorder, memory: Notes | None = None) -> AsyncIterator[Channel]:
    async with opened(hand, memory) as channel:
        taker.channel = channel
        run = asyncio.create_task(channel.run(taker))
        yield channel
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


async def acted(taker: Recorder, number: int = 1) -> bool:
    return len(taker.acts) >= number


# --- Cards ---------------------------------------------------------------------------------------


async def test_a_card_is_shown_with_its_buttons_and_links(hand: TelegramHand) -> None:
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


async def test_a_card_is_repainted_in_place_as_often_as_asked(hand: TelegramHand) -> None:
    approved = Card((*CARD.lines, Line(Kind.STATUS, "Approved by Mia.")))

    async with opened(hand) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        shown = [await channel.show(ref, approved), await channel.show(ref, approved)]

    (card,) = await hand.cards()
    assert shown == [True, True]
    assert (card.text.endswith("Approved by Mia."), card.buttons) == (True, ())


async def test_a_deleted_card_is_known_to_be_gone(hand: TelegramHand) -> None:
    async with opened(hand) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await hand.delete((await hand.cards())[0])

        assert await channel.show(ref, CARD) is False


async def test_a_silent_card_makes_no_sound(hand: TelegramHand) -> None:
    async with opened(hand) as channel:
        loud = await channel.post(hand.place, CARD, "card-17-3")
        silent = await channel.post(hand.place, replace(CARD, silent=True), "card-18-1")

    assert [hand.raw[int(ref.message)]["silent"] for ref in (loud, silent)] == [False, True]


async def test_somebody_is_asked_alone_in_their_private_chat(hand: TelegramHand) -> None:
    async with opened(hand) as channel:
        ref = await channel.post(channel.direct(hand.actor("Mia")), CARD, "card-17-3")

    assert await hand.cards() == []
    assert ref.place == str(IDS["Mia"])


# --- Acts ----------------------------------------------------------------------------------------


async def test_a_press_becomes_an_act_of_its_person_about_the_revision_they_saw(hand: TelegramHand) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Approve and post as Crumb & Co.")
        await eventually(lambda: acted(taker))
        await hand.pressed("Mia")

    (act,) = taker.acts
    assert (act.actor, act.press, act.ref, act.answers) == (hand.actor("Mia"), APPROVE, ref, False)


async def test_taps_of_two_people_and_double_taps_are_taken_at_once(hand: TelegramHand) -> None:
    may = asyncio.Event()
    taker = Recorder(until=lambda _: may.wait())

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        (card,) = await hand.cards()
        for person in ("Mia", "Mia", "Jon"):
            await hand.tap(person, card, "Edit")
        await eventually(lambda: acted(taker, 3))
        may.set()

    assert sorted(act.actor for act in taker.acts) == [hand.actor("Mia"), hand.actor("Mia"), hand.actor("Jon")]


async def test_a_slow_decision_keeps_nobody_else_waiting(hand: TelegramHand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responders.channels.telegram.listening._SETTLE", 0.05)
    may = asyncio.Event()
    taker = Recorder(until=lambda _: may.wait())

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        (card,) = await hand.cards()
        await hand.tap("Mia", card, "Edit")
        await eventually(lambda: acted(taker))
        await hand.tap("Jon", card, "Edit")
        await eventually(lambda: acted(taker, 2))
        may.set()

    assert [act.actor for act in taker.acts] == [hand.actor("Mia"), hand.actor("Jon")]


async def test_an_answer_is_seen_by_its_person_alone_and_as_it_stands(hand: TelegramHand) -> None:
    taker = Recorder(tells="Not you, <b>Eve</b> & co.")

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Eve", (await hand.cards())[0], "Edit")
        await hand.pressed("Eve")

    assert await hand.told("Eve") == ["Not you, <b>Eve</b> & co."]
    assert len(hand.messages(hand.group)) == 1


async def test_an_answer_too_long_for_a_toast_comes_in_private(hand: TelegramHand) -> None:
    taker = Recorder(tells="It says: <" + "ä" * 300)

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        await hand.pressed("Mia")
        told = await eventually(lambda: hand.told("Mia"))

    assert told == ["It says: <" + "ä" * 300]
    assert len(hand.messages(hand.group)) == 1


async def test_who_never_wrote_to_the_bot_is_answered_below_the_card(hand: TelegramHand) -> None:
    taker = Recorder(tells="It was decided. " * 20)

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        hand.telegram.faults["sendMessage"] = {
            "times": 1,
            "status": 403,
            "description": "Forbidden: bot can't initiate",
        }
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        await hand.pressed("Mia")
        (notice,) = await eventually(hand.notices)

    below = hand.messages(hand.group)[-1]["reply_to_message"]["message_id"]
    assert (notice.startswith("Mia It was decided."), str(below)) == (True, ref.message)


async def test_a_press_counts_though_telegram_takes_no_answer_to_it(hand: TelegramHand) -> None:
    taker = Recorder(tells="Approved.")
    hand.telegram.faults["answerCallbackQuery"] = {
        "times": 1, "status": 400, "description": "Bad Request: query is too old and response timeout expired",
    }  # fmt: skip

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        told = await eventually(lambda: hand.told("Mia"))

    assert (len(taker.acts), told) == (1, ["Approved."])


@pytest.mark.parametrize("data", ["approve:17", "drop table", "approve:17:3:9", "approve:17:3" + "9" * 53, "=", "x=y"])
async def test_forged_data_is_acknowledged_and_does_nothing(hand: TelegramHand, data: str) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await hand.press("Mia", hand.group, int(ref.message), data)
        await hand.pressed("Mia")

    assert taker.acts == []


async def test_a_press_on_a_card_that_was_deleted_counts(hand: TelegramHand) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        (card,) = await hand.cards()
        await hand.delete(card)
        await hand.tap("Mia", card, "Edit")
        await eventually(lambda: acted(taker))

    assert taker.acts[0].ref == ref


# --- Questions -----------------------------------------------------------------------------------


async def test_a_text_is_changed_by_replying_to_a_question(hand: TelegramHand) -> None:
    taker = Recorder(asks=CHANGE)

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        asked = await eventually(lambda: hand.asked("Mia"))
        taker.asks = replace(CHANGE, text="SO SORRY!", problem="Please do not shout.")
        await hand.answer("Mia", "SO SORRY!")
        again = await eventually(lambda: hand.asked("Mia"))
        taker.asks = None
        await hand.answer("Mia", "So sorry, Ana.")
        await eventually(lambda: acted(taker, 3))

    assert (asked.label, asked.text, asked.problem) == ("At most 300 characters", "I am so sorry, Ana. — Mia", "")
    assert (again.text, again.problem) == ("SO SORRY!", "Please do not shout.")
    answer = taker.acts[-1]
    assert (answer.actor, answer.press, answer.text) == (hand.actor("Mia"), EDIT, "So sorry, Ana.")
    assert (answer.answers, answer.ref) == (True, ref)


async def test_a_ready_answer_is_chosen_and_the_question_goes_away(hand: TelegramHand) -> None:
    taker = Recorder(asks=WHY)

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Reject")
        asked = await eventually(lambda: hand.asked("Mia"))
        taker.asks = None
        await hand.choose("Mia", "Not true")
        await eventually(lambda: gone(hand, "Mia"))

    act = taker.acts[-1]
    assert asked.options == ("The tone", "Not true")
    assert (act.press, act.text, act.answers, act.ref) == (REJECT, "facts", True, ref)


async def gone(hand: TelegramHand, person: str) -> bool:
    return await hand.asked(person) is None


async def test_what_people_say_to_each_other_is_no_answer(hand: TelegramHand) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await hand.say("Mia", hand.group, "What do you think?", int(ref.message))
        await hand.say("Jon", IDS["Jon"], "Hello there")
        await hand.send_code("Jo", "ABCD-EFGH")
        await eventually(lambda: acted(taker))

    assert [act.press.verb for act in taker.acts] == [Verb.LINK]


async def test_a_prompt_from_before_a_restart_takes_its_answer(hand: TelegramHand) -> None:
    memory, taker = Notes(), Recorder(asks=CHANGE)
    async with listening(hand, taker, memory) as before:
        ref = await before.post(hand.place, CARD, "card-17-3")
        (card,) = await hand.cards()
        await hand.tap("Mia", card, "Edit")
        await eventually(lambda: hand.asked("Mia"))
        await eventually(lambda: confirmed(hand))
    taker = Recorder()

    async with listening(hand, taker, memory):
        await hand.answer("Mia", "So sorry, Ana.")
        await eventually(lambda: acted(taker))
        await hand.tap("Jon", card, "Reject")
        await eventually(lambda: acted(taker, 2))

    assert [(act.press, act.text, act.ref) for act in taker.acts] == [(EDIT, "So sorry, Ana.", ref), (REJECT, "", ref)]


async def test_the_card_may_be_deleted_while_somebody_writes(hand: TelegramHand) -> None:
    taker = Recorder(asks=CHANGE)

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        (card,) = await hand.cards()
        await hand.tap("Mia", card, "Edit")
        await eventually(lambda: hand.asked("Mia"))
        taker.asks = None
        await hand.delete(card)
        await hand.answer("Mia", "So sorry, Ana.")
        await eventually(lambda: acted(taker, 2))

    assert (taker.acts[-1].text, taker.acts[-1].ref) == ("So sorry, Ana.", ref)


# --- Linking and nudges --------------------------------------------------------------------------


async def test_a_code_is_taken_in_private_and_in_the_group(hand: TelegramHand) -> None:
    taker = Recorder(tells="This account is yours now.")

    async with listening(hand, taker):
        await hand.send_code("Mia", "ABCD-EFGH")
        await eventually(lambda: acted(taker))
        await hand.say("Jon", hand.group, "/link@warmline_bot WXYZ-2345")
        await eventually(lambda: acted(taker, 2))
        told = await eventually(lambda: hand.told("Mia"))

    assert [(act.actor, act.press.verb, act.text) for act in taker.acts] == [
        (hand.actor("Mia"), Verb.LINK, "ABCD-EFGH"),
        (hand.actor("Jon"), Verb.LINK, "WXYZ-2345"),
    ]
    assert told == ["This account is yours now."]


async def test_a_bare_start_tells_what_is_missing(hand: TelegramHand) -> None:
    taker = Recorder()

    async with listening(hand, taker):
        await hand.say("Mia", IDS["Mia"], "/start")
        await hand.say("Mia", hand.group, "/start@warmline_bot")
        await eventually(lambda: says(hand, hand.group, f'place = "{hand.group}"'))
        await eventually(lambda: says(hand, IDS["Mia"], "/start ABCD-EFGH"))

    assert taker.acts == []


async def says(hand: TelegramHand, chat: int, words: str) -> bool:
    return any(words in message["text"] for message in hand.messages(chat) if message["from"]["id"] == hand.bot)


async def test_a_nudge_stands_below_the_card_and_calls_people_by_their_id(hand: TelegramHand) -> None:
    async with opened(hand) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await channel.nudge(ref, "This waits. <b>@tom</b>", [hand.actor("Mia"), "404"])

    assert await hand.notices() == ["Mia you This waits. <b>@tom</b>"]
    markup = hand.raw[hand.messages(hand.group)[-1]["message_id"]]["html"]
    assert f'<a href="tg://user?id={IDS["Mia"]}">Mia</a>' in markup
    assert "@tom" not in markup


# --- Being away ----------------------------------------------------------------------------------


async def test_what_is_pressed_while_nobody_listens_arrives_later(hand: TelegramHand) -> None:
    taker = Recorder()
    async with opened(hand) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        await eventually(lambda: kept(hand))

    async with listening(hand, taker) as channel:
        await eventually(lambda: acted(taker))

    assert channel.limits.keeps
    assert taker.acts[0].actor == hand.actor("Mia")


async def confirmed(hand: TelegramHand) -> bool:
    return not hand.telegram.updates


async def kept(hand: TelegramHand) -> bool:
    return bool(hand.telegram.updates)


async def test_a_press_that_a_crash_interrupted_comes_again(
    hand: TelegramHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("responders.channels.telegram.listening._PATIENCE", 0.01)
    crash = asyncio.Event()
    taker = Recorder(until=lambda _: crash.wait())
    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        await eventually(lambda: acted(taker))
    taker = Recorder()

    async with listening(hand, taker):
        await eventually(lambda: acted(taker))

    assert (taker.acts[0].press, taker.acts[0].actor) == (EDIT, hand.actor("Mia"))
    crash.set()


async def test_telegram_gone_and_back_is_heard_again(hand: TelegramHand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responders.channels.telegram.listening._LONGEST_REST", 0.05)
    taker = Recorder()

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        (card,) = await hand.cards()
        await hand.stop()
        with pytest.raises(ChannelError, match="cannot be reached"):
            await channel.show(card.ref, CARD)
        await hand.start()
        await hand.tap("Mia", card, "Edit")
        await eventually(lambda: acted(taker))

    assert taker.acts[0].press == EDIT


async def test_a_second_program_with_the_same_bot_is_told_in_words(
    hand: TelegramHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("responders.channels.telegram.listening._LONGEST_REST", 0.05)
    async with opened(hand) as ours, opened(hand) as theirs:
        runs = [asyncio.create_task(channel.run(Recorder())) for channel in (ours, theirs)]

        done, others = await asyncio.wait(runs, timeout=10, return_when=asyncio.FIRST_COMPLETED)

        for other in others:
            other.cancel()
        await asyncio.wait(runs)
    with pytest.raises(ChannelError, match="Another program listens with the same bot"):
        await done.pop()


async def test_a_bot_whose_presses_go_elsewhere_is_told_in_words(
    hand: TelegramHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("responders.channels.telegram.listening._LONGEST_REST", 0.05)
    hand.telegram.webhook = {"url": "https://other.example/hook"}

    async with opened(hand) as channel:
        with pytest.raises(ChannelDenied, match="webhook"):
            await channel.run(Recorder())


# --- Refusals ------------------------------------------------------------------------------------


async def test_a_limit_of_telegrams_says_until_when(hand: TelegramHand) -> None:
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
    ("status", "description", "kind", "words"),
    [
        (401, "Unauthorized", ChannelDenied, "bot's token"),
        (403, "Forbidden: bot was kicked from the supergroup chat", ChannelDenied, "Add it to the group"),
        (400, "Bad Request: not enough rights to send text messages to the chat", ChannelDenied, "the group"),
        (400, "Bad Request: can't parse entities", ChannelError, "as it stands"),
        (502, "Bad Gateway", ChannelError, "cannot be reached"),
    ],
)
async def test_a_refusal_says_what_to_do(
    hand: TelegramHand, status: int, description: str, kind: type[ChannelError], words: str
) -> None:
    async with opened(hand) as channel:
        await channel.check()
        hand.telegram.faults["sendMessage"] = {"times": 1, "status": status, "description": description}
        with pytest.raises(ChannelError) as refused:
            await channel.post(hand.place, CARD, "card-17-3")

    assert type(refused.value) is kind
    assert words in str(refused.value)


@pytest.mark.parametrize("place", ["-404", "reviews"])
async def test_a_card_for_a_group_that_is_not_there_is_denied(hand: TelegramHand, place: str) -> None:
    async with opened(hand) as channel:
        with pytest.raises(ChannelDenied, match="place"):
            await channel.post(place, CARD, "card-17-3")


async def test_the_check_names_the_bot(hand: TelegramHand) -> None:
    async with opened(hand) as channel:
        assert await channel.check() == "@warmline_bot"


async def test_a_refused_token_is_told_without_the_token(hand: TelegramHand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_TOKEN", "123:wrong")

    async with opened(hand) as channel:
        with pytest.raises(ChannelDenied, match="refused the bot's token") as refused:
            await channel.check()

    assert "wrong" not in str(refused.value)
    assert refused.value.__suppress_context__


async def test_a_missing_token_is_told_by_its_name(hand: TelegramHand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TELEGRAM_TOKEN")

    async with opened(hand) as channel:
        with pytest.raises(ChannelDenied, match="TELEGRAM_TOKEN"):
            await channel.post(hand.place, CARD, "card-17-3")


# --- Settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"token": "1:a"}, {"server": "http://telegram.example"}, {"room": "-1"}])
def test_settings_take_no_secret_no_open_line_and_no_unknown_key(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TelegramSettings.model_validate({"token": {"env": "A"}, **wrong})


def test_settings_alone_do_not_load_the_library() -> None:
    code = "import sys, responders.channels.telegram; print('telegram' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout == "False\n"


def test_the_chat_says_in_a_sentence_how_one_approves_there() -> None:
    assert CHANNEL.summary.endswith(".")


# --- The story -----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", SCENARIO, ids=lambda step: step.__name__)
async def test_the_story_in_telegram(step: Step, hand: TelegramHand, sqlite_store: Store) -> None:
    await play(step, hand, sqlite_store)
