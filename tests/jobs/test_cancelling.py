"""Cancelling a job, in each of its states."""

import pytest
import redis

from greenscale_jobs import JobQueue, JobState, Limits
from greenscale_testing.claims import claim_one, done, strand
from greenscale_testing.local_redis import Clock

LEASE_SECONDS = Limits().lease_seconds


@pytest.mark.parametrize("state", ["waiting", "waiting again", "delayed", "claiming"])
async def test_a_job_that_waits_is_cancelled_at_once(queue: JobQueue, raw: redis.Redis, state: str) -> None:
    """A cancelled job must not wake a GPU."""
    job_id = await queue.submit("hi")
    if state == "waiting again":
        await queue.release(await claim_one(queue))
    if state == "delayed":
        await queue.retry(await claim_one(queue), "R", "m", delay_seconds=10)
    if state == "claiming":
        strand(raw)
    await queue.cancel(job_id)
    stats = await queue.stats()

    job = await queue.job(job_id)
    assert (job.state, job.due_at) == (JobState.CANCELLED, None)
    assert (stats.pending, stats.in_flight, stats.delayed) == (0, 0, 0)
    assert raw.ttl(f"jobs:job:{job_id}") > 0


@pytest.mark.parametrize("end", ["release", "retry", "bury", "finish", "expire"])
async def test_a_running_job_is_cancelled_by_its_worker(queue: JobQueue, clock: Clock, end: str) -> None:
    job_id = await queue.submit("hi")
    claim = await claim_one(queue)
    before = await queue.cancel(job_id)

    assert before is JobState.RUNNING
    assert (await queue.job(job_id)).cancelling
    assert await queue.renew([claim]) == ["cancel"]
    if end == "release":
        await queue.release(claim)
    elif end == "retry":
        await queue.retry(claim, "R", "m", delay_seconds=1)
    elif end == "bury":
        await queue.bury(claim, "R", "m")
    elif end == "finish":
        await queue.finish([done(claim)])
    else:
        clock.advance(LEASE_SECONDS + 1)
        await queue.maintain()
    expected = JobState.DONE if end == "finish" else JobState.CANCELLED
    assert (await queue.job(job_id)).state is expected
    assert (await queue.stats()).work == 0


async def test_a_final_job_stays_as_it_is_when_cancelled(queue: JobQueue) -> None:
    job_id = await queue.submit("hi")
    await queue.finish([done(await claim_one(queue))])

    assert await queue.cancel(job_id) is JobState.DONE
    assert (await queue.job(job_id)).result == "answer"
