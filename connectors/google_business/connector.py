"""The reviews of a business's own profiles on Google, and its replies to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from connectors.base import (
    Absent,
    Cursor,
    Duplicates,
    Fault,
    Found,
    Gone,
    Limit,
    Page,
    Post,
    Receipt,
    Route,
    RouteKind,
    Status,
    Surroundings,
    Target,
    Traits,
    Unsure,
    Visibility,
)
from connectors.errors import ReplyDeferred, ReplyLost, ReplyRefused, SourceChanged, SourceError
from connectors.google_business.interface import GOOGLE, Addresses, BusinessProfile, Closed
from connectors.google_business.locations import Location
from connectors.google_business.parsing import PLATFORM, Reply, Review, parse, posts_of, reply_id
from connectors.google_business.settings import GoogleBusinessSettings
from connectors.http import Answer, changed
from connectors.lengths import Counter
from connectors.markup import tidy
from connectors.rest import not_sent
from connectors.rounds import Round

#: Reviews asked for at once, which is the most that Google gives; each perhaps with our reply.
PAGE = 50
#: How far back the first poll looks.
LOOK_BACK = timedelta(days=365)
#: Google looks at reviews before it shows them, which can take days; the newest page is always read.
LAG = timedelta(days=3)
#: How often every kept review is looked at again.
SWEEP = timedelta(days=7)
LIMITS = (Limit(Counter.BYTES, 4096),)
#: How long Google may take until it lists a reply that it took.
LISTED_WITHIN = timedelta(hours=1)


class GoogleBusiness:
    """The reviews of one or several locations.

    Each fetch reads a page of one location; the cursor says which is next, and
    how far each has been read.
    """

    def __init__(
        self, settings: GoogleBusinessSettings, surroundings: Surroundings, addresses: Addresses = GOOGLE
    ) -> None:
        self._around = surroundings
        self._api = BusinessProfile(settings, surroundings, addresses)
        self._refusing: set[str] = set()
        self._fell_at: datetime | None = None

    @property
    def traits(self) -> Traits:
        """Reviews are swept weekly, and at once where a location has fewer than before."""
        sweep = SWEEP
        if self._fell_at is not None:
            sweep = min(SWEEP, max(self._around.now() - self._fell_at, timedelta(seconds=1)))
        return Traits(
            platform=PLATFORM,
            every=timedelta(minutes=10),
            duplicates=Duplicates.PUT,
            recheck_every=sweep,
            disclosure="Answer truthfully, and offer nothing for a review or for changing one.",
        )

    async def fetch(self, cursor: Cursor | None) -> Page:
        """One page of one location; a location that cannot be read does not keep the others from being heard."""
        locations = await self._api.locations()
        marks = {name: mark for name, mark in (cursor or {}).get("locations", {}).items() if name in locations}
        names = sorted(locations)
        name = (cursor or {}).get("next") or names[0]
        location = locations.get(name) or locations[names[0]]
        try:
            posts, faults, marks[location.name] = await self._page(location, marks.get(location.name))
        except (Closed, SourceChanged) as error:
            self._refusing.add(location.name)
            if self._refusing >= set(names):
                raise
            sample = error.sample if isinstance(error, SourceChanged) else ""
            posts, faults = [], [Fault(f"{location.account}: {error.happened}", sample=sample)]
        else:
            self._refusing.discard(location.name)
        goes_on = location.name not in self._refusing and bool(marks[location.name]["page"])
        following = location.name if goes_on else next((each for each in names if each > location.name), "")
        told = {"locations": marks, "next": following}
        return Page(posts, told, bool(following), faults, calls=self._api.count())

    async def _page(
        self, location: Location, mark: Mapping[str, Any] | None
    ) -> tuple[Sequence[Post], Sequence[Fault], dict[str, Any]]:
        """The posts of a location's next page, its faults, and how far it is read then."""
        now = self._around.now()
        round_ = Round.of(mark, now, LOOK_BACK)
        answer = await self._list(location, round_.page)
        if answer.status == 400:  # the mark of the next page has run out
            round_ = round_.again(now)
            answer = await self._list(location, "")
        try:
            parsed = parse(answer.json(), location)
        except ValueError as error:
            raise changed(answer.source, "not with reviews", answer.sample) from error
        if mark and parsed.total < mark["total"]:
            self._fell_at = now
        after = round_.after(parsed.times, parsed.page, at_least=1, lag=LAG)
        return parsed.posts, parsed.faults, {**after.cursor, "total": parsed.total}

    async def _list(self, location: Location, page: str) -> Answer:
        answer = await self._api.reviews(location.name, page, PAGE)
        if answer.status == 404:
            raise Closed(
                f'Google does not know the location "{location.account}" any more.',
                "What was heard is kept.",
                "Look whether the account that you connected still manages it.",
            )
        return answer

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Each review read again; one that is not there is gone if its location still is."""
        locations = await self._api.locations()
        standing: list[Post | Gone] = []
        stands: dict[str, bool] = {}
        for external_id in ids:
            location = locations.get(external_id.partition("/reviews/")[0])
            if location is None:
                continue
            review = await self._review(external_id)
            if review is not None:
                standing += posts_of(review, location)
                continue
            if location.name not in stands:
                stands[location.name] = (await self._api.reviews(location.name, "", 1)).status != 404
            standing += [Gone(PLATFORM, external_id)] if stands[location.name] else []
        return standing

    async def _review(self, name: str) -> Review | None:
        """One review; None where Google shows it no longer."""
        answer = await self._api.review(name)
        if answer.status == 404:
            return None
        try:
            return Review.model_validate(answer.json())
        except ValidationError as error:
            raise changed(answer.source, "not with a review", answer.sample) from error

    def route(self, post: Post) -> Route:
        """By API: who manages a profile may reply to every review of it."""
        return Route(RouteKind.API, "This is a review of our own profile.", LIMITS)

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        """Puts the reply, unless a colleague's stands there: Google would replace it without a word."""
        try:
            review = await self._review(target.external_id)
        except SourceError as error:
            raise not_sent(error) from error
        if review is None:
            raise ReplyRefused("The review that this reply answers is gone.")
        if review.said != target.context.get("said", review.said):
            raise ReplyDeferred("The review has just been edited; the next poll hears what it says now.")
        if review.answer and not _is(review.answer, text):
            raise ReplyRefused(
                "Somebody has answered this review on Google meanwhile, and this reply would have taken the place "
                "of theirs.",
                do="Look at the review.",
            )
        answer = await self._api.put_reply(target.external_id, text)
        try:
            Reply.model_validate(answer.json())
        except (SourceError, ValueError) as error:  # a page for people, perhaps of something on the way
            raise ReplyLost("Google did not say what it took.", do="Look at the review.") from error
        return Receipt(reply_id(target.external_id), review.url or target.url, self._around.now())

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        """Our reply to the review as it stands; whether another one is ours nobody can tell."""
        try:
            review = await self._review(target.external_id)
        except SourceError as error:
            return Unsure(error.happened)
        if review is None:
            return Unsure("Google does not show the review any more.")
        if review.reply and _is(review.reply, text):
            return Found(Receipt(reply_id(target.external_id), review.url or target.url, review.reply.at))
        return Unsure("Another reply stands under the review.") if review.answer else Absent()

    async def status(self, receipt: Receipt) -> Status:
        """What Google's moderation has decided."""
        review = await self._review(receipt.external_id.removesuffix("/reply"))
        if review is None:
            return Status(Visibility.REFUSED, "The review is gone, and the reply with it.")
        reply = review.reply
        if reply is None:
            is_new = receipt.at is not None and self._around.now() - receipt.at < LISTED_WITHIN
            return Status(Visibility.PENDING) if is_new else Status(Visibility.REFUSED, "Google shows no reply.")
        match reply.state:
            case "REJECTED":
                return Status(Visibility.REFUSED, reply.reason)
            case "PENDING":
                return Status(Visibility.PENDING)
            case "APPROVED" | "":
                return Status(Visibility.VISIBLE)
        return Status(Visibility.UNKNOWN)

    async def close(self) -> None:
        """Nothing is open between two calls."""


def _is(reply: Reply, text: str) -> bool:
    """Whether a reply says `text`, blanks aside."""
    return tidy(reply.text) == tidy(text)
