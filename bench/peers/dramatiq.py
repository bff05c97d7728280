"""dramatiq: threads. Added: its results, and its event loop for handlers that are coroutines."""

from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from bench import app, handlers

backend = RedisBackend(url=app.REDIS_URL)
broker = RedisBroker(url=app.REDIS_URL)
broker.add_middleware(Results(backend=backend, store_results=True))
broker.add_middleware(AsyncIO())
dramatiq.set_broker(broker)


@dramatiq.actor
def noop(word: str) -> str:
    """Return the word."""
    return word


ACTORS: dict[str, Any] = {
    "noop": noop,
    **{kind: dramatiq.actor(getattr(handlers, kind)) for kind in handlers.KINDS if kind != "noop"},
}

# 8 threads are its default; of those that wait for a model, as many as jobs are wanted at once.
threads = ["--threads", str(app.CONCURRENCY)] if app.ENGINE_URL else []
WORKER = ["-m", "dramatiq", "bench.peers.dramatiq", "--processes", "1", *threads]


async def send(kind: str, words: list[str]) -> list[Any]:
    return [ACTORS[kind].send(word) for word in words]


async def stored(sent: int) -> int:
    return sent - int(broker.client.hlen("dramatiq:default.msgs"))


async def right(job: Any, word: str) -> bool:
    return bool(job.get_result(backend=backend) == word)
