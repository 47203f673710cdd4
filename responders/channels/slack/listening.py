"""What people do on Slack, as it comes over the socket, turned into acts.

Slack wants each press acknowledged within three seconds, else it shows an
error; so that comes first, and the decision after it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from responders.channels.base import Act, Press, Ref, Taker, Verb
from responders.channels.slack.drawing import ANSWER, answered, cut

#: What the libraries log holds customers' texts; what matters is raised as an error anyway.
QUIET = logging.getLogger("warmline.slack.quiet")
QUIET.setLevel(logging.CRITICAL + 1)

#: Seconds in which a window that was sent can still be kept open; without a word of us Slack gives up after three.
_PATIENCE = 2.0
_MOST_ERROR = 500
#: "link CODE", perhaps behind our name.
_CODE = re.compile(r"\s*(?:<@\w+>\s*)?link\s+(\S{1,64})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Turn:
    """What is needed to answer one person: where they are, and for three seconds the right to open a window."""

    place: str
    trigger: str = ""

    @property
    def is_alone(self) -> bool:
        """Whether nobody else reads there."""
        return self.place.startswith("D")


def listener(client: AsyncWebClient, identity: dict[str, str], taker: Taker) -> AsyncApp:
    """The app that hands presses, windows and codes to `taker`; `identity` is what Slack's `auth.test` said."""

    async def authorize() -> AuthorizeResult:
        """Known from the start: asking Slack at the first press would cost some of its three seconds."""
        return AuthorizeResult(
            enterprise_id=None,
            team_id=identity.get("team_id"),
            bot_user_id=identity.get("user_id"),
            bot_token=client.token,
        )

    app = AsyncApp(name="warmline", client=client, authorize=authorize, logger=QUIET)
    ears = _Ears(taker)
    app.action(re.compile(""))(ears.pressed)
    app.view(ANSWER)(ears.sent)
    app.event("message")(ears.wrote)
    app.event("app_mention")(ears.wrote)
    return app


class _Ears:
    def __init__(self, taker: Taker) -> None:
        self._taker = taker

    async def pressed(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        press = Press.read(str(body["actions"][0].get("action_id", "")))
        where = body.get("container", {})
        if press is not None and "message_ts" in where:
            ref = Ref(where["channel_id"], where["message_ts"])
            turn = Turn(ref.place, body.get("trigger_id", ""))
            await self._taker.take(Act(body["user"]["id"], press, ref=ref, token=turn))

    async def sent(self, ack: Any, body: dict[str, Any]) -> None:
        found = answered(body["view"])
        if found is None:
            await ack()
            return
        press, ref, text = found
        actor = body["user"]["id"]
        turn = Turn(ref.place if ref else "", body.get("trigger_id", ""))
        act = Act(actor, press, text, answers=True, ref=ref, token=turn)
        problem = await self._problem(act)
        if problem:
            await ack(response_action="errors", errors={ANSWER: cut(problem, _MOST_ERROR)})
        else:
            await ack()
            await self._taker.take(act)

    async def wrote(self, event: dict[str, Any]) -> None:
        code = _CODE.fullmatch(str(event.get("text", "")))
        if code and "user" in event and "bot_id" not in event:
            act = Act(event["user"], Press(Verb.LINK), code[1], token=Turn(event["channel"]))
            await self._taker.take(act)

    async def _problem(self, act: Act) -> str:
        """What keeps the window open; where that is not known in time it closes, and `take` looks again."""
        try:
            return await asyncio.wait_for(self._taker.problem(act), _PATIENCE)
        except TimeoutError:
            return ""
