"""What is asked of Google, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from connectors.base import Consent, Surroundings
from connectors.consent import Access
from connectors.errors import SourceDenied, SourceError, SourceLimited
from connectors.google_business.locations import FIELDS, Listed, Location, choose, parse_accounts, parse_locations
from connectors.google_business.settings import GoogleBusinessSettings
from connectors.http import Answer, changed
from connectors.rest import Api, Manners, soon

SCOPE = "https://www.googleapis.com/auth/business.manage"
#: Accounts and locations change rarely.
LOOK_AROUND = timedelta(hours=6)
#: Pages of a list that are read at most, so that one which never ends does.
PAGES = 50
#: Google opens its interface by hand, which takes days.
CLOSED_FOR = timedelta(hours=1)

MANNERS = Manners(
    platform="Google",
    remedy=(
        "Look whether the account that you connected still manages the locations, and whether the three Business "
        "Profile interfaces are switched on for your project in Google Cloud; then run warmline check."
    ),
    limits=dict.fromkeys(("RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"), soon),
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Google answers; only the oldest of its interfaces knows reviews."""

    accounts: str = "https://mybusinessaccountmanagement.googleapis.com/v1"
    locations: str = "https://mybusinessbusinessinformation.googleapis.com/v1"
    reviews: str = "https://mybusiness.googleapis.com/v4"
    ask: str = "https://accounts.google.com/o/oauth2/v2/auth"
    token: str = "https://oauth2.googleapis.com/token"  # noqa: S105 – an address


GOOGLE = Addresses()


class Closed(SourceDenied):
    """One location is not open to us; others may be."""


def consent(settings: GoogleBusinessSettings, addresses: Addresses = GOOGLE) -> Consent:
    """What the owner of the profile is asked: access that lasts, so that the question need not come back."""
    return Consent(
        "Google",
        addresses.ask,
        addresses.token,
        (SCOPE,),
        settings.client_id,
        settings.client_secret,
        {"access_type": "offline", "prompt": "consent"},
    )


class BusinessProfile(Api):
    """Google's interfaces for business profiles, as one source asks them."""

    def __init__(self, settings: GoogleBusinessSettings, around: Surroundings, addresses: Addresses) -> None:
        super().__init__(around, Access(around, consent(settings, addresses)), MANNERS)
        self._settings = settings
        self._addresses = addresses
        self._found: dict[str, Location] = {}
        self._looked_at = around.now() - LOOK_AROUND

    def _limited(self, answer: Answer, names: frozenset[str]) -> SourceLimited | None:
        limited = super()._limited(answer, names)
        if limited is None or not _has_no_quota(answer):
            return limited
        return SourceLimited(
            f'Google has not opened its reviews to your project yet, so "{answer.source}" gets no answer (quota 0).',
            "Nothing is lost; it is asked again every hour.",
            "Send Google the form “Application for Basic API Access” with your project's number, as "
            "docs/sources/google_business.md says. Once they have agreed, the reviews come by themselves.",
            retry_at=self._around.now() + CLOSED_FOR,
        )

    def _refusal(self, answer: Answer) -> SourceError | None:
        refusal = super()._refusal(answer)
        if isinstance(refusal, SourceDenied) and answer.status == 403:
            return Closed(refusal.happened, refusal.kept, refusal.do)
        return refusal

    async def locations(self) -> Mapping[str, Location]:
        """The locations to read, by their full names ("accounts/111/locations/222").

        Raises:
            SourceDenied: there is none, or not the one that the owner names.
            SourceError: as `Connector.fetch` names them.
        """
        now = self._around.now()
        if now - self._looked_at >= LOOK_AROUND:
            listed = await self._listed()
            try:
                chosen = choose(listed, self._settings.locations)
            except ValueError as error:
                raise self._none(f"shows {error}") from error
            if not chosen:
                raise self._none("shows no location at all")
            self._found, self._looked_at = {each.name: each for each in chosen}, now
        return self._found

    def _none(self, why: str) -> SourceDenied:
        return SourceDenied(
            f'The account that "{self._around.source}" is connected to {why}.',
            "Polling it is paused; what was heard is kept.",
            "Correct accounts and locations, or connect the account that manages the profile with "
            f'warmline connect "{self._around.source}".',
        )

    async def _listed(self) -> dict[str, Listed]:
        accounts = [f"accounts/{number}" for number in self._settings.accounts]
        if not accounts:
            accounts = parse_accounts(await self._all(f"{self._addresses.accounts}/accounts", "accounts", {}))
        found: dict[str, Listed] = {}
        seen: set[str] = set()
        for account in accounts:
            url = f"{self._addresses.locations}/{account}/locations"
            items = await self._all(url, "locations", {"readMask": FIELDS, "pageSize": "100"})
            listed = parse_locations(items)
            if items and not listed:
                raise changed(self._around.source, "not with locations as we know them", str(items[0])[:2000])
            for each in listed:
                if each.name not in seen:  # a group's location is its members', too
                    seen.add(each.name)
                    found[f"{account}/{each.name}"] = each
        return found

    async def _all(self, url: str, key: str, asked: Mapping[str, str]) -> list[Any]:
        """All pages of a list; one without items has none."""
        items: list[Any] = []
        page = ""
        for _ in range(PAGES):
            answer = await self.get(url, params={**asked, **({"pageToken": page} if page else {})}, accept={429})
            payload = answer.json()
            found = payload.get(key, []) if isinstance(payload, dict) else None
            if not isinstance(found, list):
                raise changed(answer.source, f"not with {key}", answer.sample)
            items += found
            page = payload.get("nextPageToken")
            if not (isinstance(page, str) and page):
                break
        return items

    async def reviews(self, location: str, page: str, size: int) -> Answer:
        """One page of a location's reviews, the last updated first; 400 where the page's mark has run out, 404."""
        asked = {"pageSize": str(size), "orderBy": "updateTime desc"} | ({"pageToken": page} if page else {})
        accept = {404, 429, 400} if page else {404, 429}
        return await self.get(f"{self._addresses.reviews}/{location}/reviews", params=asked, accept=accept)

    async def review(self, name: str) -> Answer:
        """One review, or 404."""
        return await self.get(f"{self._addresses.reviews}/{name}", accept={404, 429})

    async def put_reply(self, name: str, text: str) -> Answer:
        """Puts `text` in the one place that a review has for a reply.

        Raises:
            ReplyError: as `Replier.reply` names them.
        """
        return await self.publish(f"{self._addresses.reviews}/{name}/reply", {"comment": text}, method="PUT")


def _has_no_quota(answer: Answer) -> bool:
    """Whether nothing may be asked at all: what Google says until a person there has agreed."""
    try:
        details = answer.json()["error"]["details"]
        return any(each.get("metadata", {}).get("quota_limit_value") == "0" for each in details)
    except (SourceError, AttributeError, KeyError, TypeError):
        return False
