"""From what Google answers to posts, without a network."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, AliasChoices, AwareDatetime, BaseModel, Field, ValidationError

from connectors.base import Author, Fault, Post
from connectors.google_business.locations import Location
from connectors.markup import tidy

PLATFORM = "google_business"

#: A review that changes so soon after its reply may have changed by it: Google does not say.
AT_ONCE = timedelta(minutes=1)

_STARS = {"ONE": 1.0, "TWO": 2.0, "THREE": 3.0, "FOUR": 4.0, "FIVE": 5.0}
#: Google puts its translation before or after what was written.
_BEFORE = re.compile(r"\s*\(Translated by Google\).*?\(Original\)\s*(?P<original>.+)", re.DOTALL)
_AFTER = re.compile(r"(?P<original>.+?)\n\s*\(Translated by Google\)\s.*", re.DOTALL)


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("no calendar reaches that far") from error


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]


class Reviewer(BaseModel):
    """Who wrote a review; Google tells no number of theirs."""

    name: str = Field(default="", alias="displayName", max_length=500)
    is_anonymous: bool = Field(default=False, alias="isAnonymous")


class Reply(BaseModel):
    """What the business has replied; `violation` is what Google says it offends against."""

    text: str = Field(default="", alias="comment")
    at: Moment = Field(alias="updateTime")
    state: str = Field(default="", validation_alias=AliasChoices("reviewReplyState", "state"))
    violation: Any = Field(default=None, alias="policyViolation")

    @property
    def reason(self) -> str:
        """Why it was refused, in Google's words as far as it has some."""
        said = self.violation
        words = list(said.values()) if isinstance(said, dict) else said if isinstance(said, list) else [said]
        told = ", ".join(tidy(word.replace("_", " ").lower())[:200] for word in words if isinstance(word, str))
        return f"Google refused the reply: {told}." if told else "Google refused the reply and gave no reason."


class Review(BaseModel):
    """One review as it stands; `url` is where its owner answers it by hand."""

    name: str = Field(pattern=r"^accounts/[\w-]+/locations/[\w-]+/reviews/[\w=+-]+$", max_length=500)
    reviewer: Reviewer = Reviewer()
    stars: str = Field(default="", alias="starRating")
    comment: str = ""
    created: Moment = Field(alias="createTime")
    updated: Moment = Field(alias="updateTime")
    reply: Reply | None = Field(default=None, alias="reviewReply")
    url: str = Field(default="", alias="reviewReplyUrl", max_length=2000)

    @property
    def text(self) -> str:
        """What was written, in the language it was written in; "" where there are only stars."""
        found = _BEFORE.fullmatch(self.comment) or _AFTER.fullmatch(self.comment)
        return tidy(found["original"] if found else self.comment)

    @property
    def rating(self) -> float | None:
        """From 1 to 5 stars."""
        return _STARS.get(self.stars)

    @property
    def said(self) -> str:
        """A hash of what the author says, to tell an edit."""
        return hashlib.sha256(f"{self.rating} {self.text}".encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def answer(self) -> Reply | None:
        """The reply, if it is to what the author says now: one from before the last edit is not."""
        return self.reply if self.reply and self.reply.at >= self.updated - AT_ONCE else None


class Parsed(NamedTuple):
    """One page: reviews and our replies, oldest first; `times` of the reviews as they stood there.

    `page` is the mark of the next page ("": there is none), `total` how many
    reviews the location has.
    """

    posts: Sequence[Post]
    faults: Sequence[Fault]
    times: Sequence[datetime]
    page: str
    total: int


def parse(payload: Any, location: Location) -> Parsed:
    """The posts on one page of a location's reviews; a location without any has no list at all.

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
        posts += posts_of(review, location)
        times.append(review.updated)
    posts.sort(key=lambda post: post.posted_at or datetime.min.replace(tzinfo=UTC))
    page, total = payload.get("nextPageToken"), payload.get("totalReviewCount")
    return Parsed(
        posts, faults, times, page if isinstance(page, str) else "", total if isinstance(total, int) else len(times)
    )


def _fault(item: Any, error: ValidationError) -> Fault:
    wrong = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, wrong["loc"]))
    return Fault(f"A review cannot be read ({where}: {wrong['msg']}).", sample=tidy(str(item)[:2000]))


def posts_of(review: Review, location: Location) -> list[Post]:
    """The review, and what the business has answered to it as it stands."""
    name = tidy(review.reviewer.name)
    post = Post(
        platform=PLATFORM,
        external_id=review.name,
        text=review.text,
        posted_at=review.updated,  # an edited review is as fresh as its edit
        edited_at=review.updated if review.updated > review.created else None,
        url=review.url or location.url,
        rating=review.rating,
        # Names are not unique; nobody has more than one review of a location.
        author=Author(review.name, name=name) if name and not review.reviewer.is_anonymous else None,
        account=location.account,
        place=location.place,
        context={"said": review.said},
    )
    return [post, _own(review, review.answer, location)] if review.answer else [post]


def _own(review: Review, answer: Reply, location: Location) -> Post:
    return Post(
        platform=PLATFORM,
        external_id=reply_id(review.name),
        text=tidy(answer.text),
        posted_at=answer.at,
        in_reply_to=review.name,
        own=True,
        account=location.account,
        place=location.place,
    )


def reply_id(review: str) -> str:
    """What we call the one reply that a review can have."""
    return f"{review}/reply"
