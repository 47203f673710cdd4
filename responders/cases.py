"""From records to the case that a drafter sees."""

from __future__ import annotations

from datetime import datetime

from config.settings import BusinessSettings
from connectors.base import Limit, RouteKind
from connectors.lengths import Counter
from responders.drafting.base import Case, Turn
from storage import Author, Mention, Session
from storage import drafts as drafts_of
from storage import mentions as mentions_of


def limits(mention: Mention) -> tuple[Limit, ...]:
    """The length limits under which a mention is answered."""
    return tuple(Limit(Counter(counter), int(at_most)) for counter, at_most in mention.limits)


async def make_case(
    session: Session, business: BusinessSettings, mention: Mention, now: datetime, signer: str = ""
) -> Case:
    """All that a draft for `mention` may know; `signer` falls back to the voice's sign-off."""
    author = await session.get(Author, mention.author_id) if mention.author_id else None
    return Case(
        business=business,
        mention="\n\n".join(part for part in (mention.title, mention.text) if part),
        platform=mention.platform,
        assessment=mention.assessment,
        now=now,
        route=RouteKind(mention.route),
        limits=limits(mention),
        rating=mention.rating,
        author=author.name if author else "",
        handle=author.handle if author else "",
        place=mention.place,
        thread=await _thread(session, mention),
        recent=tuple(await drafts_of.recent_texts(session, mention.business_id)),
        signer=signer or business.voice.sign_off,
        opening=mention.opening,
    )


async def _thread(session: Session, mention: Mention) -> tuple[Turn, ...]:
    """What was said before between this author and us under the post that is answered, oldest first."""
    turns = []
    for earlier, reply, replied_at in await mentions_of.thread(session, mention):
        turns.append(Turn(earlier.text, ours=False, at=earlier.posted_at))
        if reply:
            turns.append(Turn(reply, ours=True, at=replied_at))
    return tuple(turns)
