"""Pasting: what a person found on a page that no machine may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from aiohttp import web

from config.errors import WarmlineError
from connectors.markup import tidy
from connectors.paste import Pasted
from connectors.sites import split, without_tracking
from responders.inbox.pages import render, see
from responders.inbox.visits import Visit
from storage import Mention, audit, mentions

#: Characters; the longest reviews that sites take have a quarter of it.
LONGEST_TEXT, LONGEST_LINK, LONGEST_NAME = 20_000, 2_000, 120
#: Sites that the form offers; any other can be typed.
SITES = ("Yelp", "Tripadvisor", "Glassdoor", "Google", "Facebook", "Trustpilot", "Indeed", "Kununu")


@dataclass(frozen=True, slots=True)
class Notice:
    """What the form says above itself; `mention` is the one that is meant."""

    happened: str
    kept: str = ""
    do: str = ""
    mention: Mention | None = None
    #: Whether a button offers to paste it all the same.
    may_insist: bool = False


async def show(visit: Visit) -> web.Response:
    """The empty form."""
    return _form(visit, {})


def _form(visit: Visit, typed: Mapping[str, str], notice: Notice | None = None, status: int = 200) -> web.Response:
    return render(
        visit,
        "paste.html",
        status,
        typed=typed,
        notice=notice,
        sites=SITES,
        is_on=visit.may_paste,
        today=_today(visit),
        longest=(LONGEST_TEXT, LONGEST_LINK, LONGEST_NAME),
    )


def _today(visit: Visit) -> str:
    return visit.inbox.now().astimezone(visit.business.business.zone).date().isoformat()


async def take(visit: Visit) -> web.Response:
    """Hears what was typed; where that cannot be, everything typed is shown again with the reason."""
    hearer = visit.inbox.hearer
    if hearer is None or not visit.may_paste:
        return _form(visit, visit.form, status=404)
    pasted = _read(visit)
    if isinstance(pasted, Notice):
        return _form(visit, visit.form, pasted, 400)
    if known := await _known(visit, pasted):
        return _form(visit, visit.form, known, 409)
    try:
        kept = await hearer(visit.id, pasted)
    except WarmlineError as error:
        return _form(visit, visit.form, Notice(error.happened, error.kept, error.do), 503)
    return await _answer(visit, kept)


def _read(visit: Visit) -> Pasted | Notice:
    """What was typed, or what is wrong with it."""
    text, link = tidy(visit.form.get("text", "")), visit.form.get("link", "").strip()
    author, site = (tidy(visit.form.get(name, "")) for name in ("author", "site"))
    stars, day = visit.form.get("stars", ""), visit.form.get("day", "")
    posted_at = _noon(visit, day)
    if not text and stars not in _STARS:
        return Notice("There is neither a text nor a rating.", do="Paste what was written, or choose the stars.")
    if len(text) > LONGEST_TEXT or max(len(author), len(site)) > LONGEST_NAME:
        return Notice("That is too long for a post.", do=f"A text may have {LONGEST_TEXT:,} characters.")
    if link and (len(link) > LONGEST_LINK or not split(link).hostname):
        return Notice("The link is not one that opens a page.", do="Copy it from the address line, https:// included.")
    if day and posted_at is None:
        return Notice("That day is not one on which it can have been posted.", do="Choose today, or a day before it.")
    return Pasted(text, link, _STARS.get(stars), author, site, posted_at)


_STARS = {str(number): float(number) for number in range(1, 6)}


def _noon(visit: Visit, day: str) -> datetime | None:
    """Noon of the day that was chosen, in the business's time, and now for today; None for what can be no such day."""
    if day == _today(visit):
        return visit.inbox.now()
    try:
        chosen = datetime.combine(date.fromisoformat(day), time(12), visit.business.business.zone)
    except ValueError:
        return None
    is_past = timedelta(0) < visit.inbox.now() - chosen < timedelta(days=366 * 20)
    return chosen if is_past else None


async def _known(visit: Visit, pasted: Pasted) -> Notice | None:
    """What was heard from this page before, if anything, and nobody has said that this is another post."""
    if not pasted.url or visit.form.get("another") == "yes":
        return None
    async with visit.store.read() as session:
        found = await mentions.newest_at(session, visit.id, {pasted.url, without_tracking(pasted.url)})
    if found is None:
        return None
    happened = "Something from this page is here already."
    return Notice(
        happened, "What you typed still stands below.", "Look whether it is the same.", found, may_insist=True
    )


async def _answer(visit: Visit, kept: tuple[int, bool] | None) -> web.Response:
    if kept is None:
        happened = "This is not kept: it was erased before because somebody asked for it, or it is your own account's."
        return _form(visit, visit.form, Notice(happened), 409)
    number, is_new = kept
    if not is_new:
        async with visit.store.read() as session:
            found = await mentions.get(session, visit.id, number)
        return _form(visit, visit.form, Notice("Exactly this is here already.", mention=found), 409)
    async with visit.store.work() as session:
        await audit.append(session, visit.id, visit.person.name, "paste", f"mention {number}", {}, visit.inbox.now())
    return see(f"/mentions/{number}")
