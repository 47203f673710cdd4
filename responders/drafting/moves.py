"""From a reading to what could be said: a plan for each kind of answer, its wordings in tiers, the fullest first."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product, zip_longest

from responders.drafting import house, knowledge
from responders.drafting.base import Case
from responders.drafting.commitments import commitments
from responders.drafting.echo import Clause, question
from responders.drafting.frames import MOST, Point
from responders.drafting.naming import delight, lost_one, trouble
from responders.drafting.packs import Family
from responders.drafting.slots import things_in
from responders.drafting.triage import Kind, Reading
from responders.drafting.words import LONGEST, capitalised, is_repeatable, listed, sentences, telling


@dataclass(frozen=True, slots=True)
class Plan:
    """What could be said, and what is missing where none of it will do.

    `tiers` are wordings, the fullest first; those of one tier say the same.
    `before` and `after` are the skeleton's halves around the person's line.
    """

    tiers: Iterable[Iterable[str]]
    lacks: str
    reasons: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    for_owner: bool = False


UNCLEAR = Plan((), "It is not clear what the author wants. Answer it if it needs an answer.")
_UNANSWERABLE = Plan((), "It cannot be answered where it stands.")
_NOTHING_NAMED = "Needs your line: nothing was found that the reply could name. Say what went wrong, in your own words."


def plan(reading: Reading) -> Plan:
    """What could be said to this."""
    return _PLANS[reading.kind](reading)


@dataclass(frozen=True, slots=True)
class Voice:
    """The wordings of one case: chosen for its register and warmth, each list beginning elsewhere for another mention."""

    reading: Reading
    seed: int = field(default=0)

    def say(self, move: str) -> list[str]:
        """The wordings of `move`, rotated; calm ones only where the tone guide or a death asks for it."""
        reading = self.reading
        phrases: Sequence[str] = getattr(reading.case.business.phrases, move, ())
        own = [phrase for phrase in phrases if is_repeatable(phrase, reading.case, reading.pack)]
        wordings = [*own, *reading.pack.said(move, informal=reading.informal)]
        calm = reading.loss or reading.case.business.voice.warmth == "plain" or reading.case.style.cheer < 0
        return self.turn([wording for wording in wordings if not (calm and "!" in wording)] or wordings[:1])

    def turn(self, wordings: Sequence[str]) -> list[str]:
        """`wordings` from another beginning, the same for the same mention."""
        at = self.seed % len(wordings) if wordings else 0
        return [*wordings[at:], *wordings[:at]]


def voice_of(reading: Reading) -> Voice:
    """The voice for a case; it depends on nothing but what the mention says."""
    return Voice(reading, zlib.crc32(reading.case.mention.encode("utf-8", "surrogatepass")))


# --- What comes next ---------------------------------------------------------------------------------


def _after(said: Sequence[str]) -> list[str]:
    return [f" {each}" if each else "" for each in said]


def _following(reading: Reading, family: Family | None) -> list[list[str]]:
    """What may come next, each with a space before it: explained, promised and with a way to us; then less."""
    voice, case, pack = voice_of(reading), _unpromised(reading), reading.pack
    explains, promise = knowledge.explanation(case, pack), knowledge.promise_for(case, pack, family)
    pledges = [wording.format(promise=promise) for wording in voice.say("promise")] if promise else []
    ways = _ways(replace(reading, case=case), family, promise) if not promise or (family and family.private) else []
    fullest = ways or pledges or [""]
    tiers = [[" ".join(part for part in (explains, said) if part) for said in fullest], fullest, pledges, [""]]
    unlike = [tier for at, tier in enumerate(tiers) if tier and tier not in tiers[:at]]
    return [_after(tier) for tier in unlike]


def _unpromised(reading: Reading) -> Case:
    """The case without the promises that we have made to this author already, where it is about the same thing."""
    case, pack = reading.case, reading.pack
    if not reading.again:
        return case
    made = {each.what for turn in case.thread if turn.ours for each in commitments(turn.text, case, pack)}
    left = tuple(promise for promise in case.business.voice.may_promise if promise not in made)
    voice = case.business.voice.model_copy(update={"may_promise": left})
    return replace(case, business=case.business.model_copy(update={"voice": voice}))


def _ways(reading: Reading, family: Family | None, promise: str) -> list[str]:
    """Sentences with the way to us and, where there is one, the promise; empty where the platform lets us name none."""
    voice, case = voice_of(reading), reading.case
    pledge = f"{voice.say('promise')[0].format(promise=promise)} " if promise else ""
    send, contact = (family.send if family else ""), knowledge.contact_of(case)
    if not contact:
        return [pledge + way for way in _ways_of_the_platform(voice, send)]
    call = knowledge.promise_to_call(case, reading.pack)
    if not promise and call:
        said = {"contact": contact, "send": voice.say("send_time")[0], "promise": call}
        return [way.format(**said) for way in voice.say("way_promise")]
    filled = {"contact": contact, "send": send, "promise": promise}
    if send and promise:
        return [way.format(**filled) for way in voice.say("way_promise")] + [
            pledge + way.format(**filled) for way in voice.say("way_send")
        ]
    return [pledge + way.format(**filled) for way in voice.say("way_send" if send else "way")]


def _ways_of_the_platform(voice: Voice, send: str) -> list[str]:
    platform = voice.reading.case.platform
    if platform in house.ON_PROFILE:
        return voice.say("way_page")
    if platform in house.APP_SHOPS:
        return voice.say("way_app")
    if platform in house.PRIVATE_MESSAGES and send:
        return [way.format(send=send) for way in voice.say("way_direct")]
    return []


# --- Complaints --------------------------------------------------------------------------------------


def _complaint(reading: Reading) -> Plan:
    """Names the point, meets the feeling, owns it, apologises once, says what comes next."""
    voice = voice_of(reading)
    named = trouble(reading)
    family = _family(named, reading)
    feels, following = _feelings(reading, family), _following(reading, family)
    before, after = voice.say("skeleton_before")[0], voice.say("skeleton_after")[0]
    halves = {"feel": feels[0], "Feel": capitalised(feels[0]), "next": following[0][0]}
    skeleton = Plan((), _NOTHING_NAMED, _why(reading, named), before, after.format(**halves))
    if not named:
        return skeleton
    hail = next(
        (each.format(name=name) for each in voice.say("hail") if (name := knowledge.first_name(reading.case))), ""
    )
    shapes = [_shape(reading), "complaint_short", "complaint_brief"]
    if reading.case.style.length < 1 and shapes[0] == "complaint":
        shapes.reverse()
    if reading.again:
        shapes = ["complaint_again"]
    liked = reading.liked[0].says if reading.liked else ""
    tiers = (
        _filled(wordings, said, feels, after, hail, liked)
        for shape in shapes
        for said, wordings in _named_by(shape, named, reading)
        for after in following
    )
    owner = any(isinstance(point, Point) and point.owner for point in named)
    reasons = skeleton.reasons + (("your diet or allergy rules: for the owner",) if owner else ())
    return replace(skeleton, tiers=tiers, lacks="", reasons=reasons, for_owner=owner)


def _shape(reading: Reading) -> str:
    if reading.loss:
        return "complaint_loss"
    if reading.kind is Kind.MIXED:
        return "mixed"
    return "complaint_sarcasm" if reading.sarcasm else "complaint"


def _family(named: Sequence[Point | Clause], reading: Reading) -> Family | None:
    """The kind of trouble; a spoiled occasion is one only where there is no other."""
    families = [point.family for point in named if point.family]
    chosen = next((family for family in families if family != "occasion"), families[0] if families else "")
    return reading.pack.families.get(chosen)


def _feelings(reading: Reading, family: Family | None) -> list[str]:
    """How it must have felt, for this kind of trouble first; the emotion only where it was told apart."""
    voice, pack = voice_of(reading), reading.pack
    emotion = pack.feelings.get(reading.case.assessment.emotion.value, ())
    return [*voice.turn(family.feels if family else voice.say("feel")), *voice.turn(emotion or pack.feelings["other"])]


def _named_by(shape: str, named: Sequence[Point | Clause], reading: Reading) -> Iterator[tuple[str, list[str]]]:
    """All that is named in one phrase with the wordings that take it, then less and less of it."""
    voice, echo, most = voice_of(reading), reading.pack.echo, 2 if reading.case.platform in house.BRIEF else MOST
    for count in range(min(len(named), most), 0, -1):
        points = listed([each.says for each in named[:count] if isinstance(each, Point)], reading.pack)
        clauses = [each.says for each in named[:count] if isinstance(each, Clause)]
        if echo and clauses:
            that = echo.that.format(said=listed(clauses, reading.pack))
            about = echo.joined.format(points=points, that=that) if points else that
            yield about, voice.turn(echo.said(shape))
        elif shape == "complaint_loss" and (who := lost_one(reading)):
            yield points, [each.replace("{who}", who) for each in reading.pack.losses["complaint"]]
        else:
            yield points, voice.say(shape)


def _filled(
    wordings: Iterable[str], said: str, feels: Sequence[str], after: Sequence[str], hail: str, liked: str
) -> Iterator[str]:
    """Every wording with every feeling and every next step, each wording once before any comes again."""
    wordings = list(wordings)
    for following, turn in product(after, range(len(feels))):
        for at, wording in enumerate(wordings):
            feel = feels[(at + turn) % len(feels)]
            yield wording.format(
                about=said,
                points=said,
                Points=capitalised(said),
                feel=feel,
                Feel=capitalised(feel),
                next=following,
                hail=hail,
                liked=liked,
            )


def _why(reading: Reading, named: Iterable[Point | Clause]) -> tuple[str, ...]:
    reasons = tuple(f"names: {point.says}" for point in named)
    if reading.sarcasm:
        reasons += ("may be meant the other way round: read it first",)
    if reading.again:
        reasons += ("you have answered this before",)
    if reading.raised or reading.lowered:
        reasons += (_stars(reading),)
    return reasons


# --- Grave and regulated ------------------------------------------------------------------------------


def _crisis(reading: Reading) -> Plan:
    """A holding reply that neither admits nor denies."""
    voice, contact = voice_of(reading), knowledge.contact_of(reading.case)
    platform = reading.case.platform
    ways = [way.format(contact=contact) for way in voice.say("crisis_way")] if contact else []
    if not ways and platform in house.ON_PROFILE:
        ways = voice.say("crisis_page")
    elif not ways and platform in house.APP_SHOPS:
        ways = voice.say("crisis_app")
    elif not ways and platform in house.PRIVATE_MESSAGES:
        ways = voice.say("crisis_direct")
    replies = _holding(reading)
    tiers = _with_and_without(replies, ways)
    why = ", ".join(reading.grave)
    return Plan(
        tiers, "This needs the owner's own words.", (f"crisis ({why}): a holding reply, for the owner",), for_owner=True
    )


def _holding(reading: Reading) -> list[str]:
    """First lines: of a loss, of what befell them, else that it is taken seriously."""
    voice, pack = voice_of(reading), reading.pack
    if reading.loss or reading.is_regulated or reading.informal:
        return voice.say("crisis_loss" if reading.loss else "crisis")
    names = [name.replace(" ", "_") for name in reading.grave]
    if pack.find("own_body").search(reading.case.mention) and "child" not in names:
        names = [f"{name}_of_author" for name in names] + names
    befell = next((pack.crises[name] for name in names if name in pack.crises), ())
    return voice.turn(befell) or voice.say("crisis")


def _with_and_without(replies: Sequence[str], ways: Sequence[str]) -> list[list[str]]:
    """Each of `replies` with the way to us where there is one, then without."""
    tiers = [[reply.format(next=said) for said, reply in product(_after(each), replies)] for each in (ways, [""])]
    return [tier for tier in tiers if tier]


_TO_OWNER = ("your trade may not confirm who is a customer: for the owner",)


def _regulated(reading: Reading) -> Plan:
    """Neither confirms nor denies that the author is a customer."""
    wordings = voice_of(reading).say("regulated")
    return Plan(_with_and_without(wordings, _ways(reading, None, "")), "", _TO_OWNER, for_owner=True)


def _regulated_praise(reading: Reading) -> Plan:
    return Plan([voice_of(reading).say("regulated_praise")], "", _TO_OWNER, for_owner=True)


# --- Praise --------------------------------------------------------------------------------------------


#: Two liked things are named together while each takes no more characters than this.
_SHORT = 40


def _praise(reading: Reading) -> Plan:
    """Thanks, and one thing by its name; nothing is sold and nothing is owned."""
    voice = voice_of(reading)
    if reading.loss:
        return Plan([voice.say("praise_loss")], "", ("somebody died: a quiet thank-you",))
    person, thing = reading.person, _liked_thing(reading)
    name = knowledge.first_name(reading.case)
    if person and person not in thing:
        both = [each.format(person=person, thing=thing) for each in voice.say("praise_both") if thing]
        named = [each.format(person=said) for said in (*both, person) for each in voice.say("praise_person")]
    elif thing:
        hailed = [each.format(name=name, thing=thing) for each in voice.say("praise_hail") if name]
        named = voice.turn(
            [*hailed, *(each.format(thing=thing, Thing=capitalised(thing)) for each in voice.say("praise"))]
        )
    else:
        named = []
    named = [each for pair in zip_longest(_good_to_hear(reading, person, thing), named) for each in pair if each]
    closings = reading.pack.said("praise_closing")
    plain = (first + after for after, first in product(closings, voice.say("praise_plain")))
    tiers = [[first + after for after, first in product(closings, named)], plain] if named else [plain]
    reasons = (f"names: {person or thing or delight(reading)}",) if named else ("a plain thank-you: nothing to name",)
    return Plan(tiers, "", reasons, reading.pack.thanks)


def _good_to_hear(reading: Reading, person: str, thing: str) -> list[str]:
    """Thanks for what the author tells, in their own clause, and for whom or what they name beside it."""
    echo, told = reading.pack.echo, delight(reading)
    if not echo or not told or not reading.is_kind:
        return []
    named = telling(told, reading.pack)
    beside = [name for name in (person, thing) if name and not telling(name, reading.pack) & named]
    wordings = voice_of(reading).turn(echo.said("praise_beside" if beside else "praise"))
    about = echo.that.format(said=told)
    return [each.format(about=about, beside=listed(beside, reading.pack)) for each in wordings]


def _liked_thing(reading: Reading) -> str:
    """The product that is named and what was liked, two things at most: any other thing may be anywhere in the story."""
    liked = [point.says for point in reading.liked]
    ours = f"{reading.pack.speech.article}{reading.product}" if reading.product else ""
    if ours and reading.case.rating is not None and not any(reading.product in says for says in liked):
        liked.insert(0, ours)
    return listed([says for says in liked if len(says) <= _SHORT][:2], reading.pack) or next(iter(liked), "")


def _thanked(reading: Reading) -> Plan:
    if reading.raised:
        return Plan([voice_of(reading).say("raised")], "", (_stars(reading),))
    return Plan([voice_of(reading).say("thanked")], "", ("an answer to their thanks",))


def _stars(reading: Reading) -> str:
    case = reading.case
    return f"after your answer the stars went from {case.stars_before or 0:g} to {case.rating or 0:g}"


# --- Questions and wishes ---------------------------------------------------------------------------------


def _question(reading: Reading) -> Plan:
    """The fact, the opening hours, an honest "I'll check", or nothing."""
    case, pack, voice = reading.case, reading.pack, voice_of(reading)
    owner = reading.is_regulated
    reasons = _TO_OWNER if owner else ()
    fact = next(iter(knowledge.answers(case, pack)), None)
    says, about = (fact.say, fact.about) if fact else (knowledge.opening_hours(case, pack), "opening hours")
    if says:
        intros = [""] if _answered(reading) else voice.say("answer_intro")
        wordings = [intro + says + after for after, intro in product(pack.said("answer_closing"), intros)]
        return Plan([wordings], "", (*reasons, f"fact: {about}"), for_owner=owner)
    promise = knowledge.promise_to(case, pack, "finds_out")
    thing = "" if owner else _asked_about(reading)
    named = (
        [each.format(promise=promise, thing=thing) for each in voice.say("unknown_thing")] if thing and promise else []
    )
    echo, asked = pack.echo, "" if owner else question(case, pack)
    if echo and asked and promise:
        named = [each.format(promise=promise, said=asked) for each in voice.turn(echo.said("unknown"))] + named
    unnamed = [each.format(promise=promise) for each in voice.say("unknown")] if promise else []
    lacks = "Needs a fact that the business file does not hold. Answer it here, and add it under [[facts]] for the next time."
    reasons = (*reasons, "no fact about it in the business file")
    return Plan(
        [tier for tier in (named, unnamed) if tier], lacks, reasons, voice.say("answer_intro")[0], for_owner=owner
    )


def _asked_about(reading: Reading) -> str:
    """What a question is about: a product of ours, else the thing that its sentence names, as narrowly as it asks."""
    case, pack = reading.case, reading.pack
    asking = next((each for each in sentences(case.mention[:LONGEST], pack) if "?" in each), "")
    about = reading.product or next((each.says for each in things_in(asking, case, pack)), "")
    narrows = pack.find("narrows").search(asking)
    narrower = f" {narrows[0].lower()}" if narrows else ""
    for proper in (*pack.speech.months, *pack.speech.days):
        narrower = narrower.replace(proper.lower(), proper)
    return f"{pack.speech.article}{about}{narrower}" if about else ""


def _answered(reading: Reading) -> bool:
    return any(turn.ours for turn in reading.case.thread)


def _suggestion(reading: Reading) -> Plan:
    """Thanks, and an echo of what is wished for."""
    voice, pack = voice_of(reading), reading.pack
    thing = reading.wish or _wished(reading)
    promise = knowledge.promise_to(reading.case, pack, "passes_on")
    after = [f" {each.format(promise=promise)}" for each in voice.say("promise")] if promise else [""]
    liked = reading.liked[0].says if reading.liked else _liked_beside(reading)
    said = {"thing": thing, "liked": liked}
    tiers = [
        [each.format(next=next_, **said) for next_ in after for each in voice.say(move)]
        for move, is_fit in (("suggestion_liked", thing and liked), ("suggestion", thing))
        if is_fit
    ]
    lacks = "Needs your line: the wish could not be named. Say in your own words what you make of it."
    return Plan(tiers, lacks, (f"names: {thing}",) if thing else (), pack.thanks)


def _wished(reading: Reading) -> str:
    """The things that are named where something is wished for, two at most, else the one that is named at all."""
    case, pack = reading.case, reading.pack
    wishing = (each for each in sentences(case.mention[:LONGEST], pack) if pack.find("wishes_for").search(each))
    found = [each.says for said in wishing for each in things_in(said, case, pack)] or [reading.thing]
    things = [thing for thing in found if not any(thing in point.says for point in reading.liked)][:2]
    return listed([f"{pack.speech.article}{thing}" for thing in dict.fromkeys(things) if thing], pack)


def _liked_beside(reading: Reading) -> str:
    """A thing that is praised beside the wish: one of the mention's things where its words praise."""
    is_kind = reading.pack.find("praises").search(reading.case.mention[:300])
    known = reading.thing and reading.thing not in reading.wish
    return f"{reading.pack.speech.article}{reading.thing}" if is_kind and known else ""


def _opportunity(reading: Reading) -> Plan:
    ways = (
        _ways(reading, None, "")
        if knowledge.contact_of(reading.case) or reading.case.platform in house.ON_PROFILE
        else []
    )
    wordings = [each.format(way=way) for each, way in product(voice_of(reading).say("opportunity"), ways)]
    lacks = "They offer something, and the place has no contact to send them to."
    owner = reading.is_regulated
    return Plan([wordings] if wordings else [], lacks, before=reading.pack.thanks, for_owner=owner)


_PLANS: Mapping[Kind, Callable[[Reading], Plan]] = {
    Kind.UNANSWERABLE: lambda reading: _UNANSWERABLE,
    Kind.CRISIS: _crisis,
    Kind.REGULATED: _regulated,
    Kind.REGULATED_PRAISE: _regulated_praise,
    Kind.COMPLAINT: _complaint,
    Kind.MIXED: _complaint,
    Kind.PRAISE: _praise,
    Kind.THANKED: _thanked,
    Kind.QUESTION: _question,
    Kind.SUGGESTION: _suggestion,
    Kind.OPPORTUNITY: _opportunity,
    Kind.UNCLEAR: lambda reading: replace(UNCLEAR, for_owner=reading.is_regulated),
}
