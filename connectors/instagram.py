"""Instagram: comments on our own pictures and videos, and pictures in which others tag us.

Read by polling. Mentions in captions and comments of others cannot be heard
this way: Meta tells their ids only to apps that it sends to by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import AwareDatetime, BaseModel, Field

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
from connectors.errors import ReplyRefused, ReplyTooLong
from connectors.graph.account import Account, Edge
from connectors.graph.client import ADDRESS, GraphSettings
from connectors.graph.reading import collect
from connectors.graph.walk import Errand, Parsed, Talk, onward
from connectors.lengths import Counter
from connectors.markup import tidy

PLATFORM = "instagram"
SITE = "https://www.instagram.com"
# What Instagram's reference says of comments that are created by its interface.
LONGEST, MOST_TAGS, MOST_LINKS = 300, 4, 1
LIMITS = (Limit(Counter.CHARACTERS, LONGEST),)

_COMMENT = "id,text,timestamp,username,from,hidden,parent_id"
_TAG = re.compile(r"(?<!\w)[#＃]\w")
_LINK = re.compile(r"https?://|\bwww\.", re.IGNORECASE)


class InstagramSettings(GraphSettings):
    """The keys of a source of type `instagram`."""

    #: The id of the professional account, as the Graph API gives it.
    account: str = Field(pattern=r"^\d{1,30}$")


class Person(BaseModel):
    """Who wrote a comment."""

    id: str = ""
    username: str = ""


class _Node(BaseModel):
    id: str = Field(pattern=r"^\d{1,40}$")


class Media(_Node):
    """A picture or a video as Meta gives it."""

    caption: str | None = None
    written: AwareDatetime = Field(alias="timestamp")
    url: str = Field(default="", alias="permalink", max_length=2000)
    username: str = Field(default="", max_length=100)
    comments: int | None = Field(default=None, alias="comments_count")


class Comment(_Node):
    """A comment as Meta gives it."""

    text: str | None = None
    written: AwareDatetime = Field(alias="timestamp")
    username: str = Field(default="", max_length=100)
    writer: Person = Field(default=Person(), alias="from")
    hidden: bool = False
    parent: str = Field(default="", alias="parent_id", max_length=100)
    media: _Node | None = None
    replies: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def handle(self) -> str:
        """Its author's name, which stands in one of two places."""
        return self.username or self.writer.username


def parse(
    payload: Mapping[str, Any], own_id: str, account: str, edge: str = "comments", node: str = "", url: str = ""
) -> Parsed:
    """What one page of a list holds; `node` is what it belongs to and `url` where that is seen.

    Comments without words are left out, unless they are our own answers;
    hidden ones count as gone. `account` begins with "@".

    Raises:
        ValueError: it has lost its documented shape.
    """
    return collect(payload, lambda item: _read(item, own_id, account, edge, node, url))


def _read(each: Any, own_id: str, account: str, edge: str, node: str, url: str) -> Parsed:
    """What one item says, when it was written, and the conversations below it."""
    if edge in {"media", "tags"}:
        media = Media.model_validate(each)
        if edge == "tags":
            return Parsed(_tagged(media, account), times=[media.written])
        return Parsed(
            times=[media.written], talks=[Talk("comments", media.id, media.url, f"comments {media.comments}")]
        )
    comment = Comment.model_validate(each)
    above = comment.parent or (node if edge == "replies" else "")
    picture = comment.media.id if comment.media else node
    said = _heard(comment, own_id, account, above, picture, url)
    if not comment.replies:
        return Parsed(said, times=[comment.written])
    below = parse(comment.replies, own_id, account, "replies", comment.id, url)
    talks = [Talk("replies", comment.id, url)] if onward(comment.replies) else []
    return Parsed([*said, *below.posts], below.faults, [comment.written], talks)


def _heard(comment: Comment, own_id: str, account: str, above: str, picture: str, url: str) -> list[Post | Gone]:
    """A comment below the comment `above` ("": right below the picture)."""
    if comment.hidden:
        return [Gone(PLATFORM, comment.id, "hidden on the account")]
    handle, text = comment.handle, tidy(comment.text or "")
    own = comment.writer.id == own_id or handle.casefold() == account.removeprefix("@").casefold()
    if not (text or own):
        return []
    post = Post(
        platform=PLATFORM,
        external_id=comment.id,
        text=text,
        posted_at=comment.written,
        url=url,
        author=_author(handle, comment.writer.id),
        in_reply_to=above or picture,
        summons=not own,
        own=own,
        account=account,
        context={"at": comment.written.timestamp(), **({"thread": above} if above else {})},
    )
    return [post]


