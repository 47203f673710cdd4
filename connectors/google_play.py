"""Google Play: the reviews of one app of our own that have words, and our replies to them.

Google shows what was written or edited within the last week, the newest first,
so a source that is off for longer has a gap. An edited review keeps its id and
comes first again. Stars without words are not shown at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, Field, ValidationError

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
    Gap,
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
from connectors.oauth import Token, Tokens, check_can_sign, exchange, signed
from connectors.rest import Api, Manners, soon
from connectors.rounds import Round

PLATFORM = "google_play"
ADDRESS = "https://androidpublisher.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/androidpublisher"
#: Reviews asked for at once, each perhaps with our reply.
PAGE = 50
#: What Google shows; its reference no longer states it, the one of the interface's second version did.
SHOWN = timedelta(days=7)
#: How far back a round reads again, to meet replies that colleagues have written on the console.
LAG = timedelta(days=2)
#: Google says "approximately".
LIMITS = (Limit(Counter.CHARACTERS, 350),)
#: How long a reply may take until it is shown.
SHOWN_WITHIN = timedelta(hours=1)

MANNERS = Manners(
    platform="Google Play",
    remedy=(
        "In the Play Console, look whether the service account may see the app and reply to reviews, and in Google "
        "Cloud, whether its key is active and the Google Play Android Developer API is switched on; then run "
        "warmline check."
    ),
    # Google says with 403, too, that too much was asked: 200 requests an hour that read, 2,000 replies a day.
    limits=dict.fromkeys(
        (
            "RATE_LIMIT_EXCEEDED",
            "RESOURCE_EXHAUSTED",
            "dailyLimitExceeded",
            "quotaExceeded",
            "rateLimitExceeded",
            "userRateLimitExceeded",
        ),
        soon,
    ),
)


class GooglePlaySettings(Table):
    """The keys of a source of type `google_play`."""

    #: The app's package name.
    package: str = Field(pattern=r"^[A-Za-z]\w*(\.[A-Za-z]\w*)+$", max_length=200)
    #: What the JSON key file of the service account holds.
    service_account: Secret


class ServiceAccount(BaseModel):
    """What Google's key file says, as far as we need it."""

    client_email: str = Field(min_length=1)
    private_key: str = Field(min_length=1, repr=False)
    private_key_id: str = ""
    token_uri: str = Field(pattern=r"^https?://")


class Moment(BaseModel):
    """Google's time: seconds since 1970, as a text."""

    seconds: int = Field(ge=0, lt=250_000_000_000)

    @property
    def time(self) -> datetime:
        """As a time."""
        return datetime.fromtimestamp(self.seconds, UTC)


class UserComment(BaseModel):
    """What the author says now."""

    text: str = ""
    original: str = Field(default="", alias="originalText")
    stars: int | None = Field(default=None, alias="starRating", ge=1, le=5)
    modified: Moment = Field(alias="lastModified")


class DeveloperComment(BaseModel):
    """What we have replied."""

    text: str = ""
    modified: Moment = Field(alias="lastModified")


class Comment(BaseModel):
    """One entry of a review: the author's, or ours."""

    user: UserComment | None = Field(default=None, alias="userComment")
    developer: DeveloperComment | None = Field(default=None, alias="developerComment")


class Review(BaseModel):
    """A review as Google gives it."""

    id: str = Field(alias="reviewId", pattern=r"^[\w:.-]{1,200}$")
    author: str = Field(default="", alias="authorName")
    comments: list[Comment]

    @property
    def said(self) -> UserComment | None:
        """What the author says now; None where only stars are left."""
        said = [comment.user for comment in self.comments if comment.user]
        return max(said, key=lambda each: each.modified.seconds, default=None)

    @property
    def answer(self) -> DeveloperComment | None:
        """Our reply, if it is to what the author says now: one from before the last edit is not."""
        own = [comment.developer for comment in self.comments if comment.developer]
        newest = max(own, key=lambda each: each.modified.seconds, default=None)
        is_stale = newest and self.said and newest.modified.seconds < self.said.modified.seconds
        return None if is_stale else newest


@dataclass(frozen=True, slots=True)
class Parsed:
    """One page: reviews and our replies, oldest first; `times` of the reviews as they stood there."""

    posts: Sequence[Post]
    faults: Sequence[Fault]
    times: Sequence[datetime]


