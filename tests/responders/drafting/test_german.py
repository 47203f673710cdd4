"""What the engine writes in German: a bakery in Berlin, its mentions, and what each reply must say and must not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from config.settings import Business, BusinessSettings, Fact, Place, Voice
from responders.drafting.base import Abstention, Case, Language, Proposal, Turn
from responders.drafting.checks import check
from responders.drafting.commitments import commitments
from responders.drafting.engine import Engine
from responders.drafting.frames import said
from responders.drafting.packs import Frame, packs
from responders.drafting.slots import Line
from storage.assessment import Emotion, Intent, Severity, SeverityLevel
from tests.responders.drafting import cases
from tests.responders.drafting.cases import NOW, FakeReader

PACK = packs()["de"]
HEARD = tomllib.loads(Path(__file__).with_name("frames").joinpath("de.toml").read_text("utf-8"))
FRAMES = {"complaint": PACK.frames, "praise": PACK.praises}
CRISIS = Severity(SeverityLevel.CRITICAL)


class Reader(FakeReader):
    """Takes every text for German."""

    def language(self, text: str) -> Language:
        return Language("de", 0.9)


def bakery(**changes: Any) -> BusinessSettings:
    tables = {
        "business": Business(
            name="Krume & Co.",
            time_zone="Europe/Berlin",
            languages=("de", "en"),
            products=("Flat White", "Zimtschnecke", "Sauerteigbrot"),
            people=("Tasha",),
        ),
        "voice": Voice(
            sign_off="Mia", may_promise=("kümmere mich heute darum", "frage nach und antworte hier bis morgen")
        ),
        "places": (
            Place(
                name="Marktstraße",
                contact="hallo@krume.example",
                hours={"mon-fri": "07:00-18:00", "sat": "08:00-14:00"},  # type: ignore[arg-type]
            ),
        ),
        "facts": (
            Fact(about="glutenfrei", say="Glutenfreies Brot backen wir freitags."),
            Fact(about="WLAN", say="The wifi is free for our guests."),
        ),
    }
    return cases.bakery(**(tables | changes))


DENTIST = bakery(business=Business(name="Praxis Dr. Hall", languages=("de",), regulated="health"))


def case(mention: str, intent: Intent = Intent.COMPLAINT, **changes: Any) -> Case:
    return cases.case(mention, intent, **({"business": bakery(), "language": "de"} | changes))


async def draft(mention: str, intent: Intent = Intent.COMPLAINT, **changes: Any) -> Proposal | Abstention:
    return await Engine(Reader()).draft(case(mention, intent, **changes))


async def proposal(mention: str, intent: Intent = Intent.COMPLAINT, **changes: Any) -> Proposal:
    answer = await draft(mention, intent, **changes)
    assert isinstance(answer, Proposal), answer
    return answer


#: A mention, what was made of it, and what the reply must name.
CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("40 Minuten auf einen Flat White gewartet, und dann war er kalt.", {}, ["40 Minuten Wartezeit auf den Flat White"]),
    ("Brötchen vom Vortag und dann wurde ich noch angeschnauzt.", {"emotion": Emotion.ANGRY}, ["die Brötchen vom Vortag zu bekommen und angeschnauzt zu werden"]),
    ("Mir wurde im März doppelt abgebucht. Drei Mails, keine Antwort.", {"emotion": Emotion.ANGRY}, ["die doppelte Abbuchung", "drei Mails ohne Antwort"]),
    ("Wir standen um 15 Uhr vor verschlossener Tür, obwohl laut Google offen ist.", {"platform": "google"}, ["vor verschlossener Tür zu stehen"]),
    ("Das Zimmer war schmutzig und die Heizung ging nicht.", {"platform": "tripadvisor"}, ["das Zimmer schmutzig vorzufinden", "ohne Heizung auskommen zu müssen"]),
    ("Die Vase kam zerbrochen an und niemand hat geantwortet.", {"emotion": Emotion.DISAPPOINTED}, ["die Vase zerbrochen zu bekommen", "von niemandem zu hören"]),
    ("Die Zimtschnecken waren um neun schon ausverkauft.", {"platform": "x"}, ["die Zimtschnecken ausverkauft vorzufinden"]),
    ("Das Schnitzel war zäh und für 24 Euro viel zu teuer.", {"platform": "facebook", "author": "Jonas Weber"}, ["das Schnitzel zäh zu bekommen"]),
    ("Die Soße fehlte.", {}, ["auf die Soße verzichten zu müssen"]),
    ("Angeblich vegan, aber im Salat war Käse drin.", {}, ["nicht veganes Gericht"]),
    ("Na bravo, eine Stunde in der Schlange für kalte Pommes.", {"sarcasm": True}, ["eine Stunde in der Schlange"]),
    ("Super nettes Team und leckeres Sauerteigbrot, aber der Tisch war klebrig.", {"intent": Intent.PRAISE, "rating": 4.0}, ["das Team", "den Tisch klebrig vorzufinden"]),
    ("Die Zimtschnecken sind einfach köstlich!", {"intent": Intent.PRAISE}, ["die Zimtschnecken"]),
    ("Tasha war so lieb zu meinen Kindern, danke!", {"intent": Intent.PRAISE}, ["Tasha"]),
    ("Rundum gelungen, wir kommen wieder.", {"intent": Intent.PRAISE}, []),
    ("Habt ihr glutenfreies Brot?", {"intent": Intent.QUESTION}, ["Glutenfreies Brot backen wir freitags."]),
    ("Wann habt ihr samstags geöffnet?", {"intent": Intent.QUESTION}, ["Montag bis Freitag 07:00-18:00 und Samstag 08:00-14:00"]),
    ("Verkauft ihr auch Roggenbrötchen?", {"intent": Intent.QUESTION}, ["Ich frage nach und antworte hier bis morgen."]),
    ("Leckerer Kaffee. Es wäre schön, wenn es Hafermilch gäbe.", {"intent": Intent.SUGGESTION}, ["Hafermilch"]),
    ("Im Brot war ein Stück Metall, meine Tochter hat sich verletzt!", {}, ["ernst"]),
    ("Unser Hund ist nach der Operation bei Ihnen gestorben.", {"severity": CRISIS}, ["Verlust"]),
    ("Die Wurzelbehandlung war falsch abgerechnet, unverschämt!", {"business": DENTIST}, ["Anliegen"]),
    ("Sehr einfühlsam, danke an das ganze Team!", {"business": DENTIST, "intent": Intent.PRAISE}, ["Team"]),
]  # fmt: skip


@pytest.mark.parametrize(("mention", "changes", "named"), CASES)
async def test_a_mention_gets_a_reply_that_names_its_points(mention: str, changes: dict[str, Any], named: list[str]):
    answer = await proposal(mention, **changes)

    assert [each for each in named if each.lower() not in answer.text.lower()] == []
    assert answer.language == "de"


@pytest.mark.parametrize(("mention", "changes", "named"), CASES)
async def test_a_reply_is_formal_german_without_a_slip(mention: str, changes: dict[str, Any], named: list[str]):
    answer = await proposal(mention, **changes)

    assert not PACK.find("informal_address").search(answer.text)
    assert not re.search(
        r"\b(?:the|and|you|your|sorry|with|for)\b|\b(?:zu|auf|für|um) der\b|\s[.,;:!?]|[.,]{2}| {2}|[a-zäöü]\. [a-zäöü]",
        answer.text,
    )


@pytest.mark.parametrize(
    "mention",
    [
        "Im Brot war ein Stück Metall!",
        "Nach der Suppe musste ich mich übergeben.",
        "Der Kellner war rassistisch.",
        "Mein Anwalt meldet sich.",
        "Meine Tochter hat sich am Tisch verletzt.",
    ],
)
async def test_a_crisis_is_held_for_the_owner_and_nothing_is_admitted_or_denied(mention: str):
    answer = await proposal(mention)

    assert answer.for_owner
    assert len(answer.text.split()) <= 45
    assert not re.search("leid|entschuldig|verzeih|danke für|dank für", answer.text, re.IGNORECASE)


@pytest.mark.parametrize("name", ["crisis", "crisis_loss"])
def test_no_holding_reply_admits_or_denies(name: str):
    wordings = (*PACK.moves[name], *PACK.informal[name])

    assert [wording for wording in wordings if PACK.find("liability").search(wording)] == []


async def test_what_cannot_be_named_waits_for_a_persons_line():
    answer = await draft("Einfach schlimm. Nie wieder.")

    assert isinstance(answer, Abstention)
    assert answer.skeleton.startswith(PACK.moves["skeleton_before"][0])


async def test_a_fact_and_a_promise_in_another_language_are_not_said():
    business = bakery(voice=Voice(sign_off="Mia", may_promise=("look into it today", "check and reply here today")))

    asked = await draft("Gibt es bei euch WLAN?", Intent.QUESTION, business=business)
    complained = await proposal("Der Kaffee war kalt.", business=business)

    assert isinstance(asked, Abstention)
    assert not re.search("look|check|guests", complained.text + asked.skeleton)


async def test_a_complaint_is_answered_informally_only_if_its_author_is_informal_and_the_business_allows_it():
    mention = "Sag mal, kannst du mir verraten, warum die Zimtschnecke verbrannt war?"
    formally = bakery(voice=Voice(sign_off="Mia", formality="formal"))

    familiar = await proposal(mention, sarcasm=False)
    strict = await proposal(mention, business=formally)

    assert not PACK.find("formal_address").search(familiar.text)
    assert PACK.find("informal_address").search(familiar.text)
    assert not PACK.find("informal_address").search(strict.text)


async def test_a_second_reply_neither_thanks_nor_apologises_anew():
    thread = (
        Turn("Ich habe 40 Minuten auf einen Kaffee gewartet.", ours=False, at=NOW),
        Turn("Die Wartezeit tut mir leid, danke für die Nachricht. – Mia", ours=True, at=NOW),
    )

    answer = await proposal("Heute schon wieder 40 Minuten gewartet.", thread=thread)

    assert not re.search("leid|entschuldig|verzeih|danke für|dank für", answer.text, re.IGNORECASE)


async def test_nine_similar_complaints_get_nine_texts():
    recent: tuple[str, ...] = ()

    for _ in range(9):
        answer = await proposal("Ich habe 40 Minuten auf einen Kaffee gewartet.", recent=recent)
        recent = (answer.text, *recent)

    assert len(set(recent)) == 9


@pytest.mark.parametrize(
    ("said", "span"),
    [
        ("eine halbe Stunde", "eine halbe Stunde"),
        ("40 Min", "40 Minuten"),
        ("nach einer Stunde", "eine Stunde"),
        ("zwei Tagen", "zwei Tage"),
        ("anderthalb Stunden", "anderthalb Stunden"),
        ("30-40 Minuten", ""),
        ("ne Viertelstunde", "eine Viertelstunde"),
    ],
)
def test_a_stretch_of_time_is_said_as_the_language_writes_it(said: str, span: str):
    sentence = f"{said} gewartet"

    assert Line(sentence, case(sentence), PACK, "", "").fill(re.compile("gewartet").search(sentence)).get("span", "") == span  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(("promise", "text", "made"), [("kümmere mich heute darum", "Ich kümmere mich heute darum.", True), ("kümmere mich heute darum", "Darum kümmere ich mich.", False), ("rufe zurück", "Ich rufe morgen zurück.", True), ("rufe zurück", "Ich rufe nicht zurück.", False), ("rufe zurück", "Bitte rufen Sie zurück.", False)])  # fmt: skip
def test_a_promise_is_heard_in_german(promise: str, text: str, made: bool):
    asked = case("Der Kaffee war kalt.", business=bakery(voice=Voice(may_promise=(promise,))))

    assert bool(commitments(text, asked, PACK)) is made


PRAISED: dict[str, Any] = {"mention": "Die Zimtschnecken sind köstlich!", "intent": Intent.PRAISE}
THREAD: dict[str, Any] = {
    "mention": "Heute schon wieder 40 Minuten gewartet.",
    "thread": (
        Turn("Ich habe 40 Minuten auf einen Kaffee gewartet.", ours=False, at=NOW),
        Turn("Die Wartezeit tut mir leid, danke für die Nachricht. – Mia", ours=True, at=NOW),
    ),
}

#: rule, a reply that it stops, one that it lets through, and what is special about the case.
COUNTER_EXAMPLES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("asks for data", "Nennen Sie uns bitte Ihre Telefonnummer.", "Schicken Sie uns Ihre Bestellnummer per Direktnachricht.", {}),
    ("offer", "Wir erstatten Ihnen den Betrag.", "Die Wartezeit tut mir leid.", {}),
    ("offer", "Der nächste Kaffee geht aufs Haus.", "Der Kaffee war zu spät.", {}),
    ("offer", "Hier ist ein Gutschein.", "Hier ist unsere Antwort.", {}),
    ("no apology", "Es tut uns leid, wenn Sie sich geärgert haben.", "Die Wartezeit tut mir leid.", {}),
    ("no apology", "Wir bedauern etwaige Unannehmlichkeiten.", "Das war unangenehm, es tut mir leid.", {}),
    ("asks for review", "Bitte ändern Sie Ihre Bewertung.", "Wir haben Ihre Bewertung gelesen.", {}),
    ("asks for review", "Könnten Sie die Rezension löschen?", "Sie können Ihre Telefonnummer aus der Bewertung löschen.", {}),
    ("blames", "Sie hätten früher kommen müssen.", "Wir hätten schneller sein müssen.", {}),
    ("blames", "Wie angegeben schließen wir um sechs.", "Wir schließen um sechs.", {}),
    ("blames", "Andere Gäste sind zufrieden.", "Danke für die Nachricht.", {}),
    ("argues", "Diese Bewertung ist gelogen.", "Wir haben die Bewertung gelesen.", {}),
    ("argues", "Wir behalten uns rechtliche Schritte vor.", "Wir haben das gelesen.", {}),
    ("liability", "Das war unser Fehler.", "Wir nehmen das sehr ernst.", {"severity": CRISIS}),
    ("liability", "Das stimmt nicht.", "Bitte schreiben Sie uns.", {"severity": CRISIS}),
    ("holding", "Wir nehmen das sehr ernst. Wir nehmen das sehr ernst. Wir nehmen das sehr ernst. Wir nehmen das sehr ernst. Wir nehmen das sehr ernst. Wir nehmen das sehr ernst. Wir nehmen das sehr ernst. Wir nehmen das sehr ernst. Wir nehmen das sehr ernst. Wir nehmen das sehr ernst. ", "Wir nehmen das sehr ernst.", {"severity": CRISIS}),
    ("confirms customer", "Schade, dass Ihre Behandlung wehtat.", "Danke, dass Sie schreiben.", {"business": DENTIST}),
    ("formality", "Die Wartezeit tut mir leid, schreib mir, was dir fehlt.", "Die Wartezeit tut mir leid, schreiben Sie mir.", {}),
    ("sarcasm", "Wie schön, dass es Ihnen gefallen hat!", "Verstanden. Die Wartezeit tut mir leid.", {"sarcasm": True}),
    ("deed", "Ich habe mit dem Team gesprochen.", "Ich kümmere mich heute darum.", {}),
    ("deed", "Der Ofen wurde repariert.", "Der Ofen hätte laufen müssen.", {}),
    ("promise", "Ich schicke Ihnen einen Kuchen.", "Ich kümmere mich heute darum.", {}),
    ("promise", "Wir werden das Taxi bezahlen.", "Ich verstehe den Ärger.", {}),
    ("explains first", "Wegen Personalmangel hat es gedauert. Das tut mir leid.", "Das tut mir leid, es lag an uns.", {}),
    ("no feeling", "Schreiben Sie an hallo@krume.example.", "Die Wartezeit tut mir leid.", {}),
    ("sells", "Danke! Probieren Sie unser neues Frühstück.", "Danke für die netten Worte.", PRAISED),
    ("sells", "Wir haben es gesehen.", "Vielen Dank.", PRAISED),
    ("stock phrase", "Geschätzter Kunde, wir prüfen das zeitnah.", "Die Wartezeit tut mir leid.", {}),
    ("said before", "Die Wartezeit tut mir leid.", "Das Thema Warten ist also noch offen.", THREAD),
    ("sorry", "Das tut mir leid. Bitte entschuldigen Sie. Wir bitten um Verzeihung.", "Das tut mir leid.", {}),
    ("sorry", "Danke, und es tut mir leid.", "Danke.", PRAISED),
    ("way", "Bitte melden Sie sich bei uns.", "Bitte melden Sie sich unter hallo@krume.example.", {}),
    ("names nothing", "Das tut uns leid.", "Die 40 Minuten tun mir leid.", {}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "stopped", "let_through", "changes"), COUNTER_EXAMPLES)
def test_each_rule_stops_its_counter_example(rule: str, stopped: str, let_through: str, changes: dict[str, Any]):
    asked = case(**({"mention": "Ich habe 40 Minuten auf einen Kaffee gewartet."} | changes))

    assert rule in {finding.rule for finding in check(stopped, asked, Reader())}
    assert rule not in {finding.rule for finding in check(let_through, asked, Reader())}


def speaks(frame: Frame, sentence: str) -> bool:
    line, denied = Line(sentence, case(sentence), PACK, "", ""), PACK.find("denied")
    matches = (match for search in frame.searches for match in search.finditer(sentence))
    return any(said(frame, line.fill(match)) for match in matches if not denied.search(sentence[: match.start()][-30:]))


@pytest.mark.parametrize(("of", "frame"), [(of, frame) for of, frames in FRAMES.items() for frame in frames])
def test_a_frame_hears_its_trouble_and_not_what_only_looks_like_it(of: str, frame: Frame):
    hits, near_misses = HEARD[of][frame.name]

    assert [sentence for sentence in hits if not speaks(frame, sentence)] == []
    assert [sentence for sentence in near_misses if speaks(frame, sentence)] == []
    assert (len(hits), len(near_misses)) == (3, 2)


@pytest.mark.parametrize("of", list(FRAMES))
def test_no_frame_is_without_its_sentences(of: str):
    assert sorted(HEARD[of]) == sorted(frame.name for frame in FRAMES[of])


def test_every_kind_of_trouble_is_used():
    assert set(PACK.families) == {frame.family for frame in PACK.frames}


def test_phrases_and_feelings_address_nobody():
    said_of_trouble = [says for frame in PACK.frames for says in frame.says]
    said_of_feeling = [feel for family in PACK.families.values() for feel in family.feels]
    addressed = [PACK.find(name) for name in ("informal_address", "formal_address")]

    assert [said for said in (*said_of_trouble, *said_of_feeling) if any(one.search(said) for one in addressed)] == []
