"""From HTML to the words a reader sees."""

from __future__ import annotations

import html
import re

import nh3

#: Tags that stand apart from what is around them by an empty line, and those that only begin a new line.
_BLOCKS = frozenset(
    "address article aside blockquote div dl figure footer form h1 h2 h3 h4 h5 h6 header hr main nav ol p pre section "  # noqa: SIM905
    "table ul".split()
)
_LINES = frozenset(["br", "dd", "dt", "figcaption", "li", "tr"])
#: Tags and entities in one text; the parser's time grows with their square (20,000 nested ones take a second).
_MOST_MARKS = 5_000

_TAG = re.compile(r"</?([a-z0-9]+)>")
_ANY_TAG = re.compile(r"<[^<>]*>")
# What neither database takes (NUL, half a surrogate pair), and controls that nobody sees.
_UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def plain(markup: str) -> str:
    """What a reader sees of `markup`: paragraphs an empty line apart, no scripts, entities resolved.

    Hostile HTML costs no more than a moment: beyond a few thousand tags they
    are only cut out, without regard for what they mean.
    """
    markup = " ".join(_UNWANTED.sub("", markup).split())
    if markup.count("<") + markup.count("&") > _MOST_MARKS:
        return tidy(html.unescape(_ANY_TAG.sub(" ", markup)))
    bare = nh3.clean(markup, tags=set(_BLOCKS | _LINES), attributes={}, clean_content_tags={"script", "style"})
    return tidy(html.unescape(_TAG.sub(lambda tag: "\n\n" if tag[1] in _BLOCKS else "\n", bare)))


def tidy(text: str) -> str:
    """`text` without invisible controls, double blanks, and more than one empty line in a row."""
    lines = [" ".join(line.split()) for line in _UNWANTED.sub("", text).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
