"""Rules about what may never go out: private data, money, promises, claims, links. Each gives the line staff read, or None."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from connectors.lengths import Counter, length
from responders.drafting import house
from responders.drafting.base import Case, Span
from responders.drafting.commitments import loose_pledges
from responders.drafting.looking import Looked
from responders.drafting.packs import Pack, disclosure
from responders.drafting.triage import Kind
from responders.drafting.words import content, sentences, stem, words

#: A holding reply is no longer than this.
HOLDING_WORDS = 45


def too_long(looked: Looked) -> str | None:
    """Every limit of the platform is kept."""
    if house.fits(looked.text, looked.case.limits):
        return None
    for limit in looked.case.limits:
        over = length(looked.text, limit.counter) - limit.at_most
        if over > 0:
            unit = "bytes" if limit.counter is Counter.BYTES else "characters"
            return f"It is {over} {unit} too long: at most {limit.at_most} fit here."
    return None


def empty(looked: Looked) -> str | None:
    """There is more in it than greeting and signature."""
    rest = looked.body.removesuffix(disclosure(looked.case.assessment.language)).strip()
    rest = rest.removesuffix(looked.case.signer or looked.case.business.business.name)
    return None if rest.strip(" \t\r\n–—-.,;:!?") else "It says nothing yet."


def opening_missing(looked: Looked) -> str | None:
    """It begins with what the platform needs to tell the author."""
    wanted = looked.case.opening.strip()
    if not wanted or re.match(rf"{re.escape(wanted)}(?!\S)", looked.text.strip()):
        return None
    return f"It must begin with “{wanted}”, or the author is not told of it."


_LEFTOVER = re.compile(
    r"\[[^\[\]]{0,80}\]|\{[^{}]{0,80}\}|<[A-Za-z_][\w ]{0,40}>"
    r"|\b(?:as|(?:I am|I['’]m)) an? (?:AI|artificial intelligence|(?:large )?language model)\b"
    r"|\bals (?:eine? )?(?:KI|künstliche Intelligenz|Sprachmodell)\b"
    r"|\ben tant qu['’](?:une? )?(?:IA|intelligence artificielle|modèle de langage)\b|\ben tant que modèle de langage\b"
    r"|\bcomo (?:una? )?(?:IA|inteligencia artificial|modelo de lenguaje)\b"
    r"|\b(?:come|in quanto) (?:una? |un['’])?(?:IA|intelligenza artificiale|modello linguistico)\b",
    re.IGNORECASE,
)


def leftover(looked: Looked) -> str | None:
    """No gap of a template, and no word of a machine about itself."""
    found = _LEFTOVER.search(looked.body)
    return f"A gap was left open: {found[0]}" if found else None


def personal_data(looked: Looked) -> str | None:
    """No personal data but the business's own contact, and names that are public here."""
    for span in looked.reader.personal_data(looked.body):
        if not _is_ours(looked.body[span.start : span.end], span, looked):
            return f"It holds personal data ({span.kind}). Take it out: everyone can read this."
    return None


def _is_ours(said: str, span: Span, looked: Looked) -> bool:
    """Whether this stretch of the reply is the business's own contact, or a name that is public here."""
    squeezed = re.sub(r"[\W_]+", "", said).lower()
    if any(squeezed and squeezed in re.sub(r"[\W_]+", "", text).lower() for text in looked.reading.told):
        return True
    return span.kind == "name" and set(words(said, looked.pack)) <= _public_names(looked.case, looked.pack)


def _public_names(case: Case, pack: Pack) -> set[str]:
    """Words of names that may stand in a reply: ours, and the first name under which the author writes."""
    business = case.business.business
    staff = (who.name for who in case.business.staff)
    ours = [business.name, case.signer, *business.people, *business.products, *staff]
    return {word for name in ours for word in words(name, pack)} | set(words(case.author, pack)[:1])


