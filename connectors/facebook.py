"""Facebook: what people write on a Page of our own, below its posts, and in posts that tag it.

Read by polling, because Meta sends by itself only to apps that it has
reviewed. Ids are Meta's own; one with "tagged:" or "recommendation:" before it
belongs to somebody else, is known from a list only and cannot be read singly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import AwareDatetime, BaseModel, Field
from yarl import URL

from connectors.base import (
    Author,
    ConnectorType,
    Gone,
    Limit,
    Post,
    Route,
    RouteKind,
    Surroundings,
)
from connectors.errors import ReplyTooLong
from connectors.graph.account import Account, Edge
from connectors.graph.client import ADDRESS, GraphSettings
from connectors.graph.reading import collect
from connectors.graph.walk import Errand, Parsed, Talk
from connectors.lengths import Counter
from connectors.markup import tidy

PLATFORM = "facebook"
#: Meta states no length for comments; this is what its form has been seen to take.
LONGEST = 8_000
LIMITS = (Limit(Counter.CHARACTERS, LONGEST),)

#: What both posts and comments have: when they are read singly, nobody knows which of the two an id is.
_TEXT = "id,message,created_time,from,permalink_url,is_hidden"
_COMMENT = f"{_TEXT},parent{{id}}"
_COUNTED = "comments.filter(stream).limit(0).summary(true)"
_REVIEW = "created_time,recommendation_type,review_text,reviewer{id,name},open_graph_story{id}"


class FacebookSettings(GraphSettings):
    """The keys of a source of type `facebook`."""

    #: The Page's id.
    page: str = Field(pattern=r"^\d{1,30}$")


class Person(BaseModel):
    """Who wrote; Meta names people only to the Page on which they write."""

    id: str = Field(min_length=1, max_length=100)
    name: str = ""


class _Node(BaseModel):
    id: str = Field(pattern=r"^\d+(_\d+)*$", max_length=200)


class _Summary(BaseModel):
    total: int | None = Field(default=None, alias="total_count")


class _Comments(BaseModel):
    summary: _Summary = _Summary()


class Item(_Node):
    """A post or a comment as Meta gives it."""

    text: str | None = Field(default=None, alias="message")
    created: AwareDatetime = Field(alias="created_time")
    updated: str = Field(default="", alias="updated_time", max_length=100)
    writer: Person | None = Field(default=None, alias="from")
    url: str = Field(default="", alias="permalink_url", max_length=2000)
    hidden: bool = Field(default=False, alias="is_hidden")
    parent: _Node | None = None
    comments: _Comments = _Comments()


class Review(BaseModel):
    """A recommendation as Meta gives it; its story is the post that can be commented on."""

    created: AwareDatetime = Field(alias="created_time")
    kind: str = Field(default="", alias="recommendation_type")
    text: str | None = Field(default=None, alias="review_text")
    writer: Person | None = Field(default=None, alias="reviewer")
    story: _Node = Field(alias="open_graph_story")


def parse(payload: Mapping[str, Any], page: str, edge: str = "comments", node: str = "", account: str = "") -> Parsed:
    """What one page of a list holds; `node` is what it belongs to, `account` what the Page is called.

    Items without words, such as stickers, are left out, unless they are our
    own answers; hidden ones count as gone.

    Raises:
        ValueError: it has lost its documented shape.
    """
    return collect(payload, lambda item: _read(item, page, edge, node, account))


def _read(each: Any, page: str, edge: str, node: str, account: str) -> Parsed:
    """What one item says, when it was written, and the conversation below it."""
    if edge == "ratings":
        review = Review.model_validate(each)
        return Parsed(_recommendation(review, page, account), times=[review.created])
    item = Item.model_validate(each)
    talks = []
    if edge == "feed" and item.id.startswith(f"{page}_"):
        talks = [Talk("comments", item.id, item.url, f"{item.updated} {item.comments.summary.total}")]
    return Parsed(_post(item, page, node, account), times=[item.created], talks=talks)


def _post(item: Item, page: str, node: str, account: str) -> list[Post | Gone]:
    above, below = _place(item, page, node)
    is_comment, own = bool(below), bool(item.writer and item.writer.id == page)
    is_ours = is_comment or item.id.startswith(f"{page}_")
    external_id = item.id if is_ours else f"tagged:{item.id}"
    if item.hidden:
        return [Gone(PLATFORM, external_id, "hidden on the Page")]
    text = tidy(item.text or "")
    if not (text or own):
        return []
    post = Post(
        platform=PLATFORM,
        external_id=external_id,
        text=text,
        posted_at=item.created,
        url=item.url,
        author=Author(item.writer.id, name=tidy(item.writer.name)) if item.writer else None,
        in_reply_to=above or below,
        summons=not own,
        own=own,
        account=account or page,
        context={"at": item.created.timestamp(), **({"thread": above} if above else {})},
    )
    return [post]


def _place(item: Item, page: str, node: str) -> tuple[str, str]:
    """The comment and the post below which a comment stands; "" for a post, and where there is no such comment.

    Meta's links tell it too, which is all there is when a comment is read singly.
    """
    first = item.id.partition("_")[0]
    try:
        query = URL(item.url).query
    except ValueError:
        query = URL().query
    on_post = node if node.startswith(f"{page}_") else f"{page}_{first}"
    if item.parent is not None:
        return item.parent.id, on_post
    if query.get("reply_comment_id") and query.get("comment_id"):
        return f"{first}_{query['comment_id']}", on_post
    if node and node != page and node != on_post:
        return node, on_post  # it was listed below a comment
    return "", on_post if node == on_post or query.get("comment_id") else ""


def _recommendation(review: Review, page: str, account: str) -> list[Post | Gone]:
    """With words for what it recommends: Meta has replaced its stars, and we invent none."""
    words = {"positive": "Recommends us", "negative": "Does not recommend us"}.get(review.kind, "")
    text = tidy(review.text or "")
    if not (text or words):
        return []
    post = Post(
        platform=PLATFORM,
        external_id=f"recommendation:{review.story.id}",
        text=text or words,
        title=words if text else "",
        posted_at=review.created,
        url=f"https://www.facebook.com/{page}/reviews",
        author=Author(review.writer.id, name=tidy(review.writer.name)) if review.writer else None,
        summons=True,
        account=account or page,
        context={"at": review.created.timestamp()},
    )
    return [post]


class Facebook(Account):
    """One Page of our own."""

    platform = PLATFORM
    service = "Facebook"
    needs = ("pages_show_list", "pages_read_engagement", "pages_read_user_content", "pages_manage_engagement")
    edges: ClassVar[Mapping[str, Edge]] = {
        "": Edge("", _TEXT, 1),
        "feed": Edge("feed", f"{_TEXT},updated_time,{_COUNTED}", 50, dated=True),
        "tagged": Edge("tagged", _TEXT, 50, dated=True),
        "ratings": Edge("ratings", _REVIEW, 50, optional="Recommendations are not heard; look at them on the Page."),
        "comments": Edge(
            "comments", _COMMENT, 100, dated=True, more={"filter": "stream", "order": "reverse_chronological"}
        ),
        "answers": Edge("comments", _COMMENT, 100, more={"filter": "toplevel", "order": "reverse_chronological"}),
    }
    starts: ClassVar[Mapping[str, bool]] = {"feed": True, "tagged": False, "ratings": False}
    answers, published = "answers", "id,permalink_url"
    named, hidden = "name", "id,is_hidden"

    def __init__(self, settings: FacebookSettings, surroundings: Surroundings, address: str = ADDRESS) -> None:
        super().__init__(settings.page, settings, surroundings, address)

    def parsed(self, payload: Mapping[str, Any], errand: Errand) -> Parsed:
        """One page of a list."""
        return parse(payload, self._own_id, errand.edge, errand.node, self._name)

    async def stand(self, nodes: Mapping[str, Any]) -> Sequence[Post | Gone]:
        """Posts and comments alike."""
        return parse({"data": list(nodes.values())}, self._own_id, account=self._name).posts

    def route(self, post: Post) -> Route:
        """By API on our own Page; what stands elsewhere and tags us is for a person."""
        if post.external_id.startswith("tagged:"):
            reason = "It stands on somebody else's page and tags us: copy the text and open the post."
            return Route(RouteKind.HANDOFF, reason, LIMITS)
        return Route(RouteKind.API, "It stands on our own Page.", LIMITS)

    def check(self, text: str) -> None:
        """Nothing but the length."""
        if len(text) > LONGEST:
            raise ReplyTooLong(f"The reply has {len(text):,} characters; Facebook takes {LONGEST:,}.", do="Shorten it.")


CONNECTOR = ConnectorType(
    settings=FacebookSettings,
    build=Facebook,
    summary="Hears comments, visitors' posts and tags on your Facebook Page, and answers below them.",
)
