"""What a `[[sources]]` table of type `x` says."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from config.secrets import Secret
from config.settings import Table

Handle = Annotated[str, AfterValidator(lambda name: name.removeprefix("@")), Field(pattern=r"^@?[A-Za-z0-9_]{1,15}$")]


class XSettings(Table):
    """Which account listens, and for what besides its mentions."""

    #: The account's name.
    account: Handle
    #: The app's API key and its secret.
    api_key: Secret
    api_key_secret: Secret
    #: The account's access token for that app and its secret.
    access_token: Secret
    access_token_secret: Secret
    #: Posts of the last days that match this, in X's own search language; X allows 512 signs with what we add.
    query: str = Field(default="", max_length=450)
