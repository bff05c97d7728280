"""Claims that wait for jobs, and jobs that a blocking claim has left behind."""

import asyncio

import redis

from greenscale_jobs import Claim, JobQueue
from greenscale_testing.claims import claim_one, strand


async def blocked(queue: JobQueue, raw: redis.Redis) -> "asyncio.Task[list[Claim] | None]":
    """Return a claim that waits, once Redis says that it does."""
    waiting = asyncio.create_task(queue.claim_when_there("w", 1, seconds=20))
    while int(raw.info("clients")["blocked_clients"]) == 0:  # noqa: ASYNC110 - Redis tells only who asks
        await asyncio.sleep(0.01)
    return waiting


async def test_a_stranded_claim_is_taken_by_the_next(queue: JobQueue, raw: redis.Redis) -> None:
    """Redis may be killed between the blocking move and the lease."""
    first = await queue.submit("first")
    second = await queue.submit("second")
    strand(raw)

    assert [claim.id for claim in await queue.claim("other", 2) or []] == [first, second]


async def test_maintenance_returns_stranded_claims_in_their_order(queue: JobQueue, raw: redis.Redis) -> None:
    ids = [await queue.submit(str(number)) for number in range(3)]
    strand(raw)
    strand(raw)
    moved = await queue.maintain()

    assert moved.stranded == 2
    assert [claim.id for claim in await queue.claim("w", 3) or []] == ids


async def test_waiting_ends_when_nothing_comes(queue: JobQueue) -> None:
    assert await queue.claim_when_there("w", 1, seconds=1) == []


async def test_what_waits_is_claimed_together(queue: JobQueue) -> None:
    ids = [await queue.submit(str(number)) for number in range(3)]
    claims = await queue.claim_when_there("w", 2, seconds=1) or []

    assert [claim.id for claim in claims] == ids[:2]
    assert (await queue.stats()).in_flight == 2


async def test_a_job_that_comes_is_leased_in_the_same_round_trip(queue: JobQueue, raw: redis.Redis) -> None:
    waiting = await blocked(queue, raw)
    job_id = await queue.submit("hi")
    leased = raw.zcard("jobs:inflight")  # no turn of our loop since it came
    (claim,) = await waiting or []

    assert leased == 1
    assert claim.id == job_id


async def test_who_waits_is_called_off_and_loses_nothing(queue: JobQueue, raw: redis.Redis) -> None:
    waiting = await blocked(queue, raw)
    heard = await queue.stop_waiting()

    assert heard
    assert await waiting == []
    assert not await queue.stop_waiting()


async def test_waiting_outlives_forgotten_scripts(queue: JobQueue, raw: redis.Redis) -> None:
    await queue.submit("1")
    await claim_one(queue)
    await queue.submit("2")
    raw.script_flush()

    assert len(await queue.claim_when_there("w", 1, seconds=1) or []) == 1
