"""Who comes next when jobs come back, and that one job is never taken for another."""

import redis

from greenscale_jobs import Claim, JobQueue, JobState, Limits
from greenscale_testing.local_redis import Clock


async def claim_all(queue: JobQueue) -> list[Claim]:
    return await queue.claim("w", 1000) or []


async def test_jobs_of_a_dead_worker_come_back_in_their_order(queue: JobQueue, clock: Clock) -> None:
    ids = [await queue.submit("hi", job_id=f"{number:03}") for number in range(5)]
    claims = await claim_all(queue)
    await queue.submit("later")
    await queue.renew(claims)
    clock.advance(Limits().lease_seconds + 1)
    await queue.maintain()

    assert [claim.id for claim in await claim_all(queue)][:5] == ids


async def test_more_than_one_maintenance_takes_come_back_in_their_order(queue: JobQueue, clock: Clock) -> None:
    ids = [await queue.submit("hi", job_id=f"{number:03}") for number in range(250)]
    await claim_all(queue)
    clock.advance(Limits().lease_seconds + 1)
    counts = [(await queue.maintain()).expired for _ in range(3)]

    assert counts == [100, 100, 50]
    assert [claim.id for claim in await claim_all(queue)] == ids


async def test_retries_come_back_in_the_order_of_their_times(queue: JobQueue, clock: Clock) -> None:
    ids = [await queue.submit(str(number)) for number in range(3)]
    for seconds, claim in enumerate(await claim_all(queue), start=1):
        await queue.retry(claim, "R", "m", delay_seconds=seconds)
    clock.advance(5)
    await queue.maintain()

    assert [claim.id for claim in await claim_all(queue)] == ids


async def test_cancelling_an_adopted_text_leaves_an_equal_one(queue: JobQueue, raw: redis.Redis) -> None:
    """Two clients may push the same words: the one that was claimed before is cancelled, not the other."""
    raw.lpush("jobs", "hello")
    (claim,) = await claim_all(queue)
    await queue.release(claim)
    raw.lpush("jobs", "hello")
    ahead = (await queue.job(claim.id)).ahead
    await queue.cancel(claim.id)
    (other,) = await claim_all(queue)

    assert ahead == 0
    assert (other.id == claim.id, other.raw) == (False, b"hello")
    assert (await queue.jobs(JobState.DEAD)).total == 0


async def test_cancelling_a_released_job_leaves_no_trace_on_the_list(queue: JobQueue, raw: redis.Redis) -> None:
    job_id = await queue.submit("hi")
    (claim,) = await claim_all(queue)
    await queue.release(claim)
    await queue.cancel(job_id)

    assert raw.llen("jobs") == 0
