"""Where a text holds personal data that has a shape: addresses, numbers, accounts. Names have none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.resources import files

from listener.analysis.folding import LONGEST
from responders.drafting.base import Span

#: How long an IBAN is, by country (the registry of ISO 13616).
_IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "NL"), 18),
    **dict.fromkeys(("AT", "LT", "LU", "EE"), 20),
    **dict.fromkeys(("CH", "LI", "LV", "HR"), 21),
    **dict.fromkeys(("BG", "DE", "GB", "GE", "IE", "ME", "RS"), 22),
    **dict.fromkeys(("AE", "GI", "IL"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "RO", "SA", "SE", "SK"), 24),
    **dict.fromkeys(("PT",), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("FR", "GR", "IT", "MC", "SM"), 27),
    **dict.fromkeys(("AL", "CY", "HU", "PL"), 28),
    **dict.fromkeys(("MT",), 31),
}

_DIGIT = re.compile("[0-9]")

# Every address holds one, and no handle does.
_ADDRESSED = re.compile(r"@(?<=[\w.+%-]@)")


def _luhn(text: str) -> bool:
    digits = [int(digit) for digit in re.sub("[^0-9]", "", text)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> int:
    """How many characters of `text` are an IBAN, 0 where none begins here."""
    length = _IBAN_LENGTHS.get(text[:2].upper(), 0)
    places = [index for index, character in enumerate(text) if character != " "]
    if not length or len(places) < length:
        return 0
    end = places[length - 1] + 1
    plain = text[:end].replace(" ", "")
    right = int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1
    return end if right and not text[end : end + 1].isalnum() else 0


def _whole(text: str) -> int:
    return len(text)


def _phone(text: str) -> int:
    digits = sum(character.isdigit() for character in text)
    return len(text) if 8 <= digits <= 15 else 0


def _card(text: str) -> int:
    return len(text) if _luhn(text) else 0


_STREET = "Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Way|Square|Sq|Terrace|Close|Crescent"

#: By kind, how many digits it has at least, what it looks like (the first group, where there is one) and how much of
#: that is really it. The order decides where two overlap. Every repetition is bounded: the cost grows with the length
#: only.
_KINDS: tuple[tuple[str, int, re.Pattern[str], Callable[[str], int]], ...] = (
    ("login", 0, re.compile(r"\b[a-z][a-z0-9+.-]{1,10}://([^\s/@:]{1,100}:[^\s/@]{1,100})@", re.IGNORECASE), _whole),
    ("email", 0, re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,5}[^\W\d_]{2,24}\b"), _whole),
    ("iban", 2, re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,34}", re.IGNORECASE), _iban),
    ("card", 13, re.compile(r"(?<![\w+.-])[2-6](?:[ -]?[0-9]){12,18}(?![\w-])"), _card),
    ("ssn", 9, re.compile(r"(?<![\w-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w-])"), _whole),
    (
        "ip",
        4,
        re.compile(
            r"(?<![\w.])(?<!version )(?<!Version )(?<!v\. )(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})\.){3}"
            r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})(?![\w-]|\.[0-9])"
        ),
        _whole,
    ),
    (
        "order",
        1,
        re.compile(
            r"\b(?=[bcfioprt])(?:order|invoice|booking|reservation|ticket|reference|bestellung|bestellnummer|rechnung|pedido|factura|"
            r"commande|facture|ordine|fattura)(?: ?(?:number|no|nr|id|code|ref|n°)\b\.?)?(?: is| was| ist)? ?:? ?(#?(?=[A-Z-]{0,10}[0-9])[A-Z0-9-]{4,24})\b",
            re.IGNORECASE,
        ),
        _whole,
    ),
    ("order", 4, re.compile(r"(?<![\w&])#[0-9]{4,20}\b"), _whole),
    (
        "phone",
        8,
        re.compile(
            r"(?<![\w+.-])(?:"
            r"(?:\+|00)[1-9](?:[ ./-]?\(?[0-9]\)?){7,13}"  # international
            r"|(?:1[ .-])?\([2-9][0-9]{2}\) ?[0-9]{3}[ .-][0-9]{4}"  # North America
            r"|(?:1[ .-])?[2-9][0-9]{2}([ .-])[0-9]{3}\1[0-9]{4}"
            r"|\(?0[1-9][0-9]{0,4}\)?(?:[ ./-]?[0-9]){5,10}"  # national, with its leading zero
            r")(?![\w-]|\.[0-9])"
        ),
        _phone,
    ),
    (
        "address",
        1,
        re.compile(rf"(?<![\w.])[0-9]{{1,5}}[a-z]? (?:[A-Z][\w'.-]{{1,30}} ){{1,3}}(?:{_STREET})\b"),
        _whole,
    ),
    (
        "address",
        1,
        re.compile(
            r"\b[A-ZÄÖÜ][\w.-]{1,40}?(?:straße|strasse|str\.|weg|platz|allee|gasse|ufer|damm) [0-9]{1,4}[a-z]?\b"
            r"|\b[0-9]{1,4},? (?:rue|avenue|boulevard|impasse) (?:[\w'-]{1,30} ?){1,4}"
            r"|\b(?:[Cc]alle|[Aa]venida|[Pp]laza|[Vv]ia|[Vv]iale|[Pp]iazza) (?:[\w'-]{1,30} ){1,4}?[0-9]{1,4}\b"
        ),
        _whole,
    ),
)


# Digits that a telephone number of some country may be written in, the words before one, and dates, which are none.
_DIALLED = re.compile(r"(?<![\w+.,/-])[+(]?[0-9](?:[ ./()-]{0,2}[0-9]){6,14}(?![\w-]|[.,][0-9])")
_TELEPHONE = re.compile(
    r"(?:tel|fono|phone|fon|call|ring|text|sms|whatsapp|mobile|handy|llam|appel|chiam)\w*\W", re.IGNORECASE
)
_DATE = re.compile(r"(?:19|20)[0-9]{2}([-./ ])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-./ ])[0-9]{1,2}\2(?:19|20)[0-9]{2}")
_SOON = 30


def personal_data(text: str, regions: Sequence[str] = ()) -> list[Span]:
    """The stretches of `text` that hold personal data, in order and without overlap.

    `regions` are the countries (ISO 3166, the likeliest first) whose telephone
    numbers are known as people there write them, without the country's code.
    """
    text = text[:LONGEST]
    digits = len(_DIGIT.findall(text))
    has_address = "@" in text and bool(_ADDRESSED.search(text) or "://" in text)
    if not digits and not has_address:
        return []
    found: list[tuple[int, int, Span]] = []
    for order, (kind, fewest, shape, measure) in enumerate(_KINDS):
        if digits < fewest or not (fewest or has_address):
            continue
        group = 1 if kind in ("login", "order") and shape.groups else 0
        for match in shape.finditer(text):
            if length := measure(match[group]):
                start = match.start(group)
                found.append((start, order, Span(start, start + length, kind)))
    if regions:
        found += [(span.start, len(_KINDS), span) for span in _dialled(text, regions, [span for *_, span in found])]
    return _without_overlap(sorted(found, key=lambda each: each[:2]))


def _dialled(text: str, regions: Sequence[str], known: Sequence[Span]) -> Iterator[Span]:
    """Telephone numbers of `regions` beside what is known already."""
    for dialled in _DIALLED.finditer(text):
        start, end = dialled.span()
        if all(end <= span.start or span.end <= start for span in known) and _is_telephone(text, dialled, regions):
            yield Span(start, end, "phone")


def _is_telephone(text: str, dialled: re.Match[str], regions: Sequence[str]) -> bool:
    """Whether it is a number of one of `regions`, grouped as it is there; digits without groups need a word for it."""
    if _DATE.fullmatch(dialled[0]):
        return False
    if dialled[0].isdigit() and not _TELEPHONE.search(text, max(dialled.start() - _SOON, 0), dialled.start()):
        return False
    from phonenumbers import Leniency, PhoneNumberMatcher  # it takes a sixth of a second to import

    grouped = Leniency.STRICT_GROUPING
    return any(PhoneNumberMatcher(dialled[0], region, leniency=grouped).has_next() for region in regions)


@cache
def region_of(time_zone: str) -> str:
    """The country (ISO 3166) in which a time zone lies; "" where it is no country's, as UTC."""
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return next((row[0] for row in rows if row[2] == time_zone), "")


def _without_overlap(found: list[tuple[int, int, Span]]) -> list[Span]:
    """Of those that overlap, the one whose kind comes first."""
    kept: list[tuple[int, Span]] = []
    for _, order, span in found:
        if not kept or kept[-1][1].end <= span.start:
            kept.append((order, span))
        elif order < kept[-1][0]:
            kept[-1] = order, span
    return [span for _, span in kept]
