"""From posts to mentions: what is kept, what is told, and what needs no reply any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import SourceTable
from connectors.base import Author, Gone, Page, Post, Route, RouteKind
from listener.analysis.assessing import Assessor
from listener.analysis.matching import Matcher
from listener.pipeline import LONGEST, Ear, Heard, Understanding, hear
from storage import Mention, Store, alerts, drafts, mentions, sources
from storage.assessment import Assessment
from storage.states import Action, DraftState
from storage.storable import storable
from tests.builders import NOW, Clock, Shop, business, keep_source, post

CRISIS = "I nearly died at Crumb & Co, anaphylactic shock from hidden nuts, I am in hospital"
API = Route(RouteKind.API, "The platform takes replies.")


@cache
def understanding() -> Understanding:
    return Understanding(Matcher({"crumb": business()}), Assessor(("en", "de")))


class Ears:
    """One source that is listened to."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.shop = Shop(store, Clock(NOW))
        self.route: Route = API
        self.table = SourceTable(name="town", type="town")
        self.understanding = understanding()

    async def hear(self, *posts: Post | Gone, now: datetime = NOW) -> Heard:
        await keep_source(self.store)
        async with self.store.work() as session:
            source = await sources.get(session, "crumb", "town")
            assert source is not None
            ear = Ear(source, self.table, self.shop.settings, lambda each: self.route)
            return await hear(session, Page(posts, {}), ear, self.understanding, now)

    async def mention(self, external_id: str = "1") -> Mention | None:
        async with self.store.read() as session:
            kept = await mentions.history(session, "crumb")
        return next((mention for mention in kept if mention.external_id == external_id), None)

    async def samples(self) -> list[tuple[str, str]]:
        async with self.store.read() as session:
            return [(sample.external_id, sample.sample) for sample, _ in await sources.samples(session, "crumb")]


@pytest.fixture
async def ears(store: Store) -> Ears:
    return Ears(store)


async def test_a_post_about_us_is_kept_with_what_we_think_of_it(ears: Ears) -> None:
    heard = await ears.hear(post("1", "The queue at Crumb & Co was terribly long"), post("2", "Nice weather"))

    mention = await ears.mention()
    assert (len(heard.new), heard.passed) == (1, 1)
    assert mention is not None
    assert (mention.text[slice(*mention.matched[0])], mention.language) == ("Crumb & Co", "en")
    assert mention.assessment.topics
    assert (mention.route, mention.owed, mention.due_at) == ("api", True, NOW + timedelta(hours=4))


async def test_everything_from_a_source_of_our_own_concerns_us(ears: Ears) -> None:
    ears.table = SourceTable(name="town", type="town", filter=False)

    heard = await ears.hear(post("1", "Lovely place"), post("2", "Where are you?", summons=True))

    assert len(heard.new) == 2


async def test_an_edited_post_is_the_next_revision_and_voids_its_draft(ears: Ears) -> None:
    await ears.hear(post())
    draft = await draft_of(ears)

    heard = await ears.hear(post("1", "Crumb & Co was fine after all"), now=NOW + timedelta(hours=1))

    mention = await ears.mention()
    assert mention is not None
    assert (len(heard.edited), mention.revision, mention.owed) == (1, 2, True)
    assert (await ears.shop.see(draft)).state is DraftState.WITHDRAWN


async def draft_of(ears: Ears) -> Any:
    from responders.proposing import draft_waiting

    await draft_waiting(ears.store, ears.shop.businesses, ears.shop.drafter, NOW)
    mention = await ears.mention()
    assert mention is not None
    async with ears.store.read() as session:
        return (await drafts.for_mention(session, "crumb", mention.id or 0))[0]


async def test_a_vanished_post_withdraws_its_draft_even_when_it_was_approved(ears: Ears) -> None:
    await ears.hear(post())
    draft = await draft_of(ears)
    await ears.shop.decide(draft, Action.APPROVE)

    heard = await ears.hear(Gone("town", "1"), Gone("town", "never heard of"))

    assert len(heard.gone) == 1
    assert (await ears.shop.see(draft)).state is DraftState.WITHDRAWN


async def test_a_post_that_comes_back_is_heard_again(ears: Ears) -> None:
    await ears.hear(post())
    await ears.hear(Gone("town", "1"))

    await ears.hear(post())

    mention = await ears.mention()
    assert mention is not None
    assert (mention.gone_at, mention.text, mention.owed) == (None, post().text, True)


async def test_of_two_versions_in_one_page_the_later_one_counts(ears: Ears) -> None:
    await ears.hear(post("1", "Crumb & Co, first"), post("1", "Crumb & Co, second"))

    mention = await ears.mention()
    assert mention is not None
    assert (mention.text, mention.revision) == ("Crumb & Co, second", 1)


@pytest.mark.parametrize("fields", [{"own": True}, {"author": Author("us", "CrumbAndCo")}])
async def test_what_we_write_ourselves_is_no_mention(ears: Ears, fields: dict[str, Any]) -> None:
    heard = await ears.hear(post("1", "Crumb & Co is open", **fields))

    assert (heard.new, await ears.mention()) == ([], None)


async def test_a_reply_of_ours_on_the_platform_withdraws_the_draft(ears: Ears) -> None:
    await ears.hear(post())
    draft = await draft_of(ears)

    await ears.hear(post("2", "So sorry, Ana!", own=True, in_reply_to="1"))

    mention = await ears.mention()
    assert mention is not None
    assert not mention.owed
    assert (await ears.shop.see(draft)).note == "It was already answered on the platform."


async def test_a_post_and_our_reply_to_it_in_one_page_need_no_draft(ears: Ears) -> None:
    await ears.hear(post(), post("2", "So sorry, Ana!", own=True, in_reply_to="1"))

    async with ears.store.read() as session:
        assert await mentions.owed(session, ["crumb"]) == []


