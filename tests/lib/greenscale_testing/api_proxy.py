"""What may happen between an operator and its API server: killed at any write, watches cut, held back.

A reverse proxy in a thread, plain HTTP on the operator's side. It alone sees every write, whoever wrote the code.
"""

import asyncio
import signal
import subprocess
import threading
from dataclasses import dataclass
from typing import Literal, Self

import aiohttp
import yarl
from aiohttp import web

from greenscale_testing.ports import free_port

WRITES = {"POST", "PUT", "PATCH", "DELETE"}

When = Literal["before", "after"]
"""The request has not gone out yet; or it is answered, and nobody will hear it."""


@dataclass
class Kill:
    """Ends a process with SIGKILL at its n-th write that concerns `about`."""

    victim: "subprocess.Popen[bytes]"
    about: str
    number: int
    when: When
    done: str = ""
    """The write at which it happened."""


class ApiProxy:
    """Stands before one API server."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._streams: set[asyncio.Transport] = set()
        self._open = asyncio.Event()
        self.kill: Kill | None = None
        self.expired = threading.Event()
        """The API server has answered a watch with 410."""

    @property
    def url(self) -> str:
        """Where it stands."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Break all connections off, and accept no request until `mend`."""
        self._run(self._cut())

    def mend(self) -> None:
        """Let requests through again."""
        self._loop.call_soon_threadsafe(self._open.set)

    def _run(self, what: "asyncio.Future[None] | object") -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(20)  # type: ignore[arg-type]

    async def _start(self) -> None:
        self._open.set()
        self._session = aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None))
        application = web.Application(client_max_size=2**26)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def _stop(self) -> None:
        await self._cut()
        self._open.set()
        await self._runner.cleanup()
        await self._session.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.25)  # aiohttp's connections end a little after their session; nothing tells when

    async def _cut(self) -> None:
        self._open.clear()
        for stream in self._streams:
            stream.abort()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        self._streams.add(transport)
        try:
            await self._open.wait()
            return await self._forward(request, await request.read())
        except ConnectionError:
            raise web.HTTPBadGateway from None  # nobody listens any more
        finally:
            self._streams.discard(transport)

    async def _forward(self, request: web.Request, body: bytes) -> web.StreamResponse:
        kill = self._aimed(request, body)
        if kill and kill.when == "before":
            self._strike(kill, request)
            raise web.HTTPServiceUnavailable
        headers = {name: value for name, value in request.headers.items() if name not in {"Host", "Content-Length"}}
        url = yarl.URL(self._server + request.raw_path, encoded=True)
        async with self._session.request(request.method, url, headers=headers, data=body or None, ssl=False) as answer:
            if kill:
                await answer.read()
                self._strike(kill, request)
                raise web.HTTPServiceUnavailable
            return await self._pass_on(request, answer)

    async def _pass_on(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        hop = {"Transfer-Encoding", "Content-Length", "Connection"}
        headers = {name: value for name, value in answer.headers.items() if name not in hop}
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        is_watch = "watch=true" in request.raw_path
        async for piece in answer.content.iter_any():
            if is_watch and (answer.status == web.HTTPGone.status_code or b'"code":410' in piece):
                self.expired.set()
            await response.write(piece)
        await response.write_eof()
        return response

    def _aimed(self, request: web.Request, body: bytes) -> Kill | None:
        """Return the kill whose moment this is."""
        kill = self.kill
        concerns = kill and request.method in WRITES and f"{kill.about}" in request.path + body.decode(errors="replace")
        if not kill or not concerns:
            return None
        kill.number -= 1
        return kill if kill.number == 0 else None

    def _strike(self, kill: Kill, request: web.Request) -> None:
        kill.done = f"{request.method} {request.path.rpartition('/namespaces/')[2].partition('/')[2]}"
        kill.victim.send_signal(signal.SIGKILL)
        kill.victim.wait()
