"""The loops that hold the jobs in hand: their leases are renewed, their answers shown as they are written.

Each does one thing for all jobs at once, so that the round trips to Redis do not grow with their number. `claiming`,
`settling` and `maintenance` have a loop of their own. Every loop outlives Redis: what Redis did not take is sent again
once it answers.
"""

import asyncio
from functools import partial

from greenscale_jobs import JobQueue, JobRefusedByRedis, new_id
from greenscale_worker.in_hand import InHand
from greenscale_worker.observe import Observer
from greenscale_worker.outage import Outage
from greenscale_worker.running import Interruption

RENEW_SECONDS = 2.0
"""Renewals are at most this far apart, since a renewal is also how a worker learns of a cancellation."""

EMIT_SECONDS = 0.1
"""Pieces of answers are shown in bundles this far apart; the first piece at once."""


async def renew_loop(queue: JobQueue, in_hand: InHand, *, outage: Outage, lease_seconds: float) -> None:
    """Renew all leases, and stop what is cancelled or lost, until cancelled."""
    seconds = min(RENEW_SECONDS, lease_seconds / 3)
    while True:
        await in_hand.some.wait()
        await asyncio.sleep(seconds)
        jobs = list(in_hand)
        if not jobs:
            in_hand.some.clear()
            continue
        standings = await outage.insist(partial(queue.renew, [job.claim for job in jobs]))
        for job, standing in zip(jobs, standings, strict=True):
            if standing == "cancel":
                job.interrupt(Interruption.CANCELLED)
            elif standing == "lost" and job in in_hand:
                job.interrupt(Interruption.LOST)


async def emit_loop(queue: JobQueue, in_hand: InHand, *, outage: Outage, observer: Observer) -> None:
    """Show the pieces of all answers, until cancelled."""
    while True:
        await in_hand.piece.wait()
        in_hand.piece.clear()
        unseen = [(job.claim, job.take_unseen()) for job in in_hand if not job.ended]
        pieces = [(claim, text) for claim, text in unseen if text]
        if pieces:
            try:
                await outage.insist(partial(queue.emit, pieces, batch=new_id()))
            except JobRefusedByRedis as error:
                observer.emit_refused(error)
            await asyncio.sleep(EMIT_SECONDS)


async def warn_of_dangers(queue: JobQueue, *, outage: Outage, observer: Observer) -> None:
    """Warn once of each way in which this Redis may lose jobs."""
    for danger in await outage.insist(queue.dangers):
        observer.jobs_may_be_lost(danger)
