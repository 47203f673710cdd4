"""What was heard: search, all mentions, one mention, and everything about one author."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from responders import correcting
from responders.inbox.pages import render, see
from responders.inbox.visits import Eraser, Visit
from responders.inbox.words import whole
from storage import Author, Draft, Mention, drafts, mentions, reposts
from storage.search import search as find

PAGE = 30
_LONGEST_SEARCH = 200


async def search(visit: Visit) -> web.Response:
    """Mentions that hold all the words, newest first; `before` is the last mention of the page before."""
    words = visit.request.query.get("q", "").replace("\0", "")[:_LONGEST_SEARCH].strip()
    async with visit.store.read() as session:
        found = await find(session, visit.id, words, before=_before(visit), limit=PAGE + 1)
    return await _list(visit, found, words)


async def listing(visit: Visit) -> web.Response:
    """All mentions, newest first."""
    async with visit.store.read() as session:
        last = await mentions.get(session, visit.id, _before(visit) or 0)
        before = (last.posted_at, last.id or 0) if last else None
        found = await mentions.history(session, visit.id, before=before, limit=PAGE + 1)
    return await _list(visit, found, "")


async def _list(visit: Visit, found: Sequence[Mention], words: str) -> web.Response:
    shown = found[:PAGE]
    authors, answers = await _around(visit, shown)
    is_search = visit.request.path == "/search"
    more = shown[-1].id if len(found) > PAGE else None
    return render(
        visit,
        "mentions.html",
        mentions=shown,
        authors=authors,
        drafts=answers,
        words=words,
        search=is_search,
        more=more,
    )


async def _around(visit: Visit, shown: Sequence[Mention]) -> tuple[Mapping[int, Author], Mapping[int, Draft]]:
    """Who wrote these mentions, and the newest draft of each."""
    async with visit.store.read() as session:
        authors = await mentions.authors(session, visit.id, [each.author_id for each in shown if each.author_id])
        return authors, await drafts.newest_for(session, visit.id, [each.id for each in shown if each.id])


def _before(visit: Visit) -> int | None:
    return whole(visit.request.query.get("before", ""))


async def mention(visit: Visit) -> web.Response:
    """One mention and the drafts that were made for it."""
    async with visit.store.read() as session:
        found = await mentions.get(session, visit.id, visit.number())
        if found is None:
            raise web.HTTPNotFound
        answers = await drafts.for_mention(session, visit.id, visit.number())
        author = await mentions.author(session, visit.id, found.author_id) if found.author_id else None
        again = (await reposts.seen_again(session, [visit.number()])).get(visit.number(), 0)
    return render(
        visit, "mention.html", mention=found, author=author, drafts=answers, again=again, sayings=correcting.SAYINGS
    )


async def author(visit: Visit) -> web.Response:
    """Everything that is kept about an author."""
    found = await _author(visit)
    async with visit.store.read() as session:
        written = await mentions.of_author(session, visit.id, visit.number(), limit=200)
    _, answers = await _around(visit, written)
    may_erase = visit.is_owner and visit.inbox.eraser is not None
    return render(visit, "author.html", author=found, mentions=written, drafts=answers, may_erase=may_erase)


async def _author(visit: Visit) -> Author:
    async with visit.store.read() as session:
        found = await mentions.author(session, visit.id, visit.number())
    if found is None:
        raise web.HTTPNotFound
    return found


async def ask_to_erase(visit: Visit) -> web.Response:
    """Says what erasing means, before it is done."""
    _owners_only(visit)
    return render(visit, "erase.html", author=await _author(visit))


async def erase(visit: Visit) -> web.Response:
    """Erases everything that is kept about an author."""
    eraser = _owners_only(visit)
    await _author(visit)
    erased = await eraser(visit.id, visit.number(), visit.person.name)
    return see(f"/erased?mentions={erased}")


async def erased(visit: Visit) -> web.Response:
    """Says that it is done."""
    return render(visit, "erased.html", number=whole(visit.request.query.get("mentions", "")) or 0)


def _owners_only(visit: Visit) -> Eraser:
    if not visit.is_owner:
        raise web.HTTPForbidden(text="Only an owner can erase what is kept about an author.")
    if visit.inbox.eraser is None:
        raise web.HTTPNotFound
    return visit.inbox.eraser
