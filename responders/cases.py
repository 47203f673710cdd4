"""From records to the case that a drafter sees."""

from __future__ import annotations

from datetime import datetime, timedelta

from config.settings import BusinessSettings
from connectors.base import Limit, RouteKind
from connectors.lengths import Counter
from responders.drafting.base import Case, Turn
from responders.voice import learn
from storage import Author, Mention, Session, deliveries, outcomes
from storage import drafts as drafts_of
from storage import mentions as mentions_of
from storage.acceptance import approved

#: After so long a silence the same author begins anew: another visit is another matter.
CONVERSATION = timedelta(days=30)


def limits(mention: Mention) -> tuple[Limit, ...]:
    """The length limits under which a mention is answered."""
    return tuple(Limit(Counter(counter), int(at_most)) for counter, at_most in mention.limits)


async def make_case(
    session: Session, business: BusinessSettings, mention: Mention, now: datetime, signer: str = ""
) -> Case:
    """All that a draft for `mention` may know; `signer` falls back to the voice's sign-off."""
    author = await session.get(Author, mention.author_id) if mention.author_id else None
    language = mention.language if mention.language != "und" else business.business.languages[0]
    return Case(
        business=business,
        mention="\n\n".join(part for part in (mention.title, mention.text) if part),
        platform=mention.platform,
        assessment=mention.assessment,
        now=now,
        route=RouteKind(mention.route),
        limits=limits(mention),
        rating=mention.rating,
        stars_before=await outcomes.stars_before(session, mention) if mention.revision > 1 else None,
        author=author.name if author else "",
        handle=author.handle if author else "",
        place=mention.place,
        thread=await _thread(session, mention),
        recent=tuple(await drafts_of.recent_texts(session, mention.business_id)),
        signer=signer or business.voice.sign_off,
        opening=mention.opening,
        style=learn(await approved(session, mention.business_id, language), language),
    )


async def _thread(session: Session, mention: Mention) -> tuple[Turn, ...]:
    """What was said before between this author and us, oldest first; of an edited post, our replies to what it said."""
    turns = []
    for earlier, reply, replied_at in await mentions_of.thread(session, mention):
        is_answered = earlier.external_id == mention.in_reply_to
        if mention.posted_at - max(earlier.posted_at, replied_at) > CONVERSATION and not is_answered:
            continue
        turns.append(Turn(earlier.text, ours=False, at=earlier.posted_at))
        if reply:
            turns.append(Turn(reply, ours=True, at=replied_at))
    if mention.revision > 1:
        replies = await deliveries.public(session, [mention.id or 0])
        turns += [Turn(ours.text, ours=True, at=ours.at) for ours in replies.get(mention.id or 0, ())]
    return tuple(turns)
