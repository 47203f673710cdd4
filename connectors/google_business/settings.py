"""What a `[[sources]]` table of type `google_business` says."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from config.secrets import Secret
from config.settings import Table, Word

#: An account's number, with or without what Google writes before it.
Account = Annotated[
    str, AfterValidator(lambda name: name.removeprefix("accounts/")), Field(pattern=r"^(accounts/)?[0-9]{1,30}$")
]


class GoogleBusinessSettings(Table):
    """Which app asks, and whose reviews it reads."""

    #: The OAuth client of type "Desktop app" in the business's own project at Google.
    client_id: Word
    client_secret: Secret
    #: Numbers of the accounts whose locations are read; all that the connected account sees, where it is left out.
    accounts: tuple[Account, ...] = Field(default=(), max_length=20)
    #: From the names under [[places]] to what Google calls them; all locations, where it is left out.
    locations: dict[Word, Word] = Field(default_factory=dict)
