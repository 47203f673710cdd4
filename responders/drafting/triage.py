"""What kind of answer a mention needs, and all that was read in it: done once for a case, before anything is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from connectors.base import RouteKind
from responders.drafting.base import Case
from responders.drafting.echo import Clause, clauses
from responders.drafting.frames import Point, liked, points, product_of, thing_of
from responders.drafting.knowledge import answers, everything_told
from responders.drafting.packs import Pack, compiled, pack_of, packs
from responders.drafting.slots import person_in, things_in, wishes_in
from responders.drafting.words import LONGEST, telling
from storage.assessment import Intent, Polarity, SeverityLevel


class Kind(StrEnum):
    """What kind of answer a mention needs."""

    #: It stands where nobody can answer.
    UNANSWERABLE = "unanswerable"
    #: An owner decides; at most a holding reply.
    CRISIS = "crisis"
    #: A trade that may not confirm who is a customer.
    REGULATED = "regulated"
    #: Praise of such a trade.
    REGULATED_PRAISE = "regulated praise"
    COMPLAINT = "complaint"
    #: Praise with a complaint in it.
    MIXED = "mixed"
    PRAISE = "praise"
    #: The author thanks for our earlier answer.
    THANKED = "thanked"
    QUESTION = "question"
    SUGGESTION = "suggestion"
    OPPORTUNITY = "opportunity"
    UNCLEAR = "unclear"


#: Kinds whose answer must own something.
OWNING = frozenset({Kind.COMPLAINT, Kind.MIXED})


#: From so many stars on, praise is praise whatever else it names.
#: From this confidence on, words alone say that something went wrong.
_SURELY = 0.6
_GOOD_STARS = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """A case as it was read. `grave` names the pack's lists that fired; `again`: we answered this very thing before."""

    case: Case
    pack: Pack
    kind: Kind
    points: tuple[Point, ...] = ()
    liked: tuple[Point, ...] = ()
    thing: str = ""
    #: The first of the business's own products that it names.
    product: str = ""
    person: str = ""
    wish: str = ""
    grave: tuple[str, ...] = ()
    loss: bool = False
    again: bool = False
    informal: bool = False
    sarcasm: bool = False
    #: The author has given more stars since we answered, and fewer.
    raised: bool = False
    lowered: bool = False
    #: The stems of the mention's telling words, and what the business file allows to repeat.
    telling: frozenset[str] = frozenset()
    told: tuple[str, ...] = ()
    #: Clauses of the author's that may be said back.
    clauses: tuple[Clause, ...] = ()

    @property
    def is_bitter(self) -> bool:
        """Whether it surely sounds as if something went wrong, beside what could be named."""
        case = self.case
        few_stars = case.rating is not None and case.rating < _GOOD_STARS
        turned = bool(self.pack.find("turned").search(case.mention[:LONGEST]))
        judged = case.assessment
        return few_stars or turned or (judged.polarity is Polarity.NEGATIVE and judged.confidence >= _SURELY)

    @property
    def is_kind(self) -> bool:
        """Whether it surely is meant as praise: by its stars, or by its words where it has none."""
        judged, rating = self.case.assessment, self.case.rating
        is_said = judged.polarity is Polarity.POSITIVE and judged.confidence >= _SURELY
        return is_said if rating is None else rating > _GOOD_STARS

    @property
    def is_regulated(self) -> bool:
        """Whether the trade may not confirm who is a customer."""
        return bool(self.case.business.business.regulated)


def language_of(case: Case) -> str:
    """The language to answer in; where the mention's cannot be told, the business's first."""
    code = case.assessment.language
    return case.business.business.languages[0] if code == "und" else code


def read(case: Case) -> Reading:
    """What `case` says and needs. Whatever is grave comes before what it asks for."""
    pack, text = pack_of(language_of(case)), case.mention[:LONGEST]
    praised = tuple(liked(case, pack))
    found, again = _found(case, pack, praised)
    wish, grave = wishes_in(text, pack), graveness(case, pack)
    reading = Reading(
        case,
        pack,
        Kind.UNCLEAR,
        found,
        praised,
        thing_of(case, pack),
        product_of(case, pack),
        person_in(case, pack),
        wish,
        grave,
        bool(pack.find("loss").search(text)),
        again,
        is_informal(case, pack),
        _is_sarcasm(case, found, bool(pack.find("irony").search(text))),
        *_changed(case),
        frozenset(telling(text, pack)),
        tuple(everything_told(case, pack)),
        () if again or case.thread else clauses(case, pack, person_in(case, pack)),
    )
    return replace(reading, kind=_kind(reading))


