"""Secrets are named in the configuration, never written there."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from config.errors import ConfigError


class Secret(BaseModel):
    """Where a secret is found: `{ env = "NAME" }` or `{ file = "PATH" }`; never the secret itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_literals(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError(  # noqa: TRY004 – pydantic turns only this into a fault
                'a secret is named, not written: use { env = "NAME" } or { file = "PATH" }'
            )
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Secret:
        if (self.env is None) == (self.file is None):
            raise ValueError('name exactly one of env and file: { env = "NAME" } or { file = "PATH" }')
        return self

    @property
    def where(self) -> str:
        """Where it is found, for messages."""
        return f"the environment variable {self.env}" if self.env else f"the file {self.file}"

    def read(self) -> str:
        """The secret itself, without surrounding white space.

        Raises:
            ConfigError: it is missing or empty.
        """
        try:
            value = os.environ.get(self.env, "") if self.env else Path(self.file or "").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"A secret could not be read from {self.where}.", do="Check that it is there.") from error
        if not value.strip():
            raise ConfigError(f"A secret is missing: {self.where} is empty or not set.", do="Set it, then try again.")
        return value.strip()
