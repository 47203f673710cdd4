"""One Slack app: shows cards, repaints them, asks and answers people."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from config.errors import ConfigError
from config.secrets import Secret
from connectors.base import Limit
from connectors.lengths import Counter
from responders.channels.base import Act, Card, Editor, Limits, Pace, Question, Ref, Surroundings, Taker
from responders.channels.slack import drawing
from responders.channels.slack.faults import GONE, code, explained, unreachable
from responders.channels.slack.listening import QUIET, Turn, listener
from responders.errors import ChannelDenied, ChannelError

if TYPE_CHECKING:
    from responders.channels.slack import SlackSettings

LIMITS = Limits(
    text=Limit(Counter.CHARACTERS, 7_500),
    label=Limit(Counter.CHARACTERS, drawing.MOST_LABEL),
    answer=Limit(Counter.CHARACTERS, drawing.MOST_ANSWER),
    editor=Editor.MODAL,
    # Slack lets a repaint be asked for fifty times a minute, and more than one message a second in bursts only.
    pace=Pace(5, timedelta(seconds=6)),
)

#: The library closes a socket before it opens the next one; a press in between reaches the other.
SOCKETS = 2
#: Seconds between signs of life on a socket, and how long a first connection may take.
PING, PATIENCE = 5.0, 30.0
#: Seconds between looks whether at least one socket stands.
LOOK_EVERY = 30.0


class SlackChannel:
    """Cards in channels (a place is the channel's id) and in direct messages ("@" and the person's id)."""

    limits = LIMITS

    def __init__(self, settings: SlackSettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._around = surroundings
        self._now = surroundings.now
        self._made: AsyncWebClient | None = None
        self._directs: dict[str, str] = {}

    async def run(self, taker: Taker) -> None:
        """Connects and listens until it is cancelled."""
        identity = await self._sign_in()
        app = listener(self._client, identity, taker)
        token = _read(self._settings.app_token)
        sockets = [AsyncSocketModeHandler(app, token, logger=QUIET, ping_interval=PING) for _ in range(SOCKETS)]
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(each.connect_async() for each in sockets))  # type: ignore[no-untyped-call]
        except TimeoutError as error:
            raise unreachable() from error
        else:
            await self._watch(sockets)
        finally:
            await asyncio.gather(*(each.close_async() for each in sockets), return_exceptions=True)  # type: ignore[no-untyped-call]

    async def _watch(self, sockets: Sequence[AsyncSocketModeHandler]) -> None:
        """Lets the library reconnect; where it cannot, finds out why."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if not any([await each.client.is_connected() for each in sockets]):
                await self._sign_in()

    def direct(self, actor: str) -> str:
        """One person's direct messages."""
        return f"@{actor}"

    async def post(self, place: str, card: Card, key: str) -> Ref:
        """Shows a card; Slack knows no key that would keep it from showing it twice."""
        with explained(self._now):
            shown = drawing.message(card)
            where = await self._where(place)
            answer = await self._client.chat_postMessage(channel=where, unfurl_links=False, unfurl_media=False, **shown)
        return Ref(str(answer["channel"]), str(answer["ts"]))

    async def show(self, ref: Ref, card: Card) -> bool:
        """Repaints a card."""
        with explained(self._now):
            shown = drawing.message(card)
            try:
                await self._client.chat_update(channel=ref.place, ts=ref.message, **shown)
            except SlackApiError as error:
                if code(error) in GONE:
                    return False
                raise
        return True

    async def ask(self, act: Act, question: Question) -> None:
        """Opens a window; Slack lets us within three seconds of a press."""
        turn: Turn = act.token
        if not turn.trigger:
            raise ChannelError("Slack opens a window after a press only.", "Nothing was changed.", "Press the button.")
        with explained(self._now):
            view = drawing.window(question, act.ref)
            await self._client.views_open(trigger_id=turn.trigger, view=view)

    async def tell(self, act: Act, text: str) -> None:
        """Answers so that this person alone sees it."""
        turn: Turn = act.token
        with explained(self._now):
            if turn.is_alone or not turn.place:
                place = turn.place or await self._where(self.direct(act.actor))
                await self._client.chat_postMessage(channel=place, **drawing.said(text))
            else:
                await self._client.chat_postEphemeral(channel=turn.place, user=act.actor, **drawing.said(text))

    async def nudge(self, ref: Ref, text: str, actors: Sequence[str]) -> None:
        """Answers the card in its thread and in the channel; a repaint would notify nobody."""
        said = drawing.said(text, actors)
        with explained(self._now):
            await self._client.chat_postMessage(
                channel=ref.place, thread_ts=ref.message, reply_broadcast=not actors, **said
            )

    async def missed(self, refs: Sequence[Ref]) -> list[Act]:
        """Nothing: what is pressed while nobody listens fails before the eyes of whoever presses."""
        return []

    async def check(self) -> str:
        """The app's name, and its workspace's; both tokens are tried."""
        identity = await self._sign_in()
        return f"{identity.get('user', '?')} in the workspace {identity.get('team', '?')}"

    async def close(self) -> None:
        """Nothing to let go of: `run` closes its sockets, and the session is shared."""

    async def _sign_in(self) -> dict[str, str]:
        """Tries both tokens; says who we are."""
        with explained(self._now):
            answer = await self._client.auth_test()
        with explained(self._now, "app's token"):
            await self._client.apps_connections_open(app_token=_read(self._settings.app_token))
        found: Any = answer.data
        return dict(found)

    @property
    def _client(self) -> AsyncWebClient:
        """Repeats nothing by itself: a card sent twice would stand there twice."""
        if self._made is None:
            self._made = AsyncWebClient(
                _read(self._settings.bot_token),
                base_url=self._settings.server,
                session=self._around.session,
                logger=QUIET,
                retry_handlers=[],
            )
        return self._made

    async def _where(self, place: str) -> str:
        """The id of the conversation that a place means."""
        if not place.startswith("@"):
            return place
        if place not in self._directs:
            answer = await self._client.conversations_open(users=[place.removeprefix("@")])
            self._directs[place] = str(answer["channel"]["id"])
        return self._directs[place]


def _read(secret: Secret) -> str:
    try:
        return secret.read()
    except ConfigError as error:
        raise ChannelDenied(error.happened, "Nothing was shown.", error.do) from error
