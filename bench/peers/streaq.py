"""streaq: asyncio. It stores results, and a job of a worker that died is begun again, by default."""

from contextlib import AsyncExitStack
from typing import Any

from streaq import Worker

from bench import app, handlers

worker: Worker[None] = Worker(redis_url=app.REDIS_URL, concurrency=app.CONCURRENCY, queue_name="bench")

TASKS: dict[str, Any] = {kind: worker.task()(getattr(handlers, kind)) for kind in handlers.KINDS}

_entered = AsyncExitStack()
_begun: list[bool] = []


async def _begin() -> None:
    if not _begun:
        await _entered.enter_async_context(worker)
        _begun.append(True)


WORKER = ["-m", "streaq", "run", "bench.peers.streaq:worker"]


async def send(kind: str, words: list[str]) -> list[Any]:
    await _begin()
    jobs = [TASKS[kind].enqueue(word) for word in words]
    for first in range(0, len(jobs), 500):
        await worker.enqueue_many(jobs[first : first + 500])
    return [job.id for job in jobs]


async def stored(_sent: int) -> int:
    await _begin()
    return int(await worker.redis.zcard("streaq:bench:index:results"))


async def right(job: Any, word: str) -> bool:
    raw = await worker.redis.get(f"{worker.results_key}{job}")
    return raw is not None and bool((await worker.deserialize(raw))["r"] == word)
