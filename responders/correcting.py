"""Where staff say what a mention is, in the place of what was thought: the inbox and the terminal both come here."""

from __future__ import annotations

from config.settings import Person
from responders.approvals import Desk, withdraw
from responders.errors import DecisionError, NotAllowed
from storage import Mention, Session, audit, corrections, drafts, mentions
from storage.assessment import Assessment, Intent, SeverityLevel, Topic
from storage.corrections import FEELING, INTENT, POLARITY, SEVERITY, TOPIC, Claim
from storage.models import assessment_columns
from storage.states import UNDECIDED

#: What can be said of a mention; "about" goes with a topic.
SEVERE, NOT_SEVERE, ABOUT = "severe", "not severe", "about "
SAYINGS = (*Intent, SEVERE, NOT_SEVERE, *(f"{ABOUT}{topic}" for topic in Topic))


async def correct(desk: Desk, business_id: str, mention_id: int, said: str, person: str, channel: str) -> Assessment:
    """Puts what `person` says of a mention (one of `SAYINGS`) over what was thought; gives what it is from here on.

    A draft that nobody has touched is made anew where it no longer fits.

    Raises:
        DecisionError: nobody can say this of a mention.
        NotAllowed: this person may not, or there is no such mention.
    """
    claims, now = claims_of(said), desk.now()
    async with desk.store.work() as session:
        who = _person(desk, business_id, person)
        mention = await mentions.get(session, business_id, mention_id)
        if mention is None:
            raise NotAllowed("There is no such mention here.", do="Open the inbox to see what was heard.")
        before = mention.assessment
        after = await corrections.keep(session, mention, claims, who.name, now)
        await mentions.reassess(session, mention_id, assessment_columns(after))
        if (after.intent, after.polarity) != (before.intent, before.polarity):
            note = f"{who.name} said what the post is: “{said}”. It is drafted anew."
            await _draft_anew(desk, session, mention, before, note)
        detail = {"said": said, "channel": channel}
        await audit.append(session, business_id, who.name, "correct", f"mention {mention_id}", detail, now)
        return after


def claims_of(said: str) -> list[Claim]:
    """The labels that a saying is about.

    Raises:
        DecisionError: it is none of `SAYINGS`.
    """
    saying = " ".join(said.split()).casefold()
    if saying not in SAYINGS:
        raise DecisionError(
            f"“{said}” is not something to say of a mention.", "Nothing was changed.", f"Say {', '.join(SAYINGS)}."
        )
    if saying.startswith(ABOUT):
        return [Claim(TOPIC, saying.removeprefix(ABOUT))]
    if saying in (SEVERE, NOT_SEVERE):
        level = SeverityLevel.HIGH if saying == SEVERE else SeverityLevel.NONE
        return [Claim(SEVERITY, level.word)]
    intent = Intent(saying)
    feeling = [Claim(POLARITY, FEELING[intent].value)] if intent in FEELING else []
    return [*feeling, Claim(INTENT, intent.value)]


def _person(desk: Desk, business_id: str, name: str) -> Person:
    business = desk.businesses().get(business_id)
    person = business.person(name) if business else None
    if person is None:
        raise NotAllowed(
            f"{name or 'Nobody'} is not on the staff.",
            "Nothing was changed.",
            "Say who you are: a name under [[staff]].",
        )
    return person


async def _draft_anew(desk: Desk, session: Session, mention: Mention, before: Assessment, note: str) -> None:
    """Withdraws an untouched draft and asks for another; what was taken for spam gets its first."""
    if mention.id is None or mention.not_us or mention.repost or mention.route == "none":
        return
    waiting = await drafts.open_for(session, [mention.id])
    untouched = all(draft.state in UNDECIDED and draft.revision == 1 for draft in waiting)
    if untouched and (waiting or before.intent is Intent.SPAM):
        await withdraw(session, [mention.id], note, desk.now())
        await mentions.want_draft(session, mention.id)