async def test_a_crisis_is_told_once_in_the_moment_it_is_stored(ears: Ears) -> None:
    await ears.hear(post("1", CRISIS))
    await ears.hear(post("1", CRISIS + "!"))

    mention = await ears.mention()
    async with ears.store.read() as session:
        (alert,) = await alerts.untold(session, NOW)
    assert mention is not None
    assert (alert.critical, alert.mention_id) == (True, mention.id)
    assert "hospital" not in alert.text


async def test_an_edit_that_becomes_a_crisis_is_told(ears: Ears) -> None:
    await ears.hear(post())

    await ears.hear(post("1", CRISIS))

    async with ears.store.read() as session:
        assert len(await alerts.untold(session, NOW)) == 1


async def test_a_crisis_that_cannot_be_told_is_not_stored_either(ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*args: object, **kwargs: object) -> bool:
        raise OSError

    monkeypatch.setattr(alerts, "raise_once", fails)
    with pytest.raises(Exception, match="did not take it"):
        await ears.hear(post("1", CRISIS))

    assert await ears.mention() is None


class Stumbling(Assessor):
    """An assessor that breaks over one text."""

    def assess(self, text: str, **hints: Any) -> Assessment:
        if "stumble" in text:
            raise ValueError(text)
        return super().assess(text, **hints)


async def test_a_post_that_we_stumble_over_is_kept_for_repair_and_the_rest_is_heard(ears: Ears) -> None:
    ears.understanding = Understanding(understanding().matcher, Stumbling())

    heard = await ears.hear(post("1", "Crumb & Co: stumble"), post("2"))

    ((external_id, sample),) = await ears.samples()
    assert (len(heard.new), external_id) == (1, "1")
    assert "stumble" in sample
    assert "ana_bakes" in sample  # so that it goes when Ana asks to be forgotten


async def test_what_was_erased_does_not_come_back(ears: Ears) -> None:
    heard = await ears.hear(post())
    async with ears.store.work() as session:
        await mentions.erase(session, "crumb", heard.new, NOW)

    again = await ears.hear(post())

    assert (again.new, await ears.mention()) == ([], None)


@pytest.mark.parametrize(
    ("route", "fields", "owed"),
    [
        (API, {}, True),
        (Route(RouteKind.HANDOFF, "By hand"), {}, True),
        (Route(RouteKind.NONE, "Not at all"), {}, False),
        (API, {"posted_at": NOW - timedelta(days=13)}, True),
        (API, {"posted_at": NOW - timedelta(days=14)}, False),
        (API, {"posted_at": None}, True),
    ],
)
async def test_what_cannot_be_answered_or_is_too_old_wants_no_draft(
    ears: Ears, route: Route, fields: dict[str, Any], owed: bool
) -> None:
    ears.route = route

    await ears.hear(post(**fields))

    mention = await ears.mention()
    assert mention is not None
    assert mention.owed is owed


@pytest.mark.parametrize(
    ("posted_at", "kept", "day"),
    [
        (None, NOW, "2026-06-02"),
        (NOW + timedelta(days=300), NOW + timedelta(days=1), "2026-06-03"),
        (datetime.fromisoformat("2026-06-01T22:30:00+00:00"), datetime.fromisoformat("2026-06-01T22:30:00+00:00"),
         "2026-06-02"),
    ],
)  # fmt: skip
async def test_a_post_belongs_to_the_day_of_the_business(
    ears: Ears, posted_at: datetime | None, kept: datetime, day: str
) -> None:
    await ears.hear(post(posted_at=posted_at))

    mention = await ears.mention()
    assert mention is not None
    assert (mention.posted_at, mention.day.isoformat()) == (kept, day)


async def test_a_very_long_post_is_cut_and_heard_once(ears: Ears) -> None:
    long = "Crumb & Co " * 20_000
    await ears.hear(post("1", long, title="x" * 900))

    again = await ears.hear(post("1", long, title="x" * 900))

    mention = await ears.mention()
    assert mention is not None
    assert (len(mention.text), len(mention.title), mention.revision, again.edited) == (LONGEST, 500, 1, [])


ANYTHING = st.text(st.characters(codec=None), max_size=40)
CONTEXTS = st.dictionaries(
    ANYTHING,
    st.recursive(st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | ANYTHING, st.lists),
    max_size=3,
)
POSTS = st.builds(
    Post,
    st.just("town"),
    ANYTHING.filter(storable),
    ANYTHING.map(lambda text: f"Crumb & Co {text}"),
    posted_at=st.none() | st.datetimes(timezones=st.just(NOW.tzinfo)),
    author=st.none() | st.builds(Author, ANYTHING, ANYTHING, ANYTHING, ANYTHING),
    title=ANYTHING,
    url=ANYTHING,
    rating=st.none() | st.floats(),
    language=ANYTHING,
    in_reply_to=ANYTHING,
    account=ANYTHING,
    place=ANYTHING,
    context=CONTEXTS,
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(posts=st.lists(POSTS, max_size=4))
async def test_whatever_a_platform_sends_is_heard_or_kept_for_repair(ears: Ears, posts: Sequence[Post]) -> None:
    before = {sample for sample, _ in await ears.samples()}
    await ears.hear(*posts)

    samples = {sample for sample, _ in await ears.samples()} - before
    for each in posts:
        external_id = storable(each.external_id)
        assert await ears.mention(external_id) is not None or external_id in samples | before


def test_what_no_database_keeps_is_taken_out_at_any_depth() -> None:
    odd = {"a\0": ["\ud800x", float("nan"), (1, None, {"b": float("-inf")})]}

    assert storable(odd) == {"a": ["?x", None, [1, None, {"b": None}]]}
