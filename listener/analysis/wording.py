"""A text as the encoder reads it: handles and links alike, pictures by their names."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: Of a longer text, the beginning and the end are read; the encoder takes `TOKENS` pieces of a word in all.
BEGINNING, END, TOKENS = 450, 150, 128

#: Pictures say most by the first few.
MOST_PICTURES = 8

_HANDLE = re.compile(r"(?<!\w)@\w+")
_LINK = re.compile(r"\b(?:https?://|www\.)\S+")
_PICTURE = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")
_REPEATED = re.compile(r"(.)\1{3,}", re.DOTALL)


def plain(text: str) -> str:
    """What is read of `text`: "@someone: great 🎉" becomes "@user: great party popper"."""
    if len(text) > BEGINNING + END:
        text = f"{text[:BEGINNING]} … {text[-END:]}"
    text = _HANDLE.sub("@user", _LINK.sub("http", text.encode("utf-8", "replace").decode("utf-8")))
    text = _REPEATED.sub(r"\1\1\1", text)
    if text.isascii():
        return text
    left = MOST_PICTURES
    parts = []
    for part in re.split(f"({_PICTURE.pattern})", text):
        if _PICTURE.fullmatch(part):
            parts.append(_name(part) if left > 0 else "")
            left -= 1
        else:
            parts.append(part)
    return "".join(parts)


@lru_cache(1_024)
def _name(picture: str) -> str:
    return f" {unicodedata.name(picture, '').lower()} "
