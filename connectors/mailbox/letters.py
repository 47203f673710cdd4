"""From a mail to posts: who sent it, what it quotes, how many stars, and where it leads.

Mails are written by strangers: they are only ever read as text, nothing in
them is opened or loaded, and one that cannot be read becomes a fault.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs

from connectors.base import Author, Fault, Post
from connectors.mailbox.senders import ALERTS, Rule, is_from, rule_of
from connectors.markup import plain, tidy
from connectors.sites import site_of, split, without_tracking

if TYPE_CHECKING:
    from imap_tools import MailMessage

#: Characters of a mail's text and markup that are looked at; an alert has a twentieth of it.
MOST_TEXT, MOST_MARKUP = 20_000, 400_000
#: Bytes of a mail's head in which its sender is looked for, and characters of a header: the standard library takes
#: minutes for a subject or a list of parameters of a megabyte (3.11).
MOST_HEAD, LONGEST_SENDER, LONGEST_HEADER = 200_000, 1_000, 16_000
#: Links and pictures that are looked at.
MOST_LINKS = 300
#: Posts of one Google Alert; it names ten at most today.
MOST_POSTS = 50

#: What reading a mail that is built to break a reader may raise.
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)

_STARS = (
    re.compile(r"(?<![\d.,/])([1-5](?:[.,]\d)?) ?(?:/|out of) ?5(?![.,/]?\d|/)", re.IGNORECASE),
    re.compile(r"(?<![\d.,/])([1-5](?:[.,]\d)?) (?:of|von|sur|de|su|van) 5 (?:bubb|st|étoi|estr|pu)", re.IGNORECASE),
    re.compile(
        r"(?<![\d.,/])([1-5](?:[.,]\d)?)[ -]?(?:stars?|sterne?|étoiles?|estrellas?|stelle|sterren)\b", re.IGNORECASE
    ),
    re.compile(r"\b(?:rating|score|bewertung|note): ?([1-5](?:[.,]\d)?)(?![\d.,/])", re.IGNORECASE),
)
_DRAWN = re.compile(r"(?<![★⭐☆✩])([★⭐]{1,5})([☆✩]{0,4})(?![★⭐☆✩])")
_HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]{1,2000})"|'([^']{1,2000})')""", re.IGNORECASE)
_ALT = re.compile(r"""\balt\s*=\s*(?:"([^"]{1,200})"|'([^']{1,200})')""", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s<>\"']{1,2000}")

#: From here on a mail speaks of itself.
_FOOTER = re.compile(
    r"(?im)^.{0,80}\b(unsubscribe|you(?:'re| are) receiving|you received this|this (?:e-?mail|message) was sent|"
    r"manage (?:your )?(?:e-?mail|notification)|notification settings|privacy policy|all rights reserved|"
    r"abbestellen|abmelden|diese e-?mail|datenschutz|se désabonner|darse de baja)\b|^\s*©|^\s*-- ?$"
)
#: Lines that are a greeting, a button, a picture or a rule.
_CHROME = re.compile(
    r"(?i)(hi|hello|hey|dear|hallo|liebe[rs]?|bonjour|hola)\b[^.!?]{0,60},|"
    r"(view|read|see|open|reply to|respond to|answer|manage)\b.{0,30}\b"
    r"(reviews?|post|comment|page|profile|listing|dashboard|account|more)\b.{0,20}|"
    r"\[(image|cid)\b.{0,200}|[-_=*~|<>\s]{0,200}"
)
#: Who wrote it, where the subject is a sentence that says so.
_WROTE = re.compile(
    r"(?:^|[:!] )([^\W\d_][^:!,<>@]{0,60}?) (?:has )?(?:just )?"
    r"(?:left|wrote|posted|gave|submitted|published|reviewed|recommends|hat)\b|"
    r"\breview (?:by|from) ([^\W\d_][^:!,<>@]{0,60}?)(?: on\b| for\b| at\b|[.!]|$)",
    re.IGNORECASE,
)
_NOBODY = frozenset("a someone somebody you your anonymous guest customer user jemand the new".split())  # noqa: SIM905

