"""What the engine writes in Spanish: a bakery in Madrid, its mentions, and what each reply must say and must not."""

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

PACK = packs()["es"]
HEARD = tomllib.loads(Path(__file__).with_name("frames").joinpath("es.toml").read_text("utf-8"))
FRAMES = {"complaint": PACK.frames, "praise": PACK.praises}
CRISIS = Severity(SeverityLevel.CRITICAL)


class Reader(FakeReader):
    """Takes every text for Spanish."""

    def language(self, text: str) -> Language:
        return Language("es", 0.9)


def bakery(**changes: Any) -> BusinessSettings:
    tables = {
        "business": Business(
            name="La Espiga",
            time_zone="Europe/Madrid",
            languages=("es",),
            products=("pan sin gluten", "café con leche", "tarta de queso", "la empanada gallega"),
            people=("Lucía",),
        ),
        "voice": Voice(sign_off="Marta", may_promise=("mirar hoy mismo qué pasó", "comprobarlo y responder aquí hoy")),
        "places": (
            Place(
                name="Calle Mayor",
                contact="hola@espiga.example",
                hours={"mon-fri": "07:00-18:00", "sat": "08:00-14:00"},  # type: ignore[arg-type]
            ),
        ),
        "facts": (
            Fact(about="sin gluten", say="Horneamos pan sin gluten los viernes."),
            Fact(about="wifi", say="The wifi is free for our guests."),
        ),
    }
    return cases.bakery(**(tables | changes))


DENTIST = bakery(business=Business(name="Clínica Sol", languages=("es",), regulated="health"))


def case(mention: str, intent: Intent = Intent.COMPLAINT, **changes: Any) -> Case:
    return cases.case(mention, intent, **({"business": bakery(), "language": "es", "signer": "Marta"} | changes))


async def proposal(mention: str, intent: Intent = Intent.COMPLAINT, **changes: Any) -> Proposal:
    answer = await Engine(Reader()).draft(case(mention, intent, **changes))
    assert isinstance(answer, Proposal), answer
    return answer


#: A mention, what was made of it, and what the reply must name.
CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("Esperé 40 minutos por un café con leche y llegó frío.", {"emotion": Emotion.ANGRY}, ["la espera de 40 minutos", "el café con leche frío"]),
    ("Había reservado el pan sin gluten y a las nueve ya no quedaba.", {"emotion": Emotion.DISAPPOINTED}, ["la reserva que no se respetó"]),
    ("La dependienta fue muy borde y la tarta de queso estaba congelada.", {}, ["el trato tan borde", "la tarta de queso congelada"]),
    ("Me han cobrado dos veces la misma barra y nadie coge el teléfono.", {"emotion": Emotion.ANGRY}, ["el cobro doble", "las llamadas sin respuesta"]),
    ("El paquete lleva dos semanas sin llegar.", {"platform": "trustpilot"}, ["el paquete que no llega"]),
    ("Mesa sucia, baño sucio y media hora de cola.", {}, ["la cola de media hora"]),
    ("La web decía abierto y cuando llegamos estaba cerrado.", {"platform": "google"}, ["el viaje hasta una puerta cerrada"]),
    ("Nadie nos atendió en veinte minutos, nos fuimos.", {"platform": "x"}, ["la espera de veinte minutos sin que nadie atendiera"]),
    ("La habitación sin calefacción y el ruido toda la noche.", {}, ["la falta de calefacción", "el ruido"]),
    ("Una hora y media esperando la «entrega exprés». Enhorabuena.", {"sarcasm": True}, ["la espera de una hora y media"]),
    ("La tarta de queso está riquísima, pero la música está muy alta.", {"intent": Intent.PRAISE, "rating": 4.0}, ["la tarta de queso", "la música tan alta"]),
    ("¡La empanada gallega es deliciosa!", {"intent": Intent.PRAISE}, ["la empanada gallega"]),
    ("Lucía fue encantadora con mis hijos.", {"intent": Intent.PRAISE}, ["Lucía"]),
    ("Un sitio estupendo, volveremos.", {"intent": Intent.PRAISE}, []),
    ("¿Tienen pan sin gluten?", {"intent": Intent.QUESTION}, ["Horneamos pan sin gluten los viernes."]),
    ("¿A qué hora cierran los sábados?", {"intent": Intent.QUESTION}, ["de lunes a viernes 07:00-18:00 y sábado 08:00-14:00"]),
    ("¿Hacen tartas por encargo?", {"intent": Intent.QUESTION}, ["comprobarlo y responder aquí hoy"]),
    ("Estaría bien poder pagar con tarjeta.", {"intent": Intent.SUGGESTION}, ["el pago con tarjeta"]),
    ("Encontré un trozo de cristal en el pan.", {}, ["muy en serio"]),
    ("Intoxicación alimentaria después de comer aquí, acabé en urgencias.", {"severity": CRISIS, "platform": "google"}, []),
    ("Mi perro murió en sus manos.", {"severity": CRISIS}, ["su pérdida"]),
    ("La endodoncia fue un desastre y me cobraron de más.", {"business": DENTIST}, ["me gustaría"]),
    ("¡El mejor dentista, muy amable con mi hijo!", {"business": DENTIST, "intent": Intent.PRAISE}, ["gracias"]),
]  # fmt: skip


