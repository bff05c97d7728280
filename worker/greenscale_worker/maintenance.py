"""Keeps the queue moving: expired leases, due retries, stranded claims. Every worker does it for all."""

import asyncio
import contextlib

from greenscale_jobs import JobQueue
from greenscale_worker.logs import Log
from greenscale_worker.outage import Outage

MAINTENANCE_SECONDS = 10.0
"""Maintenance is at most this far apart; what is due sooner is tended when it is due."""


class Maintenance:
    """One worker's share of it."""

    def __init__(self, queue: JobQueue, *, log: Log, outage: Outage) -> None:
        self._queue = queue
        self._log = log
        self._outage = outage
        self._wanted = asyncio.Event()

    def soon(self) -> None:
        """Tend now: a job waits for its retry, and the next time may be too late for it."""
        self._wanted.set()

    async def loop(self) -> None:
        """Tend until cancelled."""
        while True:
            tended = await self._outage.insist(self._queue.maintain)
            if tended.stranded or tended.expired or tended.due or tended.dead:
                self._log.info(
                    "tended",
                    stranded=tended.stranded,
                    expired=tended.expired,
                    due=tended.due,
                    dead=tended.dead,
                )
            wait = MAINTENANCE_SECONDS if tended.next_in is None else min(MAINTENANCE_SECONDS, tended.next_in + 0.01)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wanted.wait()
            self._wanted.clear()
