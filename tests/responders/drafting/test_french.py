"""What the engine writes in French: a bakery in Paris, its mentions, and what each reply must say and must not."""

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

PACK = packs()["fr"]
HEARD = tomllib.loads(Path(__file__).with_name("frames").joinpath("fr.toml").read_text("utf-8"))
FRAMES = {"complaint": PACK.frames, "praise": PACK.praises}
CRISIS = Severity(SeverityLevel.CRITICAL)


class Reader(FakeReader):
    """Takes every text for French."""

    def language(self, text: str) -> Language:
        return Language("fr", 0.9)


def bakery(**changes: Any) -> BusinessSettings:
    tables = {
        "business": Business(
            name="Mie & Cie",
            time_zone="Europe/Paris",
            languages=("fr", "en"),
            products=("flat white", "brioche à la cannelle", "pain au levain"),
            people=("Tasha",),
        ),
        "voice": Voice(sign_off="Mia", may_promise=("m'en occupe aujourd'hui", "vérifie et réponds ici demain")),
        "places": (
            Place(
                name="rue du Marché",
                contact="bonjour@mie.example",
                hours={"mon-fri": "07:00-18:00", "sat": "08:00-14:00"},  # type: ignore[arg-type]
            ),
        ),
        "facts": (
            Fact(about="sans gluten", say="Nous cuisons du pain sans gluten le vendredi."),
            Fact(about="wifi", say="The wifi is free for our guests."),
        ),
    }
    return cases.bakery(**(tables | changes))


DENTIST = bakery(business=Business(name="Cabinet Hall", languages=("fr",), regulated="health"))


def case(mention: str, intent: Intent = Intent.COMPLAINT, **changes: Any) -> Case:
    return cases.case(mention, intent, **({"business": bakery(), "language": "fr"} | changes))


async def draft(mention: str, intent: Intent = Intent.COMPLAINT, **changes: Any) -> Proposal | Abstention:
    return await Engine(Reader()).draft(case(mention, intent, **changes))


async def proposal(mention: str, intent: Intent = Intent.COMPLAINT, **changes: Any) -> Proposal:
    answer = await draft(mention, intent, **changes)
    assert isinstance(answer, Proposal), answer
    return answer


#: A mention, what was made of it, and what the reply must name.
CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("40 minutes d'attente pour un flat white, et en plus il était froid.", {}, ["40 minutes d'attente", "le flat white froid"]),
    ("Des croissants de la veille et une vendeuse très désagréable.", {"emotion": Emotion.ANGRY}, ["les croissants de la veille et cet accueil désagréable"]),
    ("J'ai été prélevée deux fois en mars et personne ne décroche. Trois mails sans réponse.", {"emotion": Emotion.ANGRY}, ["le montant prélevé deux fois", "trois mails sans réponse"]),
    ("Porte close à 15 h alors que Google vous dit ouverts.", {"platform": "google"}, ["la porte close"]),
    ("La chambre était sale et le chauffage en panne.", {"platform": "tripadvisor"}, ["la chambre sale et le chauffage en panne"]),
    ("Le vase est arrivé cassé et personne n'a répondu à mes messages.", {"emotion": Emotion.DISAPPOINTED}, ["le vase en mauvais état à l'arrivée", "personne n'ait répondu"]),
    ("Les croissants étaient déjà en rupture à neuf heures.", {"platform": "x"}, ["les croissants en rupture"]),
    ("Le steak était trop cuit et beaucoup trop cher.", {"platform": "facebook", "author": "Camille Petit"}, ["la cuisson ratée"]),
    ("La soupe était froide.", {}, ["la soupe froide"]),
    ("Annoncé végétarien, avec des lardons dans la quiche.", {}, ["ce plat qui n'était pas végétarien"]),
    ("Bravo pour l'attente, une demi-heure de queue pour des frites froides.", {"sarcasm": True}, ["une demi-heure", "les frites froides"]),
    ("Accueil chaleureux et pain au levain délicieux, mais la table était sale.", {"intent": Intent.PRAISE, "rating": 4.0}, ["l'accueil", "la table sale"]),
    ("Votre brioche à la cannelle est un régal !", {"intent": Intent.PRAISE}, ["la brioche à la cannelle"]),
    ("Tasha a été adorable avec mes enfants, merci !", {"intent": Intent.PRAISE}, ["Tasha"]),
    ("Une belle découverte, nous reviendrons.", {"intent": Intent.PRAISE}, []),
    ("Avez-vous du pain sans gluten ?", {"intent": Intent.QUESTION}, ["Nous cuisons du pain sans gluten le vendredi."]),
    ("À quelle heure ouvrez-vous le samedi ?", {"intent": Intent.QUESTION}, ["du lundi au vendredi 07:00-18:00 et samedi 08:00-14:00"]),
    ("Vendez-vous du pain de seigle ?", {"intent": Intent.QUESTION}, ["Je vérifie et réponds ici demain."]),
    ("Très bon café. Ce serait bien d'avoir du lait d'avoine.", {"intent": Intent.SUGGESTION}, ["le lait d'avoine"]),
    ("Un morceau de métal dans mon croissant, ma fille est blessée !", {}, ["nous"]),
    ("Mon chien est mort pendant l'opération.", {"severity": CRISIS}, []),
    ("Le détartrage a été facturé deux fois, scandaleux !", {"business": DENTIST}, []),
    ("Très doux avec mon fils, merci à toute l'équipe !", {"business": DENTIST, "intent": Intent.PRAISE}, ["équipe"]),
]  # fmt: skip


