"""From a page of posts to mentions: match, assess, store, in one transaction with the cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import structlog

from config.settings import BusinessSettings, SourceTable
from connectors.base import Author, Connector, Gone, Page, Post, Route, RouteKind
from listener.analysis.assessing import Assessor
from listener.analysis.duplicates import Windows
from listener.analysis.matching import Matcher
from listener.analysis.opinion import Opinion
from listener.digest.quotes import forget_quotes
from listener.due import due_at
from listener.lessons import Lesson, Lessons
from listener.repeating import first_and_again
from responders.approvals import withdraw
from storage import Session, Source, alerts, mentions, outcomes, sources
from storage.assessment import Assessment, Intent, SeverityLevel
from storage.models import assessment_columns
from storage.storable import storable

log = structlog.get_logger()

#: Longer posts are kept in full up to here; what a platform calls a post is far shorter.
LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Understanding:
    """What hearing needs to know: whose queries, how to judge, what staff have taught, and what was said before."""

    matcher: Matcher
    assessor: Assessor
    lessons: Lessons = field(default_factory=Lessons)
    windows: Windows = field(default_factory=Windows)


@dataclass(frozen=True, slots=True)
class Ear:
    """One source that is being listened to, for one business."""

    source: Source
    table: SourceTable
    business: BusinessSettings
    route: Callable[[Post], Route]


@dataclass(slots=True)
class Listening:
    """One source with the connector that reads it.

    `booked` is money that was booked for looking again at kept posts and that
    the bill of the connector's next page contains.
    """

    ear: Ear
    connector: Connector
    booked: Decimal = Decimal(0)


@dataclass(slots=True)
class Heard:
    """What one page brought: ids of new, edited and vanished mentions; `passed` were not about the business."""

    new: list[int] = field(default_factory=list)
    edited: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    passed: int = 0


#: What a larger model thinks of texts, by text.
Thoughts = Mapping[str, Opinion | None]


async def think(page: Page, ear: Ear, understanding: Understanding) -> Thoughts:
    """What the larger model says of the posts about the business; slow, so ask before the transaction is open."""
    if understanding.assessor.deep is None:
        return {}
    posts = [_storable_post(post) for post in page.posts]
    texts = [_text(each) for each in posts if isinstance(each, Post) and _matched(each, ear, understanding) is not None]
    return dict(zip(texts, await asyncio.to_thread(understanding.assessor.think, texts), strict=True))


async def hear(
    session: Session,
    page: Page,
    ear: Ear,
    understanding: Understanding,
    now: datetime,
    thoughts: Thoughts = MappingProxyType({}),
) -> Heard:
    """Stores what `page` says about the business; repeats are dropped, edits void drafts, vanished posts withdraw them."""
    heard = Heard()
    for fault in page.faults:
        external_id, reason, sample = storable([fault.external_id, fault.reason, fault.sample])
        await sources.keep_sample(session, ear.source.id or 0, external_id, reason, sample, now)
    for platform in sorted({post.platform for post in page.posts}):
        of_platform = [_storable_post(post) for post in page.posts if post.platform == platform]
        await _hear_platform(session, platform, of_platform, ear, understanding, thoughts, now, heard)
    return heard


def _storable_post(post: Post | Gone) -> Post | Gone:
    if not isinstance(post, Post):
        return replace(post, external_id=storable(post.external_id))
    author = Author(**storable(asdict(post.author))) if post.author else None
    names = ("external_id", "text", "url", "title", "language", "in_reply_to", "account", "place", "context", "rating")
    return replace(post, author=author, **{name: storable(getattr(post, name)) for name in names})


async def _hear_platform(
    session: Session,
    platform: str,
    arrived: Sequence[Post | Gone],
    ear: Ear,
    understanding: Understanding,
    thoughts: Thoughts,
    now: datetime,
    heard: Heard,
) -> None:
    latest = {post.external_id: post for post in arrived}  # of two versions in one page, the later one counts
    posts = [post for post in latest.values() if isinstance(post, Post)]
    business_id = ear.business.id
    standing = await mentions.known(session, business_id, platform, list(latest))
    erased = await mentions.erased(session, business_id, platform, [post.external_id for post in posts])
    mind = _Mind(ear, understanding, await understanding.lessons.of(session, ear.business, now), thoughts)
    rows = []
    for post in posts:
        if post.external_id in erased or _is_ours(post, ear.business):
            continue
        try:
            row = _understand(post, standing.get(post.external_id), mind, now)
        except Exception as error:  # around one post: what we stumble over is kept, and the rest is heard
            log.exception("post not understood", source=ear.source.name)
            reason = f"It could not be understood ({type(error).__name__})."
            await sources.keep_sample(session, ear.source.id or 0, post.external_id, reason, _sample(post), now)
            continue
        known = standing.get(post.external_id)
        if row is None:
            heard.passed += known is None
        elif known is None:
            rows.append(row)
        else:
            await _hear_again(session, known, post, row, ear, now, heard)
    ids = []
    async for batch in first_and_again(session, business_id, rows, understanding.windows):
        ids += await mentions.insert(session, batch)
    heard.new += ids
    await outcomes.wrote_back(session, business_id, ids, now)
    await _tell_of_crises(session, ear.business, ids, now)
    await _hear_ourselves(session, platform, posts, ear, now)
    vanished = [post.external_id for post in latest.values() if isinstance(post, Gone)]
    gone = await mentions.gone(session, business_id, platform, vanished, now) if vanished else []
    await withdraw(session, gone, "The post is gone from its platform.", now)
    await forget_quotes(session, ear.business, gone)
    heard.gone += gone


def _sample(post: Post) -> str:
    """What is kept of a post; it names the author, so that it goes when they ask to be forgotten."""
    author = (post.author.external_id, post.author.handle, post.author.name) if post.author else ()
    return "\n".join(filter(None, (*author, post.title, post.text)))[:2000]


def _is_ours(post: Post, business: BusinessSettings) -> bool:
    """Whether the business itself wrote it."""
    handle = post.author.handle.lstrip("@").casefold() if post.author else ""
    return post.own or (bool(handle) and handle in {name.lstrip("@").casefold() for name in business.business.accounts})


async def _hear_ourselves(session: Session, platform: str, posts: Sequence[Post], ear: Ear, now: datetime) -> None:
    """Withdraws the drafts for what a colleague has already answered on the platform itself, as it stands now."""
    edits = {post.external_id: post.edited_at for post in posts if post.edited_at}
    answered = [
        post.in_reply_to
        for post in posts
        if post.in_reply_to and _is_ours(post, ear.business) and not _is_older(post, edits.get(post.in_reply_to))
    ]
    if answered:
        known = [each.id for each in (await mentions.known(session, ear.business.id, platform, answered)).values()]
        await mentions.want_no_draft(session, known)
        await withdraw(session, known, "It was already answered on the platform.", now)


def _is_older(reply: Post, edited_at: datetime | None) -> bool:
    """Whether a reply is to what its author said before an edit."""
    return edited_at is not None and reply.posted_at is not None and reply.posted_at < edited_at


@dataclass(frozen=True, slots=True)
class _Mind:
    """All that a page is understood by."""

    ear: Ear
    understanding: Understanding
    lesson: Lesson
    thoughts: Thoughts


def _understand(post: Post, known: mentions.Known | None, mind: _Mind, now: datetime) -> dict[str, Any] | None:
    """The columns of a mention; None for a post that we keep as it is, or that does not concern the business."""
    if known is not None:
        said = (post.title[:500], post.text[:LONGEST], post.rating)
        if not known.gone and (known.title, known.text, known.rating) == said:
            return None
        return _content(post, _matched(post, mind.ear, mind.understanding) or [], mind, now)
    spans = _matched(post, mind.ear, mind.understanding)
    return None if spans is None else _row(post, spans, mind, now)


def _matched(post: Post, ear: Ear, understanding: Understanding) -> list[list[int]] | None:
    """Where our words stand in the post, None where it does not concern the business."""
    found = understanding.matcher.match(
        post.text,
        title=post.title,
        platform=post.platform,
        author=post.author.handle if post.author else "",
        language=post.language,
        place=post.place,
    ).get(ear.business.id)
    if found is not None:
        return [[start, end] for start, end in found.spans]
    return [] if post.summons or not ear.table.filter else None


def _text(post: Post) -> str:
    return "\n\n".join(part for part in (post.title, post.text) if part)


def _assess(post: Post, mind: _Mind) -> Assessment:
    text = _text(post)
    assessment = mind.understanding.assessor.assess(
        text, rating=post.rating, language=post.language, second=mind.thoughts.get(text)
    )
    return mind.lesson.calibration.adjust(assessment)


def _content(post: Post, spans: list[list[int]], mind: _Mind, now: datetime) -> dict[str, Any]:
    """The columns of a mention that change when its author edits it."""
    ear, assessment = mind.ear, _assess(post, mind)
    route = ear.route(post)
    doubt = mind.lesson.relevance.doubt(post.text, spans) if ear.table.filter and not post.summons else None
    is_owed = _wants_reply(route, assessment, post.edited_at or post.posted_at or now, ear.business, now)
    return {
        "text": post.text[:LONGEST],
        "title": post.title[:500],
        "url": post.url,
        "rating": post.rating,
        "context": dict(post.context),
        "matched": spans,
        "route": route.kind.value,
        "route_reason": route.reason,
        "limits": [[limit.counter.value, limit.at_most] for limit in route.limits],
        "opening": route.opening,
        "owed": is_owed and (doubt is None or not doubt.is_sure or assessment.severity.level >= SeverityLevel.HIGH),
        "doubt": doubt.reason if doubt else "",
        "repost": False,
        "first_id": None,
        **assessment_columns(assessment),
    }


def _row(post: Post, spans: list[list[int]], mind: _Mind, now: datetime) -> dict[str, Any]:
    ear = mind.ear
    posted_at = min(post.posted_at or now, now + timedelta(days=1))
    return _content(post, spans, mind, now) | {
        "business_id": ear.business.id,
        "source_id": ear.source.id,
        "author": asdict(post.author) if post.author else None,
        "platform": post.platform,
        "external_id": post.external_id,
        "in_reply_to": post.in_reply_to,
        "place": post.place,
        "account": post.account,
        "posted_at": posted_at,
        "day": posted_at.astimezone(ear.business.business.zone).date(),
        "heard_at": now,
        "checked_at": now,
        "edited_at": post.edited_at,
        "due_at": due_at(now, ear.business, post.place),
    }


def _wants_reply(
    route: Route, assessment: Assessment, posted_at: datetime, business: BusinessSettings, now: datetime
) -> bool:
    """Spam, what cannot be answered, and what is older than a draft may wait are heard but not answered."""
    return (
        route.kind is not RouteKind.NONE
        and assessment.intent is not Intent.SPAM
        and now - posted_at < business.reply.expire_after
    )


async def _hear_again(
    session: Session,
    known: mentions.Known,
    post: Post,
    columns: Mapping[str, Any],
    ear: Ear,
    now: datetime,
    heard: Heard,
) -> None:
    """Keeps what the author has changed; a draft for what they said before is void, and what we answered is due anew."""
    ratings = (known.rating, post.rating)
    if not known.gone and await outcomes.edited(session, ear.business.id, known.id, ratings, now):
        columns = {**columns, "due_at": due_at(now, ear.business, post.place)}
    await mentions.edit(session, known.id, {**columns, "gone_at": None}, now)
    await withdraw(session, [known.id], "The author has edited the post.", now)
    await _tell_of_crises(session, ear.business, [known.id], now)
    heard.edited.append(known.id)


async def _tell_of_crises(session: Session, business: BusinessSettings, ids: Sequence[int], now: datetime) -> None:
    """Raises an alert for each critical mention, in the same transaction: a crisis cannot be stored and not told."""
    for mention in await mentions.critical(session, ids) if ids else ():
        kinds = " and ".join(mention.severity_kinds) or "severity"
        where = mention.platform.replace("_", " ").title()
        text = f"A mention on {where} may be a crisis ({kinds}). Please look at it now."
        key = f"critical mention {mention.id}"
        await alerts.raise_once(session, business.id, key, text, now, critical=True, mention_id=mention.id)
