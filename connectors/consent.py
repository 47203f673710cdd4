"""Accounts that their owner lets us into, in a browser: the question, the answer, and the access that follows.

The authorization code grant of RFC 6749 for an installed app (RFC 8252), with
a proof that who asks for the tokens is who put the question (PKCE, RFC 7636).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from config.errors import ConfigError, WarmlineError
from connectors.base import Consent, Surroundings
from connectors.errors import SourceDenied, SourceError, SourceUnavailable
from connectors.oauth import Token, exchange
from connectors.rest import Manners


@dataclass(frozen=True, slots=True)
class Question:
    """One question to an account's owner; `back` is the address on this machine to which the answer is brought."""

    consent: Consent
    back: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    proof: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def address(self) -> str:
        """The page to open in a browser."""
        hashed = hashlib.sha256(self.proof.encode()).digest()
        asked = {
            **self.consent.more,
            "response_type": "code",
            "client_id": self.consent.client_id,
            "redirect_uri": self.back,
            "scope": " ".join(self.consent.scopes),
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(hashed).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self.consent.ask}?{urlencode(asked)}"


async def redeem(around: Surroundings, question: Question, code: str) -> Token:
    """The tokens for the code that the answer to `question` brought.

    Raises:
        SourceDenied: the code is too old or was used, the client is not accepted, or access would not last.
        SourceError: any other way of not getting them.
    """
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": question.back}
    token = await _exchange(around, question.consent, {**form, "code_verifier": question.proof})
    if not token.refresh:
        raise SourceDenied(
            f'{question.consent.platform} gave access to "{around.source}" for an hour only.',
            "Nothing was stored.",
            f"Take Warmline out of the list of apps in your account at {question.consent.platform}, and connect again.",
        )
    return token


async def _exchange(around: Surroundings, consent: Consent, form: Mapping[str, str]) -> Token:
    client = {"client_id": consent.client_id, "client_secret": consent.client_secret.read()}
    remedy = f'Check client_id and client_secret, and run warmline connect "{around.source}" (again).'
    return await exchange(around, consent.token, {**form, **client}, Manners(consent.platform, remedy))


class Access:
    """The credentials that an account's owner has let us have (see `connectors.rest.Credentials`)."""

    def __init__(self, around: Surroundings, consent: Consent) -> None:
        self._around = around
        self._consent = consent
        self._token = ""
        self._refused = ""

    async def headers(self) -> Mapping[str, str]:
        """The access token as a header, renewed where it must be.

        Raises:
            SourceDenied: nobody has connected the account, or its owner has taken access back.
            SourceError: the token could not be renewed now.
        """
        if self._around.tokens is None:
            raise SourceDenied(
                f'"{self._around.source}" can only be asked by who keeps its tokens.', "Nothing was asked."
            )
        try:
            self._token = await self._around.tokens.fresh(self._renew, self._refused)
        except SourceError:
            raise
        except ConfigError as error:
            raise SourceDenied(error.happened, error.kept, error.do) from error
        except WarmlineError as error:
            raise SourceUnavailable(error.happened, error.kept, error.do) from error
        return {"Authorization": f"Bearer {self._token}"}

    def forget(self) -> bool:
        """Takes the token for refused; true where another one may help."""
        is_news = self._token != self._refused
        self._refused = self._token
        return is_news

    async def _renew(self, refresh: str) -> tuple[str, datetime, str]:
        token = await _exchange(self._around, self._consent, {"grant_type": "refresh_token", "refresh_token": refresh})
        return token.value, token.until, token.refresh or refresh
