"""What a `[[sources]]` table of type `youtube` says."""

from __future__ import annotations

from pydantic import Field, model_validator

from config.secrets import Secret
from config.settings import Table


class YouTubeSettings(Table):
    """Whose comments are heard, and, if it may answer, as whom."""

    #: The id of the channel.
    channel: str = Field(pattern=r"^UC[\w-]{22}$")
    #: A key of the Google Cloud project, with which everything is read.
    api_key: Secret
    #: Words to look for in the videos of everybody, as one would type them on YouTube.
    search: str = Field(default="", max_length=200)
    #: The OAuth client of the same project, and what the channel's owner has granted it.
    client_id: str = ""
    client_secret: Secret | None = None
    refresh_token: Secret | None = None

    @model_validator(mode="after")
    def _answers_wholly_or_not(self) -> YouTubeSettings:
        given = [bool(self.client_id), self.client_secret is not None, self.refresh_token is not None]
        if any(given) and not all(given):
            raise ValueError("to answer, client_id, client_secret and refresh_token are needed, all three")
        return self
