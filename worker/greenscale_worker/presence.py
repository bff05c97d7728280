"""Keeps this worker counted among the live ones, from its start until it is stopped.

KEDA counts them, so that the HPA takes no worker away while there is work. A worker that drains is not counted: its
pod is about to end, and if it were counted it would be replaced by another.
"""

import asyncio
import contextlib

from greenscale_jobs import JobQueue, QueueDamaged, QueueUnavailable
from greenscale_worker.observe import Observer

COUNTED_SECONDS = 150.0
"""How long a worker counts without a renewal: two may be lost."""

RENEW_SECONDS = 60.0
"""How often it is renewed: each time costs five commands, and an idle worker may send one command a second in all."""

RETRY_SECONDS = 2.0
"""How soon a renewal that failed is tried again."""

LEAVE_SECONDS = 5.0
"""How long a worker that ends waits for Redis; without it the count expires by itself."""


async def keep_counted(queue: JobQueue, worker: str, stopping: asyncio.Event, observer: Observer) -> None:
    """Count this worker as alive until `stopping` is set. The other loops report an outage of Redis."""
    reported = False
    while not stopping.is_set():
        wait = RENEW_SECONDS
        try:
            await queue.register(worker, seconds=COUNTED_SECONDS)
        except QueueUnavailable as error:
            wait = RETRY_SECONDS
            if isinstance(error, QueueDamaged) and not reported:
                reported = True
                observer.not_counted(error)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await stopping.wait()
    with contextlib.suppress(QueueUnavailable, TimeoutError):
        async with asyncio.timeout(LEAVE_SECONDS):
            await queue.unregister(worker)
