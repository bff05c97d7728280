"""A small server that speaks OpenAI's chat completions, and fails in every way when the model's name asks for it.

    python -m greenscale_testing.openai_server --port 0      prints its address; `echo` is its model

Every error repeats the prompt and the key, as careless servers do: nothing of it may reach a log or a record.
"""

import argparse
import asyncio
import email.utils
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

from aiohttp import web

T = TypeVar("T")

ERRORS: dict[str, tuple[int, dict[str, str], dict[str, str]]] = {
    "400": (400, {"type": "invalid_request_error", "code": "bad"}, {}),
    "400-too-long": (400, {"type": "invalid_request_error", "code": "context_length_exceeded"}, {}),
    "401": (401, {"type": "invalid_request_error", "code": "invalid_api_key"}, {}),
    "403": (403, {"type": "permission", "code": "forbidden"}, {}),
    "404": (404, {"type": "not_found", "code": "no_route"}, {}),
    "404-model": (404, {"type": "invalid_request_error", "code": "model_not_found"}, {}),
    "413": (413, {"type": "too_large"}, {}),
    "422": (422, {"type": "validation"}, {}),
    "429": (429, {"type": "rate_limit"}, {}),
    "429-seconds": (429, {"type": "rate_limit"}, {"Retry-After": "7"}),
    "500": (500, {"type": "server_error"}, {}),
    "503": (503, {"type": "overloaded"}, {"Retry-After": "3"}),
    "500-hostile-code": (500, {"code": "the prompt was: secret prompt"}, {}),
}
"""Model -> status, error object and headers of its answer."""


