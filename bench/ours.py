"""GreenScale, as its users run it; and with thin engines of the bench's own.

No-ops are the engine Echo on one word, `openai` is the engine OpenAI: both started as `python worker/worker.py`.
`http`, `mark` and `thin` (a no-op that streams nothing) are our worker with an engine that does what the others'
handlers do.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Any

from bench import app, handlers
from bench.places import ROOT
from greenscale_jobs import Item, JobClient, JobQueue, JobState, RedisAddress, new_item
from greenscale_worker.liveness import Pulse
from greenscale_worker.logs import Log
from greenscale_worker.observe import Observer
from greenscale_worker.runner import Answer
from greenscale_worker.settings import read_settings
from greenscale_worker.worker import Worker

ADDRESS = RedisAddress("127.0.0.1", app.PORT)

client = JobClient(ADDRESS)

HANDLERS = {"thin": handlers.noop, "http": handlers.http, "mark": handlers.mark}


class Thin:
    """An engine that does what the others' handlers do."""

    async def ready(self) -> None:
        """Return at once."""

    async def answer(self, item: Item, _emit: Callable[[str], None]) -> Answer:
        """Do a job of the kind that is measured."""
        return Answer(await HANDLERS[app.KIND](item.prompt))

    async def aclose(self) -> None:
        """Nothing is open that matters."""


async def work() -> None:
    """Run our worker with the thin engine."""
    settings = read_settings(_settings(), process_id=os.getpid())
    observer = Observer(Log(settings.log_format, worker=settings.worker))
    async with JobQueue(settings.redis, settings.queue, limits=settings.limits) as queue:
        await Worker(settings, queue, Thin(), observer=observer, pulse=Pulse()).run()


def _settings() -> dict[str, str]:
    engine = "OpenAI" if app.KIND == "openai" else "Echo"
    redis = {"REDIS_HOST": ADDRESS.host, "REDIS_PORT": str(ADDRESS.port)}
    attempts = {name: value for name, value in os.environ.items() if name == "GREENSCALE_MAX_ATTEMPTS"}
    concurrency = {"GREENSCALE_CONCURRENCY": str(app.CONCURRENCY)}
    return {**redis, **attempts, **concurrency, "GREENSCALE_ENGINE": engine, "GREENSCALE_MODEL": "echo"}


async def send(_kind: str, words: list[str]) -> list[Any]:
    items = [new_item(word) for word in words]
    for first in range(0, len(items), 500):
        client.submit_many(items[first : first + 500])
    return [item.id for item in items]


async def stored(_sent: int) -> int:
    return client.stats().counters.get("done", 0)


async def right(job: Any, word: str) -> bool:
    found = client.job(job)
    return found.state is JobState.DONE and found.result == word


ENVIRONMENT = _settings()
WORKER = [str(ROOT / "worker" / "worker.py")] if app.KIND in {"noop", "openai"} else ["-m", "bench.ours"]

if __name__ == "__main__":
    asyncio.run(work())
