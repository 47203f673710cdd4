"""The sites whose alert mails are known: who sends them, and which of their links leads to the post."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.sites import site_of

#: Where Google Alerts come from; their mails hold several posts, and are read by a rule of their own.
ALERTS = "googlealerts-noreply@google.com"


@dataclass(frozen=True, slots=True)
class Rule:
    """How the mails of one site are read.

    `post` matches the path of a link that leads to a post or to the page of
    reviews; a link of the site that does not match it is the second choice.
    """

    site: str
    post: re.Pattern[str]


def _rule(site: str, post: str) -> Rule:
    return Rule(site, re.compile(post, re.IGNORECASE))


#: By the name of the site, as `site_of` tells it from the sender's address or from a link.
RULES = {
    rule.site: rule
    for rule in (
        _rule("facebook", r"/(reviews|permalink|posts|story|groups)"),
        _rule("glassdoor", r"/(reviews|overview)"),
        _rule("google", r"/(maps|local|reviews?)"),
        _rule("tripadvisor", r"/(showuserreviews|\w+_review)"),
        _rule("trustpilot", r"/reviews?/"),
        _rule("yelp", r"/(biz|reviews?)"),
    )
}
_ANY = r"/.*(review|rating|comment|post|bewertung|avis)"


def rule_of(address: str) -> Rule:
    """The rule for mails from `address`; a site that is not known gets the general one."""
    site = site_of(address.rpartition("@")[2]) or "mailbox"
    return RULES.get(site) or _rule(site, _ANY)


def is_from(address: str, senders: Sequence[str]) -> bool:
    """Whether a mail from `address` may be read: `senders` are addresses, or domains with all that is below them."""
    address = address.casefold()
    domain = address.rpartition("@")[2]
    return any(
        address == sender if "@" in sender else domain == sender or domain.endswith(f".{sender}") for sender in senders
    )
