"""Mentions at once: the server rings, and the page is fetched as polls do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
from yarl import URL

from connectors.base import Cursor, Gone, Page
from connectors.errors import SourceDenied, SourceUnavailable
from connectors.mastodon.connector import MastodonConnector
from connectors.mastodon.parsing import PLATFORM

#: Servers send a sign of life every 15 seconds; a stream without one for this long is dead.
QUIET = 120
#: Where a web socket's server answers plain requests.
PLAIN = {"wss": "https", "ws": "http"}


class StreamingMastodon(MastodonConnector):
    """An account that is told when somebody speaks to it; hashtags and searches stay with the polls."""

    _response: aiohttp.ClientResponse | None = None

    async def stream(self, cursor: Cursor | None) -> AsyncIterator[Page]:
        """A page for each ring, and a page for each deletion; ends when the server or `close` ends the connection.

        A ring only says that there is something, so a page means the same
        however it came, and nothing is lost with the connection.

        Raises:
            SourceError: as `fetch`; also where the server does not stream.
        """
        response = self._response = await self._listen()
        async with response:
            async for event, said in _events(response):
                if event == "delete":
                    yield Page([Gone(PLATFORM, said)], cursor=None, calls=0)
                    continue
                more = True
                while more:
                    page = await self.fetch(cursor)
                    cursor, more = page.cursor, page.more
                    yield page

    async def _listen(self) -> aiohttp.ClientResponse:
        await self._introduce()
        who = f'The server of "{self._surroundings.source}"'
        try:
            response = await self._surroundings.session.get(
                self._streaming_address() / "api/v1/streaming/user",
                headers={"Authorization": f"Bearer {self._settings.token.read()}"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=16, sock_read=QUIET),
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SourceUnavailable(f"{who} could not be reached for streaming.") from error
        if response.status == 200:
            return response
        response.close()
        if response.status in {401, 403}:
            raise SourceDenied(f"{who} does not let this token stream.", do="Renew the token, or set stream = false.")
        raise SourceUnavailable(f"{who} does not stream ({response.status}).", do="Set stream = false if this lasts.")

    def _streaming_address(self) -> URL:
        """The server's own address for streams, if it names one that keeps the token as safe."""
        server = URL(self._settings.server)
        named = URL(self._streaming)
        plain = named.with_scheme(PLAIN.get(named.scheme, named.scheme)).origin() if named.host else server
        return plain if plain.scheme == "https" or plain == server else server

    async def close(self) -> None:
        """Ends the stream, and lets the thread end."""
        if self._response is not None:
            self._response.close()
        await super().close()


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, str]]:
    """A first ring for what came before the stream was open, then notifications and deletions with what they say."""
    yield "open", ""
    event = ""
    try:
        async for line in response.content:
            key, _, value = line.decode(errors="replace").strip().partition(": ")
            if key == "event":
                event = value
            elif key == "data" and event in {"notification", "delete"}:
                yield event, value
    except (aiohttp.ClientError, TimeoutError, ValueError):  # ValueError: a line without end
        return