#: A result of a Google Alert ends with the link that leads to it; a block begins with "=== Web - 2 new results …".
_RESULT = re.compile(r"<(https?://www\.google\.[a-z.]{2,6}/url\?[^\s>]{1,2000})>")
_HEADING = re.compile(r"(?m)^===.*===$|^[- ]{9,}$")


class Letter(NamedTuple):
    """What a mail says."""

    posts: list[Post]
    faults: list[Fault]


def parse(raw: bytes, senders: Sequence[str]) -> Letter:
    """The posts in one mail; nothing where it is not from one of `senders`, whatever else it says of itself."""
    from imap_tools import MailMessage

    if not is_from(_sender(raw), senders):
        return Letter([], [])
    try:
        return _read(MailMessage.from_bytes(raw))
    except _BROKEN as error:
        name = f"mail {_digest(raw.decode('latin-1'))}"
        return Letter([], [Fault(f"A mail cannot be read ({type(error).__name__}).", name, tidy(_start(raw)))])


def _sender(raw: bytes) -> str:
    """The address in a mail's head; empty where there is none, or none that can be told."""
    from imap_tools import MailMessage

    try:
        head = MailMessage.from_bytes(raw[:MOST_HEAD].replace(b"\r\n", b"\n").partition(b"\n\n")[0])
        return head.from_ if len(str(head.obj.get("From", ""))) <= LONGEST_SENDER else ""
    except _BROKEN:
        return ""


def _start(raw: bytes) -> str:
    return raw[:2000].decode("utf-8", "replace")


def _read(mail: MailMessage) -> Letter:
    if any(len(value) > LONGEST_HEADER for part in mail.obj.walk() for _, value in part.raw_items()):
        raise ValueError("a header is too long")
    name, title = _name(mail), tidy(mail.subject)[:500]
    site = rule_of(mail.from_).site
    # The first of several is that of the server that took the mail in; the others may be anybody's.
    verdict = str(mail.obj.get("Authentication-Results", ""))
    if re.search(r"\bdmarc=fail\b", verdict, re.IGNORECASE):
        return Letter([], [Fault(f"A mail says that it is from {site}, but your mail server doubts it.", name, title)])
    text, markup = mail.text[:MOST_TEXT], mail.html[:MOST_MARKUP]
    if mail.from_.casefold() == ALERTS:
        posts = _alerts(text, _moment(mail))
    else:
        posts = _review(mail, name, title, text, markup)
    if not posts:
        sample = "\n".join(filter(None, (title, text or plain(markup))))[:2000]
        return Letter([], [Fault(f"A mail from {site} holds nothing that could be heard.", name, tidy(sample))])
    return Letter(posts, [])


def _name(mail: MailMessage) -> str:
    """What names a mail in every folder: its Message-ID, else what it says."""
    given = "".join(str(mail.obj.get("Message-ID", "")).split())
    if not given or len(given) > 300 or not given.isprintable():
        given = _digest("\0".join((given, mail.date_str, mail.from_, mail.subject, mail.text, mail.html)))
    return f"mail {given}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def _moment(mail: MailMessage) -> datetime | None:
    """When it was sent; None where its date is none, or none of our days."""
    try:
        sent = parsedate_to_datetime(mail.date_str)
    except _BROKEN:
        return None
    sent = sent.replace(tzinfo=UTC) if sent.tzinfo is None else sent
    return sent.astimezone(UTC) if 1990 <= sent.year <= 2200 else None


