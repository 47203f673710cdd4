"""From what YouTube's interface answers to posts, without a network."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from connectors.base import Author, Fault, Post
from connectors.markup import tidy

PLATFORM = "youtube"
SITE = "https://www.youtube.com"
#: Videos have ids of this length, comments longer ones.
VIDEO_ID = 11
#: What YouTube puts, unseen, before a name that a reply begins with.
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00a0 "

_Id = Annotated[str, Field(pattern=r"^[\w.-]{1,200}$")]


class _Channel(BaseModel):
    value: str = Field(default="", max_length=100)


class _CommentSaid(BaseModel):
    original: str = Field(default="", alias="textOriginal")
    display: str = Field(default="", alias="textDisplay")
    name: str = Field(default="", alias="authorDisplayName")
    author_url: str = Field(default="", alias="authorChannelUrl")
    author: _Channel = Field(default=_Channel(), alias="authorChannelId")
    published: AwareDatetime = Field(alias="publishedAt")
    updated: AwareDatetime | None = Field(default=None, alias="updatedAt")
    parent: str = Field(default="", alias="parentId")
    moderation: str = Field(default="", alias="moderationStatus")


class Comment(BaseModel):
    """One comment or reply."""

    id: _Id
    said: _CommentSaid = Field(alias="snippet")

    @property
    def thread(self) -> str:
        """The id of the thread it stands in, which is that of the thread's first comment; a reply's begins with it."""
        return self.said.parent or self.id.partition(".")[0]


class _ThreadSaid(BaseModel):
    top: Comment = Field(alias="topLevelComment")
    video: str = Field(default="", alias="videoId", max_length=100)
    replies: int = Field(default=0, alias="totalReplyCount", ge=0)
    # Whether "the current viewer" may reply; we ask as nobody. False only where the thread is closed to all.
    is_open: bool = Field(default=True, alias="canReply")


class _Thread(BaseModel):
    id: _Id
    said: _ThreadSaid = Field(alias="snippet")


class _VideoSaid(BaseModel):
    channel: str = Field(default="", alias="channelId", max_length=100)
    channel_name: str = Field(default="", alias="channelTitle")
    title: str = ""
    description: str = ""
    published: AwareDatetime = Field(alias="publishedAt")


class _Video(BaseModel):
    id: str = Field(pattern=r"^[\w-]{11}$")
    said: _VideoSaid = Field(alias="snippet")


@dataclass(frozen=True, slots=True)
class Thread:
    """What is remembered of a thread while its replies are read."""

    id: str
    replies: int = 0
    video: str = ""
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Parsed:
    """What could be read, oldest first, and what could not; `threads` in the order of the answer."""

    posts: Sequence[Post]
    faults: Sequence[Fault]
    threads: Sequence[Thread] = ()


def items(payload: Any) -> list[Any]:
    """The items of a list answer.

    Raises:
        ValueError: it has lost its documented shape.
    """
    found = payload.get("items") if isinstance(payload, dict) else None
    if not isinstance(found, list):
        raise ValueError("there is no list of items")  # noqa: TRY004 – it is the value that is wrong
    return found


def following(payload: Mapping[str, Any]) -> str:
    """The mark of the next page; "" where there is none."""
    mark = payload.get("nextPageToken")
    return mark if isinstance(mark, str) else ""


def parse(payload: Any, channel: str) -> Parsed:
    """The first comments of the threads in an answer; `channel` is ours.

    Raises:
        ValueError: it has lost its documented shape.
    """
    posts: list[Post] = []
    faults: list[Fault] = []
    threads: list[Thread] = []
    for item in items(payload):
        try:
            read = _Thread.model_validate(item)
        except ValidationError as error:
            faults.append(_fault("thread", item, error))
            continue
        thread = Thread(read.id, read.said.replies, read.said.video, read.said.is_open)
        threads.append(thread)
        posts.append(comment_post(read.said.top, thread, channel))
    return Parsed(_oldest_first(posts), faults, threads)


def parse_replies(payload: Any, thread: Thread, channel: str) -> Parsed:
    """The replies in an answer about one thread.

    YouTube hangs all replies on the thread, so that one of ours to somebody in
    it shows only by the name that it begins with.

    Raises:
        ValueError: it has lost its documented shape.
    """
    comments, faults = read_comments(payload)
    posts = _oldest_first([comment_post(each, thread, channel) for each in comments])
    return Parsed([_directed(post, posts[:place]) for place, post in enumerate(posts)], faults)


def read_comments(payload: Any) -> tuple[list[Comment], list[Fault]]:
    """The comments in an answer, and what could not be read.

    Raises:
        ValueError: it has lost its documented shape.
    """
    comments, faults = [], []
    for item in items(payload):
        try:
            comments.append(Comment.model_validate(item))
        except ValidationError as error:
            faults.append(_fault("comment", item, error))
    return comments, faults


def parse_videos(payload: Any, channel: str) -> Parsed:
    """The videos in an answer of the search, or in one about videos themselves.

    Raises:
        ValueError: it has lost its documented shape.
    """
    posts, faults = [], []
    for item in items(payload):
        try:
            found = item["id"] if isinstance(item, dict) else None
            named = item | {"id": found["videoId"]} if isinstance(found, dict) and "videoId" in found else item
            posts.append(_video(_Video.model_validate(named), channel))
        except ValidationError as error:
            faults.append(_fault("video", item, error))
        except (KeyError, TypeError):
            faults.append(Fault("A video cannot be read (it has no id).", sample=tidy(str(item)[:2000])))
    return Parsed(_oldest_first(posts), faults)


def comment_post(comment: Comment, thread: Thread, channel: str) -> Post:
    """The post that a comment in a thread is; `channel` is ours."""
    said, writer = comment.said, comment.said.author.value
    is_reply = comment.id != thread.id
    name = tidy(said.name)
    return Post(
        platform=PLATFORM,
        external_id=comment.id,
        text=tidy(said.original or said.display),
        posted_at=said.published,
        edited_at=said.updated if said.updated != said.published else None,
        url=page(comment.id, thread.video, channel),
        author=Author(writer, name if name.startswith("@") else "", name, said.author_url) if writer else None,
        in_reply_to=thread.id if is_reply else "",
        own=writer == channel,
        account=channel,
        context={"thread": thread.id, "video": thread.video, "open": thread.is_open},
    )


def _video(video: _Video, channel: str) -> Post:
    said = video.said
    title, text = (tidy(html.unescape(part)) for part in (said.title, said.description))
    return Post(
        platform=PLATFORM,
        external_id=video.id,
        text=text or title,
        title=title if text else "",
        posted_at=said.published,
        url=f"{SITE}/watch?v={video.id}",
        author=Author(said.channel, name=tidy(html.unescape(said.channel_name)), url=f"{SITE}/channel/{said.channel}")
        if said.channel
        else None,
        own=said.channel == channel,
        account=channel,
        context={"video": video.id},
    )


def _directed(post: Post, earlier: Sequence[Post]) -> Post:
    """A reply of ours that begins with the name of somebody in the thread answers what they said last."""
    handle = called(post.text)
    if not post.own or not handle:
        return post
    theirs = [each for each in earlier if each.author and each.author.handle.casefold() == handle]
    return replace(post, in_reply_to=theirs[-1].external_id) if theirs else post


def called(text: str) -> str:
    """The name that a text begins with, such as "@ana", in lower case; "" where it begins otherwise."""
    first = text.lstrip(_UNSEEN).partition("\n")[0].split(" ", 1)[0].split("\u00a0", 1)[0]
    return first.rstrip(",:;" + _UNSEEN).casefold() if first.startswith("@") else ""


def page(comment_id: str, video: str, channel: str) -> str:
    """Where people see a comment; YouTube does not document this form of the address."""
    if video:
        return f"{SITE}/watch?{urlencode({'v': video, 'lc': comment_id})}"
    return f"{SITE}/channel/{channel}/community?{urlencode({'lc': comment_id})}"


def _oldest_first(posts: Sequence[Post]) -> list[Post]:
    return sorted(posts, key=lambda post: post.posted_at.timestamp() if post.posted_at else 0)


def _fault(what: str, item: Any, error: ValidationError) -> Fault:
    wrong = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, wrong["loc"]))
    return Fault(f"A {what} cannot be read ({where}: {wrong['msg']}).", sample=tidy(str(item)[:2000]))
