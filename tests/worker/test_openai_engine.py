"""The engine OpenAI against a server that speaks the protocol, and fails in every way."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from greenscale_jobs import Item, Parameters, Turn, Usage
from greenscale_testing.openai_server import OpenAIServer, serving
from greenscale_testing.ports import free_port
from greenscale_worker.chat_completions.client import ChatClient
from greenscale_worker.errors import (
    AttemptFailed,
    Doubtful,
    EngineError,
    EngineInTrouble,
    EngineLost,
    EngineMisconfigured,
    JobRejected,
)
from greenscale_worker.runner import CommonSettings
from greenscale_worker.settings import read_settings

KEY = "sk-secret-key"
PROMPT = "secret prompt"

Make = Callable[..., ChatClient]


@pytest.fixture
async def server() -> AsyncIterator[tuple[OpenAIServer, str]]:
    async with serving() as running:
        yield running


@pytest.fixture
async def make(server: tuple[OpenAIServer, str]) -> AsyncIterator[Make]:
    made: list[ChatClient] = []

    def engine(model: str, *, base_url: str | None = server[1], api_key: str | None = KEY) -> ChatClient:
        made.append(
            ChatClient(
                CommonSettings(
                    model=model,
                    defaults=Parameters(max_tokens=100, system="Be brief."),
                    concurrency=4,
                    answer_seconds=60,
                    max_answer_bytes=8 * 1024 * 1024,
                ),
                api_key=api_key,
                base_url=base_url,
            )
        )
        return made[-1]

    yield engine
    for running in made:
        await running.aclose()


def test_an_engine_is_made_before_anything_runs() -> None:
    """It starts its task where it is run: whoever makes one needs no event loop, and nothing is left to close."""
    settings = read_settings({"OPENAI_API_KEY": KEY}, process_id=1)

    assert isinstance(settings.runner.make(settings.common), ChatClient)


async def test_an_answer_is_streamed(make: Make, server: tuple[OpenAIServer, str]) -> None:
    pieces: list[str] = []
    item = Item("id", "one two three", Parameters(temperature=0.5, max_tokens=7))
    answer = await make("echo").answer(item, pieces.append)
    (request,) = server[0].requests

    assert (answer.text, pieces) == ("one two three", ["one", " two", " three"])
    assert (answer.model, answer.usage, answer.finish_reason) == ("served", Usage(3, 3), "stop")
    assert request["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one two three"},
    ]
    assert (request["max_tokens"], request["temperature"], request["key"]) == (7, 0.5, f"Bearer {KEY}")


async def test_what_was_said_before_stands_between_system_and_prompt(
    make: Make, server: tuple[OpenAIServer, str]
) -> None:
    history = (Turn("user", "one"), Turn("assistant", "two"))
    await make("echo").answer(Item("id", "three", history=history), lambda _: None)
    (request,) = server[0].requests

    assert request["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]


@pytest.mark.parametrize(
    ("model", "kind", "reason"),
    [
        ("400", JobRejected, "InvalidRequest"),
        ("400-too-long", JobRejected, "PromptTooLong"),
        ("401", EngineMisconfigured, "Unauthorized"),
        ("403", Doubtful, "Forbidden"),
        ("404", Doubtful, "NotFound"),
        ("404-model", EngineMisconfigured, "ModelNotFound"),
        ("413", JobRejected, "TooLarge"),
        ("422", JobRejected, "InvalidRequest"),
        ("429", EngineInTrouble, "RateLimited"),
        ("500", AttemptFailed, "ServerError"),
        ("500-hostile-code", AttemptFailed, "ServerError"),
        ("503", EngineInTrouble, "Overloaded"),
        ("hang-up", EngineLost, "EngineLost"),
        ("nothing", AttemptFailed, "NoAnswer"),
        ("half", AttemptFailed, "StreamBroken"),
        ("half-and-gone", EngineLost, "EngineLost"),
        ("garbage", AttemptFailed, "MalformedAnswer"),
        ("html", EngineMisconfigured, "WrongAddress"),
        ("filtered", JobRejected, "ContentFiltered"),
        ("error-in-stream", AttemptFailed, "ServerError"),
    ],
)
async def test_each_fault_has_its_outcome_and_shows_no_secret(
    make: Make, model: str, kind: type[EngineError], reason: str
) -> None:
    with pytest.raises(EngineError) as caught:
        await make(model).answer(Item("id", PROMPT), lambda _: None)
    error = caught.value

    assert (type(error), error.reason) == (kind, reason)
    assert PROMPT not in str(error)
    assert KEY not in str(error)
    assert error.__context__ is None or error.__suppress_context__, "a traceback would show the server's words"


@pytest.mark.parametrize(("model", "seconds"), [("429-seconds", 7), ("429-date", 60), ("503", 3), ("429", None)])
async def test_retry_after_is_read(make: Make, model: str, seconds: float | None) -> None:
    with pytest.raises(EngineInTrouble) as caught:
        await make(model).answer(Item("id", PROMPT), lambda _: None)
    wait = caught.value.retry_after_seconds

    assert wait == (None if seconds is None else pytest.approx(seconds, abs=2))


async def test_nobody_listens(make: Make) -> None:
    engine = make("echo", base_url=f"http://127.0.0.1:{free_port()}/v1")
    with pytest.raises(EngineError) as caught:
        await engine.answer(Item("id", PROMPT), lambda _: None)

    assert (type(caught.value), caught.value.reason) == (EngineInTrouble, "ConnectionRefused")


async def test_cancelling_aborts_the_call(make: Make, server: tuple[OpenAIServer, str]) -> None:
    """A job that nobody wants any more must not go on costing tokens."""
    call = asyncio.create_task(make("hang").answer(Item("id", PROMPT), lambda _: None))
    await server[0].asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    async with asyncio.timeout(5):
        await server[0].gone.wait()


async def test_an_older_server_does_without_counting(make: Make) -> None:
    answer = await make("no-stream-options").answer(Item("id", "one two"), lambda _: None)

    assert (answer.text, answer.usage) == ("one two", None)


async def test_a_server_of_ones_own_needs_no_key(make: Make) -> None:
    assert (await make("echo", api_key=None).answer(Item("id", "hi"), lambda _: None)).text == "hi"


async def test_openai_itself_needs_a_key(make: Make) -> None:
    with pytest.raises(EngineMisconfigured, match="OPENAI_API_KEY"):
        await make("echo", base_url=None, api_key=None).answer(Item("id", PROMPT), lambda _: None)
