"""arq: asyncio. It stores results, and a job of a worker that died is begun again, by default."""

from typing import Any

from arq import create_pool
from arq.connections import ArqRedis, RedisSettings

from bench import app, handlers

SETTINGS = RedisSettings(host="127.0.0.1", port=app.PORT)


async def noop(_context: Any, word: str) -> str:
    """Return the word."""
    return word


async def http(_context: Any, word: str) -> str:
    """Ask the engine."""
    return await handlers.http(word)


async def openai(_context: Any, word: str) -> str:
    """Ask the engine."""
    return await handlers.openai(word)


async def mark(_context: Any, word: str) -> str:
    """Note who begins it."""
    return await handlers.mark(word)


class WorkerSettings:
    """What `arq` reads."""

    functions = (noop, http, openai, mark)
    redis_settings = SETTINGS
    max_jobs = app.CONCURRENCY


_pools: list[ArqRedis] = []


async def _pool() -> ArqRedis:
    if not _pools:
        _pools.append(await create_pool(SETTINGS))
    return _pools[0]


WORKER = ["-m", "arq", "bench.peers.arq.WorkerSettings"]


async def send(kind: str, words: list[str]) -> list[Any]:
    pool = await _pool()
    return [await pool.enqueue_job(kind, word) for word in words]


async def stored(sent: int) -> int:
    return sent - int(await (await _pool()).zcard("arq:queue"))


async def right(job: Any, word: str) -> bool:
    return bool(await job.result(timeout=5) == word)
