"""Any OpenAI-compatible server: chat completions, streamed.

The `openai` package takes half a second to import: that runs in a thread, begun when the engine is made, while
the worker connects and claims. Its own retries are off, because the queue retries; the answer's bytes are read by us.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import msgspec

from greenscale_jobs.records import Item
from greenscale_worker.chat_completions.failures import Broken, Refused
from greenscale_worker.chat_completions.reading import Reading
from greenscale_worker.chat_completions.requests import Dialect, Request, request_for
from greenscale_worker.environment import OPENAI_URL, Proxy
from greenscale_worker.errors import EngineError, EngineMisconfigured
from greenscale_worker.outcomes.bodies import read_error
from greenscale_worker.outcomes.judge import Place, judge_break, judge_ending, judge_refusal
from greenscale_worker.outcomes.parameters import ours_refused
from greenscale_worker.runner import Answer, CommonSettings

if TYPE_CHECKING:
    import httpx2
    import openai

    from greenscale_worker.chat_completions.transport import Exchange

USAGE_SECONDS = 5.0
"""How long to wait for the count of tokens once the answer is whole."""

END_SECONDS = 0.25
"""How long to wait for the end of the message once nothing more can come: then its connection can be used again."""

NO_KEY_NEEDED = "no-key"
"""Local servers need no key, the package insists on one."""

STATUS_DECIDES = frozenset({401, 402, 429, 503, 529})
"""What these mean needs no body, so one that does not end changes nothing."""


class ChatClient:
    """Asks one model of one server; to be made where an event loop runs.

    `base_url` None is OpenAI's own. `answer_seconds` is how long the server may be silent.
    `max_answer_bytes` bounds the whole answer. `place` names the settings to change when something fails.
    """

    def __init__(
        self,
        common: CommonSettings,
        *,
        api_key: str | None,
        base_url: str | None,
        proxy: Proxy | None = None,
        place: Place | None = None,
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url
        self._defaults = common.defaults
        self._connections = common.concurrency + 1
        self._answer_seconds = common.answer_seconds
        self._max_answer_bytes = common.max_answer_bytes
        self._proxy = proxy
        self._place = place or place_of(common.model, base_url, proxy)
        self._dialect = Dialect("max_tokens" if base_url else "max_completion_tokens")
        self._client: openai.AsyncOpenAI | None = None
        self._fresh: openai.AsyncOpenAI | None = None
        self._loading: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        """Return at once: importing `openai` overlaps with claiming."""
        self._load_soon()

    async def answer(self, item: Item, emit: Callable[[str], None]) -> Answer:
        """Ask the server and stream its answer; raises EngineError."""
        if not self._api_key and not self._base_url:
            raise EngineMisconfigured(
                "NoKey",
                "OpenAI needs an API key: set engine.openAI.apiKeySecretRef (OPENAI_API_KEY), or engine.openAI.baseURL "
                "(OPENAI_BASE_URL) for a server that needs none, or try the engine Echo",
            )
        client = await self._connected()
        while True:
            dialect = self._dialect
            request = request_for(item, model=self._place.model, defaults=self._defaults, dialect=dialect)
            try:
                return await self._ask(client, request, emit)
            except Broken as broken:
                raise judge_break(broken.name, place=self._place) from None
            except Refused as refused:
                error = self._refused(refused, request, item)
            if error is not None:
                raise error

    async def aclose(self) -> None:
        """Close the connections."""
        if self._loading:
            await asyncio.wait({self._loading})
        for client in (self._client, self._fresh):
            if client:
                await client.close()

    async def _ask(self, client: "openai.AsyncOpenAI", request: Request, emit: Callable[[str], None]) -> Answer:
        """Send one request and read its answer. Raises Broken, Refused and EngineError."""
        try:
            response = await _post(client, request.body)
        except Broken as broken:
            if not broken.is_stale:
                raise
            # The server closed a connection that we had kept, and has not seen this request: no reason to wait.
            try:
                response = await _post(self._once(), request.body)
            except Broken as again:
                # Nobody listens any more: it did not close a connection, it died, and maybe of this request.
                raise (broken if again.name == "refused" else again) from None
        try:
            reading = Reading(emit, max_bytes=self._max_answer_bytes)
            await _read(response.extensions["exchange"], reading, is_counted="stream_options" in request.body)
        finally:
            await response.aclose()
        if reading.error is not None:
            raise Refused(response.status_code, reading.error, is_begun=reading.has_text)
        if error := self._ended(reading.ending, has_text=reading.has_text):
            raise error
        if not self._place.has_answered:
            self._place = msgspec.structs.replace(self._place, has_answered=True)
        return reading.answer()

    def _refused(self, refused: Refused, request: Request, item: Item) -> EngineError | None:
        """Return what a refusal means; None: it was for something that we added, and the request is made without it."""
        body = read_error(refused.body, private=self._private(item))
        if refused.is_cut and refused.status not in STATUS_DECIDES:
            return self._ended("<too large>", has_text=False)
        ours = None if refused.is_begun else ours_refused(refused.status, body, request.own)
        if ours is None:
            return judge_refusal(
                refused.status,
                refused.headers,
                body,
                place=self._place,
                asked=request.asked,
                defaults=request.defaults,
            )
        if ours in self._dialect.own:  # else another job has learned it meanwhile
            self._dialect = self._dialect.without(ours)
        return None

    def _ended(self, ending: str | None, *, has_text: bool) -> EngineError | None:
        return judge_ending(ending, has_text=has_text, place=self._place, max_answer_bytes=self._max_answer_bytes)

    def _load_soon(self) -> "asyncio.Task[None]":
        """Begin to import `openai`, once."""
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(_load))
        return self._loading

    async def _connected(self) -> "openai.AsyncOpenAI":
        if self._client is None:
            await asyncio.shield(self._load_soon())
        if self._client is None:
            self._client = self._made(keeps=True)
        return self._client

    def _once(self) -> "openai.AsyncOpenAI":
        """Return a client that opens a connection for each call."""
        if self._fresh is None:
            self._fresh = self._made(keeps=False)
        return self._fresh

    def _private(self, item: Item) -> list[str]:
        """Return what an error may repeat because we sent it; it must not decide what the error means."""
        texts = [item.prompt, *(turn.content for turn in item.history)]
        return [*texts, *filter(None, (self._api_key, item.parameters.system, self._defaults.system))]

    def _made(self, *, keeps: bool) -> "openai.AsyncOpenAI":
        import httpx2  # noqa: PLC0415 - `openai` brought it
        import openai  # noqa: PLC0415 - loaded by now

        from greenscale_worker.chat_completions.transport import Transport  # noqa: PLC0415 - the same

        transport = Transport(
            connections=self._connections, silent_seconds=self._answer_seconds, proxy=self._proxy, keeps=keeps
        )
        return openai.AsyncOpenAI(
            api_key=self._api_key or NO_KEY_NEEDED,
            base_url=self._base_url,
            max_retries=0,
            default_headers={"Accept-Encoding": "identity"},
            http_client=httpx2.AsyncClient(transport=transport, trust_env=False),
        )


def place_of(model: str, base_url: str | None, proxy: Proxy | None) -> Place:
    """Return how messages name an engine of the type OpenAI."""
    parts = urlsplit(base_url or OPENAI_URL)
    return Place(
        host=parts.hostname or "" if base_url else "OpenAI",
        model=model,
        is_bare=not parts.path.strip("/"),
        proxy=proxy.variable if proxy else None,
    )


async def _post(client: "openai.AsyncOpenAI", body: dict[str, Any]) -> "httpx2.Response":
    """Send a request; returns with the head of an answer of 2xx. Raises Broken and Refused."""
    import httpx2  # noqa: PLC0415 - loaded by now
    import openai  # noqa: PLC0415 - the same

    try:
        response = await client.post(
            "/chat/completions",
            body=body,
            cast_to=httpx2.Response,  # so it is given as it is, whatever `stream_cls` says
            stream=True,
            stream_cls=openai.AsyncStream[Any],
        )
        return cast("httpx2.Response", response)
    except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL):  # not the transport's: it could not be built
        raise Broken("unusable address") from None


async def _read(exchange: "Exchange", reading: Reading, *, is_counted: bool) -> None:
    """Read until the answer is whole, or can be none any more; what comes after it is waited for, but not needed."""
    try:
        while reading.is_open:
            if not await _feed(exchange, reading):
                return
        if reading.failed:
            return
        with contextlib.suppress(TimeoutError):
            if is_counted:
                async with asyncio.timeout(USAGE_SECONDS):
                    while reading.lacks_count and await _feed(exchange, reading):
                        pass
            async with asyncio.timeout(END_SECONDS):
                while not exchange.is_at_end and await _feed(exchange, reading):
                    pass
    except Broken:
        if not reading.finished:
            raise


async def _feed(exchange: "Exchange", reading: Reading) -> bool:
    """Read once; returns whether there is more to come."""
    data = await exchange.read()
    if data:
        reading.feed(data)
        return not reading.failed
    reading.end()
    if reading.is_cut and not exchange.is_framed:  # the server ended, or its end: nobody can tell
        raise Broken("lost within its answer")
    return False


def _load() -> None:
    import openai  # noqa: F401, PLC0415

    import greenscale_worker.chat_completions.transport  # noqa: F401, PLC0415
