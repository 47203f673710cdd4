"""From a draft to the card that shows it, through its whole life."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from connectors.base import Limit
from responders.channels.base import Button, Card, Editor, Kind, Limits, Line, Press, Style, Verb
from responders.channels.facts import Bundle, Matter, Member, Surface, Word
from responders.channels.fitting import fitted, shortened
from responders.inbox.words import because, link, platform, severe_in
from storage.assessment import Emotion, SeverityLevel
from storage.states import UNDECIDED, Action, DraftState, PromiseState

Rows = tuple[tuple[Button, ...], ...]

#: While it stands so, a card shows what the customer wrote and what was drafted.
_TOLD_WHOLE = UNDECIDED | {
    DraftState.APPROVED, DraftState.SENDING, DraftState.UNCONFIRMED, DraftState.HANDED_OFF, DraftState.SENT,
    DraftState.VISIBLE, DraftState.REFUSED, DraftState.FAILED,
}  # fmt: skip
#: States in which a tap is waited for.
_TAPPED = UNDECIDED | {DraftState.UNCONFIRMED, DraftState.HANDED_OFF}
_VEIL = "This post insults or threatens people. Its words are shown when you ask for them."


def digest(card: Card) -> str:
    """What is kept of a card that was painted, to know whether it would look different now."""
    return hashlib.sha256(repr((card.lines, card.buttons)).encode("utf-8", "surrogatepass")).hexdigest()


def draw(matter: Matter | Bundle | Word | None, limits: Limits, *, silent: bool = False) -> Card:
    """The card of `matter` as it stands, for a chat with these limits; None: of something that is no longer kept."""
    match matter:
        case Matter():
            card = _draft_card(matter, limits) if limits.decides and limits.repaints else _notice(matter, limits)
        case Bundle():
            card = _batch_card(matter, limits)
        case Word():
            card = _promise_card(matter, limits)
        case None:
            card = Card((Line(Kind.TITLE, "Nothing stands here any more"), Line(Kind.STATUS, _FORGOTTEN)))
    return Card(card.lines, _labelled(card.buttons, limits.label), silent)


_FORGOTTEN = "What this card was about is no longer kept. There is nothing left to decide."


def replaced(matter: Matter, limits: Limits) -> Card:
    """The card of a wording that was changed, where the new one stands on a card of its own."""
    lines = [_title(matter), Line(Kind.STATUS, "The text was changed. The new one stands on a card of its own.")]
    return Card(tuple(fitted(lines, limits.text) or lines[1:]))


def _labelled(rows: Rows, limit: Limit) -> Rows:
    """The buttons with labels that fit; what is cut stands whole in the card's lines."""
    return tuple(
        tuple(Button(shortened(button.label, limit), button.press, button.url, button.style) for button in row)
        for row in rows
        if row
    )


# --- A draft -----------------------------------------------------------------------------------


def _draft_card(matter: Matter, limits: Limits) -> Card:
    title, status = _title(matter), _status(matter)
    if matter.draft.state not in _TOLD_WHOLE:
        return Card(tuple(fitted([title, *status], limits.text) or status[:1]), _buttons(matter, limits, whole=False))
    must, spare = [title, *status, _account(matter), *_open_points(matter)], [*_reasons(matter), *_facts(matter)]
    quote, draft = _quote(matter), Line(Kind.DRAFT, matter.draft.text)
    order = [title, *_facts(matter), quote, draft, *_reasons(matter), *_open_points(matter), _account(matter), *status]
    lines = fitted(order, limits.text, spare)
    if lines is not None:
        return Card(tuple(lines), _buttons(matter, limits, whole=True))
    too_long = Line(
        Kind.STATUS, "The draft is too long to be shown here whole. Read it in the inbox, and decide there."
    )
    lines = fitted([title, too_long, *must[1:]], limits.text, must[1:])
    return Card(tuple(lines or [too_long]), _buttons(matter, limits, whole=False))


def _title(matter: Matter) -> Line:
    mention = matter.mention
    where = f"{platform(mention.platform)}{', ' + mention.place if mention.place else ''}"
    stars = f" · {'★' * round(mention.rating)}{'☆' * (5 - round(mention.rating))}" if mention.rating else ""
    if matter.draft.state is DraftState.WITHDRAWN:
        return Line(Kind.TITLE, f"A post on {where}")
    return Line(Kind.TITLE, f"{matter.who} on {where}{stars}", link(mention.url))


