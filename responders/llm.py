"""Asks a language model, by any server that speaks as OpenAI's does; imported only where one is configured.

What it answers is proposed to `sound`, and asked for again with what that
finds, within the time and the month's tokens that the owner allows. Nothing
is kept of a conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from openai import APIStatusError, AsyncOpenAI, AuthenticationError, NotFoundError, OpenAIError, PermissionDeniedError
from pydantic import BaseModel, Field
from pydantic_ai import Agent, ModelRetry, PromptedOutput, exceptions
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from config.settings import LlmTable
from responders.errors import ModelDenied, ModelError, ModelSpent, ModelUnavailable

#: How often it may try again after a finding.
RETRIES = 2
#: How many tokens one answer may have; models that think aloud need most of them for that.
ANSWER = 1500
#: A token is rarely fewer bytes than this, so that what is set aside is seldom too little.
BYTES_PER_TOKEN = 3


class Written(BaseModel):
    """What a model answers."""

    #: The reply, without greeting and signature.
    reply: str = Field(default="", max_length=6000)
    #: The mention in the language of the staff.
    translation: str = Field(default="", max_length=6000)


@dataclass(frozen=True, slots=True)
class Meter:
    """Counts tokens, as (asked, answered), where they outlast us: `take` before a request, `give_back` what it left over."""

    take: Callable[[int, int], Awaitable[bool]]
    give_back: Callable[[int, int], Awaitable[None]]


class Metered(WrapperModel):
    """A model that asks the meter before every request; a request whose answer is lost counts as it was set aside."""

    def __init__(self, wrapped: OpenAIChatModel, meter: Meter) -> None:
        super().__init__(wrapped)
        self._meter = meter

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The model's answer.

        Raises:
            ModelSpent: the month's tokens or money do not allow another request.
        """
        asks = len(ModelMessagesTypeAdapter.dump_json(messages)) // BYTES_PER_TOKEN + 200
        if not await self._meter.take(asks, ANSWER):
            raise ModelSpent("This month's tokens for the language model are used up.")
        response = await super().request(messages, model_settings, model_request_parameters)
        if response.usage.input_tokens > 0:  # some servers do not count; then it stays at what was set aside
            left = (asks - response.usage.input_tokens, ANSWER - response.usage.output_tokens)
            await self._meter.give_back(*left)
        return response


async def ask(
    table: LlmTable, instructions: str, said: str, sound: Callable[[Written], Sequence[str]], meter: Meter
) -> Written:
    """What the model writes to `said` by `instructions`, once `sound` finds nothing in it.

    Raises:
        ModelDenied: it does not let us in.
        ModelUnavailable: there was no answer in time.
        ModelSpent: the month is used up.
        ModelError: what it answered will not do.
    """
    try:
        async with asyncio.timeout(table.within.total_seconds()), _client(table) as client:
            return await _run(_agent(table, client, instructions, sound, meter), said)
    except (ModelError, exceptions.AgentRunError, OpenAIError, TimeoutError) as error:
        raise _explained(error, table) from error


def _client(table: LlmTable) -> AsyncOpenAI:
    """Without retries of its own, which would outlast our time."""
    key = table.key.read() if table.key else "none"
    return AsyncOpenAI(base_url=table.endpoint, api_key=key, max_retries=0, timeout=table.within.total_seconds())


def _agent(
    table: LlmTable,
    client: AsyncOpenAI,
    instructions: str,
    sound: Callable[[Written], Sequence[str]],
    meter: Meter,
) -> Agent[None, Written]:
    model = Metered(OpenAIChatModel(table.model, provider=OpenAIProvider(openai_client=client)), meter)
    agent = Agent(
        model,
        deps_type=type(None),
        output_type=PromptedOutput(Written),  # the one form that every compatible server takes
        instructions=instructions,
        retries=RETRIES,
        model_settings=ModelSettings(max_tokens=ANSWER),
    )

    @agent.output_validator
    def judged(written: Written) -> Written:
        if findings := sound(written):
            raise ModelRetry(" ".join(findings))
        return written

    return agent


async def _run(agent: Agent[None, Written], said: str) -> Written:
    return (await agent.run(said)).output


def _explained(error: Exception, table: LlmTable) -> ModelError:
    where = f"The language model at {table.endpoint}"
    match error:
        case ModelError():
            return error
        case TimeoutError():
            return ModelUnavailable(f"{where} did not answer in time.")
        case exceptions.ModelHTTPError(status_code=401 | 403) | AuthenticationError() | PermissionDeniedError():
            return ModelDenied(f"{where} refused the key.", do="Check key under [llm].")
        case exceptions.ModelHTTPError() | APIStatusError():
            return ModelUnavailable(f"{where} answered with status {error.status_code}.")
        case exceptions.UnexpectedModelBehavior():
            return ModelError(f"{where} wrote nothing that will do.")
        case _:
            return ModelUnavailable(f"{where} cannot be reached ({type(error).__name__}).")


async def models(table: LlmTable) -> list[str]:
    """The names of the models that the server offers, none where it keeps no list; asking costs nothing.

    Raises:
        ModelDenied: it does not let us in.
        ModelUnavailable: there was no answer in time.
    """
    try:
        async with asyncio.timeout(table.within.total_seconds()), _client(table) as client:
            return [str(each.id) for each in (await client.models.list()).data or ()]
    except NotFoundError:
        return []
    except (OpenAIError, TimeoutError) as error:
        raise _explained(error, table) from error
