"""For each rule a reply that it must stop and one that it must let through; the benchmark of replies plants them too."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from config.settings import Business, BusinessSettings, Fact, Offer, Place, Reply, Voice
from connectors.base import Limit
from connectors.lengths import Counter
from responders.drafting.base import Case, Turn
from storage.assessment import Intent, Severity, SeverityLevel
from tests.responders.drafting import cases
from tests.responders.drafting.cases import NOW

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


DENTIST = bakery(business=Business(name="Dr. Hall", regulated="health"))
DISCLOSING = bakery(voice=Voice(disclose=True))
LIMITED = bakery(voice=Voice(may_offer=(Offer(what="a voucher", by="staff", up_to=Decimal(10)),)))

PRAISED: dict[str, Any] = {"mention": "Love the buns!", "intent": Intent.PRAISE}
SAID = (
    Turn("Waited 40 minutes for a coffee", ours=False, at=NOW),
    Turn("I'm sorry about it. – Mia", ours=True, at=NOW),
)
THREAD: dict[str, Any] = {"mention": "Waited 40 minutes again", "thread": SAID}

GERMAN: dict[str, Any] = {"mention": "Ich habe 40 Minuten auf einen Kaffee gewartet.", "language": "de"}

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
    ("link", "Look at evil-crumb.it.", "It was cold.it was late, and so on, e.g. the u.a. soup.But no more.", {}),
    ("link", "Look at crumb.pt today", "Danke.Es war at 10.am, or to the www of it.", {}),
    ("link", "Look at www.evil.test", "Look at www.crumb.example.", {}),
    ("link", "Look at evil.bakery/crumb", "Tea and/or coffee", {}),
    ("leftover", "I'm an AI, so sorry.", "Sorry, as an aide would say.", {}),
    ("leftover", "Als KI tut mir das leid.", "Als Kind tat mir das leid.", {}),
    ("leftover", "En tant qu'IA, je regrette.", "En tant que patronne, je regrette.", {}),
    ("leftover", "Como IA, lo siento.", "Como iba a decir, lo siento.", {}),
    ("leftover", "In quanto modello linguistico mi dispiace.", "In quanto titolare mi dispiace.", {}),
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
    ("formality", "Tut mir leid, dass du warten musstest.", "Es tut mir leid, dass Sie warten mussten.", GERMAN),
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