def graveness(case: Case, pack: Pack) -> tuple[str, ...]:
    """Why only an owner may answer: a critical severity, the owner's own words, the pack's grave ones; empty: staff may."""
    text = case.mention[:LONGEST]
    why = ["severity"] if case.assessment.severity.level >= SeverityLevel.CRITICAL else []
    own = [
        word for word in case.business.reply.escalate_on if re.search(rf"(?<!\w){re.escape(word)}", text, re.IGNORECASE)
    ]
    why += [f"“{word}”" for word in own]
    # Where the language is not certain, what is grave in any of them is.
    spoken = [pack] if case.assessment.language == pack.code else packs().values()
    why += [
        name.replace("_", " ")
        for each in spoken
        for name, expression in each.grave.items()
        if compiled(expression).search(text)
    ]
    if pack.find("hair").search(text) and pack.find("hair_grave").search(text):
        why.append("thing in food")  # a hair alone is a complaint
    return tuple(dict.fromkeys(why))


def is_informal(case: Case, pack: Pack) -> bool:
    """Whether to speak informally: as the tone guide says, else as the customer does."""
    formality = case.business.voice.formality
    return formality == "informal" or (
        formality == "mirror" and bool(pack.find("informal").search(case.mention[:LONGEST]))
    )


def _is_sarcasm(case: Case, found: Sequence[Point], ironic: bool) -> bool:
    """Kind words with trouble beside them; kind words alone are meant as they are said."""
    has_cue = bool(found) or ironic or case.assessment.polarity is not Polarity.POSITIVE
    return (case.assessment.sarcasm and has_cue) or (ironic and bool(found))


def _found(case: Case, pack: Pack, praised: tuple[Point, ...]) -> tuple[tuple[Point, ...], bool]:
    """What went wrong, without what was praised; in a thread what is new, else what it was about before."""
    found = [
        point
        for point in points(case, pack)
        if not any(point.at < other.end and other.at < point.end for other in praised)
    ]
    if not any(turn.ours for turn in case.thread):
        return tuple(found), False
    before = points(replace(case, mention="\n".join(turn.text for turn in case.thread if not turn.ours)), pack)
    ours = telling(" ".join(turn.text for turn in case.thread if turn.ours), pack)
    known = {point.family for point in before}
    # Of an edited post nobody has what it said before, but we know what we have answered.
    new = [point for point in found if point.family not in known and not _trouble(point, case, pack) & ours]
    return tuple(new or found or before), not new


def _trouble(point: Point, case: Case, pack: Pack) -> set[str]:
    """The stems that tell what is wrong, without the thing that it is wrong with."""
    things = telling(" ".join(each.says for each in things_in(point.says, case, pack)), pack)
    return telling(point.says, pack) - things or telling(point.says, pack)


def _changed(case: Case) -> tuple[bool, bool]:
    """Whether the stars have risen, and fallen, since we answered."""
    if case.stars_before is None or case.rating is None:
        return False, False
    return case.rating > case.stars_before, case.rating < case.stars_before


def _kind(reading: Reading) -> Kind:
    case = reading.case
    if case.route is RouteKind.NONE:
        return Kind.UNANSWERABLE
    if reading.grave:
        return Kind.CRISIS
    if (
        reading.raised
        and not reading.is_regulated
        and (case.rating or 0) >= _GOOD_STARS
        and not case.assessment.sarcasm
    ):
        return Kind.THANKED
    if (
        any(turn.ours for turn in case.thread)
        and reading.pack.find("thanked").search(case.mention)
        and not _complains(reading)
    ):
        return Kind.THANKED
    wants = _wants(reading)
    return _REGULATED.get(wants, Kind.REGULATED) if reading.is_regulated else wants


def _complains(reading: Reading) -> bool:
    judged = reading.case.assessment
    return judged.sarcasm or judged.polarity is Polarity.NEGATIVE or judged.intent is Intent.COMPLAINT


def _wants(reading: Reading) -> Kind:
    """What the author wants; the points that were found correct what the words alone seemed to say."""
    intent, rating = reading.case.assessment.intent, reading.case.rating
    if intent is Intent.SPAM and not _strong(reading):
        return Kind.UNCLEAR
    if _wishes(reading):
        return Kind.SUGGESTION
    # Good stars and nothing that went wrong are meant as they are said.
    is_bitter = reading.sarcasm and (rating is None or rating < _GOOD_STARS or bool(reading.points))
    if rating is not None and rating >= _GOOD_STARS and _is_mixed(reading):
        return Kind.MIXED
    if is_bitter or (rating is not None and rating <= 2):
        return Kind.COMPLAINT
    return Kind.MIXED if _is_mixed(reading) else _BY_INTENT[intent](reading)


def _says(reading: Reading, name: str) -> bool:
    return bool(reading.pack.find(name).search(reading.case.mention[:LONGEST]))


