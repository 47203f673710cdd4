"""A chat by simulation: a server that keeps messages over our restarts, our channel to it, and people's hands there."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connectors.base import Limit
from connectors.lengths import Counter, length
from responders.channels.base import (
    Act,
    Button,
    Card,
    Channel,
    Editor,
    Limits,
    Pace,
    Press,
    Question,
    Ref,
    Surroundings,
    Taker,
    Verb,
)
from responders.errors import ChannelDenied, ChannelError, ChannelLimited
from tests.responders.channels.scenario import Asked, Seen

LIMITS = Limits(
    text=Limit(Counter.CHARACTERS, 3000),
    label=Limit(Counter.CHARACTERS, 75),
    answer=Limit(Counter.CHARACTERS, 3000),
    editor=Editor.MODAL,
    pace=Pace(1000, timedelta(seconds=1)),
)


@dataclass
class Message:
    """A message of ours as it stands on the server."""

    place: str
    card: Card
    key: str
    is_deleted: bool = False


@dataclass
class Server:
    """The chat's own side. `limits` say what kind of chat it is; `faults` are what the next calls meet."""

    limits: Limits = LIMITS
    has_keys: bool = True
    messages: dict[str, Message] = field(default_factory=dict)
    nudges: list[tuple[Ref, str, tuple[str, ...]]] = field(default_factory=list)
    asked: dict[str, tuple[Act, Question]] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=dict)
    faults: deque[str] = field(default_factory=deque)
    is_down: bool = False
    tells: bool = True
    listener: Taker | None = None
    missed: list[Act] = field(default_factory=list)
    retry_in: timedelta = timedelta(0)
    calls: int = 0
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def meet(self, now: datetime) -> str:
        """Lets one call through, or raises what it meets; "after" is done and then lost."""
        self.calls += 1
        fault = self.faults.popleft() if self.faults else "before" if self.is_down else ""
        match fault:
            case "limited":
                raise ChannelLimited("Too much at once.", retry_at=now + self.retry_in)
            case "denied":
                raise ChannelDenied("The token is no longer valid.")
            case "before":
                raise ChannelError("The chat cannot be reached.")
            case "bug":
                raise KeyError("ts")
        return fault

    def post(self, place: str, card: Card, key: str) -> str:
        if self.has_keys:
            same = [number for number, each in self.messages.items() if each.key == key]
            if same:
                return same[0]
        number = str(next(self._numbers))
        self.messages[number] = Message(place, card, key)
        return number

    def standing(self, place: str | None = None) -> dict[str, Message]:
        """The messages that were not deleted."""
        return {
            number: each
            for number, each in self.messages.items()
            if not each.is_deleted and place in (None, each.place)
        }

    async def act(self, act: Act) -> None:
        """Hands over what somebody did; what nobody hears is kept where the chat keeps it."""
        if self.listener is not None:
            await self.listener.take(act)
        elif self.limits.keeps:
            self.missed.append(act)


@dataclass
class SimulatedChannel:
    """Our side of the simulated chat."""

    server: Server
    around: Surroundings

    @property
    def limits(self) -> Limits:
        return self.server.limits

    async def run(self, taker: Taker) -> None:
        self.server.listener = taker
        try:
            await asyncio.Event().wait()
        finally:
            self.server.listener = None

    def direct(self, actor: str) -> str:
        return f"@{actor}"

    async def post(self, place: str, card: Card, key: str) -> Ref:
        fault = self.server.meet(self.around.now())
        self._check(card)
        number = self.server.post(place, card, key)
        if fault == "after":
            raise ChannelError("The chat did not answer.")
        return Ref(place, number)

    async def show(self, ref: Ref, card: Card) -> bool:
        fault = self.server.meet(self.around.now())
        self._check(card)
        message = self.server.messages.get(ref.message)
        if message is None or message.is_deleted:
            return False
        message.card = card
        if fault == "after":
            raise ChannelError("The chat did not answer.")
        return True

    def _check(self, card: Card) -> None:
        """Refuses what no chat takes: too long a text or label."""
        limits = self.server.limits
        assert length("\n".join(line.text for line in card.lines), limits.text.counter) <= limits.text.at_most
        for button in itertools.chain(*card.buttons):
            assert 0 < length(button.label, limits.label.counter) <= limits.label.at_most
            assert button.press is None or Press.read(str(button.press)) == button.press

    async def ask(self, act: Act, question: Question) -> None:
        self.server.meet(self.around.now())
        self.server.asked[act.actor] = (act, question)

    async def tell(self, act: Act, text: str) -> None:
        if not self.server.tells:
            raise ChannelError("It is too late to answer.")
        self.server.told.setdefault(act.actor, []).append(text)

    async def nudge(self, ref: Ref, text: str, actors: Sequence[str]) -> None:
        self.server.meet(self.around.now())
        self.server.nudges.append((ref, text, tuple(actors)))

    async def missed(self, refs: Sequence[Ref]) -> list[Act]:
        self.server.meet(self.around.now())
        found, self.server.missed = self.server.missed, []
        return found

    async def check(self) -> str:
        self.server.meet(self.around.now())
        return "Warmline, in the simulated chat"

    async def close(self) -> None:
        pass


