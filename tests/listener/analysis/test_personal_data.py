"""Where a text holds personal data, and where it only looks so."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.analysis.reader import TextReader
from responders.drafting.base import Reader

READER: Reader = TextReader(("en",))


def found(text: str) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in READER.personal_data(text)]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("write to ana.b+c@mail.example.org.", [("email", "ana.b+c@mail.example.org")]),
        ("call +49 (0)30 5550123 now", [("phone", "+49 (0)30 5550123")]),
        ("call 0171/5550123 or (415) 555-0100", [("phone", "0171/5550123"), ("phone", "(415) 555-0100")]),
        ("paid with 4111 1111 1111 1111", [("card", "4111 1111 1111 1111")]),
        ("paid with 4111 1111 1111 1112", []),
        ("to DE89 3704 0044 0532 0130 00 please", [("iban", "DE89 3704 0044 0532 0130 00")]),
        ("to DE88370400440532013000", []),
        ("My order number is AB-1234", [("order", "AB-1234")]),
        ("Bestellung Nr. 20417 fehlt", [("order", "20417")]),
        ("order #4412 is late", [("order", "#4412")]),
        ("I live at 12 Old Mill Road", [("address", "12 Old Mill Road")]),
        ("Hauptstraße 12a, bitte", [("address", "Hauptstraße 12a")]),
        ("12 rue de la Gare", [("address", "12 rue de la Gare")]),
        ("https://ana:secret@shop.example/x", [("login", "ana:secret")]),
        ("logged as 203.0.113.7", [("ip", "203.0.113.7")]),
    ],
)
def test_personal_data_is_found_by_its_shape(text: str, spans: list[tuple[str, str]]) -> None:
    assert found(text) == spans


@pytest.mark.parametrize(
    "text",
    [
        "open 09:00-18:00 on 2026-06-02",
        "2 coffees, 3 bagels and 1 latte for $18",
        "my membership 555-1234 expired",
        "version 2.0.1.4 crashes",
        "9400110200881234567890 shows nothing",
        "in order to bake 12 loaves",
        "@ana thanks",
        "no digits here",
    ],
)
def test_what_only_looks_personal_is_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("time_zone", "text", "number"),
    [
        ("Europe/Madrid", "llámame al 612 345 678 por favor", "612 345 678"),
        ("Europe/Madrid", "mi teléfono: 612345678", "612345678"),
        ("Europe/Copenhagen", "ring 22 33 44 55 please", "22 33 44 55"),
        ("Asia/Kolkata", "my number 98765 43210, bhaiya", "98765 43210"),
        ("Europe/Rome", "scrivi al 347 123 4567", "347 123 4567"),
    ],
)
def test_a_number_is_known_as_people_write_it_where_the_owner_lives(time_zone: str, text: str, number: str) -> None:
    reader = TextReader(("en",), (time_zone, "UTC"))

    spans = [text[span.start : span.end] for span in reader.personal_data(text)]

    assert spans == [number]


@pytest.mark.parametrize(
    "text",
    [
        "it was 22334455 steps",
        "on 2026-06-02 at 10:30",
        "paid 22.33 and 44.55",
        "item 612345678",
        "21 22 23 24 25 26 27",
    ],
)
def test_digits_that_nobody_dials_are_left_alone_there_too(text: str) -> None:
    assert TextReader(("en",), ("Europe/Copenhagen", "Europe/Madrid")).personal_data(text) == []


@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(
            st.sampled_from(
                [
                    "4111 1111 1111 1111",
                    "DE89",
                    "37040044",
                    "a@b.co",
                    "+49",
                    "030 ",
                    "order ",
                    "#1234",
                    "://",
                    ":",
                    "@",
                    "12 Old ",
                    "Road",
                    "1.2.3.4",
                    "\ud800",
                    " ",
                ]
            ),
            max_size=20,
        ).map("".join),
    )
)
@settings(max_examples=300, deadline=None)
def test_spans_lie_inside_the_text_in_order_and_apart(text: str) -> None:
    spans = READER.personal_data(text)

    edges = [edge for span in spans for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)


def test_the_shared_spans_are_found_as_measured(shared: Path) -> None:
    """Measured on 120 of each: all. Names are not looked for, and order numbers are not labelled there."""
    with gzip.open(shared / "data/pii_synthetic/dev.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]

    wanted, right, wrong = Counter[str](), Counter[str](), Counter[str]()
    for row in rows:
        labelled = {(start, end, kind.lower()) for start, end, kind in row["spans"] if kind != "PERSON"}
        spans = {(span.start, span.end, span.kind) for span in READER.personal_data(row["text"])}
        wanted.update(kind for *_, kind in labelled)
        right.update(kind for *_, kind in labelled & spans)
        wrong.update(kind for *_, kind in spans - labelled if kind != "order")

    floors = {"email": 1.0, "card": 1.0, "iban": 1.0, "ip": 1.0, "ssn": 1.0, "phone": 0.95}
    assert {kind for kind, floor in floors.items() if right[kind] < floor * wanted[kind]} == set()
    assert wrong.total() == 0
