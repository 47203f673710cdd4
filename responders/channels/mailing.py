"""What a chat that is down should have shown, told by mail: that something waits, and where, but no customer's word."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from responders import duty
from responders.channels.asking import is_critical
from responders.channels.chat import Chat
from responders.errors import ChannelError
from responders.mail import MailLost, MailPartlySent
from storage import Card, Mention

log = structlog.get_logger()


async def tell_by_mail(chat: Chat, late: Sequence[tuple[Card, Mention | None]]) -> bool:
    """Mails that these cards wait, one mail for all; whether it went out, as far as one can know."""
    mailer = chat.mailer()
    critical = any(mention is not None and is_critical(mention) for _, mention in late)
    to = _addresses(chat, [card for card, _ in late], critical=critical)
    if mailer is None or not to:
        return False
    number = f"{len(late)} replies wait" if len(late) > 1 else "A reply waits"
    subject = f"{chat.business.business.name}: {number.lower()} for a decision"
    plain = (
        f"{number} for a decision, and the chat “{chat.name}” could not be reached to show it.\n\n"
        f"Look at it: {chat.settings().inbox_address}/\n\n"
        "Once the chat works again, it shows what still waits. Nothing is posted without a person's yes.\n"
    )
    try:
        await mailer.send(to, subject, plain)
    except (MailLost, MailPartlySent) as error:
        log.warning("notice may be lost", chat=chat.name, fault=error.happened)
    except ChannelError as error:
        log.warning("notice not mailed", chat=chat.name, fault=error.happened)
        return False
    return True


def _addresses(chat: Chat, cards: Sequence[Card], *, critical: bool) -> list[str]:
    """Those of the people who were to be asked; else of everybody on duty, or of the owners."""
    business, now = chat.business, chat.now()
    asked = [person for card in cards if (person := business.person(card.person)) is not None]
    on = duty.on_duty(business, now, critical=critical)
    people = [person for person in asked if person in on] or on or list(business.owners)
    return list(dict.fromkeys(person.mail for person in people if person.mail))
