"""A model server that fails in every way it can, as a process of its own.

    python -m greenscale_testing.chaos_engine --state FILE [--port 0] [--seed 5] [--calm]

Prints `listening PORT`, `outage NAME` and `over NAME`, and `kill WORKER` where a prompt is deadly for who asks it. On
its standard input it reads `outage NAME SECONDS`; when that is closed it ends. What it does to each job is in
`chaos_kinds`, `chaos_fatal` and `chaos_troubles`; what it did is in the file, from which it knows also after its own
death how often each was asked.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import socket
import struct
import sys
from pathlib import Path

from greenscale_testing.chaos_fatal import DEAD_KINDS
from greenscale_testing.chaos_kinds import DONE_KINDS, Kind, read_prompt, text_of
from greenscale_testing.chaos_ledger import Ledger
from greenscale_testing.chaos_troubles import BY_NAME, SILENT, Cost, Met, Trouble, drawn
from greenscale_testing.chaos_wire import End, Reply, Request, error, whole

KINDS: dict[str, Kind] = {kind.name: kind for kind in [*DONE_KINDS, *DEAD_KINDS]}

IDLE_SECONDS = 5.0
"""How long a connection without a request is kept, as vLLM does."""

SLOW_HEALTH_SECONDS = 6.0
"""How long every second answer to `GET /health` takes once the engine has been ready."""

REFUSED = "refused"
"""The outage in which nobody listens."""

OUTAGES = [REFUSED, *(trouble.name for trouble in BY_NAME.values() if trouble.lasting)]

LONG_OUTAGES = [*OUTAGES, SILENT.name]
"""With the one whose calls take as long as a job may."""


class ChaosEngine:
    """One life of the engine."""

    def __init__(self, state: Path, *, seed: int, calm: bool) -> None:
        self._ledger = Ledger(state)
        self._seed, self._calm = seed, calm
        self._met = Met()
        for line in self._ledger.before:
            if line.what == "call" and line.does.partition(" ")[2] in BY_NAME:
                self._met.note(line.job, BY_NAME[line.does.partition(" ")[2]].cost)
        self._outage: str | None = None
        self._over = asyncio.Event()
        self._episode, self._episodes = 0, itertools.count(1)
        self._listener: asyncio.Server | None = None
        self._port = 0
        self._idle: set[asyncio.StreamWriter] = set()
        self._healths = itertools.count(1)

    async def listen(self, port: int) -> int:
        """Take calls from now on; returns the port."""
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=2**24, backlog=1024)
        self._port = int(self._listener.sockets[0].getsockname()[1])
        return self._port

    async def refuse(self, name: str, seconds: float) -> None:
        """Refuse everything for so long."""
        self._outage, self._episode = name, next(self._episodes)
        self._over.clear()
        self._ledger.write("outage", does=name)
        if name == REFUSED and self._listener:
            self._listener.close()
            for writer in self._idle:
                writer.close()
        _say("outage", name)
        await asyncio.sleep(seconds)
        if name == REFUSED:
            await self.listen(self._port)
        self._outage, self._episode = None, 0
        self._over.set()
        self._ledger.write("over", does=name)
        _say("over", name)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            ahead = b""
            for number in itertools.count():
                self._idle.add(writer)
                async with asyncio.timeout(IDLE_SECONDS):
                    head = ahead + await reader.readuntil(b"\r\n\r\n")
                self._idle.discard(writer)
                body = await reader.readexactly(_length(head))
                came = asyncio.create_task(_next_byte(reader))
                kept = await self._answer(head, body, writer, came, reused=number > 0)
                if not kept:
                    break
                # What came already is the beginning of the next request, or of nothing: the client left.
                came.cancel()
                await asyncio.wait({came})
                ahead = b"" if came.cancelled() else came.result()
                if self._outage == REFUSED or not (came.cancelled() or ahead):
                    break
        self._idle.discard(writer)
        writer.close()

    async def _answer(
        self, head: bytes, body: bytes, writer: asyncio.StreamWriter, came: "asyncio.Task[bytes]", *, reused: bool
    ) -> bool:
        """Do all that one request brings about; returns whether the connection is kept."""
        path = head.split(b" ", 2)[1]
        if path == b"/health":
            reply = await self._health()
            return await _play(reply, writer, came) == "sent"
        if path != b"/v1/chat/completions":
            return await _play(error(404, "not here"), writer, came) == "sent"
        request = _read_request(head, body, reused=reused)
        does, reply = self._choose(request)
        call = self._ledger.begin(kind=request.kind, job=request.number, worker=request.worker, does=does)
        how = await _play(reply, writer, came)
        if how == "sent" and reply.end is End.EXIT:
            self._ledger.write("died", call=call)
            os._exit(137)
        if how == "sent" and reply.end is End.KILL_CALLER:
            _say("kill", request.worker)
        if reply.end in {End.HOLD, End.KILL_CALLER}:
            await asyncio.wait({came})
        kept = reply.end is End.KEEP
        if how == "sent" and reply.end is End.HANG:
            how = await self._go_on(reply, writer, came)
            kept = bool(reply.left)
        self._ledger.write("end", call=call, does=how)
        if reply.end is End.RESET or (reply.end is End.HANG and not kept):
            _reset(writer)
        return how == "sent" and kept

    async def _go_on(self, reply: Reply, writer: asyncio.StreamWriter, came: "asyncio.Task[bytes]") -> str:
        """Wait until the outage is over, or the client leaves; then send what is left."""
        over = asyncio.create_task(self._over.wait())
        await asyncio.wait({came, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if came.done() and not came.result():
            return "gone"
        return await _play(Reply(reply.left), writer, came)

    def _choose(self, request: Request) -> tuple[str, Reply]:
        found, does = self._trouble(request)
        if found is None:
            return "answer", KINDS[request.kind].reply(request)
        self._met.note(request.number, found.cost, self._episode)
        return f"{does} {found.name}", found.reply(request)

    def _trouble(self, request: Request) -> tuple[Trouble | None, str]:
        if self._outage and self._outage != REFUSED:
            found = BY_NAME[self._outage]
            suits = KINDS[request.kind].result is text_of or not found.answers
            bears = suits and self._bears(request, found, self._episode)
            return found if bears else BY_NAME["503"], "outage"
        if self._calm or not KINDS[request.kind].disturbed:
            return None, ""
        drew = drawn(self._seed, request.number, self._ledger.asked[request.number] + 1)
        fits = drew and drew.applies(request) and self._bears(request, drew)
        return (drew if fits else None), "trouble"

    def _bears(self, request: Request, trouble: Trouble, episode: int = 0) -> bool:
        # A job that is doubtful by itself would die of the wrong doubt.
        is_doubtful = trouble.cost is Cost.DOUBT and KINDS[request.kind].calls > 1
        return not is_doubtful and self._met.bears(request.number, trouble.cost, episode)

    async def _health(self) -> Reply:
        if self._outage and (self._outage == REFUSED or not BY_NAME[self._outage].hangs):
            return whole(503, b"", kind="text/plain")
        if next(self._healths) % 2 == 0 and not self._calm:
            await asyncio.sleep(SLOW_HEALTH_SECONDS)
        return whole(200, b"", kind="text/plain")


def _say(what: str, about: str) -> None:
    print(what, about, flush=True)  # noqa: T201


async def _next_byte(reader: asyncio.StreamReader) -> bytes:
    """Return the first byte of the next request; nothing where the client leaves."""
    try:
        return await reader.read(1)
    except ConnectionError:
        return b""


async def _play(reply: Reply, writer: asyncio.StreamWriter, came: "asyncio.Task[bytes]") -> str:
    """Send a reply; returns whether it was sent to its end, or the client was gone before."""
    for step in reply.steps:
        for _ in range(step.times):
            if step.pause_seconds:
                await asyncio.wait({came}, timeout=step.pause_seconds)
            if came.done() and not came.result():
                return "gone"
            try:
                writer.write(step.data)
                await writer.drain()
            except ConnectionError:
                return "gone"
    return "sent"


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def _read_request(head: bytes, data: bytes, *, reused: bool) -> Request:
    body = json.loads(data)
    kind, number = read_prompt(body["messages"][-1]["content"])
    _, found, rest = head.partition(b"sk-")
    worker = rest.partition(b"\r\n")[0].decode() if found else ""
    return Request(kind, number, body, worker, reused)


async def _main(state: Path, port: int, seed: int, *, calm: bool) -> None:
    engine = ChaosEngine(state, seed=seed, calm=calm)
    _say("listening", str(await engine.listen(port)))
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while order := (await orders.readline()).decode():
        _, name, seconds = order.split()
        await engine.refuse(name, float(seconds))


def main() -> None:
    """Serve until the standard input is closed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--calm", action="store_true", help="no troubles of single calls, and a quick /health")
    options = parser.parse_args()
    asyncio.run(_main(options.state, options.port, options.seed, calm=options.calm))


if __name__ == "__main__":
    main()
