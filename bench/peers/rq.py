"""rq: a process for each job, one after the other. It stores results by default."""

from typing import Any

from redis import Redis
from rq import Queue

from bench import app, handlers

queue = Queue(connection=Redis(port=app.PORT))

WORKER = ["-m", "rq.cli", "worker", "--url", app.REDIS_URL]


async def send(kind: str, words: list[str]) -> list[Any]:
    return [queue.enqueue(handlers.blocking, kind, word) for word in words]


async def stored(_sent: int) -> int:
    return int(queue.connection.zcard(queue.finished_job_registry.key))


async def right(job: Any, word: str) -> bool:
    return bool(job.return_value(refresh=True) == word)