@pytest.mark.parametrize(("mention", "changes", "named"), CASES)
async def test_a_mention_gets_a_reply_that_names_its_points(mention: str, changes: dict[str, Any], named: list[str]):
    answer = await proposal(mention, **changes)

    assert [each for each in named if each.lower() not in answer.text.lower()] == []
    assert answer.language == "es"


@pytest.mark.parametrize(("mention", "changes", "named"), CASES)
async def test_a_reply_is_formal_spanish_without_a_slip(mention: str, changes: dict[str, Any], named: list[str]):
    answer = await proposal(mention, **changes)

    assert not PACK.find("informal_address").search(answer.text)
    assert not re.search(r"\b(?:de|a) el\b|\b(?:the|and|you|your|sorry|with|we)\b|\s[.,;:]|[.,]{2}| {2}", answer.text)


@pytest.mark.parametrize(
    "mention", ["Encontré un trozo de cristal en el pan.", "Me puse malo con la sopa.", "El camarero es un racista."]
)
async def test_a_crisis_is_held_for_the_owner_and_nothing_is_admitted_or_denied(mention: str):
    answer = await proposal(mention)

    assert answer.for_owner
    assert len(answer.text.split()) <= 45
    assert not re.search("siento|lament|disculp|perdón", answer.text, re.IGNORECASE)


async def test_a_fact_and_a_promise_in_another_language_are_not_said():
    voice = Voice(sign_off="Marta", may_promise=("look into it today", "check and reply here today"))

    asked = await Engine(Reader()).draft(case("¿Tienen wifi?", Intent.QUESTION, business=bakery(voice=voice)))
    complained = await proposal("El café estaba frío.", business=bakery(voice=voice))

    assert not isinstance(asked, Proposal)
    assert not re.search("look|check|wifi is", complained.text + asked.skeleton)


async def test_somebody_informal_is_answered_with_tu_and_nobody_else():
    friendly = await proposal("Tío, ¡qué rica la tarta de queso, sois cracks!", Intent.PRAISE)
    strict = await proposal(
        "Tío, ¡qué rica la tarta de queso, sois cracks!",
        Intent.PRAISE,
        business=bakery(voice=Voice(sign_off="Marta", formality="formal")),
    )

    assert not PACK.find("formal_address").search(friendly.text)
    assert not PACK.find("informal_address").search(strict.text)


async def test_a_second_reply_neither_thanks_nor_apologises_anew():
    thread = (Turn("Esperé 40 minutos.", False, NOW), Turn("Lamento la espera. – Marta", True, NOW))

    answer = await proposal("Sigo esperando una hora más tarde, vaya espera.", thread=thread)

    assert not re.search("gracias|siento|lament|disculp", answer.text, re.IGNORECASE)


@pytest.mark.parametrize(
    ("promise", "text", "made"),
    [
        ("mirar hoy mismo qué pasó", "Voy a mirar hoy mismo qué pasó.", True),
        ("mirar hoy mismo qué pasó", "Hoy mismo miro qué pasó con su café.", True),
        ("mirar hoy mismo qué pasó", "No voy a mirar nada.", False),
        ("llamar", "Me comprometo a llamar mañana.", True),
    ],
)
def test_a_promise_is_heard_in_spanish(promise: str, text: str, made: bool):
    asked = case("Frío.", business=bakery(voice=Voice(may_promise=(promise,))))

    assert bool(commitments(text, asked, PACK)) is made


PRAISED: dict[str, Any] = {"mention": "¡Qué rico el pan!", "intent": Intent.PRAISE}
THREAD: dict[str, Any] = {
    "mention": "Otra vez 40 minutos de espera",
    "thread": (Turn("Esperé 40 minutos", False, NOW), Turn("Lo siento, gracias. – Marta", True, NOW)),
}

