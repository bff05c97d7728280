"""Any OpenAI-compatible server: chat completions, streamed.

The `openai` package takes half a second to import: that runs in a thread, begun when the engine is made, while
the worker connects and claims. Its own retries are off, because the queue retries.
"""

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from greenscale_jobs import Item, Parameters
from greenscale_worker.engines import Answer
from greenscale_worker.engines.openai_chunks import Chunk
from greenscale_worker.engines.openai_errors import error_of_status
from greenscale_worker.errors import AttemptFailed, EngineError, EngineMisconfigured, JobRejected

if TYPE_CHECKING:
    import openai

CONNECT_SECONDS = 10.0
"""A server that does not even accept a connection by then is away."""

NO_KEY_NEEDED = "no-key"
"""Local servers need no key, the package insists on one."""


class OpenAIEngine:
    """Asks one model of one server; to be made where an event loop runs.

    `base_url` None is OpenAI's own. `answer_seconds` is how long the server may be silent.
    `max_answer_bytes` bounds the whole answer.
    """

    def __init__(
        self,
        *,
        model: str,
        api_key: str | None,
        base_url: str | None,
        defaults: Parameters,
        concurrency: int,
        answer_seconds: float,
        max_answer_bytes: int,
    ) -> None:
        self._model = model
        self._api_key = api_key
        self._base_url = base_url
        self._defaults = defaults
        self._concurrency = concurrency
        self._answer_seconds = answer_seconds
        self._max_answer_bytes = max_answer_bytes
        self._asks_usage = True
        self._client: openai.AsyncOpenAI | None = None
        self._loading = asyncio.create_task(asyncio.to_thread(_load))

    async def ready(self) -> None:
        """Return at once: importing `openai` overlaps with claiming."""

    async def answer(self, item: Item, emit: Callable[[str], None]) -> Answer:
        """Ask the server and stream its answer; raises EngineError."""
        if not self._api_key and not self._base_url:
            raise EngineMisconfigured(
                "NoKey",
                "OpenAI wants an API key: set OPENAI_API_KEY (engine.openAI.apiKeySecretRef), or OPENAI_BASE_URL "
                "(engine.openAI.baseURL) for a server that needs none, or try the engine Echo",
            )
        client = await self._connected()
        begun = False

        def seen(piece: str) -> None:
            nonlocal begun
            begun = True
            emit(piece)

        import openai  # noqa: PLC0415 - loaded by now

        try:
            return await self._stream(client, item, seen)
        except openai.APIStatusError as error:
            if self._asks_usage and _is_about(error, "stream_options"):
                self._asks_usage = False  # an older server: it does not count a stream's tokens
                return await self.answer(item, emit)
            raise self._refused(error) from None
        except openai.OpenAIError as error:
            raise self._broken(error, begun=begun) from None
        except _transport_errors() as error:
            raise self._broken(error, begun=begun) from None
        except (json.JSONDecodeError, UnicodeDecodeError, msgspec.ValidationError):
            raise self._unavailable("MalformedAnswer", "sent what is no chat completion") from None

    async def aclose(self) -> None:
        """Close the connections."""
        await asyncio.wait({self._loading})
        if self._client:
            await self._client.close()

    async def _connected(self) -> "openai.AsyncOpenAI":
        if self._client is None:
            await asyncio.shield(self._loading)
        if self._client is None:
            import httpx2  # noqa: PLC0415 - `openai` brought it
            import openai  # noqa: PLC0415

            timeout = httpx2.Timeout(self._answer_seconds, connect=CONNECT_SECONDS)
            connections = self._concurrency + 1
            limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
            self._client = openai.AsyncOpenAI(
                api_key=self._api_key or NO_KEY_NEEDED,
                base_url=self._base_url,
                max_retries=0,
                timeout=timeout,
                http_client=openai.DefaultAioHttpClient(timeout=timeout, limits=limits),
            )
        return self._client

    async def _stream(self, client: "openai.AsyncOpenAI", item: Item, emit: Callable[[str], None]) -> Answer:
        import openai  # noqa: PLC0415 - loaded by now

        pieces: list[str] = []
        finish_reason = model = usage = None
        stream = await client.post(
            "/chat/completions",
            body=self._request(item),
            cast_to=object,
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )
        async with stream:
            async for event in stream:
                chunk = msgspec.convert(event, Chunk)
                model, usage = chunk.model or model, chunk.tokens or usage
                for choice in chunk.choices or ():
                    finish_reason = choice.finish_reason or finish_reason
                    if choice.delta and choice.delta.content:
                        pieces.append(choice.delta.content)
                        emit(choice.delta.content)
        if finish_reason == "content_filter":
            raise JobRejected("ContentFiltered", "the engine's content filter refuses this prompt or its answer")
        if finish_reason is None:
            how = "broke off in the middle of its answer" if pieces else "answered without an answer"
            raise self._unavailable("StreamBroken" if pieces else "NoAnswer", how)
        if not pieces:
            raise self._unavailable("NoAnswer", f"answered with no text (it says {finish_reason})")
        return Answer("".join(pieces), model, usage, finish_reason)

    def _request(self, item: Item) -> dict[str, Any]:
        parameters = item.parameters.over(self._defaults)
        messages = [{"role": turn.role, "content": turn.content} for turn in item.history]
        messages.append({"role": "user", "content": item.prompt})
        if parameters.system:
            messages.insert(0, {"role": "system", "content": parameters.system})
        # OpenAI's newer models refuse the old name, other servers know only that.
        limit = "max_tokens" if self._base_url else "max_completion_tokens"
        wishes = {limit: parameters.max_tokens, "temperature": parameters.temperature}
        if self._asks_usage:
            wishes["stream_options"] = {"include_usage": True}  # type: ignore[assignment]
        told = {name: value for name, value in wishes.items() if value is not None}
        return {"model": self._model, "messages": messages, "stream": True, **told}

    def _refused(self, error: "openai.APIStatusError") -> EngineError:
        return error_of_status(
            error.status_code, code=error.code, kind=error.type, headers=error.response.headers, model=self._model
        )

    def _broken(self, error: Exception, *, begun: bool) -> AttemptFailed:
        if begun:
            return self._unavailable("StreamBroken", "broke off in the middle of its answer")
        if _timed_out(error):
            return self._unavailable("Timeout", "did not answer in time")
        return self._unavailable("ConnectionFailed", "cannot be reached, or hung up")

    def _unavailable(self, reason: str, what: str) -> AttemptFailed:
        where = urlsplit(self._base_url).hostname if self._base_url else "OpenAI"
        return AttemptFailed(reason, f"the engine at {where} {what}; see engine.openAI.baseURL if it lasts")


def _load() -> None:
    import openai  # noqa: F401, PLC0415


def _is_about(error: "openai.APIStatusError", parameter: str) -> bool:
    return error.status_code in {400, 422} and parameter in f"{error.param} {error.message}"


def _timed_out(error: BaseException | None) -> bool:
    """Say whether a time limit is at the bottom of it: the transport calls a refused connection a timeout too."""
    while error is not None:
        if isinstance(error, TimeoutError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _transport_errors() -> tuple[type[Exception], ...]:
    import aiohttp  # noqa: PLC0415
    import httpx2  # noqa: PLC0415

    return httpx2.HTTPError, aiohttp.ClientError, ConnectionError
