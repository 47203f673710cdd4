"""Listens on one Mastodon account, and answers from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from yarl import URL

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
from connectors.errors import ReplyDeferred, ReplyRefused, SourceDenied, SourceError, SourceLimited
from connectors.lengths import Counter
from connectors.mastodon.parsing import PLATFORM, Parsed, about, identify, moment, parse
from connectors.mastodon.server import NotThere, Server
from connectors.mastodon.settings import MastodonSettings
from connectors.mastodon.strands import look, strands

if TYPE_CHECKING:
    from mastodon import Mastodon

#: What one page may hold (`Connector.fetch`), and what servers give at once (the timelines' documented maximum).
PAGE, AT_ONCE = 100, 40
#: What every server accepts; the limit of one that does not name its own.
CHARACTERS = 500
#: A look for our reply goes this far beyond its post's time, as clocks of two servers differ, and this many pages.
CLOCKS, PAGES_BACK = timedelta(days=1), 5
EARLIEST = datetime.min.replace(tzinfo=UTC)


class MastodonConnector:
    """One account on one server."""

    def __init__(self, settings: MastodonSettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._surroundings = surroundings
        self._server = Server(settings.server, settings.token.read(), surroundings.source, surroundings.now)
        self._strands = strands(settings)
        self._own_id = ""
        self._account = ""
        self._characters: int | None = None
        self._streaming = ""

    @property
    def traits(self) -> Traits:
        """Other servers ignore Mastodon's key against duplicates, so a lost reply is looked for."""
        return Traits(
            platform=PLATFORM,
            every=timedelta(minutes=2),
            duplicates=Duplicates.LOOKUP,
            settle=timedelta(minutes=2),
            recheck_every=timedelta(hours=12),
            disclosure="Set the account's bot flag if nobody looks after it, and keep to its server's rules.",
        )

    async def fetch(self, cursor: Cursor | None) -> Page:
        """What came after `cursor` in mentions, hashtags and searches; the first look brings the newest of each.

        Each strand goes forward from its own mark, so a long absence leaves no hole.
        """
        await self._introduce()
        posts: dict[str, Post] = {}
        faults: list[Fault] = []
        gaps: list[Gap] = []
        marks, more = dict(cursor or {}), False
        limit = min(AT_ONCE, PAGE // len(self._strands))
        for strand in self._strands:
            after = marks.get(strand.name)
            stretch = await self._server.ask(look, strand, after, limit)
            parsed = self._parse(stretch.items)
            posts |= {post.external_id: post for post in parsed.posts}
            faults += parsed.faults
            marks[strand.name] = stretch.mark
            more |= stretch.full and strand.forward
            if stretch.full and not strand.forward:
                gaps.append(self._gap(strand.name, parsed))
        oldest_first = sorted(posts.values(), key=lambda post: post.posted_at or EARLIEST)
        return Page(oldest_first, marks, more, faults, gaps, calls=len(self._strands))

    def _parse(self, items: Sequence[Any]) -> Parsed:
        return parse(items, self._own_id, self._account)

    def _gap(self, name: str, parsed: Parsed) -> Gap:
        until = next((post.posted_at for post in parsed.posts if post.posted_at), self._surroundings.now())
        return Gap(None, until, f'"{name}" has more new posts than the server gives at once.')

    async def _introduce(self) -> None:
        """Learns, once, who we are here and what the server says of itself."""
        if not self._own_id:
            acct, own_id = await self._server.ask(_name)
            self._account, self._own_id = f"@{acct}@{URL(self._settings.server).authority}", own_id
        if self._characters is None:
            try:
                self._characters, self._streaming = await self._about()
            except SourceError:
                return  # nothing depends on it now; the next poll asks again

    async def _about(self) -> tuple[int, str]:
        """The characters a post may have, and where the server streams; not every server knows the newer question."""
        try:
            told = await self._server.ask(lambda client: about(client.instance_v2()))
        except NotThere:
            try:
                told = await self._server.ask(lambda client: about(client.instance_v1()))
            except NotThere:
                told = about({})
        return told.characters or CHARACTERS, told.streaming

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Each post read again: as it reads now, or gone where the server no longer shows it."""
        await self._introduce()
        standing: list[Post | Gone] = []
        for external_id in ids:
            status = await self._shown(external_id)
            standing += [Gone(PLATFORM, external_id)] if status is None else self._parse([status]).posts
        return standing

    async def _shown(self, external_id: str) -> Any:
        """A status as the server shows it; None where it does not, though it still knows us."""
        try:
            return await self._server.ask(_status, external_id)
        except NotThere:
            await self._server.ask(_name)  # a server that has moved knows nothing, which says nothing about a post
            return None

    def route(self, post: Post) -> Route:
        """By API where the author spoke to us; who did not is better answered by a person, if at all."""
        handle = post.author.handle if post.author else ""
        limits = (Limit(Counter.LINKED, self._characters or CHARACTERS),)
        opening = f"@{handle} " if handle else ""
        if not post.summons:
            reason = "They did not speak to us, and uncalled replies are frowned upon here: a person decides and posts."
            return Route(RouteKind.HANDOFF, reason, limits, opening)
        if post.context.get("visibility") in {"public", "unlisted"}:
            return Route(RouteKind.API, "They spoke to us.", limits, opening)
        return Route(RouteKind.API, "They wrote to us privately; the reply stays as private.", limits, opening)

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        """Answers with the visibility of the post, never wider; one that is unknown counts as the narrowest."""
        await self._check_parent(target)
        seen_by = target.context.get("visibility")
        visibility = seen_by if seen_by in {"public", "unlisted", "private"} else "direct"
        return await self._server.publish(_post, target.external_id, text, visibility, key)

    async def _check_parent(self, target: Target) -> None:
        """Some servers take a reply to a post that is gone; nothing has been published when this raises."""
        try:
            parent = await self._shown(target.external_id)
        except SourceDenied as error:
            raise ReplyRefused(error.happened, do=error.do) from error
        except SourceLimited as error:
            raise ReplyDeferred(error.happened, retry_at=error.retry_at) from error
        except SourceError as error:
            raise ReplyDeferred(error.happened) from error
        if parent is None:
            raise ReplyRefused("The post that this reply answers is gone.")

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        """An answer of ours to the post: in its thread, else among our own posts back to its time.

        One reply per post is the rule, so any own one counts. A thread without
        one proves nothing, as some servers show the threads of others empty.
        Our own posts do, once they are read back to before the post was written.
        """
        try:
            await self._introduce()
            receipt = await self._server.ask(self._in_thread, target)
            if receipt is not None:
                return Found(receipt)
            since = await self._server.ask(_written_at, target.external_id)
            return await self._look_back(target, since)
        except SourceError as error:
            return Unsure(error.happened)

    async def _look_back(self, target: Target, since: datetime | None) -> Found | Absent | Unsure:
        before: str | None = None
        for _ in range(PAGES_BACK):
            receipt, oldest, before = await self._server.ask(self._own_page, target, before)
            if receipt is not None:
                return Found(receipt)
            if before is None or (since and oldest and oldest < since - CLOCKS):
                return Absent()
        return Unsure("We have posted too much since to be sure.")

    def _own_page(
        self, client: Mastodon, target: Target, before: str | None
    ) -> tuple[Receipt | None, datetime | None, str | None]:
        """One page of our posts before an id: our answer in it, its oldest time, and its last id (None: no more)."""
        own = client.account_statuses(self._own_id, max_id=before, limit=AT_ONCE)
        times = [at for status in own if (at := moment(status["created_at"]))]
        return self._ours(own, target), min(times, default=None), identify(own[-1]) if own else None

    def _in_thread(self, client: Mastodon, target: Target) -> Receipt | None:
        return self._ours(client.status_context(target.external_id)["descendants"], target)

    def _ours(self, statuses: Sequence[Any], target: Target) -> Receipt | None:
        for status in statuses:
            is_ours = identify(status["account"]) == self._own_id
            if is_ours and str(status["in_reply_to_id"] or "") == target.external_id:
                return _receipt(status)
        return None

    async def status(self, receipt: Receipt) -> Status:
        """Whether the server still shows it."""
        if await self._shown(receipt.external_id) is None:
            return Status(Visibility.REFUSED, "The server does not show it any more.")
        return Status(Visibility.VISIBLE)

    async def close(self) -> None:
        """Lets the thread end."""
        self._server.close()


def _name(client: Mastodon) -> tuple[str, str]:
    account = client.account_verify_credentials()
    return str(account["acct"]), identify(account)


def _status(client: Mastodon, external_id: str) -> Any:
    status = client.status(external_id)
    identify(status)
    return status


def _written_at(client: Mastodon, external_id: str) -> datetime | None:
    return moment(client.status(external_id)["created_at"])


def _post(client: Mastodon, parent: str, text: str, visibility: str, key: str) -> Receipt:
    return _receipt(client.status_post(text, in_reply_to_id=parent, visibility=visibility, idempotency_key=key))


def _receipt(status: Any) -> Receipt:
    return Receipt(identify(status), str(status.get("url") or status.get("uri") or ""), moment(status["created_at"]))