def _author(handle: str, author_id: str = "") -> Author | None:
    if not (handle or author_id):
        return None
    return Author(author_id or handle, handle, handle, f"{SITE}/{handle}/" if handle else "")


def _tagged(media: Media, account: str) -> list[Post | Gone]:
    """A picture of somebody else in which we are tagged, if it has words."""
    caption = tidy(media.caption or "")
    if not caption:
        return []
    post = Post(
        platform=PLATFORM,
        external_id=f"tagged:{media.id}",
        text=caption,
        posted_at=media.written,
        url=media.url,
        author=_author(media.username),
        summons=True,
        account=account,
        context={"at": media.written.timestamp()},
    )
    return [post]


class Instagram(Account):
    """One professional account of our own."""

    platform = PLATFORM
    service = "Instagram"
    needs = ("pages_show_list", "pages_read_engagement", "instagram_basic", "instagram_manage_comments")
    edges: ClassVar[Mapping[str, Edge]] = {
        "": Edge("", f"{_COMMENT},media", 1),
        "media": Edge("media", "id,timestamp,permalink,comments_count", 50, dated=True),
        "tags": Edge("tags", "id,caption,timestamp,permalink,username", 50),
        # 25 comments with three replies each are a page; a longer conversation is read on its own.
        "comments": Edge("comments", f"{_COMMENT},replies.limit(3){{{_COMMENT}}}", 25),
        "replies": Edge("replies", _COMMENT, 50),
    }
    starts: ClassVar[Mapping[str, bool]] = {"media": True, "tags": False}
    answers, published = "replies", ""
    named, hidden = "username", "id,hidden"

    def __init__(self, settings: InstagramSettings, surroundings: Surroundings, address: str = ADDRESS) -> None:
        super().__init__(settings.account, settings, surroundings, address)

    def parsed(self, payload: Mapping[str, Any], errand: Errand) -> Parsed:
        """One page of a list."""
        return parse(payload, self._own_id, f"@{self._name}", errand.edge, errand.node, errand.url)

    async def stand(self, nodes: Mapping[str, Any]) -> Sequence[Post | Gone]:
        """Comments, with the addresses of their pictures, which a comment does not tell."""
        pictures = {external_id: _picture(node) for external_id, node in nodes.items()}
        shown, _ = await self._graph.read(sorted(set(filter(None, pictures.values()))), "id,permalink")
        standing: list[Post | Gone] = []
        for external_id, node in nodes.items():
            picture = shown.get(pictures[external_id])
            url = str(picture.get("permalink") or "") if isinstance(picture, Mapping) else ""
            standing += parse({"data": [node]}, self._own_id, f"@{self._name}", "", url=url).posts
        return standing

    def route(self, post: Post) -> Route:
        """By API below our own pictures, beginning with the author's name where others are in the conversation."""
        if post.external_id.startswith("tagged:"):
            reason = "It is somebody else's picture and tags us: copy the text and open it."
            return Route(RouteKind.HANDOFF, reason, LIMITS)
        handle = post.author.handle if post.author else ""
        opening = f"@{handle} " if handle and post.context.get("thread") else ""
        return Route(RouteKind.API, "It stands below our own picture.", LIMITS, opening)

    def check(self, text: str) -> None:
        """The length, the hashtags and the links."""
        if len(text) > LONGEST:
            raise ReplyTooLong(f"The reply has {len(text)} characters; Instagram takes {LONGEST}.", do="Shorten it.")
        if len(_TAG.findall(text)) > MOST_TAGS:
            raise ReplyRefused(f"Instagram takes at most {MOST_TAGS} hashtags in a reply.", do="Take some out.")
        if len(_LINK.findall(text)) > MOST_LINKS:
            raise ReplyRefused("Instagram takes at most one link in a reply.", do="Take the others out.")


def _picture(node: Any) -> str:
    """The id of the picture below which a comment stands."""
    media = node.get("media") if isinstance(node, Mapping) else None
    return str(media.get("id") or "") if isinstance(media, Mapping) else ""


CONNECTOR = ConnectorType(
    settings=InstagramSettings,
    build=Instagram,
    summary="Hears comments below your Instagram pictures and tags by others, and answers the comments.",
)