@pytest.mark.parametrize(("mention", "changes", "named"), CASES)
async def test_a_mention_gets_a_reply_that_names_its_points(mention: str, changes: dict[str, Any], named: list[str]):
    answer = await proposal(mention, **changes)

    assert [each for each in named if each.lower() not in answer.text.lower()] == []
    assert answer.language == "fr"


@pytest.mark.parametrize(("mention", "changes", "named"), CASES)
async def test_a_reply_is_formal_french_without_a_slip(mention: str, changes: dict[str, Any], named: list[str]):
    answer = await proposal(mention, **changes)

    assert not PACK.find("informal_address").search(answer.text)
    assert not re.search(
        r"\b(?:the|and|you|your|sorry|with|for)\b|\b(?:de|à) les?\b|\b(?:de|le|la|que) [aeiouéèê]|\bdésolé|\s[.,]|[.,]{2}| {2}|[a-zé]\. [a-zé]",
        answer.text,
    )


@pytest.mark.parametrize(
    "mention",
    [
        "Un morceau de métal dans mon croissant !",
        "J'ai vomi toute la nuit après la soupe.",
        "Le serveur était raciste.",
        "Mon avocat vous écrira.",
        "Ma fille est blessée.",
    ],
)
async def test_a_crisis_is_held_for_the_owner_and_nothing_is_admitted_or_denied(mention: str):
    answer = await proposal(mention)

    assert answer.for_owner
    assert len(answer.text.split()) <= 45
    assert not re.search("excus|regrett|désol|pardon|merci pour", answer.text, re.IGNORECASE)


@pytest.mark.parametrize("name", ["crisis", "crisis_loss"])
def test_no_holding_reply_admits_or_denies(name: str):
    wordings = (*PACK.moves[name], *PACK.informal[name])

    assert [wording for wording in wordings if PACK.find("liability").search(wording)] == []


async def test_what_cannot_be_named_waits_for_a_persons_line():
    answer = await draft("Nul. Plus jamais.")

    assert isinstance(answer, Abstention)
    assert answer.skeleton.startswith(PACK.moves["skeleton_before"][0])


