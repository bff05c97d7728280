"""A claim that waits for jobs, and can be called off without losing a job."""

import asyncio
import contextlib

from greenscale_jobs import Claim, JobQueue, QueueUnavailable

BLOCK_SECONDS = 20.0
"""How long one blocking claim waits: an idle worker sends no other claims."""

FIRST_SECONDS = 0.1
"""How long it waits where the last one was not answered: whether claims work again should be known soon."""

CALL_AGAIN_SECONDS = 0.1
"""How soon a blocking claim that has not returned is called off again."""

RELEASE_SECONDS = 5.0
"""How long a worker that ends waits for Redis; jobs not released by then return when their leases expire."""


class BlockingClaim:
    """The one claim of a worker that may be waiting."""

    def __init__(self, queue: JobQueue, worker: str) -> None:
        self._queue = queue
        self._worker = worker
        self._waiting: asyncio.Timeout | None = None
        self._calling_off: asyncio.Task[None] | None = None

    async def claim(self, count: int, *, seconds: float, in_hand: int, suspect_first: bool) -> list[Claim] | None:
        """Claim as `JobQueue.claim_when_there` does; returns none where it is called off. Raises QueueUnavailable."""
        try:
            async with asyncio.timeout(None) as self._waiting:
                return await self._queue.claim_when_there(
                    self._worker, count, seconds=seconds, in_hand=in_hand, suspect_first=suspect_first
                )
        except TimeoutError:
            return []
        finally:
            self._waiting = None

    def call_off(self) -> None:
        """Have a claim that waits return soon: what may be claimed has changed."""
        if self._waiting:
            self._calling_off = asyncio.create_task(self._call_off(self._waiting))

    async def _call_off(self, waiting: asyncio.Timeout) -> None:
        """End a blocking claim without losing a job that it may have claimed; if Redis does not answer, break it off.

        This is repeated: at first the claim may not block yet, or be leasing jobs whose leases nobody would renew.
        """
        with contextlib.suppress(QueueUnavailable, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                while self._waiting is waiting:
                    await self._queue.stop_waiting()
                    await asyncio.sleep(CALL_AGAIN_SECONDS)
        if self._waiting is waiting:
            waiting.reschedule(0)
