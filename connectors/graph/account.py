"""An account of our own at Meta: listened to list by list, answered below its conversations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from connectors.base import (
    Absent,
    Cursor,
    Duplicates,
    Found,
    Gap,
    Gone,
    Page,
    Post,
    Receipt,
    Route,
    Status,
    Surroundings,
    Target,
    Traits,
    Unsure,
    Visibility,
)
from connectors.errors import SourceDenied, SourceError
from connectors.graph.client import ADDRESS, Graph, GraphSettings, NotThere, Withdrawn
from connectors.graph.walk import PAGES, WATCHED, Errand, Parsed, Walk, onward
from connectors.http import changed

#: Nodes asked for at once; Meta's most.
AT_ONCE = 50
#: A look for our reply goes this many pages through a conversation.
PAGES_BACK = 10
#: Longer than Meta was seen to take until what it published can be read.
SETTLE = timedelta(minutes=5)


class Edge(NamedTuple):
    """How a list is asked for.

    `path` is its name behind the node, `dated` that it takes a `since`, and
    `optional` that Meta may have given it up.
    """

    path: str
    fields: str
    limit: int
    dated: bool = False
    optional: str = ""
    more: Mapping[str, str] = {}


class Account(ABC):
    """One Page or one Instagram account, with a token that speaks for it."""

    platform: ClassVar[str]
    #: What people call the service.
    service: ClassVar[str]
    #: The permissions that the token must have.
    needs: ClassVar[Sequence[str]]
    #: The lists by name; those in `starts` begin a round, true where the conversations below are watched.
    edges: ClassVar[Mapping[str, Edge]]
    starts: ClassVar[Mapping[str, bool]]
    #: The list in which our reply to a comment would stand, the one that takes it, and what a reply is asked to tell.
    answers: ClassVar[str]
    published: ClassVar[str]
    #: The field that holds the account's name, and the fields that tell whether a reply is hidden.
    named: ClassVar[str]
    hidden: ClassVar[str]

    def __init__(
        self, own_id: str, settings: GraphSettings, surroundings: Surroundings, address: str = ADDRESS
    ) -> None:
        self._own_id = own_id
        self._version = settings.version
        self._around = surroundings
        self._graph = Graph(surroundings, settings, self.service, self.needs, address)
        self._name = ""

    @property
    def traits(self) -> Traits:
        """Meta keeps nothing from appearing twice, so a lost reply is looked for; what was deleted must go within days."""
        return Traits(
            platform=self.platform,
            every=timedelta(minutes=10),
            duplicates=Duplicates.LOOKUP,
            settle=SETTLE,
            recheck_every=timedelta(hours=12),
        )

    @abstractmethod
    def parsed(self, payload: Mapping[str, Any], errand: Errand) -> Parsed:
        """One page of a list; raises ValueError where it has lost its shape."""

    @abstractmethod
    def route(self, post: Post) -> Route:
        """How this post may be answered."""

    @abstractmethod
    def check(self, text: str) -> None:
        """Raises ReplyRefused where the service would refuse this reply for its form."""

    @abstractmethod
    async def stand(self, nodes: Mapping[str, Any]) -> Sequence[Post | Gone]:
        """These nodes, by their ids, as posts."""

    async def fetch(self, cursor: Cursor | None) -> Page:
        """One page of one list; a round goes through all lists and the conversations that changed."""
        self._graph.check_rest()
        await self._introduce()
        walk, gaps = self._walk(cursor)
        errand = walk.queue[0]
        parsed = Parsed()
        try:
            payload = await self._list(errand)
        except NotThere:
            walk = self._missed(walk, errand)
        except Withdrawn as error:
            if not self.edges[errand.edge].optional:
                raise
            walk = walk.close(self._version)
            gaps = [*gaps, Gap(None, self._around.now(), f"{error.happened} {self.edges[errand.edge].optional}")]
        else:
            parsed, following = self._parse(payload, errand), onward(payload)
            walk = walk.after(parsed, following)
            gaps = [*gaps, *self._cut(errand, following, parsed)]
        return Page(parsed.posts, walk.cursor, bool(walk.queue), parsed.faults, gaps, calls=self._graph.count())

    def _walk(self, cursor: Cursor | None) -> tuple[Walk, list[Gap]]:
        """The round under way, or a new one, and what it comes too late for."""
        walk, now = Walk.of(cursor), self._around.now()
        if walk.queue:
            return walk, []
        gaps = []
        heard, watched = datetime.fromtimestamp(walk.heard, UTC), now - WATCHED
        if walk.heard and heard < watched:
            gaps = [Gap(heard, watched, f"Only posts of the last {WATCHED.days} days are listened to.")]
        return walk.begin(self.starts, self._own_id, self._version, now), gaps

    async def _introduce(self) -> None:
        """Learns, once, what the account is called; it also shows whether id and token belong together."""
        if self._name:
            return
        try:
            told = await self._graph.get(self._own_id, {"fields": f"id,{self.named}"})
        except NotThere as error:
            raise self._stranger() from error
        self._name = str(told.get(self.named) or self._own_id)

    def _stranger(self) -> SourceDenied:
        return SourceDenied(
            f'{self.service} ("{self._around.source}") does not show {self._own_id} to this token.',
            "Polling it is paused; what was heard is kept.",
            "Check the id in its settings, and that the token was made for it; then run warmline check.",
        )

    async def _list(self, errand: Errand) -> dict[str, Any]:
        edge = self.edges[errand.edge]
        asked = {"fields": edge.fields, "limit": str(edge.limit), **edge.more, **errand.page}
        if edge.dated and errand.since:
            asked["since"] = str(int(errand.since))
        return await self._graph.get(f"{errand.node}/{edge.path}", asked)

    def _parse(self, payload: Mapping[str, Any], errand: Errand) -> Parsed:
        try:
            return self.parsed(payload, errand)
        except ValueError as error:
            raise changed(self._around.source, "not with a list", str(payload)[:2000]) from error

    def _missed(self, walk: Walk, errand: Errand) -> Walk:
        """A post that went away while its conversation waited is passed over; the account itself must be there."""
        if errand.node == self._own_id:
            raise self._stranger()
        return walk.without()

    def _cut(self, errand: Errand, following: Mapping[str, str], parsed: Parsed) -> list[Gap]:
        if not following or errand.number + 1 < PAGES:
            return []
        until = min(parsed.times, default=self._around.now())
        return [Gap(None, until, f"A list is longer than {PAGES} pages, and only those are read.")]

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """In batches; what has a colon in its id is somebody else's and cannot be read singly.

        A token that sees nothing says nothing about a post: before one counts
        as gone, the account's own list must be readable.
        """
        self._graph.check_rest()
        await self._introduce()
        readable = [external_id for external_id in ids if ":" not in external_id]
        standing: list[Post | Gone] = []
        vanished: list[str] = []
        for first in range(0, len(readable), AT_ONCE):
            nodes, gone = await self._graph.read(readable[first : first + AT_ONCE], self.edges[""].fields)
            standing += await self.stand(nodes)
            vanished += gone
        if vanished:
            await self._check_sight()
        return [*standing, *(Gone(self.platform, external_id) for external_id in vanished)]

    async def _check_sight(self) -> None:
        """Raises a SourceError where the token no longer sees the account's own posts."""
        start = self.edges[next(iter(self.starts))]
        await self._graph.get(f"{self._own_id}/{start.path}", {"fields": start.fields, "limit": "1"})

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        """Posts once below the comment, or below the one that began its conversation."""
        self.check(text)
        path = f"{thread(target)}/{self.edges[self.answers].path}"
        node = await self._graph.publish(path, text, self.published)
        return Receipt(node["id"], str(node.get("permalink_url") or target.url), self._around.now())

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        """An answer of ours in the conversation: to this comment, or with these words.

        One of ours that is as new as the comment but may be to somebody else
        in the same conversation leaves it open.
        """
        try:
            await self._introduce()
            return await self._look(target, text)
        except SourceError as error:
            return Unsure(error.happened)

    async def _look(self, target: Target, text: str) -> Found | Absent | Unsure:
        errand = Errand(self.answers, thread(target), url=target.url)
        doubt = ""
        for _ in range(PAGES_BACK):
            payload = await self._list(errand)
            parsed, following = self._parse(payload, errand), onward(payload)
            later = [post for post in parsed.posts if isinstance(post, Post) and _is_later(post, target)]
            ours = next((post for post in later if _is_answer(post, target, text)), None)
            if ours is not None:
                return Found(Receipt(ours.external_id, ours.url, ours.posted_at))
            if any(post.own for post in later):
                doubt = "We have answered in this conversation, perhaps to this comment."
            elif parsed.faults:
                doubt = doubt or "Some answers could not be read."
            if not following or following == errand.page:
                return Unsure(doubt) if doubt else Absent()
            errand = errand._replace(page=following)
        return Unsure("The conversation is too long to look through.")

    async def status(self, receipt: Receipt) -> Status:
        """Whether Meta shows it; what was published a moment ago may not be readable yet."""
        nodes, gone = await self._graph.read([receipt.external_id], self.hidden)
        if gone:
            if receipt.at and self._around.now() - receipt.at < SETTLE:
                return Status(Visibility.PENDING)
            await self._check_sight()
            return Status(Visibility.REFUSED, f"{self.service} does not show it any more.")
        node = nodes.get(receipt.external_id)
        if not isinstance(node, Mapping):
            return Status(Visibility.UNKNOWN)
        if node.get("is_hidden") is True or node.get("hidden") is True:
            return Status(Visibility.REFUSED, f"It is hidden on {self.service}.")
        return Status(Visibility.VISIBLE)

    async def close(self) -> None:  # noqa: B027 – there is nothing to do, here or in either service
        """Nothing is open between two calls."""


def thread(target: Target) -> str:
    """The id below which a reply to this post is placed: Meta's conversations are two levels deep."""
    return str(target.context.get("thread") or plain_id(target))


def plain_id(target: Target) -> str:
    """The post's id as Meta gives it."""
    return target.external_id.rpartition(":")[2]


def _is_later(post: Post, target: Target) -> bool:
    """Whether a post of ours may answer the target, as far as their times tell."""
    written = target.context.get("at")
    return not isinstance(written, (int, float)) or post.posted_at is None or post.posted_at.timestamp() >= written


def _is_answer(post: Post, target: Target, text: str) -> bool:
    """Whether a post is our answer to the target; where Meta names nobody, the words decide."""
    if post.text.split() == text.split():
        return post.own or post.author is None
    return post.own and post.in_reply_to == plain_id(target)