#: rule, a reply that it stops, one that it lets through, and what is special about the case.
COUNTER_EXAMPLES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("asks for data", "Díganos su nombre y su teléfono.", "Díganos su número de pedido por mensaje privado.", {}),
    ("offer", "Le devolveremos el dinero con un reembolso.", "Lamento la espera.", {}),
    ("offer", "El próximo café es gratis.", "Tenemos pan sin gluten.", {}),
    ("offer", "Le invitamos a un café.", "El café estaba frío.", {}),
    ("no apology", "Lamentamos que se sienta así.", "Lamento la espera.", {}),
    ("no apology", "Disculpe las molestias.", "Le pido disculpas por la espera.", {}),
    ("no apology", "Lo sentimos, disculpe si le hemos molestado.", "Siento mucho la espera.", {}),
    ("asks for review", "¿Podría cambiar su reseña?", "Leemos su reseña con atención.", {}),
    ("asks for review", "Le pedimos que retire esta opinión.", "Quizá prefiera quitar su teléfono de esta opinión.", {}),
    ("blames", "Debería haber avisado antes.", "Deberíamos haber avisado antes.", {}),
    ("blames", "Como se indica en la web, cerramos a las seis.", "Cerramos a las seis.", {}),
    ("blames", "Los demás clientes están contentos.", "Gracias por decirlo.", {}),
    ("argues", "Esta reseña es mentira.", "Hemos leído la reseña.", {}),
    ("liability", "Ha sido nuestra culpa.", "Nos lo tomamos muy en serio.", {"severity": CRISIS}),
    ("liability", "Eso no es cierto.", "Escríbanos, por favor.", {"severity": CRISIS}),
    ("confirms customer", "Sentimos que su tratamiento doliera.", "Gracias por escribir.", {"business": DENTIST}),
    ("formality", "Siento mucho la espera, escríbeme.", "Siento mucho la espera, escríbame.", {}),
    ("sarcasm", "¡Nos encanta que disfrutara!", "Tomo nota. Lamento la espera.", {"sarcasm": True}),
    ("deed", "He hablado con el equipo.", "Voy a mirar hoy mismo qué pasó.", {}),
    ("promise", "Voy a enviarle una tarta.", "Voy a mirar hoy mismo qué pasó.", {}),
    ("promise", "Le enviaremos una tarta.", "Estaremos encantados de leerle.", {}),
    ("explains first", "Debido a la falta de personal hubo espera. Lo siento.", "Siento la espera, debido a nosotros.", {}),
    ("no feeling", "Escriba a hola@espiga.example por la espera.", "Siento la espera.", {}),
    ("sells", "¡Gracias! Pruebe nuestra nueva carta.", "Gracias por sus palabras sobre el pan.", PRAISED),
    ("sells", "Lo hemos visto.", "Muchas gracias.", PRAISED),
    ("stock phrase", "Estimado cliente, valoramos su opinión.", "Siento la espera.", {}),
    ("said before", "Siento la espera.", "La espera, veo, sigue igual.", THREAD),
    ("sorry", "Lo siento. Perdón. Lamento todo.", "Siento la espera.", {}),
    ("sorry", "Gracias, y perdón.", "Gracias.", PRAISED),
    ("way", "Póngase en contacto con nosotros.", "Escríbame a hola@espiga.example.", {}),
    ("names nothing", "Sentimos su mala experiencia.", "Siento la espera de 40 minutos.", {}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "stopped", "let_through", "changes"), COUNTER_EXAMPLES)
def test_each_rule_stops_its_counter_example(rule: str, stopped: str, let_through: str, changes: dict[str, Any]):
    asked = case(**({"mention": "Esperé 40 minutos por un café frío."} | changes))

    assert rule in {finding.rule for finding in check(stopped, asked, Reader())}
    assert rule not in {finding.rule for finding in check(let_through, asked, Reader())}


def speaks(frame: Frame, sentence: str) -> bool:
    line = Line(sentence, case(sentence), PACK, "Lucía" if "Lucía" in sentence else "", "")
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
    [("el café con leche", "el café con leche"), ("esa tarta de queso", "la tarta de queso"), ("la empanada gallega", "la empanada gallega")],
)  # fmt: skip
def test_a_product_is_named_with_its_article(mention: str, thing: str):
    assert Line(mention, case(mention), PACK, "", "").named[0].says == thing


def test_no_wording_is_stopped_by_a_rule_of_its_own():
    blocked = [
        (wording, finding.rule)
        for wordings in (PACK.moves["crisis"], PACK.moves["regulated"], PACK.moves["praise_plain"])
        for wording in wordings
        for finding in check(wording.format(next=""), case("¡Qué rico el pan!", Intent.PRAISE, polarity=Polarity.POSITIVE), Reader())
        if finding.level is Level.BLOCK
    ]  # fmt: skip

    assert blocked == []


async def test_a_question_is_named_as_narrowly_as_it_asks():
    voice = Voice(sign_off="Mia", may_promise=("comprobarlo y responder aquí hoy",))

    answer = await proposal("¿Tienen cursos en agosto?", Intent.QUESTION, business=bakery(voice=voice))

    assert re.search("cursos? en agosto", answer.text)


async def test_whom_an_author_thanks_by_a_common_first_name_is_named():
    answer = await proposal("Gracias a Carmen por el pan, riquísimo.", Intent.PRAISE, rating=5)

    assert "Carmen" in answer.text
