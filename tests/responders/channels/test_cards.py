"""Cards: whole drafts or none, shortened quotes, veiled abuse, and a face for every state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Limit
from connectors.lengths import Counter, length
from responders.channels import cards
from responders.channels.base import Card, Editor, Kind, Limits, Line, Press, Verb
from responders.channels.facts import Matter, Surface
from responders.channels.fitting import fits, fitted, shortened
from storage import Author, Decision, Delivery, Draft, Mention
from storage import Card as Kept
from storage.assessment import Polarity, Reason, Severity, SeverityKind, SeverityLevel
from storage.chats import Subject
from storage.models import assessment_columns
from storage.states import DraftState
from tests.responders.channels.simulated import LIMITS
from tests.responders.inbox.household import COMPLAINT, NOW, bakery

TEXT = "We are sorry about the hair, Ana. — Mia"
_LIMITS = st.builds(Limit, st.sampled_from([Counter.CHARACTERS, Counter.BYTES, Counter.GRAPHEMES]), st.integers(0, 60))


def matter(said: str = "I found a hair in her cake", text: str = TEXT, **columns: Any) -> Matter:
    """A complaint of Ana's with its draft, as a card in a room shows it."""
    mention = Mention(
        id=1, business_id="crumb", source_id=1, author_id=1, platform="google", external_id="1", text=said, rating=2.0,
        url="https://reviews.example/1", place="Main Street", account="Crumb & Co., Main Street", posted_at=NOW,
        day=NOW.date(), heard_at=NOW, checked_at=NOW, route="api", route_reason="We answer our own reviews.",
        **assessment_columns(COMPLAINT),
    )  # fmt: skip
    draft = Draft(
        id=7, business_id="crumb", mention_id=1, mention_revision=1, revision=3, text=text, reasons=["names: hair"],
        posted_at=NOW, created_at=NOW, changed_at=NOW, due_at=NOW + timedelta(hours=2), **columns,
    )  # fmt: skip
    card = Kept(
        id=1, business_id="crumb", channel="chat", subject=Subject.DRAFT, draft_id=7, place="room", wanted_at=NOW,
        next_at=NOW,
    )  # fmt: skip
    author = Author(id=1, business_id="crumb", platform="google", external_id="ana", name="Ana")
    surface = Surface(bakery(), "https://inbox.crumb.example", NOW)
    return Matter(card, draft, mention, author, None, None, (0, None), surface)


def labels(card: Card) -> list[str]:
    return [button.label for row in card.buttons for button in row]


def text(card: Card) -> str:
    return "\n".join(line.text for line in card.lines)


def room_for(number: int) -> Limits:
    return replace(LIMITS, text=Limit(Counter.CHARACTERS, number))


def test_a_card_tells_everything_that_a_decision_needs() -> None:
    card = cards.draw(matter(), LIMITS)

    assert [line.text for line in card.lines] == [
        "Ana on Google, Main Street · ★★☆☆☆",
        "Complaint, negative, disappointed · high severity (health): “hair in her cake”",
        "Not heard from before.",
        "Due Tue 2 Jun, 13:20. We answer our own reviews.",
        "I found a hair in her cake",
        TEXT,
        "✓ names: hair",
        "It will be posted as Crumb & Co., Main Street.",
    ]
    assert labels(card) == [
        "Approve and post as Crumb & Co., Main Street",
        "Edit",
        "Reject",
        "Later",
        "To the owner",
        "Not about us",
        "Open in the inbox",
    ]
    assert card.buttons[0][0].press == Press(Verb.APPROVE, 7, 3)


@given(st.text(max_size=2000), st.text(min_size=1, max_size=900), st.integers(150, 1200))
def test_a_draft_is_shown_whole_or_cannot_be_approved(said: str, written: str, number: int) -> None:
    limits = room_for(number)

    card = cards.draw(matter(said, written), limits)

    shown = [line.text for line in card.lines if line.kind is Kind.DRAFT]
    may_approve = any(button.press and button.press.verb is Verb.APPROVE for row in card.buttons for button in row)
    assert shown in ([written], [])
    assert may_approve <= (shown == [written])
    assert fits(card.lines, limits.text)
    assert any(button.url.endswith("/drafts/7") for row in card.buttons for button in row)


