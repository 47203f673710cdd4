"""From a page of posts to mentions: match, assess, store, in one transaction with the cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from config.settings import BusinessSettings, SourceTable
from connectors.base import Gone, Page, Post, Route, RouteKind
from listener.analysis.assessing import Assessor
from listener.analysis.matching import Matcher
from listener.due import due_at
from responders.approvals import withdraw
from storage import Source, alerts, mentions, sources
from storage.assessment import Assessment, Intent, SeverityLevel
from storage.models import assessment_columns

#: Longer posts are kept in full up to here; what a platform calls a post is far shorter.
LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Understanding:
    """What hearing needs to know: whose queries, and how to judge."""

    matcher: Matcher
    assessor: Assessor


@dataclass(frozen=True, slots=True)
class Ear:
    """One source that is being listened to, for one business."""

    source: Source
    table: SourceTable
    business: BusinessSettings
    route: Callable[[Post], Route]


@dataclass(slots=True)
class Heard:
    """What one page brought: ids of new, edited and vanished mentions; `passed` were not about the business."""

    new: list[int] = field(default_factory=list)
    edited: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    passed: int = 0


async def hear(session: AsyncSession, page: Page, ear: Ear, understanding: Understanding, now: datetime) -> Heard:
    """Stores what `page` says about the business; repeats are dropped, edits void drafts, vanished posts withdraw them."""
    heard = Heard()
    for fault in page.faults:
        await sources.keep_sample(session, ear.source.id or 0, fault.external_id, fault.reason, fault.sample, now)
    for platform in sorted({post.platform for post in page.posts}):
        of_platform = [post for post in page.posts if post.platform == platform]
        await _hear_platform(session, platform, of_platform, ear, understanding, now, heard)
    return heard


async def _hear_platform(
    session: AsyncSession,
    platform: str,
    arrived: Sequence[Post | Gone],
    ear: Ear,
    understanding: Understanding,
    now: datetime,
    heard: Heard,
) -> None:
    latest = {post.external_id: post for post in arrived}  # of two versions in one page, the later one counts
    posts = [post for post in latest.values() if isinstance(post, Post)]
    business_id = ear.business.id
    standing = await mentions.known(session, business_id, platform, list(latest))
    erased = await mentions.erased(session, business_id, platform, [post.external_id for post in posts])
    await _hear_ourselves(session, platform, posts, ear, now)
    rows = []
    for post in posts:
        if post.external_id in erased or _is_ours(post, ear.business):
            continue
        known = standing.get(post.external_id)
        if known is not None:
            await _hear_again(session, known, post, ear, understanding, now, heard)
        elif (spans := _matched(post, ear, understanding)) is not None:
            rows.append(_row(post, spans, ear, understanding, now))
        else:
            heard.passed += 1
    ids = await mentions.insert(session, rows)
    heard.new += ids
    await _tell_of_crises(session, ear.business, ids, now)
    vanished = [post.external_id for post in latest.values() if isinstance(post, Gone)]
    gone = await mentions.gone(session, business_id, platform, vanished, now) if vanished else []
    await withdraw(session, gone, "The post is gone from its platform.", now)
    heard.gone += gone


def _is_ours(post: Post, business: BusinessSettings) -> bool:
    """Whether the business itself wrote it."""
    handle = post.author.handle.lstrip("@").casefold() if post.author else ""
    return post.own or (bool(handle) and handle in {name.lstrip("@").casefold() for name in business.business.accounts})


async def _hear_ourselves(session: AsyncSession, platform: str, posts: Sequence[Post], ear: Ear, now: datetime) -> None:
    """Withdraws the drafts for what a colleague has already answered on the platform itself."""
    answered = [post.in_reply_to for post in posts if post.in_reply_to and _is_ours(post, ear.business)]
    if answered:
        known = await mentions.known(session, ear.business.id, platform, answered)
        await withdraw(session, [each.id for each in known.values()], "It was already answered on the platform.", now)


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


def _assess(post: Post, understanding: Understanding) -> Assessment:
    text = "\n\n".join(part for part in (post.title, post.text) if part)
    return understanding.assessor.assess(text, rating=post.rating, platform=post.platform, language=post.language)


def _content(post: Post, assessment: Assessment, ear: Ear) -> dict[str, Any]:
    """The columns of a mention that change when its author edits it."""
    route = ear.route(post)
    return {
        "text": post.text[:LONGEST],
        "title": post.title[:500],
        "url": post.url,
        "rating": post.rating,
        "context": dict(post.context),
        "route": route.kind.value,
        "route_reason": route.reason,
        "limits": [[limit.counter.value, limit.at_most] for limit in route.limits],
        "opening": route.opening,
        **assessment_columns(assessment),
    }


def _row(post: Post, spans: list[list[int]], ear: Ear, understanding: Understanding, now: datetime) -> dict[str, Any]:
    assessment = _assess(post, understanding)
    content = _content(post, assessment, ear)
    posted_at = min(post.posted_at or now, now + timedelta(days=1))
    return content | {
        "business_id": ear.business.id,
        "source_id": ear.source.id,
        "author": asdict(post.author) if post.author else None,
        "platform": post.platform,
        "external_id": post.external_id,
        "in_reply_to": post.in_reply_to,
        "place": post.place,
        "account": post.account,
        "posted_at": posted_at,
        "heard_at": now,
        "checked_at": now,
        "edited_at": post.edited_at,
        "matched": spans,
        "owed": _wants_reply(content["route"], assessment, posted_at, ear.business, now),
        "due_at": due_at(now, ear.business, post.place),
    }


def _wants_reply(
    route: str, assessment: Assessment, posted_at: datetime, business: BusinessSettings, now: datetime
) -> bool:
    """Spam, what cannot be answered, and what is older than a draft may wait are heard but not answered."""
    return (
        route != RouteKind.NONE
        and assessment.intent is not Intent.SPAM
        and now - posted_at < business.reply.expire_after
    )


async def _hear_again(
    session: AsyncSession,
    known: mentions.Known,
    post: Post,
    ear: Ear,
    understanding: Understanding,
    now: datetime,
    heard: Heard,
) -> None:
    """A post that we know: nothing happens unless its author changed what it says."""
    if not known.gone and known.text == post.text[:LONGEST] and known.rating == post.rating:
        return
    assessment = _assess(post, understanding)
    spans = _matched(post, ear, understanding) or []
    columns = _content(post, assessment, ear) | {"matched": spans, "gone_at": None}
    posted_at = min(post.posted_at or now, now)
    columns["owed"] = _wants_reply(columns["route"], assessment, posted_at, ear.business, now)
    await mentions.edit(session, known.id, columns, post.edited_at or now)
    await withdraw(session, [known.id], "The author has edited the post.", now)
    await _tell_of_crises(session, ear.business, [known.id], now)
    heard.edited.append(known.id)


async def _tell_of_crises(session: AsyncSession, business: BusinessSettings, ids: Sequence[int], now: datetime) -> None:
    """Raises an alert for each critical mention, in the same transaction: a crisis cannot be stored and not told."""
    for mention_id in ids:
        mention = await mentions.get(session, business.id, mention_id)
        if mention is None or mention.severity_level < SeverityLevel.CRITICAL:
            continue
        kinds = " and ".join(mention.severity_kinds) or "severity"
        text = f"A mention on {mention.platform} may be a crisis ({kinds}). Please look at it now."
        await alerts.raise_once(
            session, business.id, f"critical mention {mention_id}", text, now, critical=True, mention_id=mention_id
        )