def asks_for_data(looked: Looked) -> str | None:
    """Nobody is asked in public for what belongs in private."""
    asks, data, privately = (looked.pack.find(name) for name in ("asks", "data", "privately"))
    for sentence in looked.sentences:
        if asks.search(sentence) and data.search(sentence) and not privately.search(sentence):
            return "It asks for personal data in public. Say in the same sentence how to send it privately."
    return None


def forbidden_word(looked: Looked) -> str | None:
    """None of the words that the tone guide forbids."""
    for word in looked.case.business.voice.never_say:
        if word and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", looked.body, re.IGNORECASE):
            return f"You asked never to say “{word}”."
    return None


_AMOUNT = re.compile(r"[£$€¥]\s?(\d{1,7}(?:[.,]\d{1,2})?)|\b(\d{1,7}(?:[.,]\d{1,2})?)\s?(?:[£$€¥]|euros?\b|pounds?\b|dollars?\b)", re.IGNORECASE)  # fmt: skip


def offer(looked: Looked) -> str | None:
    """No money or goods beyond what staff may offer on this platform."""
    case, text = looked.case, looked.body
    for said in (*(fact.say for fact in case.business.facts), *case.business.voice.may_promise):
        if said:  # what the owner wrote is no offer of ours
            text = re.sub(re.escape(said), " ", text, flags=re.IGNORECASE)
    found = (_offer_in(sentence, case, looked.pack) for sentence in sentences(text, looked.pack))
    return next((says for says in found if says), None)


def _offer_in(sentence: str, case: Case, pack: Pack) -> str | None:
    stems = {stem(word, pack) for word in words(sentence, pack)}
    allowed: set[str] = set()
    for one in case.business.voice.may_offer:
        if not (named := content(one.what, pack)) or not named <= stems:
            continue
        if one.by == "owner" or case.platform in house.NO_OFFERS:
            return f"It offers {one.what}, which only an owner may decide."
        if one.up_to is not None and any(amount > one.up_to for amount in _amounts(sentence)):
            return f"It offers more than the {one.up_to} that staff may give."
        allowed |= set(words(one.what, pack))
    for found in pack.find("money").finditer(sentence):
        if not set(words(found[0], pack)) <= allowed:
            return f"It speaks of money or goods (“{found[0].strip()}”), which only an owner may decide."
    if not allowed and set(_amounts(sentence)) - set(_amounts(case.mention)):
        return "It names an amount of money that the mention does not hold."
    return None


def _amounts(text: str) -> Iterator[Decimal]:
    for before, after in _AMOUNT.findall(text):
        try:
            yield Decimal((before or after).replace(",", "."))
        except InvalidOperation:  # digits of other scripts that make no number together
            continue


def asks_for_review(looked: Looked) -> str | None:
    """Nobody is asked to change a review, except to take their own details out."""
    for sentence in looked.sentences:
        if looked.pack.find("review").search(sentence) and not looked.pack.find("own_details").search(sentence):
            return "It asks for a review to be changed or removed. That is against the rules of every platform."
    return None


def argues(looked: Looked) -> str | None:
    """Nobody is threatened or called a liar."""
    found = looked.find("argues")
    return f"“{found[0]}” argues with the author or threatens. Everyone reads along." if found else None


def liability(looked: Looked) -> str | None:
    """In a crisis nothing is admitted and nothing denied."""
    if not looked.is_of(Kind.CRISIS):
        return None
    found = looked.find("liability")
    return f"“{found[0]}” admits or denies something, and this is a crisis." if found else None


def long_holding(looked: Looked) -> str | None:
    """In a crisis a first reply is short."""
    is_long = looked.is_of(Kind.CRISIS) and len(words(looked.body, looked.pack)) > HOLDING_WORDS
    return (
        f"In a crisis a first reply has at most {HOLDING_WORDS} words: hold, and speak in private." if is_long else None
    )


def confirms_customer(looked: Looked) -> str | None:
    """A regulated trade confirms nobody as a customer."""
    found = looked.find("customer") if looked.reading.is_regulated else None
    return f"“{found[0]}” confirms that the author is a customer, which your trade may never do." if found else None


