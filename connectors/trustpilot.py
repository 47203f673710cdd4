"""Trustpilot: the service reviews of one business unit, and the company's replies to them.

The list tells of edits but is ordered by when reviews were written, so its
newest pages are read again each time, and kept reviews every few days: the
paid interface allows a number of calls a year.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from yarl import URL

from config.secrets import Secret
from config.settings import Table
from connectors.base import (
    Absent,
    Author,
    ConnectorType,
    Cursor,
    Duplicates,
    Fault,
    Found,
    Gone,
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
from connectors.errors import ReplyLost, ReplyRefused, SourceError
from connectors.http import Answer, changed
from connectors.markup import tidy
from connectors.oauth import Token, Tokens, exchange
from connectors.rest import Api, Manners, not_sent
from connectors.rounds import Round

PLATFORM = "trustpilot"
ADDRESS = "https://api.trustpilot.com"
SITE = "https://www.trustpilot.com"
#: Reviews asked for at once, each perhaps with the company's reply; Trustpilot would give 100.
PAGE = 50
#: Pages that are read each time, new reviews or not, and how late a review may be shown.
READ_AGAIN, LAG = 2, timedelta(days=2)
#: How far the first poll looks back.
LOOK_BACK = timedelta(days=30)
#: How long a reply may take until it is shown.
SHOWN_WITHIN = timedelta(hours=1)

MANNERS = Manners(
    platform="Trustpilot",
    remedy=(
        "Look in Trustpilot Business whether your plan includes the API module and whether key and secret are still "
        "those of your application; then run warmline check."
    ),
)

#: What Trustpilot names its things by.
_Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
#: Some of its times do not say where; they are UTC.
_Time = Annotated[datetime, AfterValidator(lambda at: at if at.tzinfo else at.replace(tzinfo=UTC))]


class TrustpilotSettings(Table):
    """The keys of a source of type `trustpilot`."""

    #: The id of the business unit.
    business_unit: _Id
    #: The key and the secret of the application in Trustpilot Business.
    api_key: Secret
    api_secret: Secret
    #: The id of the business user in whose name replies are written; without one, a person replies on the site.
    business_user: _Id | None = None


class Consumer(BaseModel):
    """Who wrote a review; their mail address, which is told, too, is passed over."""

    id: str = Field(default="", max_length=100)
    name: str | None = Field(default=None, alias="displayName")


class CompanyReply(BaseModel):
    """What the company has replied."""

    text: str = ""
    created: _Time | None = Field(default=None, alias="createdAt")
    updated: _Time | None = Field(default=None, alias="updatedAt")


class Review(BaseModel):
    """A review as Trustpilot gives it to the company."""

    id: _Id
    stars: int = Field(ge=1, le=5)
    title: str | None = None
    text: str | None = None
    language: str | None = None
    created: _Time = Field(alias="createdAt")
    updated: _Time | None = Field(default=None, alias="updatedAt")
    consumer: Consumer | None = None
    reply: CompanyReply | None = Field(default=None, alias="companyReply")


@dataclass(frozen=True, slots=True)
class Parsed:
    """One page: reviews and the company's replies, oldest first; `times` of the reviews as they stood there."""

    posts: Sequence[Post]
    faults: Sequence[Fault]
    times: Sequence[datetime]


def parse(payload: Any, business_unit: str) -> Parsed:
    """The posts on one page of reviews.

    Raises:
        ValueError: it has lost its documented shape.
    """
    if not isinstance(payload, dict) or not isinstance(payload.get("reviews"), list):
        raise ValueError("there is no list of reviews")  # noqa: TRY004 – it is the value that is wrong
    posts: list[Post] = []
    faults: list[Fault] = []
    times: list[datetime] = []
    for each in payload["reviews"]:
        try:
            review = Review.model_validate(each)
        except ValidationError as error:
            faults.append(_fault(error))
            continue
        posts += _posts(review, business_unit)
        times.append(review.created)
    posts.sort(key=lambda post: post.posted_at.timestamp() if post.posted_at else 0)
    return Parsed(posts, faults, times)


