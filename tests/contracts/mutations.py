"""Payloads as no platform should send them: recorded shapes with pieces changed, and anything at all."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

#: Values on which readers have been seen to stumble.
HOSTILE = (
    "",
    "\0",
    "a\0b",
    "\ud83d",
    "\u202edeliver\u202c \u2066x\u2069",
    "\x1b[2J\x07",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "<" * 200,
    "&#0;&#xd800;&amp;#0;",
    "ß" * 5_000,
    "🥐" * 400,
    "https://[",
    "//\x00@:99999/",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "2026-02-30T00:00:00Z",
    "2026-06-02T09:00:00",
    "NaN",
    "１２３",
    "-1",
    "9" * 400,
    0,
    -1,
    6,
    10**30,
    -(10**30),
    253_402_300_800,
    1e308,
    float("nan"),
    float("inf"),
    True,
    None,
    [],
    {},
    [[]],
    [None],
    {"": None},
)

#: What sits badly in the middle of a document.
TORN = (b"\\u0000", b"\\ud83d", b"&#0;", b"\xff\xfe", b"\xef\xbb\xbf", b"]]>", b'"', b"\r", b"=00", b"=?utf-8?q?=00?=")

scalars = (
    st.sampled_from(HOSTILE)
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
)
#: Any JSON, with the half characters and numbers beyond all measure that Python's reader lets through.
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything inside, the whole itself first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn, payload: Any) -> Any:
    """The payload with one to four pieces replaced, left out, doubled or wrapped."""
    root = [copy.deepcopy(payload)]
    for _ in range(draw(st.integers(1, 4))):
        *way, last = (0, *draw(st.sampled_from(places(root[0]))))
        parent: Any = root
        for key in way:
            parent = parent[key]
        match draw(st.sampled_from(("replace", "replace", "replace", "leave out", "double", "wrap"))):
            case "leave out" if way:
                del parent[last]
            case "double" if isinstance(parent, list) and way:
                parent.insert(last, copy.deepcopy(parent[last]))
            case "wrap":
                parent[last] = draw(st.sampled_from(([parent[last]], {"data": parent[last]}, {"id": parent[last]})))
            case _:
                parent[last] = copy.deepcopy(draw(anything))
    return root[0]


def _bytes(value: Any) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


@st.composite
def torn(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes with one to four stretches replaced by others, some of them hostile."""
    junk = st.binary(max_size=20) | st.sampled_from([*(_bytes(each) for each in HOSTILE), *TORN])
    for _ in range(draw(st.integers(1, 4))):
        at, gone = draw(st.integers(0, len(content))), draw(st.integers(0, 40))
        content = content[:at] + draw(junk) + content[at + gone :]
    return content
