"""What responders need to know of a text: the protocol `responders.drafting.base.Reader`, filled."""

from __future__ import annotations

from collections.abc import Iterable

from listener.analysis.language import Languages
from listener.analysis.personal_data import personal_data, region_of
from responders.drafting.base import Language, Span


class TextReader:
    """Reads texts for owners who speak `languages` and live in `time_zones`, where people write numbers in their way."""

    def __init__(self, languages: Iterable[str] = ("en",), time_zones: Iterable[str] = ()) -> None:
        self._languages = Languages(languages)
        self._regions = tuple(filter(None, dict.fromkeys(map(region_of, time_zones))))

    def language(self, text: str) -> Language:
        """What language `text` is in; "und" for a few letters only."""
        return self._languages.tell(text)

    def personal_data(self, text: str) -> list[Span]:
        """Where `text` holds personal data, in order and without overlap."""
        return personal_data(text, self._regions)
