"""The bytes of a call: sent by aiohttp beneath the `openai` package, read with limits, and every break by its name.

Imports `httpx2` and `aiohttp`, which take long: only `client` imports it, in a thread. Nothing follows a
redirect, nothing is decompressed without a bound, no cookie is kept, and a proxy is used only where one is given.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import httpx2
from yarl import URL

from greenscale_worker.chat_completions.breaks import broken_name
from greenscale_worker.chat_completions.failures import Broken, Refused
from greenscale_worker.chat_completions.inflating import Inflating
from greenscale_worker.environment import Proxy

CONNECT_SECONDS = 10.0
"""A server that does not accept a connection by then is away."""

KEEP_SECONDS = 3.0
"""How long an idle connection is kept: vLLM and uvicorn close theirs after 5 s, and a request must not meet that."""

MAX_HEADER_BYTES = 64 * 1024

MAX_ERROR_BYTES = 1024 * 1024
"""An error body; what is longer was not written for us."""

ERROR_SECONDS = 10.0
"""How long an error body may take; what came by then is judged."""


class Exchange:
    """An answer of 2xx that is read as it comes."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        self._inflating = None if encoding in {"", "identity"} else Inflating(encoding)
        transfer = response.headers.get("Transfer-Encoding", "").lower()
        self.is_framed = "chunked" in transfer or "Content-Length" in response.headers
        """Whether the end of the message is marked, so that a broken one is seen."""

    async def read(self) -> bytes:
        """Return the next bytes, decompressed; empty at the end. Raises Broken."""
        while True:
            if self._inflating and (piece := self._inflating.next()):
                await asyncio.sleep(0)  # a bomb holds thousands of them: other jobs go on
                return piece
            try:
                data = await self._response.content.readany()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise Broken(broken_name(error, before=False)) from None
            if not self._inflating:
                return data
            if not data:
                self._inflating.end()
                return b""
            self._inflating.feed(data)

    @property
    def is_at_end(self) -> bool:
        """Whether nothing comes any more."""
        return self._response.content.at_eof()

    def close(self) -> None:
        """Give the connection back where all was read, else close it."""
        self._response.release()


class _Body(httpx2.AsyncByteStream):
    """What `openai` is given as the body; it closes it, and the engine reads the exchange itself."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self._exchange.read():
            yield data

    async def aclose(self) -> None:
        self._exchange.close()


class Transport(httpx2.AsyncBaseTransport):
    """Sends what `openai` builds; raises Broken and Refused. An answer of 2xx is its response's extension `exchange`.

    `keeps` False: each call has a new connection.
    """

    def __init__(self, *, connections: int, silent_seconds: float, proxy: Proxy | None, keeps: bool) -> None:
        self._connections = connections
        self._timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=silent_seconds)
        self._proxy = URL(proxy.url) if proxy else None
        self._keeps = keeps
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it and return once the head of the answer is there."""
        call = SimpleNamespace(is_new=False)
        try:
            response = await self._opened(request.url.scheme).request(
                request.method,
                str(request.url),
                headers=request.headers,
                data=request.content,
                allow_redirects=False,
                proxy=self._proxy,
                trace_request_ctx=call,
            )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            name = broken_name(error, before=True)
            raise Broken(name, is_stale=name == "lost before its answer" and not call.is_new) from None
        try:
            exchange = Exchange(response)
            await _refuse(response, exchange)
        except BaseException:
            response.close()
            raise
        return httpx2.Response(
            response.status, headers=response.raw_headers, stream=_Body(exchange), extensions={"exchange": exchange}
        )

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session:
            await self._session.close()

    def _opened(self, scheme: str) -> aiohttp.ClientSession:
        if self._session is None:
            tracing = aiohttp.TraceConfig()
            tracing.on_connection_create_start.append(_mark_new)
            context = _tls() if scheme == "https" or (self._proxy and self._proxy.scheme == "https") else True
            connector = (
                aiohttp.TCPConnector(limit=self._connections, ssl=context, keepalive_timeout=KEEP_SECONDS)
                if self._keeps
                else aiohttp.TCPConnector(limit=self._connections, ssl=context, force_close=True)
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                max_line_size=MAX_HEADER_BYTES,
                max_field_size=MAX_HEADER_BYTES,
                trace_configs=[tracing],
            )
        return self._session


async def _refuse(response: aiohttp.ClientResponse, exchange: Exchange) -> None:
    """Raise Refused for what is not 2xx, with its body as far as it is worth reading and as far as it came."""
    if 200 <= response.status < 300:  # noqa: PLR2004
        return
    body = bytearray()
    ended = False
    try:
        async with asyncio.timeout(ERROR_SECONDS):
            while len(body) <= MAX_ERROR_BYTES:
                data = await exchange.read()
                if not data:
                    ended = True
                    break
                body += data
    except (Broken, TimeoutError):
        ended = True
    if ended:
        exchange.close()
    else:
        response.close()
    headers = {name.lower(): value for name, value in response.headers.items()}
    raise Refused(response.status, bytes(body), headers=headers, is_cut=not ended)


async def _mark_new(_session: aiohttp.ClientSession, context: Any, _: Any) -> None:
    context.trace_request_ctx.is_new = True


def _tls() -> ssl.SSLContext:
    """Trust what SSL_CERT_FILE or SSL_CERT_DIR names, else what the system trusts, as `openai` does by itself."""
    return httpx2.create_ssl_context()
