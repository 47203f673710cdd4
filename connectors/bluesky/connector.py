"""Listens on one Bluesky account, and answers from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import (
    Absent,
    Cursor,
    Duplicates,
    Fault,
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
from connectors.bluesky.answering import record_key, reply_record
from connectors.bluesky.parsing import COLLECTION, PLATFORM, hidden, link, parse, split
from connectors.bluesky.server import NotTaken, Server, Taken
from connectors.bluesky.settings import BlueskySettings
from connectors.bluesky.strands import LOOK_BACK, Mark, look, strands
from connectors.errors import ReplyDeferred, ReplyRefused, SourceDenied, SourceError, SourceLimited
from connectors.lengths import Counter

#: What one page may hold (`Connector.fetch`), and how many posts `getPosts` gives at once (its documented maximum).
PAGE, AT_ONCE = 100, 25
#: What a post may be long (lexicon `app.bsky.feed.post`); both hold at once.
LIMITS = (Limit(Counter.GRAPHEMES, 300), Limit(Counter.BYTES, 3_000))
#: A reply that the network does not show by then is held back; indexing takes seconds, on bad days hours.
INDEXED = timedelta(days=1)
EARLIEST = datetime.min.replace(tzinfo=UTC)


class BlueskyConnector:
    """One account on its server, which also passes questions on to the network."""

    def __init__(self, settings: BlueskySettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._surroundings = surroundings
        self._server = Server(settings.server, settings.handle, settings.app_password.read(), surroundings)
        self._strands = strands(settings)

    @property
    def traits(self) -> Traits:
        """A reply has a key of its own, under which the server takes only one."""
        return Traits(
            platform=PLATFORM,
            every=timedelta(minutes=2),
            duplicates=Duplicates.KEY,
            settle=timedelta(minutes=2),
            recheck_every=timedelta(hours=12),
            disclosure='Give the account the label "bot" if nobody looks after it, and answer only who called you.',
        )

    async def fetch(self, cursor: Cursor | None) -> Page:
        """What came after `cursor` in mentions, hashtags and searches; first what a long absence left unread.

        Every list leads back from its newest post, so the pages of one absence come newest first.
        """
        us, now = await self._server.us(), self._surroundings.now()
        marks = {strand.name: self._mark(cursor, strand.name, now) for strand in self._strands}
        asked = [strand for strand in self._strands if marks[strand.name].next] or self._strands
        posts: dict[str, Post] = {}
        faults: list[Fault] = []
        gaps: list[Gap] = []
        for strand in asked:
            stretch = await look(self._server, strand, marks[strand.name], PAGE // len(asked), now)
            parsed = parse(stretch.items, us)
            posts |= {post.external_id: post for post in parsed.posts}
            faults += parsed.faults
            gaps += stretch.gaps
            marks[strand.name] = stretch.mark
        oldest_first = sorted(posts.values(), key=lambda post: post.posted_at or EARLIEST)
        return Page(
            oldest_first,
            {name: mark.model_dump(mode="json", exclude_defaults=True) for name, mark in marks.items()},
            more=any(mark.next for mark in marks.values()),
            faults=faults,
            gaps=gaps,
            calls=len(asked),
        )

    @staticmethod
    def _mark(cursor: Cursor | None, name: str, now: datetime) -> Mark:
        return Mark.model_validate(cursor[name]) if cursor and name in cursor else Mark(heard=now - LOOK_BACK)

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Each post as the network shows it now.

        What it does not show is gone for us: deleted, taken down, or written
        by somebody who blocks us, which it does not tell apart.
        """
        us, standing = await self._server.us(), list[Post | Gone]()
        for start in range(0, len(ids), AT_ONCE):
            asked = ids[start : start + AT_ONCE]
            shown = await self._shown(asked)
            for external_id in asked:
                view = shown.get(external_id)
                if view is None:
                    standing.append(Gone(PLATFORM, external_id, "deleted or hidden from us"))
                elif reason := _hidden(view):
                    standing.append(Gone(PLATFORM, external_id, reason))
                else:
                    standing += parse([view], us).posts
        return standing

    async def _shown(self, addresses: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """The posts at these addresses that the network shows us."""
        answer = await self._server.ask("app.bsky.feed.getPosts", uris=list(addresses))
        posts = answer.get("posts")
        if not isinstance(posts, list):
            raise self._server.changed("without posts", str(answer))
        return {str(view["uri"]): view for view in posts if isinstance(view, Mapping) and "uri" in view}

    def route(self, post: Post) -> Route:
        """By API where the author called us; the network's rules let programs speak only then."""
        if post.summons:
            return Route(RouteKind.API, "They spoke to us.", LIMITS)
        reason = "They did not call us, and Bluesky lets a program answer only who did: a person decides and posts."
        return Route(RouteKind.HANDOFF, reason, LIMITS)

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        """Writes our post under a key that follows from `key`: whatever is sent again can appear only once."""
        parent = await self._parent(target)
        rkey, now = record_key(key, target.external_id), self._surroundings.now()
        try:
            await self._server.publish(rkey, reply_record(text, parent, target.author, now))
        except Taken:
            return await self._receipt(rkey, None)  # an earlier try has arrived
        return await self._receipt(rkey, now)

    async def _parent(self, target: Target) -> Mapping[str, Any]:
        """The post as it stands now, for servers take replies to posts that are gone; nothing has left when this raises."""
        try:
            parent = (await self._shown([target.external_id])).get(target.external_id)
        except SourceDenied as error:
            raise ReplyRefused(error.happened, do=error.do) from error
        except SourceLimited as error:
            raise ReplyDeferred(error.happened, retry_at=error.retry_at) from error
        except SourceError as error:
            raise ReplyDeferred(error.happened) from error
        if parent is None or _hidden(parent):
            raise ReplyRefused("The post that this reply answers is gone, or its author blocks us.")
        if parent.get("cid") != target.context.get("cid", parent.get("cid")):
            raise ReplyRefused("The post was changed after it was heard.", do="Read it again before you answer.")
        viewer = parent.get("viewer")
        if isinstance(viewer, Mapping) and viewer.get("replyDisabled"):
            raise ReplyRefused("The author of the post does not take replies from us.")
        return parent

    async def _receipt(self, rkey: str, at: datetime | None) -> Receipt:
        did = (await self._server.us()).did
        return Receipt(f"at://{did}/{COLLECTION}/{rkey}", link(did, rkey), at)

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        """Our server tells of our own key at once and for sure; the thread shows what a colleague has answered."""
        try:
            rkey = record_key(key, target.external_id)
            if await self._is_written(rkey):
                return Found(await self._receipt(rkey, None))
            receipt = await self._in_thread(target)
        except SourceError as error:
            return Unsure(error.happened)
        return Found(receipt) if receipt else Absent()

    async def _is_written(self, rkey: str) -> bool:
        """Whether our server has a post of ours under a key."""
        did = (await self._server.us()).did
        try:
            await self._server.ask("com.atproto.repo.getRecord", repo=did, collection=COLLECTION, rkey=rkey)
        except NotTaken as error:
            if error.name != "RecordNotFound":
                raise
            return False
        return True

    async def _in_thread(self, target: Target) -> Receipt | None:
        """The answer of ours that people see under the post; a post that is gone has none."""
        us = await self._server.us()
        try:
            answer = await self._server.ask(
                "app.bsky.feed.getPostThread", uri=target.external_id, depth=1, parentHeight=0
            )
        except NotTaken as error:
            if error.name != "NotFound":
                raise
            return None
        thread = answer.get("thread")
        replies = thread.get("replies") if isinstance(thread, Mapping) else None
        views = [reply.get("post") for reply in replies or () if isinstance(reply, Mapping)]
        for post in parse([view for view in views if view], us).posts:
            if post.own and post.in_reply_to == target.external_id:
                return Receipt(post.external_id, post.url, post.posted_at)
        return None

    async def status(self, receipt: Receipt) -> Status:
        """Whether the network shows our reply; it may take a while to."""
        view = (await self._shown([receipt.external_id])).get(receipt.external_id)
        if view is not None:
            reason = _hidden(view)
            return Status(Visibility.REFUSED, reason) if reason else Status(Visibility.VISIBLE)
        if not await self._is_written(split(receipt.external_id)[1]):
            return Status(Visibility.REFUSED, "It was deleted.")
        if receipt.at and self._surroundings.now() - receipt.at > INDEXED:
            return Status(Visibility.REFUSED, "Bluesky does not show it.")
        return Status(Visibility.PENDING)

    async def close(self) -> None:
        """Lets the connections go."""
        await self._server.close()


def _hidden(view: Mapping[str, Any]) -> str:
    """`hidden`, for a view whose shape is not checked yet."""
    return hidden(view) if isinstance(view.get("record"), Mapping) else ""
