"""Keeps the queue moving: expired leases, due retries, stranded claims. Each worker does it for the whole queue."""

import asyncio
import contextlib

from greenscale_jobs import JobQueue
from greenscale_worker.observe import Observer
from greenscale_worker.outage import Outage

MAINTENANCE_SECONDS = 10.0
"""Maintenance is at most this far apart; a job that is due sooner is moved when it is due."""


class Maintenance:
    """One worker's part in it."""

    def __init__(self, queue: JobQueue, *, observer: Observer, outage: Outage) -> None:
        self._queue = queue
        self._observer = observer
        self._outage = outage
        self._wanted = asyncio.Event()

    def soon(self) -> None:
        """Maintain now: a job waits for its retry, and the next time may be too late for it."""
        self._wanted.set()

    async def loop(self) -> None:
        """Maintain until cancelled."""
        while True:
            moved = await self._outage.insist(self._queue.maintain)
            if moved.stranded or moved.expired or moved.due or moved.dead:
                self._observer.maintained(moved)
            wait = MAINTENANCE_SECONDS if moved.next_in is None else min(MAINTENANCE_SECONDS, moved.next_in + 0.01)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wanted.wait()
            self._wanted.clear()