def parse(payload: Any, package: str) -> Parsed:
    """The posts on one page of reviews; an app without any has no list at all.

    Raises:
        ValueError: it has lost its documented shape.
    """
    reviews = payload.get("reviews", []) if isinstance(payload, dict) else None
    if not isinstance(reviews, list):
        raise ValueError("there is no list of reviews")  # noqa: TRY004 – it is the value that is wrong
    posts: list[Post] = []
    faults: list[Fault] = []
    times: list[datetime] = []
    for each in reviews:
        try:
            review = Review.model_validate(each)
        except ValidationError as error:
            faults.append(_fault(each, error))
            continue
        if review.said:
            posts += _posts(review, review.said, package)
            times.append(review.said.modified.time)
    posts.sort(key=lambda post: post.posted_at.timestamp() if post.posted_at else 0)
    return Parsed(posts, faults, times)


def _fault(item: Any, error: ValidationError) -> Fault:
    wrong = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, wrong["loc"]))
    return Fault(f"A review cannot be read ({where}: {wrong['msg']}).", sample=tidy(str(item)[:2000]))


def _posts(review: Review, said: UserComment, package: str) -> list[Post]:
    # Some reviews have a title, which a tab parts from the text. The language that Google tells is the device's.
    before, tab, after = (said.original or said.text).partition("\t")
    title, text = (tidy(before), tidy(after)) if tab else ("", tidy(before))
    name = tidy(review.author)
    post = Post(
        platform=PLATFORM,
        external_id=review.id,
        text=text or title,
        title=title if text else "",
        posted_at=said.modified.time,
        rating=said.stars,
        url=_page(review.id, package),
        # Names are not unique; nobody has more than one review of an app.
        author=Author(review.id, name=name) if name else None,
        account=package,
    )
    answer = review.answer
    return [post, _own(review.id, answer, package)] if answer else [post]


def _own(review_id: str, answer: DeveloperComment, package: str) -> Post:
    return Post(
        platform=PLATFORM,
        external_id=f"{review_id}:reply",
        text=tidy(answer.text),
        posted_at=answer.modified.time,
        in_reply_to=review_id,
        own=True,
        account=package,
    )


def _page(review_id: str, package: str) -> str:
    """Where people see a review; Google does not document this form of the address."""
    return f"https://play.google.com/store/apps/details?id={package}&reviewId={quote(review_id, safe='')}"