def _wishes(reading: Reading) -> bool:
    """It wishes for something that the pack's list holds, and nothing went wrong."""
    asks = reading.case.assessment.intent is Intent.SUGGESTION or _says(reading, "wishes_for")
    return bool(reading.wish and asks and not _strong(reading) and not _says(reading, "asks_help"))


def _is_mixed(reading: Reading) -> bool:
    """Both halves are named, and something turns from the one to the other."""
    is_calm = reading.case.assessment.polarity is not Polarity.NEGATIVE or (reading.case.rating or 0) >= 3
    went_wrong = bool(reading.points) or any(each.is_bad for each in reading.clauses)
    return bool(is_calm and reading.liked and went_wrong and _says(reading, "contrast"))


def _strong(reading: Reading) -> bool:
    return any(not point.weak for point in reading.points)


def _complaint(reading: Reading) -> Kind:
    """A complaint, unless nothing went wrong that could be named, and nobody sounds as if it had."""
    polarity = reading.case.assessment.polarity
    if reading.points or polarity is Polarity.NEGATIVE or _says(reading, "turned"):
        return Kind.COMPLAINT
    if _asks_for_help(reading):
        return Kind.QUESTION
    return Kind.PRAISE if polarity is Polarity.POSITIVE or reading.liked else Kind.COMPLAINT


def _praise(reading: Reading) -> Kind:
    if _asks_for_help(reading):
        return Kind.QUESTION
    # Good stars for "I grumbled about the queue, and now there is a second till": what was wrong is mended.
    has_good_stars = (reading.case.rating or 0) >= _GOOD_STARS
    if reading.points and not (reading.liked or reading.loss or has_good_stars):
        return Kind.COMPLAINT
    return Kind.COMPLAINT if reading.case.assessment.polarity is Polarity.NEGATIVE else Kind.PRAISE


def _asks_for_help(reading: Reading) -> bool:
    judged = reading.case.assessment
    asks = judged.intent in (Intent.QUESTION, Intent.PURCHASE) and "?" in reading.case.mention
    is_upset = _says(reading, "turned") or (judged.polarity is Polarity.NEGATIVE and not asks)
    is_told = not _strong(reading) or bool(answers(reading.case, reading.pack))  # else it is trouble first
    return _says(reading, "asks_help") and not is_upset and is_told and len(reading.points) < 2


def _question(reading: Reading) -> Kind:
    if _asks_for_help(reading):
        return Kind.QUESTION
    if "?" not in reading.case.mention and (reading.liked or reading.points):
        return _other(reading)
    is_upset = _says(reading, "turned") or reading.case.assessment.polarity is Polarity.NEGATIVE
    return Kind.COMPLAINT if is_upset or _strong(reading) else Kind.QUESTION


def _suggestion(reading: Reading) -> Kind:
    if not reading.wish and not _says(reading, "wishes_for"):
        other = _other(reading)
        return Kind.SUGGESTION if other is Kind.UNCLEAR else other
    if _asks_for_help(reading) and not reading.wish:
        return Kind.QUESTION
    return Kind.COMPLAINT if _strong(reading) and not reading.wish and not reading.liked else Kind.SUGGESTION


def _opportunity(reading: Reading) -> Kind:
    """An offer, unless it tells of trouble or of something liked, or asks about one of our products."""
    if reading.case.rating is not None or reading.liked or _strong(reading):  # no review is an offer
        return Kind.SUGGESTION if _says(reading, "wishes_for") and not _strong(reading) else _other(reading)
    return Kind.QUESTION if reading.product and _asks_for_help(reading) else Kind.OPPORTUNITY


def _other(reading: Reading) -> Kind:
    polarity = reading.case.assessment.polarity
    if polarity is Polarity.NEGATIVE or _says(reading, "turned"):
        return Kind.COMPLAINT
    if _asks_for_help(reading) or ("?" in reading.case.mention and not _strong(reading)):
        return Kind.QUESTION
    if _strong(reading) and not reading.liked:
        return Kind.COMPLAINT
    if polarity is Polarity.POSITIVE or reading.liked or (reading.person and not reading.points):
        return Kind.PRAISE
    return Kind.COMPLAINT if reading.points else Kind.UNCLEAR


#: What a regulated trade may still answer as others do, and its praise.
_REGULATED = {
    Kind.QUESTION: Kind.QUESTION,
    Kind.UNCLEAR: Kind.UNCLEAR,
    Kind.OPPORTUNITY: Kind.OPPORTUNITY,
    Kind.PRAISE: Kind.REGULATED_PRAISE,
}

_BY_INTENT = {
    Intent.COMPLAINT: _complaint,
    Intent.PRAISE: _praise,
    Intent.QUESTION: _question,
    Intent.PURCHASE: _question,
    Intent.SUGGESTION: _suggestion,
    Intent.OPPORTUNITY: _opportunity,
    Intent.SPAM: _other,
    Intent.OTHER: _other,
}
