"""What people do on Telegram, turned into acts; and the poll that brings it.

Telegram keeps what happened until the poll after it, for a day at most. So
that poll waits a moment until what the last one brought is decided: a crash in
between loses nothing, it comes again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from telegram import Bot, CallbackQuery, Message, Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from responders.channels.base import Act, Press, Ref, Taker, Verb
from responders.channels.telegram.drawing import read, size
from responders.channels.telegram.faults import explain, pause
from responders.channels.telegram.prompts import Prompts

log = structlog.get_logger(__name__)

#: Seconds that one poll waits for news.
POLL = 10
#: Seconds that the next poll waits at most for what the last one brought, so that nobody waits for a slow decision.
_SETTLE = 1.0
#: Seconds after which a pressed button stops turning, though its answer is still to come.
_PATIENCE = 5.0
#: What is read in the moment that a toast stays; a longer text waits until it is put away.
_GLANCE = 70
#: The longest rest between tries while Telegram cannot be reached.
_LONGEST_REST = 30.0

_HELLO = re.compile(r"\s*/start(?:@\w+)?\s*")
_CODE = re.compile(r"\s*(?:/(?:start|link)(?:@\w+)?|link)\s+(\S{1,64})\s*", re.IGNORECASE)


@dataclass(slots=True)
class Turn:
    """What is needed to answer one person: the button they pressed, or the message they wrote."""

    place: int
    name: str
    query: CallbackQuery | None = None
    message: Message | None = None
    is_answered: bool = False

    async def acknowledge(self, text: str = "") -> bool:
        """Lets the button stop turning, once; False where Telegram does not take it any more."""
        if self.query is None or self.is_answered:
            return False
        self.is_answered = True
        try:
            return await self.query.answer(text or None, show_alert=size(text) > _GLANCE)
        except TelegramError as error:  # "query is too old": it was pressed while we were away
            log.info("a press was not acknowledged", reason=type(error).__name__)
            return False


class Ears:
    """Listens with one bot, and hands what people do to the taker."""

    def __init__(self, bot: Bot, taker: Taker, prompts: Prompts, now: Callable[[], datetime]) -> None:
        self._bot = bot
        self._taker = taker
        self._prompts = prompts
        self._now = now
        self._at_work: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Until it is cancelled; what was begun is ended.

        Raises:
            ChannelError: Telegram does not let us listen.
        """
        offset = 0
        try:
            while True:
                for update in await self._poll(offset):
                    offset = update.update_id + 1
                    self._begin(update)
                await self._settle(_SETTLE)
        finally:
            await self._settle(_PATIENCE)

    async def _poll(self, offset: int) -> tuple[Update, ...]:
        """What is new; goes on asking while Telegram cannot be reached."""
        rest, conflicts = 0.0, 0
        while True:
            try:
                updates = await self._bot.get_updates(
                    offset=offset, timeout=POLL, allowed_updates=[Update.MESSAGE, Update.CALLBACK_QUERY]
                )
            except InvalidToken as error:
                raise explain(error, self._now()) from None  # the library's own words may hold the token
            except RetryAfter as error:
                await asyncio.sleep(pause(error).total_seconds())
                continue
            except TelegramError as error:
                conflicts += isinstance(error, Conflict)
                if conflicts > 1:  # the first may be with our own last poll, of before a restart
                    raise explain(error, self._now()) from error
                if not rest:
                    log.warning("telegram cannot be heard", reason=type(error).__name__)
                rest = min(max(rest * 1.5, 1.0), _LONGEST_REST)
                await asyncio.sleep(rest)
                continue
            if rest:
                log.info("telegram is heard again")
            return updates

    def _begin(self, update: Update) -> None:
        task = asyncio.create_task(self._hear(update))
        self._at_work.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._at_work.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("what somebody did was not taken", error=type(error).__name__)

    async def _settle(self, seconds: float) -> None:
        if self._at_work:
            await asyncio.wait(self._at_work, timeout=seconds)

    async def _hear(self, update: Update) -> None:
        if update.callback_query is not None:
            await self._pressed(update.callback_query)
        elif update.message is not None:
            await self._wrote(update.message)

    async def _pressed(self, query: CallbackQuery) -> None:
        """Decides first: Telegram may refuse our acknowledgement, and the press counts all the same."""
        found, message = read(query.data or ""), query.message
        if message is None:
            return
        turn = Turn(message.chat.id, query.from_user.first_name, query)
        if found is None:
            await turn.acknowledge()
            return
        press, value = found
        ref = Ref(str(message.chat.id), str(_card(message) if value is not None else message.message_id))
        act = Act(str(query.from_user.id), press, value or "", answers=value is not None, ref=ref, token=turn)
        taking = asyncio.create_task(self._taker.take(act))
        await asyncio.wait({taking}, timeout=_PATIENCE)
        await turn.acknowledge()
        await taking
        if value is not None:
            await self._tidy(message.chat.id, message.message_id)

    async def _wrote(self, message: Message) -> None:
        sender, text, asked = message.from_user, message.text or "", message.reply_to_message
        if sender is None:
            return
        actor, turn = str(sender.id), Turn(message.chat.id, sender.first_name, message=message)
        if _HELLO.fullmatch(text):
            await self._greet(message)
        elif asked is not None and (prompt := await self._prompts.find(message.chat.id, asked.message_id)):
            press, ref = prompt
            await self._taker.take(Act(actor, press, text, answers=True, ref=ref, token=turn))
        elif code := _CODE.fullmatch(text):
            await self._taker.take(Act(actor, Press(Verb.LINK), code[1], token=turn))

    async def _greet(self, message: Message) -> None:
        """Says what is missing: the code, or in a group its id, which Telegram shows nowhere."""
        place = message.chat.id
        text = (
            f'For cards in this group, write place = "{place}" under [[channels]].'
            if place < 0
            else "Send your code behind it: /start ABCD-EFGH. You find it under “Your chats” in the inbox."
        )
        try:
            await self._bot.send_message(place, text)
        except TelegramError as error:
            log.info("a greeting was not sent", reason=type(error).__name__)

    async def _tidy(self, place: int, message: int) -> None:
        """Takes the answered question away; one that stays does no harm."""
        try:
            await self._bot.delete_message(place, message)
        except TelegramError as error:
            log.info("a question was not taken away", reason=type(error).__name__)


def _card(message: object) -> int:
    """The card that a question with ready answers stands under; the question itself where the card is gone."""
    above = getattr(message, "reply_to_message", None)
    return int(getattr(above or message, "message_id", 0))