async def test_a_fact_and_a_promise_in_another_language_are_not_said():
    business = bakery(voice=Voice(sign_off="Mia", may_promise=("look into it today", "check and reply here today")))

    asked = await draft("Est-ce qu'il y a du wifi ?", Intent.QUESTION, business=business)
    complained = await proposal("Le café était froid.", business=business)

    assert isinstance(asked, Abstention)
    assert not re.search("look|check|guests", complained.text + asked.skeleton)


async def test_a_complaint_is_answered_informally_only_if_its_author_is_informal_and_the_business_allows_it():
    mention = "Franchement, tu trouves ça normal, une brioche brûlée ?"
    formally = bakery(voice=Voice(sign_off="Mia", formality="formal"))

    familiar = await proposal(mention, sarcasm=False)
    strict = await proposal(mention, business=formally)

    assert not PACK.find("formal_address").search(familiar.text)
    assert PACK.find("informal_address").search(familiar.text)
    assert not PACK.find("informal_address").search(strict.text)


async def test_a_second_reply_neither_thanks_nor_apologises_anew():
    thread = (
        Turn("J'ai attendu 40 minutes un café.", ours=False, at=NOW),
        Turn("Toutes mes excuses pour l'attente, merci de l'avoir dit. – Mia", ours=True, at=NOW),
    )

    answer = await proposal("Encore 40 minutes d'attente aujourd'hui.", thread=thread)

    assert not re.search("excus|regrett|désol|pardon|merci pour", answer.text, re.IGNORECASE)


async def test_nine_similar_complaints_get_nine_texts():
    recent: tuple[str, ...] = ()

    for _ in range(9):
        answer = await proposal("J'ai attendu 40 minutes un café.", recent=recent)
        recent = (answer.text, *recent)

    assert len(set(recent)) == 9


@pytest.mark.parametrize(
    ("said", "span"),
    [
        ("une demi-heure", "une demi-heure"),
        ("40 min", "40 minutes"),
        ("trois quarts d'heure", "trois quarts d'heure"),
        ("deux heures et demie", "deux heures et demie"),
        ("2 h", "2 heures"),
        ("1h30", ""),
        ("20 à 30 minutes", ""),
    ],
)
def test_a_stretch_of_time_is_said_as_the_language_writes_it(said: str, span: str):
    sentence = f"{said} attendu"

    assert Line(sentence, case(sentence), PACK, "", "").fill(re.compile("attendu").search(sentence)).get("span", "") == span  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(("promise", "text", "made"), [("m'en occupe aujourd'hui", "Je m'en occupe aujourd'hui.", True), ("rappelle", "Je vous rappelle demain.", True), ("rappelle", "Je ne rappelle pas.", False), ("rappelle", "Vous pouvez nous rappeler.", False), ("examine cela", "Je examine cela.", False)])  # fmt: skip
def test_a_promise_is_heard_in_french(promise: str, text: str, made: bool):
    asked = case("Le café était froid.", business=bakery(voice=Voice(may_promise=(promise,))))

    assert bool(commitments(text, asked, PACK)) is made


PRAISED: dict[str, Any] = {"mention": "Votre brioche à la cannelle est un régal !", "intent": Intent.PRAISE}
THREAD: dict[str, Any] = {
    "mention": "Encore 40 minutes d'attente aujourd'hui.",
    "thread": (
        Turn("J'ai attendu 40 minutes un café.", ours=False, at=NOW),
        Turn("Toutes mes excuses pour l'attente, merci de l'avoir dit. – Mia", ours=True, at=NOW),
    ),
}

