"""YouTube's interface: read with a key, written to as the channel's owner has granted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

from connectors.base import Surroundings
from connectors.errors import ReplyError, ReplyLost, ReplyRefused, ReplyTooLong
from connectors.http import Answer, changed
from connectors.oauth import Token, Tokens, exchange
from connectors.rest import Api, Fixed, Manners, soon
from connectors.youtube.settings import YouTubeSettings

ADDRESS = "https://youtube.googleapis.com"
TOKENS = "https://oauth2.googleapis.com/token"

Asked = ParamSpec("Asked")
Read = TypeVar("Read")


def midnight(now: datetime) -> datetime | None:
    """When the quota of a day begins anew: at midnight in California."""
    there = now.astimezone(ZoneInfo("America/Los_Angeles"))
    return (there + timedelta(days=1)).replace(hour=0, minute=1, second=0, microsecond=0).astimezone(now.tzinfo)


MANNERS = Manners(
    platform="YouTube",
    remedy=(
        "In Google Cloud, look whether the key and the OAuth client are active, the YouTube Data API v3 is switched "
        "on and the consent screen is published, and obtain a new refresh token if it was revoked; then run "
        "warmline check."
    ),
    # YouTube says with 403 that too much was asked, too.
    limits={
        "quotaExceeded": midnight,
        "dailyLimitExceeded": midnight,
        "rateLimitExceeded": soon,
        "userRateLimitExceeded": soon,
        "RATE_LIMIT_EXCEEDED": soon,
    },
    denials={"keyInvalid", "keyExpired", "API_KEY_INVALID"},
)


class Interface:
    """What one channel asks and tells YouTube."""

    def __init__(self, settings: YouTubeSettings, around: Surroundings, address: str, tokens: str) -> None:
        self._around = around
        self._url = f"{address}/youtube/v3"
        # As a header the key stays out of addresses, which end up in errors and logs.
        self._reader = Api(around, Fixed({"X-Goog-Api-Key": settings.api_key.read()}), MANNERS)
        self._writer = _writer(settings, around, tokens)

    @property
    def may_answer(self) -> bool:
        """Whether the owner has granted us to."""
        return self._writer is not None

    async def list(self, what: str, asked: Mapping[str, str], mark: str = "", accept: Collection[int] = ()) -> Answer:
        """One page of a list; with a `mark` of the next page, which may have run out, 400 is an answer, too.

        Raises:
            SourceError: as `Connector.fetch` names them.
        """
        params = {"part": "snippet", **asked}
        if what.startswith("comment"):
            params["textFormat"] = "plainText"
        if mark:
            params["pageToken"] = mark
        return await self._reader.get(f"{self._url}/{what}", params=params, accept={*accept, *({400} if mark else ())})

    def understood(
        self,
        answer: Answer,
        read: Callable[Concatenate[Any, Asked], Read],
        *args: Asked.args,
        **kwargs: Asked.kwargs,
    ) -> Read:
        """What `read` makes of an answer.

        Raises:
            SourceChanged: it has lost its documented shape.
        """
        try:
            return read(answer.json(), *args, **kwargs)
        except ValueError as error:
            raise changed(answer.source, "not with what was asked for", answer.sample) from error

    async def publish(self, thread: str, text: str) -> Answer:
        """What YouTube answers to a reply in a thread; one request leaves.

        Raises:
            ReplyError: as `Replier.reply` names them.
        """
        if self._writer is None:
            raise ReplyRefused("This source may not answer.", do="Add refresh_token and the client's id and secret.")
        body = {"snippet": {"parentId": thread, "textOriginal": text}}
        return await self._writer.publish(f"{self._url}/comments", body, params={"part": "snippet"}, explain=_explain)

    def count(self) -> int:
        """The requests that left since the last count."""
        return self._reader.count() + (self._writer.count() if self._writer else 0)


def _writer(settings: YouTubeSettings, around: Surroundings, tokens: str) -> Api | None:
    if settings.client_secret is None or settings.refresh_token is None:
        return None
    form = {
        "grant_type": "refresh_token",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.read(),
        "refresh_token": settings.refresh_token.read(),
    }

    async def obtain() -> Token:
        return await exchange(around, tokens, form, MANNERS)

    return Api(around, Tokens(obtain, around.now), MANNERS)


def _explain(status: int, names: frozenset[str]) -> ReplyError | None:
    """YouTube's own refusals of a reply."""
    if "commentsDisabled" in names:
        return ReplyRefused("Comments are turned off there.", do="Open the video and turn them on, or let it be.")
    if "commentTextTooLong" in names:
        return ReplyTooLong("YouTube counts the reply as too long.", do="Shorten it.")
    if names & {"commentNotFound", "parentCommentNotFound", "parentIdMissing", "videoNotFound"}:
        return ReplyRefused("The comment that this reply answers is gone.")
    if "processingFailure" in names:  # whether anything was published is not documented
        return ReplyLost("YouTube failed while it took the reply.", do="Look whether it is there.")
    return None