def _fault(error: ValidationError) -> Fault:
    """What is wrong with a review; no sample, which would hold the customer's mail address."""
    wrong = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, wrong["loc"]))
    return Fault(f"A review cannot be read ({where}: {wrong['msg']}).")


def _posts(review: Review, business_unit: str) -> list[Post]:
    title, text = tidy(review.title or ""), tidy(review.text or "")
    post = Post(
        platform=PLATFORM,
        external_id=review.id,
        text=text or title,
        title=title if text else "",
        posted_at=review.created,
        edited_at=review.updated,
        rating=review.stars,
        language=(review.language or "")[:2].lower(),
        url=_page(review.id),
        author=_author(review.consumer),
        account=business_unit,
    )
    return [post, _own(review.id, review.reply, business_unit)] if review.reply else [post]


def _author(consumer: Consumer | None) -> Author | None:
    if consumer is None or not consumer.id:
        return None
    return Author(consumer.id, name=tidy(consumer.name or ""), url=f"{SITE}/users/{quote(consumer.id, safe='')}")


def _own(review_id: str, reply: CompanyReply, business_unit: str) -> Post:
    return Post(
        platform=PLATFORM,
        external_id=f"{review_id}:reply",
        text=tidy(reply.text),
        posted_at=reply.updated or reply.created,
        in_reply_to=review_id,
        own=True,
        account=business_unit,
    )


def _page(review_id: str) -> str:
    return f"{SITE}/reviews/{review_id}"


