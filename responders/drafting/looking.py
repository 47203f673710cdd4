"""What a rule looks at: a text, the reading of its case, and who wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from responders.drafting.base import Case, Reader
from responders.drafting.packs import Pack
from responders.drafting.sameness import Recent
from responders.drafting.triage import Kind, Reading
from responders.drafting.words import LONGEST, sentences


@dataclass(frozen=True)
class Looked:
    """A text under the rules' eyes; `body` is what stands behind the platform's opening."""

    text: str
    body: str
    reading: Reading
    reader: Reader
    recent: Recent

    @property
    def case(self) -> Case:
        """The case that the text would answer."""
        return self.reading.case

    @property
    def pack(self) -> Pack:
        """The language whose words the rules look for."""
        return self.reading.pack

    @property
    def mention(self) -> str:
        """What the author wrote, as far as it is read."""
        return self.case.mention[:LONGEST]

    @cached_property
    def sentences(self) -> list[str]:
        """The sentences of the body."""
        return sentences(self.body, self.pack)

    def find(self, name: str) -> re.Match[str] | None:
        """The first match in the body of the pack's expression of this name."""
        return self.pack.find(name).search(self.body)

    def is_of(self, *kinds: Kind) -> bool:
        """Whether the mention needs one of these kinds of answer."""
        return self.reading.kind in kinds


def body_of(text: str, case: Case) -> str:
    """`text` without the platform's opening."""
    return text.strip().removeprefix(case.opening.strip()).strip()