#: rule, a reply that it stops, one that it lets through, and what is special about the case.
COUNTER_EXAMPLES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("asks for data", "Donnez-nous votre nom et votre téléphone.", "Envoyez-nous votre numéro de commande en message privé.", {}),
    ("offer", "Nous allons vous rembourser.", "Toutes mes excuses pour l'attente.", {}),
    ("offer", "Le prochain café est offert.", "Le café était froid.", {}),
    ("offer", "Voici un bon d'achat.", "Voici notre réponse.", {}),
    ("no apology", "Nous sommes désolés si vous avez été gêné.", "Toutes mes excuses pour l'attente.", {}),
    ("no apology", "Veuillez excuser la gêne occasionnée.", "C'était gênant, toutes mes excuses.", {}),
    ("asks for review", "Pourriez-vous modifier votre avis ?", "Nous avons lu votre avis.", {}),
    ("asks for review", "Merci de supprimer ce commentaire.", "Vous pouvez retirer votre numéro de téléphone de ce message.", {}),
    ("blames", "Vous auriez pu prévenir.", "Nous aurions dû prévenir.", {}),
    ("blames", "Comme indiqué sur le site, nous fermons à six heures.", "Nous fermons à six heures.", {}),
    ("blames", "Les autres clients sont ravis.", "Merci de nous l'avoir dit.", {}),
    ("argues", "C'est un faux avis.", "Nous avons lu cet avis.", {}),
    ("argues", "Nos avocats vous écriront.", "Nous avons lu cela.", {}),
    ("liability", "C'est notre faute.", "Nous prenons cela très au sérieux.", {"severity": CRISIS}),
    ("liability", "Cela n'est pas possible.", "Écrivez-nous.", {"severity": CRISIS}),
    ("holding", "Nous prenons cela très au sérieux. Nous prenons cela très au sérieux. Nous prenons cela très au sérieux. Nous prenons cela très au sérieux. Nous prenons cela très au sérieux. Nous prenons cela très au sérieux. Nous prenons cela très au sérieux. Nous prenons cela très au sérieux. Nous prenons cela très au sérieux. ", "Nous prenons cela très au sérieux.", {"severity": CRISIS}),
    ("confirms customer", "Nous regrettons que votre traitement ait été douloureux.", "Merci de nous écrire.", {"business": DENTIST}),
    ("formality", "Toutes mes excuses pour l'attente, tu peux m'écrire.", "Toutes mes excuses, vous pouvez m'écrire.", {}),
    ("sarcasm", "Quel plaisir de vous lire !", "Message reçu. Toutes mes excuses.", {"sarcasm": True}),
    ("deed", "J'ai parlé à l'équipe.", "Je m'en occupe aujourd'hui.", {}),
    ("deed", "Le four a été réparé.", "Le four aurait dû marcher.", {}),
    ("promise", "Je vous enverrai un gâteau.", "Je m'en occupe aujourd'hui.", {}),
    ("promise", "Nous allons payer le taxi.", "Je comprends la colère.", {}),
    ("explains first", "En raison d'un manque de personnel, c'était lent. Toutes mes excuses.", "Toutes mes excuses, c'est notre travail.", {}),
    ("no feeling", "Écrivez à bonjour@mie.example.", "Toutes mes excuses pour l'attente.", {}),
    ("sells", "Merci ! Découvrez notre nouvelle carte.", "Merci pour ces mots.", PRAISED),
    ("sells", "Nous avons vu.", "Merci beaucoup.", PRAISED),
    ("stock phrase", "Chers clients, votre avis est précieux.", "Toutes mes excuses pour l'attente.", {}),
    ("said before", "Toutes mes excuses pour l'attente.", "L'attente reste donc le sujet.", THREAD),
    ("sorry", "Toutes mes excuses. Pardon. Je le regrette.", "Toutes mes excuses.", {}),
    ("sorry", "Merci, et toutes mes excuses.", "Merci.", PRAISED),
    ("way", "Contactez-nous.", "Écrivez-moi à bonjour@mie.example.", {}),
    ("names nothing", "Nous vous présentons nos excuses.", "Toutes mes excuses pour ces 40 minutes.", {}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "stopped", "let_through", "changes"), COUNTER_EXAMPLES)
def test_each_rule_stops_its_counter_example(rule: str, stopped: str, let_through: str, changes: dict[str, Any]):
    asked = case(**({"mention": "J'ai attendu 40 minutes un café."} | changes))

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
