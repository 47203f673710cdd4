"""Discord, with the real library: what people see there, what their presses become, and what its refusals mean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import discord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from config.secrets import Secret
from responders.channels.base import Button, Card, Kind, Line, Option, Press, Question, Style, Verb
from responders.channels.discord import CHANNEL, client
from responders.channels.discord.channel import DiscordChannel
from responders.channels.discord.drawing import MOST_TEXT, boxed, component_id, escape, write
from responders.channels.discord.pieces import card_view
from responders.errors import ChannelDenied, ChannelError, ChannelLimited
from storage import Store
from tests.responders.channels import documented
from tests.responders.channels.discord_hand import DiscordHand, discord_hand, plain
from tests.responders.channels.scenario import SCENARIO, Step, play
from tests.responders.channels.taker import NOW, Recorder, surroundings

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
        (Button("Reject", REJECT, style=Style.DANGER), Button("Open the inbox", url="https://inbox.example/drafts/17")),
    ),
)


@pytest.fixture
async def hand() -> AsyncIterator[DiscordHand]:
    async with discord_hand() as hand:
        yield hand


@asynccontextmanager
async def listening(hand: DiscordHand, taker: Recorder) -> AsyncIterator[DiscordChannel]:
    async with surroundings() as around:
        channel = await hand.open(around)
        taker.channel = channel
        run = asyncio.create_task(channel.run(taker))
        yield channel
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
        await channel.close()


async def test_a_card_is_shown_with_its_buttons_and_links(hand: DiscordHand) -> None:
    async with listening(hand, Recorder()) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")

    (card,) = await hand.cards()
    assert card.ref == ref
    assert card.text == (
        "Ana on Google, 2 stars\ndisappointed; high: “hair in her cake”\nMy girl found a hair in her cake.\n"
        "Never again!\nI am so sorry, Ana. — Mia\n✓ says sorry"
    )
    assert card.buttons == ("Approve and post as Crumb & Co.", "Edit", "Reject")
    assert card.links == ("https://maps.example/1", "https://inbox.example/drafts/17")


async def test_a_press_becomes_an_act_of_its_person_about_the_revision_they_saw(hand: DiscordHand) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Approve and post as Crumb & Co.")

    (act,) = taker.acts
    assert (act.actor, act.press, act.ref, act.answers) == (hand.actor("Mia"), APPROVE, ref, False)
    assert hand.results["Mia"][0].acknowledged


async def test_a_card_from_before_a_restart_works(hand: DiscordHand) -> None:
    taker = Recorder()
    async with listening(hand, Recorder()) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
    (card,) = await hand.cards()

    async with listening(hand, taker):
        await hand.tap("Mia", card, "Edit")

    assert [act.press for act in taker.acts] == [EDIT]


async def test_a_press_on_a_button_that_was_repainted_away_still_arrives(hand: DiscordHand) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        (before,) = await hand.cards()
        await channel.show(ref, replace(CARD, buttons=()))
        await hand.tap("Mia", before, "Reject")

    assert [act.press for act in taker.acts] == [REJECT]


async def test_a_repaint_changes_the_same_message(hand: DiscordHand) -> None:
    async with listening(hand, Recorder()) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        shown = await channel.show(ref, Card((Line(Kind.STATUS, "Approved by Mia"),)))

    assert shown
    assert [(card.ref, card.text, card.buttons) for card in await hand.cards()] == [(ref, "Approved by Mia", ())]


async def test_a_deleted_card_is_gone_and_that_is_no_error(hand: DiscordHand) -> None:
    async with listening(hand, Recorder()) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await hand.delete((await hand.cards())[0])

        assert await channel.show(ref, CARD) is False


async def test_the_text_is_changed_in_a_window(hand: DiscordHand) -> None:
    taker = Recorder(asks=Question(EDIT, "Change the reply", "The reply", "I am so sorry, Ana. — Mia"))

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        asked = await hand.asked("Mia")
        await hand.answer("Mia", "I am sorry.\n— Mia")

    assert asked is not None
    assert (asked.label, asked.text) == ("The reply", "I am so sorry, Ana. — Mia")
    assert [(act.press, act.answers, act.text) for act in taker.acts[1:]] == [(EDIT, True, "I am sorry.\n— Mia")]


async def test_a_window_that_was_open_over_a_restart_still_counts(hand: DiscordHand) -> None:
    taker = Recorder()
    question = Question(EDIT, "Change the reply", "The reply", "Sorry.")
    async with listening(hand, Recorder(asks=question)) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")

    async with listening(hand, taker):
        await hand.answer("Mia", "I am sorry. — Mia")

    assert [(act.press, act.text) for act in taker.acts] == [(EDIT, "I am sorry. — Mia")]


async def test_a_text_that_will_not_do_comes_back_with_what_to_change_and_the_way_on(hand: DiscordHand) -> None:
    problem = "“lawyer” is a word this business never says."
    taker = Recorder(asks=Question(EDIT, "Change the reply", "The reply", "Sorry."))

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")
        taker.asks = Question(EDIT, "Change the reply", "The reply", "Ask *my* lawyer.", problem=problem)
        await hand.answer("Mia", "Ask *my* lawyer.")
        back = await hand.asked("Mia")
        taker.asks = None
        await hand.answer("Mia", "Ask me.")

    assert back is not None
    assert (back.problem, back.text) == (problem, "Ask *my* lawyer.")
    assert [act.text for act in taker.acts] == ["", "Ask *my* lawyer.", "Ask me."]


async def test_a_reason_is_chosen_from_a_list(hand: DiscordHand) -> None:
    reasons = (Option("tone", "Wrong tone"), Option("facts", "Wrong facts"))
    taker = Recorder(asks=Question(REJECT, "Why not?", "Reason", options=reasons))

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Reject")
        asked = await hand.asked("Mia")
        await hand.choose("Mia", "Wrong facts")

    assert asked is not None
    assert asked.options == ("Wrong tone", "Wrong facts")
    assert [(act.press, act.text, act.answers) for act in taker.acts[1:]] == [(REJECT, "facts", True)]


async def test_an_answer_is_seen_by_nobody_else(hand: DiscordHand) -> None:
    taker = Recorder(tells="Jon approved this at 14:02; *nothing* was changed.")

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")

    assert await hand.told("Mia") == ["Jon approved this at 14:02; *nothing* was changed."]
    assert (await hand.notices(), await hand.told("Jon")) == ([], [])


async def test_a_slow_decision_is_acknowledged_in_time_and_can_still_be_answered(
    hand: DiscordHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(act: object) -> None:
        await asyncio.sleep(10 * client.ANSWER_WITHIN)

    monkeypatch.setattr(client, "ANSWER_WITHIN", 0.01)
    taker = Recorder(asks=Question(EDIT, "Change the reply", "The reply", "Sorry."), until=slowly)

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        await hand.tap("Mia", (await hand.cards())[0], "Edit")

    asked = await hand.asked("Mia")
    assert hand.results["Mia"][0].deferred
    assert asked is not None
    assert asked.text == "Sorry."


async def test_a_press_counts_though_discord_does_not_take_our_acknowledgement(hand: DiscordHand) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        await channel.post(hand.place, CARD, "card-17-3")
        hand.env.inject_error("POST", "/interactions/*", status=404, code=10062)
        await hand.tap("Mia", (await hand.cards())[0], "Approve and post as Crumb & Co.")

    assert [act.press for act in taker.acts] == [APPROVE]


async def test_a_code_in_a_direct_message_links_its_account(hand: DiscordHand) -> None:
    taker = Recorder(tells="Hello Mia, you can decide here now.")

    async with listening(hand, taker):
        await hand.send_code("Mia", "K7WQ-PX2M")
        await hand.people["Mia"].send_dm("Hello?")

    assert [(act.actor, act.press.verb, act.text) for act in taker.acts] == [
        (hand.actor("Mia"), Verb.LINK, "K7WQ-PX2M")
    ]
    assert await hand.told("Mia") == ["Hello Mia, you can decide here now."]


async def test_one_person_is_asked_in_a_direct_message_and_answers_there(hand: DiscordHand) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        ref = await channel.post(channel.direct(hand.actor("Mia")), CARD, "card-17-3")
        (message,) = hand.people["Mia"].user.dm_channel.history()
        await hand.people["Mia"].user.click(message, label="Edit")
        shown = await channel.show(ref, Card((Line(Kind.STATUS, "Approved by Mia"),)))

    assert [(act.actor, act.ref) for act in taker.acts] == [(hand.actor("Mia"), ref)]
    assert shown


async def test_a_nudge_is_a_message_of_its_own_that_names_who_is_meant(hand: DiscordHand) -> None:
    async with listening(hand, Recorder()) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        await channel.nudge(ref, "This waits for you, until 15:00.", [hand.actor("Mia")])

    (request,) = [each for each in hand.env.http_requests if "message_reference" in (each.json or {})]
    assert await hand.notices() == [f"<@{hand.actor('Mia')}> This waits for you, until 15:00."]
    assert request.json["allowed_mentions"]["users"] == [int(hand.actor("Mia"))]
    assert request.json["message_reference"]["message_id"] == int(ref.message)


async def test_no_card_can_mention_anybody_and_its_key_is_passed_on(hand: DiscordHand) -> None:
    async with listening(hand, Recorder()) as channel:
        await channel.post(hand.place, replace(CARD, silent=True), "a key that is far longer than Discord takes it")

    (sent,) = [each.json for each in hand.env.http_requests if each.method == "POST" and "components" in each.json]
    assert sent["allowed_mentions"] == {"parse": []}
    assert (len(sent["nonce"]), sent["enforce_nonce"]) == (25, True)
    assert sent["flags"] & 1 << 12


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, 0, ChannelLimited), (429, 30046, ChannelLimited), (401, 0, ChannelDenied), (403, 50001, ChannelDenied),
        (403, 50007, ChannelDenied), (404, 10003, ChannelDenied), (500, 0, ChannelError), (400, 50035, ChannelError),
    ],
)  # fmt: skip
async def test_each_refusal_says_what_to_do(
    hand: DiscordHand, status: int, code: int, kind: type[ChannelError]
) -> None:
    async with listening(hand, Recorder()) as channel:
        hand.env.inject_error("POST", "/channels/*/messages", status=status, code=code)

        with pytest.raises(ChannelError) as caught:
            await channel.post(hand.place, CARD, "card-17-3")

    assert type(caught.value) is kind
    assert caught.value.happened.startswith("Discord ")
    assert not isinstance(caught.value, ChannelLimited) or caught.value.retry_at == NOW + timedelta(minutes=1)


async def test_a_place_that_is_no_channel_is_named(hand: DiscordHand) -> None:
    async with listening(hand, Recorder()) as channel:
        with pytest.raises(ChannelDenied, match="“#reviews” is no channel"):
            await channel.post("#reviews", CARD, "card-17-3")


async def test_a_missing_token_is_named_and_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    channel = DiscordChannel(Secret(env="DISCORD_TOKEN"), lambda: NOW)

    with pytest.raises(ChannelDenied, match="DISCORD_TOKEN"):
        await channel.post("123456789012345678", CARD, "card-17-3")


async def test_forged_components_are_not_heard(hand: DiscordHand) -> None:
    taker = Recorder()

    async with listening(hand, taker) as channel:
        ref = await channel.post(hand.place, CARD, "card-17-3")
        for forged in ("approve:17", "post:17:3", "approve:17:-3", "ask:approve:17:3", "again:1:x", "", "x" * 100):
            await hand.use("Eve", ref.message, {"custom_id": forged, "component_type": 2})

    assert taker.acts == []


HOSTILE = st.text(
    st.one_of(
        st.sampled_from("\\`*_~|<>@[]()#+-:/.!& \n\t1a"), st.characters(codec="utf-8", exclude_categories=["Cc"])
    ),
    max_size=80,
)


@given(HOSTILE)
def test_whatever_a_customer_writes_is_text(text: str) -> None:
    drawn = escape(text)

    assert plain(drawn) == text
    bare = drawn.replace("\\\\", "")
    for sign in "`*_~|<>@[]":
        assert all(before == "\\" for before, now in zip(" " + bare, bare, strict=False) if now == sign)
    assert "://" not in drawn


@given(HOSTILE.filter(lambda text: "`" not in text or "``" in text))
def test_a_reply_stands_letter_for_letter_and_cannot_leave_its_box(text: str) -> None:
    drawn = boxed(text)

    assert drawn.count("```") == 2
    assert plain(drawn) == text


@given(
    st.lists(st.tuples(st.sampled_from(sorted(set(Kind) - {Kind.DRAFT})), HOSTILE.map(lambda t: t * 20)), max_size=8)
)
def test_a_card_fits_whatever_its_escapes_and_never_loses_a_letter_of_the_reply(parts: list[tuple[Kind, str]]) -> None:
    reply = "Sorry, *Ana*. " * 60

    text = write(Card((*(Line(kind, said) for kind, said in parts), Line(Kind.DRAFT, reply))))

    assert len(text) <= MOST_TEXT
    assert boxed(reply) in text


def test_a_reply_that_cannot_be_shown_whole_is_not_shown() -> None:
    with pytest.raises(ChannelError, match="too long"):
        write(Card((Line(Kind.DRAFT, "x" * MOST_TEXT),)))


def test_an_id_that_discord_would_refuse_is_never_made() -> None:
    assert len(component_id(f"again:{10**14}:{Press(Verb.APPROVE_ALL, 10**15 - 1, 10**15 - 1)}")) <= 100
    with pytest.raises(ValueError, match="101"):
        component_id("x" * 101)


@pytest.mark.parametrize("step", SCENARIO, ids=lambda step: step.__name__)
async def test_the_story_on_discord(step: Step, hand: DiscordHand, sqlite_store: Store) -> None:
    await play(step, hand, sqlite_store)


def test_the_page_shows_the_payload_of_a_card_and_a_table_that_works() -> None:
    assert card_view(documented.CARD).to_components() == documented.payload("discord")
    assert CHANNEL.settings.model_validate(documented.options("discord"))


@asynccontextmanager
async def api(monkeypatch: pytest.MonkeyPatch, status: int, answer: object) -> AsyncIterator[DiscordChannel]:
    """A channel before an API on the loopback that has one answer to everything."""
    app = web.Application()

    async def take(request: web.Request) -> web.Response:
        return web.json_response(answer, status=status)

    app.router.add_get("/{path:.*}", take)
    async with TestServer(app) as server:
        monkeypatch.setattr(discord.http.Route, "BASE", str(server.make_url("")).rstrip("/"))
        monkeypatch.setenv("DISCORD_TOKEN", "gone")
        channel = DiscordChannel(Secret(env="DISCORD_TOKEN"), lambda: NOW)
        yield channel
        await channel.close()
        await channel.close()


async def test_a_token_that_no_longer_counts_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with api(monkeypatch, 401, {"message": "401: Unauthorized", "code": 0}) as channel:
        for _ in range(2):
            with pytest.raises(ChannelDenied, match="refused the bot's token"):
                await channel.check()
            await channel.close()


async def test_a_server_that_is_away_is_no_more_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord.http.Route, "BASE", "http://127.0.0.1:1")
    monkeypatch.setenv("DISCORD_TOKEN", "token")
    channel = DiscordChannel(Secret(env="DISCORD_TOKEN"), lambda: NOW)

    with pytest.raises(ChannelError, match="cannot be reached") as caught:
        await channel.run(Recorder())
    await channel.close()

    assert type(caught.value) is ChannelError