@given(st.text(max_size=200), _LIMITS)
def test_what_is_shortened_fits_and_cuts_no_character(said: str, limit: Limit) -> None:
    short = shortened(said, limit)

    assert length(short, limit.counter) <= limit.at_most
    assert short == said or short == "" or (short.endswith("…") and said.startswith(short[:-1]))


def test_a_severity_that_no_rule_found_is_told_as_a_suspicion() -> None:
    reasons = (Reason("severity: leaving", ("last time",), ""), Reason("severity: health", (), "29% likely"))
    severity = Severity(SeverityLevel.NOTICE, (SeverityKind.HEALTH, SeverityKind.LEAVING))
    shown = matter()
    for column, value in assessment_columns(replace(COMPLAINT, severity=severity, reasons=reasons)).items():
        setattr(shown.mention, column, value)

    card = cards.draw(shown, LIMITS)

    assert "notice severity (perhaps health, leaving)" in text(card)


def test_a_card_says_that_a_post_is_perhaps_not_about_us_and_how_often_it_was_repeated() -> None:
    shown = matter()
    shown.mention.doubt = "it speaks of flour and baking powder"

    card = cards.draw(replace(shown, again=4), LIMITS)

    assert "Perhaps not about us: it speaks of flour and baking powder. Also seen 4 times." in text(card)


def test_an_emoji_is_never_cut_in_two() -> None:
    family = "👨\u200d👩\u200d👧"

    assert shortened(f"ab{family}cd", Limit(Counter.CHARACTERS, 6)) == "ab…"


@given(st.lists(st.text(max_size=300), max_size=6), st.text(max_size=100), st.integers(50, 700))
def test_lines_that_must_be_told_are_told_whole_or_not_at_all(quotes: list[str], must: str, number: int) -> None:
    limit = Limit(Counter.CHARACTERS, number)
    lines = [Line(Kind.DRAFT, must), *(Line(Kind.QUOTE, quote) for quote in quotes)]

    found = fitted(lines, limit)

    assert found is not None or len(must) > number
    if found is not None:
        assert fits(found, limit)
        assert not must or Line(Kind.DRAFT, must) in found


def test_what_is_not_ready_has_no_button_to_approve_it() -> None:
    blocked = matter(findings=[{"rule": "offer", "level": "block", "says": "Only an owner may offer a refund."}])
    needs = matter(needs="Say when the shop opens.")

    drawn = [cards.draw(each, LIMITS) for each in (blocked, needs)]

    assert [any(label.startswith("Approve") for label in labels(card)) for card in drawn] == [False, False]
    assert "✗ Only an owner may offer a refund." in text(drawn[0])
    assert "Needs your line. Say when the shop opens." in text(drawn[1])


def test_an_abusive_post_is_veiled_until_somebody_asks_for_its_words() -> None:
    veiled = matter("You fucking idiots, a hair in her cake")
    card, shown = cards.draw(veiled, LIMITS), Kept(**veiled.card.model_dump() | {"unveiled": True})

    unveiled = cards.draw(replace(veiled, card=shown), LIMITS)

    assert "idiots" not in text(card)
    assert "hair in her cake" not in text(card)
    assert labels(card)[0] == "Show the words"
    assert "You fucking idiots" in text(unveiled)
    assert "Show the words" not in labels(unveiled)


def test_who_is_asked_alone_sees_what_they_may_do() -> None:
    escalated = matter(state=DraftState.ESCALATED)
    alone = {
        person: replace(escalated, card=Kept(**escalated.card.model_dump() | {"person": person}))
        for person in ("Mia", "Jo", "Eve")
    }

    seen = {person: labels(cards.draw(each, LIMITS)) for person, each in alone.items()}

    assert seen["Mia"] == ["Edit", "Not about us", "Open in the inbox"]
    assert seen["Jo"][0].startswith("Approve")
    assert seen["Eve"] == ["Open in the inbox"]


