"""A server of chat completions that costs next to nothing, so that it takes no core from those that are measured.

Answers every request with its own prompt after a delay, streamed where the request says so. The tests' own server
does the same through aiohttp, for several times the CPU.

    python -m bench.engine MILLISECONDS      prints its address
"""

import asyncio
import json
import sys
import time
from functools import partial

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests that come before an answer are answered in order of their delays."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay_seconds = delay_seconds
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._got += data
        while True:
            head, found, rest = self._got.partition(b"\r\n\r\n")
            if not found:
                return
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(rest) < length:
                return
            self._got = rest[length:]
            asyncio.get_running_loop().call_later(self._delay_seconds, self._answer, rest[:length])

    def _answer(self, body: bytes) -> None:
        request = json.loads(body)
        word = request["messages"][-1]["content"]
        self._transport.write(_streamed(word) if request.get("stream") else _whole(word))


def _whole(word: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": word}, "finish_reason": "stop"}
    answer = {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "echo",
        "choices": [choice],
        "usage": USAGE,
    }
    body = json.dumps(answer).encode()
    return HEAD % (b"application/json", len(body), body)


def _streamed(word: str) -> bytes:
    chunks = [_chunk({"role": "assistant", "content": word}), _chunk({}, finish_reason="stop")]
    chunks.append({**_chunk({}), "choices": [], "usage": USAGE})
    body = b"".join(b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"
    return HEAD % (b"text/event-stream", len(body), body)


def _chunk(delta: dict[str, str], *, finish_reason: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "echo", "choices": [choice]}


async def ceiling(url: str, *, calls: int = 5000, at_once: int = 100) -> float:
    """Return how many calls a second one client in one process gets out of a server without delay."""
    import aiohttp  # noqa: PLC0415 - the server needs none

    request = {"model": "echo", "messages": [{"role": "user", "content": "hello"}]}

    async def ask(session: aiohttp.ClientSession) -> None:
        for _ in range(calls // at_once):
            async with session.post(f"{url}/chat/completions", json=request) as reply:
                await reply.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        since = time.perf_counter()
        await asyncio.gather(*(ask(session) for _ in range(at_once)))
        return calls / (time.perf_counter() - since)


async def main(delay_seconds: float) -> None:
    """Serve for ever."""
    server = await asyncio.get_running_loop().create_server(partial(Connection, delay_seconds), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) / 1000))
