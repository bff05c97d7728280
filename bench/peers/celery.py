"""celery: processes. Added: its results, and that a job is acknowledged after it was done, not before."""

from typing import Any

import redis
from celery import Celery

from bench import app, handlers

RESULTS_URL = app.REDIS_URL.replace("/0", "/1")

celery = Celery("bench", broker=app.REDIS_URL, backend=RESULTS_URL)
celery.conf.task_acks_late = True
celery.conf.broker_connection_retry_on_startup = True


@celery.task(name="work")
def work(kind: str, word: str) -> str:
    """Do a job of any kind."""
    return handlers.blocking(kind, word)


_results = redis.Redis.from_url(RESULTS_URL)

# As many processes as cores are its default; of threads that wait for a model, as many as jobs are wanted at once.
threads = ["--pool", "threads", "--concurrency", str(app.CONCURRENCY)] if app.ENGINE_URL else []
WORKER = ["-m", "celery", "--app", "bench.peers.celery:celery", "worker", *threads]


async def send(kind: str, words: list[str]) -> list[Any]:
    return [work.delay(kind, word).id for word in words]


async def stored(_sent: int) -> int:
    return int(_results.dbsize())


async def right(job: Any, word: str) -> bool:
    return bool(celery.AsyncResult(job).get(timeout=5) == word)
