"""Composing a week's digest once, and mailing it once.

The intent to send is stored before the mail leaves. Whoever finds it without
an outcome cannot know whether the mail went out, so it is not sent again: the
note on the digest says so, and a person may send it anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from config.errors import WarmlineError
from config.settings import BusinessSettings
from listener.digest.figures import gather
from listener.digest.rendering import render, subject
from listener.digest.week import Week, owed
from responders.drafting.base import Reader
from responders.errors import ChannelError
from responders.mail import Mailer, MailLost, MailPartlySent, pause_after
from storage import Digest, Store, digests

log = structlog.get_logger()

_UNKNOWN = (
    "It was handed to the mail server, and what came of that is not known: it may have been sent, so it is not sent"
    " again. If it is not in your mail, read it here."
)
_NO_MAIL = "It was not mailed: no mail server is set up under [mail]. It can be read here."
_NOBODY = "It was not mailed: no address stands under [digest], and no owner has one. It can be read here."


async def preview(
    store: Store, business: BusinessSettings, week: Week, reader: Reader, inbox_address: str, now: datetime
) -> Digest:
    """The digest of `week` as it would be now; it is not stored, and the week may still be running."""
    async with store.read() as session:
        figures = await gather(session, business, week, reader, inbox_address, now)
    html, plain = render(figures, business)
    return Digest(
        business_id=business.id,
        year=week.year,
        week=week.number,
        composed_at=now,
        html=html,
        plain=plain,
        figures=figures,
    )


async def compose(
    store: Store,
    business: BusinessSettings,
    week: Week,
    reader: Reader,
    inbox_address: str,
    now: datetime,
    *,
    note: str = "",
) -> Digest | None:
    """Stores the digest of `week`, to be mailed at once; None where that week has one already.

    With a `note` it is not mailed, and the note says why.
    """
    digest = await preview(store, business, week, reader, inbox_address, now)
    digest.note, digest.next_at = note, None if note else now
    async with store.work() as session:
        return await digests.keep(session, digest)


async def digest_of(
    store: Store, business: BusinessSettings, week: str, reader: Reader, inbox_address: str, now: datetime
) -> dict[str, Any]:
    """The digest of a week ("2026-W22"; empty: the last one that ended), as it was composed or else as it is now.

    Raises:
        WarmlineError: `week` is not a week.
    """
    zone = business.business.zone
    wanted = Week.parse(week, zone) if week else Week.of(now, zone).before
    async with store.read() as session:
        digest = await digests.get(session, business.id, wanted.year, wanted.number)
    if digest is None:
        digest = await preview(store, business, wanted, reader, inbox_address, now)
    return digest.model_dump(include={"year", "week", "html", "plain", "note"})


def write(html: str, folder: Path) -> Path:
    """Writes a digest as `digest.html` into `folder`, which is made where it is not there; gives its path.

    Raises:
        WarmlineError: nothing can be written there.
    """
    path = folder / "digest.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise WarmlineError(
            f"{path} cannot be written ({error.strerror}).",
            "The digest is kept in the inbox.",
            "Choose another folder.",
        ) from error
    return path


def receivers(business: BusinessSettings) -> tuple[str, ...]:
    """Who gets the digest: the addresses under `[digest]`, or else the owners'."""
    return business.digest.to or tuple(owner.mail for owner in business.owners if owner.mail)


async def send_owed_digests(
    store: Store,
    businesses: Mapping[str, BusinessSettings],
    mailer: Mailer | None,
    inbox_address: str,
    reader: Reader,
    now: datetime,
) -> int:
    """Composes the digests that are due and mails those that wait; gives how many went out.

    Of weeks that were missed while nothing ran, only the latest is made up for.
    A mail server that fails is asked once a round, not once a business.
    """
    sent = 0
    for business in businesses.values():
        await _compose_owed(store, business, mailer, inbox_address, reader, now)
    for business in businesses.values() if mailer else ():
        async with store.read() as session:
            digest = await digests.waiting(session, business.id, now)
        if digest is None:
            continue
        if not await deliver(store, business, digest, mailer, now):  # type: ignore[arg-type]
            break
        sent += 1
    return sent


async def _compose_owed(
    store: Store,
    business: BusinessSettings,
    mailer: Mailer | None,
    inbox_address: str,
    reader: Reader,
    now: datetime,
) -> None:
    week = owed(business.digest, business.business.zone, now)
    async with store.read() as session:
        if await digests.get(session, business.id, week.year, week.number):
            return
        if not await digests.was_listening(session, business.id, week.until):
            return
    note = _NO_MAIL if mailer is None else "" if receivers(business) else _NOBODY
    if await compose(store, business, week, reader, inbox_address, now, note=note):
        log.info("digest composed", business=business.id, year=week.year, week=week.number)


async def deliver(store: Store, business: BusinessSettings, digest: Digest, mailer: Mailer, now: datetime) -> bool:
    """Mails `digest`; False where it did not go out, or nobody knows, or somebody else is at it.

    A digest that has gone out is mailed again only where a person passes it here.
    """
    to = receivers(business)
    async with store.work() as session:
        if not await digests.claim(session, digest, _UNKNOWN):
            return False
    outcome = await _mail(digest, business, mailer, to, now)
    async with store.work() as session:
        await digests.settle(session, digest.id or 0, outcome)
    log.info("digest mailed" if "sent_at" in outcome else "digest not mailed", business=business.id, week=digest.week)
    return "sent_at" in outcome


async def _mail(
    digest: Digest, business: BusinessSettings, mailer: Mailer, to: tuple[str, ...], now: datetime
) -> dict[str, Any]:
    """What became of it, as columns of the digest."""
    try:
        await mailer.send(to, subject(digest, business), digest.plain, digest.html)
    except MailPartlySent as error:
        return {"sent_at": now, "note": str(error)}
    except MailLost as error:
        return {"note": f"{error.happened} {_UNKNOWN}"}
    except ChannelError as error:
        return {"next_at": now + pause_after(digest.tries + 1), "note": f"{error} It is tried again."}
    return {"sent_at": now, "note": ""}
