"""Jobs that are not where their records say: an old consumer, an eviction or a hand has taken them off the queue."""

from collections.abc import Callable

import pytest
import redis

from greenscale_jobs import Fleet, JobClient, JobQueue, JobState, RedisAddress
from greenscale_testing.local_redis import Clock
from greenscale_testing.whereabouts import astray

LOSSES: dict[str, Callable[[redis.Redis], object]] = {
    "taken by an old consumer": lambda raw: raw.rpop("jobs"),
    "the list deleted": lambda raw: raw.delete("jobs"),
    "the delayed deleted": lambda raw: raw.delete("jobs:delayed"),
    "the claims deleted": lambda raw: raw.delete("jobs:inflight"),
}


async def stray(queue: JobQueue, raw: redis.Redis, how: str) -> str:
    """Leave a job that is nowhere."""
    delay = 60 if "delayed" in how else 0
    job_id = await queue.submit("prompt", idempotency_key="key", delay_seconds=delay)
    if "claims" in how:
        await queue.claim("gone")
    LOSSES[how](raw)
    return job_id


@pytest.fixture(params=LOSSES)
async def job_id(request: pytest.FixtureRequest, queue: JobQueue, raw: redis.Redis) -> str:
    return await stray(queue, raw, request.param)


async def done_in_the_end(queue: JobQueue, clock: Clock, job_id: str) -> bool:
    clock.advance(120)
    await queue.maintain()
    return job_id in [claim.id for claim in await queue.claim("w", 5) or []]


async def test_it_says_so(queue: JobQueue, job_id: str) -> None:
    assert (await queue.job(job_id)).stray


async def test_the_same_idempotency_key_puts_it_back(
    queue: JobQueue, raw: redis.Redis, clock: Clock, job_id: str
) -> None:
    assert await queue.submit("prompt", idempotency_key="key") == job_id
    assert astray(raw) == []
    assert await done_in_the_end(queue, clock, job_id)


async def test_retry_puts_it_back(
    queue: JobQueue, address: RedisAddress, raw: redis.Redis, clock: Clock, job_id: str
) -> None:
    with JobClient(address) as client:
        assert client.redrive([job_id]) == [job_id]
    assert astray(raw) == []
    assert await done_in_the_end(queue, clock, job_id)


async def test_the_operator_puts_it_back(
    queue: JobQueue, address: RedisAddress, raw: redis.Redis, clock: Clock, job_id: str
) -> None:
    for number in range(50):
        raw.hset(f"of:somebody:job:{number}", "state", "waiting")
    async with Fleet(address, clock=clock) as fleet:
        found: list[str] = []
        while not found:
            found = await fleet.recover_some(["another", "jobs"])

    assert found == [job_id]
    assert astray(raw) == []
    assert await done_in_the_end(queue, clock, job_id)


async def test_while_others_wait_the_operator_leaves_it(
    queue: JobQueue, address: RedisAddress, raw: redis.Redis
) -> None:
    """What is on its way between two places would be found, and done twice."""
    await stray(queue, raw, "taken by an old consumer")
    await queue.submit("other")
    async with Fleet(address) as fleet:
        for _ in range(5):
            assert await fleet.recover_some(["jobs"]) == []


@pytest.mark.parametrize("state", ["waiting", "claiming", "running", "delayed", "pushed bare"])
async def test_what_is_where_it_should_be_is_left_alone(queue: JobQueue, raw: redis.Redis, state: str) -> None:
    job_id = await queue.submit("prompt", idempotency_key="key", delay_seconds=9 if state == "delayed" else 0)
    if state == "running":
        await queue.claim("w")
    elif state == "claiming":
        raw.lmove("jobs", "jobs:claiming", "RIGHT", "LEFT")
    elif state == "pushed bare":
        raw.delete("jobs")
        raw.lpush("jobs", f'{{"id":"{job_id}"}}')
    before = raw.llen("jobs") + raw.llen("jobs:claiming")
    await queue.submit("prompt", idempotency_key="key")
    await queue.redrive([job_id])

    assert not (await queue.job(job_id)).stray
    assert raw.llen("jobs") + raw.llen("jobs:claiming") == before


async def test_a_lost_claim_that_its_worker_still_holds_is_not_done_twice(queue: JobQueue, raw: redis.Redis) -> None:
    job_id = await queue.submit("prompt")
    (claim,) = await queue.claim("w") or []
    raw.delete("jobs:inflight")
    await queue.redrive([job_id])

    assert await queue.renew([claim]) == ["held"]
    assert (await queue.job(job_id)).state is JobState.RUNNING
    assert await queue.claim("other") == []