def _facts(matter: Matter) -> list[Line]:
    """How it feels and how bad it is with the words that say so, who wrote it, and how and until when to answer."""
    mention, draft = matter.mention, matter.draft
    feeling = mention.polarity.value
    if mention.emotion not in (Emotion.NEUTRAL, Emotion.UNSURE):
        feeling += f", {mention.emotion.value}"
    severity = SeverityLevel(mention.severity_level)
    level = f" · {severity.word} severity ({severe_in(mention)})" if severity else ""
    words = [] if matter.is_veiled else [f"“{word}”" for reason in because(mention) for word in reason["words"][:2]]
    told = f": {', '.join(dict.fromkeys(words[:4]))}" if words else ""
    facts = [Line(Kind.FACT, f"{mention.intent.value.capitalize()}, {feeling}{level}{told}")]
    facts.append(Line(Kind.FACT, _reach(matter)))
    facts.append(Line(Kind.FACT, _history(matter)))
    due = ""
    if draft.due_at and draft.state in UNDECIDED:
        is_over = draft.due_at <= matter.surface.now
        due = f"{'Was due' if is_over else 'Due'} {matter.surface.at(draft.due_at)}. "
    facts.append(Line(Kind.FACT, f"{due}{mention.route_reason}".strip()))
    return [fact for fact in facts if fact.text]


def _reach(matter: Matter) -> str:
    """Whether it may be about somebody else, and how often it was repeated."""
    doubt = f"Perhaps not about us: {matter.mention.doubt}." if matter.mention.doubt else ""
    seen = f"Also seen {'once' if matter.again == 1 else f'{matter.again} times'}." if matter.again else ""
    return f"{doubt} {seen}".strip()


def _history(matter: Matter) -> str:
    number, last = matter.before
    if matter.author is None or last is None:
        return "Not heard from before." if matter.author else ""
    times = "once" if number == 1 else f"{number} times"
    feeling = {"negative": "unhappy", "positive": "happy"}.get(last.polarity.value, "neither happy nor unhappy")
    return f"Heard {times} before, last on {matter.surface.at(last.posted_at).partition(',')[0]}: {feeling} then."


def _quote(matter: Matter) -> Line:
    if matter.is_veiled:
        return Line(Kind.NOTE, _VEIL)
    said = "\n".join(part for part in (matter.mention.title, matter.mention.text) if part)
    return Line(Kind.QUOTE, said)


def _reasons(matter: Matter) -> list[Line]:
    """Why the draft is as it is, as ticks."""
    if matter.draft.state not in UNDECIDED or not matter.draft.reasons:
        return []
    return [Line(Kind.NOTE, "\n".join(f"✓ {reason}" for reason in matter.draft.reasons))]


def _open_points(matter: Matter) -> list[Line]:
    """What is still to be seen to."""
    if matter.draft.state not in UNDECIDED:
        return []
    needs = [f"Needs your line. {matter.draft.needs}"] if matter.draft.needs else []
    found = [f"{'✗' if each['level'] == 'block' else '!'} {each['says']}" for each in matter.draft.findings]
    return [Line(Kind.NOTE, "\n".join(needs + found))] if needs or found else []


def _account(matter: Matter) -> Line:
    if matter.draft.state not in UNDECIDED:
        return Line(Kind.NOTE, "")
    how = "A person posts it by hand as" if matter.is_by_hand else "It will be posted as"
    return Line(Kind.NOTE, f"{how} {matter.account}.")


def _status(matter: Matter) -> list[Line]:
    how = _how_it_stands(matter)
    says = [how]
    card, draft, surface = matter.card, matter.draft, matter.surface
    if card.late and draft.state in UNDECIDED:
        says.insert(0, f"Late: this chat could not be reached when it came in ({surface.at(card.wanted_at)}).")
    if card.handed_by and draft.state in UNDECIDED:
        says.insert(0, f"Passed on from {card.handed_by}. {_left(matter)}")
    if surface.back_at and card.posted_at and card.posted_at < surface.back_at and draft.state in _TAPPED:
        says.append(
            f"Warmline was away until {surface.at(surface.back_at)}. What was tapped before may be lost: tap again."
        )
    url = matter.delivery.receipt_url if matter.delivery else ""
    return [Line(Kind.STATUS, text, link(url) if text == how else "") for text in says if text]


