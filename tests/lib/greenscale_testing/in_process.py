"""A real worker in the test's own process: for many jobs in little time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from greenscale_jobs import JobQueue, RedisAddress
from greenscale_worker.liveness import Pulse
from greenscale_worker.logs import Log
from greenscale_worker.observe import Observer
from greenscale_worker.runner import Runner
from greenscale_worker.runners.echo import EchoRunner, EchoSettings
from greenscale_worker.settings import Settings
from greenscale_worker.worker import Worker


@contextlib.asynccontextmanager
async def working(
    address: RedisAddress, *, concurrency: int = 100, engine: Runner | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """Run a worker, with Echo by default; gives its task, which ends only when the worker does."""
    settings = Settings(redis=address, runner=EchoSettings(), concurrency=concurrency, worker="in-process")
    async with JobQueue(address, settings.queue, limits=settings.limits) as queue:
        worker = Worker(
            settings, queue, engine or EchoRunner(), observer=Observer(Log("text", worker="in-process")), pulse=Pulse()
        )
        task = asyncio.create_task(worker.run())
        try:
            yield task
        finally:
            worker.stop()
            await task
