"""The engine OpenAI, asked once: what becomes of it, be it an answer or an error."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from greenscale_jobs import Item, Parameters
from greenscale_worker.chat_completions.client import ChatClient
from greenscale_worker.errors import EngineError
from greenscale_worker.runner import Answer, CommonSettings

PROMPT = "the secret prompt"
KEY = "sk-secret-key"


@asynccontextmanager
async def engine_at(base_url: str, **settings: Any) -> AsyncIterator[ChatClient]:
    """Give an engine that asks the model `m` at this address."""
    common: dict[str, Any] = {
        "model": "m",
        "defaults": Parameters(),
        "concurrency": 4,
        "answer_seconds": 20,
        "max_answer_bytes": 1024 * 1024,
    }
    own: dict[str, Any] = {"api_key": KEY, "base_url": base_url}
    for name, value in settings.items():
        (common if name in common else own)[name] = value
    made = ChatClient(CommonSettings(**common), **own)
    try:
        yield made
    finally:
        await made.aclose()


async def ask(engine: ChatClient, prompt: str = PROMPT, **parameters: Any) -> Answer | EngineError:
    """Return what becomes of one prompt; no error shows the prompt or the key."""
    try:
        return await engine.answer(Item("id", prompt, Parameters(**parameters)), lambda _: None)
    except EngineError as raised:
        error = raised
    assert prompt not in str(error)
    assert KEY not in str(error)
    assert error.__context__ is None or error.__suppress_context__, "a traceback would show the server's words"
    return error


async def ask_once(base_url: str, **settings: Any) -> Answer | EngineError:
    """Return what becomes of one prompt at a new engine."""
    async with engine_at(base_url, **settings) as engine:
        return await ask(engine)


def kind_of(outcome: Answer | EngineError) -> tuple[str, str]:
    """Return an outcome's class and reason, or `Answer` and its text."""
    if isinstance(outcome, Answer):
        return "Answer", outcome.text
    return type(outcome).__name__, outcome.reason