def claims_deed(looked: Looked) -> str | None:
    """No deed is claimed that software cannot have done."""
    found = looked.find("deed")
    return f"“{found[0]}” says that something was done. Leave it only if it is true." if found else None


def unknown_number(looked: Looked) -> str | None:
    """A number that stands neither in the mention nor in the business file was made up."""
    known = set(re.findall(r"\d+", " ".join((looked.mention, *looked.reading.told, looked.case.signer))))
    made_up = [number for number in re.findall(r"\d+", looked.body) if number not in known]
    return f"The number {made_up[0]} stands neither in the mention nor in your file." if made_up else None


def loose_promise(looked: Looked) -> str | None:
    """Nothing is promised beyond the list of the business file."""
    sentence = next(loose_pledges(looked.body, looked.case, looked.pack), None)
    return (
        f"“{sentence.strip()}” is a promise that your list does not hold, so nobody is reminded of it."
        if sentence
        else None
    )


#: Countries that read as a word where somebody forgot a space ("cold.it was"); such a link ends what is said, or
#: goes on with a path.
_WORDS = "am|as|at|be|by|do|es|id|im|in|is|it|la|me|mi|my|ne|no|pa|se|si|so|su|to|tu|us|va|vi"
_LINK = re.compile(
    r"\bhttps?://[^\s<>\"]{1,500}|\bwww\.[\w.-]{1,253}(?:/\S{0,500})?"
    r"|(?<![@\w.-])(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24}/\S{1,500}|(?<![@\w.-])(?=[0-9-]{0,63}[a-z])(?:[a-z0-9-]{1,63}\.){1,4}"
    r"(?:com|org|net|app|shop|store|info|biz|link|xyz|online|site|website|club|click|top|dev|page|blog|news|live|zip"
    rf"|(?-i:(?!(?:{_WORDS})\b(?:[,;]? [a-z]|['’]))[a-z]{{2}}))\b(?![\w@.-]*@)(?!\.?\w)(?:/\S{{0,500}})?",
    re.IGNORECASE,
)


def foreign_link(looked: Looked) -> str | None:
    """No link but the business's own."""
    for link in _LINK.findall(looked.body):
        host = _host(link)
        if not any(host == own or host.endswith(f".{own}") for own in _own_hosts(looked.case)):
            return "It holds a link that is not the business's own."
    return None


def _own_hosts(case: Case) -> set[str]:
    """Sites that the business file names: in contacts, facts and incidents; a mail address counts with its domain."""
    said = [place.contact for place in case.business.places] + [fact.say for fact in case.business.facts]
    said += [incident.say for incident in case.business.incidents]
    links = [link for text in said for link in _LINK.findall(text)]
    mails = [mail for text in said for mail in re.findall(r"@([\w.-]{1,253}\w)", text)]
    return {host for link in [*links, *mails] if (host := _host(link))}


def _host(link: str) -> str:
    try:
        host = urlsplit(link if "://" in link else f"https://{link}").hostname or ""
    except ValueError:  # no address at all, such as an unclosed bracket
        return link
    return host.lower().rstrip(".").removeprefix("www.")


def contact_forbidden(looked: Looked) -> str | None:
    """No contact where the platform removes it."""
    held = looked.case.platform in house.NO_CONTACT and _holds_contact(looked)
    return "This platform removes replies that hold a link or a contact." if held else None


def contact_unwelcome(looked: Looked) -> str | None:
    """No contact on Google, which often refuses it."""
    held = looked.case.platform in house.ON_PROFILE and _holds_contact(looked)
    return "Google may refuse a reply that holds a link or a contact; your profile shows them anyway." if held else None


def _holds_contact(looked: Looked) -> bool:
    contacts = [text for place in looked.case.business.places for text in (place.contact, place.phone) if text]
    return bool(_LINK.search(looked.body)) or any(contact in looked.body for contact in contacts)
