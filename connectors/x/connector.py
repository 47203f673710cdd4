"""Listens on one account of X, and answers from it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from connectors.base import (
    Absent,
    Cursor,
    Duplicates,
    Found,
    Gap,
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
from connectors.errors import ReplyDeferred, ReplyLost, ReplyRefused, SourceError
from connectors.http import changed
from connectors.lengths import Counter
from connectors.x.api import Api, NotUnderstood
from connectors.x.costs import LINKED_REPLY, OWN, POST, REPLY, USER, Bill
from connectors.x.parsing import MISSHAPEN, PLATFORM, SITE, Parsed, answers, gone, identify, parse, turn
from connectors.x.rounds import Mark, attempts
from connectors.x.settings import XSettings

#: Posts in one answer, which is the most that X gives at once.
PAGE = 100
#: X shows at most this many of an account's mentions.
MENTIONS = 800
#: A look for our reply goes this many pages through what we posted since.
PAGES_BACK = 5
#: What one post may weigh.
WEIGHT = Limit(Counter.WEIGHTED, 280)
#: What we ask of each post beside its id, text and edits.
FIELDS = ["author_id", "created_at", "entities", "lang", "note_tweet", "referenced_tweets"]

#: What X may take for a link: "crumb.example" is one, too.
_LINK = re.compile(r"://|\w\.[^\W\d]{2}")


class Strand(NamedTuple):
    """One list that a source listens to: its name, a post's price, how many posts it shows, and how it is read."""

    name: str
    price: Decimal
    reach: int | None
    read: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class X:
    """One account, heard through its mentions and, if wished, a search."""

    def __init__(self, settings: XSettings, surroundings: Surroundings) -> None:
        self._account = settings.account
        self._around = surroundings
        self._api = Api(settings, surroundings)
        self._bill = Bill()
        self._strands = [Strand("mentions", OWN, MENTIONS, self._mentions)]
        if settings.query:
            self._query = f"({settings.query}) -is:retweet -from:{settings.account}"
            self._strands.append(Strand("search", POST, None, self._search))

    @property
    def traits(self) -> Traits:
        """X charges by the post: `cost_per_call` reckons with one in each answer, `cost_per_page` with a full one."""
        return Traits(
            platform=PLATFORM,
            every=timedelta(minutes=5),
            duplicates=Duplicates.TEXT,
            settle=timedelta(minutes=2),
            retention=timedelta(days=30),
            recheck_every=timedelta(hours=23),
            cost_per_call=self._strands[-1].price,
            cost_per_page=PAGE * max(OWN + USER, self._strands[-1].price),
            cost_per_look=POST,
            disclosure=(
                "X asks accounts that answer with a program's help to carry the label Automated and to say who runs "
                "them, and to have replies that a machine wrote approved beforehand."
            ),
        )

    async def fetch(self, cursor: Cursor | None) -> Page:
        """One page of one list; the lists take turns, and `more` holds until the last one is through.

        X gives its newest posts first, so the pages of a round go back in time.
        """
        stored = cursor or {}
        marks = {name: Mark(**mark) for name, mark in stored.get("marks", {}).items()}
        names = [strand.name for strand in self._strands]
        place = names.index(stored["next"]) if stored.get("next") in names else 0
        strand = self._strands[place]
        heard = await self._hear(strand, marks.get(strand.name, Mark()))
        marks[strand.name] = heard.mark
        following = place if heard.mark.token else place + 1
        return Page(
            heard.parsed.posts,
            {"next": names[following % len(names)], "marks": {name: asdict(mark) for name, mark in marks.items()}},
            more=following < len(names),
            faults=heard.parsed.faults,
            gaps=heard.gaps,
            calls=heard.calls,
            cost=self._bill.settle(),
        )

    async def _hear(self, strand: Strand, mark: Mark) -> Heard:
        """The next page of one list, asked for in the first way that X understands."""
        refused: NotUnderstood | None = None
        for calls, attempt in enumerate(attempts(mark, self._around.now()), 1):
            try:
                answer = await strand.read(dict(attempt.asked))
            except NotUnderstood as error:
                refused = error
                continue
            self._charge(answer, strand.price)
            parsed, after = self._read(answer), self._turn(answer, attempt.mark)
            gaps = (*attempt.gaps, *_unreached(strand, attempt.mark.seen + _count(answer), after, parsed))
            return Heard(parsed, after, gaps, calls)
        raise refused or NotUnderstood("X was not asked.")

    def _read(self, answer: dict[str, Any]) -> Parsed:
        try:
            return parse(answer, self._api.own_id, self._account)
        except MISSHAPEN as error:
            raise changed(self._around.source, "not with posts", str(answer)[:2000]) from error

    def _turn(self, answer: dict[str, Any], mark: Mark) -> Mark:
        try:
            return mark.after(turn(answer), _count(answer))
        except MISSHAPEN as error:
            raise changed(self._around.source, "without saying how the list goes on", str(answer)[:2000]) from error

    def _charge(self, answer: dict[str, Any], price: Decimal) -> None:
        """Puts all that an answer contains on the bill, readable or not."""
        self._bill.charge(price, _count(answer))
        included = answer.get("includes")
        self._bill.charge(USER, _length(included.get("users")) if isinstance(included, dict) else 0)

    async def _mentions(self, asked: dict[str, Any]) -> dict[str, Any]:
        """With names, so that who called us can be answered by name."""
        return await self._api.ask(
            "get_users_mentions",
            self._api.own_id,
            max_results=PAGE,
            pagination_token=asked.pop("token", None),
            tweet_fields=FIELDS,
            expansions=["author_id"],
            user_fields=["name", "username"],
            **asked,
        )

    async def _search(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Without names, which would cost twice as much as the posts."""
        return await self._api.ask(
            "search_recent_tweets",
            self._query,
            max_results=PAGE,
            next_token=asked.pop("token", None),
            tweet_fields=FIELDS,
            **asked,
        )

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """The newest version of each post. By its first id X shows an edited post as it was, so that is asked twice."""
        posts, missing = await self._look_up(ids)
        newer = {post.context["versions"][-1]: post for post in posts if post.context["versions"][-1] not in ids}
        edited, hidden = await self._look_up(list(newer))
        latest = {post.external_id: post for post in (*posts, *edited)}
        for each in hidden:
            first = newer[each.external_id].external_id
            latest.pop(first, None)
            missing.append(Gone(PLATFORM, first, each.reason))
        return [*latest.values(), *missing]

    async def _look_up(self, ids: Sequence[str]) -> tuple[list[Post], list[Gone]]:
        posts: list[Post] = []
        missing: list[Gone] = []
        for start in range(0, len(ids), PAGE):
            asked = list(ids[start : start + PAGE])
            answer = await self._api.ask("get_tweets", asked, tweet_fields=FIELDS)
            self._charge(answer, POST)
            posts += self._read(answer).posts
            missing += gone(answer, asked)
        return posts, missing

    def route(self, post: Post) -> Route:
        """By API only where the author called the account by name or quoted it, as X refuses all other replies."""
        if post.summons:
            reason = f"They called us by name. A link in the reply would cost {LINKED_REPLY} USD."
            return Route(RouteKind.API, reason, (WEIGHT,))
        reason = "X lets programs answer only posts that call the account by name or quote it: a person posts this one."
        return Route(RouteKind.HANDOFF, reason, (WEIGHT,))

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        """Answers the newest version that we know of; X itself refuses the same text twice."""
        price = LINKED_REPLY if _LINK.search(text) else REPLY
        self._bill.charge(price)
        try:
            answer = await self._api.publish(text, _versions(target)[-1])
        except (ReplyDeferred, ReplyRefused):
            self._bill.charge(-price)  # what is not published costs nothing
            raise
        try:
            return self._receipt(identify(answer["data"]))
        except MISSHAPEN as error:
            raise ReplyLost("X did not say which post the reply became.", do="Look whether it is there.") from error

    def _receipt(self, reply_id: str) -> Receipt:
        return Receipt(reply_id, f"{SITE}/{self._account}/status/{reply_id}", self._around.now())

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        """An answer of ours to the post, among what we posted since it was written; any own one counts."""
        versions = _versions(target)
        token: str | None = None
        try:
            for _ in range(PAGES_BACK):
                answer = await self._posted_since(versions[0], token)
                reply_id = answers(answer, versions)
                if reply_id:
                    return Found(self._receipt(reply_id))
                token = turn(answer).token
                if not token:
                    return Absent()
        except SourceError as error:
            return Unsure(error.happened)
        except MISSHAPEN:
            return Unsure("X answered in a form that we do not know.")
        return Unsure("We have posted too much since to be sure.")

    async def _posted_since(self, post_id: str, token: str | None) -> dict[str, Any]:
        """One page of our own posts, newest first."""
        answer = await self._api.ask(
            "get_users_tweets",
            self._api.own_id,
            max_results=PAGE,
            since_id=post_id,
            pagination_token=token,
            exclude=["retweets"],
            tweet_fields=["referenced_tweets"],
        )
        self._charge(answer, OWN)
        return answer

    async def status(self, receipt: Receipt) -> Status:
        """Whether X still shows it."""
        posts, missing = await self._look_up([receipt.external_id])
        if missing:
            return Status(Visibility.REFUSED, "X does not show it any more.")
        return Status(Visibility.VISIBLE if posts else Visibility.UNKNOWN)

    async def close(self) -> None:
        """Nothing is open between two calls."""


class Heard(NamedTuple):
    """What one question to one list brought."""

    parsed: Parsed
    mark: Mark
    gaps: tuple[Gap, ...]
    calls: int


def _unreached(strand: Strand, seen: int, after: Mark, parsed: Parsed) -> tuple[Gap, ...]:
    """What lies before the oldest post that a list shows at all."""
    if strand.reach is None or seen < strand.reach or after.token or not parsed.posts or not parsed.posts[0].posted_at:
        return ()
    return (Gap(None, parsed.posts[0].posted_at, f"X shows only the newest {strand.reach} {strand.name}."),)


def _versions(target: Target) -> list[str]:
    """The ids of the post that is answered, oldest first."""
    return [str(each) for each in target.context.get("versions") or [target.external_id]]


def _count(answer: dict[str, Any]) -> int:
    return _length(answer.get("data"))


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0