@dataclass
class SimulatedHand:
    """People's hands in a simulated chat."""

    server: Server = field(default_factory=Server)
    place: str = "room"

    @property
    def keeps_taps(self) -> bool:
        return self.server.limits.keeps

    async def open(self, surroundings: Surroundings) -> Channel:
        return SimulatedChannel(self.server, surroundings)

    def actor(self, person: str) -> str:
        return f"u-{person.lower()}"

    async def cards(self) -> list[Seen]:
        return [see(number, each) for number, each in self.server.standing(self.place).items()]

    async def notices(self) -> list[str]:
        return [text for ref, text, _ in self.server.nudges if ref.place == self.place]

    async def tap(self, person: str, card: Seen, label: str) -> None:
        message = self.server.messages[card.ref.message]
        press = card_press(card.raw, label) or card_press(message.card, label)  # type: ignore[attr-defined]
        assert press is not None, f"no button “{label}”"
        await self.server.act(Act(self.actor(person), press, ref=card.ref))

    async def asked(self, person: str) -> Asked | None:
        found = self.server.asked.get(self.actor(person))
        if found is None:
            return None
        question = found[1]
        options = tuple(option.label for option in question.options)
        return Asked(question.label, question.text, options, question.problem)

    async def answer(self, person: str, text: str) -> None:
        act, question = self.server.asked[self.actor(person)]
        answer = replace(act, press=question.press, text=text, answers=True)
        if self.server.limits.editor is Editor.MODAL and self.server.listener is not None:
            problem = await self.server.listener.problem(answer)
            if problem:  # the window stays open
                self.server.asked[self.actor(person)] = (act, replace(question, text=text, problem=problem))
                return
        del self.server.asked[self.actor(person)]
        await self.server.act(answer)

    async def choose(self, person: str, label: str) -> None:
        _, question = self.server.asked[self.actor(person)]
        (value,) = [option.value for option in question.options if option.label == label]
        await self.answer(person, value)

    async def told(self, person: str) -> list[str]:
        return self.server.told.get(self.actor(person), [])

    async def send_code(self, person: str, code: str) -> None:
        await self.server.act(Act(self.actor(person), Press(Verb.LINK), text=code))

    async def delete(self, card: Seen) -> None:
        self.server.messages[card.ref.message].is_deleted = True

    async def limit(self, seconds: int) -> None:
        self.server.retry_in = timedelta(seconds=seconds)
        self.server.faults.append("limited")


@dataclass(frozen=True)
class SimulatedSeen(Seen):
    """A message with the card that was seen, so that an old press can be pressed again."""

    raw: Card = field(default_factory=lambda: Card(()))


def see(number: str, message: Message) -> SimulatedSeen:
    card = message.card
    buttons: list[Button] = list(itertools.chain(*card.buttons))
    return SimulatedSeen(
        Ref(message.place, number),
        "\n".join(line.text for line in card.lines),
        tuple(button.label for button in buttons if button.press),
        tuple(button.url for button in buttons if button.url),
        card,
    )


def card_press(card: Card, label: str) -> Press | None:
    """What the button of this label carries."""
    for button in itertools.chain(*card.buttons):
        if button.label == label:
            return button.press
    return None
