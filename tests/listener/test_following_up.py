"""An author who answers, or changes a review, opens the case again, and the second reply knows the first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.settings import BusinessSettings, SourceTable
from connectors import replay
from connectors.base import Gone, Page, Post, Route, RouteKind
from connectors.google_business import parsing as google
from connectors.google_business.parsing import Location
from connectors.mastodon import parsing as mastodon
from listener.analysis.assessing import Assessor
from listener.analysis.matching import Matcher
from listener.analysis.reader import TextReader
from listener.digest.rendering import came_of
from listener.pipeline import Ear, Understanding, hear
from responders.cases import make_case
from responders.drafting.engine import Engine
from responders.proposing import draft_waiting
from responders.sending import Outbox, send_due
from storage import Draft, Mention, Store, audit, drafts, mentions, outcomes, sources
from storage.assessment import Assessment, Intent, Polarity
from storage.outcomes import Outcomes
from storage.states import Action, DraftState
from tests.builders import NOW, Clock, Platform, Shop, assessment, business, keep_source, post

REVIEW = "accounts/1/locations/2/reviews/r1"
PLACE = Location("accounts/1/locations/2", "1", "Main Street", "https://maps.example")
WAITED = "Waited 40 minutes for a cold soup. Nobody said a word."
CALM = {"voice": {"sign_off": "Mia", "may_promise": ["look into it today"]}}


def review(stars: str, comment: str, at: datetime, reply: str = "", replied: datetime | None = None) -> dict[str, Any]:
    """A review as Google gives it."""
    said: dict[str, Any] = {
        "name": REVIEW,
        "reviewer": {"displayName": "Ana Ferreira"},
        "starRating": stars,
        "comment": comment,
        "createTime": "2026-06-01T08:00:00Z",
        "updateTime": at.isoformat(),
    }
    return said | ({"reviewReply": {"comment": reply, "updateTime": (replied or at).isoformat()}} if reply else {})


def status(number: str, text: str, at: datetime, answers: str = "", by: str = "ana") -> dict[str, Any]:
    """A status as a Mastodon server gives it; ours is the account "us"."""
    return {
        "id": number,
        "content": f"<p>{text}</p>",
        "created_at": at.isoformat(),
        "in_reply_to_id": answers or None,
        "in_reply_to_account_id": "us" if answers.startswith("re-") else None,
        "language": "en",
        "visibility": "public",
        "account": {"id": by, "acct": by, "display_name": by.title()},
        "mentions": [{"id": "us", "username": "crumb", "acct": "crumb"}],
    }


class Judge(Assessor):
    """Takes what speaks of a good end for praise, and everything else for a complaint."""

    def __init__(self) -> None:
        pass

    def assess(self, text: str, **hints: Any) -> Assessment:
        if any(word in text.lower() for word in ("thank", "all is well", "fine now", "better now")):
            return assessment(Polarity.POSITIVE, 0.8, intent=Intent.PRAISE)
        return assessment(Polarity.NEGATIVE, -0.8)


class House:
    """A bakery that listens, drafts with the engine, approves what it is offered, and posts it."""

    def __init__(self, store: Store, settings: BusinessSettings) -> None:
        self.clock = Clock(NOW)
        self.shop = Shop(store, self.clock, settings=settings)
        self.store = store
        self.engine = Engine(TextReader(("en", "de")))
        self.shop.desk.drafter = self.engine
        self.outbox = Outbox(store, Platform(self.clock).speaker, self.clock)
        self.understanding = Understanding(Matcher({"crumb": settings}), Judge())

    async def hear(self, posts: Sequence[Post | Gone]) -> None:
        await keep_source(self.store)
        async with self.store.work() as session:
            source = await sources.get(session, "crumb", "town")
            assert source is not None
            table = SourceTable(name="town", type="town", filter=False)
            ear = Ear(source, table, self.shop.settings, lambda each: Route(RouteKind.API, "The platform takes it."))
            await hear(session, Page(posts, {}), ear, self.understanding, self.clock())

    async def draft(self) -> Draft | None:
        """The draft that is made now, if any."""
        await draft_waiting(self.store, self.shop.businesses, self.engine, self.clock())
        async with self.store.read() as session:
            waiting = await drafts.queue(session, "crumb", now=self.clock())
        return waiting[0][0] if waiting else None

    async def answer(self, text: str = "") -> str:
        """Drafts (or takes `text`), approves and posts; gives the reply."""
        draft = await self.draft()
        assert draft is not None
        if text:
            draft = await self.shop.decide(draft, Action.EDIT, text=text)
        await self.shop.decide(draft, Action.APPROVE, "Jo")
        self.clock.move(timedelta(seconds=30))
        await send_due(self.outbox)
        self.clock.move(timedelta(hours=1))
        assert (await self.shop.see(draft)).state is DraftState.SENT
        return draft.text

    async def trail(self) -> list[tuple[str, str, dict[str, Any]]]:
        async with self.store.read() as session:
            lines = await audit.recent(session, "crumb")
        return [(each.what, each.subject, each.detail) for each in lines if each.who == outcomes.AUTHOR]

    async def newest(self) -> Mention:
        async with self.store.read() as session:
            return (await mentions.history(session, "crumb"))[0]

    async def came(self) -> Outcomes:
        async with self.store.read() as session:
            return await outcomes.outcomes(session, "crumb", NOW, NOW + timedelta(days=7))


@pytest.fixture
async def house(sqlite_store: Store) -> House:
    return House(sqlite_store, business(**CALM))


def reviews(*items: dict[str, Any]) -> Sequence[Post]:
    return google.parse({"reviews": list(items)}, PLACE).posts


async def test_a_review_that_gets_more_stars_is_thanked_for_the_second_look(house: House) -> None:
    await house.hear(reviews(review("TWO", WAITED, NOW)))
    first = await house.answer()

    later = house.clock()
    await house.hear(reviews(review("FIVE", f"{WAITED} Update: Jo called me, all is well now.", later, first, NOW)))
    second = await house.draft()

    assert second is not None
    assert "sorry" in first.lower()
    assert not any(word in second.text.lower() for word in ("sorry", "look into", "40"))
    assert "thank" in second.text.lower()
    assert second.reasons == ["after your answer the stars went from 2 to 5"]
    assert await house.trail() == [("rated", f"mention {second.mention_id}", {"draft": 1, "before": 2.0, "after": 5.0})]


async def test_a_review_that_loses_stars_is_met_without_the_same_apology_or_promise(house: House) -> None:
    await house.hear(reviews(review("TWO", WAITED, NOW)))
    await house.answer()

    await house.hear(reviews(review("ONE", f"{WAITED} Still the same!", house.clock())))
    second = await house.draft()

    assert second is not None
    assert not any(word in second.text.lower() for word in ("sorry", "look into", "thank"))
    assert second.reasons[-2:] == ["you have answered this before", "after your answer the stars went from 2 to 1"]
    assert [finding["rule"] for finding in second.findings] == []


async def test_a_new_trouble_in_an_answered_review_is_owned_by_itself(house: House) -> None:
    await house.hear(reviews(review("TWO", WAITED, NOW)))
    await house.answer()

    await house.hear(reviews(review("TWO", f"{WAITED} Came again and I was charged twice.", house.clock())))
    second = await house.draft()

    assert second is not None
    assert "charge" in second.text
    assert "wait" not in second.text
    assert await house.trail() == [("reworded", f"mention {second.mention_id}", {"draft": 1})]


async def test_an_edit_before_any_answer_is_no_outcome(house: House) -> None:
    await house.hear(reviews(review("TWO", WAITED, NOW)))
    await house.hear(reviews(review("FIVE", "All is well now.", NOW + timedelta(hours=1))))

    assert await house.trail() == []
    assert await house.came() == Outcomes()


async def test_an_answered_review_that_changes_is_due_anew(house: House) -> None:
    await house.hear(reviews(review("TWO", WAITED, NOW)))
    await house.answer()
    house.clock.move(timedelta(days=40))

    await house.hear(reviews(review("ONE", f"{WAITED} Still!", house.clock())))

    mention = await house.newest()
    assert mention.owed
    assert mention.due_at == house.clock() + timedelta(hours=4)


async def test_an_old_post_that_is_edited_now_is_as_fresh_as_its_edit(house: House) -> None:
    await house.hear([post("1", WAITED)])
    await house.answer()
    house.clock.move(timedelta(days=40))

    await house.hear([post("1", f"{WAITED} Still!", edited_at=house.clock())])

    assert (await house.newest()).owed


async def test_a_reply_of_ours_from_before_an_edit_does_not_answer_the_edit(house: House) -> None:
    await house.hear([post(rating=2.0)])
    await house.answer("We are sorry about the queue at Crumb. – Mia")
    edited = post("1", "The queue was long. Still is.", edited_at=house.clock())
    ours = post("re-1", "We are sorry.", own=True, in_reply_to="1", posted_at=NOW)

    await house.hear([edited, ours])

    assert (await house.newest()).owed


async def test_a_colleagues_reply_to_the_edit_answers_it(house: House) -> None:
    await house.hear([post(rating=2.0)])
    edited = post("1", "The queue was long. Still is.", edited_at=house.clock())
    ours = post("re-1", "We are sorry.", own=True, in_reply_to="1", posted_at=house.clock() + timedelta(minutes=1))

    await house.hear([edited, ours])

    assert not (await house.newest()).owed


async def test_an_author_who_answers_us_on_mastodon_is_answered_as_in_a_conversation(house: House) -> None:
    await house.hear(mastodon.parse([status("1", f"@crumb {WAITED}", NOW)], "us").posts)
    first = await house.answer()

    await house.hear(
        mastodon.parse([status("2", "@crumb And it was 40 minutes again today.", house.clock(), "re-1")], "us").posts
    )
    second = await house.draft()

    assert second is not None
    assert "sorry" in first.lower()
    assert not any(word in second.text.lower() for word in ("sorry", "look into it today"))
    assert await house.trail() == [("answered", "draft 1", {"mention": 2})]
    async with house.store.read() as session:
        mention = await mentions.get(session, "crumb", 2)
        assert mention is not None
        case = await make_case(session, house.shop.settings, mention, house.clock())
    assert [(turn.ours, turn.text) for turn in case.thread] == [(False, f"@crumb {WAITED}"), (True, first)]


async def test_thanks_for_our_answer_are_answered_in_a_line(house: House) -> None:
    await house.hear(mastodon.parse([status("1", f"@crumb {WAITED}", NOW)], "us").posts)
    await house.answer()

    await house.hear(mastodon.parse([status("2", "Thank you, that was kind!", house.clock(), "re-1")], "us").posts)
    second = await house.draft()

    assert second is not None
    assert second.reasons == ["an answer to their thanks"]


async def test_a_recorded_week_with_an_edit_after_our_answer_reopens_the_case(house: House) -> None:
    lines = [
        {"kind": "post", "platform": "town", "id": "1", "at": "mon 10:00", "text": WAITED, "rating": 2,
         "author": {"external_id": "ana", "name": "Ana"}},
        {"kind": "edit", "platform": "town", "id": "1", "at": "mon 18:00", "rating": 4, "text": "They called me. Fine now."},
    ]  # fmt: skip
    recording = b"\n".join(json.dumps(line).encode() for line in lines)
    first, edit = replay.play(replay.parse(recording), NOW, ZoneInfo("UTC"))
    assert isinstance(first.what, Post)
    assert isinstance(edit.what, Post)

    await house.hear([first.what])
    await house.answer()
    await house.hear([edit.what])
    second = await house.draft()

    assert second is not None
    assert second.reasons == ["after your answer the stars went from 2 to 4"]


async def test_another_visit_long_after_is_another_matter(house: House) -> None:
    await house.hear([post("1", WAITED)])
    await house.answer()
    house.clock.move(timedelta(days=60))

    await house.hear([post("2", "An hour in the queue, and the soup was cold.", posted_at=house.clock())])
    second = await house.draft()

    assert second is not None
    assert "sorry" in second.text.lower()
    assert await house.trail() == []


async def test_a_post_that_comes_back_unchanged_is_no_outcome(house: House) -> None:
    await house.hear([post("1", WAITED)])
    await house.answer()

    await house.hear([Gone("town", "1")])
    await house.hear([post("1", WAITED)])

    assert await house.trail() == []


async def test_what_came_of_replies_is_counted(store: Store) -> None:
    house = House(store, business(**CALM))
    troubles = {
        "ana": "Waited 40 minutes for a cold soup.",
        "bob": "The girl at the till was so rude to my mother.",
        "cleo": "Your card machine is broken again, as it was in May.",
        "dan": "Filthy tables by the window, and nobody wiped them.",
    }
    for number, (author, said) in enumerate(troubles.items()):
        await house.hear(mastodon.parse([status(f"{number}", said, NOW, by=author)], "us").posts)
        await house.answer(f"I'm sorry for what happened, {author}. – Mia")
    await house.hear(reviews(review("TWO", "The bread was stale.", house.clock())))
    await house.answer("I'm sorry about the stale bread. That is not good enough. – Mia")

    await house.hear(mastodon.parse([status("9", "Thanks!", house.clock(), "re-0", by="ana")], "us").posts)
    await house.hear(reviews(review("FOUR", "Better now.", house.clock())))
    await house.hear(reviews(review("ONE", "Stale again.", house.clock() + timedelta(hours=1))))
    came = await house.came()

    assert came == Outcomes(replies=5, answered=1, raised=0, lowered=1, silent=3)
    assert came_of({"replies": 5, "answered": 1, "raised": 0, "lowered": 1, "silent": 3}) == (
        "Of 5 replies of the week before: 1 answered by their authors, 1 followed by fewer stars, 3 met with silence."
    )


def test_a_digest_from_before_outcomes_were_counted_says_nothing_of_them() -> None:
    assert came_of(None) == ""
    assert came_of({"replies": 0}) == ""
