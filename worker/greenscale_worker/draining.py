"""The way out of a worker: what runs is finished within the grace period, and the rest is released."""

import asyncio

from greenscale_jobs import JobQueue, QueueUnavailable
from greenscale_worker.blocking_claim import RELEASE_SECONDS
from greenscale_worker.in_hand import InHand
from greenscale_worker.observe import Observer
from greenscale_worker.running import Interruption
from greenscale_worker.settling import Settling


async def drain(
    queue: JobQueue,
    in_hand: InHand,
    *,
    settling: Settling,
    observer: Observer,
    grace_seconds: float,
    hurry: asyncio.Event,
) -> None:
    """Return when the queue has all jobs back, or Redis is unavailable. Once `hurry` is set no job is finished."""
    observer.stopping(running=len(in_hand), grace_seconds=grace_seconds)
    await in_hand.wait_until_empty(grace_seconds, unless=hurry)
    try:
        async with asyncio.timeout(RELEASE_SECONDS):
            await _release_running(in_hand, settling)
            await queue.maintain()  # a blocking claim may have taken a job while it was called off
    except (QueueUnavailable, TimeoutError) as error:
        observer.drain_incomplete(error, jobs=len(in_hand))


async def _release_running(in_hand: InHand, settling: Settling) -> None:
    """Stop what runs and wait until the queue has it again, all together: so it comes back in its order."""
    interrupted = [job for job in in_hand if job.interrupt(Interruption.RELEASED)]
    if interrupted:
        await asyncio.wait({job.task for job in interrupted if job.task})
        settling.take(*interrupted)
    await in_hand.wait_until_empty()
