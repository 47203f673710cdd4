"""One Telegram bot: shows cards, repaints them, asks and answers people."""

from __future__ import annotations

import asyncio
import html
import os
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from telegram import LinkPreviewOptions, ReplyParameters
from telegram.error import BadRequest, Forbidden, TelegramError
from telegram.ext import AIORateLimiter, ExtBot
from telegram.request import HTTPXRequest

from config.errors import ConfigError
from connectors.base import Limit
from connectors.lengths import Counter
from responders.channels.base import Act, Card, Editor, Limits, Pace, Question, Ref, Surroundings, Taker
from responders.channels.telegram import drawing
from responders.channels.telegram.drawing import bare, cut, size
from responders.channels.telegram.faults import explained, is_gone, is_same
from responders.channels.telegram.listening import Ears, Turn
from responders.channels.telegram.prompts import Prompts
from responders.errors import ChannelDenied

if TYPE_CHECKING:
    from responders.channels.telegram import TelegramSettings

log = structlog.get_logger(__name__)

LIMITS = Limits(
    # Of 4,096; the rest is for signs that count twice.
    text=Limit(Counter.CHARACTERS, 3_600),
    label=Limit(Counter.CHARACTERS, drawing.MOST_LABEL),
    answer=Limit(Counter.CHARACTERS, drawing.MOST_TEXT),
    editor=Editor.REPLY,
    # Telegram takes twenty a minute in a group; five are left for questions, answers and nudges.
    pace=Pace(15, timedelta(minutes=1)),
    keeps=True,
)
#: Requests at once, and seconds that each may take.
_CONNECTIONS, _PATIENCE = 16, 20.0
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)

# The library's way to ask for waiting times as what they are; as numbers, each use of them warns.
os.environ.setdefault("PTB_TIMEDELTA", "true")


class TelegramChannel:
    """Cards in groups and private chats; a place is the chat's id, which for one person is the person's own."""

    limits = LIMITS

    def __init__(self, settings: TelegramSettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._now = surroundings.now
        self._prompts = Prompts(surroundings.memory)
        self._made: ExtBot[Any] | None = None
        self._door = asyncio.Lock()

    async def run(self, taker: Taker) -> None:
        """Listens until it is cancelled; no other program may listen with the same bot."""
        bot = await self._bot()
        await Ears(bot, taker, self._prompts, self._now).listen()

    def direct(self, actor: str) -> str:
        """One person's private chat; they must have written to the bot first."""
        return actor

    async def post(self, place: str, card: Card, key: str) -> Ref:
        """Shows a card; Telegram knows no key that would keep it from showing it twice."""
        sent = await self._send(place, drawing.write(card), drawing.keyboard(card), silent=card.silent)
        return Ref(str(sent.chat.id), str(sent.message_id))

    async def show(self, ref: Ref, card: Card) -> bool:
        """Repaints a card."""
        text, keys = drawing.write(card), drawing.keyboard(card)
        bot = await self._bot()
        with explained(self._now):
            try:
                await bot.edit_message_text(
                    text,
                    chat_id=_chat(ref.place),
                    message_id=int(ref.message),
                    parse_mode="HTML",
                    reply_markup=keys,
                    link_preview_options=_NO_PREVIEW,
                )
            except BadRequest as error:
                if is_gone(error):
                    return False
                if not is_same(error):
                    raise
        return True

    async def ask(self, act: Act, question: Question) -> None:
        """Asks in the chat, below the card; a text is given by replying to the question."""
        turn: Turn = act.token
        ref = act.ref or Ref(str(turn.place), "0")
        text = drawing.question_text(question, _naming(act, turn) if turn.place < 0 else "")
        sent = await self._send(ref.place, text, drawing.question_keys(question), below=int(ref.message))
        if not question.options:
            await self._prompts.keep(sent.chat.id, sent.message_id, question.press, ref)

    async def tell(self, act: Act, text: str) -> None:
        """Answers in the pressed button's toast; where that is over, in private, or else below the card."""
        turn: Turn = act.token
        if turn.message is not None:
            await self._send(str(turn.place), bare(cut(text, 3_000)), below=turn.message.message_id)
        elif size(text) > drawing.MOST_TOAST or not await turn.acknowledge(text):
            await self._whisper(act, turn, bare(cut(text, 3_000)))

    async def _whisper(self, act: Act, turn: Turn, text: str) -> None:
        bot = await self._bot()
        with explained(self._now):
            try:
                await bot.send_message(int(act.actor), text, parse_mode="HTML")
                return
            except (BadRequest, Forbidden):
                log.info("somebody has never written to the bot")
        below = int(act.ref.message) if act.ref else 0
        await self._send(str(turn.place), f"{_naming(act, turn)} {text}", below=below)

    async def nudge(self, ref: Ref, text: str, actors: Sequence[str]) -> None:
        """Answers the card; a repaint would notify nobody."""
        named = [await self._named(ref.place, actor) for actor in actors if actor != ref.place]
        await self._send(ref.place, " ".join([*named, bare(cut(text, 3_000))]), below=int(ref.message))

    async def missed(self, refs: Sequence[Ref]) -> list[Act]:
        """Nothing: Telegram keeps what is pressed while nobody listens, and `run` hears it."""
        return []

    async def check(self) -> str:
        """The bot's name."""
        bot = await self._bot()
        with explained(self._now):
            me = await bot.get_me()
        return f"@{me.username}"

    async def close(self) -> None:
        """Lets go of connections."""
        if self._made is not None:
            await self._made.shutdown()
            self._made = None

    async def _send(self, place: str, text: str, keys: Any = None, *, below: int = 0, silent: bool = False) -> Any:
        bot = await self._bot()
        with explained(self._now):
            return await bot.send_message(
                _chat(place),
                text,
                parse_mode="HTML",
                reply_markup=keys,
                reply_parameters=ReplyParameters(below, allow_sending_without_reply=True) if below else None,
                disable_notification=silent,
                link_preview_options=_NO_PREVIEW,
            )

    async def _named(self, place: str, actor: str) -> str:
        """HTML that names somebody by their id, and so reaches them; Telegram wants words for it."""
        try:
            name = (await (await self._bot()).get_chat_member(_chat(place), int(actor))).user.first_name
        except (TelegramError, ValueError):
            name = ""
        return _mention(actor, name)

    async def _bot(self) -> ExtBot[Any]:
        """The bot, signed in."""
        async with self._door:
            if self._made is None:
                bot: ExtBot[Any] = ExtBot(
                    self._token(),
                    base_url=f"{self._settings.server.rstrip('/')}/bot",
                    request=HTTPXRequest(_CONNECTIONS, read_timeout=_PATIENCE, pool_timeout=_PATIENCE),
                    rate_limiter=AIORateLimiter(),
                )
                with explained(self._now):
                    try:
                        await bot.initialize()
                    except TelegramError:
                        await bot.shutdown()
                        raise
                self._made = bot
            return self._made

    def _token(self) -> str:
        try:
            return self._settings.token.read()
        except ConfigError as error:
            raise ChannelDenied(error.happened, "Nothing was shown.", error.do) from error


def _chat(place: str) -> int:
    try:
        return int(place)
    except ValueError as error:
        raise ChannelDenied(
            f"“{cut(place, 40)}” is no chat on Telegram.", "Nothing was shown.", "Write the group's id as place."
        ) from error


def _naming(act: Act, turn: Turn) -> str:
    return _mention(act.actor, turn.name)


def _mention(actor: str, name: str) -> str:
    return f'<a href="tg://user?id={int(actor)}">{html.escape(cut(name, 40)) or "you"}</a>'