class OpenAIServer:
    """Counts what it is asked; `gone` is set when a client breaks off."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.key_is_good = False
        """Whether the model `keyed` answers; else it is 401 for every job."""
        self.released = asyncio.Event()
        """The model `held` says its first word at once, and the rest of prompts that begin with "short" after this."""
        self.refusals: Counter[str] = Counter()
        """How often the model `moody` has refused each prompt."""
        self.gone = asyncio.Event()
        self.asked = asyncio.Event()
        self._special: dict[str, Callable[[web.Request, str], Awaitable[web.StreamResponse]]] = {
            "429-date": self._retry_after_date,
            "hang": self._hang,
            "silent": self._silent,
            "held": self._held,
            "keyed": self._keyed,
            "hang-up": self._hang_up,
            "nothing": self._nothing,
            "half": self._half,
            "half-and-gone": self._half_and_gone,
            "garbage": self._garbage,
            "html": self._html,
            "filtered": self._filtered,
            "no-stream-options": self._no_stream_options,
            "error-in-stream": self._error_in_stream,
            "moody": self._moody,
        }

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append({**body, "key": request.headers.get("Authorization")})
        self.asked.set()
        model, prompt = body["model"], body["messages"][-1]["content"]
        if model in ERRORS:
            status, error, headers = ERRORS[model]
            body_error = {**error, "message": f"{prompt} {request.headers.get('Authorization')}"}
            return web.json_response({"error": body_error}, status=status, headers=headers)
        if model in self._special:
            return await self._special[model](request, prompt)
        return await self._stream(request, prompt.split(" "))

    async def _stream(self, request: web.Request, words: list[str], *, pace_seconds: float = 0) -> web.StreamResponse:
        response = await _begin(request)
        for number, word in enumerate(words):
            await asyncio.sleep(pace_seconds)
            await _send(response, _chunk({"content": word if number == 0 else f" {word}"}))
        await _send(response, _chunk({}, finish_reason="stop"))
        usage = {"prompt_tokens": len(words), "completion_tokens": len(words), "total_tokens": 2 * len(words)}
        if "stream_options" in self.requests[-1]:
            await _send(response, {**_chunk({}), "choices": [], "usage": usage})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _moody(self, request: web.Request, prompt: str) -> web.StreamResponse:
        """Do as the prompt begins: `refuse 500 2 ...` twice before it is answered, `slow ...` a word at a time."""
        match prompt.split(" "):
            case ["refuse", status, times, *more] if self.refusals[prompt] < int(times):
                self.refusals[prompt] += 1
                await asyncio.sleep(0.5 if more[:1] == ["late"] else 0)  # others are answered before
                return web.json_response({"error": {}}, status=int(status))
            case words:
                return await self._stream(request, words, pace_seconds=0.3 if words[0] == "slow" else 0)

    async def _retry_after_date(self, _request: web.Request, _prompt: str) -> web.StreamResponse:
        headers = {"Retry-After": email.utils.formatdate(time.time() + 60, usegmt=True)}
        return web.json_response({"error": {}}, status=429, headers=headers)

    async def _hang(self, request: web.Request, _prompt: str) -> web.StreamResponse:
        response = await _begin(request)
        await _send(response, _chunk({"content": "one"}))
        try:
            await asyncio.sleep(3600)
        finally:
            self.gone.set()
        return response

    async def _silent(self, _request: web.Request, _prompt: str) -> web.StreamResponse:
        try:
            await asyncio.sleep(3600)
        finally:
            self.gone.set()
        return web.Response()

    async def _held(self, request: web.Request, prompt: str) -> web.StreamResponse:
        response = await _begin(request)
        await _send(response, _chunk({"content": "one"}))
        await self.released.wait()
        if not prompt.startswith("short"):
            await asyncio.sleep(3600)
        await _send(response, _chunk({"content": " two"}, finish_reason="stop"))
        return response

    async def _keyed(self, request: web.Request, prompt: str) -> web.StreamResponse:
        if not self.key_is_good:
            return web.json_response({"error": {"code": "invalid_api_key"}}, status=401)
        return await self._stream(request, prompt.split(" "))

    async def _hang_up(self, request: web.Request, _prompt: str) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _nothing(self, request: web.Request, _prompt: str) -> web.StreamResponse:
        response = await _begin(request)
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _half(self, request: web.Request, prompt: str) -> web.StreamResponse:
        response = await _begin(request)
        await _send(response, _chunk({"content": prompt}))
        return response

    async def _half_and_gone(self, request: web.Request, prompt: str) -> web.StreamResponse:
        response = await self._half(request, prompt)
        assert request.transport is not None
        request.transport.abort()
        return response

    async def _garbage(self, request: web.Request, prompt: str) -> web.StreamResponse:
        response = await _begin(request)
        await response.write(f'data: {{"choices": [{prompt}\n\n'.encode())
        return response

    async def _html(self, _request: web.Request, prompt: str) -> web.StreamResponse:
        return web.Response(text=f"<html>{prompt}</html>", content_type="text/html")

    async def _filtered(self, request: web.Request, _prompt: str) -> web.StreamResponse:
        response = await _begin(request)
        await _send(response, _chunk({}, finish_reason="content_filter"))
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _no_stream_options(self, request: web.Request, prompt: str) -> web.StreamResponse:
        if "stream_options" in self.requests[-1]:
            error = {"message": "unknown parameter: stream_options", "param": "stream_options"}
            return web.json_response({"error": error}, status=400)
        return await self._stream(request, prompt.split(" "))

    async def _error_in_stream(self, request: web.Request, prompt: str) -> web.StreamResponse:
        response = await _begin(request)
        await _send(response, _chunk({"content": "one"}))
        await _send(response, {"error": {"message": prompt, "type": "server_error"}})
        return response


async def _begin(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    return response


async def _send(response: web.StreamResponse, event: dict[str, Any]) -> None:
    await response.write(f"data: {json.dumps(event)}\n\n".encode())


def _chunk(delta: dict[str, str], *, finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "served", "choices": [choice]}


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok")


@asynccontextmanager
async def serving(
    port: int = 0, host: str = "127.0.0.1", server: OpenAIServer | None = None
) -> AsyncIterator[tuple[OpenAIServer, str]]:
    """Serve; gives the server and its base URL."""
    server = server or OpenAIServer()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", server.answer)
    app.router.add_get("/health", _healthy)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    try:
        yield server, f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


class ServerInThread:
    """The server beside a test that has no event loop of its own, as one with a browser."""

    def __enter__(self) -> Self:
        """Serve until the end of the block, at `url`."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._open = serving()
        self.server, self.url = self._run(self._open.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._run(self._open.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def release(self) -> None:
        """Let the model `held` go on."""
        self._loop.call_soon_threadsafe(self.server.released.set)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


async def _main(port: int, host: str) -> None:
    async with serving(port, host) as (_, url):
        print(url, flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args()
    asyncio.run(_main(options.port, options.host))
