"""A server that sends exactly the bytes it is given: what real servers do wrong is in the bytes, and in their end."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Literal

import msgspec

End = Literal["close", "reset", "keep", "hang"]


class Reply(msgspec.Struct, frozen=True):
    """One answer: pieces that are sent one by one, then what becomes of the connection.

    `forever`: a piece that is sent again and again until the client goes.
    """

    pieces: tuple[bytes, ...]
    end: End = "keep"
    forever: bytes = b""


class RawServer:
    """Gives the replies in their order, the last one again and again; `requests` are the bodies that came."""

    def __init__(self, replies: Iterable[Reply]) -> None:
        self._replies = list(replies)
        self.requests: list[Any] = []
        self.heads: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests."""
        self.connections += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
        body = await reader.readexactly(length)
        reply = self._replies[min(len(self.requests), len(self._replies) - 1)]
        self.heads.append(head)
        self.requests.append(json.loads(body) if body else None)
        for piece in reply.pieces:
            writer.write(piece)
            await writer.drain()
        while reply.forever:
            writer.write(reply.forever)
            await writer.drain()
        match reply.end:
            case "close":
                writer.close()
                return False
            case "reset":
                writer.transport.abort()  # with bytes of ours unread at the client it is an RST, else a FIN
                return False
            case "hang":
                await reader.read(1)
                return False
            case _:
                return True


@asynccontextmanager
async def raw(*replies: Reply | bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[RawServer, str]]:
    """Serve these replies; gives the server and its base URL, which ends in /v1."""
    server = RawServer(Reply((reply,)) if isinstance(reply, bytes) else reply for reply in replies)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield server, f"http{'s' if tls else ''}://127.0.0.1:{port}/v1"
    finally:
        listening.close()


@asynccontextmanager
async def deaf(answer: bytes) -> AsyncIterator[str]:
    """Serve a port that answers whatever comes first with these bytes and closes; gives its base URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    finally:
        listening.close()


def message(
    status: int, body: bytes | str | list[Any] | dict[str, Any], *headers: str, kind: str = "application/json"
) -> bytes:
    """Return a whole HTTP message; what is not bytes or text is written as JSON."""
    if not isinstance(body, bytes | str):
        body = json.dumps(body)
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {kind}", f"Content-Length: {len(data)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + data


def stream(*events: str | dict[str, Any]) -> bytes:
    """Return a whole HTTP message of events; a text is sent as it is, the rest as `data:`."""
    return message(200, b"".join(event(one) for one in events), kind="text/event-stream")


def event(one: str | dict[str, Any]) -> bytes:
    """Return one event's bytes."""
    return one.encode() if isinstance(one, str) else f"data: {json.dumps(one)}\n\n".encode()


def chunked(*pieces: bytes, ends: bool = True) -> tuple[bytes, ...]:
    """Return a stream's head and its chunks; without its end a reader can see that it is broken."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = tuple(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return (head, *chunks, *((b"0\r\n\r\n",) if ends else ()))


def delta(text: Any = None, finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    """Return one chunk of a streamed completion; `more` goes into its delta."""
    piece = {**({} if text is None else {"content": text}), **more}
    return {"model": "served", "choices": [{"index": 0, "delta": piece, "finish_reason": finish_reason}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
DONE = "data: [DONE]\n\n"