def _left(matter: Matter) -> str:
    """How much time there was when the card was handed over."""
    due, since = matter.draft.due_at, matter.card.wanted_at
    if due is None or due <= since:
        return "It is overdue."
    minutes = int((due - since).total_seconds() // 60)
    hours = f"{minutes // 60} h " if minutes >= 60 else ""
    return f"{hours}{minutes % 60} min were left then."


def _how_it_stands(matter: Matter) -> str:
    draft, surface = matter.draft, matter.surface
    by = f"Approved by {draft.approved_by}" if draft.approved_by else "Approved"
    said = f"{matter.last.person}" if matter.last else "Somebody"
    owners = ", ".join(person.name for person in surface.business.owners)
    note = f" {draft.note}" if draft.note else ""
    if matter.is_asleep and draft.state in UNDECIDED and draft.until:
        return f"Put off until {surface.at(draft.until)}."
    return {
        DraftState.PENDING: "",
        DraftState.ESCALATED: f"Waits for an owner{f' ({owners})' if owners else ''}.",
        DraftState.APPROVED: f"{by}.{_undo(matter)}{note}",
        DraftState.SENDING: f"{by}. It is being posted.",
        DraftState.UNCONFIRMED: f"{by}.{note} Please look at the post.",
        DraftState.SENT: f"{by}. It is posted; whether everybody can see it is being looked at.",
        DraftState.VISIBLE: f"{by}. It is posted, and everybody can see it.",
        DraftState.REFUSED: f"{by}, and not shown by the platform.{note}",
        DraftState.FAILED: f"{by}, and not taken by the platform.{note}",
        DraftState.HANDED_OFF: f"{by}. Copy the text, open the post, paste it there.",
        DraftState.REJECTED: f"Turned down by {said}.{note}",
        DraftState.EXPIRED: draft.note or "Nobody decided in time; nothing was posted.",
        DraftState.WITHDRAWN: f"Withdrawn.{note} Nothing was posted.",
    }[draft.state]


def _undo(matter: Matter) -> str:
    delivery = matter.delivery
    if delivery is None or delivery.tries or matter.draft.state is not DraftState.APPROVED:
        return ""
    local = delivery.not_before.astimezone(matter.surface.business.business.zone)
    return f" It can be taken back until {local:%H:%M:%S}."


def _buttons(matter: Matter, limits: Limits, *, whole: bool) -> Rows:
    """What can be done; `whole` says that the card shows the draft as it would be posted."""
    draft, number = matter.draft, matter.draft.id or 0

    def press(label: str, verb: Verb, style: Style = Style.PLAIN) -> tuple[Button, ...]:
        return (Button(label, Press(verb, number, draft.revision), style=style),)

    look = (Button("Open in the inbox", url=f"{matter.surface.inbox}/drafts/{number}"),)
    post = link(matter.mention.url)
    there = (Button("Open the post", url=post),) if post else ()
    match draft.state:
        case DraftState.PENDING | DraftState.ESCALATED:
            return _to_decide(matter, limits, look, whole=whole)
        case DraftState.APPROVED:
            return (press("Take it back", Verb.RECALL), look)
        case DraftState.UNCONFIRMED:
            again = press("It is not there: send again", Verb.RELEASE, Style.DANGER)
            return (press("It is there", Verb.POSTED, Style.MAIN) + again, there + look)
        case DraftState.HANDED_OFF:
            posted = press("I posted it", Verb.POSTED, Style.MAIN)
            return (there + posted, press("We do not post it", Verb.REJECT) + look)
        case DraftState.REFUSED | DraftState.FAILED | DraftState.REJECTED | DraftState.EXPIRED:
            return (press("Open it again", Verb.REOPEN), look)
        case DraftState.WITHDRAWN:
            return ()
    return (look,)


def _to_decide(matter: Matter, limits: Limits, look: tuple[Button, ...], *, whole: bool) -> Rows:
    draft = matter.draft

    def press(label: str, verb: Verb, action: Action, style: Style = Style.PLAIN) -> tuple[Button, ...]:
        wanted = Button(label, Press(verb, draft.id or 0, draft.revision), style=style)
        return (wanted,) if matter.may(action) else ()

    how = "Approve, to post by hand as" if matter.is_by_hand else "Approve and post as"
    approve = press(f"{how} {matter.account}", Verb.APPROVE, Action.APPROVE, Style.MAIN)
    unveil = press("Show the words", Verb.UNVEIL, Action.EDIT) if matter.is_veiled else ()
    edit = press("Edit", Verb.EDIT, Action.EDIT) if limits.editor is not Editor.NONE and whole else ()
    return (
        unveil,
        approve if whole and matter.is_ready else (),
        edit + press("Reject", Verb.REJECT, Action.REJECT, Style.DANGER) + press("Later", Verb.SNOOZE, Action.SNOOZE),
        press("To the owner", Verb.ESCALATE, Action.ESCALATE) + press("Not about us", Verb.NOT_US, Action.EDIT) + look,
    )


def _notice(matter: Matter, limits: Limits) -> Card:
    """A card where nothing can be decided or changed: it holds no word of the customer's, for it cannot be taken back."""
    mention, surface = matter.mention, matter.surface
    severity = SeverityLevel(mention.severity_level)
    level = f" · {severity.word} severity" if severity else ""
    stars = f" · {mention.rating:g}★" if mention.rating else ""
    what = f"{mention.intent.value.capitalize()} on {platform(mention.platform)}{stars}{level}"
    due = f"An answer is due {surface.at(matter.draft.due_at)}." if matter.draft.due_at else ""
    late = "Late: this could not be sent when it came in." if matter.card.late else ""
    lines = [Line(Kind.TITLE, what), Line(Kind.FACT, due), Line(Kind.STATUS, late)]
    lines.append(Line(Kind.STATUS, "A draft waits for your decision. Nothing is posted without it."))
    look = Button("Open in the inbox", url=f"{surface.inbox}/drafts/{matter.draft.id}", style=Style.MAIN)
    return Card(tuple(fitted(lines, limits.text) or lines[:1]), ((look,),))


# --- A batch, and a promise ----------------------------------------------------------------------


def _batch_lines(members: Sequence[Member], surface: Surface) -> list[Line]:
    number = len(members)
    lines = [Line(Kind.TITLE, f"{number} thanks for praise, to approve together" if number > 1 else "A thank-you")]
    for draft, mention, author in members:
        who = " ".join(((author.name or author.handle) if author else "").split()) or "Somebody"
        account = mention.account or surface.business.business.name
        lines.append(Line(Kind.FACT, f"{who} on {platform(mention.platform)}, answered as {account}"))
        lines += [Line(Kind.QUOTE, mention.text), Line(Kind.DRAFT, draft.text)]
    return lines


def batch_fits(members: Sequence[Member], surface: Surface, limits: Limits) -> bool:
    """Whether every text of a batch can be shown whole."""
    return fitted(_batch_lines(members, surface), limits.text) is not None


def _batch_card(bundle: Bundle, limits: Limits) -> Card:
    if not bundle.members:
        return Card((Line(Kind.TITLE, "Thanks for praise"), Line(Kind.STATUS, "All of these have been decided.")))
    lines = fitted(_batch_lines(bundle.members, bundle.surface), limits.text)
    one_by_one = Button("One by one in the inbox", url=f"{bundle.surface.inbox}/praise")
    if lines is None:
        return Card((Line(Kind.TITLE, "Thanks for praise wait in the inbox"),), ((one_by_one,),))
    number = len(bundle.members)
    label = f"Approve and post all {number}" if number > 1 else "Approve and post it"
    press = Press(Verb.APPROVE_ALL, bundle.card.id or 0, bundle.card.revision)
    return Card(tuple(lines), ((Button(label, press, style=Style.MAIN),), (one_by_one,)))


_KEPT = {PromiseState.OPEN: "", PromiseState.KEPT: "Kept.", PromiseState.BROKEN: "Not kept."}


def _promise_card(word: Word, limits: Limits) -> Card:
    promise, surface = word.promise, word.surface
    lines: Sequence[Line] = [
        Line(Kind.TITLE, f"Promised in a reply: {promise.what}"),
        Line(Kind.FACT, f"By {surface.at(promise.due_at)}{f', by {promise.person}' if promise.person else ''}."),
        Line(Kind.QUOTE, word.draft.text if word.draft and limits.repaints else ""),
        Line(Kind.STATUS, _KEPT[promise.state]),
    ]
    look = (Button("Open in the inbox", url=f"{surface.inbox}/promises"),)
    if promise.state is not PromiseState.OPEN or not limits.decides:
        return Card(tuple(fitted(lines, limits.text) or lines[:1]), (look,))
    kept = Button("We kept it", Press(Verb.KEPT, promise.id or 0), style=Style.MAIN)
    broken = Button("We did not", Press(Verb.BROKEN, promise.id or 0))
    return Card(tuple(fitted(lines, limits.text) or lines[:1]), ((kept, broken), look))
