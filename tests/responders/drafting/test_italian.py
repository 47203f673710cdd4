"""What the engine writes in Italian: a bakery in Bologna, its mentions, and what each reply must say and must not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from config.settings import Business, BusinessSettings, Fact, Place, Voice
from responders.drafting.base import Case, Language, Level, Proposal, Turn
from responders.drafting.checks import check
from responders.drafting.commitments import commitments
from responders.drafting.engine import Engine
from responders.drafting.frames import said
from responders.drafting.packs import Frame, packs
from responders.drafting.slots import Line
from storage.assessment import Emotion, Intent, Polarity, Severity, SeverityLevel
from tests.responders.drafting import cases
from tests.responders.drafting.cases import NOW, FakeReader

PACK = packs()["it"]
HEARD = tomllib.loads(Path(__file__).with_name("frames").joinpath("it.toml").read_text("utf-8"))
FRAMES = {"complaint": PACK.frames, "praise": PACK.praises}
CRISIS = Severity(SeverityLevel.CRITICAL)


class Reader(FakeReader):
    """Takes every text for Italian."""

    def language(self, text: str) -> Language:
        return Language("it", 0.9)


def bakery(**changes: Any) -> BusinessSettings:
    tables = {
        "business": Business(
            name="Il Forno di Piazza",
            time_zone="Europe/Rome",
            languages=("it",),
            products=("pane senza glutine", "torta al limone", "schiacciata", "la focaccia genovese"),
            people=("Giulia",),
        ),
        "voice": Voice(
            sign_off="Anna", may_promise=("capire oggi stesso che cosa è successo", "verificare e rispondere qui oggi")
        ),
        "places": (
            Place(
                name="Piazza Grande",
                contact="ciao@forno.example",
                hours={"mon-fri": "07:00-18:00", "sat": "08:00-14:00"},  # type: ignore[arg-type]
            ),
        ),
        "facts": (
            Fact(about="senza glutine", say="Sforniamo il pane senza glutine il venerdì."),
            Fact(about="wifi", say="The wifi is free for our guests."),
        ),
    }
    return cases.bakery(**(tables | changes))


DENTIST = bakery(business=Business(name="Studio Sole", languages=("it",), regulated="health"))


def case(mention: str, intent: Intent = Intent.COMPLAINT, **changes: Any) -> Case:
    return cases.case(mention, intent, **({"business": bakery(), "language": "it", "signer": "Anna"} | changes))


async def proposal(mention: str, intent: Intent = Intent.COMPLAINT, **changes: Any) -> Proposal:
    answer = await Engine(Reader()).draft(case(mention, intent, **changes))
    assert isinstance(answer, Proposal), answer
    return answer


#: A mention, what was made of it, and what the reply must name.
CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("Ho aspettato 40 minuti e la torta al limone era congelata.", {"emotion": Emotion.ANGRY}, ["l'attesa di 40 minuti", "la torta al limone congelata"]),
    ("Avevo prenotato il pane senza glutine e alle nove non c'era più.", {"emotion": Emotion.DISAPPOINTED}, ["la prenotazione non rispettata"]),
    ("Commessa maleducata e schiacciata secca.", {}, ["un trattamento così maleducato", "la schiacciata secca"]),
    ("Mi hanno addebitato due volte la stessa focaccia e nessuno risponde al telefono.", {"emotion": Emotion.ANGRY}, ["il doppio addebito", "le telefonate senza risposta"]),
    ("Il vaso è arrivato rotto e il pacco del regalo non è mai arrivato.", {"platform": "trustpilot"}, ["il vaso rotto"]),
    ("Tavolo sporco, bagno sporco e mezz'ora di coda.", {}, ["la coda di mezz'ora", "il tavolo sporco"]),
    ("Il sito diceva aperto e abbiamo trovato tutto chiuso.", {"platform": "google"}, ["il viaggio fino a una porta chiusa"]),
    ("Venti minuti al tavolo e nessuno ci ha servito.", {"platform": "x"}, ["l'attesa di venti minuti senza che nessuno venisse"]),
    ("Camera senza riscaldamento e rumori tutta la notte.", {}, ["la mancanza di riscaldamento", "il rumore"]),
    ("Un'ora e mezza di attesa per la «consegna espressa». Complimenti!", {"sarcasm": True}, ["l'attesa di un'ora e mezza"]),
    ("La torta al limone è squisita, però la musica era altissima.", {"intent": Intent.PRAISE, "rating": 4.0}, ["la torta al limone", "la musica così alta"]),
    ("La focaccia genovese è la fine del mondo!", {"intent": Intent.PRAISE}, ["la focaccia genovese"]),
    ("Giulia è stata dolcissima con i miei bambini.", {"intent": Intent.PRAISE}, ["Giulia"]),
    ("Un posto splendido, torneremo.", {"intent": Intent.PRAISE}, []),
    ("Avete il pane senza glutine?", {"intent": Intent.QUESTION}, ["Sforniamo il pane senza glutine il venerdì."]),
    ("A che ora chiudete il sabato?", {"intent": Intent.QUESTION}, ["da lunedì a venerdì 07:00-18:00 e sabato 08:00-14:00"]),
    ("Fate torte su ordinazione?", {"intent": Intent.QUESTION}, ["verificare e rispondere qui oggi"]),
    ("Sarebbe bello poter pagare con carta.", {"intent": Intent.SUGGESTION}, ["il pagamento con la carta"]),
    ("Ho trovato un pezzo di vetro nel pane.", {}, ["sul serio"]),
    ("Intossicazione alimentare dopo la cena, sono finita al pronto soccorso.", {"severity": CRISIS, "platform": "google"}, []),
    ("Il mio cane è morto da voi.", {"severity": CRISIS}, ["perdita"]),
    ("La devitalizzazione è stata un disastro e il conto sbagliato.", {"business": DENTIST}, ["vorrei"]),
    ("Il miglior dentista, gentilissimo con mio figlio!", {"business": DENTIST, "intent": Intent.PRAISE}, ["grazie"]),
]  # fmt: skip


@pytest.mark.parametrize(("mention", "changes", "named"), CASES)
async def test_a_mention_gets_a_reply_that_names_its_points(mention: str, changes: dict[str, Any], named: list[str]):
    answer = await proposal(mention, **changes)

    assert [each for each in named if each.lower() not in answer.text.lower()] == []
    assert answer.language == "it"


@pytest.mark.parametrize(("mention", "changes", "named"), CASES)
async def test_a_reply_is_formal_italian_without_a_slip(mention: str, changes: dict[str, Any], named: list[str]):
    answer = await proposal(mention, **changes)

    assert not PACK.find("informal_address").search(answer.text)
    assert not re.search(
        r"\b(?:di|a|da|in|su) (?:il|lo|la|i|gli|le|l['’])\b|\b(?:the|and|you|your|sorry|with|we)\b|\s[.,;:]|[.,]{2}| {2}",
        answer.text,
    )


@pytest.mark.parametrize(
    "mention",
    ["Ho trovato un pezzo di vetro nel pane.", "La zuppa mi ha fatto star male.", "Il cameriere è un razzista."],
)
async def test_a_crisis_is_held_for_the_owner_and_nothing_is_admitted_or_denied(mention: str):
    answer = await proposal(mention)

    assert answer.for_owner
    assert len(answer.text.split()) <= 45
    assert not re.search("dispiac|scus|perdon", answer.text, re.IGNORECASE)


async def test_a_fact_and_a_promise_in_another_language_are_not_said():
    voice = Voice(sign_off="Anna", may_promise=("look into it today", "check and reply here today"))

    asked = await Engine(Reader()).draft(case("Avete il wifi?", Intent.QUESTION, business=bakery(voice=voice)))
    complained = await proposal("La zuppa era fredda.", business=bakery(voice=voice))

    assert not isinstance(asked, Proposal)
    assert not re.search("look|check|wifi is", complained.text + asked.skeleton)


async def test_somebody_informal_is_answered_with_tu_and_nobody_else():
    friendly = await proposal("Ciao raga, che buona la torta al limone, siete mitici!", Intent.PRAISE)
    strict = await proposal(
        "Ciao raga, che buona la torta al limone, siete mitici!",
        Intent.PRAISE,
        business=bakery(voice=Voice(sign_off="Anna", formality="formal")),
    )

    assert not PACK.find("formal_address").search(friendly.text)
    assert not PACK.find("informal_address").search(strict.text)


async def test_a_second_reply_neither_thanks_nor_apologises_anew():
    thread = (Turn("Ho aspettato 40 minuti.", False, NOW), Turn("Mi scuso per l'attesa. – Anna", True, NOW))

    answer = await proposal("Aspetto ancora, un'ora di attesa.", thread=thread)

    assert not re.search("grazie|dispiac|scus", answer.text, re.IGNORECASE)


@pytest.mark.parametrize(
    ("promise", "text", "made"),
    [
        ("capire oggi stesso che cosa è successo", "Mi impegno a capire oggi stesso che cosa è successo.", True),
        ("controllare oggi", "Provvederò a controllare.", True),
        ("controllare oggi", "Non ho nulla da controllare.", False),
        ("richiamare", "Mi impegno a richiamare domani.", True),
    ],
)
def test_a_promise_is_heard_in_italian(promise: str, text: str, made: bool):
    asked = case("Fredda.", business=bakery(voice=Voice(may_promise=(promise,))))

    assert bool(commitments(text, asked, PACK)) is made


PRAISED: dict[str, Any] = {"mention": "Che buono il pane!", "intent": Intent.PRAISE}
THREAD: dict[str, Any] = {
    "mention": "Di nuovo 40 minuti di attesa",
    "thread": (Turn("Ho aspettato 40 minuti", False, NOW), Turn("Mi scuso, grazie. – Anna", True, NOW)),
}

#: rule, a reply that it stops, one that it lets through, and what is special about the case.
COUNTER_EXAMPLES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("asks for data", "Ci dica il suo nome e il suo telefono.", "Ci dica il numero d'ordine in privato.", {}),
    ("offer", "Riceverà un rimborso.", "Mi dispiace per l'attesa.", {}),
    ("offer", "Il prossimo caffè è gratis.", "Abbiamo il pane senza glutine.", {}),
    ("offer", "Ecco un buono sconto.", "La zuppa era fredda.", {}),
    ("no apology", "Ci dispiace che si sia sentito così.", "Mi dispiace per l'attesa.", {}),
    ("no apology", "Ci scusiamo per il disagio.", "Mi scuso per l'attesa.", {}),
    ("no apology", "Ci scusiamo se l'attesa è parsa lunga.", "Mi dispiace per l'attesa.", {}),
    ("asks for review", "Può modificare la sua recensione?", "Abbiamo letto la sua recensione.", {}),
    ("asks for review", "La preghiamo di rimuovere questa recensione.", "Forse preferisce togliere il suo numero da questa recensione.", {}),
    ("blames", "Avrebbe dovuto avvisare prima.", "Avremmo dovuto avvisare prima.", {}),
    ("blames", "Come indicato sul sito, chiudiamo alle sei.", "Chiudiamo alle sei.", {}),
    ("blames", "Gli altri clienti sono contenti.", "Grazie per averlo detto.", {}),
    ("argues", "Questa è una recensione falsa.", "Abbiamo letto la recensione.", {}),
    ("liability", "È stata colpa nostra, la nostra negligenza.", "Lo prendiamo molto sul serio.", {"severity": CRISIS}),
    ("liability", "Non è vero.", "Ci scriva, per favore.", {"severity": CRISIS}),
    ("confirms customer", "Ci dispiace per la sua visita.", "Grazie per aver scritto.", {"business": DENTIST}),
    ("formality", "Mi dispiace per l'attesa, scrivimi.", "Mi dispiace per l'attesa, mi scriva.", {}),
    ("sarcasm", "Che bello, siamo felici!", "Messaggio ricevuto. Mi scuso per l'attesa.", {"sarcasm": True}),
    ("deed", "Ho parlato con il personale.", "Mi impegno a capire oggi stesso che cosa è successo.", {}),
    ("promise", "Le manderemo una torta, e ci impegniamo a offrirla.", "Mi impegno a capire oggi stesso che cosa è successo.", {}),
    ("promise", "Le spediremo una torta.", "Saremo felici di leggerla.", {}),
    ("explains first", "A causa della carenza di personale c'è stata attesa. Mi scuso.", "Mi scuso per l'attesa, a causa nostra.", {}),
    ("no feeling", "Scriva a ciao@forno.example per l'attesa.", "Mi scuso per l'attesa.", {}),
    ("sells", "Grazie! Provi il nostro nuovo menù.", "Grazie per le belle parole per il pane.", PRAISED),
    ("sells", "Lo abbiamo visto.", "Grazie mille.", PRAISED),
    ("stock phrase", "Gentile cliente, faremo tesoro del commento.", "Mi scuso per l'attesa.", {}),
    ("said before", "Mi scuso per l'attesa.", "L'attesa, vedo, è rimasta uguale.", THREAD),
    ("sorry", "Mi scuso. Mi dispiace. Chiedo scusa.", "Mi scuso per l'attesa.", {}),
    ("sorry", "Grazie, e scusate.", "Grazie.", PRAISED),
    ("way", "Ci contatti.", "Mi scriva a ciao@forno.example.", {}),
    ("names nothing", "Ci dispiace per la brutta esperienza.", "Mi scuso per l'attesa di 40 minuti.", {}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "stopped", "let_through", "changes"), COUNTER_EXAMPLES)
def test_each_rule_stops_its_counter_example(rule: str, stopped: str, let_through: str, changes: dict[str, Any]):
    asked = case(**({"mention": "Ho aspettato 40 minuti per una zuppa fredda, che attesa."} | changes))

    assert rule in {finding.rule for finding in check(stopped, asked, Reader())}
    assert rule not in {finding.rule for finding in check(let_through, asked, Reader())}


def speaks(frame: Frame, sentence: str) -> bool:
    line = Line(sentence, case(sentence), PACK, "Giulia" if "Giulia" in sentence else "", "")
    matches = (match for search in frame.searches for match in search.finditer(sentence))
    denied = PACK.find("denied")
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


@pytest.mark.parametrize(
    ("mention", "thing"),
    [("quel pane senza glutine", "il pane senza glutine"), ("questa schiacciata", "la schiacciata"), ("focaccia genovese", "la focaccia genovese")],
)  # fmt: skip
def test_a_product_is_named_with_its_article(mention: str, thing: str):
    assert Line(mention, case(mention), PACK, "", "").named[0].says == thing


def test_no_wording_is_stopped_by_a_rule_of_its_own():
    blocked = [
        (wording, finding.rule)
        for wordings in (PACK.moves["crisis"], PACK.moves["regulated"], PACK.moves["praise_plain"])
        for wording in wordings
        for finding in check(wording.format(next=""), case("Che buono il pane!", Intent.PRAISE, polarity=Polarity.POSITIVE), Reader())
        if finding.level is Level.BLOCK
    ]  # fmt: skip

    assert blocked == []