class GooglePlay:
    """The reviews of one app."""

    def __init__(self, settings: GooglePlaySettings, surroundings: Surroundings, address: str = ADDRESS) -> None:
        self._package = settings.package
        self._where = settings.service_account.where
        self._key_file = settings.service_account.read()
        self._around = surroundings
        self._url = f"{address}/androidpublisher/v3/applications/{settings.package}/reviews"
        self._api = Api(surroundings, Tokens(self._token, surroundings.now), MANNERS)

    async def _token(self) -> Token:
        """An access token for the service account (RFC 7523)."""
        now = self._around.now()
        try:
            account = ServiceAccount.model_validate_json(self._key_file)
            claims = {
                "iss": account.client_email,
                "scope": SCOPE,
                "aud": account.token_uri,
                "iat": int(now.timestamp()),
                "exp": int(now.timestamp()) + 3600,
            }
            assertion = signed(claims, account.private_key, algorithm="RS256", key_id=account.private_key_id)
        except ValueError as error:
            raise SourceDenied(
                f'The service account of "{self._around.source}" in {self._where} is not the key file that Google gives.',
                "Nothing was asked.",
                "Make a new key of type JSON, put all that its file holds there, then run warmline check.",
            ) from (None if isinstance(error, ValidationError) else error)  # pydantic's would tell the key
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        return await exchange(self._around, account.token_uri, form, MANNERS)

    @property
    def traits(self) -> Traits:
        """An hour between two polls leaves most of Google's 200 requests an hour to others."""
        return Traits(platform=PLATFORM, every=timedelta(hours=1), duplicates=Duplicates.PUT)

    async def fetch(self, cursor: Cursor | None) -> Page:
        """One page of a round back to what was read before; a week unread or more becomes a gap."""
        now = self._around.now()
        round_ = Round.of(cursor, now, SHOWN)
        answer = await self._list(round_.page)
        if answer.status == 400:  # the mark of the next page has run out
            round_ = round_.again(now)
            answer = await self._list("")
        payload = answer.json()
        try:
            parsed = parse(payload, self._package)
        except ValueError as error:
            raise changed(answer.source, "not with reviews", answer.sample) from error
        after = round_.after(parsed.times, _next(payload), at_least=1, lag=LAG)
        gaps = _gaps(cursor, round_, now)
        return Page(parsed.posts, after.cursor, bool(after.page), parsed.faults, gaps, calls=self._api.count())

    async def _list(self, page: str) -> Answer:
        asked = {"maxResults": str(PAGE)} | ({"token": page} if page else {})
        return await self._api.get(self._url, params=asked, accept={400} if page else ())

    async def recheck(self, ids: Sequence[str]) -> list[Post | Gone]:
        """Nothing: edits come with the list, and a review that is gone looks like one of more than a week ago."""
        return []

    def route(self, post: Post) -> Route:
        """By API: who owns the app may reply to every review of it."""
        return Route(RouteKind.API, "This is a review of our own app.", LIMITS)

    async def reply(self, target: Target, text: str, *, key: str) -> Receipt:
        """Replies; a reply that stood there before is replaced."""
        answer = await self._api.publish(f"{self._review_url(target.external_id)}:reply", {"replyText": text})
        try:
            at = Moment.model_validate(answer.json()["result"]["lastEdited"]).time
        except (SourceError, KeyError, TypeError, ValueError) as error:
            raise ReplyLost("Google Play did not say what it took.", do="Look at the review.") from error
        return Receipt(target.external_id, _page(target.external_id, self._package), at)

    async def find_reply(self, target: Target, key: str, text: str) -> Found | Absent | Unsure:
        """Our reply to the review as it stands, whoever wrote it; there is one at most."""
        try:
            review = await self._review(target.external_id)
        except SourceError as error:
            return Unsure(error.happened)
        if review is None:
            return Unsure("Google Play does not show the review any more.")
        if review.answer is None:
            return Absent()
        page = _page(target.external_id, self._package)
        return Found(Receipt(target.external_id, page, review.answer.modified.time))

    async def status(self, receipt: Receipt) -> Status:
        """Whether the review shows our reply; one that is not shown at once is waited for."""
        review = await self._review(receipt.external_id)
        if review is None:
            return Status(Visibility.UNKNOWN)
        if review.answer:
            return Status(Visibility.VISIBLE)
        if receipt.at and self._around.now() - receipt.at < SHOWN_WITHIN:
            return Status(Visibility.PENDING)
        return Status(Visibility.REFUSED, "Google Play does not show the reply.")

    async def _review(self, external_id: str) -> Review | None:
        """One review; None where Google does not show it, which may only mean that it is old."""
        answer = await self._api.get(self._review_url(external_id), accept={404})
        if answer.status == 404:
            return None
        try:
            return Review.model_validate(answer.json())
        except ValidationError as error:
            raise changed(answer.source, "not with a review", answer.sample) from error

    def _review_url(self, external_id: str) -> str:
        return f"{self._url}/{quote(external_id, safe=':')}"

    async def close(self) -> None:
        """Nothing is open between two calls."""


def _next(payload: Mapping[str, Any]) -> str:
    """The mark of the next page; "" where there is none."""
    pages = payload.get("tokenPagination")
    mark = pages.get("nextPageToken") if isinstance(pages, dict) else None
    return mark if isinstance(mark, str) else ""


def _gaps(cursor: Cursor | None, round_: Round, now: datetime) -> tuple[Gap, ...]:
    """What was written since the last round and is not shown any more."""
    heard_until = round_.until + LAG
    if cursor is None or round_.pages or heard_until >= now - SHOWN:
        return ()
    return (Gap(heard_until, now - SHOWN, "Google Play shows only reviews of the last week."),)


def build(settings: GooglePlaySettings, surroundings: Surroundings) -> GooglePlay:
    """The connector for one table.

    Raises:
        ConfigError: the service account's key is missing.
        ImportError: PyJWT is not installed.
    """
    check_can_sign()
    return GooglePlay(settings, surroundings)


CONNECTOR = ConnectorType(
    settings=GooglePlaySettings,
    build=build,
    summary="Hears what people write about your app on Google Play, and replies to them.",
)
