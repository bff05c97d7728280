"""What every subject's jobs do, the same for all.

`noop` returns its word. `http` sends it to the engine with aiohttp, `openai` with the `openai` package, as a user
would write it. `mark` notes in Redis which process began it, and takes a while: for the kills.
"""

import asyncio
import functools
import os
import socket
import threading
import time
from typing import Any

from bench.app import ENGINE_URL, PORT

KINDS = ("noop", "http", "openai", "mark")
MARK_SECONDS = float(os.environ.get("BENCH_MARK_SECONDS", "1"))


async def noop(word: str) -> str:
    """Return the word."""
    return word


async def http(word: str) -> str:
    """Ask the engine, with nothing more than must be."""
    async with _session().post(f"{ENGINE_URL}/chat/completions", json=request(word)) as reply:
        return str((await reply.json())["choices"][0]["message"]["content"])


async def openai(word: str) -> str:
    """Ask the engine as the `openai` package's documentation shows it."""
    answer = await _client().chat.completions.create(**request(word))
    return str(answer.choices[0].message.content)


async def mark(word: str) -> str:
    """Note that this process begins this job, and take a while."""
    await asyncio.to_thread(note, word)
    await asyncio.sleep(MARK_SECONDS)
    return word


def note(word: str) -> None:
    """Write down who begins a job, and when; not every peer has a client at hand that blocks."""
    with socket.create_connection(("127.0.0.1", PORT)) as connection:
        connection.sendall(f'RPUSH bench:starts "{word} {os.getpid()} {time.time():.3f}"\r\n'.encode())
        assert connection.recv(64).startswith(b":")


def blocking(kind: str, word: str) -> str:
    """Do a job where no event loop is at hand: in one that runs in a thread beside."""
    if kind == "noop":
        return word
    return str(asyncio.run_coroutine_threadsafe(globals()[kind](word), _loop(os.getpid())).result())


def request(word: str) -> dict[str, Any]:
    """Return a request's body."""
    return {"model": "echo", "messages": [{"role": "user", "content": word}]}


@functools.cache
def _session() -> Any:
    import aiohttp  # noqa: PLC0415 - a worker of no-ops needs none

    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


@functools.cache
def _client() -> Any:
    from openai import AsyncOpenAI  # noqa: PLC0415 - half a second

    return AsyncOpenAI()


@functools.cache
def _loop(_process: int) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop
