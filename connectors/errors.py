"""What a platform can answer, named for what the poller or the outbox does next."""

from __future__ import annotations

from datetime import datetime

from config.errors import WarmlineError


class SourceError(WarmlineError):
    """A source could not be read."""


class SourceUnavailable(SourceError):
    """The source did not answer properly; ask again after a while."""


class SourceLimited(SourceError):
    """The platform asked us to wait until `retry_at` (None: it did not say how long)."""

    def __init__(self, happened: str, kept: str = "", do: str = "", retry_at: datetime | None = None) -> None:
        super().__init__(happened, kept, do)
        self.retry_at = retry_at


class SourceDenied(SourceError):
    """The credentials no longer work; polling pauses until a person acts."""


class SourceChanged(SourceError):
    """The answer no longer has the documented shape; `sample` holds at most 2,000 characters of it."""

    def __init__(self, happened: str, kept: str = "", do: str = "", sample: str = "") -> None:
        super().__init__(happened, kept, do)
        self.sample = sample[:2000]


class NotTaken(SourceError):
    """Something that was sent to us is refused; `status` is the HTTP status that its sender is told."""

    def __init__(self, happened: str, kept: str = "", do: str = "", *, status: int) -> None:
        super().__init__(happened, kept, do)
        self.status = status


class ReplyError(WarmlineError):
    """A reply was not published, or nobody knows whether it was."""


class ReplyDeferred(ReplyError):
    """Provably not published (never connected, 429): try again, not before `retry_at` (None: soon)."""

    def __init__(self, happened: str, kept: str = "", do: str = "", retry_at: datetime | None = None) -> None:
        super().__init__(happened, kept, do)
        self.retry_at = retry_at


class ReplyRefused(ReplyError):
    """The platform will not publish this reply as it stands."""


class ReplyTooLong(ReplyRefused):
    """The platform counts the reply as too long."""


class ReplyLost(ReplyError):
    """The request left and no clear answer came: the reply may be public, so it is never sent again blindly."""
