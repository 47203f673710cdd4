"""What a `[[sources]]` table of type `reddit` says."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from config.secrets import Secret
from config.settings import Table

Account = Annotated[
    str, AfterValidator(lambda name: name.removeprefix("u/")), Field(pattern=r"^(u/)?[A-Za-z0-9_-]{3,20}$")
]
Subreddit = Annotated[
    str, AfterValidator(lambda name: name.removeprefix("r/")), Field(pattern=r"^(r/)?[A-Za-z0-9][A-Za-z0-9_]{1,20}$")
]
Term = Annotated[str, Field(min_length=2, max_length=400)]


class RedditSettings(Table):
    """Which account listens and speaks, and where it listens besides its inbox."""

    #: The account's name.
    account: Account
    #: The approved app's id and secret.
    client_id: str = Field(min_length=1, max_length=200)
    client_secret: Secret
    #: How the account signs in: its password (a script app) or a permanent refresh token (a web app).
    password: Secret | None = None
    refresh_token: Secret | None = None
    #: Posts and comments in these subreddits.
    subreddits: tuple[Subreddit, ...] = Field(default=(), max_length=50)
    #: Subreddits that the business runs itself: there it answers everybody.
    own_subreddits: tuple[Subreddit, ...] = Field(default=(), max_length=10)
    #: Posts anywhere on Reddit that match these, in Reddit's search language; comments cannot be searched.
    search: tuple[Term, ...] = Field(default=(), max_length=5)

    @model_validator(mode="after")
    def _exactly_one_way_in(self) -> RedditSettings:
        if (self.password is None) == (self.refresh_token is None):
            raise ValueError("name exactly one of password and refresh_token")
        return self
