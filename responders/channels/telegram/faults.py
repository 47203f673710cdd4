"""What Telegram's refusals mean, in the words of whoever runs the business."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, RetryAfter, TelegramError

from responders.errors import ChannelDenied, ChannelError, ChannelLimited

#: How Telegram says that a message cannot be repainted any more; there are no codes for it.
_GONE = ("message to edit not found", "message can't be edited", "message_id_invalid")
_SAME = "message is not modified"
_SHUT = ("chat not found", "not enough rights", "have no rights", "chat_write_forbidden", "group chat was deactivated")


@contextmanager
def explained(now: Callable[[], datetime]) -> Iterator[None]:
    """Turns what the library raises into the errors of the protocol."""
    try:
        yield
    except InvalidToken as error:
        raise explain(error, now()) from None  # the library's own words hold the token
    except TelegramError as error:
        raise explain(error, now()) from error


def is_gone(error: BadRequest) -> bool:
    """Whether there is nothing to repaint."""
    return any(words in error.message.lower() for words in _GONE)


def is_same(error: BadRequest) -> bool:
    """Whether the message looks already as it should."""
    return _SAME in error.message.lower()


def pause(error: RetryAfter) -> timedelta:
    """How long Telegram asks us to wait."""
    wait = error.retry_after
    return wait if isinstance(wait, timedelta) else timedelta(seconds=wait)


def explain(error: TelegramError, now: datetime) -> ChannelError:
    """The error of the protocol that says the same."""
    match error:
        case RetryAfter():
            at = now + pause(error)
            return ChannelLimited("Telegram asks for a pause.", "Nothing was shown.", "It is shown later.", retry_at=at)
        case InvalidToken():
            return ChannelDenied(
                "Telegram refused the bot's token.",
                "Nothing was shown.",
                "Take the token from BotFather again, then run warmline check.",
            )
        case Conflict():
            return _conflict(error)
        case ChatMigrated():
            return ChannelDenied(
                f"The group has become a larger one on Telegram; its id is now {error.new_chat_id}.",
                "Nothing was shown.",
                f'Write place = "{error.new_chat_id}".',
            )
        case Forbidden():
            return ChannelDenied(
                "Telegram does not let the bot write there.",
                "Nothing was shown.",
                "Add it to the group again, or, for a person, let them send it /start.",
            )
        case BadRequest():
            return _bad_request(error)
    return ChannelError(
        "Telegram cannot be reached.", "Every draft waits in the inbox.", "It is tried again by itself."
    )


def _conflict(error: Conflict) -> ChannelError:
    if "webhook" in error.message.lower():
        return ChannelDenied(
            "What is pressed goes to another program: a webhook is set for this bot.",
            "Nothing that is pressed arrives here.",
            "Make a bot for Warmline alone with BotFather.",
        )
    return ChannelError(
        "Another program listens with the same bot on Telegram, so that each takes presses from the other.",
        "Every draft waits in the inbox.",
        "Stop the other one (a second Warmline, perhaps), or make a bot for each with BotFather.",
    )


def _bad_request(error: BadRequest) -> ChannelError:
    said = error.message.lower()
    if any(words in said for words in _SHUT):
        return ChannelDenied(
            "Telegram does not let the bot into the group, or knows no such chat.",
            "Nothing was shown.",
            "Add the bot to the group, or correct place; for a person, let them send it /start.",
        )
    return ChannelError("Telegram did not take a message as it stands.", "It waits in the inbox.", "Decide there.")
