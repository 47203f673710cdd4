"""Listens on Reddit as one account, and answers from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, NamedTuple

from connectors.base import (
    Absent,
    Cursor,
    Duplicates,
    Found,
    Gone,
    Limit,
    Page,
    Post,
    Receipt,
    Route,
    RouteKind,
    Status,
    Surroundings,
    Target,
    Traits,
    Unsure,
    Visibility,
)
from connectors.errors import ReplyLost, SourceError
from connectors.http import changed
from connectors.lengths import Counter
from connectors.reddit.parsing import (
    MISSHAPEN,
    PLATFORM,
    SITE,
    SUBMISSION,
    Listing,
    answer_of,
    answers_under,
    created,
    fullname,
    listing,
    parse,
)
from connectors.reddit.rounds import PAGE, Mark, follow
from connectors.reddit.server import API, Server
from connectors.reddit.server import SITE as SIGN_IN
from connectors.reddit.settings import RedditSettings

#: What a comment may have.
LIMITS = (Limit(Counter.CHARACTERS, 10_000),)
#: Comments that Reddit gives of one thread at once.
THREAD = 500


class Strand(NamedTuple):
    """One list that a source listens to: its name in marks and messages, and how it is asked for."""

    name: str
    path: str
    params: Mapping[str, str]


def strands(settings: RedditSettings) -> list[Strand]:
    """All that one source listens to; the inbox first, as it tells who spoke to us."""
    found = [Strand("inbox", "message/inbox/", {"mark": "false"})]  # what people have not read stays unread
    subreddits = "+".join(dict.fromkeys([*settings.own_subreddits, *settings.subreddits]))
    if subreddits:
        found += [Strand(f"r/{subreddits} {what}", f"r/{subreddits}/{what}/", {}) for what in ("new", "comments")]
    return found + [Strand(f"search {term}", "search/", {"q": term, "sort": "new"}) for term in settings.search]


class Reddit:
    """One account's inbox, some subreddits and some searches."""

    def __init__(
        self, settings: RedditSettings, surroundings: Surroundings, site: str = SIGN_IN, api: str = API
    ) -> None:
        self._account = settings.account
        self._own = frozenset(name.casefold() for name in settings.own_subreddits)
        self._around = surroundings
        self._server = Server(settings, surroundings, site, api)
        self._strands = strands(settings)

    @property
    def traits(self) -> Traits:
        """Reddit keeps nobody from saying a thing twice, so a lost reply is looked for."""
        return Traits(
            platform=PLATFORM,
            every=timedelta(minutes=2),
            duplicates=Duplicates.LOOKUP,
            settle=timedelta(minutes=2),
            recheck_every=timedelta(hours=12),
            disclosure="Say that the account speaks for the business, and keep to each subreddit's rules.",
        )

    async def fetch(self, cursor: Cursor | None) -> Page:
        """One page of one list; the lists take turns, and `more` holds until the last one is through.

        Reddit gives its newest posts first, so the pages of a round go back in time.
        """
        stored = cursor or {}
        marks = {name: Mark(**mark) for name, mark in stored.get("marks", {}).items()}
        names = [strand.name for strand in self._strands]
        place = names.index(stored["next"]) if stored.get("next") in names else 0
        strand = self._strands[place]
        mark = marks.get(strand.name, Mark())
        answer = await self._server.ask(strand.path, {**strand.params, "limit": PAGE, "after": mark.after or None})
        stretch = follow(strand.name, mark, self._listing(answer), self._around.now())
        parsed = parse(stretch.items, self._account)
        marks[strand.name] = stretch.mark
        following = place if stretch.mark.after else place + 1
        return Page(
            [*parsed.posts, *parsed.gone],
            {
                "next": names[following % len(names)],
                "marks": {name: asdict(marks[name]) for name in names if name in marks},
            },
            more=following < len(names),
            faults=parsed.faults,
            gaps=stretch.gaps,
        )

    def _listing(self, answer: Any) -> Listing:
        try:
            return listing(answer)
        except MISSHAPEN as error:
            raise changed(self._around.source, "not with a list", str(answer)[:2000]) from error

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """How each stands now; what Reddit leaves out of an answer it does not show any more."""
        standing: list[Post | Gone] = []
        for start in range(0, len(ids), PAGE):
            asked = ids[start : start + PAGE]
            parsed = parse(self._listing(await self._info(asked)).items, self._account)
            told = {post.external_id for post in parsed.posts} | {each.external_id for each in parsed.gone}
            told |= {fault.external_id for fault in parsed.faults}
            standing += [*parsed.posts, *parsed.gone, *(Gone(PLATFORM, each) for each in asked if each not in told)]
        return standing

    async def _info(self, ids: Sequence[str], *, as_stranger: bool = False) -> Any:
        return await self._server.ask("api/info/", {"id": ",".join(ids)}, as_stranger=as_stranger)

    def route(self, post: Post) -> Route:
        """By API where the author spoke to us or the subreddit is ours; elsewhere a reply is easily taken for spam."""
        if post.context.get("closed"):
            return Route(RouteKind.NONE, "Its thread is closed to comments.")
        if post.summons:
            return Route(RouteKind.API, "They spoke to us.", LIMITS)
        if str(post.context.get("subreddit") or "").casefold() in self._own:
            return Route(RouteKind.API, "It stands in a subreddit of ours.", LIMITS)
        reason = "They did not speak to us, and uncalled replies of a business count as spam here: a person decides."
        return Route(RouteKind.HANDOFF, reason, LIMITS)

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        """Comments under the post."""
        answer = await self._server.publish(target.external_id, text)
        try:
            return self._receipt(answer["json"]["data"]["things"][0]["data"])
        except MISSHAPEN as error:  # in a quarantined subreddit Reddit takes a comment without showing it
            raise ReplyLost("Reddit did not say which comment it became.", do="Look whether it is there.") from error

    def _receipt(self, thing: Mapping[str, Any]) -> Receipt:
        link = str(thing.get("permalink") or "")
        return Receipt(fullname(thing), f"{SITE}{link}" if link else "", created(thing))

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        """An answer of ours right under the post, newest first; any own one counts, as one reply is the rule."""
        thread = str(target.context.get("thread") or "")
        if not thread:
            return Unsure("It is not known to which thread the post belongs.")
        branch = "" if target.external_id.startswith(SUBMISSION) else f"_/{target.external_id.partition('_')[2]}"
        try:
            page = await self._server.ask(f"comments/{thread}/{branch}", {"sort": "new", "limit": THREAD, "depth": 2})
            children = answers_under(page, target.external_id)
            if children is None:
                return Unsure("Reddit does not show the post that the reply answers.")
            answer = answer_of(
                [child for child in children if child["kind"] != "more"], self._account, target.external_id
            )
            if answer is not None:
                return Found(self._receipt(answer))
        except SourceError as error:
            return Unsure(error.happened)
        except MISSHAPEN:
            return Unsure("Reddit answered in a form that we do not know.")
        if any(child["kind"] == "more" for child in children):
            return Unsure("The post has more answers than Reddit shows at once.")
        return Absent()

    async def status(self, receipt: Receipt) -> Status:
        """Whether strangers see it: to its author Reddit shows a removed comment as if nothing had happened."""
        shown = parse(self._listing(await self._info([receipt.external_id], as_stranger=True)).items, self._account)
        if shown.posts:
            return Status(Visibility.VISIBLE)
        if shown.gone:
            return Status(Visibility.REFUSED, f"Reddit does not show it to others ({shown.gone[0].reason}).")
        return Status(Visibility.UNKNOWN)

    async def close(self) -> None:
        """Lets the thread end."""
        self._server.close()
