"""What tests of the queue do with a claim, in one line each."""

import redis

from greenscale_jobs import Claim, Finished, JobQueue, Outcome


async def claim_one(queue: JobQueue, worker: str = "w") -> Claim:
    claims = await queue.claim(worker)
    assert claims is not None
    (claim,) = claims
    return claim


def strand(raw: redis.Redis) -> None:
    """Leave a job where a blocking claim lands, as if all had died there."""
    assert raw.lmove("jobs", "jobs:claiming", "RIGHT", "LEFT")


def done(claim: Claim, text: str = "answer") -> Finished:
    return Finished(claim, text, Outcome())
