"""Why a decision, a channel or a language model did not do what was asked."""

from __future__ import annotations

from datetime import datetime

from config.errors import WarmlineError


class ChannelError(WarmlineError):
    """A chat or mail server did not take what we gave it."""


class ChannelLimited(ChannelError):
    """Too much at once; nothing was shown. `retry_at` is aware, as the chat asked for it."""

    def __init__(self, happened: str, kept: str = "", do: str = "", *, retry_at: datetime) -> None:
        super().__init__(happened, kept, do)
        self.retry_at = retry_at


class ChannelDenied(ChannelError):
    """The chat does not let us in: a person must renew a credential or a right."""


class ModelError(WarmlineError):
    """What a language model answered will not do."""


class ModelUnavailable(ModelError):
    """A language model did not answer in time."""


class ModelDenied(ModelUnavailable):
    """A language model does not let us in: a person must renew the key."""


class ModelSpent(ModelError):
    """The month's tokens or money for a language model are used up."""


class DecisionError(WarmlineError):
    """A decision was not taken; the draft stands as it stood."""


class AlreadyDecided(DecisionError):
    """Somebody was faster: `by` whom, `at` when (aware; both None where the system moved it)."""

    def __init__(
        self, happened: str, kept: str = "", do: str = "", by: str | None = None, at: datetime | None = None
    ) -> None:
        super().__init__(happened, kept, do)
        self.by = by
        self.at = at


class NotAllowed(DecisionError):
    """This person may not take this decision."""


class StaleRevision(DecisionError):
    """The text has changed since this person read it."""