class Trustpilot:
    """The reviews of one business unit."""

    def __init__(self, settings: TrustpilotSettings, surroundings: Surroundings, address: str = ADDRESS) -> None:
        self._unit = settings.business_unit
        self._user = settings.business_user
        self._around = surroundings
        proof = f"{settings.api_key.read()}:{settings.api_secret.read()}"
        self._basic = {"Authorization": f"Basic {b64encode(proof.encode()).decode()}"}
        self._url = f"{address}/v1"
        self._api = Api(surroundings, Tokens(self._token, surroundings.now), MANNERS)

    async def _token(self) -> Token:
        """An access token for the application, which Trustpilot gives for 100 hours."""
        url = f"{self._url}/oauth/oauth-business-users-for-applications/accesstoken"
        form = {"grant_type": "client_credentials"}
        return await exchange(self._around, url, form, MANNERS, headers=self._basic)

    @property
    def traits(self) -> Traits:
        """At this pace a year takes 35,000 calls of the 200,000 that the smallest plan allows."""
        return Traits(
            platform=PLATFORM,
            every=timedelta(minutes=30),
            duplicates=Duplicates.LOOKUP,
            recheck_every=timedelta(days=3),
        )

    async def fetch(self, cursor: Cursor | None) -> Page:
        """One page of a round back to what was read before, and never fewer than two pages a round."""
        round_ = Round.of(cursor, self._around.now(), LOOK_BACK)
        asked = {"orderBy": "createdat.desc", "perPage": str(PAGE), "page": round_.page or "1"}
        answer = await self._api.get(f"{self._url}/private/business-units/{self._unit}/reviews", params=asked)
        payload = answer.json()
        try:
            parsed = parse(payload, self._unit)
        except ValueError as error:
            raise changed(answer.source, "not with reviews", _sample(answer)) from error
        after = round_.after(parsed.times, _next(payload), at_least=READ_AGAIN, lag=LAG)
        return Page(parsed.posts, after.cursor, bool(after.page), parsed.faults, calls=self._api.count())

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Each review read again, with the company's reply where somebody has written one."""
        standing: list[Post | Gone] = []
        for external_id in ids:
            review = await self._review(external_id)
            standing += [Gone(PLATFORM, external_id)] if review is None else _posts(review, self._unit)
        return standing

    async def _review(self, external_id: str) -> Review | None:
        """One review as it stands; None where Trustpilot knows none."""
        answer = await self._api.get(f"{self._url}/private/reviews/{quote(external_id, safe='')}", accept={404})
        if answer.status == 404:
            answer.json()  # a page for people instead says nothing about the review
            return None
        try:
            return Review.model_validate(answer.json())
        except ValidationError as error:
            raise changed(answer.source, "not with a review", _sample(answer)) from error

    def route(self, post: Post) -> Route:
        """By API where a business user is named to speak; Trustpilot does not say how long a reply may be."""
        if self._user:
            return Route(RouteKind.API, "This is a review of our own business.")
        return Route(
            RouteKind.HANDOFF, "No business_user is named for this source: copy the text and reply on Trustpilot."
        )

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        """Replies where nobody has: whether Trustpilot would refuse or replace a second reply is not documented."""
        standing = await self._standing(target)
        if standing:
            if tidy(standing.text) == tidy(text):
                return _receipt(target.external_id, standing)
            raise ReplyRefused("The review has a reply of the company already.", do="Change it on Trustpilot.")
        url = f"{self._url}/private/reviews/{quote(target.external_id, safe='')}/reply"
        answer = await self._api.publish(url, {"authorBusinessUserId": self._user, "message": text})
        if answer.status != 201:  # the documented one; any other may come from something on the way
            raise ReplyLost("Trustpilot did not confirm the reply.", do="Look at the review.")
        return _receipt(target.external_id, CompanyReply(createdAt=self._around.now()))

    async def _standing(self, target: Target) -> CompanyReply | None:
        """The company's reply before ours leaves; nothing has been published when this raises."""
        if not self._user:
            raise ReplyRefused("No business_user is named for this source.", do="Name one, or reply on Trustpilot.")
        try:
            review = await self._review(target.external_id)
        except SourceError as error:
            raise not_sent(error) from error
        if review is None:
            raise ReplyRefused("The review that this reply answers is gone.")
        return review.reply

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        """The company's reply to the review, whoever wrote it; there is one at most."""
        try:
            review = await self._review(target.external_id)
        except SourceError as error:
            return Unsure(error.happened)
        return Found(_receipt(target.external_id, review.reply)) if review and review.reply else Absent()

    async def status(self, receipt: Receipt) -> Status:
        """Whether the review shows the reply; one that is not shown at once is waited for."""
        review = await self._review(receipt.external_id.removesuffix(":reply"))
        if review is None:
            return Status(Visibility.REFUSED, "The review is gone, and the reply with it.")
        if review.reply:
            return Status(Visibility.VISIBLE)
        if receipt.at and self._around.now() - receipt.at < SHOWN_WITHIN:
            return Status(Visibility.PENDING)
        return Status(Visibility.REFUSED, "Trustpilot does not show the reply.")

    async def close(self) -> None:
        """Nothing is open between two calls."""


def _receipt(review_id: str, reply: CompanyReply) -> Receipt:
    return Receipt(f"{review_id}:reply", _page(review_id), reply.updated or reply.created)


def _sample(answer: Answer) -> str:
    """What may be kept of an answer: reviews come with mail addresses, a page for people does not."""
    return "" if "json" in answer.headers.get("Content-Type", "") else answer.sample


def _next(payload: Mapping[str, Any]) -> str:
    """The number of the next page, taken out of its link: the link itself might lead anywhere."""
    links = payload.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "next-page" and isinstance(link.get("href"), str):
            try:
                page = URL(link["href"]).query.get("page", "")
            except ValueError:
                return ""
            return page if page.isdecimal() else ""
    return ""


CONNECTOR = ConnectorType(
    settings=TrustpilotSettings,
    build=Trustpilot,
    summary="Hears what customers write about you on Trustpilot, and replies to them.",
)
