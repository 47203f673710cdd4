"""Each rule with a reply that it must stop and one that it must let through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import Business, BusinessSettings, Fact, Offer, Place, Reply, Voice
from connectors.base import Limit
from connectors.lengths import Counter
from responders.drafting.base import Case, Level, Turn
from responders.drafting.checks import RULES, check
from responders.drafting.commitments import commitments
from responders.drafting.packs import Pack, packs
from storage.assessment import Intent, Severity, SeverityLevel
from tests.responders.drafting import cases
from tests.responders.drafting.cases import NOW, FakeReader

CRISIS = Severity(SeverityLevel.CRITICAL)


def bakery(**changes: Any) -> BusinessSettings:
    tables = {
        "business": Business(name="Crumb & Co.", time_zone="Europe/Berlin", people=("Mia",)),
        "voice": Voice(
            sign_off="Mia",
            never_say=("policy",),
            may_offer=(Offer(what="a fresh loaf", by="staff"), Offer(what="a tasting evening", by="owner")),
            may_promise=("look into it today", "call back"),
        ),
        "places": (Place(name="Main Street", contact="hello@crumb.example", phone="030 1234567"),),
        "facts": (Fact(about="delivery", say="Delivery is free above €20, see https://crumb.example/delivery."),),
    }
    return cases.bakery(**(tables | changes))


def case(mention: str = "Waited 40 minutes for a cold flat white, £4.20", **changes: Any) -> Case:
    return cases.case(mention, **({"business": bakery()} | changes))


def found(text: str, **changes: Any) -> dict[str, Level]:
    by_machine = changes.pop("machine", False)
    return {one.rule: one.level for one in check(text, case(**changes), FakeReader(), machine=by_machine)}


DENTIST = bakery(business=Business(name="Dr. Hall", regulated="health"))
DISCLOSING = bakery(voice=Voice(disclose=True))
LIMITED = bakery(voice=Voice(may_offer=(Offer(what="a voucher", by="staff", up_to=Decimal(10)),)))

PRAISED: dict[str, Any] = {"mention": "Love the buns!", "intent": Intent.PRAISE}
SAID = (
    Turn("Waited 40 minutes for a coffee", ours=False, at=NOW),
    Turn("I'm sorry about it. – Mia", ours=True, at=NOW),
)
THREAD: dict[str, Any] = {"mention": "Waited 40 minutes again", "thread": SAID}

#: rule, a reply that it stops, one that it lets through, and what is special about the case.
COUNTER_EXAMPLES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("empty", "@ana – Mia", "@ana Sorry. – Mia", {"opening": "@ana "}),
    ("length", "a" * 11, "a" * 10, {"limits": (Limit(Counter.CHARACTERS, 10),)}),
    ("length", "é" * 6, "é" * 5, {"limits": (Limit(Counter.BYTES, 10),)}),
    ("opening", "Sorry, Ana.", "@ana Sorry.", {"opening": "@ana "}),
    ("opening", "@anabel Sorry.", "@ana\nSorry.", {"opening": "@ana "}),
    ("leftover", "Sorry about the [what went wrong].", "Sorry about the wait :)", {}),
    ("leftover", "Dear {name}, sorry.", "I <3 that you told us.", {}),
    ("personal data", "Karen, we'll ring 07700 900123.", "We are at 030 1234567.", {}),
    ("personal data", "Write to karen@home.example", "Write to hello@crumb.example. – Mia", {}),
    ("personal data", "Dear Karen Milford, sorry.", "Dear Karen, sorry.", {"author": "Karen Milford"}),
    ("personal data", "Sorry @ana@town.example", "@ana@town.example Sorry.", {"opening": "@ana@town.example "}),
    ("asks for data", "Reply with your full name and address.", "Message us your order number privately.", {}),
    ("asks for data", "Tell us your phone number.", "Tell us what your day was like.", {}),
    ("never say", "That is our Policy.", "We are policyholders.", {}),
    ("offer", "We'll refund you in full.", "You waited too long.", {}),
    ("offer", "The next coffee is free.", "Our gluten free and sugar-free cakes, free of nuts. Feel free to ask.", {}),
    ("offer", "Come to a tasting evening.", "Come and get a fresh loaf.", {}),
    ("offer", "Here is £5 for you.", "£4.20 is too much for that.", {}),
    ("offer", "Free loaves for all!", "Delivery is free above €20, see https://crumb.example/delivery.", {}),
    ("offer", "Have a voucher of €15.", "Have a voucher of €5.", {"business": LIMITED}),
    ("offer", "Have a fresh loaf.", "We bake it anew.", {"platform": "tripadvisor"}),
    ("no apology", "We are sorry you feel that way.", "I'm sorry about the wait.", {}),
    ("no apology", "We regret any inconvenience.", "That was inconvenient, and I'm sorry.", {}),
    ("asks for review", "Please consider to update your review.", "We updated our menu after your review.", {}),
    ("asks for review", "Would you remove this bad rating?", "You may want to edit your review to remove your number.", {}),
    ("liability", "This was our fault.", "We take this seriously.", {"severity": CRISIS}),
    ("liability", "That is not true.", "Please write to us.", {"business": bakery(reply=Reply(escalate_on=("cold",)))}),
    ("confirms customer", "Sorry your treatment hurt.", "Thank you for writing.", {"business": DENTIST}),
    ("link", "See https://evil.test/crumb.example", "See https://www.crumb.example/menu", {}),
    ("link", "See evil-crumb.com/now", "It cost 4.20 and was cold.Sorry.", {}),
    ("contact", "Write to hello@crumb.example", "We read this.", {"platform": "tripadvisor"}),
    ("contact", "Write to hello@crumb.example", "We read this.", {"platform": "app_store"}),
    ("contact on Google", "Write to hello@crumb.example", "Our details are on our profile.", {"platform": "google"}),
    ("blames", "As stated on our site, we close at six.", "You should have had a seat. We should have been open.", {}),
    ("blames", "You failed to tell us.", "You waited too long.", {}),
    ("blames", "Other guests love it.", "Thank you for telling us.", {}),
    ("argues", "We have no record of you.", "We have read this.", {}),
    ("holding", "We take this seriously. " * 12, "We take this seriously.", {"severity": CRISIS}),
    ("sarcasm", "So glad you enjoyed it!", "Point taken. The wait was too long, sorry.", {"sarcasm": True}),
    ("deed", "I've retrained the team.", "I'm looking into it today.", {}),
    ("deed", "The oven has been repaired.", "The oven should not have been cold.", {}),
    ("number", "Sorry, 12 people were ill.", "40 minutes for a flat white of £4.20: sorry.", {"machine": True}),
    ("promise", "I'll send you a cake.", "I'll look into it today.", {}),
    ("promise", "We'll pay the taxi.", "We'll be glad to see you.", {}),
    ("explains first", "Due to staff shortages service was slow. Sorry.", "Sorry about the wait, due to us.", {}),
    ("no feeling", "Write to hello@crumb.example about the wait.", "I'm sorry about the wait.", {}),
    ("sells", "Thank you! Try our new lunch.", "Thank you – lovely words about the bun.", PRAISED),
    ("sells", "We have seen it.", "How kind, thank you.", PRAISED),
    ("unsigned", "Sorry about the wait.", "Sorry about the wait. – Mia", {}),
    ("unsigned", "Sorry about the wait. The Management Team", "Sorry about the wait. – MK", {}),
    ("stock phrase", "We value your feedback about the wait.", "Sorry about the wait.", {}),
    ("said before", "I'm sorry about the wait.", "So the wait isn't settled yet.", THREAD),
    ("sorry", "Sorry. So sorry. Really sorry.", "Sorry about the wait.", {}),
    ("sorry", "Thank you, and sorry!", "Thank you!", PRAISED),
    ("way", "Please contact us.", "Please contact us at hello@crumb.example.", {}),
    ("words", "Thank you so very much. " * 10, "Thank you.", PRAISED),
    ("hard to read", "Sorry about the wait " + "and the wait " * 12 + ".", "Sorry about the wait.", {}),
    ("language", "We are sorry about the long wait.", "¿Podemos ayudarle con su espera?", {"mention": "¿Por qué tardan tanto aquí?"}),
    ("names nothing", "We are sorry for your experience.", "Sorry about the wait of 40 minutes.", {}),
    ("copy", "I'm sorry about the wait for you.", "A cold flat white is no treat.", {"recent": ("@bob I'm sorry about the wait for you!",)}),
    ("disclosure", "Sorry about the wait.", "Sorry. (Drafted by software, approved by a person.)", {"business": DISCLOSING}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "stopped", "let_through", "changes"), COUNTER_EXAMPLES)
def test_each_rule_stops_its_counter_example_and_nothing_beside(
    rule: str, stopped: str, let_through: str, changes: dict[str, Any]
):
    assert rule in found(stopped, **changes)
    assert rule not in found(let_through, **changes)


def test_every_rule_has_a_counter_example():
    assert {rule.name for rule in RULES} == {rule for rule, *_ in COUNTER_EXAMPLES} | {"formality"}


def test_the_form_of_address_is_the_formal_one_in_doubt(monkeypatch: pytest.MonkeyPatch):
    english = packs()["en"]
    expressions = english.expressions | {"informal_address": r"\bmate\b", "informal": r"\bbruv\b"}
    monkeypatch.setitem(packs(), "en", Pack.model_validate(english.model_dump() | {"expressions": expressions}))  # type: ignore[arg-type]

    assert "formality" in found("Sorry about the wait, mate.")
    assert "formality" not in found("Sorry about the wait.")
    assert "formality" not in found("Sorry about the wait, mate.", mention="Waited 40 minutes, bruv")


def test_every_rule_is_explained_to_owners(pytestconfig: pytest.Config):
    guide = (pytestconfig.rootpath / "docs" / "replies.md").read_text("utf-8")

    assert [rule.name for rule in RULES if f"| {rule.name} |" not in guide] == []


def test_a_person_may_post_words_that_name_nothing_and_the_machine_may_not():
    text, asked = "We are sorry for your experience.", case()

    by_person = {finding.rule: finding.level for finding in check(text, asked, FakeReader())}
    by_machine = {finding.rule: finding.level for finding in check(text, asked, FakeReader(), machine=True)}

    assert by_person["names nothing"] is Level.WARN
    assert by_machine["names nothing"] is Level.NEEDS_LINE


def test_not_even_an_owner_may_overrule_what_is_final():
    final = {rule.name for rule in RULES if rule.final}

    assert final == {"empty", "length", "leftover", "asks for review"}


def test_a_plain_good_reply_passes_everything():
    text = "The 40-minute wait for a cold flat white – I'm sorry. I'm looking into it today: hello@crumb.example. – Mia"

    assert found(text) == {}


@given(text=st.text(max_size=300), mention=st.text(max_size=60), opening=st.text(max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_text_makes_a_rule_raise(text: str, mention: str, opening: str):
    asked = case(mention, opening=opening, recent=(text, mention), severity=CRISIS, business=DENTIST)

    findings = check(text, asked, FakeReader())

    assert all(finding.says for finding in findings)


@given(
    st.lists(st.sampled_from(["https://[", "@", "£", "٣", "I'll", "today", "in 999 weeks", "your", "\ud800", "{", "."]))
)
@settings(max_examples=200, deadline=None)
def test_no_scrap_of_a_link_or_an_amount_makes_a_rule_raise(scraps: list[str]):
    text = " ".join(scraps) + "".join(scraps)

    check(text, case(), FakeReader())
    commitments(text, case(), packs()["en"])


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("I'm looking into it today. – Mia", ["look into it today"]),
        ("We'll look into what happened with the coffee.", ["look into it today"]),
        ("I'll call you back, and I will look into this.", ["look into it today", "call back"]),
        ("Please call back today.", []),
        ("We are sorry, please call back.", []),
        ("You will call back, I hope.", []),
        ("I'm not looking into it.", []),
        ("We looked into it.", []),
    ],
)
def test_a_promise_is_heard_in_what_is_said(text: str, made: list[str]):
    assert [commitment.what for commitment in commitments(text, case(), packs()["en"])] == made


@pytest.mark.parametrize(
    ("text", "within"),
    [
        ("I'll call back today.", timedelta(hours=8)),
        ("I'll call back tomorrow.", timedelta(hours=12, minutes=40, days=1)),
        ("I'll call back by Friday.", timedelta(hours=12, minutes=40, days=3)),
        ("I'll call back this week.", timedelta(hours=12, minutes=40, days=5)),
        ("I'll call back within 3 hours.", timedelta(hours=3)),
        ("I'll call back.", timedelta(days=2)),
    ],
)
def test_a_promise_is_due_when_the_text_says(text: str, within: timedelta):
    assert [commitment.within for commitment in commitments(text, case(), packs()["en"])] == [within]


def test_a_promise_for_today_made_late_is_due_by_midnight_but_never_at_once():
    late = datetime(2026, 6, 2, 19, 0, tzinfo=UTC)
    at_midnight = datetime(2026, 6, 2, 21, 58, tzinfo=UTC)

    dues = [commitments("I'll call back today.", case(now=now), packs()["en"])[0].within for now in (late, at_midnight)]

    assert dues == [timedelta(hours=3), timedelta(hours=1)]
