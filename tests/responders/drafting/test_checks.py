"""Each rule with a reply that it must stop and one that it must let through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responders.drafting.base import Level
from responders.drafting.checks import RULES, check
from responders.drafting.commitments import commitments
from responders.drafting.packs import Pack, packs
from tests.responders.drafting.cases import FakeReader
from tests.responders.drafting.counter_examples import COUNTER_EXAMPLES, CRISIS, DENTIST, case


def found(text: str, **changes: Any) -> dict[str, Level]:
    by_machine = changes.pop("machine", False)
    return {one.rule: one.level for one in check(text, case(**changes), FakeReader(), machine=by_machine)}


@pytest.mark.parametrize(("rule", "stopped", "let_through", "changes"), COUNTER_EXAMPLES)
def test_each_rule_stops_its_counter_example_and_nothing_beside(
    rule: str, stopped: str, let_through: str, changes: dict[str, Any]
):
    assert rule in found(stopped, **changes)
    assert rule not in found(let_through, **changes)


def test_every_rule_has_a_counter_example():
    assert {rule.name for rule in RULES} == {rule for rule, *_ in COUNTER_EXAMPLES}


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
