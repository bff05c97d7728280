"""huey: threads. It stores results by default; a worker that dies takes its job along."""

from typing import Any

from huey import RedisHuey

from bench import app, handlers

huey = RedisHuey("bench", port=app.PORT)


@huey.task()
def work(kind: str, word: str) -> str:
    """Do a job of any kind."""
    return handlers.blocking(kind, word)


# One thread is its default; of those that wait for a model, as many as jobs are wanted at once.
threads = ["--workers", str(app.CONCURRENCY)] if app.ENGINE_URL else []
WORKER = ["-m", "huey.bin.huey_consumer", *threads, "bench.peers.huey.huey"]


async def send(kind: str, words: list[str]) -> list[Any]:
    return [work(kind, word) for word in words]


async def stored(_sent: int) -> int:
    return int(huey.storage.conn.hlen(huey.storage.result_key))


async def right(job: Any, word: str) -> bool:
    return bool(job.get(blocking=True, timeout=5) == word)
