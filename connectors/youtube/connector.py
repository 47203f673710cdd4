"""Listens to one channel, and answers as it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
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
from connectors.errors import ReplyLost, SourceDenied, SourceError, SourceLimited
from connectors.lengths import Counter
from connectors.markup import tidy
from connectors.youtube.interface import ADDRESS, TOKENS, Interface
from connectors.youtube.parsing import (
    PLATFORM,
    VIDEO_ID,
    Comment,
    Parsed,
    Thread,
    comment_post,
    following,
    page,
    parse,
    parse_replies,
    parse_videos,
    read_comments,
)
from connectors.youtube.progress import Progress
from connectors.youtube.settings import YouTubeSettings

#: Comments asked for at once, which is the most; ids and videos at once.
PAGE, AT_ONCE = 100, 50
#: A round that meets nothing known ends after this many pages of threads.
PAGES_BACK = 20
#: A look for our reply goes through this many pages of its thread.
REPLY_PAGES = 5
#: Searches have a quota of their own, 100 a day; what they find may come late.
SEARCH_EVERY, SEARCH_LAG = timedelta(hours=1), timedelta(days=1)
#: How far the first search looks back.
LOOK_BACK = timedelta(days=7)
#: The length of a comment; YouTube's reference says only that there is a limit.
LIMITS = (Limit(Counter.CHARACTERS, 10_000),)
#: How long YouTube may hold a reply back before it counts as refused.
SHOWN_WITHIN = timedelta(hours=24)


class YouTube:
    """One channel: the comments on it and its videos, and, if wished, a search over all videos."""

    def __init__(
        self, settings: YouTubeSettings, surroundings: Surroundings, address: str = ADDRESS, tokens: str = TOKENS
    ) -> None:
        self._channel = settings.channel
        self._words = settings.search
        self._around = surroundings
        self._api = Interface(settings, surroundings, address, tokens)

    @property
    def traits(self) -> Traits:
        """Of a day's 10,000 units a list takes one and a reply 50; what is kept must be read again within 30 days."""
        return Traits(
            platform=PLATFORM,
            every=timedelta(minutes=10),
            duplicates=Duplicates.LOOKUP,
            settle=timedelta(minutes=5),
            retention=timedelta(days=30),
            recheck_every=timedelta(days=1),
        )

    async def fetch(self, cursor: Cursor | None) -> Page:
        """One answer of YouTube: replies that are owed, a search where it is due, else a page of threads.

        The newest 100 threads are looked at each time for new replies.
        """
        progress = Progress.of(cursor)
        if progress.owed:
            return await self._replies(progress, progress.owed[0].thread)
        if self._may_search(progress):
            try:
                return await self._search(progress)
            except SourceLimited:  # the quota of searches is their own, so comments are heard all the same
                progress = replace(progress, tried=self._around.now())
        return await self._threads(progress)

    async def _threads(self, progress: Progress) -> Page:
        asked = {"allThreadsRelatedToChannelId": self._channel, "order": "time", "maxResults": str(PAGE)}
        answer = await self._api.list("commentThreads", asked, progress.page)
        if answer.status == 400:  # the mark has run out
            answer = await self._api.list("commentThreads", asked)
        parsed = self._api.understood(answer, parse, self._channel)
        mark = following(answer.json())
        after = progress.after_threads(parsed, mark, PAGES_BACK)
        gaps: tuple[Gap, ...] = ()
        if progress.pages + 1 == PAGES_BACK and mark and parsed.posts:
            until = parsed.posts[0].posted_at or self._around.now()
            gaps = (Gap(None, until, f"There are more than {PAGES_BACK * PAGE:,} new threads."),)
        return self._page(parsed, after, gaps)

    async def _replies(self, progress: Progress, thread: Thread) -> Page:
        """A page of the replies in a thread; one that cannot be read now is tried again in the next round."""
        nothing = Parsed((), ())
        try:
            answer = await self._api.list("comments", _inside(thread.id), progress.owed[0].page, accept={404})
        except SourceDenied as error:  # closed for us, or everything is: the next look at the threads tells
            fault = Fault(f"The replies in a thread cannot be read. {error.happened}", thread.id)
            return self._page(Parsed((), [fault]), progress.without(thread.id))
        if answer.status == 400:  # the mark has run out
            return self._page(nothing, progress.without(thread.id))
        if answer.status == 404:
            return self._page(nothing, progress.after_replies(""))
        parsed = self._api.understood(answer, parse_replies, thread, self._channel)
        return self._page(parsed, progress.after_replies(following(answer.json())))

    def _may_search(self, progress: Progress) -> bool:
        is_due = progress.tried is None or self._around.now() - progress.tried >= SEARCH_EVERY
        return bool(self._words) and is_due and not progress.page

    async def _search(self, progress: Progress) -> Page:
        """The newest 50 videos that match; more than that since the last search become a gap."""
        now = self._around.now()
        heard_until = progress.searched or now - LOOK_BACK
        since = heard_until - SEARCH_LAG if progress.searched else heard_until
        asked = {
            "q": self._words,
            "type": "video",
            "order": "date",
            "maxResults": str(AT_ONCE),
            "publishedAfter": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        answer = await self._api.list("search", asked)
        parsed = self._api.understood(answer, parse_videos, self._channel)
        oldest = parsed.posts[0].posted_at if parsed.posts else None
        gaps: tuple[Gap, ...] = ()
        if following(answer.json()) and oldest and oldest > heard_until:
            gaps = (Gap(heard_until, oldest, f"The search shows only the newest {AT_ONCE} videos."),)
        searched = self._page(parsed, replace(progress, searched=now, tried=now), gaps)
        return replace(searched, more=True)  # the threads are still to come

    def _page(self, parsed: Parsed, progress: Progress, gaps: Sequence[Gap] = ()) -> Page:
        more = bool(progress.owed or progress.page)
        return Page(parsed.posts, progress.cursor, more, parsed.faults, gaps, calls=self._api.count())

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Comments and videos read again, 50 at once; what YouTube leaves out is gone."""
        videos = [each for each in ids if len(each) == VIDEO_ID]
        comments = [each for each in ids if len(each) != VIDEO_ID]
        standing = await self._standing_videos(videos) | await self._standing_comments(comments)
        missing = [Gone(PLATFORM, each) for each in ids if each not in standing]
        return [*(post for post in standing.values() if post), *missing]

    async def _standing_videos(self, ids: Sequence[str]) -> dict[str, Post | None]:
        """Videos by id; None where one is there and cannot be read."""
        standing: dict[str, Post | None] = {}
        for some in _batches(ids):
            answer = await self._api.list("videos", {"id": ",".join(some)})
            parsed = self._api.understood(answer, parse_videos, self._channel)
            standing |= dict.fromkeys(some) if parsed.faults else {}
            standing |= {post.external_id: post for post in parsed.posts}
        return standing

    async def _standing_comments(self, ids: Sequence[str]) -> dict[str, Post | None]:
        """Comments by id, as in `_standing_videos`; their threads tell what the comments themselves do not."""
        standing: dict[str, Post | None] = {}
        threads = await self._threads_of(ids)
        standing |= {each: threads[each][1] for each in ids if each in threads}
        for some in _batches([each for each in ids if "." in each]):
            answer = await self._api.list("comments", {"id": ",".join(some)})
            comments, faults = self._api.understood(answer, read_comments)
            standing |= dict.fromkeys(some) if faults else {}
            standing |= {each.id: self._reply_post(each, threads) for each in comments}
        return standing

    async def _threads_of(self, ids: Sequence[str]) -> dict[str, tuple[Thread, Post | None]]:
        """The threads that comments stand in, each with its first comment (None: it cannot be read)."""
        found: dict[str, tuple[Thread, Post | None]] = {}
        for some in _batches(sorted({each.partition(".")[0] for each in ids})):
            answer = await self._api.list("commentThreads", {"id": ",".join(some)})
            parsed = self._api.understood(answer, parse, self._channel)
            found |= {each: (Thread(each), None) for each in some} if parsed.faults else {}
            posts = {post.external_id: post for post in parsed.posts}
            found |= {thread.id: (thread, posts.get(thread.id)) for thread in parsed.threads}
        return found

    def _reply_post(self, comment: Comment, threads: Mapping[str, tuple[Thread, Post | None]]) -> Post:
        thread, _ = threads.get(comment.thread, (Thread(comment.thread), None))
        return comment_post(comment, thread, self._channel)

    def route(self, post: Post) -> Route:
        """By API under comments, where we may answer and YouTube takes replies."""
        thread = post.context.get("thread")
        if not thread:
            return Route(RouteKind.HANDOFF, "Under a video, a person decides whether to comment, and posts it.", LIMITS)
        handle = post.author.handle if post.author else ""
        opening = f"{handle} " if handle and post.external_id != thread else ""
        if not self._api.may_answer:
            reason = "This source may only read: copy the text and open the comment."
            return Route(RouteKind.HANDOFF, reason, LIMITS, opening)
        if post.context.get("open") is False:
            reason = "YouTube takes no replies there: open the comment and see."
            return Route(RouteKind.HANDOFF, reason, LIMITS, opening)
        return Route(RouteKind.API, "This is a comment on our own channel.", LIMITS, opening)

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        """Answers in the comment's thread; YouTube hangs all replies there, also those to replies."""
        answer = await self._api.publish(_thread_of(target), text)
        try:
            comment = Comment.model_validate(answer.json())
        except (SourceError, ValueError) as error:
            raise ReplyLost("YouTube did not say which comment the reply became.", do="Look at the thread.") from error
        return Receipt(comment.id, self._address(comment.id, target), comment.said.published)

    def _address(self, comment_id: str, target: Target) -> str:
        return page(comment_id, str(target.context.get("video") or ""), self._channel)

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        """Our reply to the comment in its thread, whoever wrote it: one directed to it, or in the same words."""
        thread = Thread(_thread_of(target), video=str(target.context.get("video") or ""))
        try:
            posts = await self._whole_thread(thread)
        except SourceError as error:
            return Unsure(error.happened)
        if posts is None:
            return Unsure("The thread has more replies than we look through, or some that cannot be read.")
        for post in posts:
            if post.own and (post.in_reply_to == target.external_id or post.text == tidy(text)):
                return Found(Receipt(post.external_id, post.url, post.posted_at))
        return Absent()

    async def _whole_thread(self, thread: Thread) -> Sequence[Post] | None:
        """All replies in a thread; None where there are too many or some cannot be read. A thread that is gone has none."""
        items: list[Any] = []
        mark = ""
        for _ in range(REPLY_PAGES):
            answer = await self._api.list("comments", _inside(thread.id), mark, accept={404})
            if answer.status == 404:
                return ()
            if answer.status == 400:
                return None
            payload = answer.json()
            self._api.understood(answer, read_comments)
            items += payload["items"]
            mark = following(payload)
            if not mark:
                parsed = parse_replies({"items": items}, thread, self._channel)
                return None if parsed.faults else parsed.posts
        return None

    async def status(self, receipt: Receipt) -> Status:
        """Whether everybody sees it: the key sees what the public does, so what is held back is missing."""
        answer = await self._api.list("comments", {"id": receipt.external_id})
        comments, faults = self._api.understood(answer, read_comments)
        shown = next((each for each in comments if each.id == receipt.external_id), None)
        if shown is None and faults:
            return Status(Visibility.UNKNOWN)
        if shown and shown.said.moderation in {"", "published"}:
            return Status(Visibility.VISIBLE)
        is_new = receipt.at and self._around.now() - receipt.at < SHOWN_WITHIN
        if is_new and (shown is None or shown.said.moderation != "rejected"):
            return Status(Visibility.PENDING)
        return Status(Visibility.REFUSED, "YouTube does not show the reply.")

    async def close(self) -> None:
        """Nothing is open between two calls."""


def _inside(thread: str) -> dict[str, str]:
    return {"parentId": thread, "maxResults": str(PAGE)}


def _thread_of(target: Target) -> str:
    return str(target.context.get("thread") or target.external_id)


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
