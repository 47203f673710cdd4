"""Apple's App Store: the reviews of one app of our own, and our responses to them.

Read by App Store Connect's interface. Every request carries a token that we
sign ourselves with the account's key. A review that its author edits keeps its
id, and the interface tells no date of the edit: the newest pages are read
again each time, and kept reviews once a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, Field, ValidationError
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
from connectors.errors import ReplyLost, SourceDenied, SourceError
from connectors.http import Answer, changed
from connectors.lengths import Counter
from connectors.markup import tidy
from connectors.oauth import Token, Tokens, check_can_sign, signed
from connectors.rest import Api, Manners, reasons
from connectors.rounds import Round

PLATFORM = "app_store"
ADDRESS = "https://api.appstoreconnect.apple.com"
#: Reviews asked for at once, each perhaps with our response; Apple would give 200.
PAGE = 50
#: Pages that are read each time, new reviews or not, and how late a review may be shown.
READ_AGAIN, LAG = 2, timedelta(days=2)
#: How far the first poll looks back.
LOOK_BACK = timedelta(days=30)
#: How long a token that we sign is valid; Apple takes none for longer than 20 minutes.
VALID_FOR = timedelta(minutes=15)
#: The length of a response; Apple's interface does not state it, App Store Connect's form counts down from it.
LIMITS = (Limit(Counter.CHARACTERS, 5_970),)

MANNERS = Manners(
    platform="The App Store",
    remedy=(
        "In App Store Connect, look whether the key is still active, has the role Customer Support and belongs to "
        "that issuer id, and whether an agreement waits for the account holder; then run warmline check."
    ),
)


class AppStoreSettings(Table):
    """The keys of a source of type `app_store`."""

    #: The app's Apple ID.
    app: str = Field(pattern=r"^\d{1,20}$")
    #: The issuer of the key, which App Store Connect shows above the list of keys.
    issuer_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$")
    #: The key's id.
    key_id: str = Field(pattern=r"^[A-Z0-9]{4,20}$")
    #: What the file AuthKey_….p8 holds.
    private_key: Secret


_Id = Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]


class _Linked(BaseModel):
    id: _Id


class _Relation(BaseModel):
    data: _Linked | None = None


class _Relations(BaseModel):
    response: _Relation = _Relation()


class _Said(BaseModel):
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    title: str | None = None
    body: str | None = None
    reviewer: str | None = Field(default=None, alias="reviewerNickname")
    created: AwareDatetime = Field(alias="createdDate")
    territory: str = Field(default="", max_length=20)


class Review(BaseModel):
    """A review as Apple gives it."""

    id: _Id
    said: _Said = Field(alias="attributes")
    relations: _Relations = Field(default=_Relations(), alias="relationships")


class _Answered(BaseModel):
    text: str = Field(default="", alias="responseBody")
    at: AwareDatetime | None = Field(default=None, alias="lastModifiedDate")
    state: str = ""


class Response(BaseModel):
    """Our response to a review as Apple gives it."""

    type: Literal["customerReviewResponses"] = "customerReviewResponses"
    id: _Id
    said: _Answered = Field(alias="attributes")


@dataclass(frozen=True, slots=True)
class Parsed:
    """One page: reviews and our responses, oldest first; `times` of the reviews as they stood there."""

    posts: Sequence[Post]
    faults: Sequence[Fault]
    times: Sequence[datetime]


def parse(payload: Any, app: str) -> Parsed:
    """The posts in a list of reviews that includes our responses.

    Raises:
        ValueError: it has lost its documented shape.
    """
    if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
        raise ValueError("there is no list of reviews")  # noqa: TRY004 – it is the value that is wrong
    responses = _responses(payload)
    posts: list[Post] = []
    faults: list[Fault] = []
    times: list[datetime] = []
    for each in payload["data"]:
        try:
            review = Review.model_validate(each)
        except ValidationError as error:
            faults.append(_fault(each, error))
            continue
        linked = review.relations.response.data
        posts += _posts(review, responses.get(linked.id) if linked else None, app)
        times.append(review.said.created)
    posts.sort(key=lambda post: post.posted_at.timestamp() if post.posted_at else 0)
    return Parsed(posts, faults, times)


def _responses(payload: Mapping[str, Any]) -> dict[str, Response]:
    """Our responses by id; one that cannot be read says nothing about its review."""
    found = {}
    included = payload.get("included")
    for each in included if isinstance(included, list) else ():
        try:
            response = Response.model_validate(each)
        except ValidationError:
            continue
        found[response.id] = response
    return found


def _fault(item: Any, error: ValidationError) -> Fault:
    wrong = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, wrong["loc"]))
    return Fault(f"A review cannot be read ({where}: {wrong['msg']}).", sample=tidy(str(item)[:2000]))


def _posts(review: Review, response: Response | None, app: str) -> list[Post]:
    said, title, text = review.said, tidy(review.said.title or ""), tidy(review.said.body or "")
    name = tidy(said.reviewer or "")
    post = Post(
        platform=PLATFORM,
        external_id=review.id,
        text=text or title,
        title=title if text else "",
        posted_at=said.created,
        rating=said.rating,
        url=_page(app),
        # Nicknames are not unique; nobody has more than one review of an app.
        author=Author(review.id, name=name) if name else None,
        account=app,
        context={"territory": said.territory},
    )
    return [post, _own(review, response, app)] if response and _answers(review, response) else [post]


def _answers(review: Review, response: Response) -> bool:
    """Whether a response is to the review as it stands, not to what its author said before."""
    return response.said.at is None or response.said.at >= review.said.created


def _own(review: Review, response: Response, app: str) -> Post:
    return Post(
        platform=PLATFORM,
        external_id=response.id,
        text=tidy(response.said.text),
        posted_at=response.said.at,
        in_reply_to=review.id,
        own=True,
        account=app,
    )


def _page(app: str) -> str:
    """Where people find the reviews; Apple has no address for a single one."""
    return f"https://appstoreconnect.apple.com/apps/{app}"


class AppStore:
    """The reviews of one app."""

    def __init__(self, settings: AppStoreSettings, surroundings: Surroundings, address: str = ADDRESS) -> None:
        self._settings = settings
        self._around = surroundings
        self._key = settings.private_key.read()
        self._url = f"{address}/v1"
        self._api = Api(surroundings, Tokens(self._token, surroundings.now), MANNERS)

    async def _token(self) -> Token:
        now, until = self._around.now(), self._around.now() + VALID_FOR
        claims = {
            "iss": self._settings.issuer_id,
            "iat": int(now.timestamp()),
            "exp": int(until.timestamp()),
            "aud": "appstoreconnect-v1",
        }
        try:
            token = signed(claims, self._key, algorithm="ES256", key_id=self._settings.key_id)
        except ValueError as error:
            where = self._settings.private_key.where
            raise SourceDenied(
                f'The key of "{self._around.source}" in {where} cannot be used: {error}.',
                "Nothing was asked.",
                "Put there all that the file AuthKey_….p8 holds, then run warmline check.",
            ) from error
        return Token(token, until - timedelta(minutes=1))

    @property
    def traits(self) -> Traits:
        """Apple replaces a response by the next one; what is sent is public within a day."""
        return Traits(
            platform=PLATFORM,
            every=timedelta(minutes=30),
            duplicates=Duplicates.PUT,
            recheck_every=timedelta(days=1),
        )

    async def fetch(self, cursor: Cursor | None) -> Page:
        """One page of a round back to what was read before, and never fewer than two pages a round."""
        now = self._around.now()
        round_ = Round.of(cursor, now, LOOK_BACK)
        answer = await self._list(round_.page)
        if answer.status == 400:  # the mark of the next page has run out
            round_ = round_.again(now)
            answer = await self._list("")
        payload = answer.json()
        parsed = self._parse(answer, payload)
        after = round_.after(parsed.times, _next(payload), at_least=READ_AGAIN, lag=LAG)
        return Page(parsed.posts, after.cursor, bool(after.page), parsed.faults, calls=self._api.count())

    async def _list(self, page: str) -> Answer:
        asked = {"sort": "-createdDate", "include": "response", "limit": str(PAGE)}
        more = {"cursor": page} if page else {}
        url = f"{self._url}/apps/{self._settings.app}/customerReviews"
        return await self._api.get(url, params=asked | more, accept={400} if page else ())

    def _parse(self, answer: Answer, payload: Any) -> Parsed:
        try:
            return parse(payload, self._settings.app)
        except ValueError as error:
            raise changed(answer.source, "not with reviews", answer.sample) from error

    async def _review(self, external_id: str) -> Parsed | None:
        """One review with our response; None where Apple itself says that it knows none."""
        url = f"{self._url}/customerReviews/{quote(external_id, safe='')}"
        answer = await self._api.get(url, params={"include": "response"}, accept={404})
        if answer.status == 404 and any(name.startswith("NOT_FOUND") for name in reasons(answer)):
            return None
        payload = answer.json()
        if not isinstance(payload, dict) or not isinstance(payload.get("data"), dict):
            raise changed(answer.source, "not with a review", answer.sample)
        return self._parse(answer, payload | {"data": [payload["data"]]})

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Each review read again, with our response where somebody has written one."""
        standing: list[Post | Gone] = []
        for external_id in ids:
            parsed = await self._review(external_id)
            standing += [Gone(PLATFORM, external_id)] if parsed is None else parsed.posts
        return standing

    def route(self, post: Post) -> Route:
        """By API: who owns the app may respond to every review of it."""
        return Route(RouteKind.API, "This is a review of our own app.", LIMITS)

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        """Responds; Apple publishes within a day, and a response that stood there before is replaced."""
        review = {"data": {"type": "customerReviews", "id": target.external_id}}
        body = {
            "type": "customerReviewResponses",
            "attributes": {"responseBody": text},
            "relationships": {"review": review},
        }
        answer = await self._api.publish(f"{self._url}/customerReviewResponses", {"data": body})
        try:
            response = Response.model_validate(answer.json()["data"])
        except (SourceError, KeyError, TypeError, ValueError) as error:
            raise ReplyLost("Apple did not say what it took.", do="Look at the review.") from error
        return Receipt(response.id, _page(self._settings.app), response.said.at)

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        """Our response to the review, whoever wrote it; there is one at most."""
        try:
            parsed = await self._review(target.external_id)
        except SourceError as error:
            return Unsure(error.happened)
        own = next((post for post in parsed.posts if post.own), None) if parsed else None
        if own is None:
            return Absent()
        return Found(Receipt(own.external_id, _page(self._settings.app), own.posted_at))

    async def status(self, receipt: Receipt) -> Status:
        """What Apple says of the response's state."""
        url = f"{self._url}/customerReviewResponses/{quote(receipt.external_id, safe='')}"
        answer = await self._api.get(url, accept={404})
        if answer.status == 404:
            return Status(Visibility.REFUSED, "Apple does not keep the response any more.")
        try:
            state = Response.model_validate(answer.json()["data"]).said.state
        except (KeyError, TypeError, ValueError) as error:
            raise changed(answer.source, "not with a response", answer.sample) from error
        known = {"PENDING_PUBLISH": Visibility.PENDING, "PUBLISHED": Visibility.VISIBLE}
        return Status(known.get(state, Visibility.UNKNOWN))

    async def close(self) -> None:
        """Nothing is open between two calls."""


def _next(payload: Mapping[str, Any]) -> str:
    """The mark of the next page, taken out of its link: the link itself might lead anywhere."""
    links = payload.get("links")
    link = links.get("next") if isinstance(links, dict) else None
    try:
        return URL(link).query.get("cursor", "") if isinstance(link, str) else ""
    except ValueError:
        return ""


def build(settings: AppStoreSettings, surroundings: Surroundings) -> AppStore:
    """The connector for one table.

    Raises:
        ConfigError: the key is missing.
        ImportError: PyJWT is not installed.
    """
    check_can_sign()
    return AppStore(settings, surroundings)


CONNECTOR = ConnectorType(
    settings=AppStoreSettings,
    build=build,
    summary="Hears the reviews of your app in Apple's App Store, and responds to them.",
)
