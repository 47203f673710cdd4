"""Meta's Graph API: how it is asked, what its errors mean to us, and when it wants a rest.

The token travels in a header. Meta repeats it in the links of its answers, so
it is cut out of every body before anything is made of it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from config.secrets import Secret
from config.settings import Table
from connectors.base import Surroundings
from connectors.errors import (
    ReplyDeferred,
    ReplyError,
    ReplyLost,
    ReplyRefused,
    ReplyTooLong,
    SourceChanged,
    SourceDenied,
    SourceError,
    SourceLimited,
    SourceUnavailable,
)
from connectors.graph.refusals import Refusal, usage
from connectors.http import Answer, changed, fetch
from connectors.rest import NEVER_LEFT, STUMBLES, post, retry_after

ADDRESS = "https://graph.facebook.com"
#: Percent of an hour's budget (calls, computing or time) from which we slow down, and for how long at a time.
BUSY, REST = 75, timedelta(minutes=5)


class NotThere(SourceChanged):
    """Nothing is under this id, or nothing that this token may see."""


class Withdrawn(SourceChanged):
    """Meta does not offer this any more."""


class GraphSettings(Table):
    """The keys that both kinds of source have."""

    #: The Page's long-lived access token.
    token: Secret
    #: The app's secret, where the app asks for proof that a token was not stolen.
    app_secret: Secret | None = None
    #: The version of the Graph API; each lives about two years.
    version: str = Field(default="v26.0", pattern=r"^v\d{1,3}\.\d$")


class Graph:
    """Meta's interface, asked with one token; `name` is the service and `needs` the permissions that it wants."""

    def __init__(
        self, around: Surroundings, settings: GraphSettings, name: str, needs: Sequence[str], address: str
    ) -> None:
        self._around = around
        self._token, self._where = settings.token.read(), settings.token.where
        self._headers = {"Authorization": f"Bearer {self._token}"}
        self._proof = {}
        if settings.app_secret is not None:
            secret = settings.app_secret.read().encode()
            self._proof = {"appsecret_proof": hmac.new(secret, self._token.encode(), hashlib.sha256).hexdigest()}
        self._base = f"{address}/{settings.version}"
        self._who = f'{name} ("{around.source}")'
        self._needs = ", ".join(needs)
        self._rest_until: datetime | None = None
        self._calls = 0

    def count(self) -> int:
        """The requests that left since the last count."""
        calls, self._calls = self._calls, 0
        return calls

    def check_rest(self) -> None:
        """Keeps us from asking again while Meta's usage headers say that we ask too much.

        Raises:
            SourceLimited: until when.
        """
        if self._rest_until and self._around.now() < self._rest_until:
            raise SourceLimited(
                f"{self._who} says that most of its hourly budget is used.",
                "Nothing is lost; it is asked again by itself.",
                retry_at=self._rest_until,
            )

    async def get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """What Meta answers to a question that changes nothing.

        Raises:
            NotThere: there is nothing under this id.
            Withdrawn: Meta has given this up.
            SourceError: as `Connector.fetch` names them.
        """
        self._calls += 1
        answer = self._clean(
            await fetch(
                self._around,
                f"{self._base}/{path}",
                params={**params, **self._proof},
                credentials=self._headers,
                accept={400, 401, 403, 404, 429},
            )
        )
        self._mind(answer)
        refused = Refusal.of(answer)
        if refused is not None or answer.status >= 400:
            raise self._source_error(answer, refused or Refusal())
        payload = answer.json()
        if not isinstance(payload, dict):
            raise changed(answer.source, "not with an object", answer.sample)
        return payload

    async def read(self, ids: Sequence[str], fields: str) -> tuple[dict[str, Any], list[str]]:
        """These nodes by their ids, and the ids of those that are not there.

        Meta refuses all for the sake of one that is missing, so they are then
        asked for in halves. What it leaves out without a word is in neither.
        """
        if not ids:
            return {}, []
        try:
            return await self.get("", {"ids": ",".join(ids), "fields": fields}), []
        except NotThere:
            if len(ids) == 1:
                return {}, list(ids)
        middle = len(ids) // 2
        nodes, gone = await self.read(ids[:middle], fields)
        more_nodes, more_gone = await self.read(ids[middle:], fields)
        return nodes | more_nodes, gone + more_gone

    async def publish(self, path: str, message: str, fields: str) -> dict[str, Any]:
        """Posts `message` in one request, whatever comes; gives the new node, which has an id.

        Raises:
            ReplyError: as `Replier.reply` names them.
        """
        params = {**({"fields": fields} if fields else {}), **self._proof}
        url = f"{self._base}/{path}"
        try:
            answer = await post(self._around, url, headers=self._headers, params=params, data={"message": message})
        except NEVER_LEFT as error:
            raise ReplyDeferred(f"{self._who} could not be reached.") from error
        except STUMBLES as error:
            raise self._lost() from error
        answer = self._clean(answer)
        self._mind(answer)
        refused = Refusal.of(answer)
        if refused is not None or not 200 <= answer.status < 300:
            raise self._reply_error(answer, refused)
        return self._published(answer)

    def _published(self, answer: Answer) -> dict[str, Any]:
        try:
            node = answer.json()
        except SourceError as error:
            raise self._lost() from error
        if not isinstance(node, dict) or not isinstance(node.get("id"), str) or not node["id"]:
            raise self._lost()
        return node

    def _lost(self, why: str = "") -> ReplyLost:
        return ReplyLost(f"{self._who} did not confirm the reply{why}.", do="Look whether it is there.")

    def _clean(self, answer: Answer) -> Answer:
        return replace(answer, body=answer.body.replace(self._token.encode(), b"(token)"))

    def _mind(self, answer: Answer) -> None:
        """Remembers how much of the budget is used: what came is kept, but the next question waits."""
        used, wait = usage(answer.headers)
        if used >= BUSY or wait:
            self._rest_until = self._around.now() + (wait or REST)

    def _back_at(self, answer: Answer) -> datetime | None:
        """When Meta lets us come back, as far as it says so."""
        now = self._around.now()
        _, wait = usage(answer.headers)
        return now + wait if wait else retry_after(answer, now)

    def _source_error(self, answer: Answer, refused: Refusal) -> SourceError:
        code = refused.code or answer.status
        if refused.is_limit or refused.is_block or answer.status == 429:
            return SourceLimited(
                f"{self._who} asks us to wait ({code}).",
                "Nothing is lost; it is asked again by itself.",
                retry_at=self._back_at(answer),
            )
        if refused.is_not_there:
            return NotThere(f"{self._who} does not show what we asked for ({code}).")
        denied = self._denied(answer, refused)
        if denied is not None:
            return denied
        if refused.is_withdrawn:
            return Withdrawn(f"{self._who} does not offer what we asked for any more ({code}).", sample=answer.sample)
        if refused.is_uncertain:
            return SourceUnavailable(f"{self._who} is out of order on its own side ({code}).")
        return changed(answer.source, f"with an error that we do not know ({code})", answer.sample)

    def _denied(self, answer: Answer, refused: Refusal) -> SourceDenied | None:
        """The error for a token that does not open the door; None where that is not the matter."""
        code, kept = refused.code or answer.status, "Polling it is paused; what was heard is kept."
        if refused.missing:
            return SourceDenied(
                f"{self._who} misses a permission ({code}): {refused.missing}.",
                kept,
                f"Make a new token with {self._needs}, put it into {self._where}, then run warmline check.",
            )
        if refused.is_token or answer.status in {401, 403}:
            return SourceDenied(
                f"{self._who} refused the token ({code}): it has expired, was withdrawn or is not whole.",
                kept,
                f"Make a new long-lived Page token, put it into {self._where}, then run warmline check.",
            )
        return None

    def _reply_error(self, answer: Answer, refused: Refusal | None) -> ReplyError:
        """A refusal counts only in Meta's own words: an error page may come from anywhere on the way."""
        if answer.status == 429 or (refused and refused.is_limit):
            return ReplyDeferred(f"{self._who} asks us to wait.", retry_at=self._back_at(answer))
        if refused is None or answer.status >= 500 or refused.is_uncertain:
            return self._lost(f" ({answer.status})")
        if refused.is_duplicate:
            return self._lost(": it says that this text is there already")
        return self._refused(answer, refused)

    def _refused(self, answer: Answer, refused: Refusal) -> ReplyRefused:
        denied = None if refused.is_not_there else self._denied(answer, refused)
        if denied is not None:
            return ReplyRefused(denied.happened, do=denied.do)
        if refused.is_not_there:
            return ReplyRefused(f"{self._who} no longer shows what this reply answers.")
        if refused.is_too_long:
            return ReplyTooLong(f"{self._who} counts the reply as too long.", do="Shorten it.")
        if refused.is_block:
            return ReplyRefused(
                f"{self._who} blocks this account from replying for a while ({refused.code}).",
                do="Look for a message from Meta in the account's support inbox.",
            )
        return ReplyRefused(f"{self._who} did not take the reply ({refused.code}).", do="Look at the post there.")