@pytest.mark.parametrize(
    ("state", "says", "does"),
    [
        (
            DraftState.APPROVED,
            "Approved by Mia. It can be taken back until 11:20:30.",
            ["Take it back", "Open in the inbox"],
        ),
        (DraftState.SENDING, "Approved by Mia. It is being posted.", ["Open in the inbox"]),
        (
            DraftState.UNCONFIRMED,
            "Please look at the post.",
            ["It is there", "It is not there: send again", "Open the post", "Open in the inbox"],
        ),
        (DraftState.SENT, "It is posted", ["Open in the inbox"]),
        (DraftState.VISIBLE, "everybody can see it", ["Open in the inbox"]),
        (DraftState.REFUSED, "not shown by the platform. Too loud.", ["Open it again", "Open in the inbox"]),
        (DraftState.FAILED, "not taken by the platform. Too loud.", ["Open it again", "Open in the inbox"]),
        (
            DraftState.HANDED_OFF,
            "Copy the text, open the post, paste it there.",
            ["Open the post", "I posted it", "We do not post it", "Open in the inbox"],
        ),
        (DraftState.REJECTED, "Turned down by Jon. Too loud.", ["Open it again", "Open in the inbox"]),
        (DraftState.EXPIRED, "Too loud.", ["Open it again", "Open in the inbox"]),
        (DraftState.WITHDRAWN, "Withdrawn. Too loud.", []),
    ],
)
def test_a_card_has_a_face_for_every_state(state: DraftState, says: str, does: list[str]) -> None:
    note = (
        "" if state in (DraftState.APPROVED, DraftState.SENDING, DraftState.SENT, DraftState.VISIBLE) else "Too loud."
    )
    delivery = Delivery(
        id=1, business_id="crumb", draft_id=7, source_id=1, revision=3, text=TEXT, target={}, key="k", hash="h",
        not_before=NOW + timedelta(seconds=30), receipt_url="https://reviews.example/1#reply",
    )  # fmt: skip
    last = Decision(business_id="crumb", draft_id=7, revision=3, action="reject", person="Jon", channel="chat", at=NOW)
    shown = replace(matter(state=state, approved_by="Mia", note=note), delivery=delivery, last=last)

    card = cards.draw(shown, LIMITS)

    assert says in text(card)
    assert labels(card) == does
    told = state in (DraftState.REJECTED, DraftState.EXPIRED, DraftState.WITHDRAWN)
    assert ("hair" in text(card)) is not told
    assert any(line.url.endswith("#reply") for line in card.lines)


def test_a_card_that_can_never_be_changed_holds_no_word_of_the_customers() -> None:
    card = cards.draw(matter(), replace(LIMITS, decides=False, repaints=False, editor=Editor.NONE))

    assert "hair" not in text(card)
    assert "Ana" not in text(card)
    assert [(button.label, button.press) for row in card.buttons for button in row] == [("Open in the inbox", None)]


def test_a_card_of_what_is_no_longer_kept_says_so_and_can_do_nothing() -> None:
    card = cards.draw(None, LIMITS)

    assert "no longer kept" in text(card)
    assert labels(card) == []


def test_labels_fit_and_the_account_stands_whole_beside_them() -> None:
    card = cards.draw(matter(), replace(LIMITS, label=Limit(Counter.CHARACTERS, 20)))

    assert labels(card)[0] == "Approve and post as…"
    assert "It will be posted as Crumb & Co., Main Street." in text(card)


def test_an_author_who_was_heard_before_is_told_of() -> None:
    before = Mention(
        **matter().mention.model_dump() | {"posted_at": NOW - timedelta(days=30), "polarity": Polarity.POSITIVE}
    )

    card = cards.draw(replace(matter(), before=(3, before)), LIMITS)

    assert "Heard 3 times before, last on Sun 3 May: happy then." in text(card)


def test_a_card_that_came_late_or_was_passed_on_says_so() -> None:
    kept = {"late": True, "handed_by": "Mia"}
    card = cards.draw(replace(matter(), card=Kept(**matter().card.model_dump() | kept)), LIMITS)

    assert "Late: this chat could not be reached when it came in" in text(card)
    assert "Passed on from Mia. 2 h 0 min were left then." in text(card)


@pytest.mark.parametrize("press", [Press(Verb.APPROVE, 2**31 - 1, 10**6), Press(Verb.APPROVE_ALL, 1, 1)])
def test_a_press_fits_the_shortest_button_and_is_read_back(press: Press) -> None:
    assert len(str(press).encode()) <= 40
    assert Press.read(str(press)) == press


@given(st.text(max_size=60))
def test_what_is_no_press_of_ours_is_none(said: str) -> None:
    press = Press.read(said)

    assert press is None or press.verb in set(Verb)
