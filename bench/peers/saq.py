"""saq: asyncio. It stores results by default; a worker that dies takes its jobs along unless they have heartbeats."""

from typing import Any

from saq import Queue

from bench import app, handlers

queue = Queue.from_url(app.REDIS_URL)


async def noop(_context: Any, *, word: str) -> str:
    """Return the word."""
    return word


async def http(_context: Any, *, word: str) -> str:
    """Ask the engine."""
    return await handlers.http(word)


async def openai(_context: Any, *, word: str) -> str:
    """Ask the engine."""
    return await handlers.openai(word)


async def mark(_context: Any, *, word: str) -> str:
    """Note who begins it."""
    return await handlers.mark(word)


settings = {"queue": queue, "functions": [noop, http, openai, mark], "concurrency": app.CONCURRENCY}

WORKER = ["-m", "saq", "bench.peers.saq.settings"]


async def send(kind: str, words: list[str]) -> list[Any]:
    return [await queue.enqueue(kind, word=word) for word in words]


async def stored(sent: int) -> int:
    return sent - int(await queue.redis.zcard(queue.namespace("incomplete")))


async def right(job: Any, word: str) -> bool:
    await job.refresh()
    return bool(job.result == word)