def _review(mail: MailMessage, name: str, title: str, text: str, markup: str) -> list[Post]:
    """The one review that a mail tells of; none where it says nothing."""
    rule = rule_of(mail.from_)
    links = [*_LINK.findall(text), *_values(_HREF, markup)][:MOST_LINKS]
    whole = _without_footer(tidy(text))
    body = _said(whole)
    if not body:
        whole = _without_footer(plain(markup))
        body = _said(whole)
    pictures = _values(_ALT, markup)[:MOST_LINKS]
    rating = next((found for each in (title, *pictures, whole) if (found := stars(each)) is not None), None)
    if not body and rating is None:
        return []
    author = _author(title)
    return [
        Post(
            platform=rule.site,
            external_id=name,
            text=body or title,
            title=title if body else "",
            posted_at=_moment(mail),
            url=_lead(links, mail.from_, rule),
            author=Author(f"mail {author.casefold()}", name=author) if author else None,
            rating=rating,
        )
    ]


def _values(attribute: re.Pattern[str], markup: str) -> list[str]:
    """What an attribute holds wherever it stands in `markup`, in either kind of quotation marks."""
    return [html.unescape(one or other) for one, other in attribute.findall(markup)]


def _without_footer(text: str) -> str:
    footer = _FOOTER.search(text)
    return text[: footer.start()] if footer else text


def _said(text: str) -> str:
    """What is left of a mail without its greeting, its buttons and its links."""
    lines = (line.strip() for line in _LINK.sub("", text).splitlines())
    return tidy("\n".join("" if _CHROME.fullmatch(line) else line for line in lines))


def stars(said: str) -> float | None:
    """The stars that a text speaks of: "4 out of 5", "4-star review", "Rating: 4", "★★★★☆"; None where of none."""
    for pattern in _STARS:
        if found := pattern.search(said):
            number = float(found[1].replace(",", "."))
            return number if number <= 5 else None
    for filled, empty in _DRAWN.findall(said):
        if len(filled + empty) == 5 or (len(filled) > 1 and not empty):  # one alone is an ornament
            return float(len(filled))
    return None


def _author(title: str) -> str:
    found = _WROTE.search(title)
    name = (found[1] or found[2]).strip() if found else ""
    words = name.split()
    return name if 0 < len(words) <= 4 and words[0].casefold() not in _NOBODY else ""


def _lead(links: Sequence[str], sender: str, rule: Rule) -> str:
    """The link to the post: one of the site itself, as far as possible one that leads to reviews."""
    own = [link for link in map(_target, links) if _is_own(split(link).hostname or "", sender, rule)]
    own = [
        link for link in own if not re.search(r"unsubscribe|settings|preferences|privacy|/help|\.(png|gif|jpe?g)", link)
    ]
    leading = [link for link in own if rule.post.search(split(link).path)]
    return (leading or own or [""])[0]


def _target(link: str) -> str:
    """Where a link leads that only counts clicks and names its target."""
    asked = parse_qs(split(link).query)
    named = next((asked[key][0] for key in ("url", "u", "q", "target") if key in asked), "")
    return named if split(named).hostname else link.rstrip(".,;:!?)]")


def _is_own(host: str, sender: str, rule: Rule) -> bool:
    return bool(host) and (site_of(host) == rule.site or host == sender.rpartition("@")[2].casefold())


def _alerts(text: str, sent: datetime | None) -> list[Post]:
    """The results of a Google Alert; one article in two alerts is one post."""
    posts: dict[str, Post] = {}
    pieces = iter(_RESULT.split(text.replace("\r\n", "\n")))
    for said, link in zip(pieces, pieces, strict=False):
        target = _target(html.unescape(link))
        title, _, rest = tidy(_HEADING.split(said)[-1]).partition("\n")
        if not title or site_of(split(target).hostname or "") == "google":
            continue  # such as "see all results"
        name = without_tracking(target)
        name = name if len(name) <= 400 else _digest(name)
        posts[name] = Post(
            platform="google_alerts",
            external_id=f"alert {name}",
            text=rest.strip() or title,
            title=title[:500] if rest.strip() else "",
            posted_at=sent,
            url=target,
        )
    return list(posts.values())[:MOST_POSTS]
